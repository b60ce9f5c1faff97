//! Gradients by the public API: against PyTorch's (`tests/golden/gradients.*`, made by `gradients.py` beside them), against central
//! differences, and what a session promises of them.

use std::{
    future::Future as _,
    sync::{Arc, Mutex},
};

use perceptual_loss::{
    CancelToken, Config, Context, Criterion, Error, Gradient, Image, Model, ModelOptions, Network, Preset,
    Report, Weights,
};
use safetensors::SafeTensors;

use crate::{
    TAPS, buffer_memory,
    comparison::{bits, config, config_by, image, model, model_with, scenes},
    golden, gpu_device,
    linears::linears,
    objects::objects,
    scene::{Distortion, Scene},
};

/// The length of the difference of two vectors, relative to the second's.
pub fn error(got: &[f32], want: &[f32]) -> f64 {
    let length =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let differences = got.iter().zip(want).map(|(got, want)| f64::from(*got) - f64::from(*want));
    length(&mut { differences }) / length(&mut want.iter().map(|&want| f64::from(want)))
}

fn gradient(model: &Model, generated: &Scene, target: &Scene) -> (Report, Gradient) {
    let mut session = model.session(target.width, target.height).unwrap();
    let pair = [(image(generated), image(target))];
    session.loss_and_gradient_batch_blocking(&pair).unwrap().remove(0)
}

/// The errors of all golden cases, relative to the gradients' lengths: the largest must be below 1e-3, the median below 1e-5.
///
/// An activation within a rounding of 0, or two inputs of a pooling within one of each other, may go the other way, in PyTorch's
/// float32 too: then the gradient of a small picture is off by 1e-3.
fn agrees_with_pytorch(context: &Context) {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../golden/gradients.json")).unwrap();
    let tensors = SafeTensors::deserialize(include_bytes!("../golden/gradients.safetensors")).unwrap();
    let mut errors = vec![];
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        let text = |key: &str| case[key].as_str();
        let mut config = match text("preset") {
            Some(name) => name.parse::<Preset>().unwrap().config(),
            None => config_by(text("taps").unwrap(), text("criterion").unwrap().parse().unwrap()),
        };
        if let Some(network) = text("network") {
            config.network = network.parse().unwrap();
            config.normalization = text("norm").unwrap().parse().unwrap();
        }
        let number = |key: &str| case[key].as_u64().unwrap();
        let (width, height) = (number("width") as u32, number("height") as u32);
        let target = Scene::new(width, height, number("scene_seed"));
        let generated = target.distort(Distortion::Noise, number("distortion_seed"));
        let weights = Weights::seeded(number("weights_seed"));
        let options = ModelOptions::default().linears(linears());
        let model = Model::with_options(context, &config, &weights, &options).unwrap();
        let (report, gradient) = match golden::style_of(case) {
            None => self::gradient(&model, &generated, &target),
            Some(style) => {
                let mut session = model.session(width, height).unwrap();
                let target = session.target_with_style_blocking(image(&target), image(&style)).unwrap();
                session.loss_and_gradient_blocking(image(&generated), &target).unwrap()
            }
        };
        let total = case["total"].as_f64().unwrap();
        assert!((report.total - total).abs() < 1e-5 * total, "{case}: {}", report.total);
        let want = tensors.tensor(&index.to_string()).unwrap();
        assert_eq!(want.shape(), [3, height as usize, width as usize]);
        let want: Vec<f32> =
            want.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let error = error(gradient.values(), &want);
        println!("{error:.1e} {case}");
        assert!(error < 1e-3, "{case}: {error:.1e}");
        errors.push(error);
    }
    errors.sort_by(f64::total_cmp);
    assert!(errors[errors.len() / 2] < 1e-5, "{errors:?}");
}

#[test]
fn gpu_gradients_agree_with_pytorch() {
    agrees_with_pytorch(gpu_device::context());
}

#[test]
fn cpu_gradients_agree_with_pytorch() {
    agrees_with_pytorch(&Context::cpu());
}

#[test]
fn gradients_of_twins_agree_with_pytorch() {
    agrees_with_pytorch(&Context::twin());
}

/// A loss by each criterion, of a few layers.
fn by_each_criterion() -> impl Iterator<Item = (Criterion, Config)> {
    Criterion::ALL.into_iter().map(|criterion| {
        // LPIPS is of VGG16's layers behind their activations alone.
        let config = match criterion {
            Criterion::Lpips => {
                let mut config = config_by("relu1_2=1,relu2_2=0.5,relu3_3=2", criterion);
                config.network = Network::Vgg16;
                config
            }
            _ => config_by("conv1_1=1,relu1_2=1,conv2_1=0.5,pool2=0.25,relu3_1=2", criterion),
        };
        (criterion, config)
    })
}

fn model_of(context: &Context, config: &Config) -> Model {
    let options = ModelOptions::default().linears(linears());
    Model::with_options(context, config, &Weights::default(), &options).unwrap()
}

/// What the loss gains along its gradient, by that and by the losses a little before and behind.
#[test]
fn gradients_are_what_the_loss_gains() {
    let [width, height] = [24, 17];
    let [a, b] = [0, 1].map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed));
    let plane = (width * height) as usize;
    // Planar, and beyond 0 to 1 here and there.
    let of = |at: usize| f32::from(a.rgb[at % plane * 3 + at / plane]) / 200.0 - 0.1;
    let planes: Vec<f32> = (0..3 * plane).map(of).collect();
    for (criterion, config) in by_each_criterion() {
        for context in [&Context::cpu(), gpu_device::context()] {
            let model = model_of(context, &config);
            let mut session = model.session(width, height).unwrap();
            let target = session.target(image(&b)).unwrap();
            let picture = Image::planar_f32(&planes, width, height);
            let (report, gradient) = session.loss_and_gradient_blocking(picture, &target).unwrap();
            let slopes = gradient.values();
            let largest = slopes.iter().fold(0.0f32, |largest, slope| largest.max(slope.abs()));
            let mut total = |along: f32| {
                let moved: Vec<f32> =
                    planes.iter().zip(slopes).map(|(value, slope)| value + along * slope).collect();
                let moved = Image::planar_f32(&moved, width, height);
                session.compare_one_to_blocking(&target, moved).unwrap().total
            };
            assert_eq!(total(0.0), report.total, "the loss is that of a comparison");
            let step = 1.0 / 1024.0 / largest;
            let gains = (total(step) - total(-step)) / f64::from(2.0 * step);
            let expected: f64 = slopes.iter().map(|slope| f64::from(*slope).powi(2)).sum();
            println!("{criterion}: {gains} {expected}");
            // The loss has kinks, of which some lie between.
            assert!(
                (gains / expected - 1.0).abs() < 0.01,
                "{criterion}: {gains}, by the gradient {expected}"
            );
        }
    }
}

/// Whatever is flat, black or the same has a gradient, and that of identical pictures is 0.
#[test]
fn gradients_are_finite_everywhere() {
    let [width, height] = [33, 32];
    let flat = |value: u8| vec![value; (width * height * 3) as usize];
    let noise = Scene::new(width, height, 5).distort(Distortion::Noise, 1).rgb;
    let pictures = [flat(0), flat(100), flat(255), noise];
    for context in [&Context::cpu(), gpu_device::context()] {
        for (criterion, config) in by_each_criterion() {
            let model = model_of(context, &config);
            let mut session = model.session(width, height).unwrap();
            for (place, target) in pictures.iter().enumerate() {
                let target = session.target(Image::rgb8(target, width, height)).unwrap();
                for (other, picture) in pictures.iter().enumerate() {
                    let picture = Image::rgb8(picture, width, height);
                    let (report, gradient) = session.loss_and_gradient_blocking(picture, &target).unwrap();
                    assert!(gradient.values().iter().all(|value| value.is_finite()));
                    let is_zero = gradient.values().iter().all(|value| *value == 0.0);
                    assert_eq!(
                        (report.total == 0.0, is_zero),
                        (place == other, place == other),
                        "{criterion}"
                    );
                }
            }
        }
    }
}

fn gradient_bits(gradient: &Gradient) -> Vec<u32> {
    gradient.values().iter().map(|value| value.to_bits()).collect()
}

/// A gradient's bits are the same as a pair's, against a target, in a batch, on any threads, asked for again, and in parts.
#[test]
fn gradients_are_the_same_bits_however_they_are_made() {
    let [width, height] = [75, 90];
    let scenes = scenes(width, height, 3);
    let taps = "relu1_2=1,conv2_1=0.5,relu3_1=2";
    // Winograd's tiles, which the CPU convolves by, round otherwise where a strip ends within them; then an activation within a rounding
    // of 0 goes the other way. All else computes a result from its own inputs alone.
    for (context, allowed) in
        [(Context::cpu(), 1e-3), (Context::twin(), 0.0), (gpu_device::context().clone(), 0.0)]
    {
        let model = model(&context, taps);
        let mut session = model.session(width, height).unwrap();
        let pairs = [(image(&scenes[0]), image(&scenes[1])), (image(&scenes[2]), image(&scenes[1]))];
        let batch = session.loss_and_gradient_batch_blocking(&pairs).unwrap();
        let target = session.target(pairs[0].1).unwrap();
        for ((generated, _), (report, expected)) in pairs.iter().zip(&batch) {
            let (again, gradient) = session.loss_and_gradient_blocking(*generated, &target).unwrap();
            assert_eq!(bits(&again), bits(report));
            assert!(gradient_bits(&gradient) == gradient_bits(expected));
            let compared = session.compare_one_to_blocking(&target, *generated).unwrap();
            assert_eq!(bits(&compared), bits(report), "a comparison after a gradient");
        }
        let whole = model.gradient_outline(width, height).unwrap();
        assert!(!whole.parts.is_cut());
        for part in [2, 4] {
            let cut = model.with_memory(whole.memory.counted() / part);
            let outline = cut.gradient_outline(width, height).unwrap();
            assert!(outline.parts.is_cut() && outline.memory.counted() <= outline.budget);
            println!("{} bands of {} strips", outline.parts.bands(), outline.parts.strips());
            let mut session = cut.session(width, height).unwrap();
            let target = session.target(pairs[0].1).unwrap();
            let (report, gradient) = session.loss_and_gradient_blocking(pairs[0].0, &target).unwrap();
            assert!((report.total / batch[0].0.total - 1.0).abs() < 1e-6);
            let error = error(gradient.values(), batch[0].1.values());
            println!("{error:.1e}");
            assert!(error <= allowed, "{error}");
        }
    }
    let on_two = model(&Context::cpu().on_threads(2).unwrap(), taps);
    let one = model_with(&Context::cpu().on_threads(1).unwrap(), taps, &ModelOptions::default());
    let [one, two] = [one, on_two].map(|model| gradient(&model, &scenes[0], &scenes[1]).1);
    assert!(gradient_bits(&one) == gradient_bits(&two));
}

#[test]
fn what_has_no_gradient_is_said() {
    let config = config("relu1_2=1");
    for context in [&Context::cpu(), gpu_device::context()] {
        let model = Model::new(context, &config, &Weights::seeded(1)).unwrap();
        let mut session = model.session(16, 16).unwrap();
        let zeros = session.zero_target().unwrap();
        let picture = vec![7; 16 * 16 * 3];
        let refused = session.loss_and_gradient_blocking(Image::rgb8(&picture, 16, 16), &zeros).unwrap_err();
        assert!(matches!(&refused, Error::Config(text) if text.contains("target of zeros")), "{refused}");
        let small = session.target(Image::rgb8(&picture, 16, 16)).unwrap();
        let other = vec![9; 8 * 8 * 3];
        let refused = session.loss_and_gradient_blocking(Image::rgb8(&other, 8, 8), &small).unwrap_err();
        assert!(matches!(refused, Error::Image(_)), "{refused}");
        // A weight whose gradient float32 cannot hold.
        let mut heavy = config.clone();
        heavy.taps[0].weight = 1e300;
        let model = Model::new(context, &heavy, &Weights::seeded(1)).unwrap();
        let mut session = model.session(16, 16).unwrap();
        let target = session.target(Image::rgb8(&picture, 16, 16)).unwrap();
        let other = vec![9; 16 * 16 * 3];
        assert!(session.loss_and_gradient_blocking(Image::rgb8(&other, 16, 16), &target).is_err());
    }
}

/// Memory that is enough for comparing with a kept target need not be enough for a gradient: only that says so. A picture of as many
/// positions as the poolings make one of cannot be cut.
#[test]
fn a_target_needs_no_room_for_gradients() {
    let all = scenes(4, 4, 2);
    for context in [Context::cpu(), gpu_device::context().clone()] {
        let whole = model(&context, "pool2=1");
        let takes = whole.memory(4, 4, 1).unwrap();
        let model = whole.with_memory(takes.counted());
        assert!(matches!(model.gradient_outline(4, 4), Err(Error::TooLarge(_))), "{takes:?}");
        let mut session = model.session(4, 4).unwrap();
        let target = session.target(image(&all[1])).unwrap();
        session.compare_one_to_blocking(&target, image(&all[0])).unwrap();
        let error = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap_err();
        assert!(matches!(error, Error::TooLarge(_)), "{error}");
    }
}

/// What gradients take is there from the first on, as it was told, and another creates nothing.
#[test]
fn buffers_of_gradients_are_made_when_one_is_asked_for() {
    let context = gpu_device::open();
    let (device, _) = perceptual_loss::gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    let all = scenes(64, 48, 3);
    let told = model.gradient_outline(64, 48).unwrap().memory.total();
    let mut session = model.session(64, 48).unwrap();
    let target = session.target(image(&all[0])).unwrap();
    session.compare_one_to_blocking(&target, image(&all[1])).unwrap();
    // The weights of the way back are the model's: another session has asked for them.
    let mut other = model.session(8, 8).unwrap();
    let small = vec![7; 8 * 8 * 3];
    let pair = [(Image::rgb8(&small, 8, 8), Image::rgb8(&small, 8, 8))];
    other.loss_and_gradient_batch_blocking(&pair).unwrap();

    let before = buffer_memory(&device);
    session.compare_one_to_blocking(&target, image(&all[2])).unwrap();
    assert_eq!(buffer_memory(&device), before, "comparing takes nothing for gradients");
    session.loss_and_gradient_blocking(image(&all[1]), &target).unwrap();
    let taken = buffer_memory(&device) - before;
    // Slots of candidates are fewer than those of pairs, and each buffer may be rounded up by the driver.
    assert!(taken > 0 && taken <= told + 30 * 4096, "{taken} bytes allocated, {told} told");
    let pairs = [(image(&all[1]), image(&all[0]))];
    session.loss_and_gradient_batch_blocking(&pairs).unwrap();
    let objects = objects(&device);
    for picture in &all {
        session.loss_and_gradient_blocking(image(picture), &target).unwrap();
        session.loss_and_gradient_batch_blocking(&pairs).unwrap();
    }
    assert_eq!(crate::objects::objects(&device), objects, "lasting objects after more gradients");
}

/// Awaited, cancelled or given up: the session stays what it was.
#[test]
fn gradients_are_awaited_and_cancelled() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let all = scenes(40, 96, 2);
    for context in [Context::cpu(), gpu_device::open()] {
        let whole = model(&context, TAPS);
        let all_bytes = whole.gradient_outline(40, 96).unwrap().memory.counted();
        for model in [&whole, &whole.with_memory(all_bytes / 2)] {
            let mut session = model.session(40, 96).unwrap();
            let target = session.target(image(&all[1])).unwrap();
            let (report, gradient) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
            let future = send(session.loss_and_gradient(image(&all[0]), &target));
            let (again, awaited) = pollster::block_on(future).unwrap();
            assert_eq!((bits(&again), &awaited), (bits(&report), &gradient));

            let told = Arc::new(Mutex::new(vec![]));
            let (sink, token) = (Arc::clone(&told), CancelToken::new());
            session.set_cancel_token(token.clone());
            session.set_progress(move |done| sink.lock().unwrap().push(done));
            session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
            let shares = std::mem::take(&mut *told.lock().unwrap());
            assert!(shares.is_sorted() && shares[0] == 0.0 && shares.last() == Some(&1.0), "{shares:?}");
            token.cancel();
            let cancelled = session.loss_and_gradient_blocking(image(&all[0]), &target);
            assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
            session.set_cancel_token(CancelToken::new());
            session.set_progress(|_| {});
            for polls in [1, 3] {
                let mut waiting = std::task::Context::from_waker(std::task::Waker::noop());
                let mut future = std::pin::pin!(session.loss_and_gradient(image(&all[0]), &target));
                for _ in 0..polls {
                    if future.as_mut().poll(&mut waiting).is_ready() {
                        break;
                    }
                }
            }
            let (_, last) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
            assert_eq!(last, gradient, "after it was given up");
        }
    }
}
