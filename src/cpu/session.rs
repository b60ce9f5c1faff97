//! Comparing on the CPU: a picture's features at every tap, then their differences.

use std::sync::Arc;

use super::{Executor, twin};
use crate::{
    error::Result,
    image::Image,
    plan::{Operation, Plan, Step},
    weights::Parameters,
};

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    executor: Executor,
}

/// A picture's features at every tap.
pub(crate) type Features = Vec<Vec<f32>>;

impl Session {
    /// A session over a plan of one image.
    pub(crate) fn new(plan: Plan, parameters: Arc<Parameters>) -> Self {
        Self { executor: Executor::new(plan, parameters) }
    }

    /// A picture's features at every tap.
    pub(crate) fn features(&mut self, picture: &Image<'_>) -> Result<Features> {
        let mut packed = vec![vec![]];
        picture.pack(&mut packed[0]);
        let mut features = vec![];
        for step in 0..self.executor.plan().steps.len() {
            self.executor.step(step, &packed)?;
            let Step { operation, input, .. } = self.executor.plan().steps[step].clone();
            if let (Operation::Difference { .. }, Some(input)) = (operation, input) {
                features.push(self.executor.read(input).to_vec());
            }
            self.executor.forget_after(step);
        }
        Ok(features)
    }

    /// The sum of differences at each tap.
    pub(crate) fn difference(&self, a: &Features, b: &Features) -> Vec<f64> {
        let plan = self.executor.plan();
        let mut sums = vec![];
        for step in &plan.steps {
            if let Operation::Difference { criterion, tap } = step.operation {
                let tensor = &plan.tensors[plan.taps[tap].tensor];
                sums.push(twin::difference(tensor, criterion, &a[tap], &b[tap]));
            }
        }
        sums
    }
}
