//! Which cut of a picture costs least within the memory that there is.

use std::sync::Arc;

use super::{Operation, Parts, Plan};
use crate::error::{Error, Result};

/// What a part costs beside its arithmetic, a step: as much as so many floating-point operations. Half a millisecond where
/// a comparison runs at 20 GFLOP/s.
const STEP_FLOPS: f64 = 1e7;

/// What there is for a cut.
pub(crate) struct Room<'a> {
    /// Bytes in all.
    pub(crate) bytes: u64,
    /// Bytes of the largest slot.
    pub(crate) largest: u64,
    /// What a cut needs of `bytes`.
    pub(crate) needs: &'a dyn Fn(&Parts) -> u64,
    /// Columns and rows that a convolution computes together, however few of them there are to compute.
    pub(crate) grain: [u32; 2],
}

impl Room<'_> {
    fn fits(&self, cut: &Parts) -> bool {
        let needs = (self.needs)(cut);
        // What saturates is more than any number here.
        let affordable = needs <= self.bytes && needs < u64::MAX;
        affordable && cut.slots().iter().all(|&slot| slot <= self.largest)
    }
}

impl Parts {
    /// The cut of `whole`, a plan for one image, that costs least in such room: no cut where the whole picture fits.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where no cut fits, with the least that one needs; else as [`new`](Self::new).
    pub(crate) fn within(whole: impl Into<Arc<Plan>>, border: u32, room: &Room<'_>) -> Result<Self> {
        let uncut = Self::uncut(whole.into(), border)?;
        if room.fits(&uncut) {
            return Ok(uncut);
        }
        let [most_columns, most_rows] = uncut.cuts.most();
        let mut best: Option<(f64, Self)> = None;
        let mut least = u64::MAX;
        for bands in counts(most_columns) {
            let columns = most_columns.div_ceil(bands);
            // More bands compute more twice.
            let all_rows = uncut.of_units([columns, most_rows]);
            if best.as_ref().is_some_and(|(cost, _)| all_rows.arithmetic([1, 1]) > *cost) {
                break;
            }
            let lowest = all_rows.of_units([columns, 1]);
            least = least.min((room.needs)(&lowest));
            if !room.fits(&lowest) {
                continue;
            }
            // The highest strips that fit, or ones a little lower that fill what is computed together.
            let (mut fitting, mut too_high) = (1, most_rows + 1);
            while too_high - fitting > 1 {
                let rows = fitting.midpoint(too_high);
                if room.fits(&all_rows.of_units([columns, rows])) {
                    fitting = rows;
                } else {
                    too_high = rows;
                }
            }
            let multiples = (0..).map(|power| 1 << power).take_while(|&multiple| multiple <= room.grain[1]);
            let highest = multiples.map(|multiple| (multiple, fitting / multiple * multiple));
            for (multiple, highest) in highest.filter(|&(_, highest)| highest > 0) {
                // No more strips, and all of about one height: less memory.
                let even = most_rows.div_ceil(most_rows.div_ceil(highest)).next_multiple_of(multiple);
                for rows in [even, highest] {
                    let cut = all_rows.of_units([columns, rows]);
                    let cost = cut.cost(room.grain);
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) && room.fits(&cut) {
                        best = Some((cost, cut));
                    }
                }
            }
        }
        best.map(|(_, cut)| cut).ok_or_else(|| {
            let [width, height] = uncut.plan().picture_size().unwrap_or_default();
            let Room { bytes, largest, .. } = room;
            Error::TooLarge(if least > *bytes {
                format!(
                    "a picture of {width}x{height} cannot be compared in {bytes} bytes of feature maps; the least that \
                     works is {least}"
                )
            } else {
                format!("a picture of {width}x{height} has rows too large for feature maps of {largest} bytes")
            })
        })
    }

    /// The arithmetic that is done again because of the cut, as a share of what the whole picture takes.
    #[must_use]
    pub fn overhead(&self) -> f64 {
        let once = self.of_units(self.cuts.most()).arithmetic([1, 1]);
        if once > 0.0 { self.arithmetic([1, 1]) / once - 1.0 } else { 0.0 }
    }

    /// What all of it costs, in floating-point operations.
    fn cost(&self, grain: [u32; 2]) -> f64 {
        self.arithmetic(grain) + self.count() as f64 * self.plan().steps().len() as f64 * STEP_FLOPS
    }

    /// Floating-point operations of all parts' convolutions, where so many columns and rows are computed together.
    fn arithmetic(&self, grain: [u32; 2]) -> f64 {
        let plan = self.plan();
        let rounded =
            |positions: u32, axis: usize| f64::from(positions.div_ceil(grain[axis])) * f64::from(grain[axis]);
        let mut sides = vec![[0.0; 2]; plan.tensors().len()];
        for (band, times) in self.cuts.alike(0) {
            for ([width, _], (held, _)) in sides.iter_mut().zip(self.cuts.columns(band)) {
                *width += f64::from(times) * rounded(held.end - held.start, 0);
            }
        }
        for (strip, times) in self.cuts.alike(1) {
            let [before, now] = self.cuts.rows_around(strip);
            for ([_, height], (before, now)) in sides.iter_mut().zip(before.iter().zip(now)) {
                *height += f64::from(times) * rounded(now.end - before.end, 1);
            }
        }
        let of_step = |operation: Operation, [width, height]: [f64; 2]| match operation {
            Operation::Conv3x3 { layer, .. } | Operation::Conv3x3Gradient { layer, .. } => {
                18.0 * f64::from(layer.inputs) * f64::from(layer.outputs) * width * height
            }
            Operation::Pixels { .. }
            | Operation::Relu
            | Operation::MaxPool { .. }
            | Operation::Copy
            | Operation::Difference { .. }
            | Operation::Lpips { .. }
            | Operation::LpipsGradient { .. }
            | Operation::Gram { .. }
            | Operation::GramGradient { .. }
            | Operation::ReluMask
            | Operation::MaxPoolRoutes { .. }
            | Operation::DifferenceGradient { .. }
            | Operation::MaxPoolGradient { .. }
            | Operation::PixelsGradient { .. } => 0.0,
        };
        plan.steps().iter().filter_map(|step| Some(of_step(step.operation, sides[step.output()?]))).sum()
    }
}

/// 1, 2, 3, 4, 6, 8, 12 and so on, up to `most`, which is among them.
fn counts(most: u32) -> impl Iterator<Item = u32> {
    let powers = (0..32).map(|power| 1u32 << power);
    let between = powers.flat_map(|power| [Some(power), (power >= 2).then_some(power / 2 * 3)]).flatten();
    between.take_while(move |&count| count < most).chain([most])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Preset};

    fn whole(config: &Config, width: u32, height: u32) -> Plan {
        Plan::new(config, width, height, 1).unwrap()
    }

    /// A cut for so many pictures side by side.
    fn within(whole: &Plan, border: u32, pictures: u64, bytes: u64, largest: u64) -> Result<Parts> {
        let needs = |cut: &Parts| cut.bytes().saturating_mul(pictures);
        Parts::within(whole.clone(), border, &Room { bytes, largest, needs: &needs, grain: [1, 1] })
    }

    #[test]
    fn what_fits_is_not_cut() {
        let plan = whole(&Config::default(), 256, 256);
        let cut = within(&plan, 0, 1, plan.bytes(), plan.bytes()).unwrap();
        assert_eq!((cut.bands(), cut.strips(), cut.bytes(), cut.overhead()), (1, 1, plan.bytes(), 0.0));
        let cut = within(&plan, 0, 2, 2 * plan.bytes() - 1, u64::MAX).unwrap();
        assert_eq!((cut.bands(), cut.strips()), (1, 2), "and a byte less in two strips");
    }

    /// Parts do nothing twice, so that columns are cut only where a few rows are too large.
    #[test]
    fn strips_come_before_bands() {
        for (size, mebibytes) in [(2048, 128), (8192, 512)] {
            let cut =
                within(&whole(&Config::default(), size, size), 1, 1, mebibytes << 20, u64::MAX).unwrap();
            assert_eq!((cut.bands(), cut.overhead()), (1, 0.0));
            assert!(cut.bytes() <= mebibytes << 20 && cut.bytes() > mebibytes << 19, "{} bytes", cut.bytes());
        }
        let cut = within(&whole(&Preset::Esrgan.config(), 8192, 8192), 0, 1, 64 << 20, u64::MAX);
        let cut = cut.unwrap();
        assert!(cut.bands() > 1 && cut.overhead() > 0.0 && cut.bytes() <= 64 << 20, "{}", cut.overhead());
    }

    #[test]
    fn a_binding_may_be_smaller_than_the_budget() {
        let limit = 128 << 20;
        let cut = within(&whole(&Config::default(), 4096, 4096), 0, 1, 1 << 30, limit).unwrap();
        assert!(cut.slots().iter().all(|&slot| slot <= limit) && cut.strips() > 8, "{:?}", cut.slots());
    }

    #[test]
    fn too_small_a_binding_is_named() {
        let plan = whole(&Config::default(), 1000, 700);
        let text = within(&plan, 0, 1, 1 << 30, 1 << 10).unwrap_err().to_string();
        assert!(text.contains("rows too large for feature maps of 1024 bytes"), "{text}");
    }

    #[test]
    fn too_small_a_budget_names_the_least_that_works() {
        let plan = whole(&Config::default(), 1000, 700);
        let text = within(&plan, 0, 1, 1 << 10, u64::MAX).unwrap_err().to_string();
        let least: u64 = text.rsplit_once("is ").unwrap().1.parse().unwrap();
        let cut = within(&plan, 0, 2, 2 * least, u64::MAX).unwrap();
        assert_eq!(cut.bytes(), least);
        within(&plan, 0, 1, least - 1, u64::MAX).unwrap_err();
    }

    #[test]
    fn numbers_of_bands_that_are_tried() {
        assert_eq!(counts(1).collect::<Vec<_>>(), [1]);
        assert_eq!(counts(13).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 8, 12, 13]);
        assert_eq!(counts(u32::MAX).last(), Some(u32::MAX));
    }
}
