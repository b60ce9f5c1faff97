//! The same numbers, to the bit, whatever else is compared; and of every tuning and backend nearly the same.

use perceptual_loss::{
    Backend, Config, Context, Model, ModelOptions, Report, Tuning, Tunings, UsedTunings, Weights,
};

use crate::{
    TAPS,
    comparison::{bits, image, model, scenes},
    gpu_device::context,
    scene::Scene,
};

#[test]
fn identical_pictures_give_exactly_zero() {
    let scene = Scene::new(33, 20, 1);
    let report = model(context(), TAPS)
        .session(33, 20)
        .unwrap()
        .compare_blocking(image(&scene), image(&scene))
        .unwrap();
    assert_eq!(report.total, 0.0);
}

#[test]
fn a_pair_has_the_same_bits_alone_in_a_batch_and_against_a_target() {
    for context in [context(), &Context::cpu(), &Context::twin()] {
        same_bits_in_any_company(&model(context, TAPS));
    }
}

fn same_bits_in_any_company(model: &Model) {
    let all = scenes(37, 29, 8);
    let pairs: Vec<_> = all.chunks(2).map(|pair| (image(&pair[0]), image(&pair[1]))).collect();
    let mut alone = model.session(37, 29).unwrap();
    let expected: Vec<_> =
        pairs.iter().map(|(a, b)| bits(&alone.compare_blocking(*a, *b).unwrap())).collect();
    assert_ne!(expected[0], expected[1], "the pairs differ");

    // Four pairs in rounds of one, three (so that the last round is not full) and five; the wanted picture among others, against a
    // target that another session made.
    let (wanted, target) = (2, alone.target(pairs[2].1).unwrap());
    let candidates: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
    for size in [1, 3, 5] {
        let mut session = model.batch_session(37, 29, size).unwrap();
        for _ in 0..2 {
            let reports = session.compare_batch_blocking(&pairs).unwrap();
            assert_eq!(reports.iter().map(bits).collect::<Vec<_>>(), expected, "rounds of {size}");
        }
        let reports = session.compare_to_blocking(&target, &candidates).unwrap();
        assert_eq!(reports.len(), 4);
        assert_eq!(bits(&reports[wanted]), expected[wanted], "rounds of {size}");
    }
}

/// Where the budget has no room for a target's maps, its picture is kept, and they are computed again.
#[test]
fn a_target_without_room_for_its_maps_gives_the_same_bits() {
    let all = scenes(37, 29, 3);
    for context in [context(), &Context::cpu(), &Context::twin()] {
        let model = model(context, TAPS);
        let memory = model.memory(37, 29, 1).unwrap();
        let mut expected = vec![];
        for (budget, is_picture) in [(memory.counted() + memory.target, false), (memory.counted(), true)] {
            let mut session = model.with_memory(budget).session(37, 29).unwrap();
            let target = session.target(image(&all[2])).unwrap();
            assert_eq!(format!("{target:?}").contains("Picture("), is_picture, "{target:?}");
            let reports = session.compare_to_blocking(&target, &[image(&all[0]), image(&all[1])]).unwrap();
            let pair = session.compare_blocking(image(&all[1]), image(&all[2])).unwrap();
            assert_eq!(bits(&reports[1]), bits(&pair));
            expected.push(reports.iter().map(bits).collect::<Vec<_>>());
        }
        assert_eq!(expected[0], expected[1]);
    }
}

#[test]
fn the_tunings_and_the_cpu_agree() {
    let [a, b] = scenes(41, 35, 2).try_into().map_err(|_| "two").unwrap();
    let on = |context: &Context, tunings: Tunings| {
        let options = ModelOptions::default().tunings(tunings);
        let model = Model::with_options(context, &Config::default(), &Weights::seeded(3), &options).unwrap();
        let mut session = model.session(41, 35).unwrap();
        let report = session.compare_blocking(image(&a), image(&b)).unwrap();
        let target = session.target(image(&b)).unwrap();
        assert_eq!(bits(&session.compare_to_blocking(&target, &[image(&a)]).unwrap()[0]), bits(&report));
        assert_eq!(bits(&session.compare_one_to_blocking(&target, image(&a)).unwrap()), bits(&report));
        let profile = session.profile_batch_blocking(&[(image(&a), image(&b))]).unwrap();
        assert_eq!(bits(&profile.reports[0]), bits(&report));
        report
    };
    let expected = on(&Context::twin(), Tunings::default());
    assert_eq!((expected.backend, &expected.tuning), (Backend::Twin, &None));
    let agrees = |report: &Report| {
        for (got, want) in report.layers.iter().zip(&expected.layers) {
            let apart = (got.loss / want.loss - 1.0).abs();
            assert!(apart < 1e-5, "{} {:?}: {got:?} and {want:?}", report.backend, report.tuning);
        }
    };
    let cpu = on(&Context::cpu(), Tunings::default());
    assert_eq!((cpu.backend, &cpu.tuning), (Backend::Cpu, &None));
    agrees(&cpu);
    for tuning in Tuning::all() {
        let report = on(context(), tuning.into());
        assert_eq!(report.backend, Backend::Gpu);
        assert_eq!(report.tuning.as_ref().and_then(UsedTunings::one), Some(tuning));
        agrees(&report);
    }
    // A report names a tuning a layer where they differ.
    let report = on(context(), Tunings::forced(Tuning::WINOGRAD).with_layer("conv1_1", Tuning::DIRECT));
    agrees(&report);
    let used = report.tuning.unwrap();
    assert_eq!(used.one(), None);
    assert_eq!(used.layers()[..2], [("conv1_1", Tuning::DIRECT), ("conv1_2", Tuning::WINOGRAD)]);
}
