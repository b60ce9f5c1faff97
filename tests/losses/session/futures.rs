//! Futures: who wakes them, and giving one up.

use perceptual_loss::gpu::wgpu;

use crate::{
    TAPS,
    comparison::{image, model, scenes},
    gpu_device,
    host::Host,
};

#[test]
fn a_future_on_an_own_device_completes_with_nothing_else_running() {
    let context = gpu_device::open();
    let all = scenes(20, 20, 2);
    let mut session = model(&context, TAPS).session(20, 20).unwrap();
    let blocking = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    for _ in 0..3 {
        let report = pollster::block_on(session.compare(image(&all[0]), image(&all[1]))).unwrap();
        assert_eq!(report, blocking);
    }
}

#[test]
fn a_future_on_a_host_device_is_woken_by_the_hosts_polling() {
    let host = Host::baseline();
    let all = scenes(20, 20, 2);
    let mut session = model(&host.context(), TAPS).session(20, 20).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                host.device.poll(wgpu::PollType::Poll).unwrap();
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
    let all = scenes(20, 20, 3);
    let mut session = model(&Host::baseline().context(), TAPS).session(20, 20).unwrap();
    let expected = session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    {
        // Nobody polls the host's device, so the first poll of the future submits and finds nothing yet.
        let mut future = Box::pin(session.compare(image(&all[2]), image(&all[1])));
        assert!(future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(session.compare_blocking(image(&all[0]), image(&all[1])).unwrap(), expected);
}
