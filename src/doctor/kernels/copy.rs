//! Rows that strips keep.

use super::hold_all;
use crate::{
    Context,
    doctor::{Deviation, plans, values::values},
    error::Result,
    plan::{Operation, Region},
};

/// The last rows of a strip, and a part that lies anywhere.
pub(in crate::doctor) fn copy(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, [Region::part([33, 50], [0, 20], [33, 12]), Region::part([33, 50], [0, 30], [33, 2])]),
        (2, 3, [Region::part([60, 9], [7, 0], [40, 9]), Region::part([60, 9], [20, 4], [13, 3])]),
    ];
    let plans = shapes.map(|(images, channels, [from, to])| {
        plans::one_step(Operation::Copy, &[(images, channels, from)], &[(images, channels, to)], 0)
    });
    hold_all(context, plans.into_iter().collect::<Result<Vec<_>>>()?, values)
}
