//! The activation of a difference.

use super::hold_all;
use crate::{
    Context,
    doctor::{Deviation, plans, values::values},
    error::Result,
    plan::Region,
};

/// Whole maps, and a part of two tensors that hold more, each in its own way.
pub(in crate::doctor) fn relu(context: &Context) -> Result<Deviation> {
    let whole = |[width, height]: [u32; 2]| [Region::whole(width, height); 3];
    let part = |origin, extent| Region::part([40, 30], origin, extent);
    let shapes = [
        (1, 1, whole([1, 1])),
        (2, 3, whole([9, 7])),
        (3, 5, whole([65, 63])),
        (2, 3, [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])]),
    ];
    let plans = shapes.map(|(images, channels, regions)| plans::activations(images, channels, regions, 0));
    hold_all(context, plans.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten(), values)
}
