//! Threads: those that the CPU computes on, and those that sessions are moved to.

use std::{
    env,
    process::Command,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use perceptual_loss::{Context, Model, ModelOptions, Session, Target, cpu, gpu};

use crate::{
    TAPS, bf16, buffer_memory,
    comparison::{bits, image, model, model_with, scenes},
    gpu_device::{self, context},
    scene::Scene,
};

/// The shapes are such that strips of rows are full and partly empty, and that one row is a strip.
#[test]
fn the_cpu_gives_the_same_bits_on_any_number_of_threads() {
    let sizes = [(37, 29), (300, 17), (8, 8), (64, 96)];
    let all = sizes.map(|(width, height)| scenes(width, height, 2));
    let on = |context: Context, options: &ModelOptions| {
        let model = model_with(&context, "relu1_2,relu2_1,relu3_1,conv4_1", options);
        let bits_of = |scenes: &Vec<Scene>| {
            let mut session = model.session(scenes[0].width, scenes[0].height).unwrap();
            // The second time in buffers that have been used.
            let [first, second] = [(); 2].map(|()| {
                let report = session.compare_blocking(image(&scenes[0]), image(&scenes[1])).unwrap();
                let target = session.target(image(&scenes[1])).unwrap();
                let against = &session.compare_to_blocking(&target, &[image(&scenes[0])]).unwrap()[0];
                assert_eq!(bits(against), bits(&report));
                bits(&report)
            });
            assert_eq!(first, second);
            first
        };
        all.each_ref().map(bits_of)
    };
    for options in [Some(ModelOptions::default()), bf16::options()].into_iter().flatten() {
        let expected = on(Context::cpu(), &options);
        for threads in [1, 2, 3, 16] {
            let on_threads = on(Context::cpu().on_threads(threads).unwrap(), &options);
            assert_eq!(on_threads, expected, "{threads} threads, {options:?}");
        }
    }
}

/// A comparison waits while the host keeps its pool's threads to itself: it has no others.
#[test]
fn a_host_hands_over_its_pool() {
    let pool = Arc::new(cpu::rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    let scene = Scene::new(16, 16, 1);
    let on_pool = Context::cpu().on_pool(Arc::clone(&pool)).unwrap();
    let mut session = model(&on_pool, "relu1_2").session(16, 16).unwrap();

    // Both threads of the pool and this one.
    let meeting = Arc::new(Barrier::new(3));
    let kept = Arc::clone(&meeting);
    pool.spawn_broadcast(move |_| {
        kept.wait();
        kept.wait();
    });
    meeting.wait();
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let compared = scope.spawn(|| {
            let report = session.compare_blocking(image(&scene), image(&scene)).unwrap();
            (report.total, released.load(Ordering::SeqCst))
        });
        // Ample for a comparison on threads that are free.
        std::thread::sleep(Duration::from_millis(200));
        released.store(true, Ordering::SeqCst);
        meeting.wait();
        assert_eq!(compared.join().unwrap(), (0.0, true));
    });

    let error = |result: perceptual_loss::Result<Context>| result.unwrap_err().to_string();
    assert!(error(Context::cpu().on_threads(0)).contains("0 threads cannot be used"));
    assert!(error(Context::cpu().on_threads(usize::MAX)).contains("must be from 1 to 1024"));
    assert!(error(context().clone().on_threads(1)).contains("threads are for the CPU"));
    assert!(error(context().clone().on_pool(pool)).contains("threads are for the CPU"));
}

/// In a process that the system gives no threads, the calling one does all: the same numbers, on the CPU by the global pool and by
/// one of its own, and by a future on a GPU, which a thread of the library would wake.
#[test]
fn a_process_without_threads_computes_the_same() {
    // No address space is as large, so that no thread can be started; tests then run on the first.
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "session::threads::in_a_process_without_threads", "--ignored"])
        .env("RUST_MIN_STACK", (1u64 << 47).to_string())
        .env("EXPECTED", losses_without_threads())
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[test]
#[ignore = "a_process_without_threads_computes_the_same runs it"]
fn in_a_process_without_threads() {
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there are threads");
    assert_eq!(losses_without_threads(), env::var("EXPECTED").unwrap());
    assert_eq!(Context::cpu().threads(), Some(1));
    assert_eq!(Context::cpu().on_threads(8).unwrap().threads(), Some(1));
}

fn losses_without_threads() -> String {
    let all = scenes(40, 30, 2);
    let [a, b] = [0, 1].map(|k| image(&all[k]));
    let [cpu, twin] = [Context::cpu(), Context::twin()];
    let own = Context::cpu().on_threads(8).unwrap();
    let on = |context: &Context| model(context, "relu1_2,relu2_1").session(40, 30).unwrap();
    let blocking = [cpu, twin, own].map(|context| bits(&on(&context).compare_blocking(a, b).unwrap()));
    let future = bits(&pollster::block_on(on(&gpu_device::open()).compare(a, b)).unwrap());
    format!("{blocking:?} {future:?}")
}

#[test]
fn sixteen_threads_share_one_upload() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    let all = scenes(26, 21, 17);
    let mut session = model.session(26, 21).unwrap();
    let mut expected = |k: usize| bits(&session.compare_blocking(image(&all[k]), image(&all[16])).unwrap());
    let expected: Vec<_> = (0..16).map(&mut expected).collect();

    let before = buffer_memory(&device);
    let sessions: Vec<Session> = (0..16).map(|_| model.session(26, 21).unwrap()).collect();
    let each = model.memory(26, 21, 1).unwrap().total();
    assert!(
        buffer_memory(&device) - before <= 16 * (each + 10 * 4096),
        "sessions bring no weights of their own"
    );

    std::thread::scope(|scope| {
        for (k, mut session) in sessions.into_iter().enumerate() {
            let (all, expected) = (&all, &expected);
            scope.spawn(move || {
                for _ in 0..3 {
                    let report = session.compare_blocking(image(&all[k]), image(&all[16])).unwrap();
                    assert_eq!(bits(&report), expected[k], "thread {k}");
                }
            });
        }
    });
}

#[test]
fn everything_is_send() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn send_value<T: Send>(value: T) -> T {
        value
    }
    send::<Session>();
    send::<Target>();
    sync::<Target>();
    sync::<Model>();
    sync::<Context>();
    let scene = Scene::new(8, 8, 1);
    let mut session = model(context(), "relu1_1").session(8, 8).unwrap();
    drop(send_value(session.compare(image(&scene), image(&scene))));
}
