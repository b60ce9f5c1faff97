//! Pictures in parts, through the twins and the fast executor on the CPU: the differences of the whole.

use perceptual_loss::{
    Config, Criterion, Image, Tap, Weights,
    low_level::{
        cpu::Executor,
        plan::{Operation, Parts, Plan, Step},
    },
};

use crate::common::Rng;

/// The difference at every tap, put together from what each part owns of it.
fn differences(mut executor: Executor, whole: &Plan, parts: &Parts, pair: &[Image<'_>; 2]) -> Vec<Vec<f32>> {
    let mut taps: Vec<Vec<f32>> = whole
        .taps()
        .iter()
        .map(|tap| vec![f32::NAN; whole.tensors()[tap.tensor].elements() as usize])
        .collect();
    for band in 0..parts.bands() {
        for strip in 0..parts.strips() {
            let part = parts.part(band, strip).unwrap();
            executor.begin(part.clone()).unwrap();
            for (index, step) in part.plan().steps().iter().enumerate() {
                let (Some(tap), Some(id)) = (step.operation.tap(), step.input()) else {
                    executor.run(index..index + 1, pair).unwrap();
                    continue;
                };
                let region = part.plan().tensors()[id].region;
                let [width, height] = region.extent.map(|side| side as usize);
                let [left, top] = [0, 1].map(|axis| region.halo[axis] as usize);
                let [columns, rows] = region.owned_extent().map(|side| side as usize);
                let [all_columns, all_rows] = region.whole.map(|side| side as usize);
                let [x, y] = region.origin.map(|at| at as usize);
                for (plane, all) in executor
                    .read(id)
                    .unwrap()
                    .chunks(width * height)
                    .zip(taps[tap].chunks_mut(all_columns * all_rows))
                {
                    for row in top..top + rows {
                        all[(y + row) * all_columns + x + left..][..columns]
                            .copy_from_slice(&plane[row * width + left..][..columns]);
                    }
                }
            }
        }
    }
    taps
}

fn hold(taps: &str, [width, height]: [u32; 2], cuts: &[[u32; 2]]) {
    let mut config = Config::default();
    config.taps = Tap::parse_list(taps, Criterion::Mse).unwrap();
    let parameters = std::sync::Arc::new(Weights::seeded(2).load(config.network, 30).unwrap());
    let mut rng = Rng::new(u64::from(width));
    let pixels: [Vec<u8>; 2] =
        std::array::from_fn(|_| (0..width * height * 3).map(|_| rng.bits() as u8).collect());
    let pair = pixels.each_ref().map(|pixels| Image::rgb8(pixels, width, height));
    let whole = Plan::new(&config, width, height, 1).unwrap();
    // What all poolings make one position of.
    let is_pool = |step: &&Step| matches!(step.operation, Operation::MaxPool { .. });
    let unit = 1 << whole.steps().iter().filter(is_pool).count();
    let cut = |parts: [u32; 2], border: u32| {
        let owned = [0, 1].map(|axis| ([width, height][axis] / unit).div_ceil(parts[axis]) * unit);
        Parts::new(whole.clone(), owned, border).unwrap_or_else(|error| panic!("{error}"))
    };
    let twin = || Executor::twin(whole.clone(), parameters.clone()).unwrap();
    let fast = || Executor::fast(whole.clone(), &parameters).unwrap();
    let expected = differences(twin(), &whole, &cut([1, 1], 0), &pair);
    for &parts in cuts {
        let got = differences(twin(), &whole, &cut(parts, 0), &pair);
        for ((got, expected), tap) in got.iter().zip(&expected).zip(whole.taps()) {
            let first =
                got.iter().zip(expected).position(|(got, expected)| got.to_bits() != expected.to_bits());
            assert_eq!(first, None, "twin, {width}x{height} in {parts:?}: element of {}", tap.name);
        }
        let got = differences(fast(), &whole, &cut(parts, 1), &pair);
        for ((got, expected), tap) in got.iter().zip(&expected).zip(whole.taps()) {
            let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let off = got.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
            // A NaN, which no part has owned, is not below anything.
            let off = off.fold(0.0f32, |off, next| if next <= off { off } else { next });
            assert!(off <= 1e-5 * largest, "fast, {width}x{height} in {parts:?}: {off} at {}", tap.name);
        }
    }
}

#[test]
fn shallow_taps_in_every_way() {
    let cuts = [[1, 2], [1, 3], [2, 1], [3, 4], [1, 9], [4, 9]];
    for size in [[33, 41], [18, 19], [64, 37]] {
        hold("conv1_1,relu1_1,pool1,conv2_1", size, &cuts);
    }
    hold("relu1_2", [17, 23], &[[1, 23], [17, 1], [5, 7]]);
}

#[test]
fn deep_taps() {
    hold("relu1_2,relu2_2,relu3_3,relu4_2", [40, 50], &[[1, 2], [1, 6], [2, 3]]);
    hold("conv5_1", [33, 48], &[[1, 3], [2, 2]]);
}
