//! Which tensors share memory: those whose lifetimes do not overlap.

use super::Step;

/// Bytes of each slot, and each tensor's slot, of tensors of so many bytes.
///
/// A tensor lives from the step that writes it (from the start, where none does) to the last that reads it
/// (to the end, where none does, so that it can be read back). A step's output never shares its input's slot.
pub(super) fn assign(bytes: &[u64], steps: &[Step]) -> (Vec<u64>, Vec<usize>) {
    let mut memory = Memory { slots: vec![], free: vec![] };
    let mut slot_of: Vec<Option<usize>> = (bytes.iter().enumerate())
        .map(|(id, &bytes)| {
            let given = !steps.iter().any(|step| step.output == Some(id));
            given.then(|| memory.take(bytes))
        })
        .collect();
    for (now, step) in steps.iter().enumerate() {
        if let Some(output) = step.output {
            slot_of[output] = Some(memory.take(bytes[output]));
        }
        if let Some(input) = step.input
            && steps.iter().rposition(|other| other.input == Some(input)) == Some(now)
        {
            memory.free.extend(slot_of[input]);
        }
    }
    (memory.slots, slot_of.into_iter().flatten().collect())
}

struct Memory {
    slots: Vec<u64>,
    free: Vec<usize>,
}

impl Memory {
    /// The smallest free slot that is large enough; else the largest, which grows; else a new one.
    fn take(&mut self, bytes: u64) -> usize {
        let best = (0..self.free.len()).min_by_key(|&i| {
            let size = self.slots[self.free[i]];
            if size >= bytes { (0, size) } else { (1, u64::MAX - size) }
        });
        let slot = match best {
            Some(i) => self.free.swap_remove(i),
            None => {
                self.slots.push(0);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = self.slots[slot].max(bytes);
        slot
    }
}
