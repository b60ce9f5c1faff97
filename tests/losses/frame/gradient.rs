//! Gradients of frames, in a host's buffers.

use perceptual_loss::{
    Error, Image, Transfer,
    gpu::{BufferLayout, BufferSource, FrameOptions, FrameSession, GradientBuffer, Recorded, wgpu},
};

use super::{loss, reported};
use crate::{
    TAPS, buffer_memory,
    comparison::{bits, image, scenes},
    host::Host,
};

const SIZE: [u32; 2] = [37, 29];
const PIXELS: usize = 37 * 29;

/// How elements lie in a buffer: so many before the picture, and so many behind each row.
#[derive(Clone, Copy, Debug)]
struct Lie {
    layout: BufferLayout,
    first: usize,
    padding: usize,
    flip: bool,
}

impl Lie {
    const PLAIN: Self = Self { layout: BufferLayout::Planar, first: 0, padding: 0, flip: false };

    fn row(self) -> usize {
        self.padding
            + 37 * match self.layout {
                BufferLayout::Interleaved(channels) => channels as usize,
                _ => 1,
            }
    }

    /// Where element `index` of shape (3, H, W) lies.
    fn element(self, index: usize) -> usize {
        let [channel, y, x] = [index / PIXELS, index % PIXELS / 37, index % 37];
        let y = if self.flip { 28 - y } else { y };
        self.first
            + match self.layout {
                BufferLayout::Interleaved(channels) => y * self.row() + x * channels as usize + channel,
                _ => (channel * 29 + y) * self.row() + x,
            }
    }

    /// Enough elements of a value of their own for the picture and some behind it.
    fn room(self) -> Vec<f32> {
        (0..self.first + 5 * 29 * self.row()).map(|k| (k % 97) as f32).collect()
    }

    fn lay(self, planes: &[f32]) -> Vec<f32> {
        let mut elements = self.room();
        planes.iter().enumerate().for_each(|(index, value)| elements[self.element(index)] = *value);
        elements
    }

    fn source(self, buffer: &wgpu::Buffer) -> BufferSource {
        let source = BufferSource::f32(buffer, self.layout, SIZE[0], SIZE[1]);
        let source = source.offset(self.first as u64).row_stride(self.row() as u32);
        if self.flip { source.flip_y() } else { source }
    }

    fn into(self, buffer: &wgpu::Buffer) -> GradientBuffer {
        let into = GradientBuffer::new(buffer, self.layout, SIZE[0], SIZE[1]);
        let into = into.offset(self.first as u64).row_stride(self.row() as u32);
        if self.flip { into.flip_y() } else { into }
    }
}

/// A picture's values, planes of red, green and blue, beyond 0 and 1 too.
fn values(seed: u64) -> Vec<f32> {
    let scene = &scenes(SIZE[0], SIZE[1], seed + 1)[seed as usize];
    let plane = |c: usize| scene.rgb.iter().skip(c).step_by(3).map(|&v| f32::from(v) / 128.0 - 0.25);
    (0..3).flat_map(plane).collect()
}

fn planar(values: &[f32]) -> Image<'_> {
    Image::planar_f32(values, SIZE[0], SIZE[1])
}

fn with_gradients() -> FrameOptions {
    let mut options = FrameOptions::default();
    options.gradients = true;
    options
}

/// What a session gives of pictures in the host's memory: the loss, and the gradient.
fn in_memory(model: &perceptual_loss::Model, picture: &[f32], target: &[f32]) -> (Vec<u64>, Vec<f32>) {
    let mut session = model.session(SIZE[0], SIZE[1]).unwrap();
    let target = session.target(planar(target)).unwrap();
    let (report, gradient) = session.loss_and_gradient_blocking(planar(picture), &target).unwrap();
    (bits(&report), gradient.into_values())
}

fn float_bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// In every layout, anywhere in a buffer, weighted, over what is there and added to it: the bits that a session gives. Nothing beside the
/// gradient is written.
#[test]
fn a_frames_gradient_has_the_bits_of_a_sessions() {
    let host = Host::baseline();
    let model = host.model(TAPS);
    let [picture, target] = [values(0), values(1)];
    let (expected, gradient) = in_memory(&model, &picture, &target);
    assert!(gradient.iter().any(|value| *value != 0.0));
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    let truth = host.buffer(&target);
    host.frame(|encoder| session.record_target(encoder, Lie::PLAIN.source(&truth)).unwrap());
    let lie = |layout, first, padding, flip| Lie { layout, first, padding, flip };
    for (number, (from, to, weight, adds)) in [
        (Lie::PLAIN, Lie::PLAIN, 1.0, false),
        (
            lie(BufferLayout::Interleaved(3), 0, 0, false),
            lie(BufferLayout::Interleaved(3), 0, 0, false),
            0.5,
            true,
        ),
        (
            lie(BufferLayout::Interleaved(4), 7, 3, true),
            lie(BufferLayout::Interleaved(4), 64, 0, true),
            -2.0,
            true,
        ),
        (
            lie(BufferLayout::Planar, 1001, 1, false),
            lie(BufferLayout::Interleaved(4), 3, 5, false),
            4.0,
            false,
        ),
        (lie(BufferLayout::Interleaved(5), 2, 0, true), lie(BufferLayout::Planar, 333, 2, false), 1.0, true),
    ]
    .into_iter()
    .enumerate()
    {
        let pictures = host.buffer(&from.lay(&picture));
        let before = to.room();
        let gradients = host.buffer(&before);
        let into = to.into(&gradients).weight(weight);
        let into = if adds { into.adds() } else { into };
        let number = number as u64;
        let recorded = host.frame(|encoder| {
            session.record_gradient(encoder, &from.source(&pictures), &into, number).unwrap()
        });
        assert_eq!(recorded, Recorded::Yes);
        let made = host.read(&gradients);
        let mut all = before;
        for (index, value) in gradient.iter().enumerate() {
            let element = &mut all[to.element(index)];
            *element = weight * value + if adds { *element } else { 0.0 };
        }
        assert_eq!(float_bits(&made), float_bits(&all), "{from:?} to {to:?}");
        assert_eq!(reported(session.poll()), (number, expected.clone()));
    }
    // The picture and its gradient in one buffer, and a frame without a gradient between.
    let both = host.buffer(&[picture.clone(), vec![0.0; 3 * PIXELS]].concat());
    let behind = Lie { first: 3 * PIXELS, ..Lie::PLAIN };
    host.frame(|encoder| {
        session.record(encoder, Lie::PLAIN.source(&both), 10).unwrap();
        session.record_gradient(encoder, &Lie::PLAIN.source(&both), &behind.into(&both), 11).unwrap();
    });
    assert_eq!(float_bits(&host.read(&both)), float_bits(&[picture, gradient].concat()));
    assert_eq!(
        [reported(session.poll()), reported(session.poll())],
        [(10, expected.clone()), (11, expected)]
    );
}

/// Against what a session kept, and where there is no room for a target's maps: the same bits.
#[test]
fn any_target_gives_the_same_gradient() {
    let host = Host::open();
    let model = host.model(TAPS);
    let [picture, target] = [values(0), values(1)];
    let (expected, gradient) = in_memory(&model, &picture, &target);
    let pictures = host.buffer(&picture);
    let truth = host.buffer(&target);
    let gradients = host.buffer(&vec![0.0; 3 * PIXELS]);
    let made = |session: &mut FrameSession| {
        let source = Lie::PLAIN.source(&pictures);
        let into = Lie::PLAIN.into(&gradients);
        host.frame(|encoder| session.record_gradient(encoder, &source, &into, 0).unwrap());
        // Reading waits for the frame.
        let gradient = float_bits(&host.read(&gradients));
        (reported(session.poll()).1, gradient)
    };
    let new = |model| FrameSession::with_options(model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    let expected = (expected, float_bits(&gradient));
    let mut given = new(&model);
    let kept = model.session(SIZE[0], SIZE[1]).unwrap().target(planar(&target)).unwrap();
    given.set_target(&kept).unwrap();
    assert_eq!(made(&mut given), expected);
    let mut short = new(&model.with_memory(1));
    host.frame(|encoder| short.record_target(encoder, Lie::PLAIN.source(&truth)).unwrap());
    assert_eq!(made(&mut short), expected);
}

/// Packed levels are a picture's of 8 bits.
#[test]
fn a_target_of_packed_words_is_a_files() {
    let host = Host::open();
    let model = host.model(TAPS);
    let scene = &scenes(SIZE[0], SIZE[1], 1)[0];
    let picture = values(1);
    let mut files = model.session(SIZE[0], SIZE[1]).unwrap();
    let target = files.target(image(scene)).unwrap();
    let (report, gradient) = files.loss_and_gradient_blocking(planar(&picture), &target).unwrap();

    let word = |rgb: &[u8]| f32::from_bits(u32::from_le_bytes([rgb[0], rgb[1], rgb[2], 77]));
    let words = host.buffer(&scene.rgb.chunks(3).map(word).collect::<Vec<_>>());
    let pictures = host.buffer(&picture);
    let gradients = host.buffer(&vec![0.0; 3 * PIXELS]);
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, BufferSource::rgba8(&words, SIZE[0], SIZE[1])).unwrap();
        let source = Lie::PLAIN.source(&pictures);
        session.record_gradient(encoder, &source, &Lie::PLAIN.into(&gradients), 0).unwrap();
    });
    assert_eq!(float_bits(&host.read(&gradients)), float_bits(gradient.values()));
    assert_eq!(reported(session.poll()), (0, bits(&report)));
}

/// What a mask hides has the background's values and no gradient; what it half shows, half of it.
#[test]
fn masks_are_composed_before_and_multiplied_behind() {
    let host = Host::open();
    let model = host.model(TAPS);
    let [mut picture, target] = [values(0), values(1)];
    let background = [0.25, 0.5, 1.0];
    // In the order of rows in memory, which are upside down; one element is before it.
    let mask: Vec<f32> = (0..=PIXELS).map(|k| [0.5, 1.0, 0.0, 1.0, 1.0][k % 5]).collect();
    let shown = |index: usize| mask[1 + (28 - index % PIXELS / 37) * 37 + index % 37];
    let composed = |values: &[f32]| -> Vec<f32> {
        let of = |(k, value): (usize, &f32)| shown(k) * value + (1.0 - shown(k)) * background[k / PIXELS];
        values.iter().enumerate().map(of).collect()
    };
    let (expected, gradient) = in_memory(&model, &composed(&picture), &composed(&target));
    let gradient: Vec<f32> = gradient.iter().enumerate().map(|(k, value)| shown(k) * value).collect();
    // What is hidden may be anything.
    let hidden = (0..PIXELS).find(|&k| shown(k) == 0.0).unwrap();
    picture[hidden] = f32::NAN;

    let lie = Lie { flip: true, ..Lie::PLAIN };
    let masks = host.buffer(&mask);
    let masked = |buffer| lie.source(buffer).mask(&masks, 1).background(background);
    let [pictures, truth] = [&picture, &target].map(|values| host.buffer(&lie.lay(values)));
    let gradients = host.buffer(&vec![0.0; 3 * PIXELS]);
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, masked(&truth)).unwrap();
        let into = Lie::PLAIN.into(&gradients);
        session.record_gradient(encoder, &masked(&pictures), &into, 0).unwrap();
    });
    assert_eq!(host.read(&gradients), gradient);
    assert_eq!(reported(session.poll()), (0, expected));
}

/// A frame with faults has no gradient: what is there stays where it would be added, and is 0 elsewhere.
#[test]
fn a_frame_with_faults_adds_nothing() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    let [mut picture, target] = [values(0), values(1)];
    picture[50] = f32::INFINITY;
    let [pictures, truth] = [&picture, &target].map(|values| host.buffer(values));
    let [added, written] = [(); 2].map(|()| host.buffer(&vec![3.0; 3 * PIXELS]));
    host.frame(|encoder| {
        session.record_target(encoder, Lie::PLAIN.source(&truth)).unwrap();
        let source = Lie::PLAIN.source(&pictures);
        session.record_gradient(encoder, &source, &Lie::PLAIN.into(&added).adds(), 0).unwrap();
        session.record_gradient(encoder, &source, &Lie::PLAIN.into(&written), 1).unwrap();
    });
    assert_eq!(host.read(&added), vec![3.0; 3 * PIXELS]);
    assert_eq!(host.read(&written), vec![0.0; 3 * PIXELS]);
    for _ in 0..2 {
        assert!(matches!(session.poll().unwrap().result, Err(Error::Image(_))));
    }
    assert_eq!(loss(&host, &session).faults & 255, 1);
}

/// Nothing is recorded where something is wrong, and it is said in one line.
#[test]
fn what_has_no_gradient_is_named() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let mut session = FrameSession::with_options(&model, 16, 16, &with_gradients()).unwrap();
    let floats = |count: usize| host.buffer(&vec![0.0; count]);
    let [picture, gradient] = [(); 2].map(|()| floats(3 * 256));
    let source = BufferSource::f32(&picture, BufferLayout::Planar, 16, 16);
    let into = GradientBuffer::new(&gradient, BufferLayout::Planar, 16, 16);
    let refused = |session: &mut FrameSession, source: &BufferSource, into: &GradientBuffer, part: &str| {
        let text = session.record_gradient(&mut host.encoder(), source, into, 0).unwrap_err().to_string();
        assert!(text.contains(part) && !text.contains('\n'), "{text}");
    };
    refused(&mut session, &source, &into, "record_target() first");
    host.frame(|encoder| session.record_target(encoder, source.clone()).unwrap());
    let read_only = host.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 3 * 256 * 4,
        usage: wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let large = floats(4 * 256);
    // A source whose buffer is known already is refused as any other is.
    host.frame(|encoder| session.record_gradient(encoder, &source, &into, 0).unwrap());
    for (source, into, part) in [
        (
            source.clone().transfer(Transfer::Linear),
            into.clone(),
            "its light is tone-mapped and encoded first",
        ),
        (
            BufferSource::f32(&large, BufferLayout::Interleaved(4), 16, 16).mask_by_alpha(),
            into.clone(),
            "alpha is a value as any other",
        ),
        (
            source.clone().mask(&gradient, 0),
            into.clone(),
            "its mask is in the buffer that the gradient goes to",
        ),
        (source.clone().mask(&large, 769), into.clone(), "that of a picture of 16x16 ends at element 1025"),
        (
            source.clone().mask(&read_only, 0),
            into.clone(),
            "the mask cannot be read: its buffer was made without",
        ),
        (source.clone().mask_by_alpha(), into.clone(), "alpha is a value as any other"),
        (source.clone().background([0.0, f32::NAN, 0.0]), into.clone(), "is not finite"),
        (
            source.clone(),
            GradientBuffer::new(&gradient, BufferLayout::Planar, 12, 16).offset(0),
            "the gradient's buffer is for 12x16 but the session compares 16x16",
        ),
        (
            source.clone(),
            GradientBuffer::new(&large, BufferLayout::Planar, 16, 16),
            "the buffer cannot take the gradient: a picture of 16x16 ends at element 768; it has 1024",
        ),
        (
            source.clone(),
            GradientBuffer::new(&read_only, BufferLayout::Planar, 16, 16),
            "the buffer cannot take the gradient: it was made without the usage STORAGE",
        ),
        (source.clone(), into.clone().weight(f32::NAN), "a gradient cannot be multiplied by NaN"),
    ] {
        refused(&mut session, &source, &into, part);
    }
    let mut without = FrameSession::new(&model, 16, 16).unwrap();
    host.frame(|encoder| without.record_target(encoder, source.clone()).unwrap());
    refused(&mut without, &source, &into, "make it with FrameOptions::gradients");
    // Targets may be masked by their alpha.
    let by_alpha = BufferSource::f32(&large, BufferLayout::Interleaved(4), 16, 16).mask_by_alpha();
    host.frame(|encoder| session.record_target(encoder, by_alpha).unwrap());
}

/// A full ring, or as many buffers in use as there is room for, is an answer.
#[test]
fn a_gradient_may_find_no_room() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let mut options = with_gradients();
    options.in_flight = 2;
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &options).unwrap();
    let pictures = host.buffer(&values(0));
    let gradients = host.buffer(&vec![0.0; 3 * PIXELS]);
    let source = Lie::PLAIN.source(&pictures);
    let into = Lie::PLAIN.into(&gradients);
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, source.clone()).unwrap();
    let recorded = [0, 1, 2].map(|k| session.record_gradient(&mut encoder, &source, &into, k).unwrap());
    assert_eq!(recorded, [Recorded::Yes, Recorded::Yes, Recorded::NoRoom]);
    host.submit(encoder);
    host.wait();
    assert_eq!([reported(session.poll()).0, reported(session.poll()).0], [0, 1]);
    options.in_flight = 3;
    options.sources = 1;
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &options).unwrap();
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, source.clone()).unwrap();
    let recorded = [0.5, 0.5, 0.25].map(|weight| {
        session.record_gradient(&mut encoder, &source, &into.clone().weight(weight), 0).unwrap()
    });
    assert_eq!(recorded, [Recorded::Yes, Recorded::Yes, Recorded::NoRoom]);
    host.submit(encoder);
    host.wait();
    let other = into.weight(0.25);
    let recorded = host.frame(|encoder| session.record_gradient(encoder, &source, &other, 0).unwrap());
    assert_eq!(recorded, Recorded::Yes);
}

/// A part of a buffer that is too large to bind, as those are that other libraries give out parts of.
#[test]
fn parts_of_large_buffers_are_bound() {
    let host = Host::baseline();
    let limits = host.device.limits();
    let bytes = limits.max_storage_buffer_binding_size + (1 << 20);
    if bytes > limits.max_buffer_size {
        return println!("no buffer of this device is too large to bind");
    }
    let model = host.model("relu1_2");
    let [picture, target] = [values(0), values(1)];
    let (expected, gradient) = in_memory(&model, &picture, &target);
    let pool = host.empty_buffer(bytes);
    let at = |place: u64| Lie { first: (bytes / 4 - place * 3 * PIXELS as u64) as usize, ..Lie::PLAIN };
    let words = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    for (place, values) in [(1, &picture), (2, &target)] {
        host.queue.write_buffer(&pool, 4 * at(place).first as u64, &words(values));
    }
    let out = host.empty_buffer(4 * 3 * PIXELS as u64);
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    host.frame(|encoder| {
        session.record_target(encoder, at(2).source(&pool)).unwrap();
        session.record_gradient(encoder, &at(1).source(&pool), &at(3).into(&pool), 0).unwrap();
        encoder.copy_buffer_to_buffer(&pool, 4 * at(3).first as u64, &out, 0, out.size());
    });
    assert_eq!(float_bits(&host.read(&out)), float_bits(&gradient));
    assert_eq!(reported(session.poll()), (0, expected));
}

/// After the first frame nothing is created, and what a session takes with gradients is what it says.
#[test]
fn gradients_take_what_is_told() {
    let host = Host::open();
    let model = host.model(TAPS);
    drop(FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap());
    host.submit(host.encoder());
    let pictures = host.buffer(&values(0));
    let gradients = host.buffer(&vec![0.0; 3 * PIXELS]);
    host.submit(host.encoder());
    host.wait();
    let before = buffer_memory(&host.device);
    let mut session = FrameSession::with_options(&model, SIZE[0], SIZE[1], &with_gradients()).unwrap();
    let plain = FrameSession::new(&model, SIZE[0], SIZE[1]).unwrap().memory();
    let (source, into) = (Lie::PLAIN.source(&pictures), Lie::PLAIN.into(&gradients));
    let mut frame = |number: u64| {
        host.frame(|encoder| {
            if number == 0 {
                session.record_target(encoder, source.clone()).unwrap();
            }
            session.record_gradient(encoder, &source, &into, number).unwrap();
        });
        host.wait();
        reported(session.poll());
        host.objects()
    };
    let first = frame(0);
    assert_eq!([frame(1), frame(2)], [first, first]);
    let memory = session.memory();
    assert!(memory.features > plain.features, "{memory:?} and {plain:?}");
    let (taken, told) = (buffer_memory(&host.device) - before, memory.total() + memory.target);
    println!("{told} bytes told, {taken} allocated");
    assert!(taken >= told && taken <= told + 48 * 4096, "{taken} bytes allocated, {told} told");
}
