//! `shaders/max_pool.wgsl`, `max_pool.difference.wgsl` and `src/cpu/fast/max_pool.rs` against
//! `src/cpu/twin/max_pool.rs`.

use perceptual_loss::{
    Tuning,
    low_level::{
        cpu::Executor,
        doctor,
        plan::{Builder, Maps, Operation, Plan, Region, Step},
    },
    network::Layer,
};

use crate::common::{
    self, Subject, bounds, convolution, described, features, hold_part, on_twin, one_step, parameters, plans,
    sizes, values, with_bounds,
};

fn hold(plans: impl IntoIterator<Item = Plan>, seed: u64) {
    for plan in plans {
        let given = plans::inputs(&plan, seed, values);
        common::hold(Subject::backends(), &plan, &parameters(vec![]), &given);
    }
}

/// Every form of a pool of whole maps.
fn whole(images: u32, channels: u32, width: u32, height: u32) -> Vec<Plan> {
    let regions = [Region::whole(width, height), Region::whole(width / 2, height / 2)];
    plans::pools(images, channels, regions, 0).unwrap()
}

#[test]
fn equal_in_every_value() {
    // The smallest, and odd sides, whose last row or column is dropped.
    let sizes = sizes("2x2 3x3 2x9 9x2 3x64 65x2 5x3 17x33 31x32 32x31 33x33 63x64 64x65 65x63");
    for (i, [width, height]) in sizes.into_iter().enumerate() {
        hold(whole(1 + i as u32 % 4, [3, 5, 64, 1][i / 4 % 4], width, height), i as u64);
    }
    hold(whole(2, 512, 5, 3), 0);
}

/// A large image's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    let through_relu =
        |plan: &Plan| matches!(plan.steps()[0].operation, Operation::MaxPool { input_relu: true, .. });
    hold(whole(1, 3, 2400, 2401).into_iter().filter(through_relu), 0);
}

/// A tile pools the same four positions as the whole does, wherever its input begins: at an odd position too.
#[test]
fn tiles_of_a_larger_picture() {
    let (images, channels, size, half) = (2, 3, [29, 18], [14, 9]);
    let none = parameters(vec![]);
    let whole = whole(images, channels, size[0], size[1]);
    let whole: Vec<_> =
        (whole.iter()).map(|plan| with_bounds(plan, &none, &plans::inputs(plan, 5, values))).collect();
    for (origin, extent) in
        [([0, 0], [5, 4]), ([5, 4], [9, 5]), ([13, 8], [1, 1]), ([3, 2], [4, 7]), ([0, 8], [14, 1])]
    {
        let output = Region::part(half, origin, extent).with_halo([0, 0, extent[0] / 3, extent[1] / 3]);
        for more in 0..3u32 {
            // `more` positions beyond what it needs, on each side where the picture has them.
            let first = [0, 1].map(|axis| (2 * origin[axis]).saturating_sub(more));
            let end = [0, 1].map(|axis| (2 * (origin[axis] + extent[axis]) + more).min(size[axis]));
            let input = Region::part(size, first, [end[0] - first[0], end[1] - first[1]]);
            let parts = plans::pools(images, channels, [input, output], 0).unwrap();
            for (whole, part) in whole.iter().zip(parts) {
                hold_part(Subject::backends(), whole, &part, &none);
            }
        }
    }
}

/// What becomes of a difference, by hand: the largest of the generated picture's window less the target's, however
/// small d is beside them. Equal values of the target tie; without an activation negative ones are the target's own.
#[test]
fn each_case_by_hand() {
    let none = parameters(vec![]);
    for (a, d, relu, plain) in [
        ([1.0, 2.0, 3.0, 4.0], [1e-20, 2e-20, 3e-20, 4e-20], 4e-20, 4e-20),
        ([4.0, 4.0, 4.0, 4.0], [1e-20, -2e-20, 3e-20, 0.0], 3e-20, 3e-20),
        // Another of them becomes the largest.
        ([4.0, 3.0, 2.0, 1.0], [-2.0, 0.5, 0.0, 0.0], -0.5, -0.5),
        ([4.0, 3.0, 2.0, 1.0], [-2.0, 0.0, 4.0, 0.0], 2.0, 2.0),
        // Through an activation whose result is 0 everywhere; d is then what the generated picture has.
        ([-1.0, -2.0, -3.0, -4.0], [0.0, 0.25, 0.5, 0.0], 0.5, 0.0),
        ([-1.0, 2.0, -3.0, 0.0], [0.0, -1.5, 1.0, 0.0], -1.0, -1.5),
    ] {
        for (input_relu, expected) in [(true, relu), (false, plain)] {
            let operation = Operation::MaxPool { maps: Maps::Difference, input_relu };
            let (from, to) = ((1, 1, Region::whole(2, 2)), (1, 1, Region::whole(1, 1)));
            let plan = one_step(operation, &[from; 2], &[to]);
            let given = [d.to_vec(), a.to_vec()];
            assert_eq!(on_twin(&plan, &none, &given).read(2).unwrap(), [expected], "{a:?}, {d:?}");
            for subject in Subject::backends() {
                let made = subject.run(&plan, &none, &given, &[]);
                assert_eq!(made, [[expected]], "{subject}, {a:?}, {d:?}");
            }
        }
    }
}

/// A difference of nothing is nothing, whatever the target is.
#[test]
fn no_difference_stays_none() {
    for plan in whole(2, 3, 17, 9) {
        let Operation::MaxPool { maps, .. } = plan.steps()[0].operation else { unreachable!() };
        if !maps.difference() {
            continue;
        }
        let place = usize::from(maps.target());
        let mut given = plans::inputs(&plan, 1, values);
        given[place].fill(0.0);
        for subject in Subject::backends() {
            let made = subject.run(&plan, &parameters(vec![]), &given, &[]);
            assert!(made[place].iter().all(|d| *d == 0.0), "{subject}, {}", described(&plan));
        }
    }
}

/// A flat picture's maps are all ties. Winograd's convolution breaks them by a few roundings, which are more than a
/// small difference is; pools behind it take values that all but tie as equal, and pools behind others take them as
/// they are.
#[test]
fn flat_maps_behind_each_convolution() {
    let layer = Layer::conv("conv", 0, 16, 64);
    let parameters = parameters(vec![convolution(layer, 1)]);
    let (whole, half) = (Region::whole(22, 18), Region::whole(11, 9));
    let mut plan = Builder::new();
    let [from, difference] = ["target", "difference"].map(|name| plan.tensor(name, 1, 16, whole));
    let made = ["target", "difference"].map(|name| plan.tensor(name, 1, 64, whole));
    let pooled = ["target", "difference"].map(|name| plan.tensor(name, 1, 64, half));
    let conv = Operation::Conv3x3 { layer, maps: Maps::Both, input_relu: false, relu: true };
    let pool = Operation::MaxPool { maps: Maps::Both, input_relu: true };
    plan.step(Step::new("conv", conv, [from, difference], made));
    plan.step(Step::new("pool", pool, made, pooled));
    let plan = plan.finish().unwrap();
    let flat: Vec<f32> = (0..16).flat_map(|channel| [0.1 + channel as f32 / 3.0; 22 * 18]).collect();
    let small: Vec<f32> = features(2, 16 * 22 * 18).into_iter().map(|value| value * 1e-9).collect();
    for subject in Subject::all() {
        let mut executor = subject.executor(&plan, &parameters);
        executor.write(from, &flat).unwrap();
        executor.write(difference, &small).unwrap();
        executor.run(0..2, &[]).unwrap();
        let mut twin = Executor::twin(plan.clone(), parameters.clone()).unwrap();
        for id in made {
            twin.write(id, &executor.read(id).unwrap()).unwrap();
        }
        twin.run(1..2, &[]).unwrap();
        let results = pooled.map(|id| executor.read(id).unwrap());
        let bounds = bounds(&twin, &parameters, 1);
        let breaks_ties = |layer: &Layer| executor.breaks_ties(layer);
        let held = doctor::judge(&twin, &parameters, 1, &results, &bounds, breaks_ties).unwrap();
        held.into_iter()
            .collect::<doctor::Deviation>()
            .into_result()
            .unwrap_or_else(|what| panic!("{subject}: {what}"));

        // Whether the rule was asked for, and whether it made anything of these maps.
        let is_winograds = [Subject::Gpu(Tuning::WINOGRAD), Subject::Cpu].contains(&subject);
        assert_eq!(executor.breaks_ties(&layer), is_winograds, "{subject}");
        assert_eq!(results[1] != twin.read(pooled[1]).unwrap(), is_winograds, "{subject}");
    }
}
