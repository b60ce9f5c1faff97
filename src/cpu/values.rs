//! Tensors' values, and the buffers that wait for the next tensor.

use std::{mem, sync::Arc};

use super::lines::Lines;
use crate::{
    error::Result,
    plan::{Element, Plan, TensorId},
};

/// The values of a plan's tensors.
#[derive(Debug)]
pub(super) struct Values {
    /// Each tensor's images, one after another, at the front of what may be a longer buffer; empty until a step makes them.
    tensors: Vec<Lines>,
    /// What others share with this plan, in the place of its own: a target's maps.
    given: Vec<Option<Arc<Lines>>>,
    /// Buffers that were let go of, for the next tensor: fresh ones would have to be zeroed first.
    spare: Vec<Lines>,
    /// The same where a picture is cut into parts, each slot's own: memory is what the cut says.
    slots: Option<Vec<Lines>>,
}

impl Values {
    /// None yet, of so many tensors.
    pub(super) fn new(tensors: usize) -> Self {
        Self {
            tensors: vec![Lines::default(); tensors],
            given: vec![None; tensors],
            spare: vec![],
            slots: None,
        }
    }

    /// A tensor's buffer; empty where it has no values.
    pub(super) fn of(&self, tensor: TensorId) -> &[f32] {
        self.given[tensor].as_deref().unwrap_or(&self.tensors[tensor])
    }

    /// Values that others have, too, for a plan's tensor.
    pub(super) fn give(&mut self, tensor: TensorId, values: Arc<Lines>) {
        self.given[tensor] = Some(values);
    }

    /// Takes a tensor's buffer out, to be written and to be put back by [`set`](Self::set).
    pub(super) fn take(&mut self, tensor: TensorId) -> Lines {
        mem::take(&mut self.tensors[tensor])
    }

    /// Sets a tensor's buffer.
    pub(super) fn set(&mut self, tensor: TensorId, buffer: Lines) {
        self.tensors[tensor] = buffer;
    }

    /// Lets go of a tensor's values.
    pub(super) fn release(&mut self, plan: &Plan, tensor: TensorId) {
        let buffer = self.take(tensor);
        match &mut self.slots {
            _ if buffer.is_empty() => {}
            Some(slots) => slots[plan.slot_of()[tensor]] = buffer,
            None => self.spare.push(buffer),
        }
    }

    /// Lets go of all values, for those of another plan of so many tensors.
    pub(super) fn release_all(&mut self, plan: &Plan, tensors: usize) {
        (0..self.tensors.len()).for_each(|id| self.release(plan, id));
        self.tensors.resize(tensors, Lines::default());
        self.given.clear();
        self.given.resize(tensors, None);
    }

    /// A buffer for so many elements of a tensor, with whatever was there before.
    pub(super) fn room(&mut self, plan: &Plan, tensor: TensorId, elements: usize) -> Result<Lines> {
        let shape = plan.tensor(tensor)?;
        // What outlives the plan goes elsewhere, and takes no more than it needs.
        if plan.kept().contains(&tensor) {
            return Lines::of(shape, elements);
        }
        if let Some(slots) = &mut self.slots {
            let slot = plan.slot_of()[tensor];
            let buffer = mem::take(&mut slots[slot]);
            if buffer.len() >= elements {
                return Ok(buffer);
            }
            drop(buffer);
            let all = (plan.slots()[slot] / shape.element.bytes()) as usize;
            return Lines::of(shape, all.max(elements));
        }
        // Bits stay for long and are small: they take no map's buffer.
        let is_bits = shape.element == Element::Bits;
        let most = if is_bits { 2 * elements } else { usize::MAX };
        let fits = (0..self.spare.len())
            .filter(|&i| (elements..=most).contains(&self.spare[i].len()))
            .min_by_key(|&i| self.spare[i].len());
        match fits {
            Some(index) => Ok(self.spare.swap_remove(index)),
            None if is_bits => Lines::of(shape, elements),
            None => {
                // What is too small for this tensor would only add up.
                self.spare.pop();
                Lines::of(shape, elements)
            }
        }
    }

    /// Goes from one part of a picture to the next: what the first of each pair of tensors `kept` held is let go of, what the
    /// second holds is the first's, and of the `features` all values are let go of.
    pub(super) fn go_on(&mut self, plan: &Plan, kept: &[[TensorId; 2]], features: usize, next: &Plan) {
        let slots = self.slots.get_or_insert_default();
        // A cut has one number of slots; that of another picture may have another.
        slots.resize(slots.len().max(next.slots().len()).max(plan.slots().len()), Lines::default());
        for &[from, to] in kept {
            self.release(plan, from);
            self.tensors[from] = self.take(to);
        }
        for id in 0..features.min(self.tensors.len()) {
            self.release(plan, id);
        }
        self.tensors.resize(next.tensors().len(), Lines::default());
        self.given.resize(next.tensors().len(), None);
    }
}
