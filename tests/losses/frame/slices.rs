//! A comparison spread over frames.

use std::time::{Duration, Instant};

use perceptual_loss::{
    ModelOptions, Tuning,
    gpu::{FrameSession, Progress, wgpu},
};

use super::{assert_is, loss, reported};
use crate::{
    TAPS,
    comparison::{bits, model_with, scenes},
    host::Host,
};

#[test]
fn slices_give_the_same_bits() {
    hold_slices(TAPS, &ModelOptions::default(), 100, Duration::from_millis(5));
    let taps = "relu1_1=1,conv1_2=1,pool1=1";
    for tuning in Tuning::all() {
        hold_slices(taps, &ModelOptions::default().tunings(tuning), 70, Duration::ZERO);
    }
    // Without room for a target's maps, which every frame computes again.
    hold_slices(taps, &ModelOptions::default().memory(1), 70, Duration::ZERO);
}

/// By hand: `cargo test --test losses slices_of_50_ms -- --ignored --nocapture`.
#[test]
#[ignore = "takes half a minute on a software driver, and its times are for reading"]
fn slices_of_50_ms() {
    let taps = "relu1_2=1,relu2_2=0.75,relu3_3=0.5,relu4_2=0.25";
    hold_slices(taps, &ModelOptions::default(), 256, Duration::from_millis(50));
}

fn hold_slices(taps: &str, options: &ModelOptions, size: u32, budget: Duration) {
    let host = Host::open();
    let model = model_with(&host.context(), taps, options);
    let all = scenes(size, size, 3);
    let [a, b, other] = [0, 1, 2].map(|k| host.texture(&all[k]));
    let mut session = FrameSession::new(&model, size, size).unwrap();
    session.measure_blocking().unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, &b).unwrap();
        session.record(encoder, &a, 0).unwrap();
    });
    host.wait();
    let whole = reported(session.poll()).1;
    let objects = host.objects();

    // A target in slices, and a frame whose texture is drawn over as soon as it was copied.
    host.frame(|encoder| session.begin_target(encoder, &b).unwrap());
    let target = sliced(&host, &mut session, budget);
    let drawn = host.texture(&all[0]);
    host.frame(|encoder| session.begin(encoder, &drawn, 1).unwrap());
    let rgba = vec![99; 4 * (size * size) as usize];
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * size), rows_per_image: None };
    host.queue.write_texture(drawn.as_image_copy(), &rgba, layout, drawn.size());
    let text = session.record(&mut host.encoder(), &a, 9).unwrap_err().to_string();
    assert!(text.contains("a comparison in slices is under way"), "{text}");
    let frame = sliced(&host, &mut session, budget);
    let report = session.poll().unwrap();
    let report = report.result.unwrap();
    assert_eq!(bits(&report), whole, "the same bits as unsliced");
    assert_is(&loss(&host, &session), &report);
    let created: Vec<_> =
        host.objects().into_iter().zip(objects).skip(2).map(|(after, before)| after - before).collect();
    assert_eq!(host.objects()[0], objects[0], "no buffer");
    assert_eq!(created, [1, 1, 0, 0, 0, 0], "a view and a bind group of the texture that was drawn over");

    // One that is given up leaves the session usable.
    host.frame(|encoder| session.begin(encoder, &other, 2).unwrap());
    let _ = host.frame(|encoder| session.proceed(encoder, budget).unwrap());
    session.cancel();
    host.frame(|encoder| session.record(encoder, &a, 3).unwrap());
    host.wait();
    assert_eq!(reported(session.poll()), (3, whole));
    println!(
        "{size}x{size} in slices of {budget:?}: a target in {} slices, the longest {:.1} ms; a frame in {}, the longest {:.1} ms",
        target.1,
        target.0 * 1e3,
        frame.1,
        frame.0 * 1e3
    );
    assert!(target.1 + frame.1 > 7, "there is something to slice");
}

/// Runs a comparison in slices as a host would, one a frame, and gives the longest in seconds and their number.
fn sliced(host: &Host, session: &mut FrameSession, budget: Duration) -> (f64, usize) {
    let mut times = vec![];
    loop {
        let mut encoder = host.encoder();
        let progress = session.proceed(&mut encoder, budget).unwrap();
        let commands = encoder.finish();
        let start = Instant::now();
        host.queue.submit([commands]);
        host.wait();
        times.push(start.elapsed().as_secs_f64());
        if progress == Progress::Done {
            break;
        }
    }
    (times.iter().copied().fold(0.0, f64::max), times.len())
}
