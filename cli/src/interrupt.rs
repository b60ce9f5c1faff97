//! Ctrl-C: what runs is given up between two dispatches, nothing is left behind, and the program ends soon in any case.

use std::{
    io::{self, IsTerminal as _},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use perceptual_loss::CancelToken;

use crate::{failure::Failure, say};

/// How long a comparison has for ending by itself. What a slow device was given last may take longer.
const GRACE: Duration = Duration::from_millis(500);

/// What is true of the process: signals are its own, and so is this.
struct State {
    token: Mutex<Option<CancelToken>>,
    /// Held while a file is there that is not whole.
    writing: Mutex<()>,
    ending: AtomicBool,
}

static STATE: State =
    State { token: Mutex::new(None), writing: Mutex::new(()), ending: AtomicBool::new(false) };

/// Ends the program at Ctrl-C. Where someone has seen to it that the signal is ignored, it is.
pub fn listen() {
    let _ = ctrlc::try_set_handler(|| {
        if STATE.ending.swap(true, Ordering::Relaxed) {
            end();
        }
        let token = lock(&STATE.token).clone();
        let give_up = move || {
            if let Some(token) = token {
                token.cancel();
                thread::sleep(GRACE);
            }
            end();
        };
        // In a thread of its own, so that a second Ctrl-C is heard; or in this one, where the system gives no other.
        if thread::Builder::new().spawn(give_up.clone()).is_err() {
            give_up();
        }
    });
}

/// A token that Ctrl-C cancels.
pub fn token() -> CancelToken {
    lock(&STATE.token).get_or_insert_default().clone()
}

/// While it is held, Ctrl-C waits.
pub fn hold() -> MutexGuard<'static, ()> {
    lock(&STATE.writing)
}

fn end() -> ! {
    // To the end: nobody may begin to write any more.
    let _writing = hold();
    let Failure { message, code, .. } = Failure::interrupted();
    if io::stderr().is_terminal() {
        // A progress bar's line.
        eprint!("\r\x1b[K");
    }
    say::error(&message);
    exit(code.into())
}

fn exit(code: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: it ends the process at once. What runs at a usual exit, a driver's own tidying among it, does not expect that
    // other threads go on working with the device.
    unsafe {
        libc::_exit(code);
    }
    #[cfg(not(unix))]
    std::process::exit(code);
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
