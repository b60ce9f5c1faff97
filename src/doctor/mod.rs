//! Whether what computes can be trusted: each kernel, in each of its tunings, held against its twin.
//!
//! [`examine`] is what `perceptual-loss doctor` runs on every adapter: a few shapes with the edges that go wrong, in a
//! few seconds. The parts are what the project's own tests hold many more shapes against the twins with: [`plans`] has
//! a step's forms, [`first_step`] runs one on any context, [`bounds`] says how far it may be from its twin, and
//! [`judge`] how far it is.
//!
//! ```
//! use perceptual_loss::{Context, low_level::doctor};
//!
//! for finding in doctor::examine(|| Ok(Context::cpu()))? {
//!     assert!(finding.is_good(), "{}: {:?}", finding.kernel, finding.fault);
//! }
//! # Ok::<(), perceptual_loss::Error>(())
//! ```

mod bounds;
mod deviation;
mod executor;
mod expected;
mod frames;
mod kernels;
pub mod plans;
pub mod sources;
mod step;
mod subject;
#[cfg(test)]
mod tests;
pub mod values;

use serde::Serialize;

use self::{bounds::mixed_pixels_bounds, deviation::compare_totals, subject::Subject};
pub use self::{
    bounds::{
        Bounds, CONV3X3, GRADIENT, GRAM, GRAM_GRADIENT, LOSS, LPIPS, LPIPS_GRADIENT, MIXED_PIXELS, PIXELS,
        SOURCE, SUM, TERM, TOTAL, bounds, source_bounds,
    },
    deviation::{Deviation, compare, compare_sums},
    executor::AnyExecutor,
    expected::judge,
    step::{first_step, on_twin},
};
use crate::{
    Backend, Context,
    error::{Error, Result},
};

/// What was found of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kernel and its tuning, such as `conv3x3.blocked`; `loss` is a whole one.
    pub kernel: String,
    /// The largest difference from its twin, relative to what [`Bounds`] measure by; none where there is no
    /// result to compare.
    pub largest: Option<f64>,
    /// The largest that is allowed; 0 where every bit must be the same.
    pub allowed: f64,
    /// What is wrong with it, if anything is.
    pub fault: Option<String>,
}

impl Finding {
    /// Whether nothing is wrong with it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.fault.is_none()
    }
}

/// Holds every kernel that the contexts of `open` compute with against its twin, and then whole losses. Each is
/// given a context of its own, so that a fault of one kernel, or a device lost to it, is not the next one's.
///
/// # Errors
/// `open`'s where there is no context at all, and [`Error::Config`] where it is of the twins, which nothing is
/// held against. What goes wrong later is a kernel's [`Finding`].
pub fn examine(open: impl Fn() -> Result<Context>) -> Result<Vec<Finding>> {
    examine_some(open, |_| true)
}

/// [`examine`], of the subjects that are `wanted`.
fn examine_some(
    open: impl Fn() -> Result<Context>,
    wanted: impl Fn(&Subject) -> bool,
) -> Result<Vec<Finding>> {
    let context = open()?;
    if context.backend() == Backend::Twin {
        return Err(Error::Config(
            "the twins are what others are held against; examine the CPU or a GPU".into(),
        ));
    }
    let examine = |subject: &Subject| {
        let (largest, fault) = match open().and_then(|context| subject.hold(&context)) {
            Ok(Deviation { largest, fault }) => (Some(largest), fault),
            Err(error) => (None, Some(error.to_string())),
        };
        Finding { kernel: subject.name(), largest, allowed: subject.allowed(), fault }
    };
    Ok(Subject::all(&context).iter().filter(|subject| wanted(subject)).map(examine).collect())
}
