//! VGG perceptual loss on any GPU.

#![deny(missing_docs)]

pub mod config;
#[cfg(feature = "cpu")]
pub mod cpu;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod image;
mod loss;
pub mod network;
mod normalization;
pub mod plan;
mod report;
pub mod weights;

pub use self::{
    config::{Config, Criterion, Preset, Tap},
    error::{Error, Result},
    image::Image,
    loss::{Context, Model, Session, Target},
    network::Network,
    normalization::{ChannelOrder, Normalization},
    plan::Tuning,
    report::{LayerReport, Report},
    weights::{Weights, WeightsInfo},
};
