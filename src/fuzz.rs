//! Any loss, any picture, any budget, any device: planning and lowering give an error, or what holds.
//!
//! `cargo test --lib fuzz` tries some cases. `cargo test --lib fuzz -- --ignored --nocapture` goes on for a minute, or
//! for what PERCEPTUAL_LOSS_FUZZ_SECONDS or PERCEPTUAL_LOSS_FUZZ_CASES says, on all cores.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};

use crate::{
    Config, Criterion, Error, Preset, Tap, Tuning, Tunings, cpu,
    gpu::{Capabilities, fuzz as gpu},
    plan::{Part, Parts, Plan, Plans},
};

#[derive(Clone, Debug)]
struct Case {
    config: Config,
    size: [u32; 2],
    pairs: u32,
    tunings: Tunings,
    /// Bytes of features and scratch.
    memory: u64,
    capabilities: Capabilities,
    /// Which parts are looked at: one, and the first and the last of those that are alike.
    picked: [u32; 2],
}

/// Up to about `most`, every order of magnitude as often as another: from `least` on, and now and then from 1.
fn magnitude(least: f64, most: f64) -> impl Strategy<Value = u64> {
    let from = |least: f64| (least.log2()..most.log2()).prop_map(|log| log.exp2() as u64);
    prop_oneof![15 => from(least), 1 => from(1.0)]
}

fn case() -> impl Strategy<Value = Case> {
    let side = || magnitude(32.0, 100_001.0).prop_map(|side| side.min(100_000) as u32);
    let criterion = prop::sample::select(Criterion::POINTWISE.to_vec());
    let taps = prop::collection::vec((0..40usize, criterion), 1..6);
    let loss = (0..Preset::ALL.len(), any::<bool>(), taps).prop_map(|(preset, own, taps)| {
        let mut config = Preset::ALL[preset].config();
        let layers = config.network.layers();
        if own {
            config.taps.clear();
            for (tap, criterion) in taps {
                let tap = Tap::new(layers[tap % layers.len()].name, 1.0).with_criterion(criterion);
                if !config.taps.contains(&tap) {
                    config.taps.push(tap);
                }
            }
        }
        config
    });
    let limits = (magnitude(1e6, 2e10), magnitude(1e6, 2e10), magnitude(65_535.0, 70_000.0), 2..9u32);
    let capabilities = limits.prop_map(|(max_binding, max_buffer, groups, alignment)| Capabilities {
        max_binding,
        max_buffer,
        max_workgroups: groups as u32,
        uniform_alignment: 1 << alignment,
        ..Capabilities::default()
    });
    // Each tuning that there is, and what the library chooses.
    let tunings = prop::option::of(prop::sample::select(Tuning::all()))
        .prop_map(|tuning| tuning.map_or_else(Tunings::default, Tunings::forced));
    let rest = (1..9u32, tunings, magnitude(1e6, 1e13), capabilities, any::<[u32; 2]>());
    (loss, side(), side(), rest).prop_map(
        |(config, width, height, (pairs, tunings, memory, capabilities, picked))| Case {
            config,
            size: [width, height],
            pairs,
            tunings,
            memory,
            capabilities,
            picked,
        },
    )
}

/// What a case came to.
#[derive(Debug, Default)]
struct Counts {
    cases: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    parts: AtomicU64,
}

impl Counts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn hold(case: &Case, counts: &Counts) -> TestCaseResult {
    Counts::add(&counts.cases);
    let Case { config, size, pairs, tunings, memory, capabilities, picked } = case;
    let plans = Plans { config: config.clone(), size: *size };
    let means = gpu::means(tunings, capabilities);
    match plans.pairs(1) {
        Ok(_) => hold_plans(&plans, *pairs)?,
        Err(Error::Image(_) | Error::Config(_)) => {
            Counts::add(&counts.refused);
            return Ok(());
        }
        Err(error) => return Err(unexpected(error)),
    }
    gpu::hold_frames(&plans, *memory, means)?;
    match gpu::hold(&plans, *pairs, *memory, means)? {
        None => Counts::add(&counts.refused),
        Some(None) => {}
        Some(Some(parts)) => {
            Counts::add(&counts.cut);
            hold_parts(&parts, picked, counts, |part| gpu::hold_part(&parts, part, means))?;
        }
    }
    if let Some(parts) = gpu::hold_gradient(&plans, *memory, means)? {
        hold_parts(&parts, picked, counts, |part| gpu::hold_part(&parts, part, means))?;
    }
    for outline in [cpu::outline, cpu::gradient_outline] {
        match outline(&plans, *pairs % 2, *memory) {
            Ok((takes, parts)) => {
                prop_assert!(takes.counted() <= *memory, "{takes:?}");
                hold_parts(&parts, picked, counts, |_| Ok(()))?;
            }
            Err(Error::TooLarge(_)) => {}
            Err(error) => return Err(unexpected(error)),
        }
    }
    Ok(())
}

/// An error that the case does not account for.
pub(crate) fn unexpected(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// A target keeps the maps that candidates are given, and every plan of what is compared has the taps of a pair's.
fn hold_plans(plans: &Plans, images: u32) -> TestCaseResult {
    let [pairs, target, candidates, magnitudes] =
        [plans.pairs(images), plans.target(), plans.candidates(images), plans.magnitudes(images)]
            .map(|plan| plan.map_err(unexpected));
    let (pairs, target, candidates, magnitudes) = (pairs?, target?, candidates?, magnitudes?);
    let kept = |plan: &Plan| plan.kept().iter().map(|&id| plan.tensors()[id].clone()).collect::<Vec<_>>();
    prop_assert_eq!(kept(&target), kept(&candidates));
    for plan in [candidates, magnitudes] {
        for (tap, of_pairs) in plan.taps().iter().zip(pairs.taps()) {
            let [tensor, of_pair] = [&plan.tensors()[tap.tensor], &pairs.tensors()[of_pairs.tensor]];
            prop_assert_eq!((tap.name, tap.weight), (of_pairs.name, of_pairs.weight));
            prop_assert_eq!((tensor.channels, tensor.region), (of_pair.channels, of_pair.region));
        }
        prop_assert_eq!(plan.taps().len(), pairs.taps().len());
    }
    Ok(())
}

/// Looks at some parts: they fit their slots, and what they compare adds up to every position of every tap.
fn hold_parts(
    parts: &Parts,
    picked: &[u32; 2],
    counts: &Counts,
    more: impl Fn(&Part) -> TestCaseResult,
) -> TestCaseResult {
    let whole = parts.plan();
    let [bands, rows] = [parts.bands(), parts.strips()];
    let alike = parts.alike();
    let run = &alike[picked[0] as usize % alike.len()];
    let end = |end: fn(&Range<u32>) -> u32| run.each_ref().map(end);
    let anywhere = [picked[0] % bands, picked[1] % rows];
    for [band, strip] in [anywhere, end(|parts| parts.start), end(|parts| parts.end - 1)] {
        Counts::add(&counts.parts);
        let part = parts.part(band, strip).map_err(unexpected)?;
        let used = part.plan.steps().iter().flat_map(|step| step.reads.iter().chain(&step.writes).copied());
        for id in used {
            let bytes = part.plan.tensors()[id].bytes();
            prop_assert!(bytes <= parts.slots()[part.plan.slot_of()[id]], "{band}, {strip}: tensor {id}");
        }
        more(&part)?;
        for (axis, place) in [[band + 1, strip], [band, strip + 1]].into_iter().enumerate() {
            let there = place[0] < bands && place[1] < rows;
            let next = there.then(|| parts.part(place[0], place[1])).transpose().map_err(unexpected)?;
            for (tap, features) in whole.taps().iter().enumerate() {
                let own = compared(&part, tap, axis);
                if let (0, Some(own)) = ([band, strip][axis], &own) {
                    prop_assert_eq!(own.start, 0);
                }
                match &next {
                    Some(next) => hold_neighbours(own, compared(next, tap, axis), axis)?,
                    None => {
                        // A strip may have nothing of a deep tap, but the last one has all that is left.
                        let all = whole.tensors()[features.tensor].region.whole[axis];
                        prop_assert!(own.map_or(axis == 0, |own| own.end == all));
                    }
                }
            }
        }
    }
    Ok(())
}

/// What a part compares ends where the next one's begins; of a tap that strips have nothing of yet, at the picture's
/// edge.
fn hold_neighbours(own: Option<Range<u32>>, next: Option<Range<u32>>, axis: usize) -> TestCaseResult {
    match (own, next) {
        (Some(own), next) => prop_assert_eq!(next.map(|next| next.start), Some(own.end)),
        (None, Some(next)) if axis == 1 => prop_assert_eq!(next.start, 0),
        _ => {}
    }
    Ok(())
}

/// The columns or rows of a tap that a part compares.
fn compared(part: &Part, tap: usize, axis: usize) -> Option<Range<u32>> {
    let step = part.plan.steps().iter().find(|step| step.operation.tap() == Some(tap))?;
    let region = part.plan.tensors()[step.input()?].region;
    let start = region.origin[axis] + region.halo[axis];
    Some(start..start + region.owned_extent()[axis])
}

fn run(cases: u32, counts: &Counts) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let outcome = TestRunner::new(config).run(&case(), |case| hold(&case, counts));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn some_cases_hold() {
    let counts = Counts::default();
    run(2000, &counts);
    // That it is not all refused.
    let [cases, refused, cut] =
        [&counts.cases, &counts.refused, &counts.cut].map(|count| count.load(Ordering::Relaxed));
    assert!(cases >= 2000 && refused < cases * 3 / 4 && cut > cases / 20, "{counts:?}");
}

#[test]
#[ignore = "takes a minute, or as long as it is told"]
fn many_cases_hold() {
    let number = |name: &str| {
        let value = std::env::var(name).ok();
        value.map(|value| value.parse::<u64>().unwrap_or_else(|error| panic!("{name}={value}: {error}")))
    };
    let cases = number("PERCEPTUAL_LOSS_FUZZ_CASES");
    let seconds = number("PERCEPTUAL_LOSS_FUZZ_SECONDS").or(cases.is_none().then_some(60));
    let (start, counts) = (Instant::now(), Counts::default());
    let is_over = || {
        cases.is_some_and(|cases| counts.cases.load(Ordering::Relaxed) >= cases)
            || seconds.is_some_and(|seconds| start.elapsed() >= Duration::from_secs(seconds))
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !is_over() {
                    run(500, &counts);
                }
            });
        }
    });
    println!("{counts:?} in {:.0?}", start.elapsed());
}
