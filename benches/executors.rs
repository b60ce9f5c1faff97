//! A whole plan, the default loss at 64x64, through each executor: no upload, no readback, no session.

mod common;

use std::{sync::Arc, time::Duration};

use common::gpu;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use perceptual_loss::{
    Config, Image, Tuning, Weights,
    cpu::{fast, twin},
    plan::Plan,
};

const SIZE: u32 = 64;

fn executors(c: &mut Criterion) {
    let config = Config::default();
    let plan = |tuning| Plan::new(&config, SIZE, SIZE, 2, tuning).expect("a size that is large enough");
    let parameters = Weights::seeded(0).load(config.network, config.network.layers().len());
    let parameters = Arc::new(parameters.expect("seeded weights"));
    let pixels = [0, 1].map(|seed| common::noise(SIZE, SIZE, seed));
    let pictures = pixels.each_ref().map(|pixels| Image::rgb8(pixels, SIZE, SIZE));
    let steps = 0..plan(Tuning::default()).steps.len();
    let flops = steps.clone().map(|step| plan(Tuning::default()).cost(step, 2, false).flops).sum();

    let mut group = c.benchmark_group("executor");
    group.throughput(Throughput::Elements(flops)).sample_size(10).measurement_time(Duration::from_secs(2));
    let mut executor = fast::Executor::new(plan(Tuning::default()), &parameters);
    group.bench_function("cpu", |b| {
        b.iter(|| executor.run(steps.clone(), &pictures).expect("a plan that runs"))
    });
    let mut executor = twin::Executor::new(plan(Tuning::default()), Arc::clone(&parameters));
    group.bench_function("twin", |b| {
        b.iter(|| executor.run(steps.clone(), &pictures).expect("a plan that runs"))
    });
    for tuning in Tuning::ALL {
        let executor = gpu::executor(&plan(tuning), &parameters);
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
