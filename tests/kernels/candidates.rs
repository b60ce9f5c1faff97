//! One comparison in two plans: a target's maps are made once and given to its candidates' plan, which then does the
//! rest of what a pair's plan does. The sums are the same to the bit, on each executor, for each tuning.

use std::sync::Arc;

use perceptual_loss::{
    Config, Criterion, Image, Tap, Weights,
    low_level::{cpu::Executor, plan::Plan},
    weights::Parameters,
};

use crate::common::{AnyExecutor, Rng, Subject};

/// A plan on what computes, or on the twins.
fn on(subject: Option<Subject>, plan: &Plan, parameters: &Arc<Parameters>) -> AnyExecutor {
    let twin = || Executor::twin(plan.clone(), Arc::clone(parameters)).unwrap();
    subject.map_or_else(|| AnyExecutor::Cpu(Box::new(twin())), |subject| subject.executor(plan, parameters))
}

/// Runs all steps; the sums of each tap, to the bit.
fn run(executor: &mut AnyExecutor, plan: &Plan, pictures: &[Image<'_>]) -> Vec<Vec<u64>> {
    executor.run(0..plan.steps().len(), pictures).unwrap();
    let bits = |tap: &Vec<f64>| tap.iter().map(|sum| sum.to_bits()).collect();
    executor.sums().unwrap().iter().map(bits).collect()
}

/// A loss of pictures of this size: the target itself, one with a value that is a level off, and others, as so many
/// candidates.
fn hold(config: &Config, [width, height]: [u32; 2], candidates: u32) {
    let depth = config.tap_positions().unwrap().last().unwrap().0 + 1;
    let parameters = Arc::new(Weights::seeded(3).load(config.network, depth).unwrap());
    let mut rng = Rng::new(u64::from(width));
    let mut noise = || -> Vec<u8> { (0..width * height * 3).map(|_| rng.bits() as u8).collect() };
    let target = noise();
    let mut near = target.clone();
    near[target.len() / 2] ^= 1;
    let mut pixels = vec![target.clone(), near];
    pixels.resize_with(candidates as usize, noise);
    let pairs: Vec<_> = (pixels.iter())
        .map(|pixels| [pixels, &target].map(|pixels| Image::rgb8(pixels, width, height)))
        .collect();
    let pictures = pairs.as_flattened();

    let plan = Plan::new(config, width, height, candidates).unwrap();
    let one = Plan::new(config, width, height, 1).unwrap();
    let of_target = Plan::target(config, width, height).unwrap();
    let of_candidates = Plan::candidates(config, width, height, candidates).unwrap();
    assert_eq!(of_target.kept().len(), of_candidates.kept().len());
    for subject in Subject::all().map(Some).chain([None]) {
        let name = subject.map_or_else(|| "twin".to_owned(), |subject| subject.to_string());
        let on = |plan| on(subject, plan, &parameters);
        let expected = run(&mut on(&plan), &plan, pictures);

        let mut alone = on(&of_target);
        let sums = run(&mut alone, &of_target, &pairs[0][1..]);
        assert!(sums.is_empty(), "a target is compared with nothing");
        let mut given = on(&of_candidates);
        for (&from, &to) in of_target.kept().iter().zip(of_candidates.kept()) {
            given.write(to, &alone.read(from).unwrap()).unwrap();
        }
        // What is kept stays, for the next candidates.
        for _ in 0..2 {
            let sums = run(&mut given, &of_candidates, pictures);
            assert_eq!(sums, expected, "{name}, {:?} at {width}x{height}", config.taps);
        }
        for tap in &expected {
            assert_eq!(tap[0], 0f64.to_bits(), "{name}: the target is at no distance from itself");
            assert!(tap[1..].iter().all(|sum| f64::from_bits(*sum) > 0.0), "{name}: {tap:?}");
        }
        // Each candidate's sums are those that it has alone.
        let mut alone = on(&one);
        for (place, pair) in pairs.iter().enumerate() {
            let of_batch: Vec<_> = expected.iter().map(|tap| vec![tap[place]]).collect();
            assert_eq!(run(&mut alone, &one, pair), of_batch, "{name}, candidate {place}");
        }
    }
}

#[test]
fn a_targets_maps_and_its_candidates_are_pairs() {
    for taps in ["relu1_1,conv1_2,relu1_2,pool1,relu2_1", "conv1_1,relu2_2,conv3_1", "pool1,pool2", "relu3_2"]
    {
        let mut config = Config::default();
        config.taps = Tap::parse_list(taps, Criterion::Mse).unwrap();
        hold(&config, [21, 18], 3);
    }
}
