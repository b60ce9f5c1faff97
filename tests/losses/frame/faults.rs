//! What is wrong is named, and the host's frame goes on.

use std::time::Duration;

use perceptual_loss::{
    Config, Context, Error, Model, Weights,
    gpu::{self, FrameOptions, FrameReport, FrameSession, Recorded, TextureSource, wgpu},
};

use super::reported;
use crate::{comparison::scenes, host::Host};

/// Nothing of ours is left in the encoder where something is wrong, and the host's frame goes on.
#[test]
fn what_is_wrong_is_said_before_anything_is_recorded() {
    let [host, stranger] = Host::open_two();
    let model = host.model("relu1_1");
    let texture = host.texture(&scenes(16, 16, 1)[0]);
    let large = host.texture(&scenes(17, 16, 1)[0]);
    let mut session = FrameSession::new(&model, 16, 16).unwrap();
    let foreign = stranger.texture(&scenes(16, 16, 1)[0]);
    host.frame(|encoder| {
        let mut refuse = |source: gpu::Source, part: &str| {
            let text = session.record_target(encoder, source).unwrap_err().to_string();
            assert!(text.contains(part) && !text.contains('\n'), "{text}");
        };
        refuse((&large).into(), "the source is 17x16 but the session compares 16x16");
        refuse(
            TextureSource::new(&large).rectangle([2, 0], [16, 16]).into(),
            "reaches beyond the 17x16 of mip 0",
        );
        refuse((&foreign).into(), "the device refused a source's bind group");
        session.record_target(encoder, TextureSource::new(&large).rectangle([1, 0], [16, 16])).unwrap();
        let text = session.proceed(encoder, Duration::ZERO).unwrap_err().to_string();
        assert!(text.contains("no comparison in slices is under way"), "{text}");
        let text = session.begin(encoder, &texture, 0).unwrap_err().to_string();
        assert!(text.contains("measure_blocking()"), "{text}");
    });
    host.wait();
    let fresh = FrameSession::new(&model, 16, 16).unwrap().record(&mut host.encoder(), &texture, 0);
    assert!(fresh.unwrap_err().to_string().contains("record_target() first"));
    let mut options = FrameOptions::default();
    options.exposure = f32::NAN;
    let text = FrameSession::with_options(&model, 16, 16, &options).unwrap_err().to_string();
    assert!(text.contains("exposure of NaN stops"), "{text}");
    let cpu = Model::new(&Context::cpu(), &Config::default(), &Weights::seeded(1)).unwrap();
    assert!(FrameSession::new(&cpu, 16, 16).unwrap_err().to_string().contains("computes on the CPU"));
}

/// What never ran has no loss, and what the slot held before is not taken for one.
#[test]
fn commands_that_are_dropped_or_refused_are_named() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 2);
    let [a, b] = [0, 1].map(|k| host.texture(&all[k]));
    let mut session = FrameSession::new(&model, 16, 16).unwrap();
    host.frame(|encoder| session.record_target(encoder, &a).unwrap());
    let expected = {
        host.frame(|encoder| session.record(encoder, &b, 0).unwrap());
        host.wait();
        reported(session.poll()).1
    };
    // The host gives a frame up.
    let mut encoder = host.encoder();
    session.record(&mut encoder, &b, 1).unwrap();
    assert!(session.poll().is_none(), "it may be submitted still");
    drop(encoder);
    let error = |report: Option<FrameReport>| {
        let FrameReport { frame, result, .. } = report.unwrap();
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Device(_)), "{error:?}");
        (frame, error.to_string())
    };
    let (frame, text) = error(session.poll());
    assert!(frame == 1 && text.contains("frame 1 was recorded, but its commands were dropped"), "{text}");

    // The host makes a mistake of its own, and its submission is refused.
    let doomed = host.texture(&all[0]);
    let scope = host.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let mut encoder = host.encoder();
    for frame in 2..4 {
        session.record(&mut encoder, &b, frame).unwrap();
    }
    encoder.clear_texture(&doomed, &wgpu::ImageSubresourceRange::default());
    doomed.destroy();
    host.submit(encoder);
    host.wait();
    assert!(pollster::block_on(scope.pop()).is_some(), "the submission is refused");
    for expected in 2..4 {
        let (frame, text) = error(session.poll());
        assert_eq!(frame, expected);
        assert!(text.contains(&format!("frame {frame} was not compared")), "{text}");
    }
    host.frame(|encoder| session.record(encoder, &b, 4).unwrap());
    host.wait();
    assert_eq!(reported(session.poll()), (4, expected));
}

/// Whatever is asked for first after the loss.
#[test]
fn a_device_lost_between_frames_is_named() {
    type Ask = fn(&mut FrameSession, &mut wgpu::CommandEncoder, &wgpu::Texture) -> Result<(), Error>;
    let asked: [(&str, Ask); 5] = [
        ("its first target", |session, encoder, texture| session.record_target(encoder, texture)),
        ("a frame", |session, encoder, texture| session.record(encoder, texture, 1).map(drop)),
        ("another target", |session, encoder, texture| session.record_target(encoder, texture)),
        ("times", |session, _, _| session.measure_blocking()),
        ("a slice", |session, encoder, _| session.proceed(encoder, Duration::from_millis(1)).map(drop)),
    ];
    let scene = &scenes(16, 16, 1)[0];
    for (what, ask) in asked {
        let host = Host::open();
        let texture = host.texture(scene);
        let mut session = FrameSession::new(&host.model("relu1_1"), 16, 16).unwrap();
        if what != "its first target" {
            session.measure_blocking().unwrap();
            host.frame(|encoder| session.record_target(encoder, &texture).unwrap());
        }
        if what == "a slice" {
            let begun = host.frame(|encoder| session.begin(encoder, &texture, 0).unwrap());
            assert_eq!(begun, Recorded::Yes);
        }
        let mut encoder = host.encoder();
        let other = host.texture(scene);
        host.device.destroy();
        let mut asked = ask(&mut session, &mut encoder, &other);
        if asked.is_ok() {
            // Nothing of it failed yet: the result does.
            host.submit(encoder);
            asked =
                pollster::block_on(session.next_report()).map_or(Ok(()), |report| report.result.map(drop));
        }
        match asked {
            Err(error) => assert!(matches!(error, Error::DeviceLost(_)), "{what}: {error:?}"),
            Ok(()) => assert_eq!(what, "a slice", "none is done yet"),
        }
    }
}

/// A target whose encoder was dropped is no target.
#[test]
fn a_target_that_was_never_submitted_is_seen() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let texture = host.texture(&scenes(16, 16, 1)[0]);
    let mut session = FrameSession::new(&model, 16, 16).unwrap();
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, &texture).unwrap();
    drop(encoder);
    host.frame(|encoder| session.record(encoder, &texture, 0).unwrap());
    host.wait();
    let text = session.poll().unwrap().result.unwrap_err().to_string();
    assert!(text.contains("target whose commands were never submitted"), "{text}");
}

#[test]
fn a_destroyed_device_is_named_and_another_goes_on() {
    let [host, other] = Host::open_two();
    let all = scenes(16, 16, 2);
    let start = |host: &Host| {
        let mut session = FrameSession::new(&host.model("relu1_1"), 16, 16).unwrap();
        let [a, b] = [0, 1].map(|k| host.texture(&all[k]));
        host.frame(|encoder| {
            session.record_target(encoder, &b).unwrap();
            session.record(encoder, &a, 0).unwrap();
        });
        (session, a)
    };
    let ((mut session, texture), (mut others, others_texture)) = (start(&host), start(&other));
    host.wait();
    session.poll().unwrap().result.unwrap();
    // Between recording and submitting.
    let mut encoder = host.encoder();
    session.record(&mut encoder, &texture, 1).unwrap();
    host.device.destroy();
    host.submit(encoder);
    let _ = host.device.poll(wgpu::PollType::wait_indefinitely());
    let lost = |result: Result<_, Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::DeviceLost(_)) && !error.is_input(), "{error:?}");
        error.to_string()
    };
    let report = session.poll().unwrap();
    assert_eq!(report.frame, 1);
    println!("{}", lost(report.result.map(drop)));
    lost(session.record(&mut other.encoder(), &texture, 2).map(drop));
    lost(session.measure_blocking());
    assert!(session.poll().is_none());

    other.wait();
    let expected = reported(others.poll()).1;
    other.frame(|encoder| others.record(encoder, &others_texture, 1).unwrap());
    other.wait();
    assert_eq!(reported(others.poll()), (1, expected));

    // A host that knows says so, and what is in flight need not come.
    other.frame(|encoder| others.record(encoder, &others_texture, 2).unwrap());
    others.device_lost("driver reset");
    let report = others.poll().unwrap();
    assert!(lost(report.result.map(drop)).contains("driver reset"));
}
