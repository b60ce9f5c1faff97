//! `shaders/conv3x3.*.wgsl` and `src/cpu/fast/conv3x3/` against `src/cpu/twin/conv3x3.rs`, in every form that the step
//! has.

use perceptual_loss::{
    Error, Result, Tuning,
    low_level::{
        cpu::Executor,
        plan::{Operation, Plan, Region},
    },
    network::Layer,
};

use crate::common::{
    self, Subject, convolution, described, features, grown, hold_part, larger, one_step, parameters, plans,
    shapes, sizes, with_bounds,
};

/// Which of a step's forms are held, where shapes are many or large.
#[derive(Clone, Copy)]
enum Forms {
    All,
    /// Every third, from this one on.
    Third(usize),
    /// The target by itself, and both maps through all there is.
    Ends,
}

impl Forms {
    fn of(self, plans: Vec<Plan>) -> Vec<Plan> {
        match self {
            Self::All => plans,
            Self::Third(first) => plans.into_iter().skip(first % 3).step_by(3).collect(),
            Self::Ends => plans.first().into_iter().chain(plans.last()).cloned().collect(),
        }
    }
}

/// One layer in everything that computes it, against the twin; returns the largest relative difference of each.
fn hold(forms: Forms, images: u32, inputs: u32, outputs: u32, regions: [Region; 2]) -> Vec<f64> {
    let layer = Layer::conv("conv", 0, inputs, outputs);
    let parameters = parameters(vec![convolution(layer, u64::from(inputs * 1000 + outputs))]);
    let of_form = |plan: Plan| {
        let given = plans::inputs(&plan, images.into(), features);
        common::hold(Subject::all(), &plan, &parameters, &given)
    };
    let plans = forms.of(plans::convolutions(images, layer, regions, 0).unwrap());
    plans.into_iter().map(of_form).reduce(larger).unwrap()
}

fn report(what: &str, all: impl Iterator<Item = Vec<f64>>) {
    for (subject, largest) in Subject::all().zip(all.reduce(larger).unwrap()) {
        println!("conv3x3, {subject}, over {what}: largest difference {largest:.2e}");
    }
}

fn whole(forms: Forms, images: u32, inputs: u32, outputs: u32, [width, height]: [u32; 2]) -> Vec<f64> {
    hold(forms, images, inputs, outputs, [Region::whole(width, height); 2])
}

#[test]
fn sizes_and_batches() {
    // One row or column, where two of a kernel's three are padding; the edges of a workgroup's 32x32 tile and of a
    // thread's 4x8 pixels within it.
    let sizes = sizes(
        "1x1 1x2 2x1 1x7 9x1 1x70 70x1 2x2 3x5 5x3 17x33 \
         31x32 32x31 32x32 33x32 32x33 33x33 63x31 64x8 65x33 31x63 8x64 33x65 64x64 65x65 4x8 5x9 7x15 36x40",
    );
    let batches = (1..=4).cycle();
    report("sizes", sizes.iter().zip(batches).map(|(&size, images)| whole(Forms::All, images, 5, 7, size)));
    report("batches", (1..=4).map(|images| whole(Forms::All, images, 3, 6, [17, 33])));
}

/// The tuning that is a row and a file is held like the others, with no other mention of it.
#[test]
fn a_tuning_is_a_row_and_a_file() {
    assert!(
        Tuning::all().iter().any(|tuning| tuning.to_string() == "test"),
        "the feature _test-tuning is off"
    );
}

/// Channels that the CPU takes Winograd's tiles of 4x4 for, with every remainder at the right and lower edge; tiles
/// that go through together in one round and in several, which are whole multiples of six and not.
#[test]
fn winograds_tiles() {
    let sizes = (1..=9).flat_map(|width| (1..=9).map(move |height| [width, height]));
    // Each form with every remainder, along either axis.
    let edges = sizes.map(|size| whole(Forms::Third((size[0] + size[1]) as usize), 1, 16, 64, size));
    report("edges of tiles", edges);
    report(
        "rounds of tiles",
        [[130, 67], [300, 3], [3, 300]].map(|size| whole(Forms::Ends, 2, 32, 128, size)).into_iter(),
    );
}

#[test]
fn channels() {
    let vgg = [3, 64, 128, 256, 512];
    let pairs = vgg.iter().flat_map(|&inputs| vgg.map(|outputs| (inputs, outputs)));
    let of_vgg = pairs.enumerate();
    let of_vgg = of_vgg.map(|(i, (inputs, outputs))| whole(Forms::Third(i), 1, inputs, outputs, [5, 3]));
    report("VGG's channels", of_vgg);
    // Output channels that leave a block of four partly empty.
    let odd = [(1, 1), (1, 2), (2, 1), (1, 3), (5, 7), (7, 5), (4, 4), (3, 9), (9, 8), (13, 11)];
    let odd = odd.into_iter().map(|(inputs, outputs)| whole(Forms::All, 2, inputs, outputs, [6, 11]));
    report("odd channels", odd);
}

/// Direct's workgroups at this size are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    report("a grid of two rows", [whole(Forms::Ends, 1, 1, 64, [257, 259])].into_iter());
}

/// A tile's result, computed from what its region's input holds, is that crop of the whole's result: padded with
/// zeros at the picture's own edges, with the neighbours' values inside.
#[test]
fn tiles_of_a_larger_picture() {
    // For the CPU, convolutions directly and by Winograd's tiles.
    parts_of_a_larger_picture(3, 6);
    parts_of_a_larger_picture(16, 64);
}

fn parts_of_a_larger_picture(inputs: u32, outputs: u32) {
    let images = 2;
    let size = [39, 23];
    let layer = Layer::conv("conv", 0, inputs, outputs);
    let parameters = parameters(vec![convolution(layer, 11)]);
    let plans_of = |regions| plans::convolutions(images, layer, regions, 0).unwrap();

    let mut tiles = vec![];
    for y in (0..size[1]).step_by(8) {
        for x in (0..size[0]).step_by(13) {
            tiles.push(Region::part(size, [x, y], [13.min(size[0] - x), 8.min(size[1] - y)]));
        }
    }
    // And some that are no tile of a grid: an inner one wider than a workgroup's tile, single positions at corners
    // and in the middle, a row and a column.
    tiles.extend([
        Region::part(size, [2, 1], [34, 20]),
        Region::part(size, [0, 0], [1, 1]),
        Region::part(size, [38, 22], [1, 1]),
        Region::part(size, [20, 11], [1, 1]),
        Region::part(size, [0, 22], [39, 1]),
        Region::part(size, [38, 0], [1, 23]),
    ]);
    let whole: Vec<_> = plans_of([Region::whole(size[0], size[1]); 2])
        .into_iter()
        .map(|plan| with_bounds(&plan, &parameters, &plans::inputs(&plan, 12, features)))
        .collect();
    let of_tile = |(i, tile): (usize, Region)| {
        let output = grown(tile, i as u32 % 3);
        // The neighbours that it needs, or more of them.
        let input = grown(output, 1 + i as u32 % 2 * 3);
        let parts = whole.iter().zip(plans_of([input, output]));
        let held = parts.map(|(whole, part)| hold_part(Subject::all(), whole, &part, &parameters));
        held.reduce(larger).unwrap()
    };
    report("tiles", tiles.into_iter().enumerate().map(of_tile));
}

/// What an image's features are does not depend on its company, to the bit.
#[test]
fn an_image_of_a_batch_has_the_bits_that_it_has_alone() {
    let layer = Layer::conv("conv", 0, 6, 10);
    let parameters = parameters(vec![convolution(layer, 3)]);
    for plan in plans::convolutions(4, layer, [Region::whole(35, 18); 2], 0).unwrap() {
        let step = &plan.steps()[0];
        let one = |tensors: &[usize]| -> Vec<_> {
            shapes(&plan, tensors).into_iter().map(|(_, channels, region)| (1, channels, region)).collect()
        };
        let alone = one_step(step.operation, &one(&step.reads), &one(&step.writes));
        let given = plans::inputs(&plan, 4, features);
        for subject in Subject::all() {
            let batch = subject.run(&plan, &parameters, &given, &[]);
            for image in 0..4 {
                let of_image = |(values, &id): (&Vec<f32>, &usize)| {
                    let tensor = &plan.tensors()[id];
                    let image = if tensor.images == 1 { 0 } else { image };
                    values.chunks(tensor.image_stride() as usize).nth(image).unwrap().to_vec()
                };
                let given: Vec<_> = given.iter().zip(&step.reads).map(of_image).collect();
                let expected: Vec<_> = batch.iter().zip(&step.writes).map(of_image).collect();
                let made = subject.run(&alone, &parameters, &given, &[]);
                assert!(made == expected, "{subject}, image {image}, {}", described(&plan));
            }
        }
    }
}

/// A difference of nothing is nothing, whatever the target is: the same picture is at no distance.
#[test]
fn no_difference_stays_none() {
    for (inputs, outputs) in [(3, 6), (16, 64)] {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = parameters(vec![convolution(layer, 5)]);
        for plan in plans::convolutions(2, layer, [Region::whole(19, 13); 2], 0).unwrap() {
            let Operation::Conv3x3 { maps, .. } = plan.steps()[0].operation else { unreachable!() };
            if !maps.difference() {
                continue;
            }
            let place = usize::from(maps.target());
            let mut given = plans::inputs(&plan, 6, features);
            given[place].fill(0.0);
            for subject in Subject::all() {
                let made = subject.run(&plan, &parameters, &given, &[]);
                assert!(made[place].iter().all(|d| *d == 0.0), "{subject}, {}", described(&plan));
            }
        }
    }
}

/// A result that leaves float32, or was never in it, is told wherever it lies and whatever follows: an activation makes 0 of what is
/// not a number, and the largest of four passes it over. Results as large as float32 has are good.
#[test]
fn what_is_not_finite_is_told() {
    let [width, height] = [21, 14];
    for (inputs, outputs) in [(3, 6), (16, 64)] {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = parameters(vec![convolution(layer, 7)]);
        let plans = plans::convolutions(2, layer, [Region::whole(width, height); 2], 0).unwrap();
        for plan in &plans {
            let run = |given: &[Vec<f32>], subject: Option<Subject>| -> Result<()> {
                let reads = &plan.steps()[0].reads;
                let Some(subject) = subject else {
                    let mut twin = Executor::twin(plan.clone(), parameters.clone())?;
                    reads.iter().zip(given).try_for_each(|(&id, values)| twin.write(id, values))?;
                    return twin.run(0..1, &[]);
                };
                let mut executor = subject.executor(plan, &parameters);
                reads.iter().zip(given).try_for_each(|(&id, values)| executor.write(id, values))?;
                executor.run(0..1, &[])?;
                executor.check_finite()
            };
            let Operation::Conv3x3 { maps, .. } = plan.steps()[0].operation else { unreachable!() };
            let given = plans::inputs(plan, 8, features);
            let inputs_read = usize::from(maps.target()) + usize::from(maps.difference());
            for subject in Subject::all().map(Some).chain([None]) {
                let what = |bad: &str| format!("{subject:?}, {bad}, {}", described(plan));
                assert!(run(&given, subject).is_ok(), "{}", what("nothing"));
                for map in 0..inputs_read {
                    let last = given[map].len() - 1;
                    // The first, the last, and one in the middle of a row of the second image.
                    for (place, bad) in [
                        (0, f32::INFINITY),
                        (last, f32::NAN),
                        (last, -f32::NAN),
                        (last / 2 + 100, f32::NEG_INFINITY),
                        (last, 3.3e38),
                        (0, -3.3e38),
                    ] {
                        let mut given = given.clone();
                        given[map][place] = bad;
                        if bad.is_finite() {
                            // Beside it as large ones, so that products leave float32 of weights below 1.
                            given[map].iter_mut().for_each(|value| *value = bad);
                        }
                        // What a target is read through may stop what is less than 0 before it, or is not a number.
                        let through_relu = matches!(
                            plan.steps()[0].operation,
                            Operation::Conv3x3 { input_relu: true, .. } if map == 0 && maps.target()
                        );
                        if through_relu && bad.is_nan() {
                            continue;
                        }
                        let is_stopped = through_relu && bad < 0.0;
                        let result = run(&given, subject);
                        let is_told = matches!(result, Err(Error::NotFinite { layer: "conv" }));
                        assert_eq!(is_told, !is_stopped, "{result:?}, {}", what(&bad.to_string()));
                    }
                }
            }
        }
    }
}
