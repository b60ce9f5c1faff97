//! Convolutions of both maps.

use std::sync::Arc;

use super::{all, hold};
use crate::{
    Context, Tuning,
    doctor::{
        Deviation, plans,
        values::{convolution, features},
    },
    error::Result,
    network::Layer,
    plan::Region,
    weights::Parameters,
};

/// Each shape in every third of a convolution's forms, so that each form has two shapes or three.
pub(in crate::doctor) fn conv3x3(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    let whole = |[width, height]: [u32; 2]| [Region::whole(width, height); 2];
    let shapes = [
        // Nothing but padding around; a batch of the first layer's channels; channels that leave a block of four
        // partly empty; one more than a workgroup's tile; one row; as many channels as there are.
        (1, 5, 7, whole([1, 1])),
        (2, 3, 64, whole([17, 33])),
        (2, 13, 9, whole([33, 35])),
        (1, 3, 5, whole([67, 1])),
        (1, 512, 6, whole([7, 5])),
        // Channels and maps of more than one tile of Winograd's, which scratch takes in several rounds.
        (1, 16, 10, whole([23, 70])),
        // A tile inside a picture reads its neighbours; one at a corner is padded on two sides.
        (2, 5, 6, [Region::part([39, 23], [1, 0], [36, 22]), Region::part([39, 23], [2, 1], [34, 20])]),
        (1, 6, 3, [Region::part([39, 23], [20, 10], [19, 13]), Region::part([39, 23], [21, 11], [18, 12])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, inputs, outputs, regions))| {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = Arc::new(Parameters::new(vec![convolution(layer, seed as u64)?], "random"));
        let forms = plans::convolutions(images, layer, regions, 0)?.into_iter();
        all(forms.skip(seed % 3).step_by(3).map(|plan| {
            let inputs = plans::inputs(&plan, seed as u64, features);
            Ok(hold(context, tuning, &plan, &parameters, &inputs, &[])?.into_iter().collect())
        }))
    }))
}
