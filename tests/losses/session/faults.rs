//! What is wrong is an error in words, and what was right before goes on.

use perceptual_loss::{
    Config, Context, Error, Image, Model, ModelOptions, Preset, Tap, Weights, gpu, weights::Precision,
};

use crate::{
    TAPS,
    comparison::{image, model, scenes},
    gpu_device::{self, context},
    host::Host,
    scene::Scene,
};

#[test]
fn bad_input_is_an_error_and_the_session_goes_on() {
    let mut session = model(context(), TAPS).session(16, 16).unwrap();
    let scene = Scene::new(16, 16, 1);
    let other = Scene::new(17, 16, 1);
    let nan = [f32::NAN; 16 * 16 * 3];
    let mut refuse = |generated: Image<'_>, part: &str| {
        let message = session.compare_blocking(generated, image(&scene)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        let message = session.target(generated).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refuse(image(&other), "17x16 but the session compares 16x16");
    refuse(Image::rgb8(&scene.rgb[1..], 16, 16), "the slice has 767");
    refuse(
        Image::rgb8(&[9; 16 * 16 * 4], 16, 16),
        "the slice has 1024: that is 4 a pixel, as Image::rgba8 takes",
    );
    refuse(Image::rgb_f32(&nan, 16, 16), "x 0, y 0 is NaN");
    assert_eq!(session.compare_blocking(image(&scene), image(&scene)).unwrap().total, 0.0);

    // A target of another model goes with the session where the loss, the weights and the size are the same.
    let second = model(context(), TAPS);
    let target = second.session(16, 16).unwrap().target(image(&scene)).unwrap();
    assert_eq!(session.compare_one_to_blocking(&target, image(&scene)).unwrap().total, 0.0);
    for (of, picture, part) in [
        (&second, image(&other), "the target is 17x16; this session compares 16x16"),
        (&model(context(), "relu1_1"), image(&scene), "of another loss"),
    ] {
        let (width, height) = (picture.width(), picture.height());
        let target = of.session(width, height).unwrap().target(picture).unwrap();
        let message = session.compare_one_to_blocking(&target, image(&scene)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }

    for (width, height, part) in [(0, 5, "0x5 has no pixels"), (3, 3, "smallest that works is 4x4")] {
        let message = second.session(width, height).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_precision_that_a_context_has_not_is_an_error() {
    for (context, precision, says) in [
        (Context::cpu(), Precision::F16, "half precision is not built for the CPU"),
        (context().clone(), Precision::Bf16, "bf16 is for the CPU"),
        (Context::twin(), Precision::Bf16, "the twins compute in f32 alone"),
    ] {
        let options = ModelOptions::default().precision(precision);
        let model = Model::with_options(&context, &Config::default(), &Weights::seeded(0), &options);
        let error = model.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn weights_that_overflow_are_an_error_not_a_number() {
    let mut config = Preset::Vgg19.config();
    config.taps = Tap::parse_list("relu1_2").unwrap();
    config.normalization = "mean=0/0/0,std=1/1/1,scale=1e38,order=rgb".parse().unwrap();
    let model = Model::new(context(), &config, &Weights::seeded(0)).unwrap();
    let all = scenes(8, 8, 2);
    let error = model.session(8, 8).unwrap().compare_blocking(image(&all[0]), image(&all[1])).unwrap_err();
    assert!(error.to_string().contains("range of float32"), "{error}");
}

#[test]
fn a_destroyed_device_is_named_and_others_go_on() {
    let all = scenes(16, 16, 2);
    for context in [gpu_device::open(), Host::baseline().context()] {
        let (device, _) = gpu::device(&context).unwrap();
        let model = model(&context, TAPS);
        let mut session = model.session(16, 16).unwrap();
        session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
        device.destroy();
        for _ in 0..2 {
            let error = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap_err();
            assert!(matches!(error, Error::DeviceLost(_)) && !error.is_input(), "{error:?}");
        }
    }
    let mut session = model(context(), TAPS).session(16, 16).unwrap();
    session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
}
