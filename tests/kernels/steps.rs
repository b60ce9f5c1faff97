//! A whole network, step by step: each step on the GPU and on the CPU, given the tensor that the twin's previous steps made, is
//! held against the twin's, so that each is judged alone and the first one that is wrong is the one named.

use std::sync::Arc;

use perceptual_loss::{
    Image, Preset, Tuning, Weights,
    cpu::{fast, twin},
    gpu,
    plan::{Operation, Plan},
};

use crate::common::{Rng, bounds, compare, compare_sums, context};

#[test]
fn vgg19_step_by_step() {
    const SIZE: [u32; 2] = [40, 24];
    let config = Preset::Vgg19.config();
    let plan_of = |tuning| Plan::new(&config, SIZE[0], SIZE[1], 2, tuning).unwrap();
    let depth = config.tap_positions().unwrap().last().unwrap().0 + 1;
    let parameters = Arc::new(Weights::seeded(1).load(config.network, depth).unwrap());
    let mut rng = Rng::new(1);
    let pixels: [Vec<u8>; 2] =
        std::array::from_fn(|_| (0..SIZE[0] * SIZE[1] * 3).map(|_| rng.bits() as u8).collect());
    let pictures = [0, 1].map(|i| Image::rgb8(&pixels[i], SIZE[0], SIZE[1]));

    let plan = plan_of(Tuning::Direct);
    let mut twin = twin::Executor::new(plan.clone(), Arc::clone(&parameters));
    twin.run(0..plan.steps.len(), &pictures).unwrap();
    let executors = Tuning::ALL
        .map(|tuning| gpu::Executor::new(context(), plan_of(tuning), Arc::clone(&parameters)).unwrap());
    let mut cpu = fast::Executor::new(plan.clone(), &parameters);

    println!(
        "{:20} {} {:>10}",
        "step",
        Tuning::ALL.map(|tuning| format!("{:>10}", tuning.name())).join(" "),
        "cpu"
    );
    for (i, step) in plan.steps.iter().enumerate() {
        let bounds = bounds(&twin, &parameters, i);
        let differences = executors.each_ref().map(|executor| {
            if let Some(input) = step.input {
                executor.write(input, twin.read(input)).unwrap();
            }
            executor.run(i..i + 1, &pictures).unwrap();
            let judged = match (step.operation, step.output) {
                (Operation::Difference { tap, .. }, _) => {
                    compare_sums(&executor.sums_blocking().unwrap()[tap], &twin.sums()[tap])
                }
                (_, Some(output)) => {
                    compare(&executor.read_blocking(output).unwrap(), twin.read(output), &bounds)
                }
                _ => Err("it writes nothing".to_owned()),
            };
            let tuning = executor.plan().steps[i].operation;
            judged.unwrap_or_else(|what| panic!("step {i}, '{}', {tuning:?}: {what}", step.name))
        });
        if let Some(input) = step.input {
            cpu.write(input, twin.read(input)).unwrap();
        }
        cpu.run(i..i + 1, &pictures).unwrap();
        let judged = match (step.operation, step.output) {
            (Operation::Difference { tap, .. }, _) => compare_sums(&cpu.sums()[tap], &twin.sums()[tap]),
            (_, output) => compare(&cpu.read(output.unwrap()), twin.read(output.unwrap()), &bounds),
        };
        let on_cpu = judged.unwrap_or_else(|what| panic!("step {i}, '{}', on the CPU: {what}", step.name));
        let on_gpu = differences.map(|largest| format!("{largest:10.1e}")).join(" ");
        println!("{:20} {on_gpu} {on_cpu:10.1e}", step.name);
    }
}
