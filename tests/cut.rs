//! Pictures that go through the CPU in parts: the whole's loss, in less memory.

#![cfg(feature = "cpu")]

#[path = "common/scene.rs"]
mod scene;

use perceptual_loss::{Config, Context, Error, Image, Model, Preset, Report, Tap, Weights};
use scene::{Distortion, Scene};

fn model(context: &Context, config: &Config) -> Model {
    Model::new(context, config, &Weights::seeded(1)).unwrap()
}

fn image(scene: &Scene) -> Image<'_> {
    Image::rgb8(&scene.rgb, scene.width, scene.height)
}

fn pair(width: u32, height: u32) -> [Scene; 2] {
    let scene = Scene::new(width, height, 5);
    [scene.distort(Distortion::Noise, 1), scene]
}

fn bits(report: &Report) -> Vec<u64> {
    report.layers.iter().map(|layer| layer.loss.to_bits()).collect()
}

fn compare(model: &Model, [a, b]: &[Scene; 2]) -> Report {
    model.session(a.width, a.height).unwrap().compare_blocking(image(a), image(b)).unwrap()
}

/// Holds a cut model's report against the whole's.
fn assert_same(cut: &Report, whole: &Report, what: &str) {
    for (cut, whole) in cut.layers.iter().zip(&whole.layers) {
        assert!(
            (cut.loss / whole.loss - 1.0).abs() <= 1e-6,
            "{what}, {}: {} and {}",
            cut.name,
            cut.loss,
            whole.loss
        );
    }
}

#[test]
fn every_preset_and_budget_gives_the_wholes_loss() {
    for preset in Preset::ALL {
        let scenes = pair(131, 97);
        let whole = model(&Context::cpu(), &preset.config());
        let expected = compare(&whole, &scenes);
        for kib in [6000, 2500, 1200] {
            let cut = whole.with_memory(kib << 10);
            match cut.session(131, 97) {
                Ok(_) => assert_same(&compare(&cut, &scenes), &expected, &format!("{preset:?} in {kib} KiB")),
                Err(error) => assert!(matches!(error, Error::TooLarge(_)), "{error}"),
            }
        }
        let text = whole.with_memory(1).session(131, 97).unwrap_err().to_string();
        let least: u64 = text.rsplit_once("is ").unwrap().1.parse().unwrap();
        let cut = whole.with_memory(least);
        assert_same(&compare(&cut, &scenes), &expected, &format!("{preset:?} in the least"));
        whole.with_memory(least - 1).session(131, 97).unwrap_err();
        println!("{preset:?}: {} KiB is the least", least >> 10);
    }
}

#[test]
fn the_same_bits_each_time_on_any_threads_and_against_a_target() {
    let scenes = pair(150, 211);
    let config = Config::default();
    let on = |context: Context| model(&context, &config).with_memory(8 << 20);
    let cut = on(Context::cpu());
    let expected = bits(&compare(&cut, &scenes));
    let mut session = cut.session(150, 211).unwrap();
    let target = session.target(image(&scenes[1])).unwrap();
    for _ in 0..2 {
        let report = session.compare_blocking(image(&scenes[0]), image(&scenes[1])).unwrap();
        assert_eq!(bits(&report), expected);
        let reports = session.compare_to_blocking(&target, &[image(&scenes[1]), image(&scenes[0])]).unwrap();
        assert_eq!((reports[0].total, bits(&reports[1])), (0.0, expected.clone()));
    }
    for threads in [1, 3] {
        assert_eq!(
            bits(&compare(&on(Context::cpu().on_threads(threads).unwrap()), &scenes)),
            expected,
            "{threads}"
        );
    }
    let profile = session.profile_batch_blocking(&[(image(&scenes[0]), image(&scenes[1]))]).unwrap();
    assert_eq!(bits(&profile.reports[0]), expected);
    assert!(profile.steps.iter().all(|step| step.seconds > 0.0), "{:?}", profile.steps);
}

#[test]
fn the_twins_cut_as_well() {
    let scenes = pair(40, 33);
    let mut config = Config::default();
    config.taps = Tap::parse_list("relu1_2=1,conv2_1=1,pool2=2").unwrap();
    let whole = model(&Context::twin(), &config);
    assert_same(&compare(&whole.with_memory(400 << 10), &scenes), &compare(&whole, &scenes), "twin");
}
