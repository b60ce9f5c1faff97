//! Targets with a style picture of their own: what they come to, and what sessions promise of them.

use std::sync::Arc;

use perceptual_loss::{
    CancelToken, Config, Context, Criterion, Error, Image, Model, Network, Preset, Report, Session, Target,
    Weights,
    gpu::FrameSession,
    low_level::{cpu::Executor, plan::Plan},
};

use crate::{
    comparison::{bits, config, config_by, image, scenes},
    gpu_device,
    gradient::error,
    host::Host,
    scene::Scene,
};

/// Content before an activation and behind one; style at a pool, at a convolution, and beside content.
const TAPS: &str = "conv1_1=0.5:mse,relu1_2=1:mae,relu1_2=2,pool1=0.5,conv2_1=1";

fn model(context: &Context, config: &Config) -> Model {
    Model::new(context, config, &Weights::seeded(1)).unwrap()
}

fn styled(context: &Context) -> Model {
    model(context, &config_by(TAPS, Criterion::Gram))
}

fn contexts() -> [Context; 3] {
    [Context::cpu(), Context::twin(), gpu_device::context().clone()]
}

fn target(session: &mut Session, content: &Scene, style: &Scene) -> Target {
    session.target_with_style_blocking(image(content), image(style)).unwrap()
}

fn compare(session: &mut Session, target: &Target, generated: &Scene) -> Report {
    session.compare_one_to_blocking(target, image(generated)).unwrap()
}

/// A picture's features at conv1_1, shape (C, H W), by the twins.
fn features(scene: &Scene) -> Vec<Vec<f64>> {
    let plan = Plan::magnitudes(&config("conv1_1=1"), scene.width, scene.height, 1).unwrap();
    let parameters = Arc::new(Weights::seeded(1).load(Network::Vgg19, 1).unwrap());
    let tensor = plan.taps()[0].tensor;
    let mut executor = Executor::twin(plan, parameters).unwrap();
    let steps = 0..executor.plan().steps().len();
    executor.run(steps, &[image(scene)]).unwrap();
    let positions = (scene.width * scene.height) as usize;
    let values: Vec<f64> = executor.read(tensor).unwrap().into_iter().map(f64::from).collect();
    values.chunks(positions).map(<[f64]>::to_vec).collect()
}

/// F Fᵀ of features of shape (C, H W).
fn gram(features: &[Vec<f64>]) -> Vec<f64> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    features.iter().flat_map(|row| features.iter().map(|column| product(row, column))).collect()
}

fn squares(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn assert_near(got: f64, want: f64, what: &str) {
    assert!((got / want - 1.0).abs() < 1e-5, "{what}: {got} where plain sums give {want}");
}

/// The sums that Gatys et al. 2016 write, in plain numbers: the content loss Σ (F - P)² / 2 is C H W / 2 times ours, and a layer's style
/// loss Σ (G - A)² / (4 N² M²) of matrices that nothing divides is C² / 4 times ours. And a style of another size.
#[test]
fn the_papers_numbers_are_ours_times_constants() {
    let all = scenes(23, 14, 2);
    let other = Scene::new(17, 31, 3);
    let [f, p, s] = [&all[0], &all[1], &other].map(features);
    let (channels, positions) = (64.0, 23.0 * 14.0);
    let content = squares(f.iter().flatten().copied(), p.iter().flatten().copied()) / 2.0;
    let style = squares(gram(&f), gram(&p)) / (4.0 * channels * channels * positions * positions);
    let divided =
        |features: &[Vec<f64>], by: f64| gram(features).into_iter().map(move |value| value / by / 64.0);
    let of_other = squares(divided(&f, positions), divided(&s, 17.0 * 31.0)) / channels / channels;
    for context in contexts() {
        let mut session = model(&context, &config("conv1_1=1,conv1_1=1:gram")).session(23, 14).unwrap();
        let report = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
        let [mse, gram] = [0, 1].map(|tap| report.layers[tap].loss);
        assert_near(mse * channels * positions / 2.0, content, "content");
        assert_near(gram * channels * channels / 4.0, style, "style");
        let target = target(&mut session, &all[1], &other);
        let report = compare(&mut session, &target, &all[0]);
        assert_eq!(report.layers[0].loss, mse, "content is compared with the content");
        assert_near(report.layers[1].loss, of_other, "style of another size");
    }
}

/// The content's own picture as its style leaves nothing to begin with: the bits of a target without one.
#[test]
fn a_style_of_the_contents_picture_is_none() {
    let all = scenes(29, 24, 2);
    for context in contexts() {
        let mut session = styled(&context).session(29, 24).unwrap();
        let plain = session.target(image(&all[1])).unwrap();
        let styled = target(&mut session, &all[1], &all[1]);
        assert_eq!(
            bits(&compare(&mut session, &styled, &all[0])),
            bits(&compare(&mut session, &plain, &all[0]))
        );
        assert_eq!(compare(&mut session, &styled, &all[1]).total, 0.0);
    }
}

/// The same bits alone, among others, with a gradient, on any number of threads; and whatever the session compared with before.
#[test]
fn a_style_gives_the_same_bits_alone_and_among_others() {
    let all = scenes(29, 24, 3);
    let candidates = [image(&all[0]), image(&all[1])];
    let [one, other] = [Scene::new(40, 17, 1), Scene::new(16, 45, 2)];
    for context in contexts() {
        let model = styled(&context);
        let fresh = |style: &Scene, generated: &Scene| {
            let mut session = model.session(29, 24).unwrap();
            let target = target(&mut session, &all[2], style);
            bits(&compare(&mut session, &target, generated))
        };
        let expected = [&all[0], &all[1]].map(|generated| fresh(&one, generated));
        let of_other = fresh(&other, &all[0]);
        assert_ne!(expected[0], of_other);
        let mut session = model.batch_session(29, 24, 2).unwrap();
        let plain = session.target(image(&all[2])).unwrap();
        let without = bits(&compare(&mut session, &plain, &all[0]));
        assert_ne!(expected[0], without);
        let [one, other] = [&one, &other].map(|style| target(&mut session, &all[2], style));
        for _ in 0..2 {
            let reports = session.compare_to_blocking(&one, &candidates).unwrap();
            assert_eq!([0, 1].map(|index| bits(&reports[index])), expected, "{}", context.backend());
            assert_eq!(bits(&compare(&mut session, &plain, &all[0])), without);
            assert_eq!(bits(&compare(&mut session, &other, &all[0])), of_other);
            let (report, gradient) = session.loss_and_gradient_blocking(candidates[0], &one).unwrap();
            assert_eq!(bits(&report), expected[0]);
            let (_, again) = session.loss_and_gradient_blocking(candidates[0], &one).unwrap();
            assert_eq!(gradient, again);
            let (report, gradient) = session.loss_and_gradient_blocking(candidates[0], &plain).unwrap();
            assert_eq!(bits(&report), without);
            assert_ne!(gradient, again);
            let pair = session.compare_blocking(candidates[0], image(&all[2])).unwrap();
            assert_eq!(bits(&pair), without, "a pair has no style");
        }
        let zeros = session.zero_target().unwrap();
        let expected = bits(&compare(&mut session, &zeros, &all[0]));
        compare(&mut session, &one, &all[0]);
        assert_eq!(bits(&compare(&mut session, &zeros, &all[0])), expected, "nor have zeros");
    }
    let on = |threads| {
        let mut session = styled(&Context::cpu().on_threads(threads).unwrap()).session(29, 24).unwrap();
        let target = target(&mut session, &all[2], &one);
        session.loss_and_gradient_blocking(candidates[0], &target).unwrap()
    };
    let (report, gradient) = on(1);
    for threads in [2, 5] {
        let (other, of_other) = on(threads);
        assert_eq!((bits(&other), of_other), (bits(&report), gradient.clone()));
    }
}

/// In parts, where the memory is too small for the content, or for a style that is larger: the whole's loss.
#[test]
fn styles_and_contents_in_parts() {
    let all = scenes(61, 70, 2);
    let style = Scene::new(150, 90, 7);
    for context in [Context::cpu(), gpu_device::context().clone()] {
        let whole = styled(&context);
        let mut session = whole.session(61, 70).unwrap();
        let expected = target(&mut session, &all[1], &style);
        let (expected, of_whole) = session.loss_and_gradient_blocking(image(&all[0]), &expected).unwrap();
        let all_memory = whole.memory(61, 70, 1).unwrap().counted();
        for (budget, is_cut) in [(all_memory * 5 / 4, false), (all_memory, false), (all_memory / 2, true)] {
            let model = whole.with_memory(budget);
            assert_eq!(model.outline(61, 70, 1).unwrap().parts.is_cut(), is_cut);
            let mut session = model.session(61, 70).unwrap();
            let target = target(&mut session, &all[1], &style);
            let report = compare(&mut session, &target, &all[0]);
            for (got, want) in report.layers.iter().zip(&expected.layers) {
                assert!((got.loss / want.loss - 1.0).abs() < 1e-5, "{} in {budget}: {got:?}", want.loss);
            }
            let (again, gradient) = session.loss_and_gradient_blocking(image(&all[0]), &target).unwrap();
            for (got, want) in again.layers.iter().zip(&expected.layers) {
                assert!((got.loss / want.loss - 1.0).abs() < 1e-5, "{} in {budget}: {got:?}", want.loss);
            }
            let error = error(gradient.values(), of_whole.values());
            println!("{error:.1e} in {budget} on {}", context.backend());
            assert!(error < 1e-3, "{error} in {budget}");
        }
    }
}

/// Kept as a picture, the target is the same.
#[test]
fn a_style_goes_with_a_content_that_is_kept_as_a_picture() {
    let all = scenes(61, 70, 2);
    let style = Scene::new(33, 47, 7);
    for context in [Context::cpu(), gpu_device::context().clone()] {
        let roomy = styled(&context);
        let tight = roomy.with_memory(roomy.memory(61, 70, 1).unwrap().counted());
        let [roomy, tight] = [(roomy, false), (tight, true)].map(|(model, is_picture)| {
            let mut session = model.session(61, 70).unwrap();
            let target = target(&mut session, &all[1], &style);
            assert_eq!(format!("{target:?}").contains("kept: Picture("), is_picture);
            bits(&compare(&mut session, &target, &all[0]))
        });
        assert_eq!(roomy, tight);
    }
}

#[test]
fn what_cannot_be_a_style_is_said() {
    let all = scenes(24, 18, 2);
    let [small, other] = [Scene::new(3, 40, 1), Scene::new(31, 20, 2)];
    for context in [Context::cpu(), gpu_device::context().clone()] {
        let fails = |config: &Config, content: &Scene, style: &Scene, part: &str| {
            let mut session = model(&context, config).session(24, 18).unwrap();
            let error = session.target_with_style_blocking(image(content), image(style)).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            error
        };
        let error = fails(&config("relu1_1=1"), &all[0], &other, "the loss has none");
        assert!(matches!(error, Error::Config(_)));
        let deep = config_by("relu3_1=1,relu2_1=2:mse", Criterion::Gram);
        let error = fails(&deep, &all[0], &small, "3x40 is too small for tap relu3_1");
        assert!(matches!(error, Error::Image(_)));
        // Only as deep as its taps.
        let shallow = config_by("relu1_1=1,relu3_1=2:mse", Criterion::Gram);
        let mut session = model(&context, &shallow).session(24, 18).unwrap();
        target(&mut session, &all[0], &small);
        let error = fails(&shallow, &other, &all[0], "a picture is 31x20");
        assert!(matches!(error, Error::Image(_)));

        // It is of its loss, even where the content is a picture that would be of any.
        let cut = styled(&context);
        let cut = cut.with_memory(cut.memory(24, 18, 1).unwrap().counted() * 3 / 4);
        let of_loss = target(&mut cut.session(24, 18).unwrap(), &all[0], &other);
        let error = session.compare_one_to_blocking(&of_loss, image(&all[1])).unwrap_err();
        assert!(error.to_string().contains("of another loss"), "{error}");

        let token = CancelToken::default();
        token.cancel();
        session.set_cancel_token(token);
        let error = session.target_with_style_blocking(image(&all[0]), image(&other)).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
    }
    let host = Host::open();
    let model = styled(&host.context());
    let target = target(&mut model.session(24, 18).unwrap(), &all[0], &other);
    let mut frames = FrameSession::new(&model, 24, 18).unwrap();
    let error = frames.set_target(&target).unwrap_err();
    assert!(error.to_string().contains("not in a host's frames"), "{error}");
}

/// A step against the gradient makes the total less, by the preset for it.
#[test]
fn gatys_goes_down_its_gradient() {
    let [content, style] = [Scene::new(40, 32, 1), Scene::new(32, 56, 2)];
    let value = |index: usize| f32::from(content.rgb[index]) / 255.0;
    let planar: Vec<f32> =
        (0..3).flat_map(|channel| (channel..content.rgb.len()).step_by(3)).map(value).collect();
    let mut session = model(&Context::cpu(), &Preset::Gatys.config()).session(40, 32).unwrap();
    let picture = Image::planar_f32(&planar, 40, 32);
    let target = session.target_with_style_blocking(picture, image(&style)).unwrap();
    let (before, gradient) = session.loss_and_gradient_blocking(picture, &target).unwrap();
    assert_eq!(before.layers.iter().find(|layer| layer.name == "relu4_2").unwrap().loss, 0.0);
    let square: f64 = gradient.values().iter().map(|&slope| f64::from(slope).powi(2)).sum();
    // What would take a thousandth off the total, were it straight.
    let rate = (1e-3 * before.total / square) as f32;
    let moved: Vec<f32> =
        planar.iter().zip(gradient.values()).map(|(value, slope)| value - rate * slope).collect();
    let after = session.compare_one_to_blocking(&target, Image::planar_f32(&moved, 40, 32)).unwrap();
    let less = 1.0 - after.total / before.total;
    assert!((9e-4..1.1e-3).contains(&less), "{less}");
}
