//! `shaders/gram.wgsl` with its second stage `gram.sum.wgsl`, `gram.gradient.wgsl` and `src/cpu/fast/gram.rs` against the twins.

use perceptual_loss::low_level::{
    cpu::Executor,
    doctor::{GRAM, GRAM_GRADIENT, plans},
    plan::{Plan, Region, TensorId},
};

use crate::common::{AnyExecutor, Subject, bounds, compare, features, parameters, sizes};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

fn part(origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region::part([40, 30], origin, extent)
}

/// A plan's executors, which have run all of it; and the twin.
fn run(plan: &Plan, inputs: &[(TensorId, Vec<f32>)]) -> (Vec<(Subject, AnyExecutor)>, Executor) {
    run_from(plan, inputs, None)
}

/// The same from matrices that begin so, shape (C, C).
fn run_from(
    plan: &Plan,
    inputs: &[(TensorId, Vec<f32>)],
    begun: Option<&[f32]>,
) -> (Vec<(Subject, AnyExecutor)>, Executor) {
    let mut twin = Executor::twin(plan.clone(), parameters(vec![])).unwrap();
    begun.into_iter().for_each(|begun| twin.begin_matrices(0, begun).unwrap());
    for (tensor, values) in inputs {
        twin.write(*tensor, values).unwrap();
    }
    twin.run(0..plan.steps().len(), &[]).unwrap();
    let of_subject = |subject: Subject| {
        let mut executor = subject.executor(plan, &parameters(vec![]));
        begun.into_iter().for_each(|begun| executor.begin_matrices(0, begun).unwrap());
        for (tensor, values) in inputs {
            executor.write(*tensor, values).unwrap();
        }
        executor.run(0..plan.steps().len(), &[]).unwrap();
        (subject, executor)
    };
    (Subject::backends().map(of_subject).collect(), twin)
}

/// Of pictures that differ much and of such that hardly do, in turn; around tiles of 32 channels and chunks of 4096 positions.
#[test]
fn sums_of_squares() {
    let mut shapes: Vec<_> =
        sizes("1x1 1x9 3x5 17x33 65x63 64x64 91x47").into_iter().map(|size| [whole(size); 2]).collect();
    shapes.push([part([2, 5], [30, 20]), part([5, 6], [21, 12]).with_halo([2, 1, 3, 4])]);
    let mut largest = 0.0f64;
    for (i, regions) in shapes.into_iter().enumerate() {
        let (images, channels) = (1 + i as u32 % 3, [3, 7, 64, 67, 32, 33][i % 6]);
        for (seed, plan) in plans::matrices(images, channels, regions).unwrap().into_iter().enumerate() {
            let inputs = plans::given(&plan, seed as u64, features);
            let (executors, twin) = run(&plan, &inputs);
            for (subject, executor) in executors {
                let sums = executor.sums().unwrap().concat();
                for (image, (sum, twin)) in sums.iter().zip(twin.sums().concat()).enumerate() {
                    let error = (sum - twin).abs() / twin;
                    assert!(error <= GRAM, "{subject}, {i} {seed} {image}: {sum} and {twin}");
                    largest = largest.max(error);
                }
            }
        }
    }
    println!("gram: largest difference {largest:.2e}, allowed {GRAM:e}");
}

/// Two channels at two positions: the generated picture has (1, 2) and (3, 0), the target (1, 0) and (0, 2). The matrices are
/// (10, 2; 2, 4) and (1, 0; 0, 4), a quarter of it: they differ by (9, 2; 2, 0) / 4.
#[test]
fn matrices_by_hand() {
    let plan = plans::matrices(1, 2, [whole([2, 1]); 2]).unwrap().remove(0);
    let inputs = [(0, vec![0.0, 3.0, 2.0, -2.0]), (1, vec![1.0, 0.0, 0.0, 2.0])];
    let (executors, twin) = run(&plan, &inputs);
    let expected = (81.0 + 4.0 + 4.0) / 16.0;
    assert_eq!(twin.sums(), [[expected]]);
    for (subject, executor) in executors {
        assert_eq!(executor.sums().unwrap(), [[expected]], "{subject}");
    }
}

/// By hand, the same from matrices that begin with (1, -2; -2, 4) / 4: they come to (10, 0; 0, 4) / 4.
#[test]
fn matrices_that_begin_with_a_style_by_hand() {
    let plan = plans::matrices(1, 2, [whole([2, 1]); 2]).unwrap().remove(0);
    let inputs = [(0, vec![0.0, 3.0, 2.0, -2.0]), (1, vec![1.0, 0.0, 0.0, 2.0])];
    let begun = [0.25, -0.5, -0.5, 1.0];
    let (executors, twin) = run_from(&plan, &inputs, Some(&begun));
    let expected = (100.0 + 16.0) / 16.0;
    assert_eq!(twin.sums(), [[expected]]);
    for (subject, executor) in executors {
        assert_eq!(executor.sums().unwrap(), [[expected]], "{subject}");
    }

    let (plan, made) = plans::matrix_gradients(1, 2, [whole([2, 1]); 3]).unwrap().remove(0);
    let (executors, twin) = run_from(&plan, &inputs, Some(&begun));
    // The weight of this plan's tap is C² C = 8: 4 * 8 / 4 / 4 = 2, times (10, 4) / 4 a channel, times (1, 3) and (2, 0).
    let expected = [5.0, 15.0, 4.0, 0.0];
    assert_eq!(twin.read(made).unwrap(), expected);
    for (subject, executor) in executors {
        assert_eq!(executor.read(made).unwrap(), expected, "{subject}");
    }
}

/// Of several images, all of which begin with the same.
#[test]
fn matrices_begin_with_a_style() {
    let mut shapes: Vec<_> = sizes("1x1 3x5 65x63 91x47").into_iter().map(|size| [whole(size); 2]).collect();
    shapes.push([part([2, 5], [30, 20]), part([5, 6], [21, 12]).with_halo([2, 1, 3, 4])]);
    let mut largest = 0.0f64;
    for (i, regions) in shapes.into_iter().enumerate() {
        let (images, channels) = (1 + i as u32 % 3, [3, 67, 32, 33, 7][i % 5]);
        // Of the order of what the matrices differ by.
        let begun: Vec<f32> = features(i as u64, u64::from(channels).pow(2));
        let begun: Vec<f32> = begun.iter().map(|value| value / channels as f32).collect();
        for (seed, plan) in plans::matrices(images, channels, regions).unwrap().into_iter().enumerate() {
            let inputs = plans::given(&plan, seed as u64, features);
            let (executors, twin) = run_from(&plan, &inputs, Some(&begun));
            for (subject, executor) in executors {
                for (sum, twin) in executor.sums().unwrap().concat().iter().zip(twin.sums().concat()) {
                    let error = (sum - twin).abs() / twin;
                    assert!(error <= GRAM, "{subject}, {i} {seed}: {sum} and {twin}");
                    largest = largest.max(error);
                }
            }
        }
    }
    println!("gram from a style: largest difference {largest:.2e}, allowed {GRAM:e}");
}

#[test]
fn what_no_matrix_begins_with_is_an_error() {
    let plan = plans::matrices(1, 2, [whole([2, 1]); 2]).unwrap().remove(0);
    let (executors, mut twin) = run(&plan, &plans::given(&plan, 1, features));
    for (tap, values) in [(0, 3), (1, 4)] {
        assert!(twin.begin_matrices(tap, &vec![0.0; values]).is_err());
    }
    for (subject, mut executor) in executors {
        for (tap, values) in [(0, 3), (1, 4)] {
            let error = executor.begin_matrices(tap, &vec![0.0; values]).unwrap_err();
            assert!(
                error.to_string().contains(&format!("no Gram matrix of {values} values")),
                "{subject}: {error}"
            );
        }
    }
}

/// Equal features give exactly 0, and their gradient is that which was there.
#[test]
fn nothing_comes_of_nothing() {
    for (plan, made) in plans::matrix_gradients(2, 35, [whole([9, 7]); 3]).unwrap() {
        let mut inputs = plans::given(&plan, 3, features);
        inputs[0].1.fill(0.0);
        let (executors, twin) = run(&plan, &inputs);
        for (subject, executor) in executors {
            assert_eq!(executor.sums().unwrap(), [[0.0; 2]], "{subject}");
            assert!(executor.read(made).unwrap() == twin.read(made).unwrap(), "{subject}");
        }
    }
}

/// Masks, gradients that are there; of a target of its own and of that of all.
#[test]
fn gradients_of_matrices() {
    let mut shapes: Vec<_> =
        sizes("1x1 3x5 17x33 33x31 65x1").into_iter().map(|size| [whole(size); 3]).collect();
    shapes.push([part([2, 5], [30, 20]), part([5, 5], [26, 16]), part([6, 5], [21, 12])]);
    let mut largest = 0.0f64;
    for (i, regions) in shapes.into_iter().enumerate() {
        let (images, channels) = (1 + i as u32 % 3, [2, 7, 64, 35][i % 4]);
        for (seed, (plan, made)) in
            plans::matrix_gradients(images, channels, regions).unwrap().into_iter().enumerate()
        {
            let inputs = plans::given(&plan, seed as u64, features);
            let (executors, twin) = run(&plan, &inputs);
            let (expected, bounds) = (twin.read(made).unwrap(), bounds(&twin, &parameters(vec![]), 1));
            for (subject, executor) in executors {
                let judged = compare(&executor.read(made).unwrap(), &expected, &bounds[0]);
                largest = largest.max(judged.unwrap_or_else(|what| panic!("{subject}, {i} {seed}: {what}")));
            }
        }
    }
    println!("gram.gradient: largest difference {largest:.2e}, allowed {GRAM_GRADIENT:e}");
}
