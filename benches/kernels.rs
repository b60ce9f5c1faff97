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
        plan::{Builder, Operation, Plan, Region, Step},
    },
    network::Layer,
    weights::{Convolution, Parameters},
};

/// A plan of one step over `images` pictures of `size` by `size`.
fn plan(operation: Operation, images: u32, size: u32, [inputs, outputs]: [u32; 2]) -> Plan {
    let mut plan = Builder::new();
    let whole = Region::whole(size, size);
    let half = Region::whole(size / 2, size / 2);
    match operation {
        Operation::Pixels { .. } => {
            let output = plan.tensor("output", images, outputs, whole);
            plan.step(Step::new("pixels", operation, [], [output]));
        }
        Operation::Difference { criterion, .. } => {
            let input = plan.tensor("input", images, inputs, whole);
            plan.tap("input", 1.0, criterion, input);
        }
        _ => {
            let input = plan.tensor("input", images, inputs, whole);
            let region = if operation == Operation::MaxPool { half } else { whole };
            let output = plan.tensor("output", images, outputs, region);
            plan.step(Step::new("step", operation, [input], [output]));
        }
    }
    plan.finish().expect("a step whose tensors fit")
}

/// Times the plan's only step on the CPU, in its twin and on the GPU, there in each of these tunings; where there are none, the
/// kernel has one shader.
fn times(
    group: &mut BenchmarkGroup<'_, WallTime>,
    tunings: &[Tuning],
    plan: &Plan,
    parameters: &Arc<Parameters>,
) {
    let flops = plan.cost(0, u64::from(plan.images()), false).flops;
    group.throughput(Throughput::Elements(flops)).sample_size(10).measurement_time(Duration::from_secs(1));
    let input: Vec<f32> = plan
        .tensors()
        .first()
        .map_or(vec![], |tensor| (0..tensor.elements()).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect());
    let [width, height] = plan.picture_size().unwrap_or([1, 1]);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i * 31 % 251) as u8).collect();
    let pictures = match plan.picture_size() {
        Some([width, height]) => vec![Image::rgb8(&pixels, width, height); plan.images() as usize],
        None => vec![],
    };
    let given = plan.steps()[0].input();

    for (name, executor) in [
        ("cpu", Executor::fast(plan.clone(), parameters)),
        ("twin", Executor::twin(plan.clone(), Arc::clone(parameters))),
    ] {
        let mut executor = executor.expect("weights for the plan");
        given.iter().for_each(|&id| executor.write(id, &input).expect("values as many as the tensor has"));
        group.bench_function(name, |b| b.iter(|| executor.run(0..1, black_box(&pictures)).expect("a step")));
    }
    let mut on_gpu = |name: String, tunings: Tunings| {
        let executor = gpu::executor(plan, parameters, tunings);
        given.iter().for_each(|&id| executor.write(id, &input).expect("values as many as the tensor has"));
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
    let operation = Operation::Pixels { normalization: Normalization::IMAGENET };
    let plan = plan(operation, 2, 256, [3, 3]);
    times(&mut c.benchmark_group("pixels"), &[], &plan, &common::parameters(vec![]));
}

fn conv3x3(c: &mut Criterion) {
    let layer = Layer::conv("conv", 0, 64, 64);
    let values =
        |count: usize| (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) / 10.0).collect();
    let convolution =
        Convolution::new(layer, values(64 * 64 * 9), values(64)).expect("as many as the layer has");
    let parameters = common::parameters(vec![convolution]);
    let plan = plan(Operation::Conv3x3 { layer, relu: true }, 1, 64, [64, 64]);
    times(&mut c.benchmark_group("conv3x3"), &Tuning::all(), &plan, &parameters);
}

fn relu(c: &mut Criterion) {
    let plan = plan(Operation::Relu, 2, 128, [64, 64]);
    times(&mut c.benchmark_group("relu"), &[], &plan, &common::parameters(vec![]));
}

fn max_pool(c: &mut Criterion) {
    let plan = plan(Operation::MaxPool, 2, 128, [64, 64]);
    times(&mut c.benchmark_group("max_pool"), &[], &plan, &common::parameters(vec![]));
}

/// With `sum`, the second stage of a GPU's reduction.
fn difference(c: &mut Criterion) {
    let plan = plan(Operation::Difference { criterion: Difference::Mse, tap: 0 }, 2, 128, [64, 64]);
    times(&mut c.benchmark_group("difference"), &[], &plan, &common::parameters(vec![]));
}

criterion_group!(kernels, pixels, conv3x3, relu, max_pool, difference);
criterion_main!(kernels);
