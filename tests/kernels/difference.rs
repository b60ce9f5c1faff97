//! `shaders/difference.wgsl` with its second stage `shaders/sum.wgsl`, `shaders/difference.map.wgsl`, and
//! `src/cpu/fast/difference.rs`, against the twins.

use perceptual_loss::{
    Criterion,
    low_level::{
        cpu::Executor,
        gpu,
        plan::{Plan, Region},
    },
};

use crate::common::{
    SUM, Subject, compare_sums, context, hold, hold_part, parameters, plans, small_integers, values,
    with_bounds,
};

/// A plan that sums its one tensor, by each criterion, as it is and through max(x, 0).
pub fn plan(images: u32, channels: u32, region: Region) -> Plan {
    plans::sums(images, channels, region).unwrap()
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

fn sums_of_twin(plan: &Plan, features: &[f32]) -> Vec<Vec<f64>> {
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
        let images = [1, 2, 4, 3][i % 4];
        let plan = plan(images, channels, region);
        let mut features = values(i as u64, plan.tensors()[0].elements());
        spoil_halo(&mut features, region);
        let (gpu, cpu, twin) =
            (on_gpu(&plan, &features), on_cpu(&plan, &features), sums_of_twin(&plan, &features));
        assert_eq!(twin.len(), 2 * Criterion::POINTWISE.len());
        for (tap, twin) in twin.iter().enumerate() {
            assert_eq!(twin.len(), images as usize);
            for (backend, judged) in
                [("gpu", compare_sums(&gpu[tap], twin)), ("cpu", compare_sums(&cpu[tap], twin))]
            {
                largest = largest.max(judged.unwrap_or_else(|what| {
                    let operation = plan.steps()[tap].operation;
                    panic!("{backend}, {operation:?}, {images} of {channels} channels, {region:?}: {what}")
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
        let plan = plan(2, channels, region);
        let mut features = small_integers(i as u64, plan.tensors()[0].elements());
        spoil_halo(&mut features, region);
        let gpu: Vec<Vec<f64>> =
            on_gpu(&plan, &features).iter().map(|tap| tap.iter().map(|&v| f64::from(v)).collect()).collect();
        let twin = sums_of_twin(&plan, &features);
        assert!(twin.iter().flatten().all(|&sum| sum < f64::from(1 << 24)), "sums must stay exact");
        // Those of Charbonnier have roots.
        let whole = 6;
        assert_eq!(gpu[..whole], twin[..whole], "{channels} channels, {region:?}");
        assert_eq!(on_cpu(&plan, &features)[..whole], twin[..whole], "{channels} channels, {region:?}");
    }
}

#[test]
fn no_difference_gives_exactly_zero() {
    for (channels, region) in shapes() {
        let plan = plan(1, channels, region);
        let mut features = vec![0.0; plan.tensors()[0].elements() as usize];
        // Nothing may have either sign.
        features.iter_mut().step_by(3).for_each(|value| *value = -0.0);
        let zeros = vec![[0.0]; 2 * Criterion::POINTWISE.len()];
        assert_eq!(on_gpu(&plan, &features), zeros);
        assert_eq!(
            on_cpu(&plan, &features),
            zeros.iter().map(|zeros| zeros.map(f64::from)).collect::<Vec<_>>()
        );
    }
}

/// An image's bits are the same in every run, and the same alone as in any place of a batch.
#[test]
fn an_image_has_the_same_bits_in_any_run_and_company() {
    for (channels, region) in
        [(3, Region::whole(75, 74)), (37, Region::part([99, 99], [1, 1], [53, 67]).with_halo([1, 2, 3, 4]))]
    {
        let bits = |features: &[f32], images| -> Vec<Vec<u32>> {
            let sums = on_gpu(&plan(images, channels, region), features);
            sums.iter().map(|tap| tap.iter().map(|sum| sum.to_bits()).collect()).collect()
        };
        let image = u64::from(channels) * region.positions();
        let features = values(9, 3 * image);
        let batch = bits(&features, 3);
        for _ in 0..2 {
            assert_eq!(bits(&features, 3), batch);
        }
        for (i, image) in features.chunks(image as usize).enumerate() {
            for (alone, batch) in bits(image, 1).iter().zip(&batch) {
                assert_eq!(alone[0], batch[i], "image {i} of {channels} channels, {region:?}");
            }
        }
    }
}

/// Each position's own part of the sum, to the bit: the square of a float32 is rounded once.
#[test]
fn maps_of_terms() {
    let none = parameters(vec![]);
    for (i, (channels, region)) in shapes().into_iter().enumerate() {
        for plan in plans::maps(1 + i as u32 % 3, channels, [region, region.with_halo([0; 4])]).unwrap() {
            hold(Subject::backends(), &plan, &none, &plans::inputs(&plan, i as u64, values));
        }
    }
    // A map of some of the positions.
    let (whole, size) = (Region::whole(29, 18), [29, 18]);
    for plan in plans::maps(2, 3, [whole; 2]).unwrap() {
        let of_whole = with_bounds(&plan, &none, &plans::inputs(&plan, 7, values));
        let operation = plan.steps()[0].operation;
        for (from, to) in [
            (
                Region::part(size, [3, 2], [20, 16]).with_halo([1, 0, 2, 3]),
                Region::part(size, [7, 2], [9, 11]),
            ),
            (whole, Region::part(size, [28, 17], [1, 1])),
        ] {
            let same = |part: &Plan| part.steps()[0].operation == operation;
            let part = plans::maps(2, 3, [from, to]).unwrap().into_iter().find(same).unwrap();
            hold_part(Subject::backends(), &of_whole, &part, &none);
        }
    }
}
