//! Direct convolution, for layers whose channels do not fill vector registers: each position's 3x3 patch is a row of a matrix
//! product.

use pulp::Simd;

use super::{
    Compute, Finish, Job, Pair, Rows, in_slabs, panel,
    product::{ROWS, SUMMED, Strides, product},
    raised,
};
use crate::{cpu::lines::Lines, error::Result, weights::Convolution};

/// Positions that go through together: their patches and sums stay in the first-level cache.
const TOGETHER: usize = 48;

/// Positions of a slab at least, so that splitting costs less than it gains.
const SLAB: usize = 1024;

/// Of a matrix whose rows of this many elements lie one after another.
fn side_by_side(row: usize) -> Strides {
    Strides { row, block: ROWS * row, piece: SUMMED }
}

/// A convolution's weights as matrices of a panel of outputs each.
#[derive(Debug)]
pub(super) struct Panels {
    inputs: usize,
    outputs: usize,
    panel: usize,
    /// (panels, 3 kernel rows, 3 kernel columns, inputs, outputs of a panel), row-major; the last panel's are filled up with
    /// zeros.
    pub(super) values: Lines,
}

impl Panels {
    pub(super) fn new(convolution: &Convolution) -> Result<Self> {
        let layer = convolution.layer();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let panel = panel();
        let what = format_args!("the weights of {}", layer.name);
        let mut values = Lines::zeros(9 * inputs * outputs.next_multiple_of(panel), what)?;
        for (output, kernels) in convolution.weight().chunks_exact((9 * inputs).max(1)).enumerate() {
            let matrix = &mut values[output / panel * 9 * inputs * panel..];
            for (input, kernel) in kernels.chunks_exact(9).enumerate() {
                for (tap, value) in kernel.iter().enumerate() {
                    matrix[(tap * inputs + input) * panel + output % panel] = *value;
                }
            }
        }
        Ok(Self { inputs, outputs, panel, values })
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
        scratch: &mut Lines,
    ) -> Result<S::f32s> {
        let &Self { inputs, outputs, panel, ref values } = self;
        let Job { source, target, offset: [left, top], .. } = job;
        let (taps, sums_of) = (9 * inputs, outputs.next_multiple_of(panel));
        let mut seen = false;
        let (patches, sums) = scratch.reach(TOGETHER * (taps + sums_of))?.split_at_mut(TOGETHER * taps);
        for (y, row) in rows.chunks_exact_mut(target.row()).enumerate() {
            let row_start = y * target.row() + target.channels;
            let row = target.without_border(row);
            for (index, results) in row.chunks_mut(TOGETHER * outputs).enumerate() {
                let count = results.len() / outputs;
                let x = left + index * TOGETHER;
                for (position, patch) in patches.chunks_exact_mut(taps).enumerate().take(count) {
                    for (ky, patch) in patch.chunks_exact_mut(3 * inputs).enumerate() {
                        let from = (top + first + y + ky) * source.row() + (x + position) * inputs;
                        let input = &input[from..][..3 * inputs];
                        // Three channels are copied without a call.
                        match (patch.first_chunk_mut(), input.first_chunk::<9>()) {
                            (Some(patch), Some(nine)) if inputs == 3 => *patch = *nine,
                            _ => patch.copy_from_slice(input),
                        }
                    }
                    if least > f32::NEG_INFINITY {
                        patch.iter_mut().for_each(|value| *value = raised(*value, least));
                    }
                }
                for (index, matrix) in values.chunks_exact(taps * panel).enumerate() {
                    let sums = (&mut sums[index * panel..], side_by_side(sums_of));
                    product(simd, count, matrix, (patches, side_by_side(taps)), sums);
                }
                let start = row_start + index * TOGETHER * outputs;
                for (position, (results, sums)) in
                    results.chunks_exact_mut(outputs).zip(sums.chunks_exact(sums_of)).enumerate()
                {
                    for (channel, (result, sum)) in results.iter_mut().zip(sums).enumerate() {
                        let place = start + position * outputs + channel;
                        *result = finish.of_one(*sum, (channel, place), &mut seen);
                    }
                }
            }
        }
        Ok(simd.splat_f32s(if seen { f32::NAN } else { 0.0 }))
    }
}
