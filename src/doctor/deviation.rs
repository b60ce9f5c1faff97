//! How far results are from the twin's.

use super::bounds::{Bounds, SUM};

/// How far results are from the twin's.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Deviation {
    /// The largest difference, relative to the bounds' magnitudes; where nothing may differ, to the twin's value.
    pub largest: f64,
    /// The first result that is out of bounds, if one is.
    pub fault: Option<String>,
}

impl Deviation {
    /// The larger of both, and the first fault of either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { largest: self.largest.max(other.largest), fault: self.fault.or(other.fault) }
    }

    /// The largest difference, or the fault.
    ///
    /// # Errors
    /// The fault.
    pub fn into_result(self) -> Result<f64, String> {
        self.fault.map_or(Ok(self.largest), Err)
    }

    /// Takes in one result, which is `difference` off where `magnitude` is what it is measured by.
    fn add(&mut self, difference: f64, magnitude: f64, fits: bool, fault: impl FnOnce() -> String) {
        // Where both are the same infinity they are not apart, and where one is not a number they are far apart.
        if !(fits && difference.is_nan()) && difference != 0.0 {
            let relative = difference / magnitude;
            self.largest = self.largest.max(if relative.is_nan() { f64::INFINITY } else { relative });
        }
        if !fits && self.fault.is_none() {
            self.fault = Some(fault());
        }
    }
}

/// Of several, as [`Deviation::and`].
impl FromIterator<Deviation> for Deviation {
    fn from_iter<T: IntoIterator<Item = Deviation>>(all: T) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

/// How far `result` is from the twin's.
#[must_use]
pub fn compare(result: &[f32], twin: &[f32], bounds: &Bounds) -> Deviation {
    let mut deviation = Deviation::default();
    if result.len() != twin.len() {
        deviation.fault =
            Some(format!("there are {} elements, and {} from the twin", result.len(), twin.len()));
        return deviation;
    }
    for (i, (r, t)) in result.iter().zip(twin).enumerate() {
        let difference = (f64::from(*r) - f64::from(*t)).abs();
        let (fits, magnitude, allowed) = match bounds {
            Bounds::Bits => (r.to_bits() == t.to_bits(), f64::from(t.abs()), 0.0),
            Bounds::Values => (r == t, f64::from(t.abs()), 0.0),
            Bounds::Relative(factor, magnitudes) => {
                let magnitude = f64::from(magnitudes[i]);
                (difference <= factor * magnitude, magnitude, factor * magnitude)
            }
        };
        deviation.add(difference, magnitude, fits, || {
            format!(
                "element {i} of {}: {r:e}, and {t:e} from the twin; {difference:e} apart, {allowed:e} allowed",
                result.len()
            )
        });
    }
    deviation
}

/// How far sums of differences are from the twin's, relative to these, by [`SUM`].
#[must_use]
pub fn compare_sums<T: Copy + Into<f64>>(sums: &[T], twin: &[f64]) -> Deviation {
    compare_totals(sums, twin, SUM)
}

/// How far sums, or means, are from the twin's, relative to these.
pub(super) fn compare_totals<T: Copy + Into<f64>>(sums: &[T], twin: &[f64], allowed: f64) -> Deviation {
    let mut deviation = Deviation::default();
    if sums.len() != twin.len() {
        deviation.fault = Some(format!("there are {} sums, and {} from the twin", sums.len(), twin.len()));
        return deviation;
    }
    for (i, (&sum, &twin)) in sums.iter().zip(twin).enumerate() {
        let sum: f64 = sum.into();
        let difference = (sum - twin).abs();
        deviation.add(difference, twin, difference <= allowed * twin, || {
            format!("sum {i} of {} is {sum:e}, and {twin:e} from the twin", sums.len())
        });
    }
    deviation
}
