//! How far two rankings agree.

/// Spearman's rank correlation, from -1 to 1, with equal values at the mean of their ranks; none where all values of one
/// are equal.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let [a, b] = [a, b].map(|values| {
        let ranks = ranks(values);
        // Whatever is equal, ranks have this mean.
        let mean = (ranks.len() as f64 - 1.0) / 2.0;
        ranks.into_iter().map(|rank| rank - mean).collect::<Vec<_>>()
    });
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// From 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut start) = (vec![0.0; values.len()], 0);
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = start as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&index| ranks[index] = mean);
        start += equal.len();
    }
    ranks
}

/// Among pairs of entries whose errors are within 10 % of each other, how many `a` and `b` put in the same order, and how
/// many there are.
pub fn order(errors: &[f64], a: &[f64], b: &[f64]) -> (usize, usize) {
    let (mut alike, mut pairs) = (0, 0);
    for first in 0..errors.len() {
        for second in first + 1..errors.len() {
            let [less, more] = [errors[first].min(errors[second]), errors[first].max(errors[second])];
            if less > 0.0 && more < 1.1 * less {
                pairs += 1;
                alike += usize::from((a[first] > a[second]) == (b[first] > b[second]));
            }
        }
    }
    (alike, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_is_of_ranks_and_equal_values_share_theirs() {
        let close = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
        assert!(close(spearman(&[1.0, 2.0, 30.0], &[5.0, 6.0, 7.0]), 1.0));
        assert!(close(spearman(&[1.0, 2.0, 3.0], &[7.0, 6.0, 5.0]), -1.0));
        // SciPy's spearmanr gives the same.
        assert!(close(spearman(&[1.0, 2.0, 2.0, 4.0], &[1.0, 3.0, 2.0, 4.0]), 0.948_683_298_050_513_8));
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }

    #[test]
    fn order_counts_pairs_of_nearly_equal_error() {
        let errors = [1.0, 1.05, 2.0, 0.0, 0.0];
        assert_eq!(order(&errors, &[1.0, 2.0, 3.0, 0.0, 0.0], &[4.0, 5.0, 0.0, 0.0, 1.0]), (1, 1));
        assert_eq!(order(&errors, &[1.0, 2.0, 3.0, 0.0, 0.0], &[5.0, 4.0, 0.0, 0.0, 1.0]), (0, 1));
    }
}
