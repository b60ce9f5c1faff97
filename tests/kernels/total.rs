//! `shaders/total.wgsl` against `src/cpu/twin/total.rs` and against the reports of the same frames.

use perceptual_loss::{
    Config, Error, Image, Model, Network, Tap, Weights,
    gpu::{self, BufferLayout, BufferSource, FrameOptions, FrameSession, Recorded, Source},
    low_level::{
        cpu::twin::{self, NOT_FINITE, Texel, WRITTEN},
        doctor::TOTAL,
        gpu::sources::{self, Filled},
    },
};

use crate::{
    common::{context, record, values},
    loss::Loss,
};

fn loss(session: &FrameSession) -> Loss {
    let (device, queue) = gpu::device(context()).unwrap();
    Loss::read(&device, &queue, session)
}

fn model(taps: &[(&str, f64)]) -> Model {
    let mut config = Config::default();
    config.network = Network::Vgg19;
    config.taps = Tap::list(taps);
    Model::new(context(), &config, &Weights::seeded(1)).unwrap()
}

fn record_frame(session: &mut FrameSession, source: &Source, frame: u64) {
    let recorded = record(true, |encoder| session.record(encoder, source.clone(), frame));
    assert_eq!(recorded, Recorded::Yes);
}

fn texture(seed: u64, [width, height]: [u32; 2]) -> Source {
    Source::from(&Filled::new(context(), Texel::Rgba8Srgb, [width, height], 1, 1, seed).unwrap().texture)
}

/// Holds frames of so many taps, from the first layer on, against reports and twin; returns the largest relative
/// difference between totals.
fn hold(taps: usize, size: [u32; 2]) -> f64 {
    // No two weights alike, one of them 0.
    let layers = Network::Vgg19.layers()[..taps].iter().zip((0..).map(|k| f64::from(k * 5 % 7) / 3.0));
    let taps: Vec<_> = layers.map(|(layer, weight)| (layer.name, weight)).collect();
    let mut session = FrameSession::new(&model(&taps), size[0], size[1]).unwrap();
    record(true, |encoder| session.record_target(encoder, texture(1000, size)));
    let mut largest = 0.0f64;
    for frame in 1..=3 {
        record_frame(&mut session, &texture(frame, size), frame);
        let loss = loss(&session);
        let report = session.poll().unwrap().result.unwrap();
        assert_eq!((loss.faults, u64::from(loss.number)), (0, frame));
        assert_eq!(loss.sums.len(), taps.len());
        let mut factors = vec![];
        for (layer, &sum) in report.layers.iter().zip(&loss.sums) {
            let count = layer.shape.into_iter().map(f64::from).product::<f64>();
            assert_eq!(layer.loss, f64::from(sum) / count, "{}", layer.name);
            assert!(sum > 0.0, "{}", layer.name);
            factors.push(layer.weight / count);
        }
        let twin = twin::total(&loss.sums, &factors);
        assert!((report.total - twin).abs() <= 1e-12 * twin, "{} taps: {report:?}", taps.len());
        let apart = (f64::from(loss.total) - twin).abs() / twin;
        assert!(apart <= TOTAL, "{} taps: {:e}, and {twin:e} from the twin", taps.len(), loss.total);
        largest = largest.max(apart);
    }
    largest
}

#[test]
fn totals_of_some_taps() {
    // One tap has weight 0.
    let largest = (2..=9).map(|taps| hold(taps, [13, 9])).fold(0.0, f64::max);
    println!("total, of 2 to 9 taps: largest difference {largest:.1e}, allowed {TOTAL:e}");
}

#[test]
fn a_total_of_every_layer() {
    let layers = Network::Vgg19.layers().len();
    let largest = hold(layers, [32, 32]);
    println!("total, of {layers} taps: largest difference {largest:.1e}, allowed {TOTAL:e}");
}

/// What was wrong with a comparison is said on the device, and every comparison counts, whatever was wrong with it.
#[test]
fn faults_and_numbers() {
    const SIZE: [u32; 2] = [6, 5];
    let floats = |first: f32| {
        let mut values: Vec<f32> = values(1, 6 * 5 * 3);
        values[0] = first;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let buffer = sources::buffer(context(), &bytes).unwrap();
        Source::from(BufferSource::f32(&buffer, BufferLayout::Planar, SIZE[0], SIZE[1]))
    };
    let (good, bad) = (floats(0.5), floats(f32::INFINITY));
    let model = model(&[("relu1_1", 1.0), ("conv2_1", 0.5)]);
    let mut options = FrameOptions::default();
    options.in_flight = 0;
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &options).unwrap();

    let mut number = 0;
    let mut compare = |session: &mut FrameSession, picture: &Source, target: u32, what: &str| {
        record_frame(session, picture, 0);
        let loss = loss(session);
        number += 1;
        let header = if *picture == bad { WRITTEN | NOT_FINITE } else { WRITTEN };
        // What convolutions make of an infinity is none of this test's numbers.
        let notes = loss.faults >> 8;
        let is_bad = (header | target) & NOT_FINITE != 0;
        assert_eq!(notes != 0, is_bad, "{what}");
        assert_eq!((loss.faults, loss.number), (twin::faults(header, target, notes), number), "{what}");
        loss
    };
    // Memory of the device is 0 before anything is written.
    record(false, |encoder| session.record_target(encoder, good.clone()));
    assert_eq!(compare(&mut session, &good, 0, "a target that was dropped").faults & 255, 4);
    assert_eq!(compare(&mut session, &bad, 0, "a target that was dropped, and an infinity").faults & 255, 5);
    record(true, |encoder| session.record_target(encoder, bad.clone()));
    assert_eq!(
        compare(&mut session, &good, WRITTEN | NOT_FINITE, "an infinity in the target").faults & 255,
        2
    );
    assert_eq!(compare(&mut session, &bad, WRITTEN | NOT_FINITE, "infinities in both").faults & 255, 3);
    record(true, |encoder| session.record_target(encoder, good.clone()));
    assert_eq!(compare(&mut session, &bad, WRITTEN, "an infinity in the picture").faults & 255, 1);
    let same = compare(&mut session, &good, WRITTEN, "nothing");
    assert_eq!((same.faults, same.total, same.sums), (0, 0.0, vec![0.0; 2]));

    // The features of a given target were computed from a picture that was checked.
    let pixels = [77u8; 6 * 5 * 3];
    let target =
        model.session(SIZE[0], SIZE[1]).unwrap().target(Image::rgb8(&pixels, SIZE[0], SIZE[1])).unwrap();
    session.set_target(&target).unwrap();
    let given = compare(&mut session, &good, WRITTEN, "a given target");
    assert!(given.faults == 0 && given.total > 0.0);
    assert_eq!(compare(&mut session, &bad, WRITTEN, "a given target, and an infinity").faults & 255, 1);
}

/// With a ring, each of the faults is an error of its own frame.
#[test]
fn faults_are_their_frames_alone() {
    let size @ [width, height] = [6, 5];
    let mut session = FrameSession::new(&model(&[("relu1_1", 1.0)]), width, height).unwrap();
    let good = texture(1, size);
    let bytes: Vec<u8> = f32::NAN.to_le_bytes().repeat(6 * 5 * 3);
    let buffer = sources::buffer(context(), &bytes).unwrap();
    let bad = Source::from(BufferSource::f32(&buffer, BufferLayout::Planar, width, height));
    record(true, |encoder| session.record_target(encoder, texture(2, size)));
    for (frame, source) in [(7, &good), (8, &bad), (9, &good)] {
        record_frame(&mut session, source, frame);
    }
    let reports: Vec<_> = std::iter::from_fn(|| session.poll()).collect();
    assert_eq!(reports.iter().map(|report| report.frame).collect::<Vec<_>>(), [7, 8, 9]);
    let totals: Vec<_> =
        reports.iter().map(|report| report.result.as_ref().map(|report| report.total)).collect();
    assert!(totals[0].as_ref().is_ok_and(|total| *total > 0.0), "{totals:?}");
    assert!(matches!(totals[1], Err(Error::Image(text)) if text.contains("frame 8")), "{totals:?}");
    assert_eq!(totals[2].as_ref().ok(), totals[0].as_ref().ok());
}
