//! Following a comparison while it runs: how far it is, and ending it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::error::{Error, Result};

/// Ends comparisons from another thread. Its clones are one token.
///
/// A comparison sees it between two dispatches on a GPU and between two steps on the CPU, and gives
/// [`Error::Cancelled`]. Its session can be used again, with another token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that has cancelled nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels what it was given to, now and later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who follows a session's comparisons.
#[derive(Default)]
pub(crate) struct Follower {
    pub(crate) token: CancelToken,
    pub(crate) told: Option<Box<dyn FnMut(f64) + Send + Sync>>,
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.told.as_ref().map(|_| "..");
        f.debug_struct("Follower").field("token", &self.token).field("told", &told).finish()
    }
}

/// A share of a session's work, which its follower is told of.
pub(crate) struct Follow<'a> {
    follower: &'a mut Follower,
    start: f64,
    span: f64,
}

impl<'a> Follow<'a> {
    /// All of the work.
    pub(crate) fn new(follower: &'a mut Follower) -> Self {
        Self { follower, start: 0.0, span: 1.0 }
    }

    /// Number `index` of `count` equal shares of this one.
    pub(crate) fn share(&mut self, index: usize, count: usize) -> Follow<'_> {
        let span = self.span / count.max(1) as f64;
        Follow { start: self.start + span * index as f64, span, follower: &mut *self.follower }
    }

    /// Tells that so much of the share, from 0 to 1, is done.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where nobody wants the rest.
    pub(crate) fn at(&mut self, done: f64) -> Result<()> {
        if self.follower.token.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if let Some(told) = &mut self.follower.told {
            told((self.start + self.span * done).min(1.0));
        }
        Ok(())
    }
}

/// How what takes long is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// By a future that someone else's polling wakes, or on the CPU that gives way between steps.
    Async,
    /// By blocking this thread.
    Block,
}

impl Wait {
    /// Lets others run, where this is a future among others.
    #[cfg(feature = "cpu")]
    pub(crate) async fn give_way(self) {
        let mut waited = self == Self::Block;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_shares_add_up() {
        let told = Arc::new(std::sync::Mutex::new(vec![]));
        let mut follower = Follower::default();
        let sink = Arc::clone(&told);
        follower.told = Some(Box::new(move |done| sink.lock().unwrap().push(done)));
        let mut follow = Follow::new(&mut follower);
        for pair in 0..2 {
            let mut follow = follow.share(pair, 2);
            for part in 0..2 {
                follow.share(part, 2).at(0.5).unwrap();
            }
        }
        follow.at(1.0).unwrap();
        assert_eq!(*told.lock().unwrap(), [0.125, 0.375, 0.625, 0.875, 1.0]);
    }

    #[test]
    fn a_cancelled_token_ends_it() {
        let mut follower = Follower::default();
        let token = follower.token.clone();
        Follow::new(&mut follower).at(0.0).unwrap();
        token.cancel();
        assert!(matches!(Follow::new(&mut follower).at(0.0), Err(Error::Cancelled)));
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn giving_way_is_one_pending_poll() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut future = std::pin::pin!(Wait::Async.give_way());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert!(future.as_mut().poll(&mut context).is_ready());
        assert!(std::pin::pin!(Wait::Block.give_way()).poll(&mut context).is_ready());
    }
}
