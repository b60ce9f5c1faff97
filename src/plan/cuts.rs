//! Where a picture is cut, and which columns and rows of each tensor a part holds.

use std::{ops::Range, sync::Arc};

use super::{Maps, Operation, Plan, Reach, TensorId};

/// Bands of columns and strips of rows, of one size but for the last ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cuts {
    /// The whole picture's plan.
    pub(super) whole: Arc<Plan>,
    /// For each of its tensors, how many poolings lie before it.
    pools: Arc<[u32]>,
    /// Tensors that lie together, each with the lowest number of those that it lies with, itself among them.
    together: Arc<[TensorId]>,
    /// Positions of the picture that all poolings make one of: parts begin at multiples of it.
    unit: u32,
    /// Columns of a band and rows of a strip that are its own, in units.
    units: [u32; 2],
}

/// Rows of a tensor, at a strip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Rows that are there once the strip is done, from the top of the picture on.
    pub(super) end: u32,
    /// The first of them that a later strip needs.
    pub(super) keep: u32,
}

impl Cuts {
    /// No cuts.
    pub(super) fn none(whole: Arc<Plan>) -> Self {
        let mut pools = vec![0; whole.tensors.len()];
        for step in &whole.steps {
            let before = step.input().map_or(0, |id| pools[id]);
            for &id in &step.writes {
                let Reach { reads, makes, .. } = step.operation.reach(0);
                pools[id] = before + reads.ilog2() - makes.ilog2();
            }
        }
        let unit = 1 << pools.iter().max().copied().unwrap_or(0);
        let together = together(&whole);
        let mut cuts = Self { whole, pools: pools.into(), together, unit, units: [1; 2] };
        cuts.units = cuts.most();
        cuts
    }

    /// Parts of so many units.
    pub(super) fn of_units(&self, units: [u32; 2]) -> Self {
        let most = self.most();
        Self { units: [0, 1].map(|axis| units[axis].clamp(1, most[axis])), ..self.clone() }
    }

    /// Positions of the picture in a unit.
    pub(super) fn unit(&self) -> u32 {
        self.unit
    }

    /// Units of a part.
    pub(super) fn units(&self) -> [u32; 2] {
        self.units
    }

    /// Whole units of the picture along each axis.
    pub(super) fn most(&self) -> [u32; 2] {
        self.whole.picture_size().unwrap_or_default().map(|side| (side / self.unit).max(1))
    }

    /// Bands and strips.
    pub(super) fn counts(&self) -> [u32; 2] {
        let most = self.most();
        [0, 1].map(|axis| most[axis].div_ceil(self.units[axis]))
    }

    /// Where part `index` along an axis begins; the last ones reach to the picture's edge.
    fn boundary(&self, axis: usize, index: u32) -> u32 {
        if index >= self.counts()[axis] {
            return self.whole.picture_size().unwrap_or_default()[axis];
        }
        index * self.units[axis] * self.unit
    }

    /// For each tensor, the columns that a band holds, and those of them that it owns.
    pub(super) fn columns(&self, band: u32) -> Vec<(Range<u32>, Range<u32>)> {
        let [start, end] = [band, band + 1].map(|band| self.boundary(0, band));
        let last = band + 1 >= self.counts()[0];
        let tensors = &self.whole.tensors;
        let owned = tensors.iter().zip(&*self.pools).map(|(tensor, pools)| {
            let end = if last { tensor.region.whole[0] } else { end >> pools };
            start >> pools..end
        });
        let mut columns: Vec<_> = owned.map(|owned| (owned.clone(), owned)).collect();
        // As much of each as is needed of any that it lies with, which may be known once more of the steps before were looked at.
        while self.need_columns(&mut columns) {}
        columns
    }

    /// Widens what is held of each tensor to what steps need of it; whether there was anything to widen.
    fn need_columns(&self, columns: &mut [(Range<u32>, Range<u32>)]) -> bool {
        let tensors = &self.whole.tensors;
        let mut is_wider = false;
        for step in self.whole.steps.iter().rev() {
            for (&output, (place, &input)) in
                step.writes.iter().flat_map(|to| step.reads.iter().enumerate().map(move |from| (to, from)))
            {
                let Range { start, end } = columns[output].0;
                let Reach { reads, makes, around } = step.operation.reach(place);
                let needed = (start.saturating_mul(reads) / makes).saturating_sub(around)
                    ..end.saturating_mul(reads).div_ceil(makes).saturating_add(around);
                let held = &columns[input].0;
                let wider = held.start.min(needed.start)
                    ..held.end.max(needed.end.min(tensors[input].region.whole[0]));
                if wider != *held {
                    is_wider = true;
                    let place = self.together[input];
                    let lie_with =
                        self.together.iter().zip(columns.iter_mut()).filter(|(other, _)| **other == place);
                    lie_with.for_each(|(_, column)| column.0 = wider.clone());
                }
            }
        }
        is_wider
    }

    /// For each tensor, its rows at a strip.
    pub(super) fn rows(&self, strip: u32) -> Vec<Rows> {
        let end = self.boundary(1, strip + 1);
        let mut rows = vec![Rows { end, keep: end }; self.whole.tensors.len()];
        for step in &self.whole.steps {
            if step.reads.is_empty() || step.writes.is_empty() {
                continue;
            }
            let all = step.output().map_or(0, |id| self.whole.tensors[id].region.whole[1]);
            let reads =
                || step.reads.iter().enumerate().map(|(place, &id)| (id, step.operation.reach(place)));
            let made = |(input, Reach { reads, makes, around }): (TensorId, Reach)| {
                let there = rows[input].end;
                let complete = there == self.whole.tensors[input].region.whole[1];
                // The rows below the last one are needed, unless that is the picture's own.
                if complete { all } else { there.saturating_sub(around) * makes / reads }
            };
            let made = reads().map(made).min().unwrap_or(0);
            for (input, Reach { reads, makes, around }) in reads() {
                // Another reader may need more.
                let needed = (made * reads / makes).saturating_sub(around);
                rows[input].keep = rows[input].keep.min(needed);
            }
            for &output in &step.writes {
                rows[output] = Rows { end: made, keep: made };
            }
        }
        for (id, &place) in self.together.iter().enumerate() {
            rows[place].keep = rows[place].keep.min(rows[id].keep);
        }
        for (id, &place) in self.together.iter().enumerate() {
            rows[id].keep = rows[place].keep;
        }
        rows
    }

    /// For each tensor, its rows before a strip and at it.
    pub(super) fn rows_around(&self, strip: u32) -> [Vec<Rows>; 2] {
        let now = self.rows(strip);
        let before = strip.checked_sub(1).map(|before| self.rows(before));
        [before.unwrap_or_else(|| vec![Rows::default(); now.len()]), now]
    }

    /// For each tensor, the most columns that a part holds.
    pub(super) fn most_columns(&self) -> Arc<[u32]> {
        let mut most = vec![1; self.pools.len()];
        for (band, _) in self.alike(0) {
            for (most, (held, _)) in most.iter_mut().zip(self.columns(band)) {
                *most = (held.end - held.start).max(*most);
            }
        }
        most.into()
    }

    /// For each tensor, the most rows that a part holds, and the most that are kept.
    pub(super) fn most_rows(&self) -> Arc<[[u32; 2]]> {
        let mut most = vec![[1; 2]; self.pools.len()];
        let mut before = (0, vec![Rows::default(); self.pools.len()]);
        for (strip, _) in self.alike(1) {
            if before.0 != strip {
                before = (strip, self.rows(strip - 1));
            }
            let now = self.rows(strip);
            for ([held, kept], (before, now)) in most.iter_mut().zip(before.1.iter().zip(&now)) {
                *held = (*held).max(now.end - before.keep);
                *kept = (*kept).max(now.end - now.keep);
            }
            before = (strip + 1, now);
        }
        most.into()
    }

    /// Parts along an axis that follow each other and are alike but for their place.
    pub(super) fn runs(&self, axis: usize) -> Vec<Range<u32>> {
        let sizes = |index: u32| -> Vec<[u32; 3]> {
            if axis == 0 {
                let sizes = |(held, owned): (Range<u32>, Range<u32>)| {
                    [owned.start - held.start, owned.end - owned.start, held.end - owned.end]
                };
                return self.columns(index).into_iter().map(sizes).collect();
            }
            let [before, now] = self.rows_around(index);
            let rows = before.into_iter().zip(now);
            rows.map(|(before, now)| [before.end - before.keep, now.end - before.end, now.end - now.keep])
                .collect()
        };
        let mut runs: Vec<(Range<u32>, Vec<[u32; 3]>)> = vec![];
        for (index, times) in self.alike(axis) {
            let sizes = sizes(index);
            match runs.last_mut() {
                Some((range, last)) if *last == sizes => range.end += times,
                _ => runs.push((index..index + times, sizes)),
            }
        }
        runs.into_iter().map(|(range, _)| range).collect()
    }

    /// Parts along an axis, and how many each stands for: those in the middle are alike.
    pub(super) fn alike(&self, axis: usize) -> impl Iterator<Item = (u32, u32)> + use<> {
        let count = self.counts()[axis];
        let ends = ENDS.min(count / 2);
        let middle = count - 2 * ends;
        let one = |index| (index, 1);
        (0..ends).map(one).chain((middle > 0).then_some((ends, middle))).chain((count - ends..count).map(one))
    }
}

/// Which tensors lie together: what a step writes, since so many rows of all of it are there when it runs again, and what one reads of a
/// target and a difference position for position.
fn together(plan: &Plan) -> Arc<[TensorId]> {
    let mut places: Vec<TensorId> = (0..plan.tensors.len()).collect();
    let mut join = |ids: &[TensorId]| {
        let Some(first) = ids.iter().map(|&id| places[id]).min() else { return };
        let joined: Vec<TensorId> = ids.iter().map(|&id| places[id]).collect();
        places.iter_mut().filter(|place| joined.contains(place)).for_each(|place| *place = first);
    };
    for step in &plan.steps {
        join(&step.writes);
        match step.operation {
            Operation::Conv3x3 { maps: Maps::Both, .. }
            | Operation::MaxPool { maps: Maps::Both, .. }
            | Operation::MaxPoolRoutes { .. } => join(&step.reads),
            _ => {}
        }
    }
    places.into()
}

/// Parts at either end that differ from those in the middle, at most: what convolutions need from beyond a part's edge, and
/// what strips lag behind, is less than so many units at any tap of VGG, there and back.
const ENDS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Criterion, Tap};

    /// What a part in the middle stands for.
    #[test]
    fn parts_in_the_middle_are_alike() {
        let layers = Config::default().network.layers();
        // The last pooling is no tap.
        for tap in layers.iter().filter(|layer| layer.name != "pool5").map(|layer| layer.name) {
            let config = Config { taps: Tap::parse_list(tap, Criterion::Mse).unwrap(), ..Config::default() };
            let whole = Plan::new(&config, 2003, 2003, 1).unwrap().with_gradient().unwrap();
            let cuts = Cuts::none(Arc::new(whole)).of_units([1, 1]);
            let [bands, strips] = cuts.counts();
            let sizes = |part: u32| {
                let columns = cuts.columns(part).into_iter().map(|(held, owned)| (held.len(), owned.len()));
                let [before, now] = cuts.rows_around(part);
                let rows = before
                    .into_iter()
                    .zip(now)
                    .map(|(before, now)| (now.end - before.keep, now.end - now.keep));
                columns.zip(rows).collect::<Vec<_>>()
            };
            assert!(bands == strips && bands > 2 * ENDS, "{bands}");
            for part in ENDS..bands - ENDS {
                assert_eq!(sizes(part), sizes(ENDS), "part {part} of {bands} to {tap}");
            }
            let counted: u32 = cuts.alike(0).map(|(_, times)| times).sum();
            assert_eq!(counted, bands);
        }
    }
}
