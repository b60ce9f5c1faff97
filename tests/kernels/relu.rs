//! `shaders/relu.wgsl` and `src/cpu/fast/relu.rs` against `src/cpu/twin/relu.rs`.

use perceptual_loss::low_level::plan::Region;

use crate::common::{self, Subject, on_twin, parameters, plans, sizes, values};

fn hold(images: u32, channels: u32, regions: [Region; 3]) {
    for plan in plans::activations(images, channels, regions, 0).unwrap() {
        let mut given = plans::inputs(&plan, images.into(), values);
        given[0][0] = 0.0;
        common::hold(Subject::backends(), &plan, &parameters(vec![]), &given);
    }
}

fn whole(images: u32, channels: u32, [width, height]: [u32; 2]) {
    hold(images, channels, [Region::whole(width, height); 3]);
}

#[test]
fn equal_in_every_value() {
    let sizes = sizes("1x1 1x9 9x1 3x5 17x33 31x32 33x31 63x1 64x1 65x1 64x63 64x64 65x64");
    for (i, size) in sizes.into_iter().enumerate() {
        whole(1 + i as u32 % 4, [1, 3, 5, 64][i / 4 % 4], size);
    }
    whole(2, 512, [3, 5]);
    hold(3, 7, [Region::part([40, 30], [11, 3], [13, 9]); 3]);
    // Tensors with other readers hold more than is read here, on every side, and each as much as it likes.
    let part = |origin, extent| Region::part([40, 30], origin, extent);
    hold(3, 7, [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])]);
    hold(2, 3, [part([0, 0], [40, 30]), part([6, 5], [21, 12]), part([6, 5], [21, 12])]);
}

/// d, -a, a + d or 0, as a and a + d are positive or not, by hand: to the last digit of d, however large a is.
#[test]
fn each_case_by_hand() {
    let tiny = f32::MIN_POSITIVE;
    let cases = [
        // Both are positive: all of d.
        (1.0, 0.5, 0.5),
        (1.0, 1e-20, 1e-20),
        (3e7, -1e-20, -1e-20),
        (0.0, 2.0, 2.0),
        // The generated picture's is not: what the target's has.
        (1.0, -1.5, -1.0),
        (1.0, -1.0, -1.0),
        (1e-20, -1e20, -1e-20),
        // The target's is not: what there is of the generated picture's.
        (-1.0, 1.5, 0.5),
        (-tiny, 2.0 * tiny, tiny),
        (-1.0, 1.0 + f32::EPSILON, f32::EPSILON),
        // Neither is.
        (-1.0, 0.5, 0.0),
        (-1.0, 1.0, 0.0),
        (-1.0, -1e20, 0.0),
        (0.0, -1.0, 0.0),
        (0.0, 0.0, 0.0),
    ];
    let region = Region::whole(cases.len() as u32, 1);
    let [plan] = plans::activations(1, 1, [region; 3], 0).unwrap().try_into().unwrap();
    let [a, d, expected] = [0, 1, 2]
        .map(|column| cases.iter().map(|&(a, d, expected)| [a, d, expected][column]).collect::<Vec<f32>>());
    let (given, none) = ([d, a], parameters(vec![]));
    assert_eq!(on_twin(&plan, &none, &given).read(2).unwrap(), expected);
    for subject in Subject::backends() {
        assert_eq!(subject.run(&plan, &none, &given, &[])[0], expected, "{subject}");
    }
}

/// A large image's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    whole(1, 1, [2049, 2051]);
}
