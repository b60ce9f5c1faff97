//! VGG perceptual loss on any GPU: two pictures compared by what a VGG network sees in them, in hand-written WGSL
//! compute shaders driven through [wgpu](https://wgpu.rs).
//!
//! A [`Context`] is a device, a [`Model`] a loss with its weights on it, a [`Session`] the buffers for pictures of
//! one size, and a [`Target`] a picture whose features are kept. Build once, compare many: comparing again
//! creates nothing on the device.
//!
//! Compare two picture files and print the total and each layer:
//!
//! ```no_run
//! use perceptual_loss::{Config, Context, Model, Weights};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let generated = image::open("generated.png")?.into_rgb8();
//! let target = image::open("target.png")?.into_rgb8();
//! let weights = Weights::default(); // or Weights::open("vgg19.safetensors")?
//! let model = Model::new(&Context::auto_blocking()?, &Config::default(), &weights)?;
//! let report = model.session(target.width(), target.height())?.compare_blocking(&generated, &target)?;
//! println!("total {}", report.total);
//! for layer in &report.layers {
//!     println!("{} {}", layer.name, layer.loss);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Rank candidates against one target, whose features are computed once:
//!
//! ```
//! use perceptual_loss::{Context, Image, Model, Preset, Weights};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (width, height) = (16, 16);
//! let [grey, white] = [128u8, 255].map(|value| vec![value; 16 * 16 * 3]);
//! let model = Model::new(&Context::auto_blocking()?, &Preset::Johnson.config(), &Weights::default())?;
//! let mut session = model.session(width, height)?;
//! let target = session.target(Image::rgb8(&grey, width, height))?;
//! let candidates = [&white, &grey].map(|pixels| Image::rgb8(pixels, width, height));
//! let reports = session.compare_to_blocking(&target, &candidates)?;
//! assert!(reports[0].total > 0.0);
//! assert_eq!(reports[1].total, 0.0, "the target itself");
//! # Ok(())
//! # }
//! ```
//!
//! # Pictures
//!
//! An [`Image`] borrows pixels: 8-bit RGB or RGBA, interleaved or planar float32, rows padded or not. Values are
//! sRGB as stored, 255 or 1.0 is full intensity. Feature `image` takes the `image` crate's buffers, feature
//! `imgref` takes `imgref`'s views.
//!
//! # Weights
//!
//! [`Weights::open`] reads torchvision's VGG16 or VGG19 from a safetensors file or a PyTorch `.pth`. [`Weights::default`]
//! ships with the library: made from a seed alone, it ranks pictures much as the pretrained network does, with numbers
//! that compare with no published ones. [`Weights::seeded`] is random, for tests: it judges no better than subtracting
//! pixels. A [`Report`] always says which were used.
//!
//! # The CPU
//!
//! [`Context::auto`] takes a hardware GPU, or where there is none the CPU, which is quicker than a software GPU driver.
//! [`Context::cpu`] works on the caller's rayon pool, on one of its own ([`Context::on_threads`]) or on one that the
//! host hands over ([`Context::on_pool`]), and gives the same bits on any number of threads. [`Context::twin`] runs
//! the plain loops that all else is checked against.
//!
//! # Memory and precision
//!
//! A pair's features take 1 GiB at most: larger pictures go through in parts. [`ModelOptions`] set another budget, and on the CPU
//! bfloat16; [`Model::with_memory`] gives a model another budget without its weights being loaded again. [`Sessions`] are for
//! pictures of different sizes.
//!
//! # Where the time goes
//!
//! [`Session::profile_batch_blocking`] and [`Session::profile_to_blocking`] compare as their namesakes do and time every
//! step; [`Context::peak_blocking`] measures what the device could do at best.
//!
//! # An engine's own device
//!
//! [`gpu::from_device`] takes the host's device and queue. Nothing is installed on it, and nothing but the functions
//! whose names end in `_blocking` polls it. A [`gpu::FrameSession`] compares textures and buffers that are on it by
//! commands in the host's own encoders; [`gpu::engines`] is the chapter for engine programmers.
//!
//! # What it is doing
//!
//! Events and spans go to `tracing`, at its debug level: the device with its limits, each shader as it is compiled,
//! weights as they are loaded, and the memory of a session. Nothing is told for each comparison.
//!
//! # Features
//!
//! `gpu` (wgpu), `cpu` (pulp and rayon), `pth` (PyTorch's files) and `default-weights` (1.9 MB) are on by default; `image` and
//! `imgref` are pictures' types. `default-features = false, features = ["gpu", "default-weights"]` is
//! what an engine needs, without the second where it brings weights of its own.

#![deny(missing_docs)]

#[cfg(not(any(feature = "gpu", feature = "cpu")))]
compile_error!("enable a backend: feature \"gpu\", \"cpu\" or both");

mod color;
pub mod config;
#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(all(feature = "gpu", feature = "cpu"))]
mod doctor;
mod error;
mod follow;
#[cfg(all(test, feature = "gpu", feature = "cpu"))]
mod fuzz;
#[cfg(feature = "gpu")]
pub mod gpu;
mod image;
mod loss;
pub mod low_level;
mod memory;
pub mod network;
mod normalization;
mod plan;
mod profile;
mod random;
mod report;
mod tuning;
pub mod weights;
mod whole_file;

pub use self::{
    color::{ToneMap, Transfer, encode_srgb},
    config::{Config, Criterion, Preset, Tap},
    error::{Error, Result},
    follow::CancelToken,
    image::Image,
    loss::{Backend, Context, Model, ModelOptions, Outline, Session, Sessions, Target},
    memory::Memory,
    network::Network,
    normalization::{ChannelOrder, Normalization},
    profile::{Clock, Peak, Profile, StepProfile},
    report::{LayerReport, Report},
    tuning::{Tuning, Tunings, UsedTunings},
    weights::{Weights, WeightsInfo},
};
