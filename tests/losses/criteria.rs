//! Criteria that read the target's map beside the difference, LPIPS and Gram matrices: cached targets, batches, parts and frames.

use perceptual_loss::{
    Config, Context, Criterion, Error, Model, ModelOptions, Network, Report, Weights, gpu::FrameSession,
};

use crate::{
    comparison::{bits, config_by, image, scenes},
    gpu_device,
    gradient::error,
    host::Host,
    linears::linears,
};

fn gram(taps: &str) -> Config {
    config_by(taps, Criterion::Gram)
}

fn lpips(taps: &str) -> Config {
    let mut config = config_by(taps, Criterion::Lpips);
    config.network = Network::Vgg16;
    config
}

/// Taps whose target's map nothing else reads: at a pool and at a convolution, in the middle and the deepest; before activations and behind
/// them; beside others of the same layer.
fn losses() -> Vec<Config> {
    vec![
        gram("relu1_1=1,relu2_1=0.5"),
        gram("conv1_1=1,relu1_1=2:mae,relu1_1=1,pool1=0.5"),
        gram("pool1=1,conv2_1=0.5"),
        lpips("relu1_2=1,relu2_2=0.5:mae,relu2_2=2"),
    ]
}

fn model(context: &Context, config: &Config) -> Model {
    let options = ModelOptions::default().linears(linears());
    Model::with_options(context, config, &Weights::seeded(1), &options).unwrap()
}

/// The same bits in a pair, in a batch and against a target, with a gradient and without.
#[test]
fn a_pairs_bits_are_those_of_a_target_and_of_a_batch() {
    let (width, height) = (29, 24);
    let all = scenes(width, height, 3);
    let pairs = [(image(&all[0]), image(&all[2])), (image(&all[1]), image(&all[2]))];
    for context in [Context::cpu(), Context::twin(), gpu_device::context().clone()] {
        for config in losses() {
            let model = model(&context, &config);
            let mut session = model.batch_session(width, height, 2).unwrap();
            let batch = session.compare_batch_blocking(&pairs).unwrap();
            let target = session.target(pairs[0].1).unwrap();
            let candidates = session.compare_to_blocking(&target, &[pairs[0].0, pairs[1].0]).unwrap();
            let gradients = session.loss_and_gradient_batch_blocking(&pairs).unwrap();
            for (index, (generated, with)) in pairs.iter().enumerate() {
                let expected = bits(&session.compare_blocking(*generated, *with).unwrap());
                let (report, gradient) = session.loss_and_gradient_blocking(*generated, &target).unwrap();
                let what = format!("{}, {:?}", context.backend(), config.taps);
                for report in [&batch[index], &candidates[index], &gradients[index].0, &report] {
                    assert_eq!(bits(report), expected, "{what}");
                }
                assert_eq!(gradient.values(), gradients[index].1.values(), "{what}");
            }
        }
    }
}

/// A matrix is of the whole picture, and its gradient waits until all parts have added to it: they go through twice.
#[test]
fn a_matrix_has_its_gradient_in_parts() {
    let (width, height) = (61, 70);
    let all = scenes(width, height, 2);
    // What parts add up to is rounded otherwise; on the CPU Winograd's tiles are, too, and activations go the other way
    // (tests/losses/gradient.rs).
    for (context, allowed) in
        [(Context::cpu(), 1e-3), (Context::twin(), 1e-6), (gpu_device::context().clone(), 1e-5)]
    {
        for config in losses() {
            let whole = model(&context, &config);
            let mut session = whole.session(width, height).unwrap();
            let target = session.target(image(&all[1])).unwrap();
            let (expected, of_whole) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
            let outline = whole.gradient_outline(width, height).unwrap();
            assert!(!outline.parts.is_cut());
            for part in [2, 4] {
                let cut = whole.with_memory(outline.memory.counted() / part);
                let Ok(outline) = cut.gradient_outline(width, height) else { continue };
                assert!(outline.parts.is_cut() && outline.memory.counted() <= outline.budget);
                let mut session = cut.session(width, height).unwrap();
                let target = session.target(image(&all[1])).unwrap();
                let what = format!("{}, {:?}, a part of {part}", context.backend(), config.taps);
                let (report, gradient) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
                for (got, want) in report.layers.iter().zip(&expected.layers) {
                    assert!((got.loss / want.loss - 1.0).abs() < 1e-5, "{what}: {got:?} {want:?}");
                }
                let error = error(gradient.values(), of_whole.values());
                println!("{error:.1e} {what}: {} by {}", outline.parts.bands(), outline.parts.strips());
                assert!(error <= allowed, "{what}: {error}");
                let (again, same) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
                assert_eq!((bits(&again), same), (bits(&report), gradient));
                let (report, gradient) = session.loss_and_gradient_blocking(image(&all[1]), &target).unwrap();
                assert!(report.total == 0.0 && gradient.values().iter().all(|value| *value == 0.0), "{what}");
            }
        }
    }
}

#[test]
fn lpips_is_never_without_its_weights_of_channels() {
    let (context, weights) = (Context::cpu(), Weights::seeded(1));
    let error = Model::new(&context, &lpips("relu1_2=1"), &weights).unwrap_err();
    assert!(matches!(&error, Error::Weights(text) if text.contains("vgg.pth")), "{error}");
    // Others take no notice of them, and do not report them.
    let all = scenes(16, 16, 2);
    let report = |config: &Config| -> Report {
        model(&context, config)
            .session(16, 16)
            .unwrap()
            .compare_blocking(image(&all[0]), image(&all[1]))
            .unwrap()
    };
    assert_eq!(report(&gram("relu1_1=1")).linears, None);
    assert_eq!(report(&lpips("relu1_2=1")).linears.unwrap().origin, "lpips");
    for (network, layer) in [(Network::Vgg19, "relu1_2"), (Network::Vgg16, "relu1_1")] {
        let mut config = config_by(layer, Criterion::Lpips);
        config.network = network;
        assert!(config.validate().unwrap_err().to_string().contains("lpips is of vgg16's relu1_2"));
    }
}

/// Totals on the device, each sum divided by what is its criterion's.
#[test]
fn frames_have_the_same_totals() {
    let host = Host::open();
    let all = scenes(29, 24, 2);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    for config in losses() {
        let model = model(&host.context(), &config);
        let expected =
            model.session(29, 24).unwrap().compare_blocking(image(&all[0]), image(&all[1])).unwrap();
        let mut session = FrameSession::new(&model, 29, 24).unwrap();
        host.frame(|encoder| {
            session.record_target(encoder, &textures[1]).unwrap();
            session.record(encoder, &textures[0], 7).unwrap();
        });
        host.wait();
        let report = session.poll().unwrap().result.unwrap();
        assert_eq!(bits(&report), bits(&expected));
        let loss = crate::loss::Loss::read(&host.device, &host.queue, &session);
        let off = (f64::from(loss.total) / expected.total - 1.0).abs();
        assert!(off < 1e-6, "{} and {}, {:?}", loss.total, expected.total, config.taps);
    }
}
