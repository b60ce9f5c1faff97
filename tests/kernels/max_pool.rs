//! `shaders/max_pool.wgsl` and `src/cpu/fast/max_pool.rs` against `src/cpu/twin/max_pool.rs`.

use perceptual_loss::low_level::plan::{Operation, Region};

use crate::common::{Bounds, Subject, compare, crop, on_twin, one_step, parameters, sizes, values};

fn hold(images: u32, channels: u32, width: u32, height: u32) {
    let (from, to) = (Region::whole(width, height), Region::whole(width / 2, height / 2));
    let plan = one_step(images, Operation::MaxPool, (channels, from), (channels, to));
    let features = values(u64::from(images), plan.tensors()[0].elements());
    let none = parameters(vec![]);
    let twin = on_twin(&plan, &none, &features);
    for subject in Subject::BACKENDS {
        let judged = compare(&subject.run(&plan, &none, &features), &twin.read(1).unwrap(), &Bounds::Bits);
        judged.unwrap_or_else(|what| {
            panic!("{subject}, {images} of {channels} channels, {width}x{height}: {what}")
        });
    }
}

#[test]
fn equal_to_the_bit() {
    // The smallest, and odd sides, whose last row or column is dropped.
    let sizes = sizes("2x2 3x3 2x9 9x2 3x64 65x2 5x3 17x33 31x32 32x31 33x33 63x64 64x65 65x63");
    for (i, [width, height]) in sizes.into_iter().enumerate() {
        hold(1 + i as u32 % 4, [3, 5, 64, 1][i / 4 % 4], width, height);
    }
    hold(2, 512, 5, 3);
}

/// A large image's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    hold(1, 3, 2400, 2401);
}

/// A tile pools the same four positions as the whole does, wherever its input begins: at an odd position too.
#[test]
fn tiles_of_a_larger_picture() {
    let (images, channels, size, half) = (2, 3, [29, 18], [14, 9]);
    let none = parameters(vec![]);
    let plan = one_step(
        images,
        Operation::MaxPool,
        (channels, Region::whole(size[0], size[1])),
        (channels, Region::whole(half[0], half[1])),
    );
    let features = values(5, plan.tensors()[0].elements());
    let twin = on_twin(&plan, &none, &features);
    for (origin, extent) in
        [([0, 0], [5, 4]), ([5, 4], [9, 5]), ([13, 8], [1, 1]), ([3, 2], [4, 7]), ([0, 8], [14, 1])]
    {
        let output = Region::part(half, origin, extent).with_halo([0, 0, extent[0] / 3, extent[1] / 3]);
        for more in 0..3u32 {
            // `more` positions beyond what it needs, on each side where the picture has them.
            let first = [0, 1].map(|axis| (2 * origin[axis]).saturating_sub(more));
            let end = [0, 1].map(|axis| (2 * (origin[axis] + extent[axis]) + more).min(size[axis]));
            let input = Region::part(size, first, [end[0] - first[0], end[1] - first[1]]);
            let plan = one_step(images, Operation::MaxPool, (channels, input), (channels, output));
            for subject in Subject::BACKENDS {
                let result = subject.run(&plan, &none, &crop(&features, input));
                let judged = compare(&result, &crop(&twin.read(1).unwrap(), output), &Bounds::Bits);
                judged.unwrap_or_else(|what| panic!("{subject}, {output:?} from {input:?}: {what}"));
            }
        }
    }
}
