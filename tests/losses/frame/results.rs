//! What comes back of a frame, and how: through the ring, awaited, or not at all.

use perceptual_loss::{
    Model,
    gpu::{self, FrameOptions, FrameSession, Recorded, wgpu},
};

use super::{assert_is, loss, reported};
use crate::{
    TAPS,
    comparison::{bits, image, scenes},
    host::Host,
};

#[test]
fn a_frame_has_the_bits_of_the_pictures_files() {
    let host = Host::open();
    let model = host.model(TAPS);
    let all = scenes(37, 29, 4);
    let mut files = model.session(37, 29).unwrap();
    let mut expected =
        |k: usize, target: usize| bits(&files.compare_blocking(image(&all[k]), image(&all[target])).unwrap());

    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut session = FrameSession::new(&model, 37, 29).unwrap();
    // The target changes in the middle, in the encoder of the frame.
    for (number, (frame, target)) in [(0, 3), (1, 3), (2, 1), (3, 1)].into_iter().enumerate() {
        let recorded = host.frame(|encoder| {
            if number % 2 == 0 {
                session.record_target(encoder, &textures[target]).unwrap();
            }
            session.record(encoder, &textures[frame], 100 + number as u64).unwrap()
        });
        assert_eq!(recorded, Recorded::Yes);
        host.wait();
        assert_eq!(reported(session.poll()), (100 + number as u64, expected(frame, target)));
        assert!(session.poll().is_none());
    }

    // Against a target that a session made from a file, and back to the one that was recorded.
    let target = model.session(37, 29).unwrap().target(image(&all[0])).unwrap();
    session.set_target(&target).unwrap();
    host.frame(|encoder| session.record(encoder, &textures[2], 7).unwrap());
    host.wait();
    assert_eq!(reported(session.poll()), (7, expected(2, 0)));
    let other = host.model("relu1_1").session(37, 29).unwrap().target(image(&all[0])).unwrap();
    let message = session.set_target(&other).unwrap_err().to_string();
    assert!(message.contains("by another context"), "{message}");
}

/// Where the model's memory has no room for a target's maps, each frame computes them again from its picture.
#[test]
fn a_target_without_room_for_its_maps_gives_the_same_bits() {
    let host = Host::open();
    let model = host.model(TAPS);
    let all = scenes(37, 29, 3);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let frames = |model: &Model| {
        let mut session = FrameSession::new(model, 37, 29).unwrap();
        let mut frames = vec![];
        for (number, (frame, target)) in [(0, 2), (1, 2), (2, 1)].into_iter().enumerate() {
            host.frame(|encoder| {
                if number != 1 {
                    session.record_target(encoder, &textures[target]).unwrap();
                }
                session.record(encoder, &textures[frame], number as u64).unwrap();
            });
            host.wait();
            frames.push(reported(session.poll()));
        }
        (frames, session.memory())
    };
    let (expected, roomy) = frames(&model);
    let (got, short) = frames(&model.with_memory(1));
    assert_eq!(got, expected);
    // The picture alone is kept: less than a single map is.
    assert!(short.target < 4 * 64 * 37 * 29 && roomy.target > 4 * 64 * 37 * 29, "{short:?} and {roomy:?}");
    assert!(short.total() + short.target < roomy.total() + roomy.target, "{short:?} and {roomy:?}");
}

#[test]
fn a_full_ring_is_an_answer() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let texture = host.texture(&scenes(16, 16, 1)[0]);
    let mut options = FrameOptions::default();
    options.in_flight = 2;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    // All in one encoder, so that nothing can come back meanwhile.
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, &texture).unwrap();
    let recorded = [0, 1, 2].map(|frame| session.record(&mut encoder, &texture, frame).unwrap());
    assert_eq!(recorded, [Recorded::Yes, Recorded::Yes, Recorded::NoRoom]);
    host.submit(encoder);
    host.wait();
    assert_eq!(session.in_flight(), 2);
    assert_eq!([reported(session.poll()).0, reported(session.poll()).0], [0, 1]);
    assert!(session.poll().is_none());
    assert_eq!(host.frame(|encoder| session.record(encoder, &texture, 3).unwrap()), Recorded::Yes);
}

#[test]
fn reports_can_be_awaited() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let texture = host.texture(&scenes(16, 16, 1)[0]);
    let mut session = FrameSession::new(&model, 16, 16).unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, &texture).unwrap();
        session.record(encoder, &texture, 0).unwrap();
        session.record(encoder, &texture, 1).unwrap();
    });
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| host.wait());
        pollster::block_on(async {
            for frame in 0..2 {
                let report = session.next_report().await.unwrap();
                assert_eq!((report.frame, report.result.unwrap().total), (frame, 0.0));
            }
            assert!(session.next_report().await.is_none(), "nothing is in flight");
        });
        poll.join().unwrap();
    });
}

/// With no ring the result stays on the device, and there is always room.
#[test]
fn without_a_ring_nothing_is_read_back() {
    let host = Host::open();
    let model = host.model("relu1_1,relu1_2");
    let all = scenes(16, 16, 2);
    let [a, b] = [0, 1].map(|k| host.texture(&all[k]));
    let mut options = FrameOptions::default();
    options.in_flight = 0;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    host.frame(|encoder| session.record_target(encoder, &b).unwrap());
    for frame in 0..5 {
        let recorded = host.frame(|encoder| session.record(encoder, &a, frame).unwrap());
        assert_eq!(recorded, Recorded::Yes);
    }
    host.wait();
    assert!(session.poll().is_none());
    let expected = model.session(16, 16).unwrap().compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    let loss = loss(&host, &session);
    assert_eq!((loss.faults, loss.number), (0, 5));
    assert_is(&loss, &expected);
}

#[test]
fn no_pixel_is_read_back() {
    let host = Host::open();
    let taps = "relu1_1,relu1_2,relu2_1";
    let model = host.model(taps);
    let all = scenes(64, 64, 2);
    // The host's textures cannot be copied from: see `Host::texture`.
    let [a, b] = [0, 1].map(|k| host.texture(&all[k]));
    assert!(!a.usage().contains(wgpu::TextureUsages::COPY_SRC));
    let mut session = FrameSession::new(&model, 64, 64).unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, &b).unwrap();
        session.record(encoder, &a, 0).unwrap();
    });
    host.wait();
    assert!(session.poll().unwrap().result.unwrap().total > 0.0);
    // Three words and a sum for each tap are all that comes back of a frame of 4096 pixels.
    assert_eq!(session.readback_bytes(), 4 * (3 + 3));
}

#[test]
fn sessions_are_send() {
    fn send<T: Send>() {}
    send::<FrameSession>();
    send::<gpu::Source>();
}
