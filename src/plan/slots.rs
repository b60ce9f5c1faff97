//! Which tensors share memory: those whose lifetimes do not overlap.

use super::{Step, TensorId};

/// Bytes of each slot, and each tensor's slot, of tensors of so many bytes: the largest first, and then those of `kept` tensors.
///
/// A tensor lives from the first step that writes it (from the start, where none does) to the last that reads it (to the
/// end, where none does, so that it can be read back). What a step writes never shares a slot with what it reads. What is kept
/// has a slot to itself.
pub(super) fn assign(bytes: &[u64], steps: &[Step], kept: &[TensorId]) -> (Vec<u64>, Vec<usize>) {
    let mut memory = Memory { slots: vec![], free: vec![] };
    let mut slot_of: Vec<Option<usize>> = (bytes.iter().enumerate())
        .map(|(id, &bytes)| {
            let given = !kept.contains(&id) && !steps.iter().any(|step| step.writes.contains(&id));
            given.then(|| memory.take(bytes))
        })
        .collect();
    for (now, step) in steps.iter().enumerate() {
        for &id in step.writes.iter().filter(|id| !kept.contains(id)) {
            slot_of[id].get_or_insert_with(|| memory.take(bytes[id]));
        }
        let read_later = |id: TensorId| steps[now + 1..].iter().any(|later| later.reads.contains(&id));
        for (index, &id) in step.reads.iter().enumerate() {
            if !read_later(id) && !step.reads[..index].contains(&id) {
                memory.free.extend(slot_of[id]);
            }
        }
    }
    // In order of size, so that those of two plans over the same maps can be put on each other.
    let mut order: Vec<usize> = (0..memory.slots.len()).collect();
    order.sort_by_key(|&slot| std::cmp::Reverse(memory.slots[slot]));
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, &from)| place[from] = to);
    let mut slots: Vec<u64> = order.iter().map(|&slot| memory.slots[slot]).collect();
    let shared = slots.len();
    slots.extend(kept.iter().map(|&id| bytes[id]));
    let of = |(id, slot): (TensorId, Option<usize>)| match kept.iter().position(|&kept| kept == id) {
        Some(index) => shared + index,
        // Every tensor that is not kept is given or written.
        None => slot.map_or(0, |slot| place[slot]),
    };
    (slots, slot_of.into_iter().enumerate().map(of).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Operation;

    /// A tensor with two readers lives until the second, and what a step writes beside its first output has memory of its
    /// own.
    #[test]
    fn tensors_live_from_their_first_writer_to_their_last_reader() {
        let step = |reads: &[usize], writes: &[usize]| Step::new("step", Operation::Relu, reads, writes);
        let steps = [step(&[0], &[1]), step(&[1], &[2, 3]), step(&[1, 3], &[4]), step(&[4, 2], &[5])];
        let (slots, slot_of) = assign(&[10, 20, 30, 5, 40, 8], &steps, &[]);
        assert_eq!(slot_of.len(), 6);
        for (now, step) in steps.iter().enumerate() {
            let alive = |id: usize| {
                let made = steps.iter().position(|step| step.writes.contains(&id)).unwrap_or(0);
                let read = steps.iter().rposition(|step| step.reads.contains(&id)).unwrap_or(steps.len());
                (made..=read).contains(&now)
            };
            let alive: Vec<usize> = (0..6).filter(|&id| alive(id)).collect();
            for (index, a) in alive.iter().enumerate() {
                for b in &alive[..index] {
                    assert_ne!(slot_of[*a], slot_of[*b], "tensors {a} and {b} at step {now}, {}", step.name);
                }
            }
        }
        assert_eq!(slots.len(), 4, "{slots:?}");
    }

    /// What is kept shares its memory with nothing, whether it is given or made.
    #[test]
    fn kept_tensors_have_slots_of_their_own() {
        let step = |reads: &[usize], writes: &[usize]| Step::new("step", Operation::Relu, reads, writes);
        let steps = [step(&[0], &[1]), step(&[1, 5], &[2]), step(&[2], &[3]), step(&[3], &[4])];
        let (slots, slot_of) = assign(&[10, 20, 30, 40, 50, 60], &steps, &[5, 2]);
        assert_eq!(slots[slots.len() - 2..], [60, 30]);
        assert_eq!((slot_of[5], slot_of[2]), (slots.len() - 2, slots.len() - 1));
        assert!(slots[..slots.len() - 2].is_sorted_by(|a, b| a >= b), "{slots:?}");
        assert!([0, 1, 3, 4].iter().all(|&id| slot_of[id] < slots.len() - 2), "{slot_of:?}");
    }
}
