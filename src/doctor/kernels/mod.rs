//! What the doctor holds against the twins: for each kernel a few shapes, odd ones and those at the edges of its
//! blocks.

mod conv3x3;
mod copy;
mod difference;
mod gradients;
mod gram;
mod loss;
mod lpips;
mod max_pool;
mod pixels;
mod relu;

use std::sync::Arc;

pub(super) use self::{
    conv3x3::conv3x3,
    copy::copy,
    difference::{difference, map, sum},
    gradients::{
        conv3x3_gradient, difference_gradient, max_pool_gradient, max_pool_routes, pixels_gradient,
        relu_gradient, relu_mask,
    },
    gram::{gram, gram_gradient},
    loss::loss,
    lpips::{lpips, lpips_gradient},
    max_pool::{max_pool, max_pool_difference},
    pixels::{pixels, pixels_difference},
    relu::relu,
};
use super::{Deviation, bounds, first_step, judge, on_twin, plans::inputs};
use crate::{Context, Image, ModelOptions, Tuning, error::Result, plan::Plan, weights::Parameters};

/// Options with this tuning.
fn options(tuning: Option<Tuning>) -> ModelOptions {
    tuning.map_or_else(ModelOptions::default, |tuning| ModelOptions::default().tunings(tuning))
}

pub(super) fn no_weights() -> Arc<Parameters> {
    Arc::new(Parameters::new(vec![], "none"))
}

/// Deviations of several shapes, taken together.
pub(super) fn all(deviations: impl Iterator<Item = Result<Deviation>>) -> Result<Deviation> {
    deviations.collect()
}

/// A plan's only step on the context and on its twin: how far each tensor that it writes is from what it should be.
fn hold(
    context: &Context,
    tuning: Option<Tuning>,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
    pictures: &[Image<'_>],
) -> Result<Vec<Deviation>> {
    let twin = on_twin(plan, parameters, inputs, pictures)?;
    let mut bounds = bounds(&twin, parameters, 0)?;
    if let Some(tuning) = tuning {
        bounds = bounds.into_iter().map(|bounds| bounds.of_tuning(tuning)).collect();
    }
    let results = first_step(context, &options(tuning), plan, parameters, inputs, pictures)?;
    // What it reads is given; no convolution has made it.
    judge(&twin, parameters, 0, &results, &bounds, |_| false)
}

/// Plans whose step has no weights.
fn hold_all(
    context: &Context,
    plans: impl IntoIterator<Item = Plan>,
    values: fn(u64, u64) -> Vec<f32>,
) -> Result<Deviation> {
    all(plans.into_iter().enumerate().map(|(seed, plan)| {
        let inputs = inputs(&plan, seed as u64, values);
        Ok(hold(context, None, &plan, &no_weights(), &inputs, &[])?.into_iter().collect())
    }))
}
