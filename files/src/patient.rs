//! Standard streams that are not ready.

use std::io::{self, ErrorKind, Read, Write};
#[cfg(unix)]
use std::os::fd::AsFd as Handle;

#[cfg(unix)]
use rustix::event::PollFlags as Readiness;

/// A stream that is waited for where it is not ready. Standard streams are shared with the processes that handed them
/// down, any of which may have made them non-blocking; then reading and writing give up with an error, and a row of writes
/// is left half done.
///
/// ```
/// # use std::io::{self, Write as _};
/// use perceptual_loss_files::Patient;
///
/// Patient(io::stdout().lock()).write_all(b"all of it\n")?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Debug)]
pub struct Patient<S>(pub S);

impl<S: Read + Handle> Read for Patient<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.once_ready(Readiness::IN, |stream| stream.read(bytes))
    }
}

impl<S: Write + Handle> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.once_ready(Readiness::OUT, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.once_ready(Readiness::OUT, Write::flush)
    }
}

#[cfg(unix)]
impl<S: std::os::fd::AsRawFd> std::os::fd::AsRawFd for Patient<S> {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

impl<S: Handle> Patient<S> {
    fn once_ready<T>(
        &mut self,
        readiness: Readiness,
        mut act: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match act(&mut self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&self.0, readiness)?,
                done => return done,
            }
        }
    }
}

/// Until there is something to read, or room for what is written, or nobody at the other end any more.
#[cfg(unix)]
fn wait(stream: &impl Handle, readiness: Readiness) -> io::Result<()> {
    use rustix::{
        event::{PollFd, poll},
        io::Errno,
    };
    match poll(&mut [PollFd::new(stream, readiness)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
use elsewhere::{Handle, Readiness, wait};

/// Where no stream is made non-blocking by another process.
#[cfg(not(unix))]
mod elsewhere {
    use std::{io, thread, time::Duration};

    pub trait Handle {}

    impl<S> Handle for S {}

    #[derive(Clone, Copy)]
    pub struct Readiness;

    impl Readiness {
        pub const IN: Self = Self;
        pub const OUT: Self = Self;
    }

    pub fn wait(_: &impl Handle, _: Readiness) -> io::Result<()> {
        thread::sleep(Duration::from_millis(1));
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::net::UnixStream, thread, time::Duration};

    use super::*;

    #[test]
    fn what_is_not_ready_is_waited_for() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let sent: Vec<u8> = (0..1 << 21).map(|index: u32| (index % 251) as u8).collect();
        assert_eq!(near.write_all(&sent).unwrap_err().kind(), ErrorKind::WouldBlock, "it holds less");
        drop((near, far));

        (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let copy = sent.clone();
        let other = thread::spawn(move || {
            let mut received = vec![0; copy.len()];
            for piece in received.chunks_mut(1 << 19) {
                thread::sleep(Duration::from_millis(20));
                far.read_exact(piece).unwrap();
            }
            assert!(received == copy);
            thread::sleep(Duration::from_millis(20));
            far.write_all(b"and back").unwrap();
        });
        let mut stream = Patient(near);
        stream.write_all(&sent).unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).unwrap();
        assert_eq!(back, "and back");
        other.join().unwrap();
    }
}
