//! What the doctor holds of frames inside a host: its textures and buffers, and the loss that stays on the device.

use super::{
    Bounds, Deviation, TOTAL, compare, compare_totals,
    kernels::all,
    source_bounds,
    sources::{self, Filled},
    values::{Rng, texels},
};
use crate::{
    Config, Context, Image, Model, Normalization, Tap, ToneMap, Transfer, Weights,
    cpu::twin::{self, Conversion, NOT_FINITE, Texel, WRITTEN},
    error::Result,
    gpu::{BufferLayout, BufferSource, FrameOptions, FrameSession, Gpu, Recorded, Source, TextureSource},
};

/// What is asked of a source: a conversion, and the tone of the session that makes it that.
type Asked = (Conversion, (ToneMap, f32));

const AS_STORED: Asked = (Conversion::AsStored, (ToneMap::Clip, 0.0));
const ENCODED: Asked = (Conversion::Encode, (ToneMap::Clip, 0.0));

fn light(map: ToneMap, stops: f32) -> Asked {
    (Conversion::ToneMap(map, stops.into()), (map, stops))
}

/// A source of `size` against the picture of its twin, which is uploaded: what comes after both is the same.
fn hold_source(
    context: &Context,
    source: &Source,
    size: [u32; 2],
    tone: (ToneMap, f32),
    (twin, levels): (&[u32], bool),
) -> Result<Deviation> {
    let twin = sources::load_packed(context, twin, size, levels)?;
    let result = sources::load(context, source, size, Normalization::NONE, tone)?;
    Ok(compare(&result, &twin, &if levels { Bounds::Bits } else { source_bounds(&twin) }))
}

/// Textures of levels, which must be the same to the bit, and of light in each tone map: all of them or a part of a
/// mip of a layer, either way up.
pub(super) fn source_texture(context: &Context) -> Result<Deviation> {
    let cases = [
        (Texel::Rgba8, true, AS_STORED),
        (Texel::Rgba8Srgb, true, ENCODED),
        (Texel::Bgra8Srgb, true, ENCODED),
        (Texel::Rgb10a2, false, AS_STORED),
        (Texel::Rg11b10, false, light(ToneMap::Aces, 1.0)),
        (Texel::Rgba16Float, false, light(ToneMap::Clip, 0.0)),
        (Texel::Rgba16Float, false, light(ToneMap::Aces, -2.0)),
        (Texel::Rgba16Float, false, light(ToneMap::Reinhard, 1.5)),
    ];
    let parts =
        [(0, 0, [0, 0], [37, 23], false), (0, 1, [0, 0], [37, 23], true), (1, 1, [3, 2], [13, 9], true)];
    all(cases.into_iter().flat_map(|(texel, levels, (conversion, tone))| {
        parts.map(|(mip, layer, origin @ [left, top], size, flip)| {
            let filled = Filled::new(context, texel, [37, 23], 2, 2, 1)?;
            let source = TextureSource::new(&filled.texture).mip(mip).layer(layer).rectangle(origin, size);
            let source = if flip { source.flip_y() } else { source };
            let load = |x, y| filled.load(mip, layer, [left + x, top + y]);
            let twin = twin::source(size, flip, conversion, levels, load);
            hold_source(context, &source.into(), size, tone, (&twin, levels))
        })
    }))
}

/// Each layout of either float, from odd elements on, as stored and as light.
pub(super) fn source_buffer(context: &Context) -> Result<Deviation> {
    let size @ [width, height] = [13, 7];
    let cases = [
        (BufferLayout::Planar, Transfer::Srgb, AS_STORED),
        (BufferLayout::Interleaved(3), Transfer::Linear, light(ToneMap::Aces, 1.5)),
        (BufferLayout::Interleaved(4), Transfer::Linear, light(ToneMap::Reinhard, -2.0)),
    ];
    all(cases.into_iter().flat_map(|(layout, transfer, (conversion, tone))| {
        [(true, false), (false, true)].map(|(half, flip)| {
            // A texel is four elements, of which there are enough for every layout.
            let texel = if half { Texel::Rgba16Float } else { Texel::Rgba32Float };
            let bytes = texels(texel, 1, u64::from(2 * width * height));
            let elements: Vec<f64> = if half {
                let halves = bytes.as_chunks().0.iter();
                halves.map(|bytes| twin::half(u16::from_le_bytes(*bytes).into())).collect()
            } else {
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect()
            };
            let pixel = match layout {
                BufferLayout::Planar => 1,
                BufferLayout::Interleaved(channels) => channels,
            };
            let (first, row) = (5, width * pixel + 3);
            let channel = if layout == BufferLayout::Planar { row * height } else { 1 };

            let buffer = sources::buffer(context, &bytes)?;
            let make = if half { BufferSource::f16 } else { BufferSource::f32 };
            let source = make(&buffer, layout, width, height).offset(first.into()).row_stride(row);
            let source = source.transfer(transfer);
            let source = if flip { source.flip_y() } else { source };
            let load =
                |x, y| [0, 1, 2].map(|c| elements[(first + y * row + x * pixel + c * channel) as usize]);
            let twin = twin::source(size, flip, conversion, false, load);
            hold_source(context, &source.into(), size, tone, (&twin, false))
        })
    }))
}

/// Totals, faults and numbers of comparisons. The sums that are added up may be wrong by other kernels: they must be
/// those of the same pictures as files.
pub(super) fn total(context: &Context) -> Result<Deviation> {
    let size @ [width, height] = [6, 5];
    // More taps than the parameters have factors in a word of four.
    let taps = [
        ("conv1_1", 1.0),
        ("relu1_1", 0.5),
        ("conv1_2", 3.0),
        ("relu1_2", 0.25),
        ("conv2_1", 7.0),
        ("relu2_1", 0.75),
    ];
    let config = Config { taps: Tap::list(&taps), ..Config::default() };
    let model = Model::new(context, &config, &Weights::seeded(0))?;
    let mut rng = Rng::new(3);
    let noise: Vec<u8> = (0..width * height * 3).map(|_| rng.bits() as u8).collect();
    // Black is black with its colours wrong or upside down: faults of a source's shader are not this one's.
    let black = vec![0; 4 * (width * height) as usize];

    let mut files = model.session(width, height)?;
    let target = files.target(Image::rgb8(&noise, width, height))?;
    let (mut sums, mut factors) = (vec![], vec![]);
    for report in files.compare_to_blocking(&target, &[Image::rgba8(&black, width, height)])? {
        for layer in report.layers {
            let count = layer.shape.into_iter().map(f64::from).product::<f64>();
            sums.push((layer.loss * count) as f32);
            factors.push(layer.weight / count);
        }
    }

    let picture = filled(context, Texel::Rgba8, size, &[0; 4])?;
    let infinite = filled(context, Texel::Rgba32Float, size, &f32::INFINITY.to_le_bytes().repeat(4))?;
    let mut frames = Frames::new(context, &model, size)?;
    const INFINITE: u32 = WRITTEN | NOT_FINITE;
    // Recorded, and never submitted.
    frames.session.record_target(&mut encoder(frames.gpu), &picture.texture)?;
    let (never, _) = frames.compare(&picture, [WRITTEN, 0])?;
    frames.target(&infinite)?;
    let (infinite_target, _) = frames.compare(&picture, [WRITTEN, INFINITE])?;
    frames.session.set_target(&target)?;
    let (infinite_picture, _) = frames.compare(&infinite, [INFINITE, WRITTEN])?;
    let (good, loss) = frames.compare(&picture, [WRITTEN, WRITTEN])?;
    let own_sums: Vec<f64> = sums.iter().copied().map(f64::from).collect();
    let sums_kept = compare_totals(&loss[3..], &own_sums, 0.0);
    let added_up = compare_totals(&loss[..1], &[twin::total(&sums, &factors)], TOTAL);
    let all = [never, infinite_target, infinite_picture, good, sums_kept, added_up];
    Ok(all.into_iter().collect())
}

/// A texture of one colour.
fn filled(context: &Context, texel: Texel, size: [u32; 2], bytes: &[u8]) -> Result<Filled> {
    let mut filled = Filled::new(context, texel, size, 1, 1, 0)?;
    filled.write(context, 0, 0, bytes.repeat((size[0] * size[1]) as usize))?;
    Ok(filled)
}

/// A session whose results stay on the device.
struct Frames<'a> {
    gpu: &'a Gpu,
    session: FrameSession,
    compared: u32,
}

impl<'a> Frames<'a> {
    fn new(context: &'a Context, model: &Model, [width, height]: [u32; 2]) -> Result<Self> {
        let options = FrameOptions { in_flight: 0, ..FrameOptions::default() };
        let session = FrameSession::with_options(model, width, height, &options)?;
        Ok(Self { gpu: sources::gpu_of(context)?, session, compared: 0 })
    }

    fn target(&mut self, target: &Filled) -> Result<()> {
        let mut encoder = encoder(self.gpu);
        self.session.record_target(&mut encoder, &target.texture)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Compares a picture and reads the loss: how far its faults and its number are from those of these headers and
    /// of one comparison more, and its words as floats.
    fn compare(&mut self, picture: &Filled, [header, target]: [u32; 2]) -> Result<(Deviation, Vec<f32>)> {
        let mut encoder = encoder(self.gpu);
        if self.session.record(&mut encoder, &picture.texture, 0)? == Recorded::Yes {
            self.compared += 1;
        }
        self.gpu.queue.submit([encoder.finish()]);
        let loss = self.session.loss_buffer();
        let words: Vec<u32> = self.gpu.read(loss, 0, loss.size())?;
        // What convolutions note of an infinity is not looked at here.
        let told = [words[1] & 255, words[2]];
        let expected = [twin::faults(header, target, 0), self.compared].map(f64::from);
        Ok((compare_totals(&told, &expected, 0.0), words.into_iter().map(f32::from_bits).collect()))
    }
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}
