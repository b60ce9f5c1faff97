//! Comparing, through one size's buffers.

mod gradient;
mod style;

use std::sync::Arc;

use super::{Model, Target, model::DeviceWeights, target::Kept};
#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{
    block::block_on,
    error::{Error, Result},
    follow::{CancelToken, Follow, Follower, Wait},
    image::Image,
    plan::Plan,
    profile::{Profile, Stopwatch},
    report::Report,
    style::Style,
};

/// One size's buffers; one comparison at a time. Comparing again creates nothing on the device.
#[derive(Debug)]
pub struct Session {
    model: Model,
    plan: Plan,
    width: u32,
    height: u32,
    device: DeviceSession,
    follower: Follower,
}

#[derive(Debug)]
enum DeviceSession {
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::Session>),
    #[cfg(feature = "cpu")]
    Cpu(Box<cpu::Session>),
}

/// What is compared: pairs, or candidates with a target.
#[derive(Clone, Copy)]
enum Against<'a> {
    /// Pictures 2k and 2k + 1.
    Each,
    Target(&'a Target),
}

impl Session {
    /// As [`Model::batch_session`].
    pub(super) fn new(model: &Model, [width, height]: [u32; 2], pairs: u32) -> Result<Self> {
        let backend = model.context().backend().name();
        let _span = tracing::debug_span!("session", backend, width, height, pairs).entered();
        let plans = model.plans(width, height);
        let memory = model.0.memory;
        let device = match &model.0.weights {
            #[cfg(feature = "gpu")]
            DeviceWeights::Gpu(model) => {
                DeviceSession::Gpu(Box::new(gpu::Session::new(model, &plans, pairs, memory)?))
            }
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(model) => {
                let _ = pairs; // one pair after another
                DeviceSession::Cpu(Box::new(model.session(&plans, memory)?))
            }
        };
        let follower = Follower::default();
        Ok(Self { model: model.clone(), plan: plans.pairs(1)?, width, height, device, follower })
    }

    /// Comparisons from now on end with [`Error::Cancelled`] once `token` is cancelled: on a GPU within about a second of
    /// its work, on the CPU before the next step.
    pub fn set_cancel_token(&mut self, token: CancelToken) {
        self.follower.token = token;
    }

    /// Calls `told` while comparisons run, with the share of the work that is done, from 0 to 1: of large pictures after
    /// each part, or more often.
    pub fn set_progress(&mut self, told: impl FnMut(f64) + Send + Sync + 'static) {
        self.follower.told = Some(Box::new(told));
    }

    /// Compares a pair of pictures.
    ///
    /// On a device that the library opened, the future is woken by a thread of the library. On a host's device
    /// the host's own polling or submitting wakes it; with neither, use
    /// [`compare_blocking`](Self::compare_blocking). On the CPU the work is done when the future is polled, a step at a
    /// time. A future that is dropped leaves the session usable; what is submitted by then, the device still does.
    ///
    /// # Errors
    /// [`Error::Image`] where a picture is not valid or not of the session's size; [`Error::NotFinite`] where features leave the
    /// range of float32; [`Error::DeviceLost`], [`Error::Device`] where the device failed.
    pub async fn compare<'a>(
        &mut self,
        generated: impl Into<Image<'a>>,
        target: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let pair = [generated.into(), target.into()];
        first(self.run(&pair, Against::Each, Wait::Async).await?)
    }

    /// [`compare`](Self::compare), blocking: this thread polls the device for its own submission.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn compare_blocking<'a>(
        &mut self,
        generated: impl Into<Image<'a>>,
        target: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let pair = [generated.into(), target.into()];
        first(block_on(self.run(&pair, Against::Each, Wait::Block))?)
    }

    /// Compares pairs (generated, target); a report each, in their order. A pair's numbers are the same to the
    /// bit as alone.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub async fn compare_batch(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Vec<Report>> {
        let pictures = pictures_of(pairs);
        self.run(&pictures, Against::Each, Wait::Async).await
    }

    /// [`compare_batch`](Self::compare_batch), blocking.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn compare_batch_blocking(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Vec<Report>> {
        let pictures = pictures_of(pairs);
        block_on(self.run(&pictures, Against::Each, Wait::Block))
    }

    /// Computes a target's maps once, for many comparisons. Nothing is waited for.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::OutOfMemory`]. That features leave the range of float32 is told here on the
    /// CPU, and by each comparison with the target on a GPU.
    pub fn target<'a>(&mut self, picture: impl Into<Image<'a>>) -> Result<Target> {
        let picture = picture.into();
        self.check(&picture)?;
        let kept = match &mut self.device {
            #[cfg(feature = "gpu")]
            DeviceSession::Gpu(session) => session.target(&picture)?.map(Kept::Gpu),
            #[cfg(feature = "cpu")]
            DeviceSession::Cpu(session) => session.target(&picture)?.map(Kept::Cpu),
        };
        let kept = match kept {
            Some(kept) => kept,
            None => Kept::Picture(picture.owned()?),
        };
        let picture = match kept {
            Kept::Picture(_) => None,
            _ if self.keeps_for_gradient()? => None,
            _ => Some(picture.owned()?),
        };
        Ok(Target { picture, ..self.target_of(kept) })
    }

    /// A target whose features are all zero. A picture compared with it gives the mean square (or magnitude) of its own
    /// features at each tap: what a loss is relative to, where layers or weights of different scales are put side by side.
    ///
    /// # Errors
    /// [`Error::Config`] where pictures of this size go through in parts.
    pub fn zero_target(&mut self) -> Result<Target> {
        if self.is_cut() {
            return Err(self.no_zeros_in_parts());
        }
        Ok(self.target_of(Kept::Zero))
    }

    fn no_zeros_in_parts(&self) -> Error {
        Error::Config(format!(
            "pictures of {}x{} go through in parts, which are not compared with zeros; give the model more memory",
            self.width, self.height
        ))
    }

    fn target_of(&self, kept: Kept) -> Target {
        let (width, height) = (self.width, self.height);
        Target { model: self.model.clone(), width, height, kept, picture: None, style: None }
    }

    /// Whether pictures go through in parts.
    fn is_cut(&self) -> bool {
        match &self.device {
            #[cfg(feature = "gpu")]
            DeviceSession::Gpu(session) => session.is_cut(),
            #[cfg(feature = "cpu")]
            DeviceSession::Cpu(session) => session.is_cut(),
        }
    }

    /// Compares candidates with a target; a report each, in their order, the same to the bit as
    /// [`compare`](Self::compare) gives.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::Config`] where the target is of another size, or its features of another
    /// device, loss, weights or precision; or where its features are kept, and this session's pictures go through in parts.
    pub async fn compare_to(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Vec<Report>> {
        self.run(candidates, Against::Target(target), Wait::Async).await
    }

    /// [`compare_to`](Self::compare_to), blocking.
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to).
    pub fn compare_to_blocking(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Vec<Report>> {
        block_on(self.run(candidates, Against::Target(target), Wait::Block))
    }

    /// Compares one candidate with a target.
    ///
    /// ```
    /// use perceptual_loss::{Config, Context, Image, Model, Weights};
    ///
    /// # fn main() -> perceptual_loss::Result<()> {
    /// let [target, candidate] = [[100u8; 16 * 16 * 3], [110; 16 * 16 * 3]];
    /// let model = Model::new(&Context::auto_blocking()?, &Config::default(), &Weights::seeded(0))?;
    /// let mut session = model.session(16, 16)?;
    /// let target = session.target(Image::rgb8(&target, 16, 16))?;
    /// let report = session.compare_one_to_blocking(&target, Image::rgb8(&candidate, 16, 16))?;
    /// assert!(report.total > 0.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to).
    pub async fn compare_one_to<'a>(
        &mut self,
        target: &Target,
        candidate: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let candidate = [candidate.into()];
        first(self.run(&candidate, Against::Target(target), Wait::Async).await?)
    }

    /// [`compare_one_to`](Self::compare_one_to), blocking.
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to).
    pub fn compare_one_to_blocking<'a>(
        &mut self,
        target: &Target,
        candidate: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let candidate = [candidate.into()];
        first(pollster::block_on(self.run(&candidate, Against::Target(target), Wait::Block))?)
    }

    /// [`compare_batch_blocking`](Self::compare_batch_blocking), with the time of each step. Slower as a whole: on a
    /// GPU every step is a pass of its own.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::OutOfMemory`].
    pub fn profile_batch_blocking(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Profile> {
        let pictures = pictures_of(pairs);
        self.profile(&pictures, Against::Each)
    }

    /// [`compare_to_blocking`](Self::compare_to_blocking), with the time of each step, as
    /// [`profile_batch_blocking`](Self::profile_batch_blocking).
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to), and [`Error::OutOfMemory`].
    pub fn profile_to_blocking(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Profile> {
        self.profile(candidates, Against::Target(target))
    }

    fn profile(&mut self, pictures: &[Image<'_>], against: Against<'_>) -> Result<Profile> {
        let mut watch = Stopwatch::new(&self.plan);
        let run = self.run_timed(pictures, against, Wait::Block, Some(&mut watch));
        let reports = block_on(run)?;
        let tunings = self.model.used_tunings(&self.plan);
        Ok(Profile { reports, clock: watch.clock, steps: watch.steps(&self.plan, tunings.as_ref()) })
    }

    async fn run(&mut self, pictures: &[Image<'_>], against: Against<'_>, wait: Wait) -> Result<Vec<Report>> {
        self.run_timed(pictures, against, wait, None).await
    }

    /// The one way in: everything is checked before the first picture is uploaded.
    async fn run_timed(
        &mut self,
        pictures: &[Image<'_>],
        against: Against<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Report>> {
        pictures.iter().try_for_each(|picture| self.check(picture))?;
        let size = [self.width, self.height];
        let sums = match against {
            Against::Each => self.pairs(pictures, None, wait, watch).await?,
            Against::Target(target) => {
                target.check(&self.model, size)?;
                let style = target.style.as_ref();
                match &target.kept {
                    Kept::Picture(target) => {
                        let target = target.view();
                        let pairs: Vec<_> = pictures.iter().flat_map(|picture| [*picture, target]).collect();
                        self.pairs(&pairs, style, wait, watch).await?
                    }
                    Kept::Zero if self.is_cut() => return Err(self.no_zeros_in_parts()),
                    _ if self.is_cut() => return Err(target.in_parts()),
                    kept => self.candidates(kept, style, pictures, wait, watch).await?,
                }
            }
        };
        sums.iter().map(|sums| self.model.report(&self.plan, size, sums)).collect()
    }

    /// For each pair of pictures 2k and 2k + 1, the sum of differences at each tap: of Gram matrices from the style's, where there is one.
    async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        style: Option<&Arc<Style>>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut sums = vec![];
        let mut follow = Follow::new(&mut self.follower);
        match &mut self.device {
            #[cfg(feature = "gpu")]
            DeviceSession::Gpu(session) => {
                let rounds = pictures.chunks(2 * session.images());
                let count = rounds.len();
                for (index, round) in rounds.enumerate() {
                    let (watch, mut follow) = (watch.as_deref_mut(), follow.share(index, count));
                    sums.extend(
                        session.pairs(round, style.map(Arc::as_ref), wait, watch, &mut follow).await?,
                    );
                }
            }
            #[cfg(feature = "cpu")]
            DeviceSession::Cpu(session) => {
                let pairs: &[[Image<'_>; 2]] = pictures.as_chunks().0;
                for (index, [a, b]) in pairs.iter().enumerate() {
                    let (watch, mut follow) = (watch.as_deref_mut(), follow.share(index, pairs.len()));
                    sums.push(session.pair([a, b], style, wait, watch, &mut follow).await?);
                }
            }
        }
        Ok(sums)
    }

    /// For each picture, the sum of differences from a target at each tap.
    async fn candidates(
        &mut self,
        target: &Kept,
        style: Option<&Arc<Style>>,
        pictures: &[Image<'_>],
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut sums = vec![];
        let mut follow = Follow::new(&mut self.follower);
        match (&mut self.device, target) {
            #[cfg(feature = "gpu")]
            (DeviceSession::Gpu(session), Kept::Gpu(_) | Kept::Zero) => {
                let rounds = pictures.chunks(session.images());
                let count = rounds.len();
                for (index, round) in rounds.enumerate() {
                    let (watch, mut follow) = (watch.as_deref_mut(), follow.share(index, count));
                    sums.extend(match target {
                        Kept::Gpu(target) => {
                            session
                                .candidates(target, style.map(Arc::as_ref), round, wait, watch, &mut follow)
                                .await?
                        }
                        _ => session.magnitudes(round, wait, watch, &mut follow).await?,
                    });
                }
            }
            #[cfg(feature = "cpu")]
            (DeviceSession::Cpu(session), Kept::Cpu(_) | Kept::Zero) => {
                for (index, picture) in pictures.iter().enumerate() {
                    let (watch, mut follow) = (watch.as_deref_mut(), follow.share(index, pictures.len()));
                    sums.push(match target {
                        Kept::Cpu(target) => {
                            session.candidate(picture, target, style, wait, watch, &mut follow).await?
                        }
                        _ => session.magnitude(picture, wait, watch, &mut follow).await?,
                    });
                }
            }
            // The target was checked: its maps are this device's.
            _ => return Err(Error::Config("the target's maps are on another device".to_owned())),
        }
        Ok(sums)
    }

    fn check(&self, picture: &Image<'_>) -> Result<()> {
        picture.validate()?;
        let (width, height) = (picture.width(), picture.height());
        if (width, height) == (self.width, self.height) {
            return Ok(());
        }
        Err(Error::Image(format!(
            "a picture is {width}x{height} but the session compares {}x{}; both pictures must have one size",
            self.width, self.height
        )))
    }
}

/// Pictures 2k and 2k + 1 of each pair.
fn pictures_of<'a>(pairs: &[(Image<'a>, Image<'a>)]) -> Vec<Image<'a>> {
    pairs.iter().flat_map(|(generated, target)| [*generated, *target]).collect()
}

/// The report of a comparison of one pair.
fn first<T>(reports: Vec<T>) -> Result<T> {
    reports.into_iter().next().ok_or_else(|| Error::Device("the comparison gave no result".to_owned()))
}
