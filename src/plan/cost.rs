//! What a step costs, by what it computes and not by how.

use super::{Operation, Plan};

/// Arithmetic as a step's definition has it, and the least that memory must carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Floating-point operations. A multiply-add is two; a convolution counts as a direct one, whatever computes it.
    pub flops: u64,
    /// Bytes of what is read and of what is written, each value once: pixels and features, and a convolution's
    /// weights as float32.
    pub bytes: u64,
}

impl Plan {
    /// What step `step` costs for a round of `pictures` pictures: pairs of them, or with `cached_target` each
    /// against features that are kept.
    #[must_use]
    pub fn cost(&self, step: usize, pictures: u64, cached_target: bool) -> Cost {
        let step = &self.steps[step];
        // Elements of one picture; sizes of any picture are allowed here, so they saturate.
        let elements = |id: Option<usize>| id.map_or(0, |id| self.tensors[id].image_stride());
        let (read, written) = (step.input(), step.output());
        let kept = |id: usize| {
            u64::from(step.kept)
                * u64::from(self.tensors[id].channels)
                * u64::from(self.tensors[id].region.extent[0])
        };
        let input = elements(read);
        let output = elements(written).saturating_sub(written.map_or(0, kept));
        let times = |a: u64, b: u64| a.saturating_mul(b);
        let features = |values: u64| times(4, times(pictures, values));
        let (flops, bytes) = match step.operation {
            // A factor and an offset; pixels are stored as float32 or 8-bit, and count as the latter.
            Operation::Pixels { .. } => {
                (times(2, output), features(output).saturating_add(times(pictures, output)))
            }
            Operation::Conv3x3 { layer, .. } => {
                let taps = 9 * u64::from(layer.inputs);
                let weights = 4 * u64::from(layer.outputs) * (taps + 1);
                (times(2 * taps, output), features(input.saturating_add(output)).saturating_add(weights))
            }
            // Rows that a strip keeps: the smaller of the two tensors.
            Operation::Copy => (0, features(times(2, input.min(output)))),
            Operation::Relu => (output, features(input.saturating_add(output))),
            // Three comparisons.
            Operation::MaxPool => (times(3, output), features(input.saturating_add(output))),
            // Subtract, square or take the absolute value, add; for each of two pictures half of that.
            Operation::Difference { .. } if cached_target => (times(3, input), features(times(2, input))),
            Operation::Difference { .. } => (times(3, input) / 2, features(input)),
        };
        Cost { flops: times(flops, pictures), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn cost(step: &str, pictures: u64, cached: bool) -> Cost {
        let plan = Plan::new(&Config::default(), 256, 256, 1).unwrap();
        let index = plan.steps.iter().position(|s| s.name == step).unwrap();
        plan.cost(index, pictures, cached)
    }

    #[test]
    fn by_hand() {
        let map = 64 * 256 * 256;
        assert_eq!(
            cost("conv1_2", 2, false),
            Cost { flops: 2 * 2 * 9 * 64 * map, bytes: 4 * (2 * 2 * map + 64 * (64 * 9 + 1)) }
        );
        assert_eq!(cost("pool1", 1, false), Cost { flops: 3 * map / 4, bytes: 4 * (map + map / 4) });
        assert_eq!(cost("relu1_2 difference", 2, false), Cost { flops: 3 * map, bytes: 4 * 2 * map });
        assert_eq!(cost("relu1_2 difference", 1, true), Cost { flops: 3 * map, bytes: 4 * 2 * map });
        assert_eq!(cost("pixels", 1, false), Cost { flops: 2 * 3 * 65536, bytes: 5 * 3 * 65536 });
    }

    /// The figure that PyTorch's users would count for a pair at 256x256: 73 GFLOP.
    #[test]
    fn the_whole_of_the_default_loss() {
        let plan = Plan::new(&Config::default(), 256, 256, 1).unwrap();
        let flops: u64 = (0..plan.steps.len()).map(|step| plan.cost(step, 2, false).flops).sum();
        assert!((72.0..74.0).contains(&(flops as f64 / 1e9)), "{flops}");
    }
}
