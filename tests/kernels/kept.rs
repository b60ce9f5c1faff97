//! `shaders/copy.wgsl` and `src/cpu/fast/copy.rs` against `src/cpu/twin/copy.rs`, and every kernel that leaves rows at
//! its outputs' tops as they are: what strips of a picture keep for each other.

use std::sync::Arc;

use perceptual_loss::{
    low_level::{
        cpu::Executor,
        plan::{Builder, Operation, Plan, Region, Step},
    },
    network::Layer,
    weights::Parameters,
};

use crate::common::{Subject, bounds, convolution, described, features, one_step, parameters, plans};

/// A step whose outputs' first rows are there, through everything that computes: against the twin, and the kept rows as
/// they were.
fn hold(subjects: impl IntoIterator<Item = Subject>, plan: &Plan, parameters: &Arc<Parameters>) {
    let step = &plan.steps()[0];
    let inputs = plans::inputs(plan, step.kept.into(), features);
    let there: Vec<_> =
        step.writes.iter().map(|&id| features(99 + id as u64, plan.tensors()[id].elements())).collect();
    // Outputs are given before they are written: memory that no other tensor shares.
    let given = || step.writes.iter().zip(&there).chain(step.reads.iter().zip(&inputs));

    let mut twin = Executor::twin(plan.clone(), Arc::clone(parameters)).unwrap();
    for (&id, values) in given() {
        twin.write(id, values).unwrap();
    }
    twin.run(0..1, &[]).unwrap();
    for (&id, before) in step.writes.iter().zip(&there) {
        let [width, height] = plan.tensors()[id].region.extent.map(|side| side as usize);
        let kept = step.kept as usize * width;
        for (plane, before) in
            twin.read(id).unwrap().chunks(width * height).zip(before.chunks(width * height))
        {
            assert_eq!(plane[..kept], before[..kept], "the twin keeps what is kept");
        }
    }

    let bounds = bounds(&twin, parameters, 0);
    for subject in subjects {
        let mut executor = subject.executor(plan, parameters);
        for (&id, values) in given() {
            executor.write(id, values).unwrap();
        }
        executor.run(0..1, &[]).unwrap();
        let results: Vec<_> = step.writes.iter().map(|&id| executor.read(id).unwrap()).collect();
        let judged = subject.judge(&results, (&twin, &bounds), parameters);
        judged.unwrap_or_else(|what| panic!("{subject}, {}: {what}", described(plan)));
    }
}

#[test]
fn convolutions() {
    // For the CPU, convolutions directly and by Winograd's tiles.
    for (images, inputs, outputs) in [(1, 5, 9), (2, 5, 9), (1, 16, 64)] {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = parameters(vec![convolution(layer, 3)]);
        for (kept, input, output) in [
            // A strip in the middle: its output's first two rows are the strip's before.
            (2, Region::part([40, 60], [0, 20], [40, 12]), Region::part([40, 60], [0, 19], [40, 12])),
            // The last strip, whose last row is the picture's.
            (3, Region::part([40, 60], [0, 50], [40, 10]), Region::part([40, 60], [0, 48], [40, 12])),
            // A band of columns.
            (1, Region::part([70, 60], [3, 20], [40, 40]), Region::part([70, 60], [4, 20], [38, 40])),
        ] {
            for plan in plans::convolutions(images, layer, [input, output], kept).unwrap() {
                hold(Subject::all(), &plan, &parameters);
            }
        }
    }
}

#[test]
fn relus_and_pools() {
    let strip = |rows: u32, first: u32| Region::part([33, 50], [0, first], [33, rows]);
    // A tensor with other readers holds more than a ReLU needs, on every side.
    let more = Region::part([33, 50], [2, 17], [30, 15]);
    let relus = [
        [strip(9, 20), strip(9, 20), strip(11, 18)],
        [more, strip(11, 18), Region::part([33, 50], [5, 18], [20, 11])],
    ];
    let relus = relus.into_iter().flat_map(|regions| plans::activations(2, 3, regions, 2).unwrap());
    let pooled = |rows: u32, first: u32| Region::part([16, 25], [0, first], [16, rows]);
    let pools = [(2, 3, [strip(12, 19), pooled(6, 9)], 1), (1, 64, [strip(4, 20), pooled(4, 8)], 2)];
    let pools = pools
        .into_iter()
        .flat_map(|(images, channels, regions, kept)| plans::pools(images, channels, regions, kept).unwrap());
    for plan in relus.chain(pools) {
        hold(Subject::backends(), &plan, &parameters(vec![]));
    }
}

/// From a strip's last rows to what is kept, and from there to the top of the next one.
#[test]
fn copies() {
    let copy = |images: u32, channels: u32, from: Region, to: Region| {
        let plan = one_step(Operation::Copy, &[(images, channels, from)], &[(images, channels, to)]);
        hold(Subject::backends(), &plan, &parameters(vec![]));
    };
    let strip = Region::part([33, 50], [0, 20], [33, 12]);
    for (images, channels) in [(1, 1), (2, 3), (2, 64)] {
        let kept = Region::part([33, 50], [0, 30], [33, 2]);
        copy(images, channels, strip, kept);
        copy(images, channels, kept, Region::part([33, 50], [0, 30], [33, 15]));
    }
    copy(1, 3, Region::part([60, 9], [7, 0], [30, 9]), Region::part([60, 9], [20, 4], [40, 3]));
}

#[test]
fn steps_that_keep_all_or_share_nothing_are_refused() {
    let refuse = |operation, inputs: &[Region], output: Region, kept: u32| {
        let mut plan = Builder::new();
        let reads: Vec<_> = inputs.iter().map(|region| plan.tensor("input", 1, 3, *region)).collect();
        let to = plan.tensor("output", 1, 3, output);
        plan.step(Step::new("the step", operation, reads, [to]).keeping(kept));
        plan.finish().unwrap_err().to_string()
    };
    let strip = Region::part([33, 50], [0, 20], [33, 12]);
    assert!(refuse(Operation::Relu, &[strip; 2], strip, 12).contains("all 12 rows are kept"));
    let lacking = Region::part([33, 50], [0, 21], [33, 11]);
    assert!(refuse(Operation::Relu, &[lacking, strip], strip, 0).contains("do not fit"));
    assert!(refuse(Operation::Relu, &[strip, lacking], strip, 0).contains("do not fit"));
    let elsewhere = Region::part([33, 50], [0, 40], [33, 5]);
    assert!(refuse(Operation::Copy, &[strip], elsewhere, 0).contains("do not fit"));
    assert!(refuse(Operation::Copy, &[strip], strip, 1).contains("do not fit"));
}
