//! Inside a host's frame: commands recorded into its encoders, results polled, slices, and faults.

use std::time::Duration;

use perceptual_loss::{
    Config, Context, Error, Model, Report, Weights,
    gpu::{self, FrameOptions, FrameReport, FrameSession, Progress, Recording, TextureSource, wgpu},
};

use crate::host::{Host, bits, image, reported, scenes};

const TAPS: &str = "relu1_2=1,conv2_1=0.5,relu3_1=2";

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
        assert_eq!(recorded, Recording::Recorded);
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
    let other = host.model(TAPS).session(37, 29).unwrap().target(image(&all[0])).unwrap();
    assert!(session.set_target(&other).unwrap_err().to_string().contains("another model or size"));
}

/// A new texture costs one view and one bind group; more of them than are kept take the places of the oldest.
#[test]
fn a_new_texture_costs_a_view_and_a_bind_group() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 6);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut options = FrameOptions::default();
    options.sources = 4;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    host.frame(|encoder| session.record_target(encoder, &textures[0]).unwrap());
    let mut compare = |k: usize| {
        host.frame(|encoder| session.record(encoder, &textures[k], 0).unwrap());
        host.wait();
        let loss = reported(session.poll()).1;
        (loss, host.objects())
    };
    let first = compare(0);
    // Places 1 to 3 are taken, then those of 0 and 1; 2 is known still, and 0 is not.
    let mut created = vec![];
    let mut before = first.1;
    for k in [1, 2, 3, 4, 5, 2, 0] {
        let (_, after) = compare(k);
        created.push([after[2] - before[2], after[3] - before[3]]);
        let others =
            |objects: [isize; 8]| [objects[0], objects[1], objects[4], objects[5], objects[6], objects[7]];
        assert_eq!(others(after), others(before), "no buffer, texture, pipeline");
        before = after;
    }
    assert_eq!(created, [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0], [0, 0], [0, 0]]);
    assert_eq!(compare(0), (first.0, before));
    session.forget_sources();
    let after = host.objects();
    assert_eq!([before[2] - after[2], before[3] - after[3]], [4, 4]);
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
    assert_eq!(recorded, [Recording::Recorded, Recording::Recorded, Recording::Full]);
    host.submit(encoder);
    host.wait();
    assert_eq!(session.in_flight(), 2);
    assert_eq!([reported(session.poll()).0, reported(session.poll()).0], [0, 1]);
    assert!(session.poll().is_none());
    assert_eq!(host.frame(|encoder| session.record(encoder, &texture, 3).unwrap()), Recording::Recorded);
}

/// More sources in one encoder than there is room for: a frame is left out, and a target is an error.
#[test]
fn sources_in_use_keep_their_places() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 4);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut options = FrameOptions::default();
    options.sources = 2;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, &textures[0]).unwrap();
    let recorded = [1, 0, 2].map(|k| session.record(&mut encoder, &textures[k], k as u64).unwrap());
    assert_eq!(recorded, [Recording::Recorded, Recording::Recorded, Recording::Full]);
    let text = session.record_target(&mut encoder, &textures[3]).unwrap_err().to_string();
    assert!(text.contains("raise FrameOptions::sources"), "{text}");
    host.submit(encoder);
    host.wait();
    let mut files = model.session(16, 16).unwrap();
    for k in [1, 0] {
        let expected = bits(&files.compare_blocking(image(&all[k]), image(&all[0])).unwrap());
        assert_eq!(reported(session.poll()), (k as u64, expected));
    }
    host.frame(|encoder| session.record_target(encoder, &textures[3]).unwrap());
    assert_eq!(host.frame(|encoder| session.record(encoder, &textures[2], 2).unwrap()), Recording::Recorded);
    host.wait();
    let expected = bits(&files.compare_blocking(image(&all[2]), image(&all[3])).unwrap());
    assert_eq!(reported(session.poll()), (2, expected));
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
        assert_eq!(recorded, Recording::Recorded);
    }
    host.wait();
    assert!(session.poll().is_none());
    let expected = model.session(16, 16).unwrap().compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    let loss = host.loss(&session);
    assert_eq!((loss.faults, loss.number), (0, 5));
    loss.assert_is(&expected);
}

/// What a shader of the host's would find.
struct Loss {
    total: f32,
    faults: u32,
    number: u32,
    sums: Vec<f32>,
}

impl Loss {
    /// Each sum is the one that the report was made from; the total was rounded on the way.
    fn assert_is(&self, report: &Report) {
        assert_eq!(self.sums.len(), report.layers.len());
        for (sum, layer) in self.sums.iter().zip(&report.layers) {
            let elements: u32 = layer.shape.iter().product();
            assert_eq!(f64::from(*sum) / f64::from(elements), layer.loss, "{}", layer.name);
        }
        let off = (f64::from(self.total) / report.total - 1.0).abs();
        assert!(off < 1e-6, "{} and {}", self.total, report.total);
    }
}

impl Host {
    fn loss(&self, session: &FrameSession) -> Loss {
        let buffer = session.loss_buffer();
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.frame(|encoder| encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size()));
        staging.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
        self.wait();
        let view = staging.get_mapped_range(..).unwrap();
        let words: Vec<u32> =
            view.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        Loss {
            total: f32::from_bits(words[0]),
            faults: words[1],
            number: words[2],
            sums: words[3..].iter().map(|&word| f32::from_bits(word)).collect(),
        }
    }
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

/// Runs a comparison in slices as a host would, one a frame, and gives the longest in seconds and their number.
fn sliced(host: &Host, session: &mut FrameSession, budget: Duration) -> (f64, usize) {
    let mut times = vec![];
    loop {
        let mut encoder = host.encoder();
        let progress = session.proceed(&mut encoder, budget).unwrap();
        let commands = encoder.finish();
        let start = std::time::Instant::now();
        host.queue.submit([commands]);
        host.wait();
        times.push(start.elapsed().as_secs_f64());
        if progress == Progress::Done {
            break;
        }
    }
    (times.iter().copied().fold(0.0, f64::max), times.len())
}

fn hold_slices(taps: &str, size: u32, budget: Duration) {
    let host = Host::open();
    let model = host.model(taps);
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
    host.loss(&session).assert_is(&report);
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
    assert!(target.1 > 3 && frame.1 > 3, "there is something to slice");
}

#[test]
fn slices_give_the_same_bits() {
    hold_slices(TAPS, 100, Duration::from_millis(5));
    hold_slices("relu1_1=1,conv1_2=1,pool1=1", 70, Duration::ZERO);
}

/// By hand: `cargo test --test losses slices_of_50_ms -- --ignored --nocapture`.
#[test]
#[ignore = "takes half a minute on a software driver, and its times are for reading"]
fn slices_of_50_ms() {
    hold_slices("relu1_2=1,relu2_2=0.75,relu3_3=0.5,relu4_2=0.25", 256, Duration::from_millis(50));
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

#[test]
fn memory_is_what_is_allocated() {
    let host = Host::open();
    let model = host.model(TAPS);
    // The first session uploads the weights and compiles.
    drop(FrameSession::new(&model, 16, 16).unwrap());
    host.submit(host.encoder());
    let allocated = || {
        host.objects();
        host.device.get_internal_counters().hal.buffer_memory.read()
    };
    let before = allocated();
    let mut session = FrameSession::new(&model, 101, 67).unwrap();
    let texture = host.texture(&scenes(101, 67, 1)[0]);
    host.frame(|encoder| session.record_target(encoder, &texture).unwrap());
    host.wait();
    let (taken, told) = ((allocated() - before) as u64, session.memory().total());
    println!("{told} bytes told, {taken} allocated");
    assert!(taken >= told && taken <= told + 24 * 4096, "{taken} bytes allocated, {told} told");
}
