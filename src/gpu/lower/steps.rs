//! What a step becomes: the dispatches of the target's half, and then those of the difference's.

use super::{Keeper, Lowering};
use crate::{
    error::Result,
    gpu::{
        kernels::{
            Operand,
            conv3x3::{Job, Map, Shape},
            copy,
            difference::{self, Summed},
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
    plan::{Cost, Maps, Operation, Region, Step, TensorId},
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
        })
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
