//! Random plans, step by step: networks that no one wrote down, and losses at random taps. Each step's result on the
//! GPU and on the CPU is held against what the twin makes of the same input, so that steps are judged alone while their
//! memory is shared, reused and kept as it is in use. The first step that differs is named.

use std::sync::Arc;

use perceptual_loss::{
    Config, Criterion, Image, ModelOptions, Network, Normalization, Tuning, Tunings, Weights,
    low_level::{
        cpu::Executor,
        doctor,
        plan::{Builder, Maps, Operation, Plan, Region, Step, TensorId},
    },
    network::{Layer, LayerKind},
    weights::Parameters,
};
use proptest::{
    prelude::*,
    sample::{Index, subsequence},
    test_runner::{Config as Runs, RngSeed, TestCaseError},
};

use crate::common::{
    AnyExecutor, Bounds, Rng, Subject, bounds, compare_sums, context, convolution, features, parameters,
};

/// The same cases in every run: a failure is there again after a change, or gone because of it.
fn runs(cases: u32) -> Runs {
    Runs { cases, rng_seed: RngSeed::Fixed(2014), failure_persistence: None, ..Runs::default() }
}

/// What is given before the first step: tensors that no step makes, and pictures.
#[derive(Default)]
struct Given<'a> {
    tensors: Vec<(TensorId, Vec<f32>)>,
    pictures: &'a [Image<'a>],
}

/// A plan and what its convolutions take.
struct Case {
    plan: Plan,
    parameters: Arc<Parameters>,
    tunings: Tunings,
    /// The same, by their layers' names.
    layers: Vec<(&'static str, Tuning)>,
}

impl Case {
    fn gpu(&self) -> AnyExecutor {
        let options = ModelOptions::default().tunings(self.tunings.clone());
        AnyExecutor::new(context(), &options, self.plan.clone(), &self.parameters).unwrap()
    }

    /// Runs every step of the plan on the GPU and on the CPU, and each through the twin from the GPU's own input.
    fn hold(&self, given: &Given<'_>) -> Result<(), TestCaseError> {
        let Self { plan, parameters, .. } = self;
        let mut executors = [self.gpu(), Subject::Cpu.executor(plan, parameters)];
        let mut twin = Executor::twin(plan.clone(), Arc::clone(parameters)).unwrap();
        for (tensor, values) in &given.tensors {
            executors.iter_mut().for_each(|executor| executor.write(*tensor, values).unwrap());
            twin.write(*tensor, values).unwrap();
        }
        for (i, step) in plan.steps().iter().enumerate() {
            twin.run(i..i + 1, given.pictures).unwrap();
            let bounds = bounds(&twin, parameters, i);
            let mut of_gpu = None;
            for executor in &mut executors {
                executor.run(i..i + 1, given.pictures).unwrap();
                let results: Vec<_> = step.writes.iter().map(|&id| executor.read(id).unwrap()).collect();
                if let Err(what) = self.judge(executor, &twin, i, (&results, &bounds)) {
                    let shapes: Vec<_> = step.reads.iter().map(|&id| &plan.tensors()[id]).collect();
                    let text = format!(
                        "the first step that differs is {i}, '{}': {what}; from {shapes:?}",
                        step.name
                    );
                    return Err(TestCaseError::fail(text));
                }
                of_gpu.get_or_insert(results);
            }
            // From here on all go on with the GPU's.
            let [_, cpu] = &mut executors;
            for (&id, values) in step.writes.iter().zip(of_gpu.iter().flatten()) {
                cpu.write(id, values).unwrap();
                twin.write(id, values).unwrap();
            }
        }
        Ok(())
    }

    /// Whether what an executor has made of a step is what it should be.
    fn judge(
        &self,
        executor: &AnyExecutor,
        twin: &Executor,
        step: usize,
        (results, bounds): (&[Vec<f32>], &[Bounds]),
    ) -> Result<f64, String> {
        let operation = self.plan.steps()[step].operation;
        let subject = match (executor, operation) {
            (AnyExecutor::Gpu(..), Operation::Conv3x3 { layer, .. }) => {
                let of_layer = self.layers.iter().find(|(name, _)| *name == layer.name);
                Subject::Gpu(of_layer.map(|(_, tuning)| *tuning).unwrap())
            }
            _ => Subject::Cpu,
        };
        let bounds = subject.bounds(operation, bounds);
        let breaks_ties = |layer: &Layer| executor.breaks_ties(layer);
        let deviations = doctor::judge(twin, &self.parameters, step, results, &bounds, breaks_ties);
        let maps = deviations.unwrap().into_iter().collect::<doctor::Deviation>().into_result()?;
        match operation {
            Operation::Difference { tap, .. } => {
                let sums = compare_sums(&executor.sums().unwrap()[tap], &twin.sums()[tap])?;
                Ok(f64::max(maps, sums))
            }
            _ if results.is_empty() => Err("it writes nothing".to_owned()),
            _ => Ok(maps),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Conv { outputs: u32, input_relu: bool, relu: bool, tuning: Tuning },
    Relu,
    Pool { input_relu: bool },
    Tap { criterion: Criterion, of: Tapped },
}

/// What a tap is on.
#[derive(Clone, Copy, Debug)]
enum Tapped {
    Difference,
    Target { input_relu: bool },
}

fn node() -> impl Strategy<Value = Node> {
    let tuning = prop::sample::select(Tuning::all());
    let tapped = prop_oneof![
        Just(Tapped::Difference),
        any::<bool>().prop_map(|input_relu| Tapped::Target { input_relu }),
    ];
    let criterion = prop::sample::select(Criterion::POINTWISE.to_vec());
    prop_oneof![
        4 => (1..18u32, any::<bool>(), any::<bool>(), tuning)
            .prop_map(|(outputs, input_relu, relu, tuning)| Node::Conv { outputs, input_relu, relu, tuning }),
        1 => Just(Node::Relu),
        2 => any::<bool>().prop_map(|input_relu| Node::Pool { input_relu }),
        2 => (criterion, tapped).prop_map(|(criterion, of)| Node::Tap { criterion, of }),
    ]
}

/// Names must be static, and each convolution has its own.
const NAMES: [&str; 8] = ["conv 0", "conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "conv 6", "conv 7"];

/// The maps that a node has made.
#[derive(Clone, Copy)]
struct Made {
    target: TensorId,
    difference: TensorId,
}

/// A node of a network, which of those before it reads (the one before, or any), and whether it makes each map in a
/// step of its own.
type Wired = (Node, Option<Index>, bool);

/// A network that begins with both maps of some features and whose nodes read the one before or, one time in three, any
/// before that. All differences have one target, or each its own.
fn network([images, targets]: [u32; 2], channels: u32, [width, height]: [u32; 2], nodes: &[Wired]) -> Case {
    let mut plan = Builder::new();
    let whole = Region::whole(width, height);
    let both = |plan: &mut Builder, name: &str, channels: u32, region: Region| Made {
        target: plan.tensor(name, targets, channels, region),
        difference: plan.tensor(name, images, channels, region),
    };
    let mut made = vec![both(&mut plan, "features", channels, whole)];
    let (mut convolutions, mut layers) = (vec![], vec![]);
    for (i, (node, other, split)) in nodes.iter().enumerate() {
        let input = other.map_or(made[made.len() - 1], |index| *index.get(&made));
        let (channels, region) = (plan.tensors()[input.target].channels, plan.tensors()[input.target].region);
        // One step makes as many targets as differences.
        let split = *split || images != targets;
        match *node {
            Node::Conv { outputs, input_relu, relu, tuning } => {
                let name = NAMES[i];
                let layer = Layer::conv(name, i as u32, channels, outputs);
                convolutions.push(convolution(layer, i as u64));
                layers.push((name, tuning));
                let to = both(&mut plan, name, outputs, region);
                let conv = |maps, relu| Operation::Conv3x3 { layer, maps, input_relu, relu };
                if split {
                    let also = relu.then_some(to.target);
                    let reads: Vec<_> = [input.difference].into_iter().chain(also).collect();
                    plan.step(Step::new(name, conv(Maps::Target, false), [input.target], [to.target]));
                    plan.step(Step::new(name, conv(Maps::Difference, relu), reads, [to.difference]));
                } else {
                    let (reads, writes) = ([input.target, input.difference], [to.target, to.difference]);
                    plan.step(Step::new(name, conv(Maps::Both, relu), reads, writes));
                }
                made.push(to);
            }
            Node::Relu => {
                let difference = plan.tensor("relu", images, channels, region);
                let reads = [input.difference, input.target];
                plan.step(Step::new(format!("relu {i}"), Operation::Relu, reads, [difference]));
                made.push(Made { difference, ..input });
            }
            Node::Pool { input_relu } => {
                let half = region.extent.map(|v| v / 2);
                if half.contains(&0) {
                    continue;
                }
                let to = both(&mut plan, "pool", channels, Region::whole(half[0], half[1]));
                let pool = |maps| Operation::MaxPool { maps, input_relu };
                let name = format!("pool {i}");
                if split {
                    let reads = [input.difference, input.target];
                    plan.step(Step::new(name.clone(), pool(Maps::Target), [input.target], [to.target]));
                    plan.step(Step::new(name, pool(Maps::Difference), reads, [to.difference]));
                } else {
                    let (reads, writes) = ([input.target, input.difference], [to.target, to.difference]);
                    plan.step(Step::new(name, pool(Maps::Both), reads, writes));
                }
                made.push(to);
            }
            Node::Tap { criterion, of: Tapped::Difference } => {
                plan.tap(NAMES[i], 1.0, criterion, input.difference);
            }
            Node::Tap { criterion, of: Tapped::Target { input_relu } } => {
                plan.tap_through(NAMES[i], 1.0, criterion, input.target, input_relu);
            }
        }
    }
    let tunings =
        (layers.iter()).fold(Tunings::default(), |tunings, &(name, tuning)| tunings.with_layer(name, tuning));
    Case { plan: plan.finish().unwrap(), parameters: parameters(convolutions), tunings, layers }
}

/// Pictures' taps down to the third block: deeper ones are what `steps.rs` has.
fn taps(network: Network) -> impl Strategy<Value = Vec<&'static str>> {
    let end = network.layers().iter().position(|layer| layer.name == "conv3_2").unwrap();
    let names: Vec<_> = network.layers()[..end].iter().map(|layer| layer.name).collect();
    subsequence(names, 1..4)
}

fn config() -> impl Strategy<Value = Config> {
    let network = prop::sample::select(Network::ALL.to_vec());
    let criterion = prop::sample::select(Criterion::POINTWISE.to_vec());
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
    #![proptest_config(runs(64))]
    #[test]
    fn random_networks(
        images in 1..5u32,
        one_target in any::<bool>(),
        channels in 1..10u32,
        size in [1..48u32, 1..48u32],
        nodes in prop::collection::vec(
            (node(), prop::option::weighted(1.0 / 3.0, any::<Index>()), any::<bool>()),
            1..=NAMES.len(),
        ),
        seed in any::<u64>(),
        small in any::<bool>(),
    ) {
        let targets = if one_target { 1 } else { images };
        let case = network([images, targets], channels, size, &nodes);
        let [target, mut difference] =
            [0, 1].map(|id| features(seed ^ id as u64, case.plan.tensors()[id].elements()));
        if small {
            difference.iter_mut().for_each(|value| *value /= 65536.0);
        }
        case.hold(&Given { tensors: vec![(0, target), (1, difference)], pictures: &[] })?;
    }
}

/// All four plans of a loss, the target's maps as the twin makes them.
fn hold_loss(
    config: &Config,
    [width, height]: [u32; 2],
    pairs: u32,
    tuning: Tuning,
    seed: u64,
) -> Result<(), TestCaseError> {
    let parameters = Arc::new(Weights::seeded(seed).load(config.network, depth(config)).unwrap());
    let mut rng = Rng::new(seed);
    let mut picture = || -> Vec<u8> { (0..width * height * 3).map(|_| rng.bits() as u8).collect() };
    let pixels: Vec<_> = (0..2 * pairs).map(|_| picture()).collect();
    let pictures: Vec<_> = pixels.iter().map(|pixels| Image::rgb8(pixels, width, height)).collect();
    let case = |plan: Plan| {
        let names = plan.steps().iter().filter_map(|step| match step.operation {
            Operation::Conv3x3 { layer, .. } => Some((layer.name, tuning)),
            _ => None,
        });
        Case { layers: names.collect(), parameters: Arc::clone(&parameters), tunings: tuning.into(), plan }
    };
    let given = |pictures| Given { tensors: vec![], pictures };
    case(Plan::new(config, width, height, pairs).unwrap()).hold(&given(&pictures))?;
    let alone = &pictures[..pairs as usize];
    case(Plan::magnitudes(config, width, height, pairs).unwrap()).hold(&given(alone))?;

    let target = case(Plan::target(config, width, height).unwrap());
    target.hold(&given(&pictures[..1]))?;
    let mut twin = Executor::twin(target.plan.clone(), Arc::clone(&parameters)).unwrap();
    twin.run(0..target.plan.steps().len(), &pictures[..1]).unwrap();
    let candidates = case(Plan::candidates(config, width, height, pairs).unwrap());
    let kept = candidates.plan.kept().iter().zip(target.plan.kept());
    let tensors = kept.map(|(&to, &from)| (to, twin.read(from).unwrap())).collect();
    let with_target: Vec<_> = alone.iter().flat_map(|picture| [*picture, pictures[0]]).collect();
    candidates.hold(&Given { tensors, pictures: &with_target })
}

proptest! {
    #![proptest_config(runs(12))]
    #[test]
    fn random_losses(
        config in config(),
        size in [4..20u32, 4..20u32],
        pairs in 1..4u32,
        tuning in prop::sample::select(Tuning::all()),
        seed in any::<u64>(),
    ) {
        hold_loss(&config, size, pairs, tuning, seed)?;
    }
}

/// Layers down to the deepest tap.
fn depth(config: &Config) -> usize {
    let layers = config.network.layers();
    let deepest = config.tap_positions().unwrap().last().unwrap().0;
    assert!(layers[..=deepest].iter().any(|layer| layer.kind == LayerKind::Conv));
    deepest + 1
}
