//! `shaders/difference.wgsl` with its second stage `shaders/sum.wgsl`, and `src/cpu/fast/difference.rs`, against
//! the twins.

use perceptual_loss::{
    Criterion,
    low_level::{
        cpu::Executor,
        gpu,
        plan::{Builder, Plan, Region},
    },
};

use crate::common::{SUM, compare_sums, context, parameters, small_integers, values};

/// A plan that compares the pairs of its one tensor, a tap for each criterion.
pub fn plan(images: u32, channels: u32, region: Region) -> Plan {
    let mut plan = Builder::new();
    let features = plan.tensor("features", images, channels, region);
    for criterion in Criterion::ALL {
        plan.tap(criterion.name(), 1.0, criterion, features);
    }
    plan.finish().unwrap()
}

pub fn on_gpu(plan: &Plan, features: &[f32]) -> Vec<Vec<f32>> {
    let executor = gpu::Executor::new(context(), plan.clone(), parameters(vec![])).unwrap();
    executor.write(0, features).unwrap();
    executor.run(0..plan.steps().len(), &[]).unwrap();
    executor.sums_blocking().unwrap()
}

fn on_cpu(plan: &Plan, features: &[f32]) -> Vec<Vec<f64>> {
    sums(Executor::fast(plan.clone(), &parameters(vec![])).unwrap(), features)
}

pub fn on_twin(plan: &Plan, features: &[f32]) -> Vec<Vec<f64>> {
    sums(Executor::twin(plan.clone(), parameters(vec![])).unwrap(), features)
}

fn sums(mut executor: Executor, features: &[f32]) -> Vec<Vec<f64>> {
    executor.write(0, features).unwrap();
    executor.run(0..executor.plan().steps().len(), &[]).unwrap();
    executor.sums().to_vec()
}

/// Regions with and without a halo, of widths that are no multiple of anything, and their channels.
fn shapes() -> Vec<(u32, Region)> {
    let whole = [
        // Around the threads of a workgroup, and around the 4096 elements that it sums.
        (1, [1, 1]),
        (1, [1, 63]),
        (1, [64, 1]),
        (1, [65, 1]),
        (3, [3, 5]),
        (5, [17, 33]),
        (7, [31, 19]),
        (1, [4095, 1]),
        (1, [4096, 1]),
        (1, [17, 241]),
        (64, [33, 31]),
        (128, [65, 63]),
        (512, [5, 3]),
    ];
    let mut shapes: Vec<_> = whole
        .into_iter()
        .map(|(channels, [width, height])| (channels, Region::whole(width, height)))
        .collect();
    for (halo, extent) in [
        ([1, 0, 0, 0], [2, 1]),
        ([0, 1, 0, 0], [1, 2]),
        ([0, 0, 1, 0], [13, 11]),
        ([0, 0, 0, 1], [13, 11]),
        ([2, 1, 3, 4], [37, 29]),
        ([5, 5, 5, 5], [75, 74]),
        ([1, 9, 7, 2], [130, 12]),
    ] {
        for channels in [1, 3, 64] {
            shapes.push((channels, Region::part([200, 100], [11, 3], extent).with_halo(halo)));
        }
    }
    shapes
}

/// Makes every value that the region holds for others' sake alone so large that no sum could hide it.
fn spoil_halo(features: &mut [f32], region: Region) {
    let width = region.extent[0] as usize;
    let [left, top, right, bottom] = region.halo.map(|v| v as usize);
    let height = region.extent[1] as usize;
    for (image, plane) in features.chunks_mut(width * height).enumerate() {
        for (i, value) in plane.iter_mut().enumerate() {
            let (x, y) = (i % width, i / width);
            if x < left || x >= width - right || y < top || y >= height - bottom {
                *value = 1e9 + image as f32 * 1e6;
            }
        }
    }
}

#[test]
fn sums_of_all_that_the_region_owns() {
    let mut largest = 0.0f64;
    for (i, (channels, region)) in shapes().into_iter().enumerate() {
        // An image without a partner is left out.
        let images = [2, 4, 3, 6][i % 4];
        let plan = plan(images, channels, region);
        let mut features = values(i as u64, plan.tensors()[0].elements());
        spoil_halo(&mut features, region);
        let (gpu, cpu, twin) =
            (on_gpu(&plan, &features), on_cpu(&plan, &features), on_twin(&plan, &features));
        for (tap, twin) in twin.iter().enumerate() {
            assert_eq!(twin.len(), images as usize / 2);
            for (backend, judged) in
                [("gpu", compare_sums(&gpu[tap], twin)), ("cpu", compare_sums(&cpu[tap], twin))]
            {
                largest = largest.max(judged.unwrap_or_else(|what| {
                    let name = plan.taps()[tap].name;
                    panic!("{backend}, {name}, {images} of {channels} channels, {region:?}: {what}")
                }));
            }
        }
    }
    println!("difference and sum: largest difference {largest:.2e}, allowed {SUM:e}");
}

/// Sums of small whole numbers are exact in any order, so that no element may be missing or counted twice.
#[test]
fn not_one_element_is_missed() {
    for (i, (channels, region)) in shapes().into_iter().enumerate() {
        let plan = plan(4, channels, region);
        let mut features = small_integers(i as u64, plan.tensors()[0].elements());
        spoil_halo(&mut features, region);
        let gpu: Vec<Vec<f64>> =
            on_gpu(&plan, &features).iter().map(|tap| tap.iter().map(|&v| f64::from(v)).collect()).collect();
        let twin = on_twin(&plan, &features);
        assert!(twin.iter().flatten().all(|&sum| sum < f64::from(1 << 24)), "sums must stay exact");
        assert_eq!(gpu, twin, "{channels} channels, {region:?}");
        assert_eq!(on_cpu(&plan, &features), twin, "{channels} channels, {region:?}");
    }
}

#[test]
fn identical_features_give_exactly_zero() {
    for (i, (channels, region)) in shapes().into_iter().enumerate() {
        let plan = plan(2, channels, region);
        let features = values(i as u64, plan.tensors()[0].image_stride());
        let pair = [features.clone(), features].concat();
        assert_eq!(on_gpu(&plan, &pair), [[0.0], [0.0]]);
        assert_eq!(on_cpu(&plan, &pair), [[0.0], [0.0]]);
    }
}

/// A pair's bits are the same in every run, and the same alone as in any place of a batch.
#[test]
fn a_pair_has_the_same_bits_in_any_run_and_company() {
    for (channels, region) in
        [(3, Region::whole(75, 74)), (37, Region::part([99, 99], [1, 1], [53, 67]).with_halo([1, 2, 3, 4]))]
    {
        let bits = |features: &[f32], images| -> Vec<Vec<u32>> {
            let sums = on_gpu(&plan(images, channels, region), features);
            sums.iter().map(|tap| tap.iter().map(|sum| sum.to_bits()).collect()).collect()
        };
        let pair = 2 * u64::from(channels) * region.positions();
        let features = values(9, 3 * pair);
        let batch = bits(&features, 6);
        for _ in 0..2 {
            assert_eq!(bits(&features, 6), batch);
        }
        for (i, pair) in features.chunks(pair as usize).enumerate() {
            for (alone, batch) in bits(pair, 2).iter().zip(&batch) {
                assert_eq!(alone[0], batch[i], "pair {i} of {channels} channels, {region:?}");
            }
        }
    }
}
