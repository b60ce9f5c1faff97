//! Pictures that go through in parts: the whole's loss, in less memory, on both backends.

use perceptual_loss::{
    CancelToken, Config, Context, Error, Image, Model, ModelOptions, Preset, Report, Session, Tuning,
    Weights, weights::Precision,
};

use crate::{
    bf16,
    comparison::{bits, config, image, model_with},
    gpu_device::context,
    linears::linears,
    scene::{Distortion, Scene},
};

fn model(context: &Context, config: &Config) -> Model {
    Model::new(context, config, &Weights::seeded(1)).unwrap()
}

fn pair(width: u32, height: u32) -> [Scene; 2] {
    let scene = Scene::new(width, height, 5);
    [scene.distort(Distortion::Noise, 1), scene]
}

fn compare_in(session: &mut Session, [a, b]: &[Scene; 2]) -> Report {
    session.compare_blocking(image(a), image(b)).unwrap()
}

fn compare(model: &Model, scenes: &[Scene; 2]) -> Report {
    compare_in(&mut model.session(scenes[0].width, scenes[0].height).unwrap(), scenes)
}

/// How many parts a pair goes through in.
fn parts(model: &Model, [a, _]: &[Scene; 2]) -> u64 {
    model.outline(a.width, a.height, 1).unwrap().parts.count()
}

/// Holds a cut model's report against the whole's. Of Winograd's tiles a part has what it needs, and zeros for the rest, which
/// rounds otherwise in the tiles at each cut: in bfloat16 either is off by as much as that format is for such a pair, 3e-3
/// (docs/accuracy.md, noise of 20).
fn assert_same(cut: &Report, whole: &Report, what: &str) {
    let allowed = if whole.precision == Precision::F32 { 1e-6 } else { 2.0 * 3e-3 };
    assert_eq!(cut.layers.len(), whole.layers.len());
    for (cut, whole) in cut.layers.iter().zip(&whole.layers) {
        assert!(
            (cut.loss / whole.loss - 1.0).abs() <= allowed,
            "{what}, {}: {} and {}",
            cut.name,
            cut.loss,
            whole.loss
        );
    }
}

/// The least memory in which a model compares pictures of a size, as its error says.
fn least(model: &Model, width: u32, height: u32) -> u64 {
    let text = model.with_memory(1).session(width, height).unwrap_err().to_string();
    text.rsplit_once("is ").unwrap().1.parse().unwrap()
}

/// Every preset, odd sizes, odd budgets down to the least, of which each preset takes so many: the whole's loss.
fn every_preset_and_budget(
    context: &Context,
    options: &ModelOptions,
    sizes: &[(u32, u32)],
    budgets_each: usize,
) {
    for (index, preset) in Preset::ALL.into_iter().enumerate() {
        let (width, height) = sizes[index % sizes.len()];
        let scenes = pair(width, height);
        let weights = Weights::seeded(1);
        let options = options.clone().linears(linears());
        let whole = Model::with_options(context, &preset.config(), &weights, &options).unwrap();
        let expected = compare(&whole, &scenes);
        assert_eq!(parts(&whole, &scenes), 1);
        let all = whole.memory(width, height, 1).unwrap().counted();
        let least = least(&whole, width, height);
        let budgets = [all - 1, (all + 2 * least) / 3, least];
        for budget in budgets.into_iter().cycle().skip(index).take(budgets_each) {
            let cut = whole.with_memory(budget);
            let what = format!("{preset:?} {width}x{height} in {budget} bytes");
            assert!(parts(&cut, &scenes) > 1, "{what}");
            assert!(cut.memory(width, height, 1).unwrap().counted() <= budget, "{what}");
            assert_same(&compare(&cut, &scenes), &expected, &what);
        }
        whole.with_memory(least - 1).session(width, height).unwrap_err();
        println!("{preset:?}: {} KiB as a whole, {} KiB at least", all >> 10, least >> 10);
    }
}

#[test]
fn every_preset_and_budget_on_the_cpu() {
    let sizes = [(131, 97), (97, 150), (64, 201), (175, 75)];
    for options in [Some(ModelOptions::default()), bf16::options()].into_iter().flatten() {
        every_preset_and_budget(&Context::cpu(), &options, &sizes, 3);
    }
}

#[test]
fn every_preset_and_budget_on_the_gpu() {
    // Parts are planned alike on both backends; a software driver takes minutes for all of them.
    let sizes = [(51, 49), (49, 39), (35, 66), (57, 37)];
    every_preset_and_budget(context(), &ModelOptions::default(), &sizes, 1);
}

/// The same bits each time, in any order of what is asked, against a target, and step by step.
fn the_same_bits(context: &Context, [width, height]: [u32; 2]) {
    let scenes = pair(width, height);
    let whole = model(context, &Config::default());
    let least = least(&whole, width, height);
    let cut = whole.with_memory(least + least / 2);
    let expected = bits(&compare(&cut, &scenes));
    let mut session = cut.session(width, height).unwrap();
    let target = session.target(image(&scenes[1])).unwrap();
    for _ in 0..2 {
        assert_eq!(bits(&compare_in(&mut session, &scenes)), expected);
        let reports = session.compare_to_blocking(&target, &[image(&scenes[1]), image(&scenes[0])]).unwrap();
        assert_eq!((reports[0].total, bits(&reports[1])), (0.0, expected.clone()));
    }
    let pairs = [(image(&scenes[0]), image(&scenes[1])), (image(&scenes[1]), image(&scenes[1]))];
    let reports = session.compare_batch_blocking(&pairs).unwrap();
    assert_eq!((bits(&reports[0]), reports[1].total), (expected.clone(), 0.0));
    let profile = session.profile_batch_blocking(&pairs[..1]).unwrap();
    assert_eq!(bits(&profile.reports[0]), expected);
    assert!(profile.steps.iter().all(|step| step.seconds > 0.0), "{:?}", profile.steps);
    // A batch's session is cut as one pair's is.
    let mut batch = cut.batch_session(width, height, 5).unwrap();
    assert_eq!(bits(&batch.compare_to_blocking(&target, &[image(&scenes[0])]).unwrap()[0]), expected);
}

/// A part's results are the whole's, whatever the tuning computes together.
#[test]
fn every_tuning() {
    let scenes = pair(37, 53);
    for tuning in Tuning::all() {
        let options = ModelOptions::default().tunings(tuning);
        let whole = model_with(context(), "relu1_2=1,conv2_1=1", &options);
        let all = whole.memory(37, 53, 1).unwrap().counted();
        let cut = whole.with_memory((all + least(&whole, 37, 53)) / 2);
        assert!(parts(&cut, &scenes) > 1, "{tuning}");
        assert_same(&compare(&cut, &scenes), &compare(&whole, &scenes), tuning.name());
    }
}

#[test]
fn the_same_bits_each_time_on_the_cpu() {
    the_same_bits(&Context::cpu(), [150, 211]);
    let scenes = pair(150, 211);
    let on = |context: Context| compare(&model(&context, &Config::default()).with_memory(8 << 20), &scenes);
    let expected = bits(&on(Context::cpu()));
    for threads in [1, 3] {
        assert_eq!(bits(&on(Context::cpu().on_threads(threads).unwrap())), expected, "{threads} threads");
    }
}

#[test]
fn the_same_bits_each_time_on_the_gpu() {
    the_same_bits(context(), [70, 93]);
}

#[test]
fn the_twins_cut_as_well() {
    let scenes = pair(40, 33);
    let whole = model(&Context::twin(), &config("relu1_2=1,conv2_1=1,pool2=2"));
    let cut = whole.with_memory(400 << 10);
    assert!(parts(&cut, &scenes) > 1);
    assert_same(&compare(&cut, &scenes), &compare(&whole, &scenes), "twin");
}

/// Every format of a picture is cut alike.
#[test]
fn formats_of_pictures() {
    for context in [&Context::cpu(), context()] {
        let config = Preset::Johnson.config();
        let whole = model(context, &config);
        let scenes = pair(41, 66);
        let cut = whole.with_memory(4 * least(&whole, 41, 66));
        assert!(parts(&cut, &scenes) > 2);
        let mut session = cut.session(41, 66).unwrap();
        let expected = bits(&compare_in(&mut session, &scenes));
        let share = |value: u8| f32::from(value) / 255.0;
        let [rgba, floats, planes]: [Vec<_>; 3] = [
            scenes
                .each_ref()
                .map(|s| {
                    s.rgb
                        .as_chunks::<3>()
                        .0
                        .iter()
                        .flat_map(|p| [share(p[0]), share(p[1]), share(p[2]), 0.5])
                        .collect()
                })
                .to_vec(),
            scenes.each_ref().map(|s| s.rgb.iter().map(|&v| share(v)).collect::<Vec<f32>>()).to_vec(),
            scenes
                .each_ref()
                .map(|s| {
                    (0..3).flat_map(|c| s.rgb[c..].iter().step_by(3).map(|&v| share(v))).collect::<Vec<f32>>()
                })
                .to_vec(),
        ];
        let bytes: Vec<Vec<u8>> =
            rgba.iter().map(|p: &Vec<f32>| p.iter().map(|v| (v * 255.0).round() as u8).collect()).collect();
        let target = session.target(Image::rgba8(&bytes[1], 41, 66)).unwrap();
        let report = session.compare_to_blocking(&target, &[Image::rgba8(&bytes[0], 41, 66)]).unwrap();
        assert_eq!(bits(&report[0]), expected, "rgba8");
        for (a, b) in [
            (Image::rgb_f32(&floats[0], 41, 66), Image::planar_f32(&planes[1], 41, 66)),
            (Image::planar_f32(&planes[0], 41, 66), Image::rgb_f32(&floats[1], 41, 66)),
        ] {
            let report = session.compare_blocking(a, b).unwrap();
            let expected = compare_in(&mut session, &scenes);
            for (got, expected) in report.layers.iter().zip(&expected.layers) {
                assert!((got.loss / expected.loss - 1.0).abs() <= 1e-5, "{} and {}", got.loss, expected.loss);
            }
        }
    }
}

/// Progress only rises and ends at 1; what is cancelled or given up leaves the session as it was.
#[test]
fn progress_and_cancelling() {
    for context in [&Context::cpu(), context()] {
        let whole = model(context, &Preset::Johnson.config());
        let scenes = pair(64, 200);
        let cut = whole.with_memory(least(&whole, 64, 200) * 6);
        assert!(parts(&cut, &scenes) > 3);
        for model in [&whole, &cut] {
            let mut session = model.session(64, 200).unwrap();
            let expected = bits(&compare_in(&mut session, &scenes));
            let told = std::sync::Arc::new(std::sync::Mutex::new(vec![]));
            let (sink, token) = (told.clone(), CancelToken::new());
            session.set_cancel_token(token.clone());
            session.set_progress(move |done| sink.lock().unwrap().push(done));
            assert_eq!(bits(&compare_in(&mut session, &scenes)), expected);
            let all = std::mem::take(&mut *told.lock().unwrap());
            assert!(all.is_sorted() && all[0] == 0.0 && all.last() == Some(&1.0), "{all:?}");
            assert!(all.len() as u64 > parts(model, &scenes), "{all:?}");
            // Ended in the middle, by whoever is told.
            let middle = all[all.len() / 2];
            session.set_progress({
                let token = token.clone();
                move |done| {
                    if done >= middle {
                        token.cancel();
                    }
                }
            });
            let result = session.compare_blocking(image(&scenes[0]), image(&scenes[1]));
            // A whole picture of this size is one submission, which is done when it is told of.
            assert!(matches!(result, Err(Error::Cancelled)) || middle == 1.0, "{result:?}");
            assert!(matches!(
                session.compare_blocking(image(&scenes[0]), image(&scenes[1])),
                Err(Error::Cancelled)
            ));
            session.set_progress(|_| {});
            session.set_cancel_token(CancelToken::new());
            assert_eq!(bits(&compare_in(&mut session, &scenes)), expected, "after it was cancelled");
            // Given up after some polls.
            for polls in [1, 2, 5] {
                let mut waiting = std::task::Context::from_waker(std::task::Waker::noop());
                let mut future = std::pin::pin!(session.compare(image(&scenes[0]), image(&scenes[1])));
                for _ in 0..polls {
                    // It may be done already, and must not be polled then.
                    if future.as_mut().poll(&mut waiting).is_ready() {
                        break;
                    }
                }
            }
            assert_eq!(bits(&compare_in(&mut session, &scenes)), expected, "after it was given up");
        }
    }
}
