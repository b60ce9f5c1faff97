//! Decoders that panic.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder. A file that makes it panic is a bad file, to be told in a line: decoders are other people's code
/// over bytes that anyone may have made.
pub fn guard<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    // What a decoder leaves half done is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    result.unwrap_or_else(|_| Err("the decoder failed on it: the file is damaged".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(guard(|| Ok(1)), Ok(1));
        assert!(guard::<()>(|| panic!("not seen")).unwrap_err().contains("damaged"));
        assert!(!QUIET.get());
    }
}
