//! Memory that kernels work in between what they read and what they write.

use std::sync::{Mutex, PoisonError};

use super::lines::Lines;

/// Buffers that tasks take and give back, as many as there were tasks at a time, so that nothing is allocated again. They are the
/// models' of an engine and their sessions', and go with the last of them: a host's threads keep nothing.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The smallest first.
    free: Mutex<Vec<Lines>>,
}

impl Scratch {
    /// Runs `work` with a buffer, whose values are whatever was left there: with the smallest, since many tasks run at a time.
    pub(super) fn with_smallest<T>(&self, work: impl FnOnce(&mut Lines) -> T) -> T {
        self.with(|free| (!free.is_empty()).then(|| free.remove(0)), work)
    }

    /// The same with the largest, for what all threads work in together.
    pub(super) fn with_largest<T>(&self, work: impl FnOnce(&mut Lines) -> T) -> T {
        self.with(Vec::pop, work)
    }

    /// No lock is held while `work` runs: a thread that waits in it for others may be given work that wants scratch too.
    fn with<T>(
        &self,
        take: impl FnOnce(&mut Vec<Lines>) -> Option<Lines>,
        work: impl FnOnce(&mut Lines) -> T,
    ) -> T {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = take(&mut free()).unwrap_or_default();
        let done = work(&mut buffer);
        let mut free = free();
        let place = free.partition_point(|other| other.len() < buffer.len());
        free.insert(place, buffer);
        done
    }

    /// Bytes of the buffers that no task has.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.iter().map(|buffer| size_of_val::<[f32]>(buffer)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_in_order_of_their_size() {
        let scratch = Scratch::default();
        scratch.with_smallest(|one| {
            one.reach(100).unwrap();
            scratch.with_smallest(|two| two.reach(10).unwrap().fill(1.0));
        });
        assert_eq!(scratch.bytes(), 440);
        scratch.with_smallest(|buffer| assert_eq!(buffer.len(), 10));
        scratch.with_largest(|buffer| assert_eq!(buffer.len(), 100));
        scratch.with_largest(|large| {
            scratch.with_largest(|small| assert_eq!((large.len(), small.len()), (100, 10)));
        });
        assert_eq!(scratch.bytes(), 440);
    }
}
