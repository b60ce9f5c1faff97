//! What a frame's result may tell beside its sums: see `shaders/total.wgsl`.

use crate::error::{Error, Result};

/// The first bit of what convolutions have noted.
pub(super) const NOTES: u32 = 8;

/// # Errors
/// What the faults of a frame mean.
pub(super) fn check(faults: u32, frame: u64) -> Result<()> {
    let not_finite = |what: &str| {
        Err(Error::Image(format!(
            "{what} holds values that are not finite; every value must be a finite number"
        )))
    };
    match faults & 7 {
        0 => Ok(()),
        faults if faults & 4 != 0 => Err(Error::Device(format!(
            "frame {frame} was compared with a target whose commands were never submitted; record the target again"
        ))),
        faults if faults & 1 != 0 => not_finite(&format!("the source of frame {frame}")),
        _ => not_finite(&format!("the target that frame {frame} was compared with")),
    }
}
