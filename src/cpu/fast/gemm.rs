//! The matrix product, behind bounds that are checked.

use gemm_common::Parallelism;

/// `output[column][row] = sum over k of left[k][row] * right[column][k]`, or added to what `output` holds.
///
/// `left` is k by `rows`, densely packed; `right` and `output` hold a column each `stride` elements, and the columns
/// of `right` may overlap, as neighbouring positions of a convolution do.
pub(super) fn gemm(
    [rows, columns, k]: [usize; 3],
    left: &[f32],
    (right, right_stride): (&[f32], usize),
    (output, output_stride): (&mut [f32], usize),
    add: bool,
) {
    if rows == 0 || columns == 0 || k == 0 {
        return;
    }
    assert!(left.len() >= k * rows, "the left matrix is too short");
    assert!(right.len() >= (columns - 1) * right_stride + k, "the right matrix is too short");
    assert!(output.len() >= (columns - 1) * output_stride + rows, "the output is too short");
    assert!(columns == 1 || output_stride >= rows, "columns of the output overlap");
    // SAFETY: the product reads and writes the elements that the assertions above have found to be there, through
    // pointers that are valid for them; `output` is borrowed alone and no two of its elements are one. There is no
    // safe interface to this crate.
    unsafe {
        gemm_f32::gemm::f32::get_gemm_fn()(
            rows,
            columns,
            k,
            output.as_mut_ptr(),
            output_stride as isize,
            1,
            add,
            left.as_ptr(),
            rows as isize,
            1,
            right.as_ptr(),
            right_stride as isize,
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            // Callers split the work themselves, by shape: the same bits on any number of threads.
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_overlap_and_results_may_be_added() {
        // left is 2 (k) by 3 rows; right has columns [1, 2], [2, 3], one element apart.
        let left = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let right = [1.0, 2.0, 3.0];
        let mut output = [9.0; 7];
        gemm([3, 2, 2], &left, (&right, 1), (&mut output, 4), false);
        assert_eq!(output, [21.0, 42.0, 63.0, 9.0, 32.0, 64.0, 96.0]);
        gemm([3, 2, 2], &left, (&right, 1), (&mut output, 4), true);
        assert_eq!(output, [42.0, 84.0, 126.0, 9.0, 64.0, 128.0, 192.0]);
    }
}
