//! Whole losses against PyTorch's numbers (`tests/golden/losses.json`, made by `losses.py` beside it).

use perceptual_loss::{Config, Context, Image, Model, ModelOptions, Preset, Weights, weights::Precision};

use crate::{
    bf16,
    comparison::{config_by, image},
    gpu_device,
    linears::linears,
    scene::{Distortion, Scene},
};

/// The picture of another size whose Gram matrices a case compares with, if it has one.
pub fn style_of(case: &serde_json::Value) -> Option<Scene> {
    let number = |key: &str| case[key].as_u64();
    let (width, height) = (number("style_width")? as u32, number("style_height")? as u32);
    Some(Scene::new(width, height, number("style_seed")?))
}

/// The largest relative difference of total and layers over all golden cases, which must be below `allowed`.
fn worst(context: &Context, options: &ModelOptions, allowed: f64) -> f64 {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../golden/losses.json")).unwrap();
    let mut worst = 0.0f64;
    for case in cases.as_array().unwrap() {
        let config = match case["preset"].as_str() {
            Some(name) => name.parse::<Preset>().unwrap().config(),
            None => {
                let text = |key: &str| case[key].as_str().unwrap();
                let mut config = config_by(text("taps"), text("criterion").parse().unwrap());
                config.network = text("network").parse().unwrap();
                config.normalization = text("norm").parse().unwrap();
                config
            }
        };
        let number = |key: &str| case[key].as_u64().unwrap();
        let (width, height) = (number("width") as u32, number("height") as u32);
        let target = Scene::new(width, height, number("scene_seed"));
        let distortion = match case["distortion"].as_str().unwrap() {
            "noise" => Distortion::Noise,
            "blur" => Distortion::Blur,
            _ => Distortion::Bright,
        };
        let generated = target.distort(distortion, number("distortion_seed"));
        let weights = Weights::seeded(number("weights_seed"));
        let options = options.clone().linears(linears());
        let model = Model::with_options(context, &config, &weights, &options).unwrap();
        let mut session = model.session(width, height).unwrap();
        let report = match style_of(case) {
            None => session.compare_blocking(image(&generated), image(&target)).unwrap(),
            Some(style) => {
                let target = session.target_with_style_blocking(image(&target), image(&style)).unwrap();
                session.compare_one_to_blocking(&target, image(&generated)).unwrap()
            }
        };
        let mut check = |got: f64, want: &serde_json::Value| {
            let want = want.as_f64().unwrap();
            let error = (got - want).abs() / want;
            assert!(error < allowed, "{case}: {got} where PyTorch gives {want}");
            worst = worst.max(error);
        };
        check(report.total, &case["total"]);
        assert_eq!(report.layers.len(), case["layers"].as_array().unwrap().len());
        for (layer, want) in report.layers.iter().zip(case["layers"].as_array().unwrap()) {
            assert_eq!(layer.name, want["name"].as_str().unwrap());
            check(layer.loss, &want["loss"]);
        }
    }
    worst
}

/// PyTorch's numbers are those of the preset.
#[test]
fn a_golden_case_is_the_preset_gatys() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../golden/losses.json")).unwrap();
    let is_gatys = |case: &&serde_json::Value| {
        let Some(taps) = case["taps"].as_str() else { return false };
        let mut config = config_by(taps, case["criterion"].as_str().unwrap().parse().unwrap());
        config.normalization = case["norm"].as_str().unwrap().parse().unwrap();
        config.preset() == Some(Preset::Gatys)
    };
    assert_eq!(cases.as_array().unwrap().iter().filter(is_gatys).count(), 3);
}

#[test]
fn gpu_agrees_with_pytorch() {
    println!(
        "worst relative difference {:.1e}",
        worst(gpu_device::context(), &ModelOptions::default(), 1e-5)
    );
}

#[test]
fn cpu_agrees_with_pytorch() {
    println!("worst relative difference {:.1e}", worst(&Context::cpu(), &ModelOptions::default(), 1e-5));
}

#[test]
fn twins_agree_with_pytorch() {
    println!("worst relative difference {:.1e}", worst(&Context::twin(), &ModelOptions::default(), 1e-5));
}

/// bfloat16 keeps 8 bits of a factor, and the distortions are plain to see: the worst layer of all cases was 1.1e-2 off.
#[test]
fn bf16_agrees_with_pytorch_where_pictures_differ_visibly() {
    if let Some(options) = bf16::options() {
        println!("worst relative difference {:.1e}", worst(&Context::cpu(), &options, 0.02));
    }
}

/// Where every value is off by one level at most: what bfloat16 rounds away is small beside the difference, which is carried.
#[test]
fn bf16_is_near_float32_where_pictures_differ_slightly() {
    let Some(options) = bf16::options() else { return };
    let [width, height] = [96, 80];
    let target = Scene::new(width, height, 5);
    let mut slight = target.rgb.clone();
    for (index, value) in slight.iter_mut().enumerate() {
        // -1, 0 or 1 in no order.
        let step = (index as u32).wrapping_mul(2_654_435_761) >> 16;
        *value = value.saturating_add_signed((step % 3) as i8 - 1);
    }
    let report = |options: &ModelOptions, picture: &[u8]| {
        let (config, weights) = (Config::default(), Weights::seeded(1));
        let model = Model::with_options(&Context::cpu(), &config, &weights, options).unwrap();
        let mut session = model.session(width, height).unwrap();
        let [a, b] = [picture, &target.rgb].map(|rgb| Image::rgb8(rgb, width, height));
        session.compare_blocking(a, b).unwrap()
    };
    let [exact, rounded] = [&ModelOptions::default(), &options].map(|options| report(options, &slight));
    assert_eq!((exact.precision, rounded.precision), (Precision::F32, Precision::Bf16));
    for (exact, rounded) in exact.layers.iter().zip(&rounded.layers) {
        let error = (rounded.loss / exact.loss - 1.0).abs();
        println!("{}: {error:.1e} from float32", exact.name);
        assert!(error < 1e-2, "{}: {} where float32 gives {}", exact.name, rounded.loss, exact.loss);
    }
    assert_eq!(report(&options, &target.rgb).total, 0.0);
}
