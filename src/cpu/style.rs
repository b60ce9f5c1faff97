//! Gram matrices of a picture by itself.

use super::{
    engine::Model,
    executor::Executor,
    session::{Compared, run},
};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    image::Image,
    plan::{Parts, Plans, Room},
};

impl Model {
    /// For each tap the Gram matrix of a picture's features, shape (C, C), nothing for taps that have none: in parts where `memory` bytes
    /// of features and scratch are not enough for the whole.
    ///
    /// # Errors
    /// As for sessions, and what computing finds.
    pub(crate) async fn gram_matrices(
        &self,
        plans: &Plans,
        memory: u64,
        picture: &Image<'_>,
        wait: Wait,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let whole = plans.magnitudes(1)?;
        let mut executor = self.executor(whole.clone())?;
        let needs = |parts: &Parts| parts.bytes().saturating_add(parts.plan().gram_bytes());
        let room = Room { bytes: memory, largest: u64::MAX, needs: &needs, grain: [1, 1] };
        let parts = Parts::within(whole.clone(), executor.border(), &room)?;
        let compared = Compared::Magnitude(picture);
        let done = |_: &Executor| Ok(());
        run(self.engine(), &mut executor, whole, &parts, (compared, None), wait, follow, done).await?;
        Ok(executor.matrices().map(<[f64]>::to_vec).collect())
    }
}
