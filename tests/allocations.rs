//! A session's second comparison on the CPU takes from the system what its pictures are packed into, and nothing of the
//! size of features; and what a model and its session took they give back, a host's threads too.

#[path = "common/scene.rs"]
mod scene;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use perceptual_loss::{
    Config, Context, Image, Model, ModelOptions, Weights, cpu::rayon::ThreadPoolBuilder, weights::Precision,
};
use scene::{Distortion, Scene};

/// The system's allocator, with counts of the bytes that were asked for and of those that nobody has given back.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all that is promised of an allocator the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// One test at a time: the counts are the process's.
fn alone() -> impl Drop {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that `work` asks for.
fn asked(work: impl FnOnce()) -> usize {
    let before = ASKED.load(Ordering::Relaxed);
    work();
    ASKED.load(Ordering::Relaxed) - before
}

/// Models on the CPU in each precision that this processor has.
fn models(context: &Context) -> impl Iterator<Item = Model> {
    let of = |precision| {
        let options = ModelOptions::default().precision(precision);
        Model::with_options(context, &Config::default(), &Weights::seeded(1), &options)
    };
    [of(Precision::F32), of(Precision::Bf16)].into_iter().flatten()
}

#[test]
fn a_second_comparison_on_the_cpu_allocates_no_features() {
    let _alone = alone();
    let (width, height) = (120, 88);
    let scenes = [0, 1].map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed));
    let [a, b] = scenes.each_ref().map(|scene| Image::rgb8(&scene.rgb, width, height));
    // 32 bits a pixel, and what reports and plans take: a part's has rows that are kept of both maps beside those.
    let packed = (width * height * 4) as usize;
    let (little, of_part) = (64 << 10, 96 << 10);
    // One thread: what others have at work they ask for when they first get some.
    for model in models(&Context::cpu().on_threads(1).unwrap()) {
        for memory in [Model::DEFAULT_MEMORY, 8 << 20] {
            let model = model.with_memory(memory);
            let mut session = model.session(width, height).unwrap();
            let first = asked(|| drop(session.compare_blocking(a, b).unwrap()));
            assert!(first > 4 << 20, "what is counted counts features: {first}");
            let second = asked(|| drop(session.compare_blocking(a, b).unwrap()));
            let cut = model.outline(width, height, 1).unwrap().parts.count() as usize;
            let plans = if cut == 1 { little } else { cut * of_part };
            assert!(second <= 2 * packed + plans, "{second} bytes in {cut} parts");
            if cut == 1 {
                let target = session.target(b).unwrap();
                session.compare_to_blocking(&target, &[a]).unwrap();
                let second = asked(|| drop(session.compare_to_blocking(&target, &[a]).unwrap()));
                assert!(second <= packed + little, "{second} bytes against a target");
            }
        }
    }
}

/// The pool outlives the model, and the context too.
#[test]
fn nothing_stays_behind_on_a_hosts_threads() {
    let _alone = alone();
    let context = Context::cpu().on_pool(Arc::new(ThreadPoolBuilder::new().num_threads(2).build().unwrap()));
    let context = context.unwrap();
    let (width, height) = (160, 120);
    let scenes = [0, 1].map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed));
    let [a, b] = scenes.each_ref().map(|scene| Image::rgb8(&scene.rgb, width, height));
    let before = HELD.load(Ordering::Relaxed);
    for model in models(&context) {
        let mut session = model.session(width, height).unwrap();
        session.compare_blocking(a, b).unwrap();
        drop(model);
        session.compare_blocking(a, b).unwrap();
        let held = HELD.load(Ordering::Relaxed) - before;
        assert!(held > 16 << 20, "what is counted counts weights and features: {held}");
    }
    let left = HELD.load(Ordering::Relaxed).saturating_sub(before);
    // What rayon's queues have grown by, and what the library computes once in a process.
    assert!(left <= 64 << 10, "{left} bytes were not given back");
}
