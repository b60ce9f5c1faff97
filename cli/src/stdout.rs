//! Standard output: written at the end, and its faults told apart.

use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use perceptual_loss::low_level::shown::escaped_but;
use perceptual_loss_files::Patient;

use crate::{failure::Failure, secrets};

/// Prints a result as a whole: where something failed before, nothing stands on standard output. Nothing in it acts on a
/// terminal.
pub fn print(output: &str) -> Result<(), Failure> {
    // A command that has nothing to print needs nowhere to print it.
    if output.is_empty() { Ok(()) } else { write(&escaped_but(&secrets::hidden(output), &['\n', '\t'])) }
}

/// Prints text of our own with its colours, where they are wanted.
pub fn print_styled(output: &str) -> Result<(), Failure> {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => write(&strip_str(output).to_string()),
        _ => write(output),
    }
}

fn write(output: &str) -> Result<(), Failure> {
    if UNWRITABLE.load(Ordering::Relaxed) {
        return Err(Failure::run("standard output is closed, or not open for writing"));
    }
    let mut stdout = Patient(io::stdout().lock());
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever read has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::run(format!("standard output cannot be written: {error}"))),
    }
}

/// Whether the program was started without a standard output that can be written.
static UNWRITABLE: AtomicBool = AtomicBool::new(false);

/// Before `main`, Rust's runtime opens /dev/null in the place of a standard stream that is closed; and one that is open
/// for reading alone it takes for a closed one. What was printed would be lost, with exit code 0. So it is looked at
/// before that, when constructors run.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds pointers to functions, which take what they care to of (argc, argv, environment).
#[unsafe(link_section = ".init_array")]
static LOOK_AT_START: extern "C" fn() = look;

#[cfg(target_os = "linux")]
extern "C" fn look() {
    // SAFETY: it asks for a descriptor's flags, which changes nothing, and fails only where there is no descriptor.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
    UNWRITABLE.store(flags == -1 || flags & libc::O_ACCMODE == libc::O_RDONLY, Ordering::Relaxed);
}
