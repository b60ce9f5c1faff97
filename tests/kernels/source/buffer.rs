//! Buffers: every layout, offset and stride, of float32 and float16.

use perceptual_loss::{
    Image, Normalization, ToneMap, Transfer,
    gpu::{BufferLayout, BufferSource},
    low_level::{
        cpu::twin::{self, Conversion, Texel},
        doctor::{SOURCE, source_bounds, values::texels},
        gpu::sources,
    },
};

use super::{NO_TONE, NORMALIZATIONS, bits, load, load_file, on_twin, tones};
use crate::common::{Bounds, compare, context, sizes};

/// A picture in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub layout: BufferLayout,
    pub half: bool,
    pub size: [u32; 2],
    pub offset: u64,
    pub padding: u32,
    pub flip: bool,
    pub transfer: Transfer,
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
    pub fn row_stride(&self) -> u32 {
        self.padding
            + match self.layout {
                BufferLayout::Interleaved(channels) => self.size[0] * channels,
                _ => self.size[0],
            }
    }

    /// The element of a channel at (x, y).
    pub fn at(&self, channel: usize, x: u32, y: u32) -> usize {
        let rows = self.offset as usize + y as usize * self.row_stride() as usize;
        match self.layout {
            BufferLayout::Interleaved(channels) => rows + (x * channels) as usize + channel,
            _ => rows + channel * (self.row_stride() * self.size[1]) as usize + x as usize,
        }
    }

    /// The bits of each element. What is not of the picture is no number.
    pub fn elements(&self) -> Vec<u32> {
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

    pub fn value(&self, bits: u32) -> f64 {
        if self.half { twin::half(bits) } else { f64::from(f32::from_bits(bits)) }
    }

    pub fn source(&self, elements: &[u32]) -> BufferSource {
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
        source
    }

    /// Holds it against the twin and returns the largest relative difference.
    pub fn hold(self, tone @ (map, stops): (ToneMap, f32)) -> f64 {
        let elements = self.elements();
        let conversion = match self.transfer {
            Transfer::Srgb => Conversion::AsStored,
            _ => Conversion::ToneMap(map, f64::from(stops)),
        };
        let twin = on_twin(self.size, self.flip, (conversion, false), |x, y| {
            [0, 1, 2].map(|channel| self.value(elements[self.at(channel, x, y)]))
        });
        let bounds = match self.transfer {
            Transfer::Srgb => Bounds::Bits,
            _ => source_bounds(&twin),
        };
        compare(&load(&self.source(&elements).into(), self.size, Normalization::NONE, tone), &twin, &bounds)
            .unwrap_or_else(|what| panic!("{self:?}, {tone:?}: {what}"))
    }
}

pub const LAYOUTS: [BufferLayout; 4] = [
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
            let buffer = load(&memory.source(&elements).into(), memory.size, normalization, NO_TONE);
            assert_eq!(bits(&buffer), bits(&load_file(image, normalization)), "{layout:?}, {normalization}");
        }
    }
}

/// All 65,536 of them, infinities and those that are no number too.
#[test]
fn every_float16() {
    let memory = Memory { half: true, size: [128, 171], ..Memory::default() };
    let elements: Vec<u32> = (0..128 * 171 * 3).map(|bits| bits & 0xffff).collect();
    let result = load(&memory.source(&elements).into(), memory.size, Normalization::NONE, NO_TONE);
    for (bits, result) in elements.iter().zip(result) {
        let value = twin::half(*bits) as f32;
        assert!(result == value || result.is_nan() && value.is_nan(), "{bits:x}: {result}, not {value}");
    }
}
