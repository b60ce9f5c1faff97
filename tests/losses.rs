//! Whole losses against PyTorch's numbers (`tests/golden/losses.json`, made by `losses.py` beside it).

#[path = "common/gpu.rs"]
mod gpu_device;
#[path = "common/scene.rs"]
mod scene;

use perceptual_loss::{Config, Context, Image, Model, Preset, Tap, Weights};
use scene::{Distortion, Scene};

/// The largest relative difference of total and layers over all golden cases.
fn worst(context: &Context) -> f64 {
    let cases: serde_json::Value = serde_json::from_str(include_str!("golden/losses.json")).unwrap();
    let mut worst = 0.0f64;
    for case in cases.as_array().unwrap() {
        let config = match case["preset"].as_str() {
            Some(name) => name.parse::<Preset>().unwrap().config(),
            None => {
                let text = |key: &str| case[key].as_str().unwrap();
                let mut config = Config::default();
                config.network = text("network").parse().unwrap();
                config.taps = Tap::parse_list(text("taps")).unwrap();
                config.criterion = text("criterion").parse().unwrap();
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
        let model = Model::new(context, &config, &Weights::seeded(number("weights_seed"))).unwrap();
        let report = model
            .session(width, height)
            .unwrap()
            .compare_blocking(
                Image::rgb8(&generated.rgb, width, height),
                Image::rgb8(&target.rgb, width, height),
            )
            .unwrap();
        let mut check = |got: f64, want: &serde_json::Value| {
            let want = want.as_f64().unwrap();
            let error = (got - want).abs() / want;
            assert!(error < 1e-5, "{case}: {got} where PyTorch gives {want}");
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

#[test]
fn gpu_agrees_with_pytorch() {
    println!("worst relative difference {:.1e}", worst(&gpu_device::open()));
}

#[test]
fn cpu_agrees_with_pytorch() {
    println!("worst relative difference {:.1e}", worst(&Context::cpu()));
}

#[test]
fn twins_agree_with_pytorch() {
    println!("worst relative difference {:.1e}", worst(&Context::twin()));
}
