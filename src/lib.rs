//! VGG perceptual loss: two pictures compared by what a VGG network sees in them. The network runs in hand-written WGSL compute
//! shaders, driven through [wgpu](https://wgpu.rs), or on the CPU.
//!
//! A [`Context`] is a device, a [`Model`] a loss with its weights on it, a [`Session`] the buffers for pictures of
//! one size, and a [`Target`] a picture whose features are kept. Build once, compare many: comparing again
//! creates nothing on the device.
//!
//! Compare two picture files and print the total and each layer (with the feature `image`):
//!
#![cfg_attr(feature = "image", doc = "```no_run")]
#![cfg_attr(not(feature = "image"), doc = "```ignore")]
//! use perceptual_loss::{Config, Context, Model, Weights};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let generated = image::open("generated.png")?;
//!     let target = image::open("target.png")?;
//!     let weights = Weights::default(); // or Weights::open("vgg19.safetensors")?
//!     let model = Model::new(&Context::auto_blocking()?, &Config::default(), &weights)?;
//!     let mut session = model.session(target.width(), target.height())?;
//!     let report = session.compare_blocking(&generated, &target)?;
//!     println!("total {}", report.total);
//!     for layer in &report.layers {
//!         println!("{} {}", layer.name, layer.loss);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Rank candidates against one target, whose features are computed once:
//!
//! ```
//! use perceptual_loss::{Context, Image, Model, Preset, Result, Weights};
//!
//! fn main() -> Result<()> {
//!     let [grey, white] = [128u8, 255].map(|value| [value; 16 * 16 * 3]);
//!     let model = Model::new(&Context::auto_blocking()?, &Preset::Johnson.config(), &Weights::default())?;
//!     let mut session = model.session(16, 16)?;
//!     let target = session.target(Image::rgb8(&grey, 16, 16))?;
//!     for pixels in [&white, &grey] {
//!         let report = session.compare_one_to_blocking(&target, Image::rgb8(pixels, 16, 16))?;
//!         println!("{}", report.total); // the second is 0: it is the target itself
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Compare a batch of tensors, of shape (N, 3, height, width) and values from 0 to 1, which is checked:
//!
//! ```
//! use perceptual_loss::{Context, Image, Model, Preset, Result, Weights};
//!
//! fn pictures(batch: &[f32]) -> Result<Vec<Image<'_>>> {
//!     batch.chunks(3 * 32 * 32).map(|pixels| Image::planar_f32(pixels, 32, 32).checked()).collect()
//! }
//!
//! fn main() -> Result<()> {
//!     let [generated, targets] = [0.4f32, 0.5].map(|value| vec![value; 2 * 3 * 32 * 32]);
//!     let model = Model::new(&Context::auto_blocking()?, &Preset::RealEsrgan.config(), &Weights::default())?;
//!     let mut session = model.batch_session(32, 32, 2)?;
//!     let pairs: Vec<_> = pictures(&generated)?.into_iter().zip(pictures(&targets)?).collect();
//!     for report in session.compare_batch_blocking(&pairs)? {
//!         println!("{}", report.total);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Compare pictures of any size on two threads of the CPU, in 256 MiB (with the feature `cpu`):
//!
#![cfg_attr(feature = "cpu", doc = "```")]
#![cfg_attr(not(feature = "cpu"), doc = "```ignore")]
//! use perceptual_loss::{Config, Context, Image, Model, Result, Sessions, Weights};
//!
//! fn main() -> Result<()> {
//!     let context = Context::cpu().on_threads(2)?;
//!     let model = Model::new(&context, &Config::default(), &Weights::default())?;
//!     let mut sessions = Sessions::new(&model.with_memory(256 << 20));
//!     for (width, height) in [(48, 32), (40, 40), (48, 32)] {
//!         let [a, b] = [100u8, 110].map(|value| vec![value; (width * height * 3) as usize]);
//!         let [a, b] = [&a, &b].map(|pixels| Image::rgb8(pixels, width, height));
//!         println!("{}", sessions.get(width, height)?.compare_blocking(a, b)?.total);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Compare each frame of an engine with a reference, in the engine's own frame (with the feature `gpu`):
//!
#![cfg_attr(feature = "gpu", doc = "```no_run")]
#![cfg_attr(not(feature = "gpu"), doc = "```ignore")]
//! use perceptual_loss::{Config, Model, Result, Weights, gpu::{self, FrameSession, wgpu}};
//!
//! fn load(device: wgpu::Device, queue: wgpu::Queue) -> Result<FrameSession> {
//!     let model = Model::new(&gpu::from_device(device, queue)?, &Config::default(), &Weights::default())?;
//!     FrameSession::new(&model, 512, 512) // then record_target(), once the reference is drawn
//! }
//!
//! fn frame(session: &mut FrameSession, encoder: &mut wgpu::CommandEncoder, drawn: &wgpu::Texture) -> Result<()> {
//!     session.record(encoder, drawn, 0)?;
//!     while let Some(done) = session.poll() {
//!         println!("{}", done.result?.total); // of a frame some frames ago
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Debug builds
//!
//! Cargo compiles dependencies without optimisation in debug builds, and this library is then 20 times slower. Two lines in your own
//! `Cargo.toml` mend that:
//!
//! ```toml
//! [profile.dev.package.perceptual-loss]
//! opt-level = 3
//! ```
//!
//! # Pictures
//!
//! An [`Image`] borrows pixels: RGB, RGBA or grey of 8 bits, 16 bits or float32, interleaved, or planar float32, rows padded or not.
//! Values are sRGB as stored; 255, 65535 or 1.0 is full intensity. Alpha is ignored. Feature `image` takes the `image` crate's buffers,
//! and its `DynamicImage`; feature `imgref` takes `imgref`'s views.
//!
//! A slice that does not have the length that its size asks for is an error, and so are floats that are not finite. Whether floats look
//! like 0 to 1, [`Image::checked`] tells. [What nobody can check](Image#what-is-checked) is yours: the order of channels, the order of
//! sides, gamma.
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
//! [`Context::auto`] takes a hardware GPU, or where there is none the CPU, which is quicker than a software GPU driver;
//! [`Context::auto_among`] chooses among the backends that it is told.
//! [`Context::cpu`] works on the caller's rayon pool, on one of its own ([`Context::on_threads`]) or on one that the
//! host hands over ([`Context::on_pool`]), and gives the same bits on any number of threads. [`Context::twin`] runs
//! the plain loops that all else is checked against.
//!
//! A debug build of a host compiles this library without optimization, and the CPU is then some 20 times slower: a warning tells so
//! once. `[profile.dev.package.perceptual-loss]` with `opt-level = 3` in the host's `Cargo.toml` mends it.
//!
//! # Memory and precision
//!
//! A pair's features take 1 GiB at most: larger pictures go through in parts. [`ModelOptions`] set another budget, and on the CPU
//! bfloat16; [`Model::with_memory`] gives a model another budget without its weights being loaded again. [`Sessions`] are for
//! pictures of different sizes.
//!
//! # Gradients
//!
//! [`Session::loss_and_gradient`] makes the [`Gradient`] of a loss by each value of the generated picture, on either backend: what an
//! optimiser or a training loop takes steps along. Its buffers are there once the first is asked for; [`Model::gradient_outline`] tells
//! what they take.
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
//! weights as they are loaded, and the memory of a session. Nothing is told for each comparison. Warnings are of threads that the system
//! does not give, and of a library that was compiled without optimization.
//!
//! # Features
//!
//! | feature | on by default | what it brings |
//! | --- | --- | --- |
//! | `gpu` | yes | the GPU: wgpu and the shaders |
//! | `cpu` | yes | the CPU: rayon and pulp |
//! | `pth` | yes | weights from PyTorch's `.pth` files |
//! | `default-weights` | yes | the weights that ship, 1.9 MB: [`Weights::default`] |
//! | `image` | no | pictures of the `image` crate |
//! | `imgref` | no | pictures of `imgref` over pixels of `rgb` |
//!
//! One of `gpu` and `cpu` is needed. An engine takes `default-features = false, features = ["gpu", "default-weights"]`, and leaves the
//! second out where it brings weights of its own.
//!
//! It compiles for `wasm32-unknown-unknown` too. A browser cannot wait, so that functions whose names end in `_blocking` give an
//! error there where a GPU is to be waited for; await their namesakes.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(not(any(feature = "gpu", feature = "cpu")))]
compile_error!("enable a backend: feature \"gpu\", \"cpu\" or both");

mod block;
mod clock;
mod color;
pub mod config;
#[cfg(feature = "cpu")]
pub mod cpu;
mod criterion;
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
mod range;
mod report;
mod reserve;
mod shown;
mod style;
mod tuning;
pub mod weights;
mod whole_file;

pub use self::{
    color::{ToneMap, Transfer, encode_srgb},
    config::{Config, Preset, Tap},
    criterion::Criterion,
    error::{Error, Result},
    follow::CancelToken,
    image::Image,
    loss::{Backend, Context, Gradient, Model, ModelOptions, Outline, Session, Sessions, Target},
    memory::Memory,
    network::Network,
    normalization::{ChannelOrder, Normalization},
    profile::{Clock, Peak, Profile, StepProfile},
    report::{LayerReport, Report},
    tuning::{Tuning, Tunings, UsedTunings},
    weights::{Weights, WeightsInfo},
};
