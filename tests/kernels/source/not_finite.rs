//! Values that are not finite are named, where they are read.

use perceptual_loss::{
    Config, Error, Model, Tap, ToneMap, Transfer, Weights,
    gpu::{BufferLayout, BufferSource, FrameOptions, FrameSession, Recorded, Source, wgpu},
    low_level::{cpu::twin::Texel, gpu::sources},
};

use super::{buffer::Memory, new, texture::Part};
use crate::common::{context, record};

/// What became of a frame of `picture`, compared with `target`.
fn frame(session: &mut FrameSession, target: &Source, picture: &Source) -> Result<f64, Error> {
    let recorded = record(true, |encoder| {
        session.record_target(encoder, target.clone())?;
        session.record(encoder, picture.clone(), 77)
    });
    assert_eq!(recorded, Recorded::Yes);
    let report = session.poll().expect("the frame is done");
    assert_eq!(report.frame, 77);
    report.result.map(|report| report.total)
}

fn frame_session(size: [u32; 2], tone_map: ToneMap) -> FrameSession {
    let mut config = Config::default();
    config.taps = Tap::list(&[("relu1_1", 1.0)]);
    let model = Model::new(context(), &config, &Weights::seeded(1)).unwrap();
    let mut options = FrameOptions::default();
    options.tone_map = tone_map;
    FrameSession::with_options(&model, size[0], size[1], &options).unwrap()
}

/// Sources with one value of `bits` in a channel of one pixel; the fourth channel is alpha.
fn with_one_value(texel: Texel, channel: usize, float: f32) -> Vec<(String, Source)> {
    let size @ [width, height] = [5, 4];
    let pixel = 13;
    let mut filled = new(texel, size, 1, 1);
    let mut bytes = filled.bytes(0, 0).to_vec();
    let half = half::f16::from_f32(float).to_bits();
    let at = pixel * texel.bytes();
    match texel {
        Texel::Rgba32Float => bytes[at + 4 * channel..][..4].copy_from_slice(&float.to_le_bytes()),
        Texel::Rgba16Float => bytes[at + 2 * channel..][..2].copy_from_slice(&half.to_le_bytes()),
        _ => {
            // Without a sign, and with 6 or 5 bits of fraction rather than 10.
            let word = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let (shift, bits, dropped) = [(0, 11, 4), (11, 11, 4), (22, 10, 5)][channel];
            let mask = (1u32 << bits) - 1;
            let value = u32::from(half & 0x7fff) >> dropped;
            let word = word & !(mask << shift) | value << shift;
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
    filled.write(context(), 0, 0, bytes.clone()).unwrap();
    let what = |kind: &str| format!("{float} in channel {channel} of {texel:?}, {kind}");
    let mut all = vec![];
    for transfer in [Transfer::Srgb, Transfer::Linear] {
        let part = Part { transfer: Some(transfer), ..Part::whole(&filled, texel) };
        all.push((what(&format!("a texture, {transfer:?}")), part.source()));
        let make: fn(&wgpu::Buffer, BufferLayout, u32, u32) -> BufferSource = match texel {
            Texel::Rgba32Float => BufferSource::f32,
            Texel::Rgba16Float => BufferSource::f16,
            _ => continue,
        };
        let buffer = sources::buffer(context(), &bytes).unwrap();
        let source = make(&buffer, BufferLayout::Interleaved(4), width, height).transfer(transfer);
        all.push((what(&format!("a buffer, {transfer:?}")), source.into()));
    }
    all
}

/// Whatever becomes of them: a tone map may well make a number of them.
#[test]
fn values_that_are_not_finite_are_named() {
    let good = Part::whole(&new(Texel::Rgba16Float, [5, 4], 1, 1), Texel::Rgba16Float).source();
    for tone_map in ToneMap::ALL {
        let mut session = frame_session([5, 4], tone_map);
        for texel in [Texel::Rg11b10, Texel::Rgba16Float, Texel::Rgba32Float] {
            for (channel, value) in
                [(0, f32::NAN), (1, f32::INFINITY), (2, f32::NAN), (0, f32::NEG_INFINITY), (2, f32::INFINITY)]
            {
                for (what, source) in with_one_value(texel, channel, value) {
                    for (target, picture, part) in [
                        (&good, &source, "the source of frame 77 holds values that are not finite"),
                        (
                            &source,
                            &good,
                            "the target that frame 77 was compared with holds values that are not finite",
                        ),
                        (&source, &source, "the source of frame 77"),
                    ] {
                        match frame(&mut session, target, picture) {
                            Err(Error::Image(text)) => assert!(text.contains(part), "{what}: {text}"),
                            other => panic!("{what}: {other:?}"),
                        }
                    }
                }
            }
        }
        // The next frame is fine.
        assert_eq!(frame(&mut session, &good, &good).unwrap(), 0.0);
    }
}

/// Alpha, padding, and what lies beside the part that is compared may be anything.
#[test]
fn values_that_are_not_read_may_be_anything() {
    let mut session = frame_session([5, 4], ToneMap::Clip);
    for texel in [Texel::Rgba16Float, Texel::Rgba32Float] {
        let good = Part::whole(&new(texel, [5, 4], 1, 1), texel).source();
        for (what, source) in with_one_value(texel, 3, f32::NAN) {
            let total = frame(&mut session, &good, &source).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(total.is_finite(), "{what}");
        }
    }
    for half in [false, true] {
        let memory = Memory { half, size: [5, 4], offset: 3, padding: 3, ..Memory::default() };
        let source = memory.source(&memory.elements()).into();
        assert_eq!(frame(&mut session, &source, &source).unwrap(), 0.0);
    }
    // The pixel at (3, 2) of 5x4 is the one with the value.
    let mut session = frame_session([5, 2], ToneMap::Clip);
    let mut filled = new(Texel::Rgba32Float, [5, 4], 1, 1);
    let mut bytes = filled.bytes(0, 0).to_vec();
    bytes[13 * 16..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    filled.write(context(), 0, 0, bytes).unwrap();
    let part = |top| {
        Part { rectangle: Some(([0, top], [5, 2])), ..Part::whole(&filled, Texel::Rgba32Float) }.source()
    };
    frame(&mut session, &part(0), &part(0)).unwrap();
    assert!(frame(&mut session, &part(0), &part(1)).is_err());
}
