//! `shaders/sum.wgsl`: many partial sums, and sums as large as they come. A partial sum is of 4096 elements.

use perceptual_loss::{gpu, plan::Region};

use crate::{
    common::{Rng, SUM, context, parameters},
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
        let plan = difference::plan(2, 1, Region::whole(elements, 1));
        let mut features = vec![1.0f32; elements as usize];
        features.resize(2 * elements as usize, 0.0);
        assert_eq!(
            difference::on_gpu(&plan, &features),
            [[elements as f32], [elements as f32]],
            "{elements}"
        );
    }
}

/// Adds up `elements` differences in chunks of 2^24, the most that the smallest device binds as a pair, on the GPU
/// and in float64, squared and absolute; returns the relative differences of the two totals.
fn chunks(elements: u64) -> [f64; 2] {
    const CHUNK: usize = 1 << 24;
    let plan = difference::plan(2, 64, Region::whole(512, 512));
    assert_eq!(plan.tensors[0].image_stride(), CHUNK as u64);
    let executor = gpu::Executor::new(context(), plan, parameters(vec![])).unwrap();
    let (mut on_gpu, mut exact) = ([0.0f64; 2], [0.0f64; 2]);
    let mut features = vec![0.0f32; 2 * CHUNK];
    for chunk in 0..elements / CHUNK as u64 {
        // Other values each time, magnitudes from 1e-3 to 1e3: squares span twelve powers of ten.
        let mut rng = Rng::new(chunk);
        features.fill_with(|| rng.wide());
        executor.write(0, &features).unwrap();
        executor.run(0..2, &[]).unwrap();
        let (a, b) = features.split_at(CHUNK);
        for (a, b) in a.iter().zip(b) {
            let difference = f64::from(*a) - f64::from(*b);
            exact[0] += difference * difference;
            exact[1] += difference.abs();
        }
        for (total, sums) in on_gpu.iter_mut().zip(executor.sums_blocking().unwrap()) {
            *total += f64::from(sums[0]);
        }
    }
    [0, 1].map(|tap| (on_gpu[tap] - exact[tap]).abs() / exact[tap])
}

fn hold_chunks(log2: u32) {
    let [squared, absolute] = chunks(1 << log2);
    println!("2^{log2} elements: squared off by {squared:.2e}, absolute by {absolute:.2e}, allowed {SUM:e}");
    assert!(squared <= SUM && absolute <= SUM, "squared {squared:e}, absolute {absolute:e}");
}

#[test]
fn sums_of_many_elements_agree_with_float64() {
    hold_chunks(26);
}

/// As many elements as the largest feature map of a picture of 4096x4096.
#[test]
#[ignore = "takes a minute or more on a software device"]
fn sums_of_2_to_the_30_elements_agree_with_float64() {
    hold_chunks(30);
}
