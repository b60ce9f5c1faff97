//! What a step becomes: the dispatches of the target's half, and then those of the difference's.

use super::{Keeper, Lowering};
use crate::{
    error::Result,
    gpu::{
        kernels::{
            Operand,
            conv3x3::{Job, Map, Shape},
            copy,
            difference::{self, Slope, Summed},
            features::Features,
            gram::{self, Matrix},
            lpips,
            max_pool::{self, Beside},
            pixels::{self, Pictures},
            relu,
        },
        program::{Binding, Dispatch, Side},
        sizes::pictures_bytes,
        tuning::{self, Key},
    },
    network::Layer,
    normalization::Normalization,
    plan::{Cost, Maps, Operation, Region, Step, TapGradient, TensorId},
    tuning::Tuning,
};

impl<'a> Lowering<'a> {
    /// A step that the check of a plan let through: of any other nothing becomes.
    pub(super) fn step(&mut self, index: usize, step: &Step) -> Result<Vec<Dispatch>> {
        let cost = self.cost_of_each(index, step);
        Ok(match step.operation {
            Operation::Pixels { normalization, maps } => self.pixels(step, &normalization, maps, cost),
            Operation::Conv3x3 { layer, maps, input_relu, relu } => {
                self.conv3x3(step, layer, (maps, input_relu, relu), cost)?
            }
            Operation::Relu => match (&*step.reads, &*step.writes) {
                (&[from, target], &[to]) => {
                    let written = self.written(step, to);
                    vec![relu::lower(
                        self.operand(from),
                        self.operand(target),
                        self.operand(to),
                        &written,
                        cost,
                    )]
                }
                _ => vec![],
            },
            Operation::MaxPool { maps, input_relu } => self.max_pool(step, maps, input_relu, cost)?,
            Operation::Copy => match (&*step.reads, &*step.writes) {
                (&[from], &[to]) => {
                    let [from, to] = [from, to].map(|id| self.operand(id));
                    let shared = from.tensor.region.shared(&to.tensor.region);
                    shared.map(|shared| copy::lower(from, to, &shared, cost)).into_iter().collect()
                }
                _ => vec![],
            },
            Operation::Difference { criterion, tap, input_relu } => {
                self.difference(step, tap, Summed { criterion, input_relu }, cost)
            }
            Operation::Lpips { tap, input_relu } => {
                let [from, ref target @ ..] = *step.reads else { return Ok(vec![]) };
                let features = self.features(from, target.first(), input_relu);
                let layer = self.plan.taps()[tap].name;
                lpips::lower(&features, layer, tap as u32 * self.plan.images(), cost).to_vec()
            }
            Operation::Gram { tap, input_relu, adds } => {
                let [from, ref target @ ..] = *step.reads else { return Ok(vec![]) };
                let features = self.features(from, target.first(), input_relu);
                let matrix = Matrix { tap, adds, divisor: self.plan.gram_divisor(tap) };
                gram::lower(&features, matrix, tap as u32 * self.plan.images(), cost)
            }
            Operation::GramGradient { tap, input_relu, adds, .. } => {
                self.beside_gradient(step, (input_relu, adds), |features, added, to, written| {
                    let matrix = (tap, self.plan.gram_factor(tap));
                    gram::lower_gradient(features, matrix, added, to, written, cost)
                })
            }
            Operation::LpipsGradient { tap, input_relu, adds, .. } => {
                self.beside_gradient(step, (input_relu, adds), |features, added, to, written| {
                    let weights = (self.plan.taps()[tap].name, self.plan.factor(tap));
                    lpips::lower_gradient(features, weights, added, to, written, cost)
                })
            }
            Operation::ReluMask => match (&*step.reads, &*step.writes) {
                (&[target, from], &[to]) => {
                    let written = self.written(step, to);
                    let [from, target, to] = [from, target, to].map(|id| self.operand(id));
                    vec![relu::lower_mask(from, target, to, &written, cost)]
                }
                _ => vec![],
            },
            Operation::MaxPoolRoutes { input_relu } => match (&*step.reads, &*step.writes) {
                (&[target, from], &[to]) => {
                    let written = self.written(step, to);
                    let [from, target, to] = [from, target, to].map(|id| self.operand(id));
                    vec![max_pool::lower_routes(from, (target, input_relu), to, &written, cost)]
                }
                _ => vec![],
            },
            Operation::DifferenceGradient { of, adds, .. } => self.difference_gradient(step, of, adds, cost),
            Operation::MaxPoolGradient { adds, masked } => self.max_pool_gradient(step, adds, masked, cost),
            Operation::Conv3x3Gradient { layer, .. } => self.conv3x3_gradient(step, layer, cost)?,
            Operation::PixelsGradient { normalization } => match (&*step.reads, &*step.writes) {
                (&[from], &[to]) => {
                    let written = self.written(step, to);
                    let [from, to] = [from, to].map(|id| self.operand(id));
                    vec![pixels::lower_gradient(&normalization, from, to, &written, cost)]
                }
                _ => vec![],
            },
        })
    }

    /// What a tap compares, and its derivative.
    fn tap_gradient(&self, of: TapGradient, difference: TensorId) -> (Slope, Operand<'a>) {
        (Slope::new(of.criterion, self.plan.factor(of.tap)), self.operand(difference))
    }

    /// Zeros a gradient in place where there is a mask without its bit.
    fn masked(&self, mask: Option<&TensorId>, to: TensorId, written: &Region) -> Option<Dispatch> {
        let (mask, to) = (self.operand(*mask?), self.operand(to));
        let cost = in_place(to.tensor.channels, written);
        Some(relu::lower_gradient(mask, to, written, cost))
    }

    fn difference_gradient(&self, step: &Step, of: TapGradient, adds: bool, cost: Cost) -> Vec<Dispatch> {
        let (&[from, ref beside @ ..], &[to]) = (&*step.reads, &*step.writes) else { return vec![] };
        let written = self.written(step, to);
        let (added, mask) = beside.split_at(usize::from(adds));
        let (slope, from) = self.tap_gradient(of, from);
        let added = added.first().map(|&added| self.operand(added));
        let made = difference::lower_gradient(slope, from, added, self.operand(to), &written, cost);
        [made].into_iter().chain(self.masked(mask.first(), to, &written)).collect()
    }

    /// What a tap compares whose kernel reads the target's map, too.
    fn features(&self, difference: TensorId, target: Option<&TensorId>, input_relu: bool) -> Features<'a> {
        let (difference, target) = (self.operand(difference), target.map(|&target| self.operand(target)));
        Features { difference, target, input_relu }
    }

    /// Its gradient, by what makes a dispatch of the features, what is there already, what is written and where; and the mask.
    fn beside_gradient(
        &self,
        step: &Step,
        (input_relu, adds): (bool, bool),
        lower: impl FnOnce(&Features<'_>, Option<Operand<'_>>, Operand<'_>, &Region) -> Dispatch,
    ) -> Vec<Dispatch> {
        let (&[from, target, ref beside @ ..], &[to]) = (&*step.reads, &*step.writes) else { return vec![] };
        let written = self.written(step, to);
        let (added, mask) = beside.split_at(usize::from(adds));
        let features = self.features(from, Some(&target), input_relu);
        let added = added.first().map(|&added| self.operand(added));
        let made = lower(&features, added, self.operand(to), &written);
        [made].into_iter().chain(self.masked(mask.first(), to, &written)).collect()
    }

    fn max_pool_gradient(
        &self,
        step: &Step,
        adds: Option<TapGradient>,
        masked: bool,
        cost: Cost,
    ) -> Vec<Dispatch> {
        let (&[from, routes, ref beside @ ..], &[to]) = (&*step.reads, &*step.writes) else { return vec![] };
        let written = self.written(step, to);
        let (mask, difference) = beside.split_at(usize::from(masked));
        let tap = adds.zip(difference.first()).map(|(of, &difference)| self.tap_gradient(of, difference));
        let [from, routes, gradient] = [from, routes, to].map(|id| self.operand(id));
        let made = max_pool::lower_gradient(from, routes, tap, gradient, &written, cost);
        [made].into_iter().chain(self.masked(mask.first(), to, &written)).collect()
    }

    fn conv3x3_gradient(&mut self, step: &Step, layer: Layer, cost: Cost) -> Result<Vec<Dispatch>> {
        let row = tuning::of_step(self.plan, step, self.asked.tunings, self.asked.capabilities)?;
        let (Some(row), &[from, ref mask @ ..], &[to]) = (row, &*step.reads, &*step.writes) else {
            return Ok(vec![]);
        };
        let written = self.written(step, to);
        let mask = self.masked(mask.first(), to, &written);
        let layer = layer.transposed();
        let (from, to) = (self.operand(from), self.operand(to));
        let shape = Shape { layer, images: to.tensor.images, extent: written.extent };
        self.program.sizes.with_scratch(&(row.scratch)(&shape));
        let mut dispatches = (row.lower)(&Job {
            tuning: Tuning(row.name),
            layer,
            transposed: true,
            map: Map::Difference { target: None },
            from,
            to,
            notes: Binding::Notes,
            written,
            cost,
        });
        dispatches.extend(mask);
        Ok(dispatches)
    }

    /// What one image costs of each map that a step makes.
    fn cost_of_each(&self, index: usize, step: &Step) -> Cost {
        let Cost { flops, bytes } = self.plan.cost(index, 1);
        let maps = step.writes.len().max(1) as u64;
        Cost { flops: flops / maps, bytes: bytes / maps }
    }

    fn operand(&self, id: TensorId) -> Operand<'a> {
        let plan = self.plan;
        let slot = plan.slot_of()[id];
        if plan.gradient() == Some(id) {
            return Operand { tensor: &plan.tensors()[id], binding: Binding::Gradient };
        }
        let binding = match slot.checked_sub(plan.shared_slots().len()) {
            Some(kept) if self.asked.keeper == Keeper::Target => Binding::Kept(kept),
            _ => Binding::Slot(slot),
        };
        Operand { tensor: &plan.tensors()[id], binding }
    }

    /// What a step writes of a tensor: what is kept at its top stays.
    fn written(&self, step: &Step, to: TensorId) -> Region {
        self.plan.tensors()[to].region.below(step.kept)
    }

    fn pixels(&self, step: &Step, normalization: &Normalization, maps: Maps, cost: Cost) -> Vec<Dispatch> {
        let words = (pictures_bytes(self.plan) / 4) as u32;
        let generated = || Pictures { binding: Binding::Pictures(Side::Generated), stride: words };
        let targets = || Pictures {
            binding: self.target_picture(),
            stride: if self.asked.keeper == Keeper::Target { 0 } else { words },
        };
        let target = |to: TensorId| {
            pixels::lower(normalization, targets(), self.operand(to), &self.written(step, to), cost)
        };
        let difference = |to: TensorId| {
            let pictures = [generated(), targets()];
            pixels::lower_difference(normalization, pictures, self.operand(to), &self.written(step, to), cost)
        };
        match (maps, &*step.writes) {
            (Maps::Target, &[to]) => vec![target(to)],
            (Maps::Difference, &[to]) => vec![difference(to)],
            (Maps::Both, &[to_target, to_difference]) => vec![target(to_target), difference(to_difference)],
            _ => vec![],
        }
    }

    fn conv3x3(
        &mut self,
        step: &Step,
        layer: Layer,
        (maps, input_relu, relu): (Maps, bool, bool),
        cost: Cost,
    ) -> Result<Vec<Dispatch>> {
        let row = tuning::of_step(self.plan, step, self.asked.tunings, self.asked.capabilities)?;
        let Some(row) = row else { return Ok(vec![]) };
        let target = Map::Target { input_relu };
        let difference =
            |target: Option<TensorId>| Map::Difference { target: target.map(|id| self.operand(id)) };
        let halves = match (maps, &*step.reads, &*step.writes) {
            (Maps::Target, &[from], &[to]) => vec![(target, from, to)],
            (Maps::Difference, &[from, ref beside @ ..], &[to]) => {
                vec![(difference(beside.first().copied()), from, to)]
            }
            (Maps::Both, &[of_target, of_difference], &[to_target, to_difference]) => vec![
                (target, of_target, to_target),
                (difference(relu.then_some(to_target)), of_difference, to_difference),
            ],
            _ => vec![],
        };
        let mut dispatches = vec![];
        for (map, from, to) in halves {
            let is_kept = matches!(map, Map::Target { .. }) && self.asked.keeper == Keeper::Target;
            let notes = if is_kept { Binding::KeptNotes } else { Binding::Notes };
            let (from, written, to) = (self.operand(from), self.written(step, to), self.operand(to));
            let shape = Shape { layer, images: to.tensor.images, extent: written.extent };
            self.program.sizes.with_scratch(&(row.scratch)(&shape));
            dispatches.extend((row.lower)(&Job {
                tuning: Tuning(row.name),
                layer,
                transposed: false,
                map,
                from,
                to,
                notes,
                written,
                cost,
            }));
        }
        Ok(dispatches)
    }

    fn max_pool(&self, step: &Step, maps: Maps, input_relu: bool, cost: Cost) -> Result<Vec<Dispatch>> {
        let target = |from: TensorId, to: TensorId| {
            max_pool::lower(self.operand(from), input_relu, self.operand(to), &self.written(step, to), cost)
        };
        let difference = |from: TensorId, target: TensorId, to: TensorId| -> Result<Dispatch> {
            let beside =
                Beside { target: self.operand(target), input_relu, breaks_ties: self.breaks_ties(from)? };
            let written = self.written(step, to);
            Ok(max_pool::lower_difference(self.operand(from), beside, self.operand(to), &written, cost))
        };
        Ok(match (maps, &*step.reads, &*step.writes) {
            (Maps::Target, &[from], &[to]) => vec![target(from, to)],
            (Maps::Difference, &[from, beside], &[to]) => vec![difference(from, beside, to)?],
            (Maps::Both, &[of_target, of_difference], &[to_target, to_difference]) => {
                vec![target(of_target, to_target), difference(of_difference, of_target, to_difference)?]
            }
            _ => vec![],
        })
    }

    /// Whether the convolution that a difference comes from makes unequal results of equal patches.
    fn breaks_ties(&self, difference: TensorId) -> Result<bool> {
        let Some(layer) = self.plan.convolution_of(difference) else { return Ok(false) };
        let (whole, capabilities) = (self.plan.tensors()[difference].region.whole, self.asked.capabilities);
        let key = Key { layer: &layer, whole, capabilities };
        Ok(tuning::choose(self.asked.tunings, &key)?.breaks_ties)
    }

    fn difference(&self, step: &Step, tap: usize, summed: Summed, cost: Cost) -> Vec<Dispatch> {
        let &[from] = &*step.reads else { return vec![] };
        let first = tap as u32 * self.plan.images();
        let sums = difference::lower(summed, &self.operand(from), first, cost);
        let map = step.output().map(|map| {
            let written = self.written(step, map);
            difference::lower_map(summed, self.operand(from), self.operand(map), &written, cost)
        });
        sums.into_iter().chain(map).collect()
    }
}

/// What is done of so many channels of a region in place costs: an operation for each value, which is read and written.
fn in_place(channels: u32, written: &Region) -> Cost {
    let values = written.positions() * u64::from(channels);
    Cost { flops: values, bytes: 8 * values }
}
