//! The twins: each kernel of `shaders/` in plain loops with float64 accumulation, written to be read.
//! A kernel's twin is the file of its name here; all tunings of a kernel share one.

mod conv3x3;
mod copy;
mod difference;
mod gram;
mod kernels;
mod lpips;
mod max_pool;
mod pixels;
mod relu;
mod source;
mod sum;
mod texel;
mod total;

#[cfg(feature = "gpu")]
pub(crate) use self::lpips::length;
pub use self::{
    conv3x3::{conv3x3, conv3x3_difference},
    copy::copy,
    difference::{difference, difference_gradient, difference_map},
    gram::{gram, gram_gradient},
    lpips::{Features, lpips, lpips_gradient},
    max_pool::{max_pool, max_pool_difference, max_pool_gradient, max_pool_routes},
    pixels::{pixels, pixels_difference, pixels_gradient},
    relu::{relu, relu_gradient, relu_mask},
    source::{Conversion, composed, source, source_gradient},
    sum::sum,
    texel::{Texel, half},
    total::{faults, total},
};
pub(super) use self::{kernels::Twins, pixels::value};
pub use crate::image::{NOT_FINITE, WRITTEN};
