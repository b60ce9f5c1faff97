//! Contexts, models, sessions and targets: what is created when, that bits do not depend on company, limits,
//! threads, futures and faults.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use perceptual_loss::{
    Config, Context, Criterion, Error, Image, Model, Network, Preset, Report, Session, Tap, Target, Tuning,
    Weights, cpu,
    gpu::{self, wgpu},
    weights::Precision,
};

use crate::{
    bf16, gpu_device,
    objects::objects,
    scene::{Distortion, Scene},
};

/// One device for the tests that share nothing else.
fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(gpu_device::open)
}

/// A device as an engine would open it: at WebGPU's baseline limits, with no feature.
fn host_device() -> (wgpu::Device, wgpu::Queue) {
    context(); // fails in words where there is no adapter
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(async {
        let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.unwrap();
        adapter.request_device(&wgpu::DeviceDescriptor::default()).await.unwrap()
    })
}

fn model(context: &Context, taps: &str) -> Model {
    let mut config = Config::default();
    config.taps = Tap::parse_list(taps).unwrap();
    Model::new(context, &config, &Weights::seeded(1)).unwrap()
}

/// Pictures of one size, no two alike.
fn pictures(width: u32, height: u32, count: u64) -> Vec<Scene> {
    (0..count).map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed)).collect()
}

fn image(scene: &Scene) -> Image<'_> {
    Image::rgb8(&scene.rgb, scene.width, scene.height)
}

fn bits(report: &Report) -> Vec<u64> {
    report.layers.iter().map(|layer| layer.loss.to_bits()).collect()
}

const TAPS: &str = "relu1_2=1,conv2_1=0.5,relu3_1=2";

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

/// The shapes are such that strips of rows are full and partly empty, and that one row is a strip.
#[test]
fn the_cpu_gives_the_same_bits_on_any_number_of_threads() {
    let taps = "relu1_2,relu2_1,relu3_1,conv4_1";
    for (width, height) in [(37, 29), (300, 17), (8, 8), (64, 96)] {
        let scenes = pictures(width, height, 2);
        let on = |context: Context| {
            let mut session = model(&context, taps).session(width, height).unwrap();
            // The second time in buffers that have been used.
            [(); 2].map(|()| {
                let report = session.compare_blocking(image(&scenes[0]), image(&scenes[1])).unwrap();
                let target = session.target(image(&scenes[1])).unwrap();
                let against = &session.compare_to_blocking(&target, &[image(&scenes[0])]).unwrap()[0];
                assert_eq!(bits(against), bits(&report));
                bits(&report)
            })
        };
        for context in [Some(Context::cpu()), bf16::open()].into_iter().flatten() {
            let expected = on(context.clone());
            assert_eq!(expected[0], expected[1]);
            for threads in [1, 2, 3, 16] {
                let on_threads = on(context.clone().on_threads(threads).unwrap());
                assert_eq!(on_threads, expected, "{threads} threads in {}", context.precision());
            }
        }
    }
}

#[test]
fn a_host_hands_over_its_pool() {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let pool = cpu::rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .start_handler(|_| {
            THREADS.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let pool = Arc::new(pool);
    let scene = Scene::new(16, 16, 1);
    let on_pool = Context::cpu().on_pool(Arc::clone(&pool)).unwrap();
    let mut session = model(&on_pool, "relu1_2").session(16, 16).unwrap();
    assert_eq!(session.compare_blocking(image(&scene), image(&scene)).unwrap().total, 0.0);
    assert_eq!((pool.current_num_threads(), THREADS.load(Ordering::Relaxed)), (2, 2));

    let error = |result: perceptual_loss::Result<Context>| result.unwrap_err().to_string();
    assert!(error(Context::cpu().on_threads(0)).contains("0 threads cannot be used"));
    assert!(error(Context::cpu().on_threads(usize::MAX)).contains("must be from 1 to 1024"));
    assert!(error(context().clone().on_threads(1)).contains("threads are for the CPU"));
    assert!(error(context().clone().on_pool(pool)).contains("threads are for the CPU"));
}

#[test]
fn a_precision_that_a_context_has_not_is_an_error() {
    for (context, precision, says) in [
        (Context::cpu(), Precision::F16, "half precision is not built for the CPU"),
        (context().clone(), Precision::Bf16, "bf16 is for the CPU"),
        (Context::twin(), Precision::Bf16, "the twins compute in f32 alone"),
    ] {
        let error = context.with_precision(precision).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn auto_is_a_hardware_gpu_or_the_cpu() {
    let auto = Context::auto_blocking().unwrap();
    let software = context().adapter().unwrap().software;
    assert_eq!(auto.backend(), if software { "cpu" } else { "gpu" });
}

fn same_bits_in_any_company(model: &Model) {
    let all = pictures(37, 29, 8);
    let pairs: Vec<_> = all.chunks(2).map(|pair| (image(&pair[0]), image(&pair[1]))).collect();
    let mut alone = model.session(37, 29).unwrap();
    let expected: Vec<_> =
        pairs.iter().map(|(a, b)| bits(&alone.compare_blocking(*a, *b).unwrap())).collect();
    assert_ne!(expected[0], expected[1], "the pairs differ");

    // Four pairs in rounds of one, three (so that the last round is not full) and five.
    for size in [1, 3, 5] {
        let mut session = model.batch_session(37, 29, size).unwrap();
        for _ in 0..2 {
            let reports = session.compare_batch_blocking(&pairs).unwrap();
            assert_eq!(reports.iter().map(bits).collect::<Vec<_>>(), expected, "rounds of {size}");
        }
        let mut again = model.session(37, 29).unwrap();
        for (pair, expected) in pairs.iter().zip(&expected) {
            let target = session.target(pair.1).unwrap();
            // The wanted picture among others, more than one round of them, and in another session.
            let candidates: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
            let reports = again.compare_to_blocking(&target, &candidates).unwrap();
            assert_eq!(reports.len(), 4);
            assert!(reports.iter().any(|report| bits(report) == *expected), "rounds of {size}");
        }
    }
}

#[test]
fn the_tunings_and_the_cpu_agree() {
    let [a, b] = pictures(41, 35, 2).try_into().map_err(|_| "two").unwrap();
    let on = |context: &Context, tuning| {
        let model = Model::with_tuning(context, &Config::default(), &Weights::seeded(3), tuning).unwrap();
        let mut session = model.session(41, 35).unwrap();
        let report = session.compare_blocking(image(&a), image(&b)).unwrap();
        let target = session.target(image(&b)).unwrap();
        assert_eq!(bits(&session.compare_to_blocking(&target, &[image(&a)]).unwrap()[0]), bits(&report));
        report
    };
    let expected = on(&Context::twin(), Tuning::Direct);
    assert_eq!((expected.backend, expected.tuning), ("twin", None));
    let gpu = Tuning::ALL.map(|tuning| (context().clone(), tuning, "gpu", Some(tuning.name())));
    let cpu = (Context::cpu(), Tuning::Direct, "cpu", None);
    for (context, tuning, backend, reported) in gpu.into_iter().chain([cpu]) {
        let report = on(&context, tuning);
        assert_eq!((report.backend, report.tuning), (backend, reported));
        for (got, want) in report.layers.iter().zip(&expected.layers) {
            assert!((got.loss / want.loss - 1.0).abs() < 1e-5, "{backend} {tuning}: {got:?} and {want:?}");
        }
    }
}

#[test]
fn comparing_again_creates_nothing_and_another_size_compiles_nothing() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    let all = pictures(24, 24, 3);
    let mut session = model.session(24, 24).unwrap();
    session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    let target = session.target(image(&all[2])).unwrap();
    session.compare_to_blocking(&target, &[image(&all[0])]).unwrap();

    let before = objects(&device);
    assert!(before[0] > 0 && before[3] > 0 && before[5] > 0, "the counters count: {before:?}");
    for picture in &all {
        session.compare_blocking(image(picture), image(&all[1])).unwrap();
        session.compare_to_blocking(&target, &[image(picture)]).unwrap();
    }
    assert_eq!(objects(&device), before, "lasting objects after more comparisons");

    let compiled = gpu::pipelines_compiled(&context).unwrap();
    let other = pictures(50, 31, 2);
    let mut second = model.session(50, 31).unwrap();
    second.compare_blocking(image(&other[0]), image(&other[1])).unwrap();
    assert_eq!(gpu::pipelines_compiled(&context).unwrap(), compiled);
    println!("lasting objects created by comparing again: 0; pipelines by a second size: 0 (of {compiled})");
}

#[test]
fn memory_is_told_before_it_is_allocated() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    // The first session uploads the weights, which are the model's.
    let _weights = model.session(8, 8).unwrap();
    let allocated = || {
        objects(&device);
        device.get_internal_counters().hal.buffer_memory.read()
    };
    for (width, height, pairs) in [(64, 64, 1), (101, 67, 3)] {
        let told = model.memory(width, height, pairs).unwrap().total();
        let before = allocated();
        let _session = model.batch_session(width, height, pairs).unwrap();
        let taken = (allocated() - before) as u64;
        // Each of about ten buffers may be rounded up by the driver.
        assert!(taken >= told && taken <= told + 10 * 4096, "{taken} bytes allocated, {told} told");
        println!("{width}x{height} by {pairs}: {told} bytes told, {taken} allocated");
    }
}

#[test]
fn sixteen_threads_share_one_upload() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    let all = pictures(26, 21, 17);
    let mut session = model.session(26, 21).unwrap();
    let mut expected = |k: usize| bits(&session.compare_blocking(image(&all[k]), image(&all[16])).unwrap());
    let expected: Vec<_> = (0..16).map(&mut expected).collect();

    let memory = || {
        objects(&device);
        device.get_internal_counters().hal.buffer_memory.read() as u64
    };
    let before = memory();
    let sessions: Vec<Session> = (0..16).map(|_| model.session(26, 21).unwrap()).collect();
    let each = model.memory(26, 21, 1).unwrap().total();
    assert!(memory() - before <= 16 * (each + 10 * 4096), "sessions bring no weights of their own");

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
fn a_future_on_an_own_device_completes_with_nothing_else_running() {
    let context = gpu_device::open();
    let all = pictures(20, 20, 2);
    let mut session = model(&context, TAPS).session(20, 20).unwrap();
    let blocking = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    for _ in 0..3 {
        let report = pollster::block_on(session.compare(image(&all[0]), image(&all[1]))).unwrap();
        assert_eq!(report, blocking);
    }
}

#[test]
fn a_future_on_a_host_device_is_woken_by_the_hosts_polling() {
    let (device, queue) = host_device();
    let context = gpu::from_device(device.clone(), queue).unwrap();
    let all = pictures(20, 20, 2);
    let mut session = model(&context, TAPS).session(20, 20).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                device.poll(wgpu::PollType::Poll).unwrap();
                std::thread::yield_now();
            }
        });
        let report = pollster::block_on(session.compare(image(&all[0]), image(&all[1])));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(report.unwrap().total > 0.0);
    });
}

#[test]
fn a_future_given_up_leaves_the_session_usable() {
    use std::task::{Context as TaskContext, Waker};
    let (device, queue) = host_device();
    let context = gpu::from_device(device, queue).unwrap();
    let all = pictures(20, 20, 3);
    let mut session = model(&context, TAPS).session(20, 20).unwrap();
    let expected = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    {
        // Nobody polls the host's device, so the first poll of the future submits and finds nothing yet.
        let mut future = Box::pin(session.compare(image(&all[2]), image(&all[1])));
        assert!(future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(session.compare_blocking(image(&all[0]), image(&all[1])).unwrap(), expected);
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

#[test]
fn baseline_limits_take_every_shape_of_524288_pixels() {
    let (device, queue) = host_device();
    let context = gpu::from_device(device, queue).unwrap();
    let (gpu, twin) = (model(&context, "conv1_1"), model(&Context::twin(), "conv1_1"));
    for (width, height) in [(724, 724), (524_288, 1), (1, 524_288)] {
        let mut random = 1u32;
        let mut draw = |_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        let [a, b] = [(); 2].map(|()| (0..width * height * 3).map(&mut draw).collect::<Vec<u8>>());
        let pair = [&a, &b].map(|pixels| Image::rgb8(pixels, width, height));
        let mut session = gpu.session(width, height).unwrap();
        let got = session.compare_blocking(pair[0], pair[1]).unwrap();
        let want = twin.session(width, height).unwrap().compare_blocking(pair[0], pair[1]).unwrap();
        assert!(
            (got.total / want.total - 1.0).abs() < 1e-5,
            "{width}x{height}: {} and {}",
            got.total,
            want.total
        );
        // Each picture has its lane here; a target and two candidates take the same way.
        let target = session.target(pair[1]).unwrap();
        let reports = session.compare_to_blocking(&target, &pair).unwrap();
        assert_eq!((reports[0].total, reports[1].total), (got.total, 0.0), "{width}x{height}");
    }
}

/// Beyond what the device binds pictures are cut; no part is larger than a binding or the memory allowed.
#[test]
fn larger_pictures_go_through_in_parts() {
    let (device, queue) = host_device();
    let model = model(&gpu::from_device(device, queue).unwrap(), TAPS);
    for (width, height) in [(725, 724), (100_000, 100_000)] {
        let outline = model.outline(width, height, 1).unwrap();
        assert!(outline.strips.is_cut(), "{width}x{height}");
        assert!(
            outline.strips.slots().iter().all(|&slot| slot <= 134_217_728),
            "{:?}",
            outline.strips.slots()
        );
        assert!(outline.memory.counted() <= Model::DEFAULT_MEMORY);
    }
    model.session(725, 724).unwrap();
    let error = model.with_memory(1 << 10).session(100_000, 100_000).unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("100000x100000") && text.contains("the least that works is"), "{text}");
}

#[test]
fn bad_input_is_an_error_and_the_session_goes_on() {
    let mut session = model(context(), TAPS).session(16, 16).unwrap();
    let scene = Scene::new(16, 16, 1);
    let other = Scene::new(17, 16, 1);
    let nan = [f32::NAN; 16 * 16 * 3];
    let mut refuse = |generated: Image<'_>, part: &str| {
        let message = session.compare_blocking(generated, image(&scene)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        let message = session.target(generated).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refuse(image(&other), "17x16 but the session compares 16x16");
    refuse(Image::rgb8(&scene.rgb[1..], 16, 16), "the slice has 767");
    refuse(Image::rgb_f32(&nan, 16, 16), "x 0, y 0 is NaN");
    assert_eq!(session.compare_blocking(image(&scene), image(&scene)).unwrap().total, 0.0);

    let second = model(context(), TAPS);
    let target = second.session(16, 16).unwrap().target(image(&scene)).unwrap();
    let message = session.compare_to_blocking(&target, &[image(&scene)]).unwrap_err().to_string();
    assert!(message.contains("another model or size"), "{message}");

    for (width, height, part) in [(0, 5, "0x5 has no pixels"), (3, 3, "smallest that works is 4x4")] {
        let message = second.session(width, height).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_those_there_are() {
    let error = Context::gpu_named_blocking("no such adapter").unwrap_err();
    let name = &context().adapter().unwrap().name;
    assert!(error.is_input() && error.to_string().contains(name.as_str()), "{error}");
    let part = name[..name.len().min(6)].to_uppercase();
    assert_eq!(&Context::gpu_named_blocking(&part).unwrap().adapter().unwrap().name, name);
}

#[test]
fn every_adapter_that_is_listed_can_be_opened_and_chosen() {
    let listed = gpu::adapters_blocking();
    assert_eq!(&listed[0].adapter, context().adapter().unwrap(), "the best comes first");
    for (number, available) in listed.iter().enumerate() {
        let opened = available.open_blocking().unwrap();
        assert_eq!(opened.adapter(), Some(&available.adapter));
        let chosen = Context::gpu_named_blocking(&number.to_string()).unwrap();
        assert_eq!(chosen.adapter(), Some(&available.adapter));
        let driver = &available.adapter.driver;
        let chosen = Context::gpu_named_blocking(driver).unwrap();
        assert_eq!(&chosen.adapter().unwrap().driver, driver);
    }
}

#[test]
fn a_destroyed_device_is_named_and_others_go_on() {
    let all = pictures(16, 16, 2);
    let own = gpu_device::open();
    let (host, queue) = host_device();
    for context in [own, gpu::from_device(host, queue).unwrap()] {
        let (device, _) = gpu::device(&context).unwrap();
        let model = model(&context, TAPS);
        let mut session = model.session(16, 16).unwrap();
        session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
        device.destroy();
        for _ in 0..2 {
            let error = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap_err();
            assert!(matches!(error, Error::DeviceLost(_)) && !error.is_input(), "{error:?}");
        }
    }
    let mut session = model(context(), TAPS).session(16, 16).unwrap();
    session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
}

#[test]
fn weights_that_overflow_are_an_error_not_a_number() {
    let mut config = Preset::Vgg19.config();
    config.taps = Tap::parse_list("relu1_2").unwrap();
    config.normalization = "mean=0/0/0,std=1/1/1,scale=1e38,order=rgb".parse().unwrap();
    let model = Model::new(context(), &config, &Weights::seeded(0)).unwrap();
    let all = pictures(8, 8, 2);
    let error = model.session(8, 8).unwrap().compare_blocking(image(&all[0]), image(&all[1])).unwrap_err();
    assert!(error.to_string().contains("range of float32"), "{error}");
}

/// Features that are known without computing them: with no weights, each channel is its bias.
#[test]
fn against_a_zero_target_a_picture_gives_its_mean_squared_or_absolute_feature() {
    let mut parameters = Weights::seeded(1).load(Network::Vgg19, 2).unwrap();
    parameters.convolutions[0].weight.fill(0.0);
    let bias = &parameters.convolutions[0].bias;
    let mean = |value: fn(f64) -> f64| bias.iter().map(|&b| value(b.into())).sum::<f64>() / 64.0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    parameters.write(&path, Precision::F32).unwrap();
    let scene = Scene::new(19, 11, 1);
    for context in [context(), &Context::cpu(), &Context::twin()] {
        for (criterion, expected) in [(Criterion::Mse, mean(|b| b * b)), (Criterion::Mae, mean(f64::abs))] {
            let mut config = Config::default();
            config.taps = Tap::list(&[("conv1_1", 1.0)]);
            config.criterion = criterion;
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
