//! Features that leave float32 are an error that names the first convolution of them, however pictures go through: an activation and
//! a pooling make good numbers of what is none, so that a loss of 0 would come of it.

use perceptual_loss::{
    Config, Context, Error, Image, Model, ModelOptions, Network, Report, Tap, Weights,
    gpu::FrameSession,
    weights::{Convolution, Parameters, Precision},
};
use tempfile::NamedTempFile;

use crate::{
    bf16,
    comparison::{config, image, scenes},
    gpu_device,
    host::Host,
    scene::Scene,
};

const SIZE: [u32; 2] = [50, 70];

/// The default loss up to block 2, with weights of `conv1_2` that are finite, and whose products are not.
fn overflowing() -> (Config, Weights, NamedTempFile) {
    let seeded = Weights::seeded(1).load(Network::Vgg19, 7).unwrap();
    let scaled = |convolution: &Convolution| {
        let factor = if convolution.layer().name == "conv1_2" { 3e38 } else { 1.0 };
        let weight = convolution.weight().iter().map(|value| value * factor).collect();
        Convolution::new(convolution.layer(), weight, convolution.bias().to_vec()).unwrap()
    };
    let convolutions = seeded.convolutions().iter().map(scaled).collect();
    let file = NamedTempFile::with_suffix(".safetensors").unwrap();
    Parameters::new(convolutions, "products that overflow").write(file.path(), Precision::F32).unwrap();
    (config("relu2_1"), Weights::open(file.path()).unwrap(), file)
}

fn everywhere() -> impl Iterator<Item = (Context, ModelOptions)> {
    let of = |context| (context, ModelOptions::default());
    let short = bf16::options().map(|options| (Context::cpu(), options));
    [Context::cpu(), Context::twin(), gpu_device::context().clone()].map(of).into_iter().chain(short)
}

fn told<T>(result: Result<T, Error>, expected: &str, what: &str) {
    match result {
        Err(Error::NotFinite { layer }) => assert_eq!(layer, expected, "{what}"),
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: no error"),
    }
}

#[test]
fn weights_whose_products_overflow() {
    let (config, weights, _file) = overflowing();
    let [width, height] = SIZE;
    let pictures = scenes(width, height, 2);
    let [a, b] = [&pictures[0], &pictures[1]].map(|scene: &Scene| image(scene));
    for (context, options) in everywhere() {
        let model = Model::with_options(&context, &config, &weights, &options).unwrap();
        let all = model.memory(width, height, 1).unwrap().counted();
        for memory in [u64::MAX, all, all - 1] {
            let what = format!("{}, {options:?}, {memory} bytes", context.backend());
            let model = model.with_memory(memory);
            let mut session = model.session(width, height).unwrap();
            told(session.compare_blocking(a, b), "conv1_2", &what);
            told(session.compare_batch_blocking(&[(a, b), (b, a), (a, a)]), "conv1_2", &what);
            let against = session.target(b).and_then(|target| session.compare_to_blocking(&target, &[a]));
            told(against, "conv1_2", &what);
            if let Ok(zero) = session.zero_target() {
                told(session.compare_to_blocking(&zero, &[a]), "conv1_2", &what);
            }
        }
    }
}

/// A picture's values may be finite and its features not; what is compared next is not touched by that.
#[test]
fn pictures_whose_features_overflow() {
    let [width, height] = SIZE;
    let huge = vec![3e38f32; (3 * width * height) as usize];
    let huge = Image::planar_f32(&huge, width, height);
    let pictures = scenes(width, height, 2);
    let [a, b] = [&pictures[0], &pictures[1]].map(|scene: &Scene| image(scene));
    for (context, options) in everywhere() {
        let what = format!("{}, {options:?}", context.backend());
        let model = Model::with_options(&context, &config("relu2_1"), &Weights::seeded(1), &options).unwrap();
        let mut session = model.batch_session(width, height, 3).unwrap();
        let good = session.compare_blocking(a, b).unwrap();
        told(session.compare_blocking(huge, b), "conv1_1", &what);
        told(session.compare_blocking(a, huge), "conv1_1", &what);
        assert_eq!(session.compare_blocking(a, b).unwrap(), good, "{what}");
        told(session.compare_batch_blocking(&[(a, b), (a, b), (huge, b)]), "conv1_1", &what);
        let target = session.target(b).unwrap();
        told(session.compare_to_blocking(&target, &[a, huge]), "conv1_1", &what);
        let against = session.target(huge).and_then(|huge| session.compare_to_blocking(&huge, &[a]));
        told(against, "conv1_1", &what);
        assert_eq!(session.compare_to_blocking(&target, &[a]).unwrap()[0], good, "{what}");
    }
}

#[test]
fn frames_whose_features_overflow() {
    let (config, weights, _file) = overflowing();
    let [width, height] = SIZE;
    let host = Host::open();
    let pictures = scenes(width, height, 2);
    let [a, b] = [0, 1].map(|k| host.texture(&pictures[k]));
    let model = Model::new(&host.context(), &config, &weights).unwrap();
    // With the target's maps kept, and with its picture alone.
    for memory in [u64::MAX, 1] {
        let mut session = FrameSession::new(&model.with_memory(memory), width, height).unwrap();
        host.frame(|encoder| {
            session.record_target(encoder, &b).unwrap();
            session.record(encoder, &a, 0).unwrap();
        });
        host.wait();
        told(session.poll().unwrap().result, "conv1_2", &format!("{memory} bytes"));
    }
}

/// Each layer's loss is a number, and their sum is none.
#[test]
fn a_total_that_leaves_float64() {
    let mut config = Config::default();
    config.taps = Tap::list(&[("conv1_1", 1e308), ("relu1_1", 1e308), ("conv1_2", 1e308)]);
    config.normalization = "scale=1e3".parse().unwrap();
    let pictures = scenes(16, 16, 2);
    for context in [Context::cpu(), Context::twin(), gpu_device::context().clone()] {
        let model = Model::new(&context, &config, &Weights::seeded(1)).unwrap();
        let mut session = model.session(16, 16).unwrap();
        let compared: Result<Report, _> = session.compare_blocking(image(&pictures[0]), image(&pictures[1]));
        let text = compared.unwrap_err().to_string();
        assert!(text.contains("smaller weights than 1e308"), "{text}");
    }
}
