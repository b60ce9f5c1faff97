//! Every shader, as text: valid without any feature, translatable for every native API, within baseline limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use naga::{
    AddressSpace, Module, StorageAccess,
    back::{hlsl, msl, spv},
    proc::Layouter,
    valid::{Capabilities, ModuleInfo, ValidationFlags, Validator},
};
use perceptual_loss::low_level::gpu;

/// The shader as naga reads it. Its errors show the line at fault.
fn parsed(name: &str, source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    // No capability: WebGPU's baseline.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    (module, info)
}

#[test]
fn every_file_is_a_kernel() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".wgsl").map(str::to_owned))
        .collect();
    let kernels: BTreeSet<String> = gpu::shaders().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(files, kernels);
}

#[test]
fn valid_and_written_as_spirv_msl_and_hlsl() {
    for (name, source) in gpu::shaders() {
        let (module, info) = parsed(name, &source);
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None)
            .unwrap_or_else(|error| panic!("{name} as SPIR-V: {error}"));
        assert_eq!(words[0], 0x0723_0203, "{name}: SPIR-V's magic number");

        let (text, translated) =
            msl::write_string(&module, &info, &msl::Options::default(), &msl::PipelineOptions::default())
                .unwrap_or_else(|error| panic!("{name} as MSL: {error}"));
        assert!(text.contains("kernel void"), "{name} as MSL");
        for entry in translated.entry_point_names {
            entry.unwrap_or_else(|error| panic!("{name} as MSL: {error}"));
        }

        let mut text = String::new();
        // HLSL has no number of workgroups: wgpu hands it over in a constant, and so here.
        let special = hlsl::BindTarget { space: 9, ..Default::default() };
        let options = hlsl::Options { special_constants_binding: Some(special), ..Default::default() };
        let translated = hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions::default())
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{name} as HLSL: {error}"));
        assert!(text.contains("[numthreads("), "{name} as HLSL");
        for entry in translated.entry_point_names {
            entry.unwrap_or_else(|error| panic!("{name} as HLSL: {error}"));
        }
    }
}

/// Less than WebGPU's baseline allows: 256 invocations and 16 KiB a workgroup, 8 storage buffers and 16 textures a
/// shader.
#[test]
fn within_baseline_limits() {
    for (name, source) in gpu::shaders() {
        let (module, _) = parsed(name, &source);
        let mut layouter = Layouter::default();
        layouter.update(module.to_ctx()).unwrap();

        assert_eq!(module.entry_points.len(), 1, "{name}: one kernel a file");
        let entry = &module.entry_points[0];
        assert_eq!((entry.name.as_str(), entry.stage), ("main", naga::ShaderStage::Compute), "{name}");
        assert!(entry.workgroup_size_overrides.is_none(), "{name}: a size that cannot be read here");
        let invocations: u32 = entry.workgroup_size.iter().product();
        let (mut workgroup_bytes, mut storage_buffers, mut textures) = (0, 0, 0);
        // What is bound, in the order of the bindings, and whether it is written.
        let mut bound = BTreeMap::new();
        for (_, variable) in module.global_variables.iter() {
            let written = match variable.space {
                AddressSpace::WorkGroup => {
                    workgroup_bytes += layouter[variable.ty].size;
                    continue;
                }
                AddressSpace::Storage { access } => {
                    storage_buffers += 1;
                    access.contains(StorageAccess::STORE)
                }
                AddressSpace::Handle => {
                    textures += 1;
                    false
                }
                _ => false,
            };
            if let Some(binding) = variable.binding {
                assert_eq!(binding.group, 0, "{name}");
                assert_eq!(bound.insert(binding.binding, written), None, "{name}: two bindings alike");
            }
        }
        println!(
            "{name}: {invocations} invocations, {workgroup_bytes} bytes a workgroup, {storage_buffers} storage \
             buffers, {textures} textures"
        );
        assert!(invocations <= 256, "{name}: {invocations} invocations a workgroup");
        assert!(workgroup_bytes <= 16 << 10, "{name}: {workgroup_bytes} bytes of workgroup memory");
        assert!(storage_buffers <= 8, "{name}: {storage_buffers} storage buffers");
        assert!(textures <= 16, "{name}: {textures} textures");
        // Bindings from 0 on, none left out, of which the last is written, as the table of kernels says, and of a convolution's
        // results the notes before it.
        let last = bound.len() as u32 - 1;
        let notes = source.contains("atomicOr(&notes").then(|| last - 1);
        let written = (0..=last).map(|binding| (binding, binding == last || Some(binding) == notes));
        assert!(bound.into_iter().eq(written), "{name}: bindings");
    }
}
