//! `shaders/sum.wgsl`: many partial sums, and sums as large as they come. A partial sum is of 4096 elements.

use perceptual_loss::low_level::{gpu, plan::Region};

use crate::{
    common::{Rng, SUM, context, parameters, small_integers},
    difference,
};

/// Differences that are all 1 count elements, exactly up to 2^24: not one partial sum may be missed, whatever their
/// number is to the kernel's 64 threads and their spans of 16 and of 16 times 16.
#[test]
fn not_one_partial_sum_is_missed() {
    let partials = [1, 2, 63, 64, 65, 127, 1023, 1024, 1025, 1500, 4096];
    for partials in partials {
        // One element short of full, except where 2^24 itself is reached.
        let elements = if partials == 4096 { 1 << 24 } else { partials * 4096 - 1 };
        let plan = difference::plan(1, 1, Region::whole(elements, 1));
        let features = vec![1.0f32; elements as usize];
        // Squares and magnitudes of ones are ones; by the other criteria they are not.
        assert_eq!(difference::on_gpu(&plan, &features)[..4], [[elements as f32]; 4], "{elements}");
    }
}

/// The kernel by itself, for more partial sums than the differences of this device's largest tensor make: a picture of
/// 4096x4096 has 262,144.
#[test]
fn sums_of_any_number_of_partial_sums() {
    for count in [1, 64, 1024, 1025, 16_384, 16_385, 40_000, 262_144] {
        // Exact in any order, so that not one may be missed.
        let partials: Vec<f32> =
            small_integers(count, 2 * count).into_iter().map(|value| value + 3.0).collect();
        let exact: Vec<f32> = partials.chunks(count as usize).map(|image| image.iter().sum()).collect();
        assert_eq!(gpu::sum_blocking(context(), &partials, count as u32).unwrap(), exact, "{count}");
    }
}

/// Adds up 2^`log2` differences, squared and absolute, in chunks of 2^24 on the GPU, an image each, which a device with
/// the smallest usual binding takes; and all of them in float64.
fn hold_chunks(log2: u32) {
    const CHUNK: usize = 1 << 24;
    let plan = difference::plan(1, 64, Region::whole(512, 512));
    assert_eq!(plan.tensors()[0].image_stride(), CHUNK as u64);
    // As they are: each criterion's first tap.
    let taps = [0, 2];
    let executor = gpu::Executor::new(context(), plan, parameters(vec![])).unwrap();
    let (mut totals, mut exact_totals, mut worst_chunk) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    let mut features = vec![0.0f32; CHUNK];
    for chunk in 0..(1u64 << log2) / CHUNK as u64 {
        // Other values each time, of magnitudes from 1e-3 to 1e3: squares span twelve powers of ten.
        let mut rng = Rng::new(chunk);
        features.fill_with(|| rng.wide());
        executor.write(0, &features).unwrap();
        let mut exact = [0.0f64; 2];
        for difference in features.iter().map(|difference| f64::from(*difference)) {
            exact[0] += difference * difference;
            exact[1] += difference.abs();
        }
        for (criterion, tap) in taps.into_iter().enumerate() {
            executor.run(tap..tap + 1, &[]).unwrap();
            let sum = f64::from(executor.sums_blocking().unwrap()[tap][0]);
            worst_chunk = worst_chunk.max((sum - exact[criterion]).abs() / exact[criterion]);
            totals[criterion] += sum;
            exact_totals[criterion] += exact[criterion];
        }
    }
    let [squared, absolute] = [0, 1].map(|i| (totals[i] - exact_totals[i]).abs() / exact_totals[i]);
    println!(
        "2^{log2} elements: squared off by {squared:.2e}, absolute by {absolute:.2e}, a single chunk by up to \
         {worst_chunk:.2e}, allowed {SUM:e}"
    );
    assert!(squared <= SUM && absolute <= SUM, "squared {squared:e}, absolute {absolute:e}");
    assert!(worst_chunk <= SUM, "a chunk is off by {worst_chunk:e}");
}

#[test]
fn sums_of_many_elements_agree_with_float64() {
    hold_chunks(26);
}

/// As many elements as the largest feature map of a picture of 4096x4096.
#[test]
#[ignore = "takes half a minute or more on a software device"]
fn sums_of_2_to_the_30_elements_agree_with_float64() {
    hold_chunks(30);
}
