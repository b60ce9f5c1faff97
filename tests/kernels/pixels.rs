//! `shaders/pixels.wgsl` against `src/cpu/twin/pixels.rs`, and both against the pixels that were handed over.

use perceptual_loss::{
    ChannelOrder, Image, Normalization,
    low_level::{cpu::Executor, plan::Region},
};

use crate::common::{Bounds, PIXELS, Rng, Subject, compare, crop, only_pixels, parameters, sizes};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Rgb8,
    Rgba8,
    RgbF32,
    PlanarF32,
}

const FORMATS: [Format; 4] = [Format::Rgb8, Format::Rgba8, Format::RgbF32, Format::PlanarF32];

/// A picture in memory as its owner would hold it, and what its values are.
struct Picture {
    format: Format,
    bytes: Vec<u8>,
    floats: Vec<f32>,
    row_stride: usize,
    size: [u32; 2],
    /// Shape (3, height, width), red first, full intensity is 1.
    values: Vec<f64>,
}

impl Picture {
    /// Random values; the padding between rows is what no kernel may read (NaN, or 238).
    fn new(format: Format, size: [u32; 2], padding: usize, seed: u64) -> Self {
        let [width, height] = size.map(|v| v as usize);
        let (per_pixel, rows) = match format {
            Format::Rgb8 | Format::RgbF32 => (3, height),
            Format::Rgba8 => (4, height),
            Format::PlanarF32 => (1, 3 * height),
        };
        let row_stride = width * per_pixel + padding;
        let (mut bytes, mut floats) = (vec![238; row_stride * rows], vec![f32::NAN; row_stride * rows]);
        let mut values = vec![];
        let mut rng = Rng::new(seed);
        for channel in 0..3 {
            for y in 0..height {
                for x in 0..width {
                    let at = match format {
                        Format::PlanarF32 => (channel * height + y) * row_stride + x,
                        _ => y * row_stride + x * per_pixel + channel,
                    };
                    let bits = rng.bits();
                    if matches!(format, Format::Rgb8 | Format::Rgba8) {
                        bytes[at] = bits as u8;
                        values.push(f64::from(bytes[at]) / 255.0);
                    } else {
                        // Beyond [0, 1] too: float pictures are not clamped.
                        floats[at] = (bits >> 40) as f32 / (1 << 22) as f32 - 1.5;
                        values.push(f64::from(floats[at]));
                    }
                }
            }
        }
        // The last row need not be padded.
        bytes.truncate(row_stride * rows - padding);
        floats.truncate(row_stride * rows - padding);
        Self { format, bytes, floats, row_stride, size, values }
    }

    fn image(&self) -> Image<'_> {
        let [width, height] = self.size;
        match self.format {
            Format::Rgb8 => Image::rgb8(&self.bytes, width, height),
            Format::Rgba8 => Image::rgba8(&self.bytes, width, height),
            Format::RgbF32 => Image::rgb_f32(&self.floats, width, height),
            Format::PlanarF32 => Image::planar_f32(&self.floats, width, height),
        }
        .with_row_stride(self.row_stride)
    }

    /// For each element of the region's tensor, what it should be, and |value * factor| + |offset|.
    fn expected(&self, normalization: &Normalization, region: Region) -> (Vec<f32>, Vec<f32>) {
        let plane = self.values.len() / 3;
        let (mut results, mut magnitudes) = (vec![], vec![]);
        for (channel, (mean, std)) in normalization.mean.into_iter().zip(normalization.std).enumerate() {
            let source = match normalization.order {
                ChannelOrder::Rgb => channel,
                _ => 2 - channel,
            };
            for value in &self.values[source * plane..][..plane] {
                let value = value * normalization.scale;
                results.push(((value - mean) / std) as f32);
                magnitudes.push(((value / std).abs() + (mean / std).abs()) as f32);
            }
        }
        (crop(&results, region), crop(&magnitudes, region))
    }
}

fn normalizations() -> [Normalization; 5] {
    let mut own = Normalization::new([0.1, -0.2, 0.3], [0.7, -1.9, 3.1]);
    own.order = ChannelOrder::Bgr;
    own.scale = 0.37;
    [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE, own]
}

/// A batch through all executors; returns the largest relative difference.
fn hold(pictures: &[Picture], normalization: Normalization, region: Region) -> f64 {
    let (plan, output) = (only_pixels(pictures.len() as u32, region, normalization), 0);
    let images: Vec<_> = pictures.iter().map(Picture::image).collect();

    let mut twin = Executor::twin(plan.clone(), parameters(vec![])).unwrap();
    twin.run(0..1, &images).unwrap();
    let twin = twin.read(output).unwrap();

    let (mut expected, mut magnitudes) = (vec![], vec![]);
    for picture in pictures {
        let of_one = picture.expected(&normalization, region);
        expected.extend(of_one.0);
        magnitudes.extend(of_one.1);
    }
    let bounds = Bounds::Relative(PIXELS, magnitudes);
    let formats: Vec<_> = pictures.iter().map(|picture| picture.format).collect();
    let fail = |what: String| panic!("{formats:?}, {normalization}, {region:?}: {what}");
    compare(&twin, &expected, &bounds).unwrap_or_else(|what| fail(format!("the twin: {what}")));
    let largest = Subject::BACKENDS.map(|subject| {
        let result = subject.run_first_step(&plan, &parameters(vec![]), None, &images);
        compare(&result, &twin, &bounds).unwrap_or_else(|what| fail(format!("{subject}: {what}")))
    });
    largest[0].max(largest[1])
}

#[test]
fn formats_and_normalizations() {
    let sizes = sizes("1x1 1x9 9x1 3x5 17x33 31x2 32x2 33x2 63x1 64x1 65x1 8x8 40x30");
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

/// Each picture of a batch may have its own format and stride.
#[test]
fn formats_mixed_in_a_batch() {
    for turn in 0..4 {
        let pictures: Vec<_> =
            (0..4).map(|i| Picture::new(FORMATS[(i + turn) % 4], [13, 7], 3 * i, i as u64)).collect();
        hold(&pictures, Normalization::CAFFE, Region::whole(13, 7));
    }
}

/// A region reads the pixels at its own place in the picture.
#[test]
fn regions() {
    let size = [37, 21];
    for (origin, extent) in
        [([0, 0], [5, 4]), ([5, 0], [32, 3]), ([0, 20], [37, 1]), ([36, 20], [1, 1]), ([7, 9], [20, 11])]
    {
        for format in FORMATS {
            let pictures = [1, 2].map(|seed| Picture::new(format, size, 5, seed));
            for normalization in [Normalization::IMAGENET, Normalization::CAFFE] {
                hold(&pictures, normalization, Region::part(size, origin, extent));
            }
        }
    }
}

/// A large picture's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    let size = [2050, 2051];
    hold(&[Picture::new(Format::Rgb8, size, 0, 1)], Normalization::IMAGENET, Region::whole(size[0], size[1]));
}
