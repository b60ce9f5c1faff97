//! Each kernel by itself, in everything that computes it, and its twin.
//!
//! `cargo bench --bench kernels -- conv3x3` times one. On a GPU a time is that of submitting and waiting, too.

mod common;

use std::{hint::black_box, sync::Arc, time::Duration};

use common::gpu;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use perceptual_loss::{
    Criterion as Difference, Image, Normalization, Tuning, Tunings,
    low_level::{
        cpu::Executor,
        doctor::plans::{inputs, one_step, pixels as pixels_of},
        plan::{Builder, Maps, Operation, Plan, Region},
    },
    network::Layer,
    weights::{Convolution, Parameters},
};

/// A plan of one step that makes both maps of so many pairs, from whole maps to maps of this size.
fn both(operation: Operation, pairs: u32, [from, to]: [u32; 2], channels: u32) -> Plan {
    let shape = |size: u32| (pairs, channels, Region::whole(size, size));
    one_step(operation, &[shape(from); 2], &[shape(to); 2], 0).expect("a step whose tensors fit")
}

/// Times the plan's only step on the CPU, in its twin and on the GPU, there in each of these tunings; where there are
/// none, the kernel has one shader.
fn times(
    group: &mut BenchmarkGroup<'_, WallTime>,
    tunings: &[Tuning],
    plan: &Plan,
    parameters: &Arc<Parameters>,
) {
    let flops = plan.cost(0, u64::from(plan.images())).flops;
    group.throughput(Throughput::Elements(flops)).sample_size(10).measurement_time(Duration::from_secs(1));
    let values = |_, count: u64| (0..count).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.25).collect();
    let inputs = inputs(plan, 0, values);
    let [width, height] = plan.picture_size().unwrap_or([1, 1]);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i * 31 % 251) as u8).collect();
    let pictures = match plan.picture_size() {
        Some([width, height]) => vec![Image::rgb8(&pixels, width, height); plan.pictures() as usize],
        None => vec![],
    };
    let given = || plan.steps()[0].reads.iter().zip(&inputs);

    for (name, executor) in [
        ("cpu", Executor::fast(plan.clone(), parameters)),
        ("twin", Executor::twin(plan.clone(), Arc::clone(parameters))),
    ] {
        let mut executor = executor.expect("weights for the plan");
        given().for_each(|(&id, values)| executor.write(id, values).expect("values as many as it has"));
        group.bench_function(name, |b| b.iter(|| executor.run(0..1, black_box(&pictures)).expect("a step")));
    }
    let mut on_gpu = |name: String, tunings: Tunings| {
        let executor = gpu::executor(plan, parameters, tunings);
        given().for_each(|(&id, values)| executor.write(id, values).expect("values as many as it has"));
        group.bench_function(name, |b| {
            b.iter(|| {
                executor.run(0..1, black_box(&pictures)).expect("a step");
                gpu::wait();
            });
        });
    };
    if tunings.is_empty() {
        on_gpu("gpu".to_owned(), Tunings::default());
    }
    for &tuning in tunings {
        on_gpu(format!("gpu.{tuning}"), tuning.into());
    }
}

fn pixels(c: &mut Criterion) {
    let plan = pixels_of(1, Region::whole(256, 256), Normalization::IMAGENET, Maps::Both);
    let plan = plan.expect("a step whose tensors fit");
    times(&mut c.benchmark_group("pixels"), &[], &plan, &common::parameters(vec![]));
}

fn conv3x3(c: &mut Criterion) {
    let layer = Layer::conv("conv", 0, 64, 64);
    let values =
        |count: usize| (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) / 10.0).collect();
    let convolution =
        Convolution::new(layer, values(64 * 64 * 9), values(64)).expect("as many as the layer has");
    let parameters = common::parameters(vec![convolution]);
    let operation = Operation::Conv3x3 { layer, maps: Maps::Both, input_relu: true, relu: true };
    let plan = both(operation, 1, [64, 64], 64);
    times(&mut c.benchmark_group("conv3x3"), &Tuning::all(), &plan, &parameters);
}

fn relu(c: &mut Criterion) {
    let shape = (1, 64, Region::whole(128, 128));
    let plan = one_step(Operation::Relu, &[shape; 2], &[shape], 0).expect("a step whose tensors fit");
    times(&mut c.benchmark_group("relu"), &[], &plan, &common::parameters(vec![]));
}

fn max_pool(c: &mut Criterion) {
    let operation = Operation::MaxPool { maps: Maps::Both, input_relu: true };
    let plan = both(operation, 1, [128, 64], 64);
    times(&mut c.benchmark_group("max_pool"), &[], &plan, &common::parameters(vec![]));
}

/// With `sum`, the second stage of a GPU's reduction.
fn difference(c: &mut Criterion) {
    let mut plan = Builder::new();
    let tensor = plan.tensor("difference", 1, 64, Region::whole(128, 128));
    plan.tap("difference", 1.0, Difference::Mse, tensor);
    let plan = plan.finish().expect("a step whose tensors fit");
    times(&mut c.benchmark_group("difference"), &[], &plan, &common::parameters(vec![]));
}

criterion_group!(kernels, pixels, conv3x3, relu, max_pool, difference);
criterion_main!(kernels);
