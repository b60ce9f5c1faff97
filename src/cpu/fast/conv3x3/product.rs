//! The matrix product, in vector registers, of the direct convolution and of Winograd's.
//!
//! Arrays are gone through by plain loops: what `map` and `from_fn` call is not always compiled into the caller, and then not for
//! its registers (half of the time, once).

use pulp::Simd;

/// Rows whose sums stay in registers together: a block.
pub(in crate::cpu::fast) const ROWS: usize = 6;

/// Products that are summed before the sum is added to those before it: each addition rounds by a part of the sum so far, and
/// Winograd's transforms make that more. So many factors of a panel stay in the first-level cache for all blocks.
pub(in crate::cpu::fast) const SUMMED: usize = 64;

/// Registers that a panel of outputs is wide. With [`ROWS`] rows and the factors, that many sums fill what there is: 32
/// registers with AVX-512, 16 with AVX2.
pub(in crate::cpu::fast) const fn registers(lanes: usize) -> usize {
    if lanes == 8 { 2 } else { 4 }
}

/// How far apart a matrix's elements lie.
#[derive(Clone, Copy)]
pub(in crate::cpu::fast) struct Strides {
    /// From a row to the next one of its block; where this is a constant, registers for addresses are saved.
    pub(in crate::cpu::fast) row: usize,
    /// From a block to the next.
    pub(in crate::cpu::fast) block: usize,
    /// From a row's element to the [`SUMMED`]th after it, between which they lie side by side.
    pub(in crate::cpu::fast) piece: usize,
}

/// For each of `count` rows, `output[row][..]` = sum over k of `rows[row][k] * panel[k][..]`. `panel` is k by its width.
#[inline(always)] // so that it is compiled for the registers that it is handed
pub(in crate::cpu::fast) fn product<S: Simd>(
    simd: S,
    count: usize,
    panel: &[f32],
    rows: (&[f32], Strides),
    output: (&mut [f32], Strides),
) {
    match registers(S::F32_LANES) {
        2 => of_panel::<S, 2>(simd, count, panel, rows, output),
        _ => of_panel::<S, 4>(simd, count, panel, rows, output),
    }
}

#[inline(always)]
fn of_panel<S: Simd, const REGISTERS: usize>(
    simd: S,
    count: usize,
    panel: &[f32],
    (rows, apart): (&[f32], Strides),
    (output, output_apart): (&mut [f32], Strides),
) {
    let panel = pulp::as_arrays::<REGISTERS, _>(S::as_simd_f32s(panel).0).0;
    for (index, panel) in panel.chunks(SUMMED).enumerate() {
        for first in (0..count).step_by(ROWS) {
            let rows = (&rows[first / ROWS * apart.block + index * apart.piece..], apart.row);
            let output = (&mut output[first / ROWS * output_apart.block..], output_apart.row);
            let further = index > 0;
            match count - first {
                1 => block::<S, REGISTERS, 1>(simd, panel, rows, output, further),
                2 => block::<S, REGISTERS, 2>(simd, panel, rows, output, further),
                3 => block::<S, REGISTERS, 3>(simd, panel, rows, output, further),
                4 => block::<S, REGISTERS, 4>(simd, panel, rows, output, further),
                5 => block::<S, REGISTERS, 5>(simd, panel, rows, output, further),
                _ => block::<S, REGISTERS, ROWS>(simd, panel, rows, output, further),
            }
        }
    }
}

/// A row's sums are the same bits whatever the rows beside it. `further` ones are added to what is there.
#[inline(always)]
fn block<S: Simd, const REGISTERS: usize, const COUNT: usize>(
    simd: S,
    panel: &[[S::f32s; REGISTERS]],
    (values, stride): (&[f32], usize),
    (output, output_stride): (&mut [f32], usize),
    further: bool,
) {
    let mut rows: [&[f32]; COUNT] = [&[]; COUNT];
    for (index, row) in rows.iter_mut().enumerate() {
        *row = &values[index * stride..][..panel.len()];
    }
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; COUNT];
    for (k, weights) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let value = simd.splat_f32s(row[k]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(value, *weight, *sum);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let place = &mut output[row * output_stride..][..REGISTERS * S::F32_LANES];
        for (place, sum) in S::as_mut_simd_f32s(place).0.iter_mut().zip(sums) {
            *place = if further { simd.add_f32s(*place, *sum) } else { *sum };
        }
    }
}
