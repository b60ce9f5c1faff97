//! `shaders/source.texture.wgsl` and `shaders/source.buffer.wgsl` against `src/cpu/twin/source.rs`, and against the
//! same pixels as files.

use std::fmt;

use perceptual_loss::{
    Config, Error, Image, Model, Normalization, Tap, ToneMap, Transfer, Weights,
    cpu::twin::{self, Conversion, Texel},
    doctor::{
        SOURCE, source_bounds,
        sources::{self, Filled},
        values::texels,
    },
    encode_srgb,
    gpu::{
        self, BufferLayout, BufferSource, FrameOptions, FrameSession, Recording, Source, TextureSource, wgpu,
    },
    plan::{Operation, Plan, Region, Tensor},
};

use crate::common::{Bounds, PIXELS, compare, context, parameters, sizes};

const NORMALIZATIONS: [Normalization; 4] =
    [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE];

const NO_TONE: (ToneMap, f32) = (ToneMap::Clip, 0.0);

fn tones() -> impl Iterator<Item = (ToneMap, f32)> {
    ToneMap::ALL.into_iter().flat_map(|map| [-2.0, 0.0, 1.5].map(|stops| (map, stops)))
}

fn is_float(texel: Texel) -> bool {
    matches!(texel, Texel::Rg11b10 | Texel::Rgba16Float | Texel::Rgba32Float)
}

fn is_8bit(texel: Texel) -> bool {
    matches!(texel, Texel::Rgba8 | Texel::Rgba8Srgb | Texel::Bgra8 | Texel::Bgra8Srgb)
}

fn is_srgb(texel: Texel) -> bool {
    matches!(texel, Texel::Rgba8Srgb | Texel::Bgra8Srgb)
}

fn new(texel: Texel, size: [u32; 2], mips: u32, layers: u32) -> Filled {
    Filled::new(context(), texel, size, mips, layers, 1).unwrap()
}

fn load(source: &Source, size: [u32; 2], normalization: Normalization, tone: (ToneMap, f32)) -> Vec<f32> {
    sources::load(context(), source, size, normalization, tone).unwrap()
}

/// What a picture as a file of the same pixels becomes.
fn load_file(image: Image<'_>, normalization: Normalization) -> Vec<f32> {
    let executor = executor([image.width(), image.height()], normalization);
    executor.run(0..1, &[image]).unwrap();
    executor.read_blocking(0).unwrap()
}

/// Pixels of one picture, and nothing of them.
fn executor([width, height]: [u32; 2], normalization: Normalization) -> gpu::Executor {
    let mut plan = Plan::empty(1);
    let output = plan.tensor("pixels", 3, Region::whole(width, height));
    plan.push("pixels", Operation::Pixels { normalization }, None, Some(output));
    gpu::Executor::new(context(), plan.finish().unwrap(), parameters(vec![])).unwrap()
}

/// What the twins make of a source that has red, green and blue where `load` says.
fn on_twin(
    size @ [width, height]: [u32; 2],
    flip: bool,
    (conversion, levels): (Conversion, bool),
    load: impl Fn(u32, u32) -> [f64; 3],
) -> Vec<f32> {
    let packed = twin::source(size, flip, conversion, levels, load);
    let tensor = Tensor::new("pixels", 1, 3, Region::whole(width, height));
    let mut values = vec![0.0; tensor.elements() as usize];
    twin::pixels(&packed, &Normalization::NONE, (&tensor, &mut values));
    values
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A texture, and which part of it is taken how.
#[derive(Clone, Copy)]
struct Part<'a> {
    filled: &'a Filled,
    texel: Texel,
    mip: u32,
    layer: u32,
    rectangle: Option<([u32; 2], [u32; 2])>,
    flip: bool,
    transfer: Option<Transfer>,
}

impl<'a> Part<'a> {
    fn whole(filled: &'a Filled, texel: Texel) -> Self {
        Self { filled, texel, mip: 0, layer: 0, rectangle: None, flip: false, transfer: None }
    }

    fn source(self) -> Source {
        let mut source = TextureSource::new(&self.filled.texture).mip(self.mip).layer(self.layer);
        if let Some((origin, extent)) = self.rectangle {
            source = source.rectangle(origin, extent);
        }
        if self.flip {
            source = source.flip_y();
        }
        if let Some(transfer) = self.transfer {
            source = source.transfer(transfer);
        }
        source.into()
    }

    fn rectangle(self) -> ([u32; 2], [u32; 2]) {
        self.rectangle.unwrap_or(([0, 0], self.filled.size(self.mip)))
    }

    /// What is done to its values, and whether they become levels, by the documentation of `TextureSource`.
    fn conversion(self, (map, stops): (ToneMap, f32)) -> (Conversion, bool) {
        let levels = is_8bit(self.texel);
        match (self.texel, self.transfer) {
            (Texel::Rgba8 | Texel::Bgra8, None | Some(Transfer::Srgb)) => (Conversion::AsStored, levels),
            (Texel::Rgba8Srgb | Texel::Bgra8Srgb, None | Some(Transfer::Linear)) => {
                (Conversion::Encode, levels)
            }
            (Texel::Rgb10a2, None) => (Conversion::AsStored, false),
            (texel, None | Some(Transfer::Linear)) if is_float(texel) => {
                (Conversion::ToneMap(map, f64::from(stops)), false)
            }
            (_, Some(Transfer::Srgb)) => (Conversion::AsStored, false),
            (_, None | Some(Transfer::Linear)) => (Conversion::Encode, false),
        }
    }

    /// Holds it against the twin and returns the largest relative difference.
    fn hold(self, tone: (ToneMap, f32)) -> f64 {
        let ([left, top], size) = self.rectangle();
        let conversion @ (how, levels) = self.conversion(tone);
        let twin = on_twin(size, self.flip, conversion, |x, y| {
            self.filled.load(self.mip, self.layer, [left + x, top + y])
        });
        let bounds = if levels {
            Bounds::Relative(PIXELS, twin.clone())
        } else if how == Conversion::AsStored && is_float(self.texel) {
            Bounds::Bits
        } else {
            source_bounds(&twin)
        };
        let result = load(&self.source(), size, Normalization::NONE, tone);
        let judged = if is_srgb(self.texel) && how == Conversion::AsStored {
            // What the device itself makes linear may be half a level off, as a level, by Direct3D's rules.
            let level = |value: &f32| (encode_srgb(f64::from(*value)) * 255.0) as f32;
            let [result, twin] = [&result, &twin].map(|values| values.iter().map(level).collect::<Vec<_>>());
            compare(&result, &twin, &Bounds::Relative(0.5, vec![1.0; twin.len()]))
        } else {
            compare(&result, &twin, &bounds)
        };
        judged.unwrap_or_else(|what| panic!("{self}, {tone:?}: {what}"))
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texel, mip, layer, rectangle, flip, transfer, .. } = self;
        let size = self.filled.size(0);
        write!(f, "{texel:?} {size:?}, mip {mip}, layer {layer}, {rectangle:?}, flip {flip}, {transfer:?}")
    }
}

#[test]
fn every_format_and_tone_map() {
    for texel in Texel::ALL {
        for size in sizes("1x1 3x5 31x33 64x17") {
            Part::whole(&new(texel, size, 1, 1), texel).hold(NO_TONE);
        }
    }
    for tone @ (map, stops) in tones() {
        let worst = [Texel::Rg11b10, Texel::Rgba16Float, Texel::Rgba32Float].map(|texel| {
            let largest = Part::whole(&new(texel, [128, 128], 1, 1), texel).hold(tone);
            format!("{texel:?} {largest:.1e}")
        });
        println!("source.texture, {map} at {stops} stops: {}, allowed {SOURCE:e}", worst.join(", "));
    }
}

/// Every float16 from 0 up, and every float32 around the knee of the sRGB curve and around white.
#[test]
fn every_shade() {
    let size = [256, 256];
    let mut filled = new(Texel::Rgba32Float, size, 1, 1);
    let halves = (0..0x7c00).map(|bits| twin::half(bits) as f32);
    let near =
        |value: f32| (value.to_bits() - 4000..value.to_bits() + 4000).map(f32::from_bits).collect::<Vec<_>>();
    let mut shades: Vec<f32> = halves.chain([0.003_130_8, 1.0].into_iter().flat_map(near)).collect();
    shades.resize(4 * 256 * 256, 0.5);
    filled.write(context(), 0, 0, shades.iter().flat_map(|shade| shade.to_le_bytes()).collect()).unwrap();
    for tone @ (map, stops) in tones() {
        let largest = Part::whole(&filled, Texel::Rgba32Float).hold(tone);
        println!("source.texture, {map} at {stops} stops: every shade {largest:.1e}, allowed {SOURCE:e}");
    }
}

/// Black is black at any exposure, though its factor be more than a float32 holds.
#[test]
fn any_exposure() {
    let mut filled = new(Texel::Rgba32Float, [3, 1], 1, 1);
    let shades = [0.0f32, 1e-6, 5.0].map(|shade| [shade; 4]);
    filled
        .write(context(), 0, 0, shades.iter().flatten().flat_map(|shade| shade.to_le_bytes()).collect())
        .unwrap();
    for stops in [-1e30, -1000.0, -126.0, 127.0, 128.0, 1000.0, 1e30] {
        for map in ToneMap::ALL {
            Part::whole(&filled, Texel::Rgba32Float).hold((map, stops));
        }
    }
}

/// The pixels of a screenshot are the same, to the bit, whether a texture or a file holds them.
#[test]
fn textures_of_8_bits_are_as_files() {
    for texel in Texel::ALL.into_iter().filter(|&texel| is_8bit(texel)) {
        let filled = new(texel, [37, 23], 1, 1);
        let mut rgba = filled.bytes(0, 0).to_vec();
        if matches!(texel, Texel::Bgra8 | Texel::Bgra8Srgb) {
            rgba.chunks_mut(4).for_each(|texel| texel.swap(0, 2));
        }
        let source = Part::whole(&filled, texel).source();
        for normalization in NORMALIZATIONS {
            let file = load_file(Image::rgba8(&rgba, 37, 23), normalization);
            let texture = load(&source, [37, 23], normalization, NO_TONE);
            assert_eq!(bits(&texture), bits(&file), "{texel:?}, {normalization}");
        }
    }
}

/// Floats that are sRGB already are the same, to the bit, as those of a file.
#[test]
fn textures_of_floats_as_stored_are_as_files() {
    for texel in Texel::ALL.into_iter().filter(|&texel| is_float(texel)) {
        let filled = new(texel, [37, 23], 1, 1);
        let floats: Vec<f32> = filled
            .bytes(0, 0)
            .chunks(texel.bytes())
            .flat_map(|bytes| texel.load(bytes))
            .map(|v| v as f32)
            .collect();
        let source = Part { transfer: Some(Transfer::Srgb), ..Part::whole(&filled, texel) }.source();
        for normalization in NORMALIZATIONS {
            let file = load_file(Image::rgb_f32(&floats, 37, 23), normalization);
            // No tone map is asked of values that are no light.
            let texture = load(&source, [37, 23], normalization, (ToneMap::Aces, 3.0));
            assert_eq!(bits(&texture), bits(&file), "{texel:?}, {normalization}");
        }
    }
}

#[test]
fn every_transfer_of_every_format() {
    for texel in Texel::ALL {
        let filled = new(texel, [37, 23], 1, 1);
        for transfer in [Transfer::Srgb, Transfer::Linear] {
            let part = Part { transfer: Some(transfer), ..Part::whole(&filled, texel) };
            let largest = part.hold((ToneMap::Reinhard, 1.0));
            println!("source.texture, {texel:?} as {transfer:?}: {largest:.1e}");
        }
    }
}

/// Parts of odd mips: all of one, single texels in its corners, its edges, and what lies inside; either way up.
#[test]
fn mips_layers_rectangles_and_flips() {
    for texel in [Texel::Rgba8, Texel::Bgra8Srgb, Texel::Rgb10a2, Texel::Rgba16Float] {
        let filled = new(texel, [37, 23], 4, 3);
        for (mip, layer) in (0..4).flat_map(|mip| (0..3).map(move |layer| (mip, layer))) {
            let [w, h] = filled.size(mip);
            let rectangles = [
                ([0, 0], [1, 1]),
                ([w - 1, 0], [1, 1]),
                ([0, h - 1], [1, 1]),
                ([w - 1, h - 1], [1, 1]),
                ([0, 0], [1, h]),
                ([w - 1, 0], [1, h]),
                ([0, 0], [w, 1]),
                ([0, h - 1], [w, 1]),
                ([w / 3, h / 2], [w - w / 3 - 1, h - h / 2]),
                ([1, 0], [w - 1, h - 1]),
            ];
            for rectangle in rectangles.into_iter().map(Some).chain([None]) {
                for flip in [false, true] {
                    let part = Part { mip, layer, rectangle, flip, ..Part::whole(&filled, texel) };
                    part.hold((ToneMap::Aces, -1.0));
                }
            }
        }
    }
}

/// Flipped twice is not flipped.
#[test]
fn two_flips_are_none() {
    let filled = new(Texel::Rgba8, [3, 5], 1, 1);
    let (plain, twice) =
        (TextureSource::new(&filled.texture), TextureSource::new(&filled.texture).flip_y().flip_y());
    assert_eq!(plain, twice);
}

/// A large picture's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    let size = [2050, 2051];
    Part { flip: true, ..Part::whole(&new(Texel::Rgba8Srgb, size, 1, 1), Texel::Rgba8Srgb) }.hold(NO_TONE);
    Memory { layout: BufferLayout::Interleaved(3), half: true, size, ..Memory::default() }.hold(NO_TONE);
}

/// A picture in a buffer.
#[derive(Clone, Copy, Debug)]
struct Memory {
    layout: BufferLayout,
    half: bool,
    size: [u32; 2],
    offset: u64,
    padding: u32,
    flip: bool,
    transfer: Transfer,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            layout: BufferLayout::Planar,
            half: false,
            size: [13, 7],
            offset: 0,
            padding: 0,
            flip: false,
            transfer: Transfer::Srgb,
        }
    }
}

impl Memory {
    fn row_stride(&self) -> u32 {
        self.padding
            + match self.layout {
                BufferLayout::Interleaved(channels) => self.size[0] * channels,
                _ => self.size[0],
            }
    }

    /// The element of a channel at (x, y).
    fn at(&self, channel: usize, x: u32, y: u32) -> usize {
        let rows = self.offset as usize + y as usize * self.row_stride() as usize;
        match self.layout {
            BufferLayout::Interleaved(channels) => rows + (x * channels) as usize + channel,
            _ => rows + channel * (self.row_stride() * self.size[1]) as usize + x as usize,
        }
    }

    /// The bits of each element. What is not of the picture is no number.
    fn elements(&self) -> Vec<u32> {
        let [width, height] = self.size;
        let texel = if self.half { Texel::Rgba16Float } else { Texel::Rgba32Float };
        let light = texels(texel, 1, u64::from(width * height));
        let light: Vec<u32> = light
            .chunks(texel.bytes() / 4)
            .map(|bytes| bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte)))
            .collect();
        let mut light = light.into_iter().cycle();
        // The last row need not be padded.
        let end = self.at(2, width - 1, height - 1) + 1;
        let mut elements = vec![if self.half { 0x7e00 } else { f32::NAN.to_bits() }; end];
        for (c, y) in (0..3).flat_map(|c| (0..height).map(move |y| (c, y))) {
            for (x, bits) in (0..width).zip(&mut light) {
                elements[self.at(c, x, y)] = bits;
            }
        }
        if let BufferLayout::Interleaved(channels) = self.layout {
            elements.resize(end + channels as usize - 3, 0);
        }
        elements
    }

    fn value(&self, bits: u32) -> f64 {
        if self.half { twin::half(bits) } else { f64::from(f32::from_bits(bits)) }
    }

    fn source(&self, elements: &[u32]) -> Source {
        let mut bytes: Vec<u8> = elements
            .iter()
            .flat_map(|bits| bits.to_le_bytes().into_iter().take(if self.half { 2 } else { 4 }))
            .collect();
        bytes.resize(bytes.len().next_multiple_of(4), 0xff);
        let buffer = sources::buffer(context(), &bytes).unwrap();
        let [width, height] = self.size;
        let make = if self.half { BufferSource::f16 } else { BufferSource::f32 };
        let mut source =
            make(&buffer, self.layout, width, height).offset(self.offset).transfer(self.transfer);
        if self.padding > 0 {
            source = source.row_stride(self.row_stride());
        }
        if self.flip {
            source = source.flip_y();
        }
        source.into()
    }

    /// Holds it against the twin and returns the largest relative difference.
    fn hold(self, tone @ (map, stops): (ToneMap, f32)) -> f64 {
        let elements = self.elements();
        let conversion = match self.transfer {
            Transfer::Srgb => Conversion::AsStored,
            Transfer::Linear => Conversion::ToneMap(map, f64::from(stops)),
        };
        let twin = on_twin(self.size, self.flip, (conversion, false), |x, y| {
            [0, 1, 2].map(|channel| self.value(elements[self.at(channel, x, y)]))
        });
        let bounds = match self.transfer {
            Transfer::Srgb => Bounds::Bits,
            Transfer::Linear => source_bounds(&twin),
        };
        compare(&load(&self.source(&elements), self.size, Normalization::NONE, tone), &twin, &bounds)
            .unwrap_or_else(|what| panic!("{self:?}, {tone:?}: {what}"))
    }
}

const LAYOUTS: [BufferLayout; 4] = [
    BufferLayout::Planar,
    BufferLayout::Interleaved(3),
    BufferLayout::Interleaved(4),
    BufferLayout::Interleaved(7),
];

/// Odd offsets and odd strides, with which a float16 lies now in a word's lower half and now in its upper.
#[test]
fn buffers_lie_in_memory_every_way() {
    for (layout, half) in LAYOUTS.into_iter().flat_map(|layout| [(layout, false), (layout, true)]) {
        for size in sizes("1x1 1x9 9x1 13x7 64x3") {
            for (offset, padding) in [(0, 0), (1, 0), (0, 1), (5, 3), (64, 32)] {
                for flip in [false, true] {
                    Memory { layout, half, size, offset, padding, flip, transfer: Transfer::Srgb }
                        .hold(NO_TONE);
                }
            }
        }
    }
}

#[test]
fn buffers_of_light() {
    for tone @ (map, stops) in tones() {
        let worst = [false, true].map(|half| {
            let memory = Memory { half, size: [121, 97], transfer: Transfer::Linear, ..Memory::default() };
            let largest = LAYOUTS
                .map(|layout| Memory { layout, flip: half, ..memory }.hold(tone))
                .into_iter()
                .fold(0.0, f64::max);
            format!("{} {largest:.1e}", if half { "f16" } else { "f32" })
        });
        println!("source.buffer, {map} at {stops} stops: {}, allowed {SOURCE:e}", worst.join(", "));
    }
}

#[test]
fn buffers_are_as_files() {
    for (layout, padding) in [(BufferLayout::Planar, 3), (BufferLayout::Interleaved(3), 2)] {
        let memory = Memory { layout, padding, ..Memory::default() };
        let elements = memory.elements();
        let floats: Vec<f32> = elements.iter().map(|&bits| f32::from_bits(bits)).collect();
        let [width, height] = memory.size;
        let image = match layout {
            BufferLayout::Planar => Image::planar_f32(&floats, width, height),
            _ => Image::rgb_f32(&floats, width, height),
        };
        let image = image.with_row_stride(memory.row_stride() as usize);
        for normalization in NORMALIZATIONS {
            let buffer = load(&memory.source(&elements), memory.size, normalization, NO_TONE);
            assert_eq!(bits(&buffer), bits(&load_file(image, normalization)), "{layout:?}, {normalization}");
        }
    }
}

/// All 65,536 of them, infinities and those that are no number too.
#[test]
fn every_float16() {
    let memory = Memory { half: true, size: [128, 171], ..Memory::default() };
    let elements: Vec<u32> = (0..128 * 171 * 3).map(|bits| bits & 0xffff).collect();
    let result = load(&memory.source(&elements), memory.size, Normalization::NONE, NO_TONE);
    for (bits, result) in elements.iter().zip(result) {
        let value = twin::half(*bits) as f32;
        assert!(result == value || result.is_nan() && value.is_nan(), "{bits:x}: {result}, not {value}");
    }
}

/// A texture that holds nothing, as described but for what `change` changes.
fn empty(change: impl FnOnce(&mut wgpu::TextureDescriptor<'_>)) -> wgpu::Texture {
    let mut descriptor = wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 9, height: 6, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    };
    change(&mut descriptor);
    gpu::device(context()).unwrap().0.create_texture(&descriptor)
}

fn empty_buffer(size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    gpu::device(context()).unwrap().0.create_buffer(&descriptor)
}

/// Each is refused with words, before the device would refuse it with others.
#[test]
fn what_cannot_be_read_is_named() {
    use BufferLayout::{Interleaved, Planar};
    let plain = empty(|_| ());
    let whole = || TextureSource::new(&plain);
    let of = |change: fn(&mut wgpu::TextureDescriptor<'_>)| Source::from(&empty(change));
    let storage = |size| empty_buffer(size, wgpu::BufferUsages::STORAGE);
    // 9x6 pixels.
    let exact = storage(9 * 6 * 3 * 4);
    let f32 = |layout| BufferSource::f32(&exact, layout, 9, 6);
    let f16 = |layout| BufferSource::f16(&exact, layout, 9, 6);
    let cases: Vec<(Source, &str)> = vec![
        (of(|t| t.usage = wgpu::TextureUsages::COPY_DST), "made without the usage TEXTURE_BINDING"),
        (of(|t| t.dimension = wgpu::TextureDimension::D3), "the dimension D3; D2 is needed"),
        (
            of(|t| {
                t.sample_count = 4;
                t.usage |= wgpu::TextureUsages::RENDER_ATTACHMENT;
            }),
            "4 samples a texel; resolve it first",
        ),
        (
            of(|t| t.format = wgpu::TextureFormat::R8Unorm),
            "its format is R8Unorm; those that can be are Rgba8Unorm,",
        ),
        (of(|t| t.format = wgpu::TextureFormat::Rgba8Uint), "its format is Rgba8Uint"),
        (of(|t| t.format = wgpu::TextureFormat::Depth32Float), "its format is Depth32Float"),
        (whole().mip(1).into(), "it has 1 mips; there is no mip 1"),
        (whole().layer(u32::MAX).into(), "it has 1 layers; there is no layer 4294967295"),
        (
            whole().rectangle([1, 0], [9, 6]).into(),
            "the rectangle of 9x6 at (1, 0) reaches beyond the 9x6 of mip 0",
        ),
        (whole().rectangle([0, 1], [9, 6]).into(), "the rectangle of 9x6 at (0, 1)"),
        (whole().rectangle([u32::MAX, 0], [9, 6]).into(), "the rectangle of 9x6 at (4294967295, 0)"),
        (whole().rectangle([0, 0], [0, 0]).into(), "the source is 0x0 but the session compares 9x6"),
        (of(|t| t.size.width = 10), "the source is 10x6 but the session compares 9x6"),
        (
            BufferSource::f32(&empty_buffer(648, wgpu::BufferUsages::COPY_DST), Planar, 9, 6).into(),
            "made without the usage STORAGE",
        ),
        (
            BufferSource::f16(&storage(9 * 6 * 3 * 2 + 2), Planar, 9, 6).into(),
            "326 bytes, which is no multiple of 4",
        ),
        (f32(Interleaved(2)).into(), "2 elements a pixel hold no red, green and blue"),
        (f32(Interleaved(0)).into(), "0 elements a pixel hold no red, green and blue"),
        (
            f32(Planar).row_stride(8).into(),
            "a row stride of 8 is too short for 9 pixels, which take 9 elements",
        ),
        (
            f32(Interleaved(3)).row_stride(26).into(),
            "a row stride of 26 is too short for 9 pixels, which take 27",
        ),
        (f32(Planar).offset(1).into(), "a picture of 9x6 ends at element 163; it has 162"),
        (f32(Planar).row_stride(10).into(), "ends at element 179; it has 162"),
        (f32(Interleaved(4)).into(), "ends at element 216; it has 162"),
        (f32(Interleaved(3)).row_stride(28).into(), "ends at element 167; it has 162"),
        (f16(Planar).offset(163).into(), "ends at element 325; it has 324"),
        (f32(Planar).offset(u64::MAX).into(), "ends at element 18446744073709551615"),
        (f32(Planar).row_stride(u32::MAX).into(), "ends at element 73014444024"),
        (BufferSource::f32(&exact, Planar, 6, 9).into(), "the source is 6x9 but the session compares 9x6"),
        (BufferSource::f32(&exact, Planar, 0, 0).into(), "the source is 0x0"),
        (BufferSource::f32(&exact, Interleaved(u32::MAX), u32::MAX, u32::MAX).into(), "ends at element"),
    ];
    let executor = executor([9, 6], Normalization::NONE);
    for (source, part) in &cases {
        let error = executor.load(source, ToneMap::Clip, 0.0).unwrap_err();
        assert!(matches!(error, Error::Image(_)), "{error:?}");
        assert!(error.to_string().contains(part), "'{error}' has no '{part}'");
    }
    // What just fits.
    for source in [
        whole().rectangle([0, 0], [9, 6]).into(),
        f32(Planar).into(),
        f32(Interleaved(3)).row_stride(27).into(),
        f16(Planar).offset(162).into(),
        f16(Interleaved(4)).offset(108).into(),
    ] {
        executor.load(&source, ToneMap::Clip, 0.0).unwrap();
    }
}

/// A binding may be smaller than a buffer.
#[test]
fn a_buffer_that_cannot_be_bound_is_named() {
    let limits = gpu::device(context()).unwrap().0.limits();
    let bytes = limits.max_storage_buffer_binding_size + 4;
    if bytes > limits.max_buffer_size {
        return println!("no buffer of this device is too large to bind");
    }
    let buffer = empty_buffer(bytes, wgpu::BufferUsages::STORAGE);
    let source = BufferSource::f32(&buffer, BufferLayout::Planar, 9, 6).into();
    let error = executor([9, 6], Normalization::NONE).load(&source, ToneMap::Clip, 0.0).unwrap_err();
    let part = format!("it has {bytes} bytes; this device binds {} at most", bytes - 4);
    assert!(matches!(&error, Error::Image(text) if text.contains(&part)), "{error}");
}

/// What became of a frame of `picture`, compared with `target`.
fn frame(session: &mut FrameSession, target: &Source, picture: &Source) -> Result<f64, Error> {
    let (device, queue) = gpu::device(context()).unwrap();
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    session.record_target(&mut encoder, target.clone()).unwrap();
    assert_eq!(session.record(&mut encoder, picture.clone(), 77).unwrap(), Recording::Recorded);
    queue.submit([encoder.finish()]);
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
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
        let source = memory.source(&memory.elements());
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
