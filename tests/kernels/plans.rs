//! Random plans, step by step: networks that no one wrote down, and losses at random taps. Each step's result on
//! the GPU and on the CPU is held against what the twin makes of the same input, so that steps are judged alone while their
//! memory is shared, reused and kept as it is in use. The first step that differs is named.

use std::sync::Arc;

use perceptual_loss::{
    Config, Criterion, Image, Network, Normalization, Tuning, Tunings, Weights,
    low_level::{
        cpu::Executor,
        gpu,
        plan::{Builder, Operation, Plan, Region, Step},
    },
    network::{Layer, LayerKind},
    weights::Parameters,
};
use proptest::{
    prelude::*,
    sample::{Index, subsequence},
    test_runner::{Config as Runs, RngSeed, TestCaseError},
};

use crate::common::{Rng, bounds, compare, compare_sums, context, convolution, features, parameters};

/// The same cases in every run: a failure is there again after a change, or gone because of it.
fn runs(cases: u32) -> Runs {
    Runs { cases, rng_seed: RngSeed::Fixed(2014), failure_persistence: None, ..Runs::default() }
}

/// Runs every step of a plan on the GPU and on the CPU, and each through the twin from the GPU's own input.
fn hold(
    plan: &Plan,
    parameters: &Arc<Parameters>,
    tunings: &Tunings,
    first: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<(), TestCaseError> {
    let executor =
        gpu::Executor::with_tunings(context(), plan.clone(), Arc::clone(parameters), tunings.clone());
    let executor = executor.unwrap();
    let mut cpu = Executor::fast(plan.clone(), parameters).unwrap();
    let mut twin = Executor::twin(plan.clone(), Arc::clone(parameters)).unwrap();
    if let Some(first) = first {
        executor.write(0, first).unwrap();
        cpu.write(0, first).unwrap();
        twin.write(0, first).unwrap();
    }
    for (i, step) in plan.steps().iter().enumerate() {
        executor.run(i..i + 1, pictures).unwrap();
        cpu.run(i..i + 1, pictures).unwrap();
        twin.run(i..i + 1, pictures).unwrap();
        let judged = match (step.operation, step.output()) {
            (Operation::Difference { tap, .. }, _) => {
                compare_sums(&executor.sums_blocking().unwrap()[tap], &twin.sums()[tap])
                    .and_then(|_| compare_sums(&cpu.sums()[tap], &twin.sums()[tap]))
            }
            (_, Some(output)) => {
                let result = executor.read_blocking(output).unwrap();
                let bounds = bounds(&twin, parameters, i);
                let of_twin = twin.read(output).unwrap();
                let judged = compare(&result, &of_twin, &bounds)
                    .and_then(|_| compare(&cpu.read(output).unwrap(), &of_twin, &bounds));
                // From here on all go on with the GPU's.
                cpu.write(output, &result).unwrap();
                twin.write(output, &result).unwrap();
                judged
            }
            _ => Err("it writes nothing".to_owned()),
        };
        if let Err(what) = judged {
            let shape = step.input().map(|id| &plan.tensors()[id]);
            let text = format!("the first step that differs is {i}, '{}': {what}; from {shape:?}", step.name);
            return Err(TestCaseError::fail(text));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Conv { outputs: u32, relu: bool, tuning: Tuning },
    Relu,
    Pool,
    Tap(Criterion),
}

fn node() -> impl Strategy<Value = Node> {
    let tuning = prop::sample::select(Tuning::all());
    prop_oneof![
        4 => (1..18u32, any::<bool>(), tuning)
            .prop_map(|(outputs, relu, tuning)| Node::Conv { outputs, relu, tuning }),
        1 => Just(Node::Relu),
        2 => Just(Node::Pool),
        2 => prop::sample::select(Criterion::ALL.to_vec()).prop_map(Node::Tap),
    ]
}

/// Names must be static, and each convolution has its own.
const NAMES: [&str; 8] = ["conv 0", "conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "conv 6", "conv 7"];

/// A network that begins with features and whose nodes read the one before or, one time in three, any before that.
fn network(
    images: u32,
    channels: u32,
    [width, height]: [u32; 2],
    nodes: &[(Node, Option<Index>)],
) -> (Plan, Arc<Parameters>, Tunings) {
    let mut plan = Builder::new();
    let mut made = vec![plan.tensor("features", images, channels, Region::whole(width, height))];
    let (mut convolutions, mut tunings) = (vec![], Tunings::default());
    for (i, (node, other)) in nodes.iter().enumerate() {
        let input = other.map_or(made[made.len() - 1], |index| *index.get(&made));
        let (channels, region) = (plan.tensors()[input].channels, plan.tensors()[input].region);
        let name = NAMES[i];
        match *node {
            Node::Conv { outputs, relu, tuning } => {
                let layer = Layer::conv(name, i as u32, channels, outputs);
                convolutions.push(convolution(layer, i as u64));
                tunings = tunings.with_layer(name, tuning);
                let output = plan.tensor(name, images, outputs, region);
                plan.step(Step::new(name, Operation::Conv3x3 { layer, relu }, [input], [output]));
                made.push(output);
            }
            Node::Relu => {
                let output = plan.tensor("relu", images, channels, region);
                plan.step(Step::new(format!("relu {i}"), Operation::Relu, [input], [output]));
                made.push(output);
            }
            Node::Pool => {
                let half = region.extent.map(|v| v / 2);
                if half.contains(&0) {
                    continue;
                }
                let output = plan.tensor("pool", images, channels, Region::whole(half[0], half[1]));
                plan.step(Step::new(format!("pool {i}"), Operation::MaxPool, [input], [output]));
                made.push(output);
            }
            // A pair takes two images.
            Node::Tap(_) if images == 1 => {}
            Node::Tap(criterion) => plan.tap(name, 1.0, criterion, input),
        }
    }
    (plan.finish().unwrap(), parameters(convolutions), tunings)
}

/// Pictures' taps down to the third block: deeper ones are what `steps.rs` has.
fn taps(network: Network) -> impl Strategy<Value = Vec<&'static str>> {
    let end = network.layers().iter().position(|layer| layer.name == "conv3_2").unwrap();
    let names: Vec<_> = network.layers()[..end].iter().map(|layer| layer.name).collect();
    subsequence(names, 1..4)
}

fn config() -> impl Strategy<Value = Config> {
    let network = prop::sample::select(Network::ALL.to_vec());
    let criterion = prop::sample::select(Criterion::ALL.to_vec());
    let normalization = prop::sample::select(vec![
        Normalization::NONE,
        Normalization::IMAGENET,
        Normalization::SIGNED,
        Normalization::CAFFE,
    ]);
    network.prop_flat_map(taps_of).prop_flat_map(move |(network, taps)| {
        (criterion.clone(), normalization.clone()).prop_map(move |(criterion, normalization)| {
            let taps: Vec<_> = taps.iter().map(|tap| (*tap, 0.5)).collect();
            Config::new(network, &taps, criterion, normalization).unwrap()
        })
    })
}

fn taps_of(network: Network) -> impl Strategy<Value = (Network, Vec<&'static str>)> {
    (Just(network), taps(network))
}

proptest! {
    #![proptest_config(runs(48))]
    #[test]
    fn random_networks(
        images in 1..5u32,
        channels in 1..10u32,
        size in [1..48u32, 1..48u32],
        nodes in prop::collection::vec((node(), prop::option::weighted(1.0 / 3.0, any::<Index>())), 1..=NAMES.len()),
        seed in any::<u64>(),
    ) {
        let (plan, parameters, tunings) = network(images, channels, size, &nodes);
        hold(&plan, &parameters, &tunings, Some(&features(seed, plan.tensors()[0].elements())), &[])?;
    }
}

proptest! {
    #![proptest_config(runs(12))]
    #[test]
    fn random_losses(
        config in config(),
        size in [4..20u32, 4..20u32],
        images in 1..4u32,
        tuning in prop::sample::select(Tuning::all()),
        seed in any::<u64>(),
    ) {
        // Two pictures each are a pair; of three, the last has no partner.
        let images = images + 1;
        let [width, height] = size;
        let plan = Plan::new(&config, width, height, images).unwrap();
        let parameters = Weights::seeded(seed).load(config.network, depth(&config)).unwrap();
        let mut rng = Rng::new(seed);
        let pixels: Vec<Vec<u8>> =
            (0..images).map(|_| (0..width * height * 3).map(|_| rng.bits() as u8).collect()).collect();
        let pictures: Vec<_> = pixels.iter().map(|pixels| Image::rgb8(pixels, width, height)).collect();
        hold(&plan, &Arc::new(parameters), &tuning.into(), None, &pictures)?;
    }
}

/// Layers down to the deepest tap.
fn depth(config: &Config) -> usize {
    let layers = config.network.layers();
    let deepest = config.tap_positions().unwrap().last().unwrap().0;
    assert!(layers[..=deepest].iter().any(|layer| layer.kind == LayerKind::Conv));
    deepest + 1
}
