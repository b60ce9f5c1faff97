//! Room for pictures: no step begins that would take more than it may, or more than there is.
//!
//! Decoders and resampling allocate as they go, and where there is no memory left they end the process. So each step is counted
//! beforehand, with all that is alive at its height, and as much is asked for once.

use std::hint::black_box;

use super::fault::Fault;
use crate::ByteSize;

/// What steps take beside what is counted: tables, lines, a picture's metadata.
pub const BESIDE: u64 = 16 << 20;

/// Sees that `needed` bytes are allowed, and that there are as many, to `action` a picture of this size.
///
/// # Errors
/// [`Fault::File`] where that is more than `limit`, [`Fault::Memory`] where the system does not have it.
pub fn hold(action: &str, (width, height): (u32, u32), needed: u64, limit: ByteSize) -> Result<(), Fault> {
    if needed > limit.0 {
        return Err(Fault::File(format!(
            "is {width}x{height}, which takes {} to {action}, more than the limit of {limit}; raise it with --max-decoded",
            ByteSize(needed)
        )));
    }
    if is_there(needed.saturating_add(BESIDE)) { Ok(()) } else { Err(Fault::Memory(ByteSize(needed))) }
}

/// Sees that there is memory for what decoders copy of a file before its size is known, profiles, texts and the places of strips, and for
/// `more` that they unpack.
///
/// # Errors
/// [`Fault::Memory`].
pub fn hold_copies(file: &[u8], more: u64) -> Result<(), Fault> {
    const COPIES: u64 = 3;
    let needed = (file.len() as u64).saturating_mul(COPIES).saturating_add(more);
    if is_there(needed.saturating_add(BESIDE)) { Ok(()) } else { Err(Fault::Memory(ByteSize(needed))) }
}

fn is_there(bytes: u64) -> bool {
    let mut room = Vec::<u8>::new();
    let is_there = usize::try_from(bytes).is_ok_and(|bytes| room.try_reserve_exact(bytes).is_ok());
    // A compiler may leave out an allocation that nobody looks at, and take it for granted.
    black_box(&mut room);
    is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_apart_from_what_is_not_allowed() {
        let limit = ByteSize(1 << 20);
        assert!(hold("decode", (1, 1), 1 << 20, limit).is_ok());
        let Err(Fault::File(message)) = hold("decode", (3, 2), (1 << 20) + 1, limit) else {
            panic!("more than the limit was allowed")
        };
        assert!(message.contains("is 3x2, which takes 1.0MiB to decode"), "{message}");
        // More than any address space has.
        for needed in [1 << 62, u64::MAX] {
            let fault = hold("decode", (1, 1), needed, ByteSize(u64::MAX));
            assert!(matches!(fault, Err(Fault::Memory(ByteSize(bytes))) if bytes == needed));
        }
    }
}
