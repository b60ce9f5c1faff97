//! Pretrained weights and photographs, where they lie beside the project: activations reach thousands there, which
//! untrained weights never show.

use std::path::Path;

use perceptual_loss::{Context, Image, Model, ModelOptions, Preset, Tuning, Tunings, Weights};

use crate::gpu_device::context;

#[test]
fn gpu_and_cpu_agree_with_the_twins_on_pretrained_weights_and_a_photograph() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let weights = data.join("vgg19-oxford-f16.safetensors");
    if !weights.exists() {
        println!("not run: {} is not there", weights.display());
        return;
    }
    let weights = Weights::open(weights).unwrap();
    let photograph = image::open(data.join("photos/kodim19.png")).unwrap().into_rgb8();
    let crop = |x, y| image::imageops::crop_imm(&photograph, x, y, 75, 50).to_image();
    let (target, generated) = (crop(60, 200), crop(61, 201));
    let pair = [&generated, &target].map(|picture| Image::rgb8(picture.as_raw(), 75, 50));

    for preset in [Preset::Vgg19, Preset::RealEsrgan] {
        let compare = |context: &Context, tunings: Tunings| {
            let options = ModelOptions::default().tunings(tunings);
            let model = Model::with_options(context, &preset.config(), &weights, &options).unwrap();
            model.session(75, 50).unwrap().compare_blocking(pair[0], pair[1]).unwrap()
        };
        let twin = compare(&Context::twin(), Tunings::default());
        assert_eq!(twin.weights.trained, None, "a file does not say");
        let gpu = Tuning::all().into_iter().map(|tuning| (tuning.name(), compare(context(), tuning.into())));
        let cpu = ("cpu", compare(&Context::cpu(), Tunings::default()));
        for (by, report) in gpu.chain([cpu]) {
            for (layer, twin) in report.layers.iter().zip(&twin.layers) {
                let error = (layer.loss / twin.loss - 1.0).abs();
                println!("{preset} {by} {}: {} differs by {error:.1e}", layer.name, layer.loss);
                assert!(error < 1e-5);
            }
        }
    }
}
