//! Large pictures in parts: bands of columns, and strips of rows in each band.
//!
//! A band is computed by itself, with the columns at its sides that its own convolutions need: neighbours compute them
//! as well. The strips of a band go from top to bottom, and the rows of each feature map that the next strip needs are
//! kept: nothing is computed twice between them. So a picture's width need be cut only where a few rows of its feature
//! maps are too large for the memory that there is.
//!
//! Every part is a [`Plan`] of its own, made when its turn comes; all of them fit the same slots.

use std::{ops::Range, sync::Arc};

use super::{Builder, Operation, Plan, Region, Step, Tensor, TensorId, cuts::Cuts, slots};
use crate::error::{Error, Result};

/// How a picture is cut, and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    pub(super) cuts: Cuts,
    /// Tensors of which rows are kept, in order.
    kept: Arc<[TensorId]>,
    /// Positions that the executor's tensors have around each image.
    border: u32,
    /// For each tensor of the whole, the most columns of it that a part holds.
    columns: Arc<[u32]>,
    /// The most rows that a part holds, and the most that are kept.
    rows: Arc<[[u32; 2]]>,
    slots: Vec<u64>,
    /// For each tensor of a part, its slot.
    slot_of: Vec<usize>,
}

/// Which of their steps parts run, each time that all of them are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// All.
    All,
    /// Those that compare. A Gram matrix is of all parts, and its gradient can be made of none before.
    Compare,
    /// Those that make the gradient, of matrices that are there.
    Gradient,
}

/// One part: a strip of a band.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub(crate) plan: Plan,
    pub(crate) features: usize,
    pub(crate) kept: Vec<[TensorId; 2]>,
}

impl Part {
    /// Its steps, for one image. The tensors of the whole picture's plan come first, in their order. Taps and steps have
    /// their names; what has nothing to do in this part is left out.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many of the tensors are features; those after them are rows that are kept.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Pairs of tensors, in one slot each: what holds rows that an earlier strip has kept, and what keeps rows for the
    /// next. Those that this part leaves as they are are not listed.
    #[must_use]
    pub fn kept(&self) -> &[[TensorId; 2]] {
        &self.kept
    }
}

impl Parts {
    /// Cuts what `whole`, a plan for one image, computes into parts, for an executor whose tensors have `border` positions
    /// around each image. Each part's own are `owned` columns and rows of the picture, less at its right and lower edge:
    /// multiples of what all poolings make one position of, or as many as the picture has or more.
    ///
    /// # Errors
    /// [`Error::Config`] where parts cannot be of that size; where the plan is for more than one image, or does not begin
    /// with pixels.
    pub fn new(whole: impl Into<Arc<Plan>>, owned: [u32; 2], border: u32) -> Result<Self> {
        let uncut = Self::uncut(whole.into(), border)?;
        let unit = uncut.cuts.unit();
        let size = uncut.plan().picture_size().unwrap_or_default();
        let fits =
            |axis: usize| owned[axis] >= size[axis] || owned[axis] > 0 && owned[axis].is_multiple_of(unit);
        if !fits(0) || !fits(1) {
            return Err(Error::Config(format!(
                "a picture of {}x{} cannot be cut into parts of {}x{}; both sides must be multiples of {unit}, or as \
                 long as the picture's",
                size[0], size[1], owned[0], owned[1]
            )));
        }
        Ok(uncut.of_units(owned.map(|side| side / unit)))
    }

    /// The whole picture as one part.
    ///
    /// # Errors
    /// [`Error::Config`] where [`new`](Self::new) gives it.
    pub(crate) fn uncut(whole: Arc<Plan>, border: u32) -> Result<Self> {
        if whole.tensors.iter().any(|tensor| tensor.images != 1) || whole.picture_size().is_none() {
            return Err(Error::Config(
                "the plan cannot be cut: it must be for one image and begin with pixels".to_owned(),
            ));
        }
        // In the order of their first readers, and what is written with them. Pixels are made again from the picture.
        let mut kept: Vec<TensorId> = vec![];
        for step in whole.steps.iter().filter(|step| !step.writes.is_empty()) {
            for id in &step.reads {
                let made = whole.steps.iter().find(|step| step.writes.contains(id) && !step.reads.is_empty());
                for &id in made.into_iter().flat_map(|made| &made.writes) {
                    if !kept.contains(&id) {
                        kept.push(id);
                    }
                }
            }
        }
        let cuts = Cuts::none(whole);
        let (columns, rows) = (cuts.most_columns(), cuts.most_rows());
        let uncut = Self { cuts, kept: kept.into(), border, columns, rows, slots: vec![], slot_of: vec![] };
        Ok(uncut.assigned())
    }

    /// The same in parts of so many units, or fewer where the picture has fewer.
    pub(super) fn of_units(&self, units: [u32; 2]) -> Self {
        let cuts = self.cuts.of_units(units);
        let same = [0, 1].map(|axis| cuts.units()[axis] == self.cuts.units()[axis]);
        Self {
            columns: if same[0] { Arc::clone(&self.columns) } else { cuts.most_columns() },
            rows: if same[1] { Arc::clone(&self.rows) } else { cuts.most_rows() },
            kept: Arc::clone(&self.kept),
            border: self.border,
            slots: vec![],
            slot_of: vec![],
            cuts,
        }
        .assigned()
    }

    /// With slots that every part fits in: those of the whole plan, with the largest tensors of any part, and one for each
    /// tensor of which rows are kept.
    fn assigned(mut self) -> Self {
        let bytes_of =
            |id: TensorId, rows: u32| self.plan().tensors[id].bytes_of([self.columns[id], rows], self.border);
        let bytes: Vec<u64> =
            self.rows.iter().enumerate().map(|(id, [held, _])| bytes_of(id, *held)).collect();
        let (mut slots, mut slot_of) = slots::assign(&bytes, &self.plan().steps, &self.plan().kept);
        for &id in &*self.kept {
            slot_of.extend([slots.len(); 2]);
            slots.push(if self.strips() > 1 { bytes_of(id, self.rows[id][1]) } else { 0 });
        }
        (self.slots, self.slot_of) = (slots, slot_of);
        self
    }

    /// Bands of columns.
    #[must_use]
    pub fn bands(&self) -> u32 {
        self.cuts.counts()[0]
    }

    /// Strips of rows in each band.
    #[must_use]
    pub fn strips(&self) -> u32 {
        self.cuts.counts()[1]
    }

    /// The whole picture's plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.cuts.whole
    }

    /// All parts.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::from(self.bands()) * u64::from(self.strips())
    }

    /// Whether there is more than one part.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.count() > 1
    }

    /// The parts, those that follow each other and are alike but for their place together: their bands and their strips.
    #[must_use]
    pub fn alike(&self) -> Vec<[Range<u32>; 2]> {
        let strips = self.cuts.runs(1);
        let of_bands = |bands: Range<u32>| strips.iter().map(move |strips| [bands.clone(), strips.clone()]);
        self.cuts.runs(0).into_iter().flat_map(of_bands).collect()
    }

    /// The parts' bands and strips, in the order in which they run.
    pub(crate) fn order(&self) -> impl Iterator<Item = (u32, u32)> + Clone + use<> {
        let [bands, strips] = self.cuts.counts();
        (0..bands).flat_map(move |band| (0..strips).map(move |strip| (band, strip)))
    }

    /// The most columns and rows of one of the whole plan's tensors that a part holds.
    pub(crate) fn largest(&self, id: TensorId) -> [u32; 2] {
        [self.columns[id], self.rows[id][0]]
    }

    /// The most columns and rows of the picture that a part reads.
    pub(crate) fn largest_picture(&self) -> [u32; 2] {
        let pixels = self.plan().steps.iter().find(|step| step.reads.is_empty()).and_then(Step::output);
        pixels.map_or([0; 2], |id| self.largest(id))
    }

    /// The step of the whole plan that a part's step is: that of its name, and for rows that are kept the one that made
    /// them.
    pub(crate) fn step_of(&self, step: &Step) -> usize {
        let same = |other: &Step| match step.operation {
            Operation::Copy => {
                other.writes.iter().any(|id| step.writes.contains(id) || step.reads.contains(id))
            }
            _ => other.name == step.name,
        };
        self.plan().steps.iter().position(same).unwrap_or_default()
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

    /// How often parts are gone through: twice where they are of a cut and make the gradient of Gram matrices, which are complete once all
    /// parts have added to them. The second time nothing is compared, and the first no gradient is made.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.sweeps().len() as u32
    }

    /// Each time that the parts are gone through.
    pub(crate) fn sweeps(&self) -> &'static [Sweep] {
        let of_matrix = |step: &Step| matches!(step.operation, Operation::GramGradient { .. });
        if self.is_cut() && self.plan().steps.iter().any(of_matrix) {
            return &[Sweep::Compare, Sweep::Gradient];
        }
        &[Sweep::All]
    }

    /// All parts as often as they are gone through, in order: their sweeps, their bands and their strips.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Sweep, u32, u32)> + use<> {
        let order = self.order();
        let of_sweep = move |sweep: Sweep| order.clone().map(move |(band, strip)| (sweep, band, strip));
        self.sweeps().iter().flat_map(move |&sweep| of_sweep(sweep))
    }

    /// How many those are.
    pub(crate) fn run_count(&self) -> usize {
        self.sweeps().len() * self.count() as usize
    }

    /// One part with the steps of a sweep.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub(crate) fn part_of(&self, sweep: Sweep, band: u32, strip: u32) -> Result<Part> {
        let mut part = self.part(band, strip)?;
        let is_made_back = |id: &TensorId| {
            self.plan().steps.iter().any(|step| step.operation.is_backward() && step.writes.contains(id))
        };
        part.plan.steps.retain(|step| match (sweep, step.operation) {
            (Sweep::All, _) => true,
            // Rows that the way back keeps.
            (Sweep::Compare, Operation::Copy) => !step.reads.iter().chain(&step.writes).any(is_made_back),
            (Sweep::Compare, operation) => !operation.is_backward(),
            (Sweep::Gradient, operation) => operation.tap().is_none(),
        });
        Ok(part)
    }

    /// One part. Those of a band must run in order, from strip 0 on.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such part.
    pub fn part(&self, band: u32, strip: u32) -> Result<Part> {
        let (whole, [bands, strips]) = (self.plan(), self.cuts.counts());
        if band >= bands || strip >= strips {
            return Err(Error::Config(format!(
                "there is no part {band}, {strip}; there are {bands} by {strips}"
            )));
        }
        let columns = self.cuts.columns(band);
        let [before, now] = self.cuts.rows_around(strip);
        let last = strip + 1 == strips;
        let (features, mut kept) = (whole.tensors.len(), vec![]);
        let mut plan = Builder { taps: whole.taps.clone(), gradient: whole.gradient, ..Builder::default() };
        for (id, tensor) in whole.tensors.iter().enumerate() {
            let (held, owned) = &columns[id];
            let rows = before[id].keep..now[id].end;
            let region = region(tensor, held, &rows);
            let above = (before[id].end - before[id].keep).min(region.extent[1] - 1);
            let halo = [owned.start - held.start, above, held.end - owned.end, 0];
            plan.tensors.push(Tensor { region: region.with_halo(halo), ..tensor.clone() });
        }
        for &id in &*self.kept {
            for rows in [before[id].keep..before[id].end, now[id].keep..now[id].end] {
                let tensor = &whole.tensors[id];
                plan.tensors.push(Tensor {
                    name: format!("{} kept", tensor.name),
                    region: region(tensor, &columns[id].0, &rows),
                    ..tensor.clone()
                });
            }
        }
        let pair = |id: TensorId| {
            let place = self.kept.iter().position(|&kept| kept == id)?;
            let first = features + 2 * place;
            Some([first, first + 1])
        };
        let copy = |id: TensorId, from: TensorId, to: TensorId| {
            Step::new(format!("{} kept", whole.tensors[id].name), Operation::Copy, [from], [to])
        };
        let is_made = |id: TensorId| now[id].end > before[id].end;
        for (index, step) in whole.steps.iter().enumerate() {
            let makes = match step.writes.as_slice() {
                [] => step.reads.iter().all(|&id| is_made(id)),
                writes => writes.iter().any(|&id| is_made(id)),
            };
            if makes {
                let mut there = 0;
                for &output in &step.writes {
                    let above = before[output].end - before[output].keep;
                    if let Some([from, _]) = pair(output).filter(|_| above > 0) {
                        plan.step(copy(output, from, output));
                        there = above;
                    }
                }
                let mut step = step.clone().keeping(there);
                // A matrix is of all parts.
                if let (Operation::Gram { adds, .. }, Some(&id)) = (&mut step.operation, step.reads.first()) {
                    *adds = band > 0 || before[id].end > 0;
                }
                plan.step(step);
            }
            // A target's map may have no reader but the step that writes it.
            let used: Vec<TensorId> = step.reads.iter().chain(&step.writes).copied().collect();
            for (place, &id) in used.iter().enumerate() {
                // Nobody in this part reads it any more.
                let later = whole.steps[index + 1..].iter().any(|later| later.reads.contains(&id));
                let done = !later && !used[..place].contains(&id);
                if done
                    && !last
                    && is_made(id)
                    && now[id].end > now[id].keep
                    && let Some([from, to]) = pair(id)
                {
                    plan.step(copy(id, id, to));
                    kept.push([from, to]);
                }
            }
        }
        Ok(Part { plan: plan.finish_in(&self.slots, &self.slot_of)?, features, kept })
    }
}

/// Some rows of some columns of a feature map; at least one row, of tensors that a part does not use.
fn region(tensor: &Tensor, columns: &Range<u32>, rows: &Range<u32>) -> Region {
    let whole = tensor.region.whole;
    let first = rows.start.min(whole[1] - 1);
    let extent = [columns.end - columns.start, rows.end.saturating_sub(first).max(1)];
    Region::part(whole, [columns.start, first], extent)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Config, Criterion, Preset, Tap,
        network::Layer,
        plan::{Maps, Room},
    };

    fn whole(config: &Config, width: u32, height: u32) -> Plan {
        Plan::new(config, width, height, 1).unwrap()
    }

    #[test]
    fn one_part_is_the_whole() {
        for preset in Preset::ALL {
            let whole = whole(&preset.config(), 50, 37);
            let parts = Parts::new(whole.clone(), [50, 37], 0).unwrap();
            let part = parts.part(0, 0).unwrap();
            assert_eq!(part.plan.steps, whole.steps);
            assert_eq!(part.plan.tensors[..part.features], whole.tensors);
            assert_eq!((parts.bytes(), part.kept), (whole.bytes(), vec![]));
        }
    }

    /// The study card's first block: a strip of 8 rows at a time, by hand.
    #[test]
    fn rows_are_kept_for_the_next_strip() {
        let config =
            Config { taps: Tap::parse_list("relu1_2,pool1", Criterion::Mse).unwrap(), ..Config::default() };
        let parts = Parts::new(whole(&config, 10, 24), [10, 8], 0).unwrap();
        let rows = |strip: u32, id: TensorId| {
            let Region { origin, extent, halo, .. } = parts.part(0, strip).unwrap().plan.tensors[id].region;
            (origin[1], extent[1], halo[1])
        };
        // The differences of pixels, relu1_1, relu1_2 and pool1, and the target's maps beside the first three: each has what
        // the one before has below it, less a row for each convolution.
        for ids in [[1, 3, 5, 6], [0, 2, 4, 6]] {
            assert_eq!(ids.map(|id| rows(0, id)), [(0, 8, 0), (0, 7, 0), (0, 6, 0), (0, 3, 0)]);
            assert_eq!(ids.map(|id| rows(1, id)), [(6, 10, 2), (5, 10, 2), (6, 8, 0), (3, 4, 0)]);
            assert_eq!(ids.map(|id| rows(2, id)), [(14, 10, 2), (13, 11, 2), (14, 10, 0), (7, 5, 0)]);
        }
        let names = |strip: u32| -> Vec<String> {
            parts.part(0, strip).unwrap().plan.steps.into_iter().map(|step| step.name).collect()
        };
        let kept = ["conv1_1 target kept", "relu1_1 difference kept"];
        let end = ["relu1_2 difference", "pool1", "pool1 difference"];
        let all = [&["pixels", "conv1_1", "conv1_2"][..], &kept, &end].concat();
        assert_eq!(names(0), all);
        let again = [&["pixels"][..], &kept, &["conv1_1", "conv1_2"], &kept, &end].concat();
        assert_eq!(names(1), again);
        assert_eq!(names(2).len(), 8);
    }

    #[test]
    fn less_memory_in_more_strips() {
        let whole = whole(&Config::default(), 2048, 2048);
        let bytes = |owned| Parts::new(whole.clone(), owned, 0).unwrap().bytes();
        let [all, strips, parts] = [[2048, 2048], [2048, 128], [1024, 128]].map(bytes);
        assert!(strips < all / 8 && parts < strips, "{all}, {strips} and {parts}");
    }

    /// Pictures that no machine holds are cut, or refused, and not counted through.
    #[test]
    fn any_size_is_planned_at_once() {
        let start = std::time::Instant::now();
        for (width, height) in [(100_000, 100_000), (u32::MAX, 32), (32, u32::MAX), (u32::MAX, u32::MAX)] {
            for preset in [Preset::Vgg19, Preset::Esrgan] {
                let plan = whole(&preset.config(), width, height);
                for bytes in [1 << 10, 1 << 26, u64::MAX] {
                    if let Ok(cut) = Parts::within(
                        plan.clone(),
                        1,
                        &Room {
                            bytes,
                            largest: u64::MAX,
                            needs: &|cut| cut.bytes().saturating_mul(2),
                            grain: [32, 8],
                        },
                    ) {
                        assert!(cut.bytes() <= bytes / 2);
                        cut.part(cut.bands() - 1, cut.strips() - 1).unwrap();
                    }
                }
            }
        }
        let took = start.elapsed();
        println!("{took:?}");
        assert!(took.as_secs() < 10, "{took:?}");
    }

    #[test]
    fn what_cannot_be_cut_is_named() {
        let plan = whole(&Config::default(), 50, 37);
        for owned in [[0, 8], [8, 0], [12, 8], [8, 36], [49, 8]] {
            let text = Parts::new(plan.clone(), owned, 0).unwrap_err().to_string();
            assert!(text.contains("both sides must be multiples of 8"), "{text}");
        }
        let parts = Parts::new(plan, [8, 8], 0).unwrap();
        assert_eq!((parts.bands(), parts.strips()), (6, 4));
        assert!(parts.part(6, 0).unwrap_err().to_string().contains("no part 6, 0"));
        let pair = Plan::new(&Config::default(), 50, 37, 2).unwrap();
        assert!(Parts::new(pair, [50, 37], 0).unwrap_err().to_string().contains("for one image"));
    }

    /// A picture whose first feature map has three readers, one of which needs a row above and below, one none, and one
    /// two rows for each of its own.
    fn branches(width: u32, height: u32) -> Plan {
        let mut plan = Builder::new();
        let whole = Region::whole(width, height);
        let pixels = plan.tensor("pixels", 1, 3, whole);
        let (maps, input_relu) = (Maps::Target, false);
        let operation = Operation::Pixels { normalization: crate::Normalization::NONE, maps };
        plan.step(Step::new("pixels", operation, [], [pixels]));
        let conv = |name, inputs| Operation::Conv3x3 {
            layer: Layer::conv(name, 0, inputs, 4),
            maps,
            input_relu,
            relu: false,
        };
        let first = plan.tensor("first", 1, 4, whole);
        plan.step(Step::new("first", conv("first", 3), [pixels], [first]));
        let relu = plan.tensor("relu", 1, 4, whole);
        plan.step(Step::new("relu", Operation::Relu, [first, first], [relu]));
        let pool = plan.tensor("pool", 1, 4, whole.pooled());
        plan.step(Step::new("pool", Operation::MaxPool { maps, input_relu }, [first], [pool]));
        let second = plan.tensor("second", 1, 4, whole);
        plan.step(Step::new("second", conv("second", 4), [first], [second]));
        for (name, tensor) in [("relu", relu), ("pool", pool), ("second", second), ("first", first)] {
            plan.tap(name, 1.0, Criterion::Mse, tensor);
        }
        // A difference that writes a map of its terms.
        let map = plan.tensor("map", 1, 4, whole);
        plan.steps.last_mut().unwrap().writes.push(map);
        plan.finish().unwrap()
    }

    /// Tensors with several readers are cut as others are: every part is a plan that passes the check.
    #[test]
    fn a_tensor_may_have_several_readers() {
        let whole = branches(20, 33);
        for owned in [[20, 33], [20, 2], [20, 8], [6, 4], [2, 2]] {
            let parts = Parts::new(whole.clone(), owned, 1).unwrap();
            let mut positions = vec![0; whole.taps.len()];
            for (band, strip) in parts.order() {
                let part = parts.part(band, strip).unwrap();
                for step in &part.plan.steps {
                    for &id in step.reads.iter().chain(&step.writes) {
                        let bytes = part.plan.tensors[id].bytes_of(part.plan.tensors[id].region.extent, 1);
                        assert!(bytes <= parts.slots()[part.plan.slot_of[id]], "{owned:?}: {}", step.name);
                    }
                    if let Some(tap) = step.operation.tap() {
                        let [columns, rows] = part.plan.tensors[step.reads[0]].region.owned_extent();
                        positions[tap] += columns * rows;
                    }
                }
            }
            assert_eq!(positions, [20 * 33, 10 * 16, 20 * 33, 20 * 33], "{owned:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        /// Any taps, size and cut: every part's tensors fit its steps and the slots, and every position of every tap is
        /// compared once.
        #[test]
        fn every_position_is_compared_once(
            preset in 0..Preset::ALL.len(),
            taps in prop::collection::btree_set(0..40usize, 1..5),
            named in any::<bool>(),
            width in 32..2000u32,
            height in 32..2000u32,
            columns in prop::option::weighted(0.7, 1..40u32),
            rows in prop::option::weighted(0.7, 1..40u32),
        ) {
            let mut config = Preset::ALL[preset].config();
            if !named {
                let layers = config.network.layers();
                let taps: BTreeSet<_> = taps.into_iter().map(|i| i % layers.len()).collect();
                let taps: Vec<_> = taps.into_iter().map(|i| layers[i].name).collect();
                config.taps = Tap::parse_list(&taps.join(","), Criterion::Mse).unwrap();
            }
            let whole = whole(&config, width, height);
            let uncut = Parts::uncut(Arc::new(whole.clone()), 1).unwrap();
            let cut = uncut.of_units([columns.unwrap_or(u32::MAX), rows.unwrap_or(u32::MAX)]);
            let mut columns = vec![0; whole.taps.len()];
            for band in 0..cut.bands() {
                let mut rows = vec![0; whole.taps.len()];
                let mut width = vec![0; whole.taps.len()];
                for strip in 0..cut.strips() {
                    let part = cut.part(band, strip).unwrap();
                    for (id, tensor) in part.plan.tensors.iter().enumerate() {
                        let used = |step: &Step| step.reads.contains(&id) || step.writes.contains(&id);
                        let fits = tensor.bytes() <= cut.slots()[cut.slot_of[id]];
                        prop_assert!(fits || !part.plan.steps.iter().any(used), "{}", tensor.name);
                    }
                    for step in &part.plan.steps {
                        if let (Some(tap), Some(id)) = (step.operation.tap(), step.input()) {
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
