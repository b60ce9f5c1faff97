//! `shaders/pixels.wgsl` and `pixels.difference.wgsl` against `src/cpu/twin/pixels.rs`, and both against the pixels
//! that were handed over.

use perceptual_loss::{
    ChannelOrder, Image, Normalization,
    low_level::{
        doctor,
        plan::{Maps, Plan, Region},
    },
};

use crate::common::{
    Bounds, MIXED_PIXELS, PIXELS, Rng, Subject, compare, crop, only_pixels, parameters, plans, sizes,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Rgb8,
    Rgba8,
    Rgb16,
    RgbF32,
    PlanarF32,
}

const FORMATS: [Format; 5] = [Format::Rgb8, Format::Rgba8, Format::Rgb16, Format::RgbF32, Format::PlanarF32];

impl Format {
    fn is_float(self) -> bool {
        matches!(self, Self::RgbF32 | Self::PlanarF32)
    }
}

/// A picture in memory as its owner would hold it, and what its values are.
struct Picture {
    format: Format,
    bytes: Vec<u8>,
    shorts: Vec<u16>,
    floats: Vec<f32>,
    row_stride: usize,
    size: [u32; 2],
    /// Shape (3, height, width), red first, full intensity is 1.
    values: Vec<f64>,
}

impl Picture {
    /// Random values.
    fn new(format: Format, size: [u32; 2], padding: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self::of(format, size, padding, || rng.bits())
    }

    /// Values from these bits; the padding between rows is what no kernel may read (NaN, or 238).
    fn of(format: Format, size: [u32; 2], padding: usize, mut bits: impl FnMut() -> u64) -> Self {
        let [width, height] = size.map(|v| v as usize);
        let (per_pixel, rows) = match format {
            Format::Rgb8 | Format::Rgb16 | Format::RgbF32 => (3, height),
            Format::Rgba8 => (4, height),
            Format::PlanarF32 => (1, 3 * height),
        };
        let row_stride = width * per_pixel + padding;
        // The last row need not be padded.
        let length = row_stride * rows - padding;
        let mut picture = Self {
            format,
            bytes: vec![238; length],
            shorts: vec![0xeeee; length],
            floats: vec![f32::NAN; length],
            row_stride,
            size,
            values: vec![],
        };
        for channel in 0..3 {
            for y in 0..height {
                for x in 0..width {
                    let at = match format {
                        Format::PlanarF32 => (channel * height + y) * row_stride + x,
                        _ => y * row_stride + x * per_pixel + channel,
                    };
                    picture.set(at, bits());
                }
            }
        }
        picture
    }

    /// Sets an element, and notes its value.
    fn set(&mut self, at: usize, bits: u64) {
        self.values.push(match self.format {
            Format::Rgb8 | Format::Rgba8 => {
                self.bytes[at] = bits as u8;
                f64::from(self.bytes[at]) / 255.0
            }
            Format::Rgb16 => {
                self.shorts[at] = bits as u16;
                f64::from(self.shorts[at]) / 65535.0
            }
            // Beyond [0, 1] too: float pictures are not clamped.
            Format::RgbF32 | Format::PlanarF32 => {
                self.floats[at] = (bits >> 40) as f32 / (1 << 22) as f32 - 1.5;
                f64::from(self.floats[at])
            }
        });
    }

    fn image(&self) -> Image<'_> {
        let [width, height] = self.size;
        match self.format {
            Format::Rgb8 => Image::rgb8(&self.bytes, width, height),
            Format::Rgba8 => Image::rgba8(&self.bytes, width, height),
            Format::Rgb16 => Image::rgb16(&self.shorts, width, height),
            Format::RgbF32 => Image::rgb_f32(&self.floats, width, height),
            Format::PlanarF32 => Image::planar_f32(&self.floats, width, height),
        }
        .with_row_stride(self.row_stride)
    }

    /// For each element of a whole picture's tensor what `of` makes of the network's channel and of the place among
    /// `values`; of that what a region holds.
    fn tensors(
        &self,
        normalization: &Normalization,
        region: Region,
        of: impl Fn(usize, usize) -> [f64; 2],
    ) -> [Vec<f32>; 2] {
        let plane = self.values.len() / 3;
        let places = (0..3).flat_map(|channel| {
            let source = match normalization.order {
                ChannelOrder::Rgb => channel,
                _ => 2 - channel,
            };
            (source * plane..(source + 1) * plane).map(move |at| (channel, at))
        });
        let elements: Vec<_> = places.map(|(channel, at)| of(channel, at)).collect();
        [0, 1].map(|i| crop(&elements.iter().map(|each| each[i] as f32).collect::<Vec<_>>(), region))
    }

    /// For each element of the region's tensor, what it should be, and |value * factor| + |offset|.
    fn expected(&self, normalization: &Normalization, region: Region) -> [Vec<f32>; 2] {
        self.tensors(normalization, region, |channel, at| {
            let (mean, std) = (normalization.mean[channel], normalization.std[channel]);
            let value = self.values[at] * normalization.scale;
            [(value - mean) / std, (value / std).abs() + (mean / std).abs()]
        })
    }

    /// The same of what it has more than its target. The magnitude is the difference's own; where one is of floats and
    /// the other of levels, that of both values.
    fn expected_difference(
        &self,
        target: &Self,
        normalization: &Normalization,
        region: Region,
    ) -> [Vec<f32>; 2] {
        self.tensors(normalization, region, |channel, at| {
            let factor = normalization.scale / normalization.std[channel];
            let difference = (self.values[at] - target.values[at]) * factor;
            let of_both = (self.values[at].abs() + target.values[at].abs()) * factor.abs();
            [difference, if is_mixed(self, target) { of_both } else { difference.abs() }]
        })
    }
}

/// Whether one is of floats and the other of levels.
fn is_mixed(generated: &Picture, target: &Picture) -> bool {
    generated.format.is_float() != target.format.is_float()
}

fn normalizations() -> [Normalization; 5] {
    let mut own = Normalization::new([0.1, -0.2, 0.3], [0.7, -1.9, 3.1]);
    own.order = ChannelOrder::Bgr;
    own.scale = 0.37;
    [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE, own]
}

/// Pictures through everything that computes, against the twin, and that against what should be; the largest relative
/// difference. `expected` has each tensor that the step writes, and its bounds.
fn hold_plan(plan: &Plan, pictures: &[&Picture], expected: &[(Vec<f32>, Bounds)]) -> f64 {
    let images: Vec<_> = pictures.iter().map(|picture| picture.image()).collect();
    let none = parameters(vec![]);
    let twin = doctor::on_twin(plan, &none, &[], &images).unwrap();
    let twin: Vec<_> = plan.steps()[0].writes.iter().map(|&id| twin.read(id).unwrap()).collect();
    let fail = |what: String| -> f64 {
        let formats: Vec<_> = pictures.iter().map(|picture| picture.format).collect();
        panic!("{formats:?}, {plan:?}: {what}")
    };
    assert_eq!(twin.len(), expected.len());
    for (twin, (expected, bounds)) in twin.iter().zip(expected) {
        compare(twin, expected, bounds).unwrap_or_else(|what| fail(format!("the twin: {what}")));
    }
    let mut largest = 0.0f64;
    for subject in Subject::backends() {
        let results = subject.run(plan, &none, &[], &images);
        assert_eq!(results.len(), twin.len());
        for ((result, twin), (_, bounds)) in results.iter().zip(&twin).zip(expected) {
            let judged = compare(result, twin, bounds);
            largest = largest.max(judged.unwrap_or_else(|what| fail(format!("{subject}: {what}"))));
        }
    }
    largest
}

/// What each of a batch should be, one after another, and their bounds.
fn expected_of(all: impl Iterator<Item = [Vec<f32>; 2]>, factor: f64) -> (Vec<f32>, Bounds) {
    let (results, magnitudes): (Vec<_>, Vec<_>) = all.map(|[result, magnitude]| (result, magnitude)).unzip();
    (results.concat(), Bounds::Relative(factor, magnitudes.concat()))
}

/// A batch by itself.
fn hold(pictures: &[Picture], normalization: Normalization, region: Region) -> f64 {
    let plan = only_pixels(pictures.len() as u32, region, normalization);
    let expected =
        expected_of(pictures.iter().map(|picture| picture.expected(&normalization, region)), PIXELS);
    hold_plan(&plan, &pictures.iter().collect::<Vec<_>>(), &[expected])
}

/// A batch of pairs of a generated picture and its target, which are all of mixed kinds or none is: the difference, and
/// both.
fn hold_pairs(pairs: &[[Picture; 2]], normalization: Normalization, region: Region) -> f64 {
    let mixed = is_mixed(&pairs[0][0], &pairs[0][1]);
    assert!(pairs.iter().all(|[generated, target]| is_mixed(generated, target) == mixed));
    let target = expected_of(pairs.iter().map(|[_, target]| target.expected(&normalization, region)), PIXELS);
    let difference = expected_of(
        pairs.iter().map(|[generated, target]| generated.expected_difference(target, &normalization, region)),
        if mixed { MIXED_PIXELS } else { PIXELS },
    );
    let plan = |maps| plans::pixels(pairs.len() as u32, region, normalization, maps).unwrap();
    let pictures: Vec<_> = pairs.iter().flatten().collect();
    let alone = hold_plan(&plan(Maps::Difference), &pictures, std::slice::from_ref(&difference));
    alone.max(hold_plan(&plan(Maps::Both), &pictures, &[target, difference]))
}

/// Every two formats.
fn pairs_of_formats() -> impl Iterator<Item = [Format; 2]> {
    FORMATS.into_iter().flat_map(|generated| FORMATS.map(|target| [generated, target]))
}

fn pair(formats: [Format; 2], size: [u32; 2], paddings: [usize; 2], seed: u64) -> [Picture; 2] {
    [0, 1].map(|side| Picture::new(formats[side], size, paddings[side], 2 * seed + side as u64))
}

const SIZES: &str = "1x1 1x9 9x1 3x5 17x33 31x2 32x2 33x2 63x1 64x1 65x1 8x8 40x30";

#[test]
fn formats_and_normalizations() {
    let sizes = sizes(SIZES);
    let mut largest = 0.0f64;
    for format in FORMATS {
        for normalization in normalizations() {
            for (i, &size) in sizes.iter().enumerate() {
                // No padding, one element, and more than a pixel.
                let padding = [0, 1, 7][i % 3];
                let pictures: Vec<_> =
                    (0..1 + i as u64 % 4).map(|seed| Picture::new(format, size, padding, seed)).collect();
                largest = largest.max(hold(&pictures, normalization, Region::whole(size[0], size[1])));
            }
        }
    }
    println!("pixels: largest difference {largest:.2e}, allowed {PIXELS:.2e}");
}

/// Every two formats in every normalisation; sizes take turns.
#[test]
fn pairs_of_formats_and_normalizations() {
    let sizes = sizes(SIZES);
    let mut sizes = sizes.iter().enumerate().cycle();
    let mut largest = [0.0f64; 2];
    for formats in pairs_of_formats() {
        for normalization in normalizations() {
            for (i, &size) in sizes.by_ref().take(3) {
                let paddings = [[0, 1, 7][i % 3], [7, 0, 1][i % 3]];
                let pairs: Vec<_> =
                    (0..1 + i as u64 % 3).map(|seed| pair(formats, size, paddings, seed)).collect();
                let mixed = usize::from(is_mixed(&pairs[0][0], &pairs[0][1]));
                let held = hold_pairs(&pairs, normalization, Region::whole(size[0], size[1]));
                largest[mixed] = largest[mixed].max(held);
            }
        }
    }
    let [alike, mixed] = largest;
    println!(
        "pixels.difference: largest difference {alike:.2e}, allowed {PIXELS:.2e}; of floats and levels {mixed:.2e}, \
         allowed {MIXED_PIXELS:.2e}"
    );
}

/// Each picture of a batch may have its own format and stride, and each of a pair.
#[test]
fn formats_mixed_in_a_batch() {
    let (size, whole) = ([13, 7], Region::whole(13, 7));
    for turn in 0..5 {
        let pictures: Vec<_> =
            (0..5).map(|i| Picture::new(FORMATS[(i + turn) % 5], size, 3 * i, i as u64)).collect();
        hold(&pictures, Normalization::CAFFE, whole);
    }
    let pairs = pairs_of_formats().enumerate();
    let pairs = pairs.map(|(i, formats)| pair(formats, size, [3 * (i % 4), 3 * (i % 3)], i as u64));
    let (mixed, alike): (Vec<_>, Vec<_>) = pairs.partition(|[generated, target]| is_mixed(generated, target));
    assert_eq!((mixed.len(), alike.len()), (12, 13));
    for pairs in [mixed, alike] {
        hold_pairs(&pairs, Normalization::CAFFE, whole);
    }
}

/// A region reads the pixels at its own place in the picture.
#[test]
fn regions() {
    let size = [37, 21];
    for (origin, extent) in
        [([0, 0], [5, 4]), ([5, 0], [32, 3]), ([0, 20], [37, 1]), ([36, 20], [1, 1]), ([7, 9], [20, 11])]
    {
        let region = Region::part(size, origin, extent);
        for (i, format) in FORMATS.into_iter().enumerate() {
            let pictures = [1, 2].map(|seed| Picture::new(format, size, 5, seed));
            let pairs = [1, 2].map(|seed| pair([format, FORMATS[(i + 2) % 5]], size, [5, 2], seed));
            for normalization in [Normalization::IMAGENET, Normalization::CAFFE] {
                hold(&pictures, normalization, region);
                hold_pairs(&pairs, normalization, region);
            }
        }
    }
}

/// The same picture is at no distance, also in another format that holds its values: a level of 8 bits is 257 of 16.
#[test]
fn equal_values_differ_by_nothing() {
    let (size, region) = ([29, 13], Region::whole(29, 13));
    let of = |format: Format, padding: usize| {
        let mut rng = Rng::new(3);
        Picture::of(format, size, padding, || {
            let level = rng.bits() & 255;
            if format.is_float() { level << 40 } else { level * 257 }
        })
    };
    let formats =
        [[Format::Rgb8, Format::Rgba8, Format::Rgb16].as_slice(), &[Format::RgbF32, Format::PlanarF32]];
    let pairs = formats.into_iter().flat_map(|formats| {
        formats.iter().flat_map(|generated| formats.iter().map(|target| [of(*generated, 2), of(*target, 5)]))
    });
    let pairs: Vec<_> = pairs.collect();
    let images: Vec<_> = pairs.iter().flatten().map(Picture::image).collect();
    for normalization in normalizations() {
        for maps in [Maps::Difference, Maps::Both] {
            let plan = plans::pixels(pairs.len() as u32, region, normalization, maps).unwrap();
            for subject in Subject::backends() {
                let made = subject.run(&plan, &parameters(vec![]), &[], &images);
                let difference = &made[usize::from(maps.target())];
                assert!(difference.iter().all(|d| *d == 0.0), "{subject}, {normalization}, {maps:?}");
            }
        }
    }
}

/// A large picture's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    let (size, region) = ([2050, 2051], Region::whole(2050, 2051));
    hold(&[Picture::new(Format::Rgb8, size, 0, 1)], Normalization::IMAGENET, region);
    hold_pairs(&[pair([Format::Rgb8, Format::Rgba8], size, [0, 0], 1)], Normalization::IMAGENET, region);
}
