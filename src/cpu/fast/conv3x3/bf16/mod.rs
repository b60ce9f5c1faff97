//! Direct convolution of factors that are rounded to bfloat16, with float32 sums.
//!
//! bfloat16 is float32 with the lower half of its bits left out. A processor with instructions for it multiplies two in the place
//! of one float32; a product of two is exact in float32.

mod dot;
pub(super) mod winograd;

use half::bf16;
use pulp::Simd;

pub(crate) use self::dot::Dot;
use self::dot::{BLOCK, PANEL, taps};
pub(super) use self::winograd::Panels as WinogradPanels;
use super::{Compute, Finish, Job, Pair, Rows, in_slabs, raised};
use crate::{cpu::lines::Lines, error::Result, reserve::filled, weights::Convolution};

/// Bytes of a slab's inputs, so that they stay in the second-level cache beside a panel's weights.
const SLAB_BYTES: usize = 1 << 19;

/// A convolution's weights, rounded.
#[derive(Debug)]
pub(super) struct Panels {
    dot: Dot,
    inputs: usize,
    outputs: usize,
    /// (panels, 9 taps, pairs of inputs, outputs of a panel), row-major, two inputs' weights a value.
    pub(super) values: Vec<u32>,
}

impl Panels {
    /// None where channels do not fill the instructions' blocks, as three inputs do not.
    pub(super) fn new(convolution: &Convolution, dot: Dot) -> Result<Option<Self>> {
        let layer = convolution.layer();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        if !inputs.is_multiple_of(PANEL) || !outputs.is_multiple_of(PANEL) {
            return Ok(None);
        }
        let what = format_args!("the weights of {}", layer.name);
        let mut values = filled(0, 9 * inputs / 2 * outputs, what)?;
        for (index, value) in values.iter_mut().enumerate() {
            let (column, index) = (index % PANEL, index / PANEL);
            let (pair, index) = (index % (inputs / 2), index / (inputs / 2));
            let (tap, panel) = (index % 9, index / 9);
            let of =
                |input: usize| convolution.weight()[((panel * PANEL + column) * inputs + input) * 9 + tap];
            *value = pair_of(of(2 * pair), of(2 * pair + 1));
        }
        Ok(Some(Self { dot, inputs, outputs, values }))
    }
}

/// Two factors as instructions take them, the first in the lower half.
#[inline(always)]
fn pair_of(first: f32, second: f32) -> u32 {
    let [first, second] = [first, second].map(|value| u32::from(bf16::from_f32(value).to_bits()));
    first | second << 16
}

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, pairs: Vec<Pair<'_>>) -> Result<()> {
    let target = &job.target;
    // Two rows of inputs more than there are of results are rounded, so that a slab should have some.
    let fit = (SLAB_BYTES / (2 * panels.inputs * target.pitch())).saturating_sub(2).max(4);
    let rows = fit.min(target.written().div_ceil(rayon::current_num_threads())).max(1);
    in_slabs(panels, job, [rows, rows], pairs)
}

impl Compute for Panels {
    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn compute<S: Simd>(
        &self,
        simd: S,
        job: &Job<'_>,
        first: usize,
        Rows { input, least, results: slab }: Rows<'_>,
        finish: Finish<'_>,
        scratch: &mut Lines,
    ) -> Result<S::f32s> {
        let Job { source, target, offset: [left, top], .. } = job;
        let &Self { dot, inputs, outputs, ref values } = self;
        let (pitch, pairs) = (target.pitch(), inputs / 2);
        let rows = slab.len() / target.row();
        // One run of positions, rows with both ends of the border one after another: a tap's inputs are the same distance from
        // each. What comes of the border's is zeroed in the end.
        let positions = rows * pitch - 2;
        let reach = (2 * pitch + 2 + positions.next_multiple_of(BLOCK)) * pairs;
        let factors: &mut [u32] = bytemuck::cast_slice_mut(&mut scratch.reach(reach)?[..reach]);
        let (inner, beyond) = factors.split_at_mut((rows + 2) * pitch * pairs);
        for (y, row) in inner.chunks_exact_mut(pitch * pairs).enumerate() {
            let input = &input[(top + first + y) * source.row() + left * inputs..][..pitch * inputs];
            for (pair, two) in row.iter_mut().zip(input.as_chunks::<2>().0) {
                *pair = pair_of(raised(two[0], least), raised(two[1], least));
            }
        }
        beyond.fill(0);
        let mut seen = simd.splat_f32s(0.0);
        for (index, panel) in values.chunks_exact(9 * pairs * PANEL).enumerate() {
            for start in (0..positions).step_by(BLOCK) {
                let mut sums = [[0.0; PANEL]; BLOCK];
                dot.block(taps(&factors[start * pairs..], pitch, panel), &mut sums);
                // A position's result lies behind the left end of the border.
                let results = slab[(start + 1) * outputs..].chunks_mut(outputs);
                for (position, (result, sums)) in results.zip(&sums).take(positions - start).enumerate() {
                    let channel = index * PANEL;
                    let place = (start + 1 + position) * outputs + channel;
                    let result = S::as_mut_simd_f32s(&mut result[channel..][..PANEL]).0;
                    for (lanes, (result, sum)) in result.iter_mut().zip(S::as_simd_f32s(sums).0).enumerate() {
                        let more = lanes * S::F32_LANES;
                        *result = finish.of(simd, *sum, (channel + more, place + more), &mut seen);
                    }
                }
            }
        }
        for row in slab.chunks_exact_mut(target.row()) {
            target.without_border(row);
        }
        Ok(seen)
    }
}
