//! What gradients are made by: `shaders/*.gradient.wgsl`, `relu.mask.wgsl`, `max_pool.routes.wgsl` and their fast forms against their
//! twins; the convolution's gradient in each of its tunings.

use perceptual_loss::{
    Normalization,
    low_level::{
        doctor::plans,
        plan::{Plan, Region},
    },
    network::Layer,
};

use crate::common::{
    self, Subject, convolution, described, features, few, on_twin, parameters, sizes, values,
};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

fn hold(plans: Vec<Plan>, values: &[fn(u64, u64) -> Vec<f32>]) {
    for (seed, plan) in plans.into_iter().enumerate() {
        for values in values {
            let inputs = plans::inputs(&plan, seed as u64, *values);
            common::hold(Subject::backends(), &plan, &parameters(vec![]), &inputs);
        }
    }
}

/// Parts of tensors that hold more on every side, each as much as it likes, and rows that stay.
fn part(origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region::part([40, 30], origin, extent)
}

#[test]
fn masks_are_of_positive_activations() {
    for (i, size) in sizes("1x1 1x9 9x1 3x5 17x33 31x32 63x1 65x1 64x64").into_iter().enumerate() {
        let channels = [1, 31, 32, 33, 64, 100][i % 6];
        hold(plans::masks(1 + i as u32 % 3, channels, [whole(size); 3], 0).unwrap(), &[values, few]);
    }
    let regions = [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])];
    hold(plans::masks(2, 70, regions, 0).unwrap(), &[values, few]);
}

#[test]
fn routes_lead_to_the_first_of_the_largest() {
    for (i, size) in sizes("2x2 2x9 9x2 3x5 17x33 31x32 63x2 64x64").into_iter().enumerate() {
        let channels = [1, 31, 32, 33, 64, 100][i % 6];
        let regions = [whole(size), whole(size.map(|side| side / 2))];
        hold(plans::routes(1 + i as u32 % 3, channels, regions, 0).unwrap(), &[values, few]);
    }
    let regions = [Region::part([29, 18], [9, 7], [19, 11]), Region::part([14, 9], [5, 4], [9, 5])];
    hold(plans::routes(2, 40, regions, 0).unwrap(), &[values, few]);
}

/// Of each window, by hand: a target of zeros, so that the differences are the values.
#[test]
fn each_route_by_hand() {
    let windows = [
        ([4.0, 1.0, 2.0, 3.0], 0),
        ([1.0, 4.0, 2.0, 3.0], 1),
        ([1.0, 3.0, 4.0, 2.0], 2),
        ([1.0, 3.0, 2.0, 4.0], 3),
        // The first of several, row by row.
        ([5.0, 5.0, 5.0, 5.0], 0),
        ([1.0, 5.0, 5.0, 5.0], 1),
        ([1.0, 2.0, 5.0, 5.0], 2),
        ([5.0, 1.0, 5.0, 1.0], 0),
        ([-2.0, -1.0, -1.0, -3.0], 1),
    ];
    let count = windows.len();
    let regions = [whole([2 * count as u32, 2]), whole([count as u32, 1])];
    let [plan, _] = plans::routes(1, 1, regions, 0).unwrap().try_into().unwrap();
    let row = |first: usize| windows.iter().flat_map(move |(window, _)| window[first..first + 2].to_vec());
    let differences: Vec<f32> = row(0).chain(row(2)).collect();
    let given = [vec![0.0; 4 * count], differences];
    let expected: Vec<u32> =
        [0, 1].iter().flat_map(|bit| windows.iter().map(move |(_, route)| route >> bit & 1)).collect();
    let bits = |words: &[f32]| words.iter().map(|word| word.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&on_twin(&plan, &parameters(vec![]), &given).read(2).unwrap()), expected);
    for subject in Subject::backends() {
        assert_eq!(bits(&subject.run(&plan, &parameters(vec![]), &given, &[])[0]), expected, "{subject}");
    }
}

#[test]
fn pools_lead_gradients_back() {
    for (i, size) in sizes("2x2 3x3 2x9 9x2 17x33 31x32 63x2 64x64").into_iter().enumerate() {
        let channels = [1, 31, 32, 33, 64, 100][i % 6];
        let regions = [whole(size.map(|side| side / 2)), whole(size)];
        hold(plans::led(1 + i as u32 % 3, channels, regions, 0).unwrap(), &[values]);
    }
    for (from, to) in [([4, 3], [9, 7]), ([4, 3], [8, 6]), ([0, 0], [9, 7])] {
        let held = [14 - from[0], 9 - from[1]];
        let regions = [Region::part([14, 9], from, held), Region::part([29, 18], to, [19, 11])];
        hold(plans::led(2, 40, regions, 0).unwrap(), &[values]);
    }
}

#[test]
fn taps_add_to_gradients() {
    for (i, size) in sizes("1x1 1x9 9x1 17x33 65x1 64x64").into_iter().enumerate() {
        let channels = [1, 31, 32, 33, 64, 100][i % 6];
        hold(plans::slopes(1 + i as u32 % 3, channels, [whole(size); 2], 0).unwrap(), &[features, few]);
    }
    hold(plans::slopes(2, 40, [part([2, 5], [30, 20]), part([6, 5], [21, 12])], 0).unwrap(), &[features]);
}

#[test]
fn gradients_of_pixels_in_their_own_order() {
    for normalization in [Normalization::IMAGENET, Normalization::CAFFE, Normalization::SIGNED] {
        for region in [whole([1, 1]), whole([65, 33]), part([6, 5], [21, 12])] {
            hold(vec![plans::pixels_gradient(2, region, normalization).unwrap()], &[features]);
        }
    }
}

#[test]
fn convolutions_of_gradients() {
    for (i, (inputs, outputs, size)) in [
        (3, 64, [17, 33]),
        (3, 128, [66, 5]),
        (5, 7, [1, 1]),
        (64, 64, [23, 14]),
        (64, 128, [9, 40]),
        (128, 32, [13, 8]),
        (2, 16, [31, 3]),
        (1, 48, [8, 9]),
    ]
    .into_iter()
    .enumerate()
    {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = parameters(vec![convolution(layer, i as u64)]);
        for plan in plans::conv3x3_gradients(1 + i as u32 % 2, layer, [whole(size); 2], 0).unwrap() {
            let given = plans::inputs(&plan, i as u64, features);
            let off = common::hold(Subject::all(), &plan, &parameters, &given);
            println!("{}: {off:?}", described(&plan));
        }
    }
}

/// A gradient by hand: of one output's sum it is the kernel, turned, around each position.
#[test]
fn a_gradient_of_a_convolution_by_hand() {
    let layer = Layer::conv("conv", 0, 1, 1);
    let kernel: Vec<f32> = (1..10).map(|value| value as f32).collect();
    let convolution = perceptual_loss::weights::Convolution::new(layer, kernel, vec![100.0]).unwrap();
    let parameters = parameters(vec![convolution]);
    let [plan, _] = plans::conv3x3_gradients(1, layer, [whole([3, 3]); 2], 0).unwrap();
    // The output in the middle alone: input (x, y) has it by the weight at (x, y).
    let mut given = vec![0.0; 9];
    given[4] = 1.0;
    for subject in Subject::all() {
        let result = subject.run(&plan, &parameters, &[given.clone()], &[]).remove(0);
        let is_near = |(value, expected): (&f32, f32)| (value - expected).abs() < 1e-5;
        assert!(result.iter().zip((1..10).map(|value| value as f32)).all(is_near), "{subject}: {result:?}");
    }
}
