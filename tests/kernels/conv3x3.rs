//! `shaders/conv3x3.*.wgsl` and `src/cpu/fast/conv3x3/` against `src/cpu/twin/conv3x3.rs`.

use perceptual_loss::{
    Context,
    low_level::{
        doctor,
        plan::{Operation, Region},
    },
    network::Layer,
};

use crate::bf16;
use crate::common::{
    Bounds, CONV3X3, Subject, bounds, compare, conv3x3_magnitudes, convolution, crop, features, grown,
    on_twin, one_step, parameters, sizes,
};

/// One layer in everything that computes it, with and without ReLU, against the twin; returns the largest relative difference
/// of each.
fn hold(images: u32, inputs: u32, outputs: u32, input: Region, output: Region) -> Vec<f64> {
    let layer = Layer::conv("conv", 0, inputs, outputs);
    let parameters = parameters(vec![convolution(layer, u64::from(inputs * 1000 + outputs))]);
    let plan_of = |relu: bool| {
        let operation = Operation::Conv3x3 { layer, relu };
        one_step(images, operation, (inputs, input), (outputs, output))
    };
    let plan = plan_of(false);
    let given = features(u64::from(images), plan.tensors()[0].elements());
    let twin = on_twin(&plan, &parameters, &given);
    let bounds = bounds(&twin, &parameters, 0);
    let raw = twin.read(1).unwrap();
    let rectified: Vec<f32> = raw.iter().map(|value| value.max(0.0)).collect();
    let of_subject = |subject: Subject| {
        let mut largest = 0.0f64;
        let bounds = subject.bounds(bounds.clone());
        for (relu, expected) in [(false, &raw), (true, &rectified)] {
            let result = subject.run(&plan_of(relu), &parameters, &given);
            let judged = compare(&result, expected, &bounds);
            largest = largest.max(judged.unwrap_or_else(|what| {
                panic!("{subject}, relu {relu}, {inputs}->{outputs}, {images} of {input:?}: {what}")
            }));
        }
        largest
    };
    Subject::all().map(of_subject).collect()
}

fn report(what: &str, all: impl Iterator<Item = Vec<f64>>) {
    let larger = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| f64::max(a, b)).collect();
    for (subject, largest) in Subject::all().zip(all.reduce(larger).unwrap()) {
        println!("conv3x3, {subject}, over {what}: largest difference {largest:.2e}");
    }
}

fn whole(images: u32, inputs: u32, outputs: u32, [width, height]: [u32; 2]) -> Vec<f64> {
    let region = Region::whole(width, height);
    hold(images, inputs, outputs, region, region)
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
    report("sizes", sizes.iter().zip(batches).map(|(&size, images)| whole(images, 5, 7, size)));
    report("batches", (1..=4).map(|images| whole(images, 3, 6, [17, 33])));
}

/// The tuning that is a row and a file is held like the others, with no other mention of it.
#[test]
fn a_tuning_is_a_row_and_a_file() {
    assert!(
        Subject::all().any(|subject| subject.to_string() == "gpu.test"),
        "the feature _test-tuning is off"
    );
}

/// Channels that the CPU takes Winograd's tiles of 4x4 for, with every remainder at the right and lower edge; tiles that go
/// through together in one round and in several, which are whole multiples of six and not.
#[test]
fn winograds_tiles() {
    let sizes = (1..=9).flat_map(|width| (1..=9).map(move |height| [width, height]));
    report("edges of tiles", sizes.map(|size| whole(1, 16, 64, size)));
    report(
        "rounds of tiles",
        [[130, 67], [300, 3], [3, 300]].map(|size| whole(2, 32, 128, size)).into_iter(),
    );
}

#[test]
fn channels() {
    let vgg = [3, 64, 128, 256, 512];
    let pairs = vgg.iter().flat_map(|&inputs| vgg.map(|outputs| (inputs, outputs)));
    report("VGG's channels", pairs.map(|(inputs, outputs)| whole(1, inputs, outputs, [5, 3])));
    // Output channels that leave a block of four partly empty.
    let odd = [(1, 1), (1, 2), (2, 1), (1, 3), (5, 7), (7, 5), (4, 4), (3, 9), (9, 8), (13, 11)];
    report("odd channels", odd.into_iter().map(|(inputs, outputs)| whole(2, inputs, outputs, [6, 11])));
}

/// Direct's workgroups at this size are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    report("a grid of two rows", [whole(1, 1, 64, [257, 259])].into_iter());
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
    let plan_of = |input, output| {
        let operation = Operation::Conv3x3 { layer, relu: false };
        one_step(images, operation, (inputs, input), (outputs, output))
    };
    let region = Region::whole(size[0], size[1]);
    let plan = plan_of(region, region);
    let given = features(12, plan.tensors()[0].elements());
    let twin = on_twin(&plan, &parameters, &given);
    let (from, to) = (&plan.tensors()[0], &plan.tensors()[1]);
    let magnitudes = conv3x3_magnitudes((from, &given), &parameters.convolutions()[0], to).unwrap();

    let mut largest = vec![0.0f64; Subject::all().count()];
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
    for (i, tile) in tiles.into_iter().enumerate() {
        let output = grown(tile, i as u32 % 3);
        // The neighbours that it needs, or more of them.
        let input = grown(output, 1 + i as u32 % 2 * 3);
        let held = crop(&given, input);
        let bounds = Bounds::Relative(CONV3X3, crop(&magnitudes, output));
        let expected = crop(&twin.read(1).unwrap(), output);
        let plan = plan_of(input, output);
        let alone = on_twin(&plan, &parameters, &held);
        assert_eq!(alone.read(1).unwrap(), expected, "the twin's own tile of {output:?}");
        for (subject, largest) in Subject::all().zip(&mut largest) {
            let bounds = subject.bounds(bounds.clone());
            let judged = compare(&subject.run(&plan, &parameters, &held), &expected, &bounds);
            *largest = largest
                .max(judged.unwrap_or_else(|what| panic!("{subject}, {output:?} from {input:?}: {what}")));
        }
    }
    report("tiles", [largest].into_iter());
}

/// What an image's features are does not depend on its company, to the bit.
#[test]
fn an_image_of_a_batch_has_the_bits_that_it_has_alone() {
    let layer = Layer::conv("conv", 0, 6, 10);
    let parameters = parameters(vec![convolution(layer, 3)]);
    let region = Region::whole(35, 18);
    for subject in Subject::all() {
        let run = |given: &[f32], images| {
            let operation = Operation::Conv3x3 { layer, relu: false };
            subject.run(&one_step(images, operation, (6, region), (10, region)), &parameters, given)
        };
        let given = features(4, 4 * 6 * region.positions());
        let batch = run(&given, 4);
        for (i, image) in given.chunks(given.len() / 4).enumerate() {
            let alone = run(image, 1);
            assert!(alone == batch[i * alone.len()..][..alone.len()], "{subject}, image {i}");
        }
    }
}

/// Each factor is rounded to 8 bits, by up to 2^-9 of it, so that a product is off by up to 2^-8 of its magnitude; here the
/// sums' own float32 roundings are allowed for beside that.
const BF16: f64 = 1.0 / 256.0 + CONV3X3;

#[test]
fn factors_of_bfloat16() {
    let Some(options) = bf16::options() else { return };
    let hold = |inputs, outputs, [width, height]: [u32; 2], relu| {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = parameters(vec![convolution(layer, u64::from(inputs + outputs))]);
        let region = Region::whole(width, height);
        let operation = Operation::Conv3x3 { layer, relu };
        let plan = one_step(2, operation, (inputs, region), (outputs, region));
        let given = features(1, plan.tensors()[0].elements());
        let twin = on_twin(&plan, &parameters, &given);
        let Bounds::Relative(_, magnitudes) = bounds(&twin, &parameters, 0) else { unreachable!() };
        let result =
            doctor::first_step(&Context::cpu(), &options, &plan, &parameters, Some(&given), &[]).unwrap();
        let judged = compare(&result, &twin.read(1).unwrap(), &Bounds::Relative(BF16, magnitudes));
        judged.unwrap_or_else(|what| panic!("{inputs}->{outputs}, {width}x{height}: {what}"))
    };
    let sizes = [[1, 1], [1, 9], [9, 1], [3, 5], [16, 2], [17, 33], [31, 32], [70, 4]];
    let channels = [(32, 32), (64, 64), (64, 128), (256, 512), (512, 32)];
    let of_sizes = sizes.map(|size| hold(64, 32, size, true));
    let of_channels = channels.map(|(inputs, outputs)| hold(inputs, outputs, [9, 7], false));
    let largest = of_sizes.into_iter().chain(of_channels).fold(0.0, f64::max);
    println!("conv3x3, bf16: largest difference {largest:.2e}, allowed {BF16:e}");
}
