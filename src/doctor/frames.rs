//! What the doctor holds of frames inside a host: its textures and buffers, and the loss that stays on the device.

use super::{
    Bounds, Deviation, TOTAL, compare, compare_totals,
    kernels::all,
    source_bounds,
    sources::{self, Filled},
    values::{Rng, texels, values},
};
use crate::{
    Config, Context, Image, Model, Normalization, Tap, ToneMap, Transfer, Weights,
    cpu::twin::{self, Conversion, NOT_FINITE, Texel, WRITTEN},
    error::Result,
    gpu::{
        BufferLayout, BufferSource, FrameOptions, FrameSession, Gpu, GradientBuffer, Recorded, Source,
        TextureSource,
    },
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

/// Where elements lie in a buffer, from an odd one on, with rows that are padded.
struct Lie {
    first: u32,
    pixel: u32,
    row: u32,
    channel: u32,
    last_row: u32,
}

impl Lie {
    fn new(layout: BufferLayout, [width, height]: [u32; 2]) -> Self {
        let pixel = match layout {
            BufferLayout::Planar => 1,
            BufferLayout::Interleaved(channels) => channels,
        };
        let row = width * pixel + 3;
        let channel = if layout == BufferLayout::Planar { row * height } else { 1 };
        Self { first: 5, pixel, row, channel, last_row: height - 1 }
    }

    /// The element of a channel of the pixel at (x, y) of the buffer.
    fn element(&self, channel: usize, x: u32, y: u32) -> usize {
        (self.first + y * self.row + x * self.pixel) as usize + channel * self.channel as usize
    }

    /// The same of the picture, which may be upside down there.
    fn of_picture(&self, flip: bool, channel: usize, x: u32, y: u32) -> usize {
        self.element(channel, x, if flip { self.last_row - y } else { y })
    }
}

/// Each layout of either float, from odd elements on, as stored and as light, behind a mask and not; and words of levels.
pub(super) fn source_buffer(context: &Context) -> Result<Deviation> {
    let size @ [width, height] = [13, 7];
    let cases = [
        (BufferLayout::Planar, Transfer::Srgb, AS_STORED),
        (BufferLayout::Interleaved(3), Transfer::Linear, light(ToneMap::Aces, 1.5)),
        (BufferLayout::Interleaved(4), Transfer::Linear, light(ToneMap::Reinhard, -2.0)),
    ];
    let background = [0.25, 0.5, 0.0];
    let shares = shares(width * height);
    let mask = sources::buffer(context, bytemuck::cast_slice(&shares))?;
    // The first is another picture's.
    let share = |x: u32, y: u32| f64::from(shares[(1 + y * width + x) as usize]);
    let floats = cases.into_iter().flat_map(|(layout, transfer, (conversion, tone))| {
        let mask = &mask;
        [(true, false), (false, true)].map(move |(half, flip)| {
            // A texel is four elements, of which there are enough for every layout.
            let texel = if half { Texel::Rgba16Float } else { Texel::Rgba32Float };
            let bytes = texels(texel, 1, u64::from(2 * width * height));
            let elements: Vec<f64> = if half {
                let halves = bytes.as_chunks().0.iter();
                halves.map(|bytes| twin::half(u16::from_le_bytes(*bytes).into())).collect()
            } else {
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect()
            };
            let lie = Lie::new(layout, size);
            let buffer = sources::buffer(context, &bytes)?;
            let make = if half { BufferSource::f16 } else { BufferSource::f32 };
            let source = make(&buffer, layout, width, height).offset(lie.first.into()).row_stride(lie.row);
            let source = source.transfer(transfer);
            let source = if flip { source.flip_y() } else { source };
            let masked = transfer == Transfer::Linear;
            let source = if masked { source.mask(mask, 1) } else { source };
            let load = |x, y| {
                let value = [0, 1, 2].map(|c| elements[lie.element(c, x, y)]);
                // Over black: light may be negative, and would cancel.
                if masked { twin::composed(value, share(x, y), [0.0; 3]) } else { value }
            };
            let twin = twin::source(size, flip, conversion, false, load);
            hold_source(context, &source.into(), size, tone, (&twin, false))
        })
    });
    let bytes = texels(Texel::Rgba8, 1, u64::from(width * height));
    let words = sources::buffer(context, &bytes)?;
    let at = |x: u32, y: u32| &bytes[4 * (y * width + x) as usize..];
    let levels = BufferSource::rgba8(&words, width, height);
    let of_levels = twin::source(size, false, Conversion::AsStored, true, |x, y| Texel::Rgba8.load(at(x, y)));
    let by_alpha = levels.clone().mask_by_alpha().background(background.map(|v| v as f32));
    let of_alpha = twin::source(size, false, Conversion::AsStored, false, |x, y| {
        twin::composed(Texel::Rgba8.load(at(x, y)), f64::from(at(x, y)[3]) / 255.0, background)
    });
    let words = [(levels, of_levels, true), (by_alpha, of_alpha, false)].map(|(source, twin, levels)| {
        hold_source(context, &source.into(), size, (ToneMap::Clip, 0.0), (&twin, levels))
    });
    all(floats.chain(words))
}

/// A mask's values, and one before them: none, a little and all of a pixel.
fn shares(pixels: u32) -> Vec<f32> {
    (0..=pixels).map(|i| [0.5, 0.0, 1.0, 0.25][i as usize % 4]).collect()
}

/// A gradient in each layout, from odd elements on, over what is there and added to it, behind a mask and not, and of a loss with faults.
/// Weights and masks are powers of two: what rounds is one sum.
pub(super) fn source_gradient(context: &Context) -> Result<Deviation> {
    let size @ [width, height] = [13, 7];
    let pixels = width * height;
    let shares = shares(pixels);
    let mask = sources::buffer(context, bytemuck::cast_slice(&shares))?;
    let pictures = sources::buffer(context, &vec![0; 12 * pixels as usize])?;
    let source = BufferSource::f32(&pictures, BufferLayout::Planar, width, height);
    let upside_down = source.clone().mask(&mask, 1).flip_y();
    let share = |x: u32, y: u32| f64::from(shares[(1 + (height - 1 - y) * width + x) as usize]);
    let gradient = values(2, u64::from(3 * pixels));
    let before = values(3, u64::from(4 * (width + 1) * height + 5 + 3 * height));
    let cases = [
        (BufferLayout::Planar, (false, false, 0), -0.5),
        (BufferLayout::Interleaved(3), (true, true, 0), 2.0),
        (BufferLayout::Interleaved(4), (true, false, 0), 4.0),
        (BufferLayout::Interleaved(4), (false, true, 2), 1.0),
        (BufferLayout::Planar, (true, true, 256), 1.0),
    ];
    all(cases.into_iter().map(|(layout, (masked, adds, faults), weight)| {
        let lie = Lie::new(layout, size);
        let mut expected = before.clone();
        let element = |channel, x, y| lie.of_picture(masked, channel, x, y);
        let share = |x, y| if masked { share(x, y) } else { 1.0 };
        let asked = (f64::from(weight), adds, faults);
        twin::source_gradient(&gradient, size, asked, share, element, &mut expected);
        let source = if masked { &upside_down } else { &source };
        let made = sources::write_gradient(context, (&gradient, faults), source, &before, |buffer| {
            let into = GradientBuffer::new(buffer, layout, width, height).weight(weight);
            let into = into.offset(lie.first.into()).row_stride(lie.row);
            let into = if masked { into.flip_y() } else { into };
            if adds { into.adds() } else { into }
        })?;
        Ok(compare(&made, &expected, &Bounds::Bits))
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
