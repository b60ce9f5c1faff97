//! Which tuning a convolution takes, where nobody has said.

use super::{capabilities::Capabilities, kernels::conv3x3::Row};
use crate::{
    error::{Error, Result},
    network::Layer,
    plan::{Operation, Plan, Step},
    tuning::{Tuning, Tunings, UsedTunings},
};

/// What a choice goes by. A part of a picture takes what the whole takes, so that its numbers are the whole's.
pub(super) struct Key<'a> {
    pub(super) layer: &'a Layer,
    /// Width and height of the whole feature map.
    pub(super) whole: [u32; 2],
    pub(super) capabilities: &'a Capabilities,
}

/// The fixed table: the first line that fits is taken. On hardware nothing has been measured yet.
const TABLE: &[(Fits, Tuning)] = &[(|_| true, Tuning::BLOCKED)];

/// Whether a line of the table is for a convolution.
type Fits = fn(&Key<'_>) -> bool;

/// # Errors
/// [`Error::Config`] where a tuning was asked for that the device cannot run.
pub(super) fn choose(tunings: &Tunings, key: &Key<'_>) -> Result<&'static Row> {
    let asked = tunings.asked(key.layer.name);
    let of_table = || TABLE.iter().find(|(fits, _)| fits(key)).map_or(Tuning::DIRECT, |(_, tuning)| *tuning);
    let row = asked.unwrap_or_else(of_table).row();
    if (row.runs_on)(key.capabilities) {
        return Ok(row);
    }
    let ([width, height], layer) = (key.whole, key.layer.name);
    Err(Error::Config(format!(
        "this device cannot run the tuning '{}' of {layer} at {width}x{height}",
        row.name
    )))
}

/// What a step of a plan takes; none where it is no convolution.
pub(super) fn of_step(
    plan: &Plan,
    step: &Step,
    tunings: &Tunings,
    capabilities: &Capabilities,
) -> Result<Option<&'static Row>> {
    let layer = match step.operation {
        Operation::Conv3x3 { layer, .. } => layer,
        Operation::Conv3x3Gradient { layer, .. } => layer.transposed(),
        _ => return Ok(None),
    };
    let Some(output) = step.output() else { return Ok(None) };
    let whole = plan.tensors()[output].region.whole;
    choose(tunings, &Key { layer: &layer, whole, capabilities }).map(Some)
}

/// What each convolution of a plan takes. What a device cannot run is no part of it.
pub(super) fn used(plan: &Plan, tunings: &Tunings, capabilities: &Capabilities) -> UsedTunings {
    let of_step = |step: &Step| match step.operation {
        Operation::Conv3x3 { layer, .. } => {
            let row = of_step(plan, step, tunings, capabilities).ok()??;
            Some((layer.name, Tuning(row.name)))
        }
        _ => None,
    };
    UsedTunings(plan.steps().iter().filter_map(of_step).collect())
}
