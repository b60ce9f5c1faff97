//! The matrix product that both forms are computed by, in vector registers.

use pulp::Simd;

/// Rows whose sums stay in registers together.
const ROWS: usize = 6;

/// Products that are summed before the sum is added to those before it: each addition rounds by a part of the sum so far, and
/// Winograd's transforms make that more.
const SUMMED: usize = 64;

/// Registers that a panel of outputs is wide. With [`ROWS`] rows and the factors, that many sums fill what there is: 32
/// registers with AVX-512, 16 with AVX2.
pub(super) const fn registers(lanes: usize) -> usize {
    if lanes == 8 { 2 } else { 4 }
}

/// For each of `count` rows, `output[row][..]` = sum over k of `rows[row][k] * panel[k][..]`. `panel` is k by its width;
/// rows lie `rows.1` apart, those of the output `output.1`.
#[inline(always)] // so that it is compiled for the registers that it is handed
pub(super) fn product<S: Simd>(
    simd: S,
    count: usize,
    k: usize,
    panel: &[f32],
    rows: (&[f32], usize),
    output: (&mut [f32], usize),
) {
    match registers(S::F32_LANES) {
        2 => of_panel::<S, 2>(simd, count, k, panel, rows, output),
        _ => of_panel::<S, 4>(simd, count, k, panel, rows, output),
    }
}

#[inline(always)]
fn of_panel<S: Simd, const REGISTERS: usize>(
    simd: S,
    count: usize,
    k: usize,
    panel: &[f32],
    (rows, stride): (&[f32], usize),
    (output, output_stride): (&mut [f32], usize),
) {
    for first in (0..count).step_by(ROWS) {
        let rows = (&rows[first * stride..], stride);
        let output = (&mut output[first * output_stride..], output_stride);
        match count - first {
            1 => block::<S, REGISTERS, 1>(simd, k, panel, rows, output),
            2 => block::<S, REGISTERS, 2>(simd, k, panel, rows, output),
            3 => block::<S, REGISTERS, 3>(simd, k, panel, rows, output),
            4 => block::<S, REGISTERS, 4>(simd, k, panel, rows, output),
            5 => block::<S, REGISTERS, 5>(simd, k, panel, rows, output),
            _ => block::<S, REGISTERS, ROWS>(simd, k, panel, rows, output),
        }
    }
}

/// A row's sums are the same bits whatever the rows beside it.
#[inline(always)]
fn block<S: Simd, const REGISTERS: usize, const COUNT: usize>(
    simd: S,
    k: usize,
    panel: &[f32],
    (rows, stride): (&[f32], usize),
    (output, output_stride): (&mut [f32], usize),
) {
    let rows: [&[f32]; COUNT] = std::array::from_fn(|row| &rows[row * stride..][..k]);
    let panel = &pulp::as_arrays::<REGISTERS, _>(S::as_simd_f32s(panel).0).0[..k];
    for (index, panel) in panel.chunks(SUMMED).enumerate() {
        let rows = rows.map(|row| &row[index * SUMMED..][..panel.len()]);
        let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; COUNT];
        for (k, weights) in panel.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let value = simd.splat_f32s(row[k]);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, *weight, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let place = &mut output[row * output_stride..][..REGISTERS * S::F32_LANES];
            for (place, sum) in S::as_mut_simd_f32s(place).0.iter_mut().zip(sums) {
                *place = if index == 0 { sum } else { simd.add_f32s(*place, sum) };
            }
        }
    }
}
