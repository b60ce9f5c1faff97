//! `shaders/copy.wgsl` and `src/cpu/fast/copy.rs` against `src/cpu/twin/copy.rs`, and every kernel that leaves rows at
//! its output's top as they are: what strips of a picture keep for each other.

use perceptual_loss::{
    Tuning,
    low_level::{
        cpu::Executor,
        gpu,
        plan::{Builder, Operation, Region, Step},
    },
    network::Layer,
};

use crate::common::{
    Bounds, Subject, bounds, compare, context, convolution, features, keeping_step, parameters,
};

/// A step whose output's first `kept` rows are there, through everything that computes: against the twin, and the kept
/// rows as they were.
fn hold(images: u32, operation: Operation, input: (u32, Region), output: (u32, Region), kept: u32) {
    let layers = match operation {
        Operation::Conv3x3 { layer, .. } => vec![convolution(layer, 3)],
        _ => vec![],
    };
    let parameters = parameters(layers);
    // The output is given before it is written: memory that no other tensor shares.
    let plan = keeping_step(images, operation, input, output, kept);
    let values = features(u64::from(kept) + 1, plan.tensors()[0].elements());
    let there = features(99, plan.tensors()[1].elements());
    let run = |mut executor: Executor| {
        executor.write(1, &there).unwrap();
        executor.write(0, &values).unwrap();
        executor.run(0..1, &[]).unwrap();
        executor
    };

    let of_twin = run(Executor::twin(plan.clone(), parameters.clone()).unwrap());
    let expected = of_twin.read(1).unwrap();
    let [width, height] = output.1.extent.map(|side| side as usize);
    for (plane, before) in expected.chunks(width * height).zip(there.chunks(width * height)) {
        let kept = kept as usize * width;
        assert_eq!(plane[..kept], before[..kept], "the twin keeps what is kept");
    }
    // What is kept has no part in the bounds.
    let bounds = match operation {
        Operation::Conv3x3 { .. } => bounds(&of_twin, &parameters, 0),
        _ => Bounds::Bits,
    };

    let of_cpu = run(Executor::fast(plan.clone(), &parameters).unwrap());
    compare(&of_cpu.read(1).unwrap(), &expected, &bounds)
        .unwrap_or_else(|what| panic!("cpu, {operation:?}, {output:?}: {what}"));

    for tuning in Tuning::all() {
        let of_gpu =
            gpu::Executor::with_tunings(context(), plan.clone(), parameters.clone(), tuning).unwrap();
        of_gpu.write(1, &there).unwrap();
        of_gpu.write(0, &values).unwrap();
        of_gpu.run(0..1, &[]).unwrap();
        let bounds = Subject::Gpu(tuning).bounds(bounds.clone());
        compare(&of_gpu.read_blocking(1).unwrap(), &expected, &bounds)
            .unwrap_or_else(|what| panic!("gpu.{tuning}, {operation:?}, {output:?}: {what}"));
    }
}

#[test]
fn convolutions() {
    for (images, relu) in [(1, false), (2, true)] {
        let layer = Layer::conv("conv", 0, 5, 9);
        let operation = Operation::Conv3x3 { layer, relu };
        // A strip in the middle: its output's first two rows are the strip's before.
        let input = Region::part([40, 60], [0, 20], [40, 12]);
        hold(images, operation, (5, input), (9, Region::part([40, 60], [0, 19], [40, 12])), 2);
        // The last strip, whose last row is the picture's.
        let input = Region::part([40, 60], [0, 50], [40, 10]);
        hold(images, operation, (5, input), (9, Region::part([40, 60], [0, 48], [40, 12])), 3);
        // A band of columns.
        let input = Region::part([70, 60], [3, 20], [40, 40]);
        hold(images, operation, (5, input), (9, Region::part([70, 60], [4, 20], [38, 40])), 1);
    }
}

#[test]
fn relus_and_pools() {
    hold(
        2,
        Operation::Relu,
        (3, Region::part([33, 50], [0, 20], [33, 9])),
        (3, Region::part([33, 50], [0, 18], [33, 11])),
        2,
    );
    // A tensor with other readers holds more than a ReLU needs, on every side.
    let more = Region::part([33, 50], [2, 17], [30, 15]);
    hold(2, Operation::Relu, (3, more), (3, Region::part([33, 50], [5, 18], [20, 11])), 2);
    let pooled = |rows: u32, first: u32| Region::part([16, 25], [0, first], [16, rows]);
    hold(2, Operation::MaxPool, (3, Region::part([33, 50], [0, 19], [33, 12])), (3, pooled(6, 9)), 1);
    hold(1, Operation::MaxPool, (64, Region::part([33, 50], [0, 20], [33, 4])), (64, pooled(4, 8)), 2);
}

/// From a strip's last rows to what is kept, and from there to the top of the next one.
#[test]
fn copies() {
    let strip = Region::part([33, 50], [0, 20], [33, 12]);
    for (images, channels) in [(1, 1), (2, 3), (2, 64)] {
        let kept = Region::part([33, 50], [0, 30], [33, 2]);
        hold(images, Operation::Copy, (channels, strip), (channels, kept), 0);
        hold(
            images,
            Operation::Copy,
            (channels, kept),
            (channels, Region::part([33, 50], [0, 30], [33, 15])),
            0,
        );
    }
    hold(
        1,
        Operation::Copy,
        (3, Region::part([60, 9], [7, 0], [30, 9])),
        (3, Region::part([60, 9], [20, 4], [40, 3])),
        0,
    );
}

#[test]
fn steps_that_keep_all_or_share_nothing_are_refused() {
    let refuse = |operation, input: Region, output: Region, kept: u32| {
        let mut plan = Builder::new();
        let from = plan.tensor("input", 1, 3, input);
        let to = plan.tensor("output", 1, 3, output);
        plan.step(Step::new("the step", operation, [from], [to]).keeping(kept));
        plan.finish().unwrap_err().to_string()
    };
    let strip = Region::part([33, 50], [0, 20], [33, 12]);
    assert!(refuse(Operation::Relu, strip, strip, 12).contains("all 12 rows are kept"));
    let lacking = Region::part([33, 50], [0, 21], [33, 11]);
    assert!(refuse(Operation::Relu, lacking, strip, 0).contains("do not fit"));
    assert!(
        refuse(Operation::Copy, strip, Region::part([33, 50], [0, 40], [33, 5]), 0).contains("do not fit")
    );
    assert!(refuse(Operation::Copy, strip, strip, 1).contains("do not fit"));
}
