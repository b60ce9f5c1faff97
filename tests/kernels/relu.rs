//! `shaders/relu.wgsl` and `src/cpu/fast/relu.rs` against `src/cpu/twin/relu.rs`.

use perceptual_loss::low_level::plan::{Operation, Region};

use crate::common::{Bounds, Subject, compare, on_twin, one_step, parameters, sizes, values};

fn hold(images: u32, channels: u32, region: Region) {
    let plan = one_step(images, Operation::Relu, (channels, region), (channels, region));
    // -0 is not among them: the sign of max(-0, 0) is open in WGSL and in Rust alike.
    let mut features = values(u64::from(images), plan.tensors()[0].elements());
    features[0] = 0.0;
    let none = parameters(vec![]);
    let twin = on_twin(&plan, &none, &features);
    for subject in Subject::BACKENDS {
        let judged = compare(&subject.run(&plan, &none, &features), &twin.read(1).unwrap(), &Bounds::Bits);
        judged
            .unwrap_or_else(|what| panic!("{subject}, {images} of {channels} channels, {region:?}: {what}"));
    }
}

#[test]
fn equal_to_the_bit() {
    let sizes = sizes("1x1 1x9 9x1 3x5 17x33 31x32 33x31 63x1 64x1 65x1 64x63 64x64 65x64");
    for (i, [width, height]) in sizes.into_iter().enumerate() {
        hold(1 + i as u32 % 4, [1, 3, 5, 64][i / 4 % 4], Region::whole(width, height));
    }
    hold(2, 512, Region::whole(3, 5));
    hold(3, 7, Region::part([40, 30], [11, 3], [13, 9]));
}

/// A large image's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    hold(1, 1, Region::whole(2049, 2051));
}
