//! What the doctor examines.

use super::{
    CONV3X3, Deviation, GRADIENT, GRAM, GRAM_GRADIENT, LOSS, LPIPS, LPIPS_GRADIENT, MIXED_PIXELS, PIXELS,
    SOURCE, SUM, TERM, TOTAL, frames, kernels,
};
use crate::{Context, Tuning, error::Result};

/// A kernel, or a whole loss. A tuning is a GPU's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    SourceTexture,
    SourceBuffer,
    SourceGradient,
    Pixels,
    PixelsDifference,
    Conv3x3(Option<Tuning>),
    Relu,
    MaxPool,
    MaxPoolDifference,
    Copy,
    Difference,
    Map,
    Lpips,
    Gram,
    ReluMask,
    MaxPoolRoutes,
    PixelsGradient,
    Conv3x3Gradient(Option<Tuning>),
    ReluGradient,
    MaxPoolGradient,
    DifferenceGradient,
    LpipsGradient,
    GramGradient,
    Sum,
    Total,
    Loss(Option<Tuning>),
}

/// The tunings that a context has; the CPU chooses its own way.
pub(super) fn tunings(context: &Context) -> Vec<Option<Tuning>> {
    let Some(gpu) = context.gpu_handle() else { return vec![None] };
    let runs = |tuning: &Tuning| (tuning.row().runs_on)(&gpu.capabilities);
    Tuning::all().into_iter().filter(runs).map(Some).collect()
}

impl Subject {
    /// All that such a context computes with; whole losses come last.
    pub(super) fn all(context: &Context) -> Vec<Self> {
        // The CPU adds its sums up as it goes, and no pictures lie in its textures.
        let (sources, ends) = match context.gpu_handle() {
            Some(_) => (
                &[Self::SourceTexture, Self::SourceBuffer][..],
                &[Self::Sum, Self::Total, Self::SourceGradient][..],
            ),
            None => (&[][..], &[][..]),
        };
        let tunings = tunings(context);
        let tuned = |make: fn(Option<Tuning>) -> Self| tunings.iter().copied().map(make);
        (sources.iter().copied())
            .chain([Self::Pixels, Self::PixelsDifference])
            .chain(tuned(Self::Conv3x3))
            .chain([Self::Relu, Self::MaxPool, Self::MaxPoolDifference, Self::Copy])
            .chain([Self::Difference, Self::Map, Self::Lpips, Self::Gram])
            .chain([Self::ReluMask, Self::MaxPoolRoutes, Self::PixelsGradient])
            .chain(tuned(Self::Conv3x3Gradient))
            .chain([
                Self::ReluGradient,
                Self::MaxPoolGradient,
                Self::DifferenceGradient,
                Self::LpipsGradient,
                Self::GramGradient,
            ])
            .chain(ends.iter().copied())
            .chain(tuned(Self::Loss))
            .collect()
    }

    /// Its name, which is its shader's file's, as far as it has one.
    pub(super) fn name(self) -> String {
        let tuned = |name: &str, tuning: Option<Tuning>| {
            tuning.map_or_else(|| name.to_owned(), |tuning| format!("{name}.{tuning}"))
        };
        match self {
            Self::SourceTexture => "source.texture".to_owned(),
            Self::SourceBuffer => "source.buffer".to_owned(),
            Self::SourceGradient => "source.gradient".to_owned(),
            Self::Pixels => "pixels".to_owned(),
            Self::PixelsDifference => "pixels.difference".to_owned(),
            Self::Conv3x3(tuning) => tuned("conv3x3", tuning),
            Self::Relu => "relu".to_owned(),
            Self::MaxPool => "max_pool".to_owned(),
            Self::MaxPoolDifference => "max_pool.difference".to_owned(),
            Self::Copy => "copy".to_owned(),
            Self::Difference => "difference".to_owned(),
            Self::Map => "difference.map".to_owned(),
            Self::Lpips => "lpips".to_owned(),
            Self::Gram => "gram".to_owned(),
            Self::ReluMask => "relu.mask".to_owned(),
            Self::MaxPoolRoutes => "max_pool.routes".to_owned(),
            Self::PixelsGradient => "pixels.gradient".to_owned(),
            Self::Conv3x3Gradient(tuning) => tuned("conv3x3.gradient", tuning),
            Self::ReluGradient => "relu.gradient".to_owned(),
            Self::MaxPoolGradient => "max_pool.gradient".to_owned(),
            Self::DifferenceGradient => "difference.gradient".to_owned(),
            Self::LpipsGradient => "lpips.gradient".to_owned(),
            Self::GramGradient => "gram.gradient".to_owned(),
            Self::Sum => "sum".to_owned(),
            Self::Total => "total".to_owned(),
            Self::Loss(tuning) => tuned("loss", tuning),
        }
    }

    /// How far it may be from its twin.
    pub(super) fn allowed(self) -> f64 {
        match self {
            Self::SourceTexture | Self::SourceBuffer => SOURCE,
            Self::Pixels | Self::PixelsGradient => PIXELS,
            Self::PixelsDifference => MIXED_PIXELS,
            Self::Conv3x3(tuning) | Self::Conv3x3Gradient(tuning) => {
                tuning.map_or(CONV3X3, |tuning| tuning.row().bound)
            }
            Self::Relu | Self::MaxPool | Self::MaxPoolDifference | Self::Copy | Self::SourceGradient => 0.0,
            Self::Map => TERM,
            Self::Lpips => LPIPS,
            Self::Gram => GRAM,
            Self::GramGradient => GRAM_GRADIENT,
            Self::LpipsGradient => LPIPS_GRADIENT,
            Self::ReluMask | Self::MaxPoolRoutes | Self::ReluGradient | Self::MaxPoolGradient => 0.0,
            Self::DifferenceGradient => GRADIENT,
            Self::Difference | Self::Sum => SUM,
            Self::Total => TOTAL,
            Self::Loss(_) => LOSS,
        }
    }

    /// How far it is from its twin.
    pub(super) fn hold(self, context: &Context) -> Result<Deviation> {
        match self {
            Self::SourceTexture => frames::source_texture(context),
            Self::SourceBuffer => frames::source_buffer(context),
            Self::SourceGradient => frames::source_gradient(context),
            Self::Pixels => kernels::pixels(context),
            Self::PixelsDifference => kernels::pixels_difference(context),
            Self::Conv3x3(tuning) => kernels::conv3x3(context, tuning),
            Self::Relu => kernels::relu(context),
            Self::MaxPool => kernels::max_pool(context),
            Self::MaxPoolDifference => kernels::max_pool_difference(context),
            Self::Copy => kernels::copy(context),
            Self::Difference => kernels::difference(context),
            Self::Map => kernels::map(context),
            Self::Lpips => kernels::lpips(context),
            Self::Gram => kernels::gram(context),
            Self::ReluMask => kernels::relu_mask(context),
            Self::MaxPoolRoutes => kernels::max_pool_routes(context),
            Self::PixelsGradient => kernels::pixels_gradient(context),
            Self::Conv3x3Gradient(tuning) => kernels::conv3x3_gradient(context, tuning),
            Self::ReluGradient => kernels::relu_gradient(context),
            Self::MaxPoolGradient => kernels::max_pool_gradient(context),
            Self::DifferenceGradient => kernels::difference_gradient(context),
            Self::LpipsGradient => kernels::lpips_gradient(context),
            Self::GramGradient => kernels::gram_gradient(context),
            Self::Sum => kernels::sum(context),
            Self::Total => frames::total(context),
            Self::Loss(tuning) => kernels::loss(context, tuning),
        }
    }
}
