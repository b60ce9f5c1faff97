//! A picture whose features are kept.

use std::sync::Arc;

use super::{Model, model::ModelInner};
#[cfg(feature = "cpu")]
use crate::cpu;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{image::Owned, style::Style};

/// A picture and what each layer makes of it, computed once; or the picture alone, where pictures of its size go through in
/// parts, or the model's memory has no room for the maps ([`Memory::target`](crate::Memory)): then each comparison computes them
/// again. The numbers are the same bits either way.
///
/// Maps are compared with by any session for pictures of this size on the same context and of the same loss, weights, precision
/// and tunings, whatever memory its model allows, unless it works in parts itself. A picture is compared by any session for
/// pictures of this size; one with a [style](crate::Session::target_with_style), by sessions of the same loss, weights, precision and
/// tunings.
#[derive(Debug)]
pub struct Target {
    pub(super) model: Model,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kept: Kept,
    /// The picture, where its maps are kept and gradients are too large to be made of them.
    pub(super) picture: Option<Owned>,
    /// What Gram matrices begin with, where they are compared with those of another picture.
    pub(super) style: Option<Arc<Style>>,
}

/// What is kept of a target.
#[derive(Debug)]
pub(super) enum Kept {
    /// Nothing: its features are zero.
    Zero,
    /// The picture, whose maps are too large.
    Picture(Owned),
    /// The picture and its maps.
    #[cfg(feature = "gpu")]
    Gpu(gpu::Target),
    /// The picture and its maps.
    #[cfg(feature = "cpu")]
    Cpu(cpu::Target),
}

#[cfg(feature = "gpu")]
impl Target {
    /// What it has on the device, for a session of `model` for pictures of `size`.
    pub(crate) fn on_gpu(&self, model: &Model, size: [u32; 2]) -> Result<&gpu::Target> {
        self.check(model, size)?;
        if self.style.is_some() {
            return Err(Error::Config(
                "a target with a style of its own is compared with by a session, and not in a host's frames"
                    .to_owned(),
            ));
        }
        match &self.kept {
            Kept::Gpu(target) => Ok(target),
            Kept::Zero => Err(Error::Config(
                "a target of zeros has no picture to compare frames with; compare with it by a session".to_owned(),
            )),
            _ => Err(Error::Config(
                "the target is kept as a picture, since its features are more than its model's memory; record it with \
                 record_target(), or make it by a session of a model with more (Model::with_memory)"
                    .to_owned(),
            )),
        }
    }
}

impl Target {
    /// # Errors
    /// [`Error::Config`] where sessions of `model` for pictures of this size cannot compare with it.
    pub(super) fn check(&self, model: &Model, [width, height]: [u32; 2]) -> Result<()> {
        if (self.width, self.height) != (width, height) {
            return Err(Error::Config(format!(
                "the target is {0}x{1}; this session compares {width}x{height}: make a target of that size by it, or a session \
                 for {0}x{1}",
                self.width, self.height
            )));
        }
        // A style is of its loss and its weights.
        if self.style.is_none() && matches!(self.kept, Kept::Picture(_) | Kept::Zero) {
            return Ok(());
        }
        let (ours, theirs) = (&*self.model.0, &*model.0);
        match difference(ours, theirs) {
            None => Ok(()),
            Some(what) => Err(Error::Config(format!(
                "the target's features are {what}; make it by a session of this model"
            ))),
        }
    }

    /// That a session cannot compare with it, which works in parts.
    pub(super) fn in_parts(&self) -> Error {
        Error::Config(format!(
            "the target's features are kept, and this session compares pictures of {}x{} in parts; make the target by this \
             session, or the session by a model with as much memory as the target's (Model::with_memory)",
            self.width, self.height
        ))
    }
}

/// What makes one model's features no features to the other.
fn difference(ours: &ModelInner, theirs: &ModelInner) -> Option<String> {
    if !ours.context.computes_like(&theirs.context) {
        let [ours, theirs] = [ours, theirs].map(|model| model.context.described());
        // Two devices may be of one adapter.
        let another = if ours == theirs { ", by another context" } else { "" };
        return Some(format!("on {ours}{another}, and this session computes on {theirs}"));
    }
    if ours.config != theirs.config {
        return Some("of another loss".to_owned());
    }
    let weights = |model: &ModelInner| model.parameters.info.clone();
    if !Arc::ptr_eq(&ours.parameters, &theirs.parameters) && weights(ours).sha256 != weights(theirs).sha256 {
        let [ours, theirs] = [ours, theirs].map(|model| weights(model).origin);
        return Some(format!("of the weights {ours}, and this session has {theirs}"));
    }
    if ours.precision != theirs.precision {
        return Some(format!("in {}, and this session computes in {}", ours.precision, theirs.precision));
    }
    // Other tunings round in other places. The CPU takes no notice.
    (ours.context.backend() == super::Backend::Gpu && ours.tunings != theirs.tunings)
        .then(|| "of other tunings".to_owned())
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::{Config, Context, Criterion, Image, ModelOptions, Preset, Report, Session, Tap, Weights};

    const SIZE: [u32; 2] = [48, 64];

    fn pixels(seed: u32) -> Vec<u8> {
        let value = |index: u32| (index.wrapping_mul(2_654_435_761).wrapping_add(seed * 977) >> 24) as u8;
        (0..SIZE[0] * SIZE[1] * 3).map(value).collect()
    }

    fn model(context: &Context, config: &Config, seed: u64) -> Model {
        Model::new(context, config, &Weights::seeded(seed)).unwrap()
    }

    fn session(model: &Model) -> Session {
        model.session(SIZE[0], SIZE[1]).unwrap()
    }

    fn bits(report: &Report) -> Vec<u64> {
        report.layers.iter().map(|layer| layer.loss.to_bits()).collect()
    }

    fn config() -> Config {
        Config { taps: Tap::list(&[("relu1_2", 1.0), ("relu2_1", 0.5)]), ..Config::default() }
    }

    fn refused(session: &mut Session, target: &Target, parts: &[&str]) {
        let picture = pixels(1);
        let error =
            session.compare_to_blocking(target, &[Image::rgb8(&picture, SIZE[0], SIZE[1])]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Config(_)) && parts.iter().all(|part| text.contains(part)), "{text}");
    }

    /// Features are of the loss and the weights, whatever memory there is and on whichever threads; pictures are of their size
    /// alone.
    #[test]
    fn targets_of_other_models_of_the_same_weights() {
        let [a, b] = [1, 2].map(pixels);
        let [a, b] = [&a, &b].map(|pixels| Image::rgb8(pixels, SIZE[0], SIZE[1]));
        let whole = model(&Context::cpu(), &config(), 1);
        let expected = bits(&session(&whole).compare_blocking(a, b).unwrap());
        let kept = session(&whole).target(b).unwrap();
        assert!(matches!(kept.kept, Kept::Cpu(_)));
        let all = whole.memory(SIZE[0], SIZE[1], 1).unwrap().counted();
        let threads = Context::cpu().on_threads(2).unwrap();
        for other in
            [whole.with_memory(2 * all), model(&Context::cpu(), &config(), 1), model(&threads, &config(), 1)]
        {
            let report = &session(&other).compare_to_blocking(&kept, &[a]).unwrap()[0];
            assert_eq!(bits(report), expected);
        }

        let cut = whole.with_memory(all / 2);
        refused(&mut session(&cut), &kept, &["48x64 in parts", "make the target by this session"]);
        let picture = session(&cut).target(b).unwrap();
        assert!(matches!(picture.kept, Kept::Picture(_)));
        let report = &session(&whole).compare_to_blocking(&picture, &[b, a]).unwrap()[1];
        assert_eq!(
            bits(report),
            expected,
            "the session of the picture's comparison counts, not the target's"
        );
        let of_parts = bits(&session(&cut).compare_blocking(a, b).unwrap());
        assert_eq!(bits(&session(&cut).compare_to_blocking(&picture, &[a]).unwrap()[0]), of_parts);
        // A picture is no loss's.
        let mut other = session(&model(&Context::twin(), &Preset::Johnson.config(), 2));
        let expected = bits(&other.compare_blocking(a, b).unwrap());
        assert_eq!(bits(&other.compare_to_blocking(&picture, &[a]).unwrap()[0]), expected);
        // The advice that is given where zeros cannot be kept.
        assert!(session(&cut).zero_target().unwrap_err().to_string().contains("give the model more memory"));
        session(&cut.with_memory(all)).zero_target().unwrap();
    }

    #[test]
    fn what_differs_is_said() {
        let pixels = pixels(2);
        let here = model(&Context::cpu(), &config(), 1);
        let target = session(&here).target(Image::rgb8(&pixels, SIZE[0], SIZE[1])).unwrap();
        let mae = config().with_criterion(Criterion::Mae);
        for (other, what) in [
            (model(&Context::twin(), &config(), 1), "on the CPU, and this session computes on the twins"),
            (model(&Context::cpu(), &mae, 1), "of another loss"),
            (model(&Context::cpu(), &config(), 2), "of the weights seeded:1, and this session has seeded:2"),
        ] {
            refused(&mut session(&other), &target, &[what, "make it by a session of this model"]);
        }
        let bf16 = ModelOptions::default().precision(crate::weights::Precision::Bf16);
        if let Ok(rounded) = Model::with_options(&Context::cpu(), &config(), &Weights::seeded(1), &bf16) {
            refused(&mut session(&rounded), &target, &["in f32, and this session computes in bf16"]);
        }
        let mut small = here.session(32, 32).unwrap();
        let small = small.compare_to_blocking(&target, &[Image::rgb8(&pixels[..3072], 32, 32)]);
        let text = small.unwrap_err().to_string();
        assert!(text.contains("the target is 48x64; this session compares 32x32"), "{text}");
    }
}
