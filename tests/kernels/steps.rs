//! A whole network, step by step: each step on the GPU and on the CPU, given the tensor that the twin's previous steps made, is
//! held against the twin's, so that each is judged alone and the first one that is wrong is the one named.

use std::sync::Arc;

use perceptual_loss::{
    Image, Preset, Tuning, Weights,
    low_level::{
        cpu::Executor,
        gpu,
        plan::{Operation, Plan},
    },
};

use crate::common::{Rng, Subject, bounds, compare, compare_sums, context};

#[test]
fn vgg19_step_by_step() {
    const SIZE: [u32; 2] = [40, 24];
    let config = Preset::Vgg19.config();
    let plan = Plan::new(&config, SIZE[0], SIZE[1], 2).unwrap();
    let depth = config.tap_positions().unwrap().last().unwrap().0 + 1;
    let parameters = Arc::new(Weights::seeded(1).load(config.network, depth).unwrap());
    let mut rng = Rng::new(1);
    let pixels: [Vec<u8>; 2] =
        std::array::from_fn(|_| (0..SIZE[0] * SIZE[1] * 3).map(|_| rng.bits() as u8).collect());
    let pictures = [0, 1].map(|i| Image::rgb8(&pixels[i], SIZE[0], SIZE[1]));

    let mut twin = Executor::twin(plan.clone(), Arc::clone(&parameters)).unwrap();
    twin.run(0..plan.steps().len(), &pictures).unwrap();
    let on_gpu = |tuning: Tuning| {
        let executor = gpu::Executor::with_tunings(context(), plan.clone(), Arc::clone(&parameters), tuning);
        (tuning, executor.unwrap())
    };
    let executors: Vec<_> = Tuning::all().into_iter().map(on_gpu).collect();
    let mut cpu = Executor::fast(plan.clone(), &parameters).unwrap();

    let names: Vec<_> = executors.iter().map(|(tuning, _)| format!("{tuning:>10}")).collect();
    println!("{:20} {} {:>10}", "step", names.join(" "), "cpu");
    for (i, step) in plan.steps().iter().enumerate() {
        let bounds = bounds(&twin, &parameters, i);
        let input = step.input().map(|input| (input, twin.read(input).unwrap()));
        let mut differences = vec![];
        for (tuning, executor) in &executors {
            if let Some((input, values)) = &input {
                executor.write(*input, values).unwrap();
            }
            executor.run(i..i + 1, &pictures).unwrap();
            let judged = match (step.operation, step.output()) {
                (Operation::Difference { tap, .. }, _) => {
                    compare_sums(&executor.sums_blocking().unwrap()[tap], &twin.sums()[tap])
                }
                (_, Some(output)) => {
                    let result = executor.read_blocking(output).unwrap();
                    let bounds = Subject::Gpu(*tuning).bounds(bounds.clone());
                    compare(&result, &twin.read(output).unwrap(), &bounds)
                }
                _ => Err("it writes nothing".to_owned()),
            };
            let largest = judged.unwrap_or_else(|what| panic!("step {i}, '{}', {tuning}: {what}", step.name));
            differences.push(format!("{largest:10.1e}"));
        }
        if let Some((input, values)) = &input {
            cpu.write(*input, values).unwrap();
        }
        cpu.run(i..i + 1, &pictures).unwrap();
        let judged = match (step.operation, step.output()) {
            (Operation::Difference { tap, .. }, _) => compare_sums(&cpu.sums()[tap], &twin.sums()[tap]),
            (_, output) => {
                let [result, twin] = [&cpu, &twin].map(|executor| executor.read(output.unwrap()).unwrap());
                compare(&result, &twin, &bounds)
            }
        };
        let on_cpu = judged.unwrap_or_else(|what| panic!("step {i}, '{}', on the CPU: {what}", step.name));
        println!("{:20} {} {on_cpu:10.1e}", step.name, differences.join(" "));
    }
}
