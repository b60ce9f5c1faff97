//! A session's second comparison on the CPU takes from the system what its pictures are packed into, and nothing of the size of
//! features. A program of its own, since it counts what the whole program asks for.

#[path = "common/bf16.rs"]
mod bf16;
#[path = "common/scene.rs"]
mod scene;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use perceptual_loss::{Config, Context, Image, Model, ModelOptions, Weights};
use scene::{Distortion, Scene};

/// The system's allocator, with a count of the bytes that were asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all that is promised of an allocator the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes that `work` asks for.
fn asked(work: impl FnOnce()) -> usize {
    let before = ASKED.load(Ordering::Relaxed);
    work();
    ASKED.load(Ordering::Relaxed) - before
}

#[test]
fn a_second_comparison_on_the_cpu_allocates_no_features() {
    let (width, height) = (120, 88);
    let scenes = [0, 1].map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed));
    let [a, b] = scenes.each_ref().map(|scene| Image::rgb8(&scene.rgb, width, height));
    // 32 bits a pixel, and what steps, reports and the like take.
    let packed = (width * height * 4) as usize;
    let little = 64 << 10;
    // One thread: what others have at work they ask for when they first get some.
    let context = Context::cpu().on_threads(1).unwrap();
    for options in [Some(ModelOptions::default()), bf16::options()].into_iter().flatten() {
        for memory in [Model::DEFAULT_MEMORY, 8 << 20] {
            let options = options.clone().memory(memory);
            let model =
                Model::with_options(&context, &Config::default(), &Weights::seeded(1), &options).unwrap();
            let mut session = model.session(width, height).unwrap();
            let first = asked(|| drop(session.compare_blocking(a, b).unwrap()));
            assert!(first > 4 << 20, "what is counted counts features: {first}");
            let second = asked(|| drop(session.compare_blocking(a, b).unwrap()));
            let cut = model.outline(width, height, 1).unwrap().parts.count() as usize;
            assert!(second <= 2 * packed + cut * little, "{second} bytes in {cut} parts");
            if cut == 1 {
                let target = session.target(b).unwrap();
                session.compare_to_blocking(&target, &[a]).unwrap();
                let second = asked(|| drop(session.compare_to_blocking(&target, &[a]).unwrap()));
                assert!(second <= packed + little, "{second} bytes against a target");
            }
        }
    }
}
