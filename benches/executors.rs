//! A whole plan, a pair at the default loss at 64x64, through each executor: no upload, no readback, no session.

mod common;

use std::{sync::Arc, time::Duration};

use common::gpu;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use perceptual_loss::{
    Config, Image, Tuning, Weights,
    low_level::{cpu::Executor, plan::Plan},
};

const SIZE: u32 = 64;

fn executors(c: &mut Criterion) {
    let config = Config::default();
    let plan = Plan::new(&config, SIZE, SIZE, 1).expect("a size that is large enough");
    let parameters = Weights::seeded(0).load(config.network, config.network.layers().len());
    let parameters = Arc::new(parameters.expect("seeded weights"));
    let pixels = [0, 1].map(|seed| common::noise(SIZE, SIZE, seed));
    let pictures = pixels.each_ref().map(|pixels| Image::rgb8(pixels, SIZE, SIZE));
    let steps = 0..plan.steps().len();
    let flops = steps.clone().map(|step| plan.cost(step, 1).flops).sum();

    let mut group = c.benchmark_group("executor");
    group.throughput(Throughput::Elements(flops)).sample_size(10).measurement_time(Duration::from_secs(2));
    let mut executor = Executor::fast(plan.clone(), &parameters).expect("weights for the plan");
    group.bench_function("cpu", |b| {
        b.iter(|| executor.run(steps.clone(), &pictures).expect("a plan that runs"))
    });
    let mut executor = Executor::twin(plan.clone(), Arc::clone(&parameters)).expect("weights for the plan");
    group.bench_function("twin", |b| {
        b.iter(|| executor.run(steps.clone(), &pictures).expect("a plan that runs"))
    });
    for tuning in Tuning::all() {
        let executor = gpu::executor(&plan, &parameters, tuning);
        group.bench_function(format!("gpu.{tuning}"), |b| {
            b.iter(|| {
                executor.run(steps.clone(), &pictures).expect("a plan that runs");
                gpu::wait();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, executors);
criterion_main!(benches);
