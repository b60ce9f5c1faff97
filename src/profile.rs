//! Where a comparison's time goes: step by step, beside what the device could do at best.

use crate::{
    plan::{Cost, Operation, Plan},
    report::Report,
    tuning::{Tuning, UsedTunings},
};

/// A comparison, or a batch of them, with the time of each step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// What [`compare`](crate::Session::compare) would have given, in its order.
    pub reports: Vec<Report>,
    /// The plan's steps in order. What goes on between them (packing, upload, readback) is not among them.
    pub steps: Vec<StepProfile>,
    /// What told the time.
    pub clock: Clock,
}

/// A step's time and cost, over all pictures of the comparison.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepProfile {
    /// Its name in the plan, such as `conv3_1` or `relu3_3 difference`.
    pub name: String,
    /// Its kernel: `pixels`, `conv3x3`, `relu`, `max_pool` or `difference`, and of gradients `conv3x3.gradient` and the like.
    pub kernel: &'static str,
    /// How the kernel computes it, where it has more ways than one; none on the CPU.
    pub tuning: Option<Tuning>,
    /// The time that it took.
    pub seconds: f64,
    /// What it computed and moved.
    pub cost: Cost,
}

/// What told the time of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The GPU's timestamps, around each dispatch.
    Device,
    /// The host's clock. On a GPU without timestamps each step is submitted and waited for by itself, which its time
    /// includes.
    Wall,
}

/// What a device does at best, measured by small kernels that do nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Peak {
    /// Floating-point operations a second, by fused multiply-adds in registers, each counted as two.
    pub flops_per_second: f64,
    /// Bytes read and written a second, by copying.
    pub bytes_per_second: f64,
}

/// Steps' times, added up over the rounds in which a batch goes through.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    pub(crate) clock: Clock,
    names: Vec<String>,
    seconds: Vec<f64>,
    costs: Vec<Cost>,
}

impl Stopwatch {
    pub(crate) fn new(plan: &Plan) -> Self {
        let steps = plan.steps().len();
        let names = plan.steps().iter().map(|step| step.name.clone()).collect();
        Self { clock: Clock::Wall, names, seconds: vec![0.0; steps], costs: vec![Cost::default(); steps] }
    }

    /// Adds a round of so many pairs or pictures: the seconds of each step of its plan, which has steps of a pair's names.
    pub(crate) fn round(&mut self, plan: &Plan, images: usize, seconds: &[f64]) {
        for (step, more) in seconds.iter().enumerate() {
            let Some(place) = self.names.iter().position(|name| *name == plan.steps()[step].name) else {
                continue;
            };
            self.seconds[place] += more;
            let cost = plan.cost(step, images as u64);
            self.costs[place].flops = self.costs[place].flops.saturating_add(cost.flops);
            self.costs[place].bytes = self.costs[place].bytes.saturating_add(cost.bytes);
        }
    }

    /// The steps, where convolutions took these tunings. Only a GPU's have some.
    pub(crate) fn steps(self, plan: &Plan, tunings: Option<&UsedTunings>) -> Vec<StepProfile> {
        let of_layer = |layer: &str| {
            let (_, tuning) = tunings?.layers().iter().find(|(name, _)| *name == layer)?;
            Some(*tuning)
        };
        let times = self.seconds.into_iter().zip(self.costs);
        (plan.steps().iter().zip(times))
            .map(|(step, (seconds, cost))| {
                let tuning = match step.operation {
                    Operation::Conv3x3 { layer, .. } | Operation::Conv3x3Gradient { layer, .. } => {
                        of_layer(layer.name)
                    }
                    _ => None,
                };
                let kernel = step.operation.kernel();
                StepProfile { name: step.name.clone(), kernel, tuning, seconds, cost }
            })
            .collect()
    }
}
