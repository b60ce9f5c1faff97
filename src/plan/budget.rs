//! Which cut of a picture costs least within the memory that there is.

use super::{Layout, Operation, Plan, Strips};
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
    pub(crate) needs: &'a dyn Fn(&Strips) -> u64,
}

impl Strips {
    /// The cut of `whole`, a plan for one image, that costs least in such room: no cut where the whole picture fits.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where no cut fits, with the least that one needs; else as [`new`](Self::new).
    pub(crate) fn within(whole: &Plan, layout: Layout, room: &Room<'_>) -> Result<Self> {
        let fits = |cut: &Self| {
            let needs = (room.needs)(cut);
            // What saturates is more than any number here.
            let affordable = needs <= room.bytes && needs < u64::MAX;
            affordable && cut.slots().iter().all(|&slot| slot <= room.largest)
        };
        let cut = |bands: u32, strips: u32| Self::new(whole.clone(), bands, strips, layout);
        let uncut = cut(1, 1)?;
        if fits(&uncut) {
            return Ok(uncut);
        }
        let [most_bands, most_strips] = uncut.most();
        let mut best: Option<(f64, Self)> = None;
        let mut least = u64::MAX;
        for bands in counts(most_bands) {
            let finest = cut(bands, most_strips)?;
            least = least.min((room.needs)(&finest));
            if fits(&finest) {
                // The fewest strips that fit.
                let (mut too_few, mut enough, mut found) = (0, most_strips, finest);
                while enough - too_few > 1 {
                    let middle = cut(bands, too_few.midpoint(enough))?;
                    if fits(&middle) {
                        (enough, found) = (middle.strips(), middle);
                    } else {
                        too_few = middle.strips();
                    }
                }
                let cost = found.cost();
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, found));
                }
            }
            // More bands compute more twice.
            if best
                .as_ref()
                .is_some_and(|(least, _)| cut(bands, 1).is_ok_and(|cut| cut.arithmetic() > *least))
            {
                break;
            }
        }
        best.map(|(_, cut)| cut).ok_or_else(|| {
            let [width, height] = whole.picture_size().unwrap_or_default();
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

    /// The share of the arithmetic that is done twice because of the cut.
    #[must_use]
    pub fn overhead(&self) -> f64 {
        let once = Self::new(self.plan().clone(), 1, 1, Layout::Nchw).map_or(0.0, |uncut| uncut.arithmetic());
        if once > 0.0 { self.arithmetic() / once - 1.0 } else { 0.0 }
    }

    /// What all of it costs, in floating-point operations.
    fn cost(&self) -> f64 {
        let parts = f64::from(self.bands()) * f64::from(self.strips());
        self.arithmetic() + parts * self.plan().steps.len() as f64 * STEP_FLOPS
    }

    /// Floating-point operations of all parts' convolutions.
    fn arithmetic(&self) -> f64 {
        let rows = |id: usize| f64::from(self.plan().tensors[id].region.whole[1]);
        let of_band = |band: u32| -> f64 {
            let columns = self.columns(band);
            let steps = self.plan().steps.iter();
            steps
                .map(|step| match (step.operation, step.output) {
                    (Operation::Conv3x3 { layer, .. }, Some(id)) => {
                        let positions = columns[id].0.len() as f64 * rows(id);
                        18.0 * f64::from(layer.inputs) * f64::from(layer.outputs) * positions
                    }
                    _ => 0.0,
                })
                .sum()
        };
        // Those in the middle are alike.
        let looked_at = self.bands().min(64);
        (0..looked_at).map(of_band).sum::<f64>() * f64::from(self.bands()) / f64::from(looked_at)
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
    use crate::{Config, Preset, Tuning};

    fn whole(config: &Config, width: u32, height: u32) -> Plan {
        Plan::new(config, width, height, 1, Tuning::Direct).unwrap()
    }

    /// A cut for so many pictures side by side.
    fn within(whole: &Plan, layout: Layout, pictures: u64, bytes: u64, largest: u64) -> Result<Strips> {
        let needs = |cut: &Strips| cut.bytes().saturating_mul(pictures);
        Strips::within(whole, layout, &Room { bytes, largest, needs: &needs })
    }

    #[test]
    fn what_fits_is_not_cut() {
        let plan = whole(&Config::default(), 256, 256);
        let cut = within(&plan, Layout::Nchw, 1, plan.bytes(), plan.bytes()).unwrap();
        assert_eq!((cut.bands(), cut.strips(), cut.bytes(), cut.overhead()), (1, 1, plan.bytes(), 0.0));
        let cut = within(&plan, Layout::Nchw, 2, 2 * plan.bytes() - 1, u64::MAX).unwrap();
        assert_eq!((cut.bands(), cut.strips()), (1, 2), "and a byte less in two strips");
    }

    /// Strips do nothing twice, so that columns are cut only where a few rows are too large.
    #[test]
    fn strips_come_before_bands() {
        for (size, mebibytes) in [(2048, 128), (8192, 512)] {
            let cut = within(
                &whole(&Config::default(), size, size),
                Layout::NhwcFramed,
                1,
                mebibytes << 20,
                u64::MAX,
            )
            .unwrap();
            assert_eq!((cut.bands(), cut.overhead()), (1, 0.0));
            assert!(cut.bytes() <= mebibytes << 20 && cut.bytes() > mebibytes << 19, "{} bytes", cut.bytes());
        }
        let cut = within(&whole(&Preset::Esrgan.config(), 8192, 8192), Layout::Nchw, 1, 64 << 20, u64::MAX);
        let cut = cut.unwrap();
        assert!(cut.bands() > 1 && cut.overhead() > 0.0 && cut.bytes() <= 64 << 20, "{}", cut.overhead());
    }

    #[test]
    fn a_binding_may_be_smaller_than_the_budget() {
        let limit = 128 << 20;
        let cut = within(&whole(&Config::default(), 4096, 4096), Layout::Nchw, 1, 1 << 30, limit).unwrap();
        assert!(cut.slots().iter().all(|&slot| slot <= limit) && cut.strips() > 8, "{:?}", cut.slots());
    }

    #[test]
    fn too_small_a_binding_is_named() {
        let plan = whole(&Config::default(), 1000, 700);
        let text = within(&plan, Layout::Nchw, 1, 1 << 30, 1 << 10).unwrap_err().to_string();
        assert!(text.contains("rows too large for feature maps of 1024 bytes"), "{text}");
    }

    #[test]
    fn too_small_a_budget_names_the_least_that_works() {
        let plan = whole(&Config::default(), 1000, 700);
        let text = within(&plan, Layout::Nchw, 1, 1 << 10, u64::MAX).unwrap_err().to_string();
        let least: u64 = text.rsplit_once("is ").unwrap().1.parse().unwrap();
        let cut = within(&plan, Layout::Nchw, 2, 2 * least, u64::MAX).unwrap();
        assert_eq!(cut.bytes(), least);
        within(&plan, Layout::Nchw, 1, least - 1, u64::MAX).unwrap_err();
    }

    #[test]
    fn numbers_of_bands_that_are_tried() {
        assert_eq!(counts(1).collect::<Vec<_>>(), [1]);
        assert_eq!(counts(13).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 8, 12, 13]);
        assert_eq!(counts(u32::MAX).last(), Some(u32::MAX));
    }
}
