//! Decoders work on whatever a file holds, and where one of them panics the file is at fault, not the command:
//! it shall be told as any bad file is, without a backtrace on standard error.

use std::{cell::Cell, panic, sync::Once};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// `None` where `decode` panics. Panics of other threads are told as ever.
pub fn catch<T>(decode: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    QUIET.set(true);
    // What a panic may leave half done is dropped with the decoder.
    let result = panic::catch_unwind(panic::AssertUnwindSafe(decode));
    QUIET.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_within_a_decoder_is_caught() {
        assert_eq!(catch(|| 1), Some(1));
        assert_eq!(catch(|| -> u8 { panic!("of a decoder") }), None);
    }
}
