//! What is wrong is an error in words, and what was right before goes on.

use perceptual_loss::{
    Config, Context, Criterion, Error, Image, Model, ModelOptions, Preset, Session, Tap, Target, Weights,
    gpu,
    low_level::{self, plan::Plan},
    weights::Precision,
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
    config.taps = Tap::parse_list("relu1_2", Criterion::Mse).unwrap();
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

/// Whatever a lost device is asked for first: wgpu hands out what there is nothing behind, and tells nobody.
#[test]
fn a_device_lost_before_anything_was_made_is_named() {
    type Ask = fn(&Context, &Model) -> Result<(), Error>;
    let asked: [(&str, Ask); 8] = [
        ("a session", |_, model| model.session(16, 16).map(drop)),
        ("a session of several pairs", |_, model| model.batch_session(16, 16, 3).map(drop)),
        ("a session in parts", |_, model| model.with_memory(1 << 20).session(300, 200).map(drop)),
        ("frames", |_, model| gpu::FrameSession::new(model, 16, 16).map(drop)),
        ("frames that are not read", |_, model| {
            let mut options = gpu::FrameOptions::default();
            options.in_flight = 0;
            gpu::FrameSession::with_options(model, 16, 16, &options).map(drop)
        }),
        ("an executor", |context, model| {
            let plan = Plan::new(model.config(), 16, 16, 1)?;
            let parameters = Weights::seeded(1).load(model.config().network, 12)?;
            low_level::gpu::Executor::new(context, plan, parameters.into()).map(drop)
        }),
        ("its speed", |context, _| context.peak_blocking().map(drop)),
        ("sums", |context, _| low_level::gpu::sum_blocking(context, &[1.0; 4], 2).map(drop)),
    ];
    for (what, ask) in asked {
        for context in [gpu_device::open(), Host::baseline().context()] {
            let model = model(&context, TAPS);
            gpu::device(&context).unwrap().0.destroy();
            for _ in 0..2 {
                let error = ask(&context, &model).expect_err(what);
                assert!(matches!(error, Error::DeviceLost(_)), "{what}: {error:?}");
                assert!(error.to_string().contains("the GPU device was lost"), "{what}: {error}");
            }
        }
    }
}

/// Whatever a session is asked for first after the loss.
#[test]
fn a_device_lost_before_a_sessions_next_work_is_named() {
    type Ask = fn(&Model, &mut Session, &Target, Image<'_>) -> Result<(), Error>;
    let asked: [(&str, Ask); 7] = [
        ("a pair", |_, session, _, image| session.compare_blocking(image, image).map(drop)),
        ("a future", |_, session, _, image| pollster::block_on(session.compare(image, image)).map(drop)),
        ("a target", |_, session, _, image| session.target(image).map(drop)),
        ("a candidate", |_, session, target, image| session.compare_to_blocking(target, &[image]).map(drop)),
        ("magnitudes", |_, session, _, image| {
            let zero = session.zero_target()?;
            session.compare_to_blocking(&zero, &[image]).map(drop)
        }),
        ("times", |_, session, _, image| session.profile_batch_blocking(&[(image, image)]).map(drop)),
        ("another session", |model, _, _, _| model.session(40, 30).map(drop)),
    ];
    let scene = Scene::new(16, 16, 1);
    for (what, ask) in asked {
        for context in [gpu_device::open(), Host::baseline().context()] {
            let model = model(&context, TAPS);
            let mut session = model.session(16, 16).unwrap();
            let target = session.target(image(&scene)).unwrap();
            gpu::device(&context).unwrap().0.destroy();
            let error = ask(&model, &mut session, &target, image(&scene)).expect_err(what);
            assert!(matches!(error, Error::DeviceLost(_)), "{what}: {error:?}");
        }
    }
}
