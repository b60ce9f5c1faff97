//! Direct convolution to few outputs, such as the gradient of a picture's three channels: vector registers hold input channels, and
//! are summed in the end. Panels of outputs would be all but empty.

use pulp::Simd;

use super::{Compute, Finish, Job, Pair, Rows, in_slabs};
use crate::{
    cpu::{lines::Lines, simd::lanes},
    error::Result,
    weights::Convolution,
};

/// Outputs at the most.
const OUTPUTS: usize = 3;

/// Positions whose sums stay in registers together.
const TOGETHER: usize = 4;

/// Positions of a slab at least, so that splitting costs less than it gains.
const SLAB: usize = 1024;

/// A convolution's weights.
#[derive(Debug)]
pub(super) struct Panels {
    inputs: usize,
    outputs: usize,
    /// (9 taps, [`OUTPUTS`], inputs), row-major; zeros past the last output.
    pub(super) values: Lines,
}

impl Panels {
    /// None where there are more outputs, or inputs do not fill vector registers.
    pub(super) fn new(convolution: &Convolution) -> Result<Option<Self>> {
        let layer = convolution.layer();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        if outputs > OUTPUTS || inputs < 16 || !inputs.is_multiple_of(lanes()) {
            return Ok(None);
        }
        let what = format_args!("the weights of {}", layer.name);
        let mut values = Lines::zeros(9 * OUTPUTS * inputs, what)?;
        for (index, kernel) in convolution.weight().as_chunks::<9>().0.iter().enumerate() {
            let (output, input) = (index / inputs, index % inputs);
            for (tap, value) in kernel.iter().enumerate() {
                values[(tap * OUTPUTS + output) * inputs + input] = *value;
            }
        }
        Ok(Some(Self { inputs, outputs, values }))
    }
}

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, pairs: Vec<Pair<'_>>) -> Result<()> {
    let rows = (SLAB / job.target.width).max(1);
    in_slabs(panels, job, [rows, rows], pairs)
}

impl Compute for Panels {
    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn compute<S: Simd>(
        &self,
        simd: S,
        job: &Job<'_>,
        first: usize,
        Rows { input, least, results: rows }: Rows<'_>,
        finish: Finish<'_>,
        _: &mut Lines,
    ) -> Result<S::f32s> {
        let &Self { outputs, .. } = self;
        let Job { target, .. } = job;
        let mut seen = false;
        for (y, row) in rows.chunks_exact_mut(target.row()).enumerate() {
            let row_start = y * target.row() + target.channels;
            let row = target.without_border(row);
            for (index, results) in row.chunks_mut(TOGETHER * outputs).enumerate() {
                let x = index * TOGETHER;
                let sums = match results.len() / outputs {
                    TOGETHER => self.sums::<S, TOGETHER>(simd, job, (input, least), [first + y, x]),
                    count => {
                        let mut sums = [[0.0; OUTPUTS]; TOGETHER];
                        for (place, sums) in sums.iter_mut().enumerate().take(count) {
                            [*sums] = self.sums::<S, 1>(simd, job, (input, least), [first + y, x + place]);
                        }
                        sums
                    }
                };
                for (position, (results, sums)) in results.chunks_exact_mut(outputs).zip(&sums).enumerate() {
                    for (channel, (result, sum)) in results.iter_mut().zip(sums).enumerate() {
                        let place = row_start + (x + position) * outputs + channel;
                        *result = finish.of_one(*sum, (channel, place), &mut seen);
                    }
                }
            }
        }
        Ok(simd.splat_f32s(if seen { f32::NAN } else { 0.0 }))
    }
}

impl Panels {
    /// The sums of so many positions of a row, from this one of the results on. A position's are the same bits whatever those beside it.
    #[inline(always)]
    fn sums<S: Simd, const COUNT: usize>(
        &self,
        simd: S,
        job: &Job<'_>,
        (input, least): (&[f32], f32),
        [y, x]: [usize; 2],
    ) -> [[f32; OUTPUTS]; COUNT] {
        let &Self { inputs, ref values, .. } = self;
        let Job { source, offset: [left, top], .. } = job;
        let mut sums = [[simd.splat_f32s(0.0); OUTPUTS]; COUNT];
        let least = simd.splat_f32s(least);
        for tap in 0..9 {
            let from = (top + y + tap / 3) * source.row() + (left + x + tap % 3) * inputs;
            let positions = S::as_simd_f32s(&input[from..][..COUNT * inputs]).0;
            let weights = S::as_simd_f32s(&values[tap * OUTPUTS * inputs..][..OUTPUTS * inputs]).0;
            let each = inputs / S::F32_LANES;
            for k in 0..each {
                for (position, sums) in sums.iter_mut().enumerate() {
                    // In this order what is not a number stays so.
                    let value = simd.max_f32s(least, positions[position * each + k]);
                    for (output, sum) in sums.iter_mut().enumerate() {
                        *sum = simd.mul_add_e_f32s(value, weights[output * each + k], *sum);
                    }
                }
            }
        }
        let mut all = [[0.0; OUTPUTS]; COUNT];
        for (all, sums) in all.iter_mut().zip(sums) {
            for (all, sum) in all.iter_mut().zip(sums) {
                *all = simd.reduce_sum_f32s(sum);
            }
        }
        all
    }
}
