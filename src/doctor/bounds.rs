//! How far a kernel may stray from its twin, and how far it does.

use crate::{
    cpu::{executor::Executor, twin},
    error::{Error, Result},
    plan::{Operation, Tensor, TensorId},
    tuning::Tuning,
    weights::{Convolution, Parameters},
};

/// How far a step's result may be from its twin's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Bounds {
    /// Not at all.
    Bits,
    /// By a factor times the magnitude of what each element is made of.
    Relative(f64, Vec<f32>),
}

/// A convolution's result may differ from its twin's by this times the convolution of |input| with |weights|, plus
/// |bias|, at the position among those up to 3 away where that is largest: Winograd's convolution makes the results of a tile of
/// 4x4 from each other's inputs.
///
/// A float32 sum is rounded at each addition, by up to 2^-24 of the sum so far; that is bounded by the sum of
/// magnitudes, not by the result, which may cancel to nothing. Roundings point either way, and sums of both signs
/// stay far below the sum of their magnitudes, so that even after the 4608 products of 512 channels a few roundings
/// (6e-8 each) are what is left. A product that is missed or counted twice is 2e-4 of the sum on average.
pub const CONV3X3: f64 = 1e-6;

/// A sum of differences may differ from its twin's by this, relative to the sum: its terms are all positive.
pub const SUM: f64 = 1e-6;

/// Two float32 roundings (of one unit in the last place each), relative to |value * factor| + |offset|: factor,
/// product, offset and sum are each rounded by half a unit at most.
pub const PIXELS: f64 = 2.0 * f32::EPSILON as f64;

/// A value that a source's shader converts may differ from its twin's by this, relative to it, or to 0.04 where it is
/// less.
///
/// A tone map takes a dozen roundings of up to 6e-8, of which the power leaves 1 / 2.4; the sRGB curve from there on,
/// 1.055 * power - 0.055, takes four more, and where it begins, at 0.04, what cancels makes them 2.4 times as large.
/// There the line and the curve are 3e-8 apart, of which float32 may take the other.
pub const SOURCE: f64 = 1e-6;

/// A total on the device may differ from its twin's by this, relative to it: it is a sum of at most forty terms, none
/// of them negative, whose factors are rounded once and their products once.
pub const TOTAL: f64 = 1e-6;

/// A layer's loss may differ from the twins' by this, relative to it: features differ by a few roundings, and the
/// differences between two pictures' features are smaller than the features.
pub const LOSS: f64 = 1e-5;

/// The bounds of step `step`, whose input and output `twin` holds.
///
/// # Errors
/// [`Error::Config`] where the step has no output, and [`Error::Weights`] where its weights are not among
/// `parameters`.
pub fn bounds(twin: &Executor, parameters: &Parameters, step: usize) -> Result<Bounds> {
    let plan = twin.plan();
    let step = plan.steps().get(step).ok_or_else(|| Error::Config(format!("there is no step {step}")))?;
    let values = |id: Option<TensorId>| {
        let id =
            id.ok_or_else(|| Error::Config(format!("step '{}' is from no tensor to a tensor", step.name)))?;
        Ok::<_, Error>((plan.tensor(id)?, twin.read(id)?))
    };
    Ok(match step.operation {
        Operation::Conv3x3 { layer, .. } => {
            let convolution = parameters.of_layer(&layer)?;
            let (from, input) = values(step.input())?;
            let (to, _) = values(step.output())?;
            Bounds::Relative(CONV3X3, conv3x3_magnitudes((from, &input), convolution, to)?)
        }
        Operation::Pixels { normalization } => {
            let (to, values) = values(step.output())?;
            let offsets = normalization.channels().map(|(_, _, offset)| offset as f32);
            let planes = values.chunks(to.channel_stride() as usize).zip(offsets.iter().cycle());
            let magnitudes = planes
                .flat_map(|(plane, offset)| plane.iter().map(move |v| (v - offset).abs() + offset.abs()))
                .collect();
            Bounds::Relative(PIXELS, magnitudes)
        }
        Operation::Relu | Operation::MaxPool | Operation::Copy | Operation::Difference { .. } => Bounds::Bits,
    })
}

impl Bounds {
    /// The same where a convolution went by this tuning, whose row says how far it may stray.
    #[must_use]
    pub fn of_tuning(self, tuning: Tuning) -> Self {
        match self {
            Self::Relative(_, magnitudes) => Self::Relative(tuning.row().bound, magnitudes),
            Self::Bits => Self::Bits,
        }
    }
}

/// The bounds of values that a source's shader converted, which `twin` has, before they are normalised.
#[must_use]
pub fn source_bounds(twin: &[f32]) -> Bounds {
    Bounds::Relative(SOURCE, twin.iter().map(|value| value.abs().max(0.04)).collect())
}

/// The convolution of absolute values, and of those up to 3 positions away the largest.
///
/// # Errors
/// None that the values of a checked plan give.
pub fn conv3x3_magnitudes(
    (from, input): (&Tensor, &[f32]),
    conv: &Convolution,
    to: &Tensor,
) -> Result<Vec<f32>> {
    let abs = |values: &[f32]| values.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let conv = Convolution::new(conv.layer(), abs(conv.weight()), abs(conv.bias()))?;
    let mut magnitudes = vec![0.0; to.elements() as usize];
    twin::conv3x3((from, &abs(input)), &conv, false, (to, &mut magnitudes));
    let [width, height] = to.region.extent.map(|side| side as usize);
    let planes = magnitudes.chunks(width * height);
    Ok(planes.flat_map(|plane| largest_within(plane, [width, height], 3)).collect())
}

/// For each place of a plane, the largest value up to `reach` places away, across and down.
fn largest_within(plane: &[f32], [width, height]: [usize; 2], reach: usize) -> Vec<f32> {
    let around = |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
    let across: Vec<f32> = (0..width * height)
        .map(|at| largest(&mut around(at % width, width).map(|x| plane[at / width * width + x])))
        .collect();
    (0..width * height)
        .map(|at| largest(&mut around(at / width, height).map(|y| across[y * width + at % width])))
        .collect()
}

/// How far results are from the twin's.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Deviation {
    /// The largest difference, relative to the bounds' magnitudes; where bits must be the same, to the twin's
    /// value.
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
