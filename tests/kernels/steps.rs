//! A whole network, step by step: each step on the GPU and on the CPU, given the tensors that the twin's previous steps
//! made, is held against the twin's, so that each is judged alone and the first one that is wrong is the one named.

use std::sync::Arc;

use perceptual_loss::{
    Image, Preset, Weights,
    low_level::{
        cpu::Executor,
        doctor,
        plan::{Maps, Operation, Plan, Step},
    },
    network::Layer,
};

use crate::common::{Rng, Subject, bounds, compare_sums};

const SIZE: [u32; 2] = [40, 24];

/// Pictures of two pairs: of noise and noise, and of noise and the same with one value that is a level off.
fn pictures() -> [Vec<u8>; 4] {
    let mut rng = Rng::new(1);
    let mut noise = || -> Vec<u8> { (0..SIZE[0] * SIZE[1] * 3).map(|_| rng.bits() as u8).collect() };
    let [far, target, near] = [noise(), noise(), noise()];
    let mut off = near.clone();
    off[SIZE[0] as usize * 3 * 11 + 60] ^= 1;
    [far, target, off, near]
}

#[test]
fn vgg19_step_by_step() {
    let config = Preset::Vgg19.config();
    let plan = Plan::new(&config, SIZE[0], SIZE[1], 2).unwrap();
    let depth = config.tap_positions().unwrap().last().unwrap().0 + 1;
    let parameters = Arc::new(Weights::seeded(1).load(config.network, depth).unwrap());
    let pixels = pictures();
    let pictures = pixels.each_ref().map(|pixels| Image::rgb8(pixels, SIZE[0], SIZE[1]));

    let mut twin = Executor::twin(plan.clone(), Arc::clone(&parameters)).unwrap();
    twin.run(0..plan.steps().len(), &pictures).unwrap();
    let mut executors: Vec<_> =
        Subject::all().map(|subject| (subject, subject.executor(&plan, &parameters))).collect();

    let names: Vec<_> = executors.iter().map(|(subject, _)| format!("{:>12}", subject.to_string())).collect();
    println!("{:20} {}", "step", names.join(" "));
    for (i, step) in plan.steps().iter().enumerate() {
        let bounds = bounds(&twin, &parameters, i);
        let mut differences = vec![];
        for (subject, executor) in &mut executors {
            for &id in &step.reads {
                executor.write(id, &twin.read(id).unwrap()).unwrap();
            }
            executor.run(i..i + 1, &pictures).unwrap();
            let results: Vec<_> = step.writes.iter().map(|&id| executor.read(id).unwrap()).collect();
            let bounds = subject.bounds(step.operation, &bounds);
            let breaks_ties = |layer: &Layer| executor.breaks_ties(layer);
            let maps = doctor::judge(&twin, &parameters, i, &results, &bounds, breaks_ties).unwrap();
            let judged = match step.operation {
                Operation::Difference { tap, .. } => {
                    compare_sums(&executor.sums().unwrap()[tap], &twin.sums()[tap])
                }
                _ if maps.is_empty() => Err("it writes nothing".to_owned()),
                _ => maps.into_iter().collect::<doctor::Deviation>().into_result(),
            };
            let largest =
                judged.unwrap_or_else(|what| panic!("step {i}, '{}', {subject}: {what}", step.name));
            differences.push(format!("{largest:12.1e}"));
        }
        println!("{:20} {}", step.name, differences.join(" "));
    }
}

/// The map of a step that is a difference, if it makes one.
fn difference_of(step: &Step) -> Option<usize> {
    match step.operation {
        Operation::Pixels { maps, .. }
        | Operation::Conv3x3 { maps, .. }
        | Operation::MaxPool { maps, .. } => (maps != Maps::Target).then(|| step.writes.last().copied())?,
        Operation::Relu => step.output(),
        _ => None,
    }
}

/// A picture's difference from itself is exactly 0 at every step, and so is each loss.
#[test]
fn identical_pictures_differ_by_nothing_at_every_step() {
    let config = Preset::Vgg19.config();
    let plan = Plan::new(&config, SIZE[0], SIZE[1], 1).unwrap();
    let depth = config.tap_positions().unwrap().last().unwrap().0 + 1;
    let parameters = Arc::new(Weights::seeded(1).load(config.network, depth).unwrap());
    let [noise, ..] = pictures();
    let flat = vec![77; noise.len()];
    for subject in Subject::all() {
        let mut executor = subject.executor(&plan, &parameters);
        for pixels in [&noise, &flat] {
            let picture = Image::rgb8(pixels, SIZE[0], SIZE[1]);
            let mut steps = 0;
            for (i, step) in plan.steps().iter().enumerate() {
                executor.run(i..i + 1, &[picture; 2]).unwrap();
                let Some(id) = difference_of(step) else { continue };
                steps += 1;
                let difference = executor.read(id).unwrap();
                assert!(difference.iter().all(|d| *d == 0.0), "{subject}, step {i}, '{}'", step.name);
            }
            assert_eq!(steps, plan.steps().len() - plan.taps().len(), "steps that make a difference");
            assert!(executor.sums().unwrap().iter().all(|tap| *tap == [0.0]), "{subject}");
        }
    }
}
