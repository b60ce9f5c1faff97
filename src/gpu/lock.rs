//! Taking locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that another thread's panic does not spoil: what it guards is valid at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
