//! The whole loss as a host calls it, pixels up to report down: pairs, and candidates against a kept target.

mod common;

use std::time::Duration;

use common::gpu;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use perceptual_loss::{Config, Context, Image, Model, Weights};

fn losses(c: &mut Criterion) {
    for (name, context) in [("cpu", &Context::cpu()), ("gpu", gpu::context())] {
        let model = Model::new(context, &Config::default(), &Weights::seeded(0)).expect("seeded weights");
        let mut group = c.benchmark_group(format!("loss.{name}"));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        for size in [64, 128, 256] {
            let pixels = [0, 1].map(|seed| common::noise(size, size, seed));
            let [a, b] = pixels.each_ref().map(|pixels| Image::rgb8(pixels, size, size));
            let mut session = model.session(size, size).expect("a size that the device can hold");
            group.bench_function(BenchmarkId::new("pair", size), |bencher| {
                bencher.iter(|| session.compare_blocking(a, b).expect("a comparison"));
            });
            let target = session.target(b).expect("a target");
            group.bench_function(BenchmarkId::new("kept target", size), |bencher| {
                bencher.iter(|| session.compare_to_blocking(&target, &[a]).expect("a comparison"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, losses);
criterion_main!(benches);
