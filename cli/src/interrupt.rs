//! Ctrl-C, and the other signals that ask a program to end: what runs is given up between two dispatches, nothing is left
//! behind, and the program ends soon in any case.

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use perceptual_loss::CancelToken;

use crate::{failure::Failure, say};

/// How long a comparison has for ending by itself. What a slow device was given last may take longer.
const GRACE: Duration = Duration::from_millis(500);

/// What Ctrl-C ends with: what shells give for a program that SIGINT has ended.
const CTRL_C: u8 = 130;

/// What is true of the process: signals are its own, and so is this.
struct State {
    token: Mutex<Option<CancelToken>>,
    /// Held while a file is there that is not whole.
    writing: Mutex<()>,
    /// What is of no use to a later run.
    useless: Mutex<Option<PathBuf>>,
    /// What the program ends with; 0 until it is asked to.
    code: AtomicU8,
}

static STATE: State = State {
    token: Mutex::new(None),
    writing: Mutex::new(()),
    useless: Mutex::new(None),
    code: AtomicU8::new(0),
};

/// Ends the program at SIGHUP, SIGINT and SIGTERM. Where someone has seen to it that one is ignored, it is.
#[cfg(unix)]
pub fn listen() {
    use nix::sys::signal::{SigSet, Signal};

    let mut signals = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        if !is_ignored(signal as libc::c_int) {
            signals.add(signal);
        }
    }
    // Threads that are started later, a driver's among them, take none of them either.
    if signals.thread_block().is_err() {
        return;
    }
    let heard = move || {
        while let Ok(signal) = signals.wait() {
            asked_to_end(128 + signal as u8);
        }
    };
    if thread::Builder::new().name("signals".to_owned()).spawn(heard).is_err() {
        // There can be no thread: they end the program as they end others.
        let _ = signals.thread_unblock();
    }
}

#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action it only tells the present one, for which there is room, and which is all zeros where it
    // tells nothing.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ends the program at Ctrl-C.
#[cfg(not(unix))]
pub fn listen() {
    let _ = ctrlc::try_set_handler(|| asked_to_end(CTRL_C));
}

fn asked_to_end(code: u8) {
    if STATE.code.swap(code, Ordering::Relaxed) != 0 {
        end();
    }
    // In a thread of its own, so that a second signal is heard.
    let ending = || {
        let token = lock(&STATE.token).clone();
        if let Some(token) = token {
            token.cancel();
            thread::sleep(GRACE);
        }
        end();
    };
    if thread::Builder::new().spawn(ending).is_err() {
        end();
    }
}

/// A token that is cancelled when the program is asked to end.
pub fn token() -> CancelToken {
    lock(&STATE.token).get_or_insert_default().clone()
}

/// While it is held, the program does not end.
pub fn hold() -> MutexGuard<'static, ()> {
    lock(&STATE.writing)
}

/// What is removed where the program is asked to end: one file, or none.
pub fn leave_nothing_of(useless: Option<&Path>) {
    *lock(&STATE.useless) = useless.map(Path::to_owned);
}

/// What the program ends with that was asked to.
pub fn code() -> u8 {
    match STATE.code.load(Ordering::Relaxed) {
        0 => CTRL_C,
        code => code,
    }
}

fn end() -> ! {
    // To the end: nobody may begin to write any more.
    let _writing = hold();
    if let Some(useless) = &*lock(&STATE.useless) {
        let _ = fs::remove_file(useless);
    }
    let Failure { message, code, .. } = Failure::interrupted();
    if io::stderr().is_terminal() {
        // A progress bar's line.
        say::raw("\r\x1b[K");
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
