//! A target of features that are all zero.

use perceptual_loss::{
    Config, Context, Criterion, Model, Network, Tap, Weights,
    weights::{Convolution, Parameters, Precision},
};

use crate::{
    TAPS,
    comparison::{image, model},
    gpu_device::context,
    scene::Scene,
};

/// Features that are known without computing them: with no weights, each channel is its bias.
#[test]
fn against_a_zero_target_a_picture_gives_its_mean_squared_or_absolute_feature() {
    let seeded = Weights::seeded(1).load(Network::Vgg19, 2).unwrap();
    let first = &seeded.convolutions()[0];
    let bias = first.bias().to_vec();
    let zeros = Convolution::new(first.layer(), vec![0.0; first.weight().len()], bias.clone()).unwrap();
    let parameters = Parameters::new(vec![zeros], "zeros");
    let mean = |value: fn(f64) -> f64| bias.iter().map(|&b| value(b.into())).sum::<f64>() / 64.0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    parameters.write(&path, Precision::F32).unwrap();
    let scene = Scene::new(19, 11, 1);
    for context in [context(), &Context::cpu(), &Context::twin()] {
        for (criterion, expected) in [(Criterion::Mse, mean(|b| b * b)), (Criterion::Mae, mean(f64::abs))] {
            let mut config = Config::default();
            config.taps = Tap::list(&[("conv1_1", 1.0)]);
            config = config.with_criterion(criterion);
            let model = Model::new(context, &config, &Weights::open(&path).unwrap()).unwrap();
            let mut session = model.session(19, 11).unwrap();
            // What was compared before leaves nothing behind.
            session.compare_blocking(image(&scene), image(&scene)).unwrap();
            let zero = session.zero_target().unwrap();
            let reports = session.compare_to_blocking(&zero, &[image(&scene)]).unwrap();
            let relative = reports[0].layers[0].loss / expected - 1.0;
            assert!(relative.abs() < 1e-5, "{} {criterion:?}: {relative}", context.backend());
        }
    }
}

#[test]
fn a_zero_target_is_refused_where_pictures_go_through_in_parts() {
    for context in [context(), &Context::cpu()] {
        let model = model(context, TAPS).with_memory(1 << 20);
        let error = model.session(150, 150).unwrap().zero_target().unwrap_err();
        assert!(error.to_string().contains("150x150 go through in parts"), "{error}");
    }
}
