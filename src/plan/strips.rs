//! Large pictures in parts: bands of columns, and strips of rows in each band.
//!
//! A band is computed by itself, with the columns at its sides that its own convolutions need: neighbours compute them
//! as well. The strips of a band go from top to bottom, and the rows of each feature map that the next strip needs are
//! kept: nothing is computed twice between them. So a picture's width need be cut only where a few rows of its feature
//! maps are too large for the memory that there is.
//!
//! Every part is a [`Plan`] of its own, made when its turn comes; all of them fit the same slots.

use std::ops::Range;

use super::{Layout, Operation, Plan, Region, Step, Tensor, TensorId, slots};
use crate::error::{Error, Result};

/// How a picture is cut, and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Strips {
    /// The whole picture's plan, for one image.
    whole: Plan,
    bands: u32,
    strips: u32,
    /// For each tensor of `whole`, how many poolings lie before it.
    pools: Vec<u32>,
    /// Tensors of which rows are kept, in order.
    carried: Vec<TensorId>,
    layout: Layout,
    /// For each tensor of `whole`, the most columns and rows of it that a part holds.
    extents: Vec<[u32; 2]>,
    slots: Vec<u64>,
    /// For each tensor of a part, its slot.
    slot_of: Vec<usize>,
}

/// One part: a strip of a band.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// Its steps, for one image. The tensors of the whole picture's plan come first, in their order. Taps and steps have
    /// their names; what has nothing to do in this part is left out.
    pub plan: Plan,
    /// How many of the tensors are features; those after them are rows that are kept.
    pub features: usize,
    /// Pairs of tensors, in one slot each: what holds rows that an earlier strip has kept, and what keeps rows for the
    /// next. Those that this part leaves as they are are not listed.
    pub kept: Vec<[TensorId; 2]>,
}

/// Rows of a tensor, at a strip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rows {
    /// Rows that are there once the strip is done, from the top of the picture on.
    end: u32,
    /// The first of them that a later strip needs.
    keep: u32,
}

impl Strips {
    /// Cuts what `whole`, a plan for one image, computes into `bands` by `strips` parts, with tensors in such a layout.
    ///
    /// # Errors
    /// [`Error::Config`] where there are more parts along a side than its smallest feature map has positions, or none;
    /// where the plan is for more than one image, does not begin with pixels, or has tensors that two steps read.
    pub fn new(whole: Plan, bands: u32, strips: u32, layout: Layout) -> Result<Self> {
        Self::looking_at(whole, bands, strips, layout, MOST_LOOKED_AT)
    }

    /// As [`new`](Self::new), where at most `looked_at` parts along a side are looked at one by one.
    fn looking_at(whole: Plan, bands: u32, strips: u32, layout: Layout, looked_at: u32) -> Result<Self> {
        let wrong = |what: &str| Err(Error::Config(format!("the plan cannot be cut: {what}")));
        if whole.images != 1 || whole.picture_size().is_none() {
            return wrong("it must be for one image and begin with pixels");
        }
        let mut pools = vec![0; whole.tensors.len()];
        let mut carried = vec![];
        for step in &whole.steps {
            let (Some(input), Some(output)) = (step.input, step.output) else { continue };
            pools[output] = pools[input] + u32::from(step.operation == Operation::MaxPool);
            if carried.contains(&input) {
                return wrong("two steps read one tensor");
            }
            carried.push(input);
        }
        // Pixels are made again from the picture.
        carried.retain(|&id| whole.steps.iter().any(|step| step.output == Some(id) && step.input.is_some()));
        let (extents, slots, slot_of) = (vec![], vec![], vec![]);
        let mut cut = Self { whole, bands, strips, pools, carried, layout, extents, slots, slot_of };
        let most = cut.most();
        if bands == 0 || strips == 0 || bands > most[0] || strips > most[1] {
            return Err(Error::Config(format!(
                "a picture cannot be cut into {bands} by {strips} parts; from 1 by 1 to {} by {} work",
                most[0], most[1]
            )));
        }
        cut.assign(looked_at);
        Ok(cut)
    }

    /// Bands of columns.
    #[must_use]
    pub fn bands(&self) -> u32 {
        self.bands
    }

    /// Strips of rows in each band.
    #[must_use]
    pub fn strips(&self) -> u32 {
        self.strips
    }

    /// The whole picture's plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.whole
    }

    /// All parts.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::from(self.bands) * u64::from(self.strips)
    }

    /// Whether there is more than one part.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.count() > 1
    }

    /// The parts' bands and strips, in the order in which they run.
    pub(crate) fn order(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let (bands, strips) = (self.bands, self.strips);
        (0..bands).flat_map(move |band| (0..strips).map(move |strip| (band, strip)))
    }

    /// The whole's tensors as large as the largest of any part, in the parts' slots: for sizes of buffers, not to be run.
    pub(crate) fn envelope(&self) -> Plan {
        let mut plan = self.whole.clone();
        for (tensor, &extent) in plan.tensors.iter_mut().zip(&self.extents) {
            tensor.region.extent = extent;
        }
        plan.slots.clone_from(&self.slots);
        plan.slot_of.clone_from(&self.slot_of);
        plan
    }

    /// The step of the whole plan that a part's step is: that of its name, and for rows that are kept the one that made
    /// them.
    pub(crate) fn step_of(&self, step: &Step) -> usize {
        let same = |other: &Step| match step.operation {
            Operation::Copy => {
                other.output.is_some() && (other.output == step.output || other.output == step.input)
            }
            _ => other.name == step.name,
        };
        self.whole.steps.iter().position(same).unwrap_or_default()
    }

    /// The most bands and strips that there can be.
    pub(super) fn most(&self) -> [u32; 2] {
        [0, 1].map(|axis| self.units(axis))
    }

    /// Bytes of feature maps, of one picture.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.iter().fold(0, |sum, &bytes| sum.saturating_add(bytes))
    }

    /// Bytes of each slot.
    #[must_use]
    pub fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// One part. Those of a band must run in order, from strip 0 on.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such part.
    pub fn part(&self, band: u32, strip: u32) -> Result<Part> {
        if band >= self.bands || strip >= self.strips {
            return Err(Error::Config(format!(
                "there is no part {band}, {strip}; there are {} by {}",
                self.bands, self.strips
            )));
        }
        let columns = self.columns(band);
        let (before, now) = (strip.checked_sub(1).map(|strip| self.rows(strip)), self.rows(strip));
        let before = before.unwrap_or_else(|| vec![Rows::default(); now.len()]);
        let last = strip + 1 == self.strips;
        let mut part = Part { plan: Plan::empty(1), features: self.whole.tensors.len(), kept: vec![] };
        let plan = &mut part.plan;
        plan.taps.clone_from(&self.whole.taps);
        for (id, tensor) in self.whole.tensors.iter().enumerate() {
            let (held, owned) = &columns[id];
            let rows = before[id].keep..now[id].end;
            let mut region = region(tensor, held, &rows);
            region.halo = [
                owned.start - held.start,
                (before[id].end - before[id].keep).min(region.extent[1] - 1),
                held.end - owned.end,
                0,
            ];
            plan.tensors.push(Tensor { region, layout: self.layout, ..tensor.clone() });
        }
        for &id in &self.carried {
            for rows in [before[id].keep..before[id].end, now[id].keep..now[id].end] {
                let tensor = &self.whole.tensors[id];
                plan.tensors.push(Tensor {
                    name: format!("{} kept", tensor.name),
                    region: region(tensor, &columns[id].0, &rows),
                    layout: self.layout,
                    ..tensor.clone()
                });
            }
        }
        let pair = |id: TensorId| {
            let place = self.carried.iter().position(|&carried| carried == id)?;
            let first = self.whole.tensors.len() + 2 * place;
            Some([first, first + 1])
        };
        let copy = |id: TensorId, from: TensorId, to: TensorId| Step {
            name: format!("{} kept", self.whole.tensors[id].name),
            operation: Operation::Copy,
            input: Some(from),
            output: Some(to),
            kept: 0,
        };
        let is_made = |id: TensorId| now[id].end > before[id].end;
        for step in &self.whole.steps {
            if let Some(output) = step.output.filter(|&id| is_made(id)) {
                let there = before[output].end - before[output].keep;
                let mut kept = 0;
                if let Some([from, _]) = pair(output).filter(|_| there > 0) {
                    plan.steps.push(copy(output, from, output));
                    kept = there;
                }
                plan.steps.push(Step { kept, ..step.clone() });
            }
            match step.input {
                Some(input) if step.output.is_none() && is_made(input) => plan.steps.push(step.clone()),
                // Nobody in this part reads it any more.
                Some(input) if step.output.is_some() && is_made(input) && !last => {
                    if let Some([from, to]) = pair(input).filter(|_| now[input].end > now[input].keep) {
                        plan.steps.push(copy(input, input, to));
                        part.kept.push([from, to]);
                    }
                }
                _ => {}
            }
        }
        part.plan.slots.clone_from(&self.slots);
        part.plan.slot_of.clone_from(&self.slot_of);
        part.plan.check_steps()?;
        Ok(part)
    }

    /// Positions along an axis that all poolings leave of the picture: the most parts that there can be.
    fn units(&self, axis: usize) -> u32 {
        let deepest = self.pools.iter().max().copied().unwrap_or(0);
        self.side(axis) >> deepest
    }

    fn side(&self, axis: usize) -> u32 {
        self.whole.picture_size().unwrap_or_default()[axis]
    }

    /// Where part `index` of `count` along an axis begins: at a multiple of what all poolings make one position of.
    fn boundary(&self, axis: usize, index: u32, count: u32) -> u32 {
        if index == count {
            return self.side(axis);
        }
        let deepest = self.pools.iter().max().copied().unwrap_or(0);
        let units = u64::from(self.units(axis)) * u64::from(index) / u64::from(count);
        (units as u32) << deepest
    }

    /// For each tensor, the columns that a band holds, and those of them that it owns.
    pub(super) fn columns(&self, band: u32) -> Vec<(Range<u32>, Range<u32>)> {
        let [start, end] = [band, band + 1].map(|band| self.boundary(0, band, self.bands));
        self.columns_between(start, end, band + 1 == self.bands)
    }

    /// As [`columns`](Self::columns), of a band that owns these columns of the picture.
    fn columns_between(&self, start: u32, end: u32, last: bool) -> Vec<(Range<u32>, Range<u32>)> {
        let mut columns: Vec<(Range<u32>, Range<u32>)> = self
            .whole
            .tensors
            .iter()
            .zip(&self.pools)
            .map(|(tensor, pools)| {
                let whole = tensor.region.whole[0];
                let end = if last { whole } else { end >> pools };
                ((start >> pools)..end, (start >> pools)..end)
            })
            .collect();
        for step in self.whole.steps.iter().rev() {
            let (Some(input), Some(output)) = (step.input, step.output) else { continue };
            let Range { start, end } = columns[output].0;
            let needed = match step.operation {
                Operation::Conv3x3 { .. } => start.saturating_sub(1)..end.saturating_add(1),
                Operation::MaxPool => start.saturating_mul(2)..end.saturating_mul(2),
                _ => start..end,
            };
            let whole = self.whole.tensors[input].region.whole[0];
            let held = &mut columns[input].0;
            *held = held.start.min(needed.start)..held.end.max(needed.end.min(whole));
        }
        columns
    }

    /// For each tensor, its rows at a strip.
    fn rows(&self, strip: u32) -> Vec<Rows> {
        let end = self.boundary(1, strip + 1, self.strips);
        let mut rows: Vec<Rows> = self.whole.tensors.iter().map(|_| Rows { end, keep: end }).collect();
        for step in &self.whole.steps {
            let (Some(input), Some(output)) = (step.input, step.output) else { continue };
            let there = rows[input].end;
            let complete = there == self.whole.tensors[input].region.whole[1];
            let made = match step.operation {
                // The row below the last one is needed, unless that is the picture's own.
                Operation::Conv3x3 { .. } if !complete => there.saturating_sub(1),
                Operation::MaxPool => there / 2,
                _ => there,
            };
            let keep = match step.operation {
                Operation::Conv3x3 { .. } => made.saturating_sub(1),
                Operation::MaxPool => 2 * made,
                _ => made,
            };
            rows[input].keep = keep.min(there);
            rows[output] = Rows { end: made, keep: made };
        }
        rows
    }

    /// The most positions of the picture that a part in the middle of `count` owns along an axis.
    fn most_owned(&self, axis: usize, count: u32) -> u32 {
        let deepest = self.pools.iter().max().copied().unwrap_or(0);
        (self.units(axis).div_ceil(count) + 1) << deepest
    }

    /// Slots that every part fits in: those of the whole plan, with the largest tensors of any part, and one for each
    /// tensor of which rows are kept.
    fn assign(&mut self, looked_at: u32) {
        let count = self.whole.tensors.len();
        let (mut width, mut height, mut kept) = (vec![1; count], vec![1; count], vec![1; count]);
        for band in ends_of(self.bands, looked_at) {
            for (width, (held, _)) in width.iter_mut().zip(self.columns(band)) {
                *width = held.len().max(*width as usize) as u32;
            }
        }
        if self.bands > looked_at {
            // No band owns more than this, at any place where both its sides have neighbours.
            let (start, owned) =
                (self.boundary(0, self.bands / 2, self.bands), self.most_owned(0, self.bands));
            for (width, (held, _)) in
                width.iter_mut().zip(self.columns_between(start, start.saturating_add(owned), false))
            {
                *width = held.len().max(*width as usize) as u32;
            }
        }
        if self.strips > looked_at {
            // Two rows are kept, and roundings of what convolutions lag behind are two more.
            let owned = self.most_owned(1, self.strips);
            for id in 0..count {
                height[id] = ((owned >> self.pools[id]) + 4).min(self.whole.tensors[id].region.whole[1]);
                kept[id] = 4.min(height[id]);
            }
        }
        let mut before = vec![Rows::default(); count];
        for strip in (0..self.strips).take_while(|_| self.strips <= looked_at) {
            let now = self.rows(strip);
            for id in 0..count {
                height[id] = height[id].max(now[id].end - before[id].keep);
                kept[id] = kept[id].max(now[id].end - now[id].keep);
            }
            before = now;
        }
        let sized = |id: TensorId, rows: u32| {
            let extent = [width[id], rows];
            let region = Region { extent, ..self.whole.tensors[id].region };
            Tensor { region, layout: self.layout, ..self.whole.tensors[id].clone() }
        };
        let tensors: Vec<Tensor> = (0..count).map(|id| sized(id, height[id])).collect();
        let (mut slots, mut slot_of) = slots::assign(&tensors, &self.whole.steps);
        for &id in &self.carried {
            slot_of.extend([slots.len(); 2]);
            slots.push(if self.strips == 1 { 0 } else { sized(id, kept[id]).bytes() });
        }
        self.extents = width.into_iter().zip(height).map(|(width, height)| [width, height]).collect();
        (self.slots, self.slot_of) = (slots, slot_of);
    }
}

/// Parts along a side that are looked at one by one, to find the largest; with more, that is bounded.
const MOST_LOOKED_AT: u32 = 4096;

/// All of `count` parts, or with more than `looked_at` those at both ends.
fn ends_of(count: u32, looked_at: u32) -> impl Iterator<Item = u32> {
    let each = if count <= looked_at { count } else { count.min(64) };
    (0..each).chain((count - each).max(each)..count)
}

/// Some rows of some columns of a feature map; at least one row, of tensors that a part does not use.
fn region(tensor: &Tensor, columns: &Range<u32>, rows: &Range<u32>) -> Region {
    let whole = tensor.region.whole;
    let first = rows.start.min(whole[1] - 1);
    Region {
        origin: [columns.start, first],
        extent: [columns.end - columns.start, rows.end.saturating_sub(first).max(1)],
        halo: [0; 4],
        whole,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Config, Preset, Tap, Tuning, plan::Room};

    fn whole(config: &Config, width: u32, height: u32) -> Plan {
        Plan::new(config, width, height, 1, Tuning::Direct).unwrap()
    }

    #[test]
    fn one_part_is_the_whole() {
        for preset in Preset::ALL {
            let whole = whole(&preset.config(), 50, 37);
            let strips = Strips::new(whole.clone(), 1, 1, Layout::Nchw).unwrap();
            let part = strips.part(0, 0).unwrap();
            assert_eq!(part.plan.steps, whole.steps);
            assert_eq!(part.plan.tensors[..part.features], whole.tensors);
            assert_eq!((strips.bytes(), part.kept), (whole.bytes(), vec![]));
        }
    }

    /// The study card's first block: a strip of 8 rows at a time, by hand.
    #[test]
    fn rows_are_kept_for_the_next_strip() {
        let config = Config { taps: Tap::parse_list("relu1_2,pool1").unwrap(), ..Config::default() };
        let strips = Strips::new(whole(&config, 10, 24), 1, 3, Layout::Nchw).unwrap();
        let rows = |strip: u32, id: TensorId| {
            let Region { origin, extent, halo, .. } = strips.part(0, strip).unwrap().plan.tensors[id].region;
            (origin[1], extent[1], halo[1])
        };
        // pixels, relu1_1, relu1_2, pool1: each has what the one before has below it, less a row for each convolution.
        assert_eq!([0, 1, 2, 3].map(|id| rows(0, id)), [(0, 8, 0), (0, 7, 0), (0, 6, 0), (0, 3, 0)]);
        assert_eq!([0, 1, 2, 3].map(|id| rows(1, id)), [(6, 10, 2), (5, 10, 2), (6, 8, 0), (3, 4, 0)]);
        assert_eq!([0, 1, 2, 3].map(|id| rows(2, id)), [(14, 10, 2), (13, 11, 2), (14, 10, 0), (7, 5, 0)]);
        let names = |strip: u32| -> Vec<String> {
            strips.part(0, strip).unwrap().plan.steps.into_iter().map(|step| step.name).collect()
        };
        let all = [
            "pixels",
            "conv1_1",
            "conv1_2",
            "relu1_1 kept",
            "relu1_2 difference",
            "pool1",
            "pool1 difference",
        ];
        assert_eq!(names(0), all);
        assert_eq!(
            names(1),
            [
                "pixels",
                "relu1_1 kept",
                "conv1_1",
                "conv1_2",
                "relu1_1 kept",
                "relu1_2 difference",
                "pool1",
                "pool1 difference"
            ]
        );
        assert_eq!(names(2).len(), 7);
    }

    #[test]
    fn less_memory_in_more_strips() {
        let whole = whole(&Config::default(), 2048, 2048);
        let bytes = |bands, strips| Strips::new(whole.clone(), bands, strips, Layout::Nchw).unwrap().bytes();
        assert!(bytes(1, 16) < bytes(1, 1) / 8, "{} and {}", bytes(1, 16), bytes(1, 1));
        assert!(bytes(2, 16) < bytes(1, 16));
    }

    /// Pictures that no machine holds are cut, or refused, and not counted through.
    #[test]
    fn any_size_is_planned_at_once() {
        let start = std::time::Instant::now();
        for (width, height) in [(100_000, 100_000), (u32::MAX, 32), (32, u32::MAX), (u32::MAX, u32::MAX)] {
            for preset in [Preset::Vgg19, Preset::Esrgan] {
                let plan = whole(&preset.config(), width, height);
                for bytes in [1 << 10, 1 << 26, u64::MAX] {
                    if let Ok(cut) = Strips::within(
                        &plan,
                        Layout::NhwcFramed,
                        &Room { bytes, largest: u64::MAX, needs: &|cut| cut.bytes().saturating_mul(2) },
                    ) {
                        assert!(cut.bytes() <= bytes / 2);
                        cut.part(cut.bands() - 1, cut.strips() - 1).unwrap();
                    }
                }
            }
        }
        let took = start.elapsed();
        println!("{took:?}");
        assert!(took.as_secs() < 60, "{took:?}");
    }

    #[test]
    fn what_cannot_be_cut_is_named() {
        let plan = whole(&Config::default(), 50, 37);
        for (bands, strips) in [(0, 1), (1, 0), (7, 1), (1, 5)] {
            let text = Strips::new(plan.clone(), bands, strips, Layout::Nchw).unwrap_err().to_string();
            assert!(text.contains("from 1 by 1 to 6 by 4 work"), "{text}");
        }
        let strips = Strips::new(plan, 6, 4, Layout::Nchw).unwrap();
        assert!(strips.part(6, 0).unwrap_err().to_string().contains("no part 6, 0"));
        let pair = Plan::new(&Config::default(), 50, 37, 2, Tuning::Direct).unwrap();
        assert!(Strips::new(pair, 1, 1, Layout::Nchw).unwrap_err().to_string().contains("for one image"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        /// Any taps, size and cut: every part's tensors fit its steps and the slots, and every position of every tap is
        /// compared once.
        #[test]
        fn every_position_is_compared_once(
            preset in 0..Preset::ALL.len(),
            taps in prop::collection::btree_set(0..30usize, 1..5),
            named in any::<bool>(),
            width in 32..2000u32,
            height in 32..2000u32,
            bands in 1..5u32,
            strips in 1..60u32,
        ) {
            let mut config = Preset::ALL[preset].config();
            if !named {
                let layers = config.network.layers();
                let taps: Vec<_> = taps.into_iter().map(|i| layers[i % layers.len()].name).collect();
                config.taps = Tap::parse_list(&taps.join(",")).unwrap();
            }
            let whole = whole(&config, width, height);
            let unit = Strips::new(whole.clone(), 1, 1, Layout::Nchw).unwrap();
            let (bands, strips) = (bands.min(unit.units(0)), strips.min(unit.units(1)));
            let cut = Strips::new(whole.clone(), bands, strips, Layout::NhwcFramed).unwrap();
            // What is bounded and not looked at is large enough too.
            let bounded = Strips::looking_at(whole.clone(), bands, strips, Layout::NhwcFramed, 0).unwrap();
            let mut columns = vec![0; whole.taps.len()];
            for band in 0..bands {
                let mut rows = vec![0; whole.taps.len()];
                let mut width = vec![0; whole.taps.len()];
                for strip in 0..strips {
                    let part = cut.part(band, strip).unwrap();
                    for (id, tensor) in part.plan.tensors.iter().enumerate() {
                        let used = |step: &Step| step.input == Some(id) || step.output == Some(id);
                        for cut in [&cut, &bounded] {
                            let fits = tensor.bytes() <= cut.slots()[cut.slot_of[id]];
                            prop_assert!(fits || !part.plan.steps.iter().any(used), "{}", tensor.name);
                        }
                    }
                    for step in &part.plan.steps {
                        if let (Operation::Difference { tap, .. }, Some(id)) = (step.operation, step.input) {
                            let region = part.plan.tensors[id].region;
                            let owned = region.owned_extent();
                            prop_assert_eq!(region.origin[0] + region.halo[0], columns[tap]);
                            prop_assert_eq!(region.origin[1] + region.halo[1], rows[tap]);
                            rows[tap] += owned[1];
                            width[tap] = owned[0];
                        }
                    }
                }
                for (tap, plan) in whole.taps.iter().enumerate() {
                    let [all_columns, all_rows] = whole.tensors[plan.tensor].region.whole;
                    prop_assert_eq!(rows[tap], all_rows);
                    columns[tap] += width[tap];
                    prop_assert!(columns[tap] <= all_columns);
                }
            }
            for (tap, plan) in whole.taps.iter().enumerate() {
                prop_assert_eq!(columns[tap], whole.tensors[plan.tensor].region.whole[0]);
            }
        }
    }
}
