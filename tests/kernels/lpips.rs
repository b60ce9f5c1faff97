//! `shaders/lpips.wgsl`, `lpips.gradient.wgsl` and `src/cpu/fast/lpips.rs` against the twins.

use std::sync::Arc;

use perceptual_loss::{
    low_level::{
        cpu::Executor,
        doctor::{self, LPIPS, plans, values::channel_weights},
        plan::{Plan, Region},
    },
    weights::Parameters,
};

use crate::common::{self, Subject, features, sizes};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

fn part(origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region::part([40, 30], origin, extent)
}

fn weights(channels: u32, seed: u64) -> Arc<Parameters> {
    Arc::new(channel_weights(plans::LAYER, channels, seed))
}

/// The sums of a plan's first step, each tap's images one after another, on what computes; and on the twin.
fn sums(
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
) -> Vec<(Subject, Vec<f64>, Vec<f64>)> {
    let mut twin = Executor::twin(plan.clone(), Arc::clone(parameters)).unwrap();
    for (tensor, values) in inputs.iter().enumerate() {
        twin.write(tensor, values).unwrap();
    }
    twin.run(0..1, &[]).unwrap();
    let of_subject = |subject: Subject| {
        let mut executor = subject.executor(plan, parameters);
        for (tensor, values) in inputs.iter().enumerate() {
            executor.write(tensor, values).unwrap();
        }
        executor.run(0..1, &[]).unwrap();
        (subject, executor.sums().unwrap().concat(), twin.sums().concat())
    };
    Subject::backends().map(of_subject).collect()
}

/// Of pictures that differ much and of such that hardly do, in turn: what they differ by keeps its digits.
#[test]
fn sums_of_distances() {
    let mut shapes: Vec<_> = sizes("1x1 1x9 9x1 3x5 17x33 31x32 63x1 65x1 64x64")
        .into_iter()
        .map(|size| [whole(size); 2])
        .collect();
    shapes.push([part([2, 5], [30, 20]), part([5, 6], [21, 12]).with_halo([2, 1, 3, 4])]);
    let mut largest = 0.0f64;
    for (i, regions) in shapes.into_iter().enumerate() {
        let (images, channels) = (1 + i as u32 % 3, [1, 7, 64, 67, 8][i % 5]);
        let parameters = weights(channels, i as u64);
        for (seed, plan) in plans::distances(images, channels, regions).unwrap().into_iter().enumerate() {
            let inputs = plans::inputs(&plan, seed as u64, features);
            for (subject, sums, twin) in sums(&plan, &parameters, &inputs) {
                for (image, (sum, twin)) in sums.iter().zip(&twin).enumerate() {
                    let error = (sum - twin).abs() / twin;
                    // Of one channel only the sign counts: of equal signs the twin has nothing but roundings.
                    let nothing = channels == 1 && (sum - twin).abs() < 1e-12;
                    assert!(nothing || error <= LPIPS, "{subject}, {i} {seed} {image}: {sum} and {twin}");
                    largest = if nothing { largest } else { largest.max(error) };
                }
            }
        }
    }
    println!("lpips: largest difference {largest:.2e}, allowed {LPIPS:e}");
}

/// Two channels at three positions: (3, 4) and (4, 3), which are (0.6, 0.8) and (0.8, 0.6); twice (3, 4); and none and (0, 5).
#[test]
fn distances_by_hand() {
    let plan = plans::distances(1, 2, [whole([3, 1]); 2]).unwrap().remove(0);
    let parameters = Parameters::new(vec![], "by hand").with_channel_weights(plans::LAYER, vec![1.0, 2.0]);
    let inputs = [vec![1.0, 0.0, 0.0, -1.0, 0.0, 5.0], vec![3.0, 3.0, 0.0, 4.0, 4.0, 0.0]];
    let expected = 0.04 + 2.0 * 0.04 + 2.0;
    for (subject, sums, twin) in sums(&plan, &Arc::new(parameters), &inputs) {
        for sum in [sums[0], twin[0]] {
            assert!((sum - expected).abs() < 1e-6, "{subject}: {sum} where {expected} is right");
        }
    }
}

/// Equal vectors, zeros among them, give exactly 0, and so does their gradient; vectors that become zeros have none.
#[test]
fn nothing_comes_of_nothing() {
    let (channels, regions) = (35, [whole([9, 7]); 2]);
    let parameters = weights(channels, 1);
    for plan in plans::distances(2, channels, regions).unwrap() {
        let mut inputs = plans::inputs(&plan, 3, features);
        inputs[0].fill(0.0);
        if let Some(target) = inputs.get_mut(1) {
            target[..200].fill(0.0);
        }
        for (subject, sums, _) in sums(&plan, &parameters, &inputs) {
            assert_eq!(sums, [0.0; 2], "{subject}");
        }
    }
    for plan in plans::distance_gradients(2, channels, [whole([9, 7]); 3], 0).unwrap() {
        let mut inputs = plans::inputs(&plan, 3, features);
        if inputs.len() > 2 {
            continue;
        }
        for of_target in [0.0, -1.0f32] {
            // What the generated picture has is the target's, or nothing.
            let generated = inputs[1].iter().cycle().map(|value| of_target * value);
            inputs[0] = generated.take(inputs[0].len()).collect();
            for subject in Subject::backends() {
                let gradient = subject.run(&plan, &parameters, &inputs, &[]).remove(0);
                assert!(gradient.iter().all(|value| *value == 0.0), "{subject}, {of_target}");
            }
        }
    }
}

/// Masks, gradients that are there; of a target of its own and of that of all.
#[test]
fn gradients_of_distances() {
    let parts = [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])];
    let mut shapes: Vec<_> =
        sizes("1x1 3x5 17x33 31x32 65x1").into_iter().map(|size| [whole(size); 3]).collect();
    shapes.push(parts);
    let mut largest = 0.0f64;
    for (i, regions) in shapes.into_iter().enumerate() {
        let (images, channels) = (1 + i as u32 % 3, [2, 7, 64, 35][i % 4]);
        let parameters = weights(channels, i as u64);
        let plans = plans::distance_gradients(images, channels, regions, 0).unwrap();
        for (seed, plan) in plans.into_iter().enumerate() {
            let inputs = plans::inputs(&plan, seed as u64, features);
            let held = common::hold(Subject::backends(), &plan, &parameters, &inputs);
            largest = held.into_iter().fold(largest, f64::max);
        }
    }
    println!("lpips.gradient: largest difference {largest:.2e}, allowed {:e}", doctor::LPIPS_GRADIENT);
}
