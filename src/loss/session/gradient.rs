//! Comparing, and the gradient of what comes of it.

use std::sync::Arc;

use super::{Against, DeviceSession, Session, first, pictures_of};
use crate::{
    block::block_on,
    error::{Error, Result},
    follow::{Follow, Wait},
    image::Image,
    loss::{Gradient, Target, target::Kept},
    profile::{Profile, Stopwatch},
    report::Report,
    style::Style,
};

impl Session {
    /// Compares a picture with a target, and makes the gradient of the total by each of the picture's values. What that takes beside
    /// comparing ([`Model::gradient_outline`](crate::Model::gradient_outline)) is there from the first gradient on.
    ///
    /// The gradient is exactly 0 where the pictures are the same. Where the loss has none, at values of the generated picture that tie in a
    /// pooling and features that are 0, it is that of one side, as PyTorch has it.
    ///
    /// ```
    /// use perceptual_loss::{Config, Context, Image, Model, Weights};
    ///
    /// # fn main() -> perceptual_loss::Result<()> {
    /// let model = Model::new(&Context::auto_blocking()?, &Config::default(), &Weights::default())?;
    /// let mut session = model.session(16, 16)?;
    /// let target = session.target(Image::rgb8(&[100; 16 * 16 * 3], 16, 16))?;
    /// let mut pixels = vec![0.5; 3 * 16 * 16];
    /// let (before, gradient) =
    ///     session.loss_and_gradient_blocking(Image::planar_f32(&pixels, 16, 16), &target)?;
    /// pixels.iter_mut().zip(gradient.values()).for_each(|(value, slope)| *value -= 1e-3 * slope);
    /// let after = session.compare_one_to_blocking(&target, Image::planar_f32(&pixels, 16, 16))?;
    /// assert!(after.total < before.total);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to); [`Error::Config`] where the target is that of zeros, or weights make a gradient that is not
    /// finite; [`Error::TooLarge`] where not even the smallest parts fit, with the least memory that works.
    pub async fn loss_and_gradient<'a>(
        &mut self,
        image: impl Into<Image<'a>>,
        target: &Target,
    ) -> Result<(Report, Gradient)> {
        let image = [image.into()];
        first(self.gradients(&image, Against::Target(target), Wait::Async, None).await?)
    }

    /// [`loss_and_gradient`](Self::loss_and_gradient), blocking.
    ///
    /// # Errors
    /// As [`loss_and_gradient`](Self::loss_and_gradient).
    pub fn loss_and_gradient_blocking<'a>(
        &mut self,
        image: impl Into<Image<'a>>,
        target: &Target,
    ) -> Result<(Report, Gradient)> {
        let image = [image.into()];
        first(block_on(self.gradients(&image, Against::Target(target), Wait::Block, None))?)
    }

    /// Compares pairs (generated, target), and makes the gradient of each total by its generated picture's values: the same bits as
    /// [`loss_and_gradient`](Self::loss_and_gradient) gives.
    ///
    /// # Errors
    /// As [`loss_and_gradient`](Self::loss_and_gradient).
    pub async fn loss_and_gradient_batch(
        &mut self,
        pairs: &[(Image<'_>, Image<'_>)],
    ) -> Result<Vec<(Report, Gradient)>> {
        let pictures = pictures_of(pairs);
        self.gradients(&pictures, Against::Each, Wait::Async, None).await
    }

    /// [`loss_and_gradient_batch`](Self::loss_and_gradient_batch), blocking.
    ///
    /// # Errors
    /// As [`loss_and_gradient`](Self::loss_and_gradient).
    pub fn loss_and_gradient_batch_blocking(
        &mut self,
        pairs: &[(Image<'_>, Image<'_>)],
    ) -> Result<Vec<(Report, Gradient)>> {
        let pictures = pictures_of(pairs);
        block_on(self.gradients(&pictures, Against::Each, Wait::Block, None))
    }

    /// Whether gradients of a kept target can be made. Where no gradient can, that is told to whoever asks for one, and not to whoever
    /// makes a target.
    pub(super) fn keeps_for_gradient(&mut self) -> Result<bool> {
        let keeps = match &mut self.device {
            #[cfg(feature = "gpu")]
            DeviceSession::Gpu(session) => session.keeps_for_gradient(),
            #[cfg(feature = "cpu")]
            DeviceSession::Cpu(session) => session.keeps_for_gradient(),
        };
        match keeps {
            Err(Error::TooLarge(_)) => Ok(false),
            keeps => keeps,
        }
    }

    /// The one way to gradients: everything is checked before the first picture is uploaded.
    async fn gradients<'a>(
        &mut self,
        pictures: &[Image<'a>],
        against: Against<'a>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<(Report, Gradient)>> {
        pictures.iter().try_for_each(|picture| self.check(picture))?;
        let size = [self.width, self.height];
        let keeps = self.keeps_for_gradient()?;
        let style: Option<&Arc<Style>> = match against {
            Against::Each => None,
            Against::Target(target) => target.style.as_ref(),
        };
        // Whose maps are kept, or the pairs.
        let (kept, pairs): (_, Vec<[Image<'a>; 2]>) = match against {
            Against::Each => (None, pictures.as_chunks().0.to_vec()),
            Against::Target(target) => {
                target.check(&self.model, size)?;
                let with = |of: Image<'a>| pictures.iter().map(|picture| [*picture, of]).collect();
                match (&target.kept, &target.picture) {
                    (Kept::Zero, _) => {
                        return Err(Error::Config(
                            "a target of zeros has no picture, and a loss against it no gradient here; make a target of a picture"
                                .to_owned(),
                        ));
                    }
                    (Kept::Picture(picture), _) => (None, with(picture.view())),
                    (_, Some(picture)) if !keeps => (None, with(picture.view())),
                    _ if !keeps => return Err(target.in_parts()),
                    (kept, _) => (Some(kept), vec![]),
                }
            }
        };
        let count = if kept.is_some() { pictures.len() } else { pairs.len() };
        let mut made = vec![];
        let mut all = Follow::new(&mut self.follower);
        for index in 0..count {
            let (watch, mut follow) = (watch.as_deref_mut(), all.share(index, count));
            let compared = match (&mut self.device, kept) {
                #[cfg(feature = "gpu")]
                (DeviceSession::Gpu(session), Some(Kept::Gpu(target))) => {
                    let style = style.map(Arc::as_ref);
                    session
                        .candidate_gradient(target, style, &pictures[index], wait, watch, &mut follow)
                        .await?
                }
                #[cfg(feature = "gpu")]
                (DeviceSession::Gpu(session), None) => {
                    let style = style.map(Arc::as_ref);
                    session.pair_gradient(&pairs[index], style, wait, watch, &mut follow).await?
                }
                #[cfg(feature = "cpu")]
                (DeviceSession::Cpu(session), Some(Kept::Cpu(target))) => {
                    session
                        .candidate_gradient(target, style, &pictures[index], wait, watch, &mut follow)
                        .await?
                }
                #[cfg(feature = "cpu")]
                (DeviceSession::Cpu(session), None) => {
                    session.pair_gradient(&pairs[index], style, wait, watch, &mut follow).await?
                }
                // The target was checked: its maps are this device's.
                _ => return Err(Error::Config("the target's maps are on another device".to_owned())),
            };
            made.push(compared);
        }
        let of = |(sums, values): (Vec<f64>, Vec<f32>)| {
            let report = self.model.report(&self.plan, size, &sums)?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(Error::Config(
                    "the gradient is not finite, while the loss is: give the taps smaller weights".to_owned(),
                ));
            }
            Ok((report, Gradient::new(size, values)))
        };
        made.into_iter().map(of).collect()
    }

    /// [`loss_and_gradient_blocking`](Self::loss_and_gradient_blocking) of several images, with the time of each step there and back, as
    /// [`profile_batch_blocking`](Self::profile_batch_blocking).
    ///
    /// # Errors
    /// As [`loss_and_gradient`](Self::loss_and_gradient), and [`Error::OutOfMemory`].
    pub fn profile_gradient_to_blocking(&mut self, target: &Target, images: &[Image<'_>]) -> Result<Profile> {
        self.profile_gradient(images, Against::Target(target))
    }

    /// The same of [`loss_and_gradient_batch_blocking`](Self::loss_and_gradient_batch_blocking).
    ///
    /// # Errors
    /// As [`profile_gradient_to_blocking`](Self::profile_gradient_to_blocking).
    pub fn profile_gradient_batch_blocking(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Profile> {
        let pictures = pictures_of(pairs);
        self.profile_gradient(&pictures, Against::Each)
    }

    fn profile_gradient<'a>(&mut self, pictures: &[Image<'a>], against: Against<'a>) -> Result<Profile> {
        let plan = self.plan.with_gradient()?;
        let mut watch = Stopwatch::new(&plan);
        let made = block_on(self.gradients(pictures, against, Wait::Block, Some(&mut watch)))?;
        let reports = made.into_iter().map(|(report, _)| report).collect();
        let tunings = self.model.used_tunings(&self.plan);
        Ok(Profile { reports, clock: watch.clock, steps: watch.steps(&plan, tunings.as_ref()) })
    }
}
