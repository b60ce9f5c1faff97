//! What a step costs, by what it computes and not by how.

use super::{Maps, Operation, Plan};

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
    /// What step `step` costs for a round of so many pairs, or pictures: those of its tensors that have one image, since it is
    /// one target's, cost that once.
    #[must_use]
    pub fn cost(&self, step: usize, images: u64) -> Cost {
        let step = &self.steps[step];
        let of = |id: usize| {
            let tensor = &self.tensors[id];
            // Sizes of any picture are allowed here, so they saturate.
            let images = if self.images() > 1 && tensor.images == 1 { 1 } else { images };
            (tensor.image_stride().saturating_mul(images), tensor)
        };
        let sum = |values: &mut dyn Iterator<Item = u64>| values.fold(0u64, u64::saturating_add);
        let read = sum(&mut step.reads.iter().map(|&id| of(id).0));
        let written = |id: usize| {
            let (all, tensor) = of(id);
            let kept = u64::from(step.kept) * u64::from(tensor.region.extent[0]) * u64::from(tensor.channels);
            all.saturating_sub(kept.saturating_mul(images))
        };
        let output = sum(&mut step.writes.iter().map(|&id| written(id)));
        let times = |a: u64, b: u64| a.saturating_mul(b);
        let features = |values: u64| times(4, values);
        let moved = features(read.saturating_add(output));
        let (flops, bytes) = match step.operation {
            // A factor and an offset, or a difference and a factor; pixels are stored as float32 or 8-bit, and count as the
            // latter. A difference reads the target's as well.
            Operation::Pixels { maps, .. } => {
                let pictures =
                    if maps.difference() { 2 * output / step.writes.len().max(1) as u64 } else { output };
                (times(2, output), moved.saturating_add(pictures))
            }
            Operation::Conv3x3Gradient { layer, .. } => {
                let taps = 9 * u64::from(layer.outputs);
                (times(2 * taps, output), moved.saturating_add(4 * u64::from(layer.inputs) * taps))
            }
            Operation::Conv3x3 { layer, .. } => {
                let taps = 9 * u64::from(layer.inputs);
                let weights = 4 * u64::from(layer.outputs) * (taps + 1);
                (times(2 * taps, output), moved.saturating_add(weights))
            }
            // Rows that a strip keeps: the smaller of the two tensors.
            Operation::Copy => (0, features(times(2, read.min(output)))),
            // Two limits and a sum.
            Operation::Relu => (times(3, output), moved),
            // Three comparisons; of a difference four subtractions, four sums and three comparisons more.
            Operation::MaxPool { maps, .. } => {
                let flops = match maps {
                    Maps::Target => times(3, output),
                    Maps::Difference => times(14, output),
                    Maps::Both => times(3 + 14, output / 2),
                };
                (flops, moved)
            }
            // A sum and a comparison for each bit.
            Operation::ReluMask => (times(2 * 32, output), moved),
            // Those of the values, and the choice.
            Operation::MaxPoolRoutes { .. } => (times(14 * 16, output), moved),
            // A product, a sum and a choice.
            Operation::DifferenceGradient { .. } | Operation::MaxPoolGradient { .. } => {
                (times(3, output), moved)
            }
            Operation::PixelsGradient { .. } => (output, moved),
            // Three sums of squares and products, then a product, two sums and a square: of two values each.
            Operation::Lpips { .. } => (times(6, read), moved),
            // The same, and a product and a sum of what is written.
            Operation::LpipsGradient { .. } => (times(6, read).saturating_add(times(3, output)), moved),
            // A multiply-add for each pair of channels at each position.
            Operation::Gram { .. } => {
                let channels = step.reads.first().map_or(0, |&id| u64::from(self.tensors[id].channels));
                let values = step.reads.first().map_or(0, |&id| of(id).0);
                (times(times(2, channels), values), moved)
            }
            Operation::GramGradient { .. } => {
                let channels = step.writes.first().map_or(0, |&id| u64::from(self.tensors[id].channels));
                (times(times(2, channels), output), moved)
            }
            // Square or take the absolute value, and add.
            Operation::Difference { .. } => (times(2, read), moved),
        };
        Cost { flops, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn cost(plan: &Plan, step: &str, images: u64) -> Cost {
        let index = plan.steps.iter().position(|s| s.name == step).unwrap();
        plan.cost(index, images)
    }

    #[test]
    fn by_hand() {
        let config = Config::default();
        let pair = Plan::new(&config, 256, 256, 1).unwrap();
        let candidates = Plan::candidates(&config, 256, 256, 3).unwrap();
        let map = 64 * 256 * 256;
        let weights = 64 * (64 * 9 + 1);
        let flops = 2 * 9 * 64 * map;
        assert_eq!(cost(&pair, "conv1_2", 1), Cost { flops: 2 * flops, bytes: 4 * (2 * 2 * map + weights) });
        // The target's map beside three differences from and to.
        let three = Cost { flops: 3 * flops, bytes: 4 * (3 * 2 * map + map + weights) };
        assert_eq!(cost(&candidates, "conv1_2", 3), three);
        assert_eq!(cost(&pair, "pool1", 1), Cost { flops: 17 * map / 4, bytes: 4 * 2 * (map + map / 4) });
        assert_eq!(cost(&pair, "relu1_2 difference", 1), Cost { flops: 2 * map, bytes: 4 * map });
        assert_eq!(
            cost(&pair, "pixels", 2),
            Cost { flops: 2 * 2 * 2 * 3 * 65536, bytes: 2 * 2 * 5 * 3 * 65536 }
        );
    }

    /// The figure that PyTorch's users would count for a pair at 256x256: 73 GFLOP.
    #[test]
    fn the_whole_of_the_default_loss() {
        let plan = Plan::new(&Config::default(), 256, 256, 1).unwrap();
        let flops: u64 = (0..plan.steps.len()).map(|step| plan.cost(step, 1).flops).sum();
        assert!((72.0..74.0).contains(&(flops as f64 / 1e9)), "{flops}");
    }
}
