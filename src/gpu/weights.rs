//! The forms in which tunings want a convolution's weights.

use crate::{plan::Tuning, weights::Convolution};

/// Output channels that `shaders/conv3x3.blocked.wgsl` computes together.
pub(crate) const BLOCK: usize = 4;

/// How a convolution's weights and bias are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// (output, input, ky, kx), as files hold them.
    Oihw,
    /// (output block, input, ky, kx, output within the block), zeros past the last output channel.
    Blocked,
}

impl Form {
    pub(crate) fn of_tuning(tuning: Tuning) -> Self {
        match tuning {
            Tuning::Direct => Self::Oihw,
            Tuning::Blocked => Self::Blocked,
        }
    }

    /// Weights and bias in this form.
    pub(crate) fn arrange(self, convolution: &Convolution) -> (Vec<f32>, Vec<f32>) {
        match self {
            Self::Oihw => (convolution.weight.clone(), convolution.bias.clone()),
            Self::Blocked => {
                let outputs = convolution.bias.len();
                // Weights of one output channel.
                let each = convolution.weight.len() / outputs.max(1);
                let blocks = outputs.div_ceil(BLOCK);
                let mut weight = vec![0.0; blocks * each * BLOCK];
                for (output, values) in convolution.weight.chunks(each.max(1)).enumerate() {
                    let block = &mut weight[output / BLOCK * each * BLOCK..][..each * BLOCK];
                    for (to, &value) in block[output % BLOCK..].iter_mut().step_by(BLOCK).zip(values) {
                        *to = value;
                    }
                }
                let mut bias = convolution.bias.clone();
                bias.resize(blocks * BLOCK, 0.0);
                (weight, bias)
            }
        }
    }
}
