//! Profiles: the same numbers as without, a time for every step, and times that add up.

use std::time::Instant;

use perceptual_loss::{
    Backend, Clock, Context, Image, Model, ModelOptions, Profile, Report, StepProfile, Tuning, Weights,
};

use crate::{
    alone,
    comparison::{self, config, image, scenes},
    gpu_device,
    host::Host,
    scene::Scene,
};

/// A host's device without timestamps.
fn without_timestamps() -> Context {
    Host::baseline().context()
}

fn model(context: &Context, taps: &str) -> Model {
    let options = ModelOptions::default().tunings(Tuning::DIRECT);
    Model::with_options(context, &config(taps), &Weights::seeded(1), &options).unwrap()
}

fn images(scenes: &[Scene]) -> Vec<Image<'_>> {
    scenes.iter().map(image).collect()
}

fn bits(reports: &[Report]) -> Vec<u64> {
    reports.iter().flat_map(comparison::bits).collect()
}

const STEPS: [(&str, &str); 6] = [
    ("pixels", "pixels"),
    ("conv1_1", "conv3x3"),
    ("conv1_1 difference", "difference"),
    ("relu1_1", "relu"),
    ("conv1_2", "conv3x3"),
    ("relu1_2 difference", "difference"),
];

#[test]
fn the_same_bits_as_without_and_a_time_for_every_step() {
    let _alone = alone();
    let scenes = scenes(24, 24, 6);
    let images = images(&scenes);
    let pairs: Vec<_> = images.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let contexts = [gpu_device::open(), without_timestamps(), Context::cpu(), Context::twin()];
    for (context, on_gpu, clock) in [
        (&contexts[0], true, Clock::Device),
        (&contexts[1], true, Clock::Wall),
        (&contexts[2], false, Clock::Wall),
        (&contexts[3], false, Clock::Wall),
    ] {
        let mut session = model(context, "conv1_1=1,relu1_2=1").batch_session(24, 24, 3).unwrap();
        let plain = session.compare_batch_blocking(&pairs).unwrap();
        let Profile { reports, steps, clock: by, .. } = session.profile_batch_blocking(&pairs).unwrap();
        assert_eq!((bits(&reports), by), (bits(&plain), clock), "{context:?}");
        let named: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.kernel)).collect();
        assert_eq!(named, STEPS);
        for StepProfile { name, tuning, seconds, kernel, .. } in &steps {
            assert!(*seconds > 0.0, "{name} on {context:?}");
            assert_eq!(*tuning, (on_gpu && *kernel == "conv3x3").then_some(Tuning::DIRECT), "{name}");
        }

        let target = session.target(images[0]).unwrap();
        let plain = session.compare_to_blocking(&target, &images[1..4]).unwrap();
        let profile = session.profile_to_blocking(&target, &images[1..4]).unwrap();
        assert_eq!(bits(&profile.reports), bits(&plain), "{context:?}");
        // The differences' half of three pairs; what reads a difference alone has no other.
        for (candidates, pairs) in profile.steps.iter().zip(&steps) {
            let half = if matches!(pairs.kernel, "difference" | "relu") { 1 } else { 2 };
            assert_eq!(candidates.cost.flops * half, pairs.cost.flops, "{}", pairs.name);
        }
    }
}

/// Steps follow one another, so that their times cannot add up to more than all took; and they are most of it.
#[test]
fn times_add_up() {
    let _alone = alone();
    let scenes = scenes(96, 96, 2);
    let images = images(&scenes);
    for context in [gpu_device::open(), without_timestamps(), Context::cpu(), Context::twin()] {
        let mut session = model(&context, "relu2_1=1").session(96, 96).unwrap();
        let pair = [(images[0], images[1])];
        session.compare_batch_blocking(&pair).unwrap(); // shaders are compiled
        let start = Instant::now();
        let profile = session.profile_batch_blocking(&pair).unwrap();
        let whole = start.elapsed().as_secs_f64();
        let steps: f64 = profile.steps.iter().map(|step| step.seconds).sum();
        assert!(steps <= 1.02 * whole && steps > 0.3 * whole, "{steps} s of {whole} s on {context:?}");
    }
}

/// Of a GPU by `shaders/peak.fma.wgsl` and `shaders/peak.copy.wgsl`, which the host checks as it measures; of the CPU by
/// `src/cpu/peak.rs`. Winograd's convolution, which the CPU takes, does a quarter of the direct one's multiplications, as which
/// it counts.
#[test]
fn no_convolution_is_faster_than_the_peak() {
    let _alone = alone();
    let scenes = scenes(64, 64, 2);
    let images = images(&scenes);
    for context in [gpu_device::open(), without_timestamps(), Context::cpu()] {
        let peak = context.peak_blocking().unwrap();
        let mut session = model(&context, "relu2_2=1").session(64, 64).unwrap();
        let profile = session.profile_batch_blocking(&[(images[0], images[1])]).unwrap();
        for step in profile.steps {
            let speed = step.cost.flops as f64 / step.seconds;
            let most = if context.backend() == Backend::Cpu { 4.0 } else { 1.5 };
            assert!(speed < most * peak.flops_per_second, "{}: {speed} of {peak:?}", step.name);
        }
        // Between an old phone and any machine to come.
        assert!((1e8..1e16).contains(&peak.flops_per_second), "{peak:?}");
        assert!((1e8..1e15).contains(&peak.bytes_per_second), "{peak:?}");
    }
}
