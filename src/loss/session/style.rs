//! Targets with a style picture of their own.

use std::sync::Arc;

use super::Session;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{
    block::block_on,
    config::Config,
    criterion::Criterion,
    error::{Error, Result},
    follow::{Follow, Wait},
    image::Image,
    loss::{Target, model::DeviceWeights},
    plan::{Plans, TapPlan},
    style::Style,
};

impl Session {
    /// A target of two pictures: at taps of [`Criterion::Gram`] what is compared with it is compared with `style`, at all others with
    /// `content`. `style` may have any size that the deepest of those taps allows; it is kept as its Gram matrices alone.
    ///
    /// Both pictures go through the network by themselves first, one after the other, each within the model's memory
    /// ([`Model::with_memory`](crate::Model::with_memory)), beside what the session takes. What is left of that is a matrix of float64
    /// for each such tap, C x C of its channels. Progress is told of it and it can be cancelled, as a comparison.
    ///
    /// ```
    /// use perceptual_loss::{Context, Image, Model, Preset, Tap, Weights};
    ///
    /// # fn main() -> perceptual_loss::Result<()> {
    /// let mut config = Preset::Gatys.config(); // content at relu4_2, style at relu1_1 to relu5_1
    /// # config.taps = Tap::parse_list("relu1_1=200:gram,relu2_1=1", perceptual_loss::Criterion::Mse)?;
    /// let model = Model::new(&Context::auto_blocking()?, &config, &Weights::default())?;
    /// let [content, style] = [[100u8; 32 * 24 * 3].as_slice(), &[200; 20 * 40 * 3]];
    /// let content = Image::rgb8(content, 32, 24);
    /// let mut session = model.session(32, 24)?;
    /// let target = session.target_with_style_blocking(content, Image::rgb8(style, 20, 40))?;
    /// let (report, gradient) = session.loss_and_gradient_blocking(content, &target)?;
    /// assert!(report.total > 0.0 && gradient.values().iter().any(|slope| *slope != 0.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`target`](Self::target), and [`Error::Config`] where the loss has no tap of Gram matrices; [`Error::Image`] where the style
    /// is too small for the deepest of them; [`Error::TooLarge`] where not even the smallest parts of it fit; [`Error::NotFinite`] where
    /// features or a matrix leave the range of float32.
    pub async fn target_with_style<'a, 'b>(
        &mut self,
        content: impl Into<Image<'a>>,
        style: impl Into<Image<'b>>,
    ) -> Result<Target> {
        self.styled_target(&content.into(), &style.into(), Wait::Async).await
    }

    /// [`target_with_style`](Self::target_with_style), blocking.
    ///
    /// # Errors
    /// As [`target_with_style`](Self::target_with_style).
    pub fn target_with_style_blocking<'a, 'b>(
        &mut self,
        content: impl Into<Image<'a>>,
        style: impl Into<Image<'b>>,
    ) -> Result<Target> {
        block_on(self.styled_target(&content.into(), &style.into(), Wait::Block))
    }

    async fn styled_target(&mut self, content: &Image<'_>, style: &Image<'_>, wait: Wait) -> Result<Target> {
        self.check(content)?;
        style.validate()?;
        let config = grams_of(self.model.config())?;
        let of_content = self.gram_matrices(&config, content, wait, 0).await?;
        let of_style = self.gram_matrices(&config, style, wait, 1).await?;
        // What the content's have more than the style's, one after another for each tap that has any.
        let mut more = of_content.into_iter().zip(of_style).map(|(content, style)| -> Vec<f64> {
            content.into_iter().zip(style).map(|(content, style)| content - style).collect()
        });
        let of_tap = |tap: &TapPlan| match tap.criterion {
            Criterion::Gram => more.next().unwrap_or_default(),
            _ => vec![],
        };
        let matrices = self.plan.taps().iter().map(of_tap).collect();
        let style = Some(Arc::new(Style::new(matrices)));
        Ok(Target { style, ..self.target(*content)? })
    }

    /// A picture's own Gram matrices, at each tap of a loss of no others.
    async fn gram_matrices(
        &mut self,
        config: &Config,
        picture: &Image<'_>,
        wait: Wait,
        index: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let plans = Plans { config: config.clone(), size: [picture.width(), picture.height()] };
        let memory = self.model.allowed();
        let mut all = Follow::new(&mut self.follower);
        let mut follow = all.share(index, 2);
        let matrices: Vec<Vec<f64>> = match &self.model.0.weights {
            #[cfg(feature = "gpu")]
            DeviceWeights::Gpu(model) => {
                gpu::gram_matrices(model, &plans, memory, picture, wait, &mut follow).await?
            }
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(model) => {
                model.gram_matrices(&plans, memory, picture, wait, &mut follow).await?
            }
        };
        let is_finite = |matrix: &Vec<f64>| matrix.iter().all(|value| value.is_finite());
        match config.tap_positions()?.iter().zip(&matrices).find(|(_, matrix)| !is_finite(matrix)) {
            None => Ok(matrices),
            Some(((position, _), _)) => {
                Err(Error::NotFinite { layer: config.network.layers()[*position].name })
            }
        }
    }
}

/// The loss of the taps that compare Gram matrices, alone.
fn grams_of(config: &Config) -> Result<Config> {
    let mut grams = config.clone();
    grams.taps.retain(|tap| tap.criterion == Criterion::Gram);
    if grams.taps.is_empty() {
        return Err(Error::Config(
            "a style is compared with at taps of the criterion gram, and the loss has none; give it some, as the preset gatys \
             has, or leave the style out"
                .to_owned(),
        ));
    }
    Ok(grams)
}
