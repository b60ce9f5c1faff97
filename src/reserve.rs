//! Room in main memory that may be refused: pictures and weights of any size get here, and running out must not end the
//! host's process.

use std::fmt::Display;

use crate::error::{Error, Result};

/// Room for `more` values behind those that there are.
///
/// # Errors
/// [`Error::OutOfMemory`], which says that they were wanted for `what`.
pub(crate) fn reserve<T>(values: &mut Vec<T>, more: usize, what: impl Display) -> Result<()> {
    values.try_reserve_exact(more).map_err(|_| {
        let wanted = (more as u64).saturating_mul(size_of::<T>() as u64);
        Error::OutOfMemory { on_gpu: false, wanted, what: what.to_string() }
    })
}

/// So many times a value.
///
/// # Errors
/// As [`reserve`].
pub(crate) fn filled<T: Clone>(value: T, count: usize, what: impl Display) -> Result<Vec<T>> {
    let mut values = vec![];
    reserve(&mut values, count, what)?;
    values.resize(count, value);
    Ok(values)
}

/// All of `count` values at the most.
///
/// # Errors
/// As [`reserve`].
pub(crate) fn collected<T>(
    all: impl IntoIterator<Item = T>,
    count: usize,
    what: impl Display,
) -> Result<Vec<T>> {
    let mut values = vec![];
    reserve(&mut values, count, what)?;
    values.extend(all.into_iter().take(count));
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_room_for_is_there() {
        assert_eq!(filled(7u8, 3, "a test").unwrap(), [7; 3]);
        assert_eq!(collected([1, 2, 3], 3, "a test").unwrap(), [1, 2, 3]);
    }

    #[test]
    fn running_out_is_an_error_of_main_memory() {
        for error in [
            filled(0.0f32, usize::MAX / 8, "a test").unwrap_err(),
            collected([0.0f32], usize::MAX / 8, "a test").unwrap_err(),
        ] {
            let Error::OutOfMemory { on_gpu: false, wanted, .. } = error else { panic!("{error:?}") };
            assert_eq!(wanted, usize::MAX as u64 / 8 * 4);
            let text = error.to_string();
            assert!(text.contains("for a test") && !text.contains("GPU"), "{text}");
        }
    }
}
