//! `perceptual-loss devices` and `doctor`, end to end.

use std::process::{Command, Output};

use perceptual_loss::gpu;
use serde_json::Value;

/// `drivers` are the Vulkan drivers to look for, where not those that are installed.
fn run(arguments: &str, drivers: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perceptual-loss"));
    command.args(arguments.split_whitespace());
    if let Some(drivers) = drivers {
        // Loaders before 1.3.207 know the second name alone.
        command.env("VK_DRIVER_FILES", drivers).env("VK_ICD_FILENAMES", drivers);
    }
    command.output().unwrap()
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &str, drivers: Option<&str>) -> Value {
    serde_json::from_str(&text(run(&format!("{arguments} --json"), drivers))).unwrap()
}

const NO_DRIVER: Option<&str> = Some("/nonexistent/driver.json");

#[test]
fn devices_are_those_that_the_library_finds() {
    let (report, table) = (json("devices", None), text(run("devices", None)));
    let adapters = report["adapters"].as_array().unwrap();
    let listed = gpu::adapters_blocking();
    assert!(!listed.is_empty(), "there is no adapter; see README.md for how to get one");
    assert_eq!(adapters.len(), listed.len());
    for (number, (json, available)) in adapters.iter().zip(&listed).enumerate() {
        let (adapter, limits) = (&available.adapter, &available.capabilities);
        assert_eq!(json["name"], adapter.name);
        assert_eq!(json["driver"], adapter.driver);
        assert_eq!(json["api"], adapter.api);
        assert_eq!(json["kind"], adapter.kind.name());
        assert_eq!(json["max_binding"], limits.max_binding);
        assert_eq!(json["max_buffer"], limits.max_buffer);
        assert_eq!(json["max_workgroups"], limits.max_workgroups);
        for key in ["f16", "timestamps", "software"] {
            assert!(json[key].is_boolean(), "{key}: {json}");
        }
        for key in ["workgroup_memory", "workgroup_threads", "uniform_alignment"] {
            assert!(json[key].as_u64().unwrap() > 0, "{key}: {json}");
        }
        // The largest feature map of the default loss has 64 channels of float32 at full size.
        let side = json["largest_square"].as_u64().unwrap();
        assert!(side * side * 256 <= limits.max_tensor(), "{side}");
        assert!(side == 65_535 || (side + 1) * (side + 1) * 256 > limits.max_tensor(), "{side}");
        for part in [format!("{number}  {}\n", adapter.name), format!("{side}x{side}\n")] {
            assert!(table.contains(&part), "{part}: {table}");
        }
    }

    let hardware = adapters.iter().position(|adapter| adapter["software"] == false);
    assert_eq!(report["auto"]["backend"], if hardware.is_some() { "gpu" } else { "cpu" });
    assert_eq!(report["auto"]["adapter"].as_u64(), hardware.map(|number| number as u64));
    let reason = report["auto"]["reason"].as_str().unwrap();
    assert!(table.trim_end().ends_with(reason), "{table}");
    assert!(report["cpu"]["threads"].as_u64().unwrap() > 0);
    assert!(!report["cpu"]["name"].as_str().unwrap().is_empty());
    assert!(!report["cpu"]["instructions"].as_str().unwrap().is_empty());
}

#[test]
fn the_doctor_trusts_every_adapter_and_the_cpu() {
    let (report, table) = (json("doctor", None), text(run("doctor", None)));
    assert_eq!(report["trusted"], true, "{report}");
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), gpu::adapters_blocking().len() + 1);
    let kernels = |device: &Value| -> Vec<String> {
        let kernels = device["kernels"].as_array().unwrap();
        kernels.iter().map(|kernel| kernel["kernel"].as_str().unwrap().to_owned()).collect()
    };
    let (cpu, adapters) = devices.split_last().unwrap();
    let expected = [
        "pixels",
        "pixels.difference",
        "conv3x3",
        "relu",
        "max_pool",
        "max_pool.difference",
        "copy",
        "difference",
        "difference.map",
        "lpips",
        "gram",
        "relu.mask",
        "max_pool.routes",
        "pixels.gradient",
        "conv3x3.gradient",
        "relu.gradient",
        "max_pool.gradient",
        "difference.gradient",
        "lpips.gradient",
        "gram.gradient",
        "loss",
    ];
    assert_eq!(kernels(cpu), expected);
    for adapter in adapters {
        let names = kernels(adapter);
        for name in gpu::shaders().map(|(name, _)| name).filter(|name| !name.starts_with("peak.")) {
            // The stages of a tuning are held together, and those of Gram matrices.
            let held = |kernel: &String| {
                let has_stages = kernel.starts_with("conv3x3.") || kernel == "gram";
                kernel == name || has_stages && name.starts_with(&format!("{kernel}."))
            };
            assert!(names.iter().any(held), "{name}: {names:?}");
        }
    }
    for device in devices {
        assert_eq!(device["trusted"], true);
        assert!(table.contains(device["name"].as_str().unwrap()), "{table}");
        for kernel in device["kernels"].as_array().unwrap() {
            assert!(kernel["largest"].as_f64().unwrap() <= kernel["allowed"].as_f64().unwrap(), "{kernel}");
            assert_eq!(kernel["fault"], Value::Null);
        }
    }
    assert_eq!(table.matches("It can be trusted.").count(), devices.len(), "{table}");
}

#[test]
#[cfg(target_os = "linux")] // elsewhere the system's own adapter is always there
fn without_an_adapter_there_is_the_cpu() {
    let report = json("devices", NO_DRIVER);
    assert_eq!(report["adapters"], Value::Array(vec![]));
    assert_eq!((&report["auto"]["backend"], &report["auto"]["adapter"]), (&"cpu".into(), &Value::Null));
    let table = text(run("devices", NO_DRIVER));
    for part in ["no GPU adapter was found", "mesa-vulkan-drivers", "auto takes the CPU"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let report = json("doctor", NO_DRIVER);
    assert_eq!(report["trusted"], true);
    assert_eq!(report["devices"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_option_is_bad_usage() {
    for arguments in ["devices --fast", "doctor llvmpipe"] {
        assert_eq!(run(arguments, None).status.code(), Some(2), "{arguments}");
    }
}
