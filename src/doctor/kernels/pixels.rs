//! Pictures as the network sees them.

use super::{all, hold, no_weights, options};
use crate::{
    Context, Image, Normalization,
    doctor::{Deviation, compare, first_step, mixed_pixels_bounds, on_twin, plans, values::Rng},
    error::Result,
    plan::{Maps, Region},
};

const SIZE: [u32; 2] = [37, 23];
/// Elements from a row to the next: the last ones of any format are padding.
const ROW: usize = 4 * SIZE[0] as usize + 5;

/// Pixels of pictures of every format; of floats beyond [0, 1], too.
struct Pixels {
    bytes: Vec<u8>,
    shorts: Vec<u16>,
    floats: Vec<f32>,
}

impl Pixels {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let elements = 0..ROW * 3 * SIZE[1] as usize;
        Self {
            bytes: elements.clone().map(|_| rng.bits() as u8).collect(),
            shorts: elements.clone().map(|_| rng.bits() as u16).collect(),
            floats: elements.map(|_| (rng.bits() >> 40) as f32 / (1 << 23) as f32 - 0.5).collect(),
        }
    }

    fn levels(&self) -> [Image<'_>; 3] {
        let [width, height] = SIZE;
        // Planes alone take all of the rows.
        let rows = ..ROW * height as usize;
        [
            Image::rgb8(&self.bytes[rows], width, height),
            Image::rgba8(&self.bytes[rows], width, height),
            Image::rgb16(&self.shorts[rows], width, height),
        ]
        .map(|picture| picture.with_row_stride(ROW))
    }

    fn floats(&self) -> [Image<'_>; 2] {
        let [width, height] = SIZE;
        let rows = ..ROW * height as usize;
        [Image::rgb_f32(&self.floats[rows], width, height), Image::planar_f32(&self.floats, width, height)]
            .map(|picture| picture.with_row_stride(ROW))
    }
}

/// Pairs of each of these with each of those.
fn pairs<'a>(generated: &[Image<'a>], targets: &[Image<'a>]) -> Vec<Image<'a>> {
    generated.iter().flat_map(|generated| targets.iter().flat_map(|target| [*generated, *target])).collect()
}

/// Whole pictures and a part of them, in each way of normalising them.
fn cases() -> impl Iterator<Item = (Region, Normalization)> {
    let normalizations =
        [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE];
    [Region::whole(SIZE[0], SIZE[1]), Region::part(SIZE, [11, 3], [13, 19])]
        .into_iter()
        .flat_map(move |region| normalizations.map(|normalization| (region, normalization)))
}

/// Pictures of every format in one batch: by themselves, and as the targets of pairs.
pub(in crate::doctor) fn pixels(context: &Context) -> Result<Deviation> {
    let pixels = Pixels::new(1);
    let targets = [&pixels.levels()[..], &pixels.floats()].concat();
    let pairs = pairs(&targets[..1], &targets);
    all(cases().flat_map(|(region, normalization)| {
        [(Maps::Target, &targets), (Maps::Both, &pairs)].map(|(maps, pictures)| {
            let plan = plans::pixels(targets.len() as u32, region, normalization, maps)?;
            Ok(hold(context, None, &plan, &no_weights(), &[], pictures)?.swap_remove(0))
        })
    }))
}

/// Pairs of every two formats, with their targets' pixels beside them or without: one or the other in each case.
pub(in crate::doctor) fn pixels_difference(context: &Context) -> Result<Deviation> {
    let (generated, targets) = (Pixels::new(1), Pixels::new(2));
    let alike =
        [pairs(&generated.levels(), &targets.levels()), pairs(&generated.floats(), &targets.floats())]
            .concat();
    let mixed =
        [pairs(&generated.levels(), &targets.floats()), pairs(&generated.floats(), &targets.levels())]
            .concat();
    let maps = [Maps::Difference, Maps::Both, Maps::Both, Maps::Difference].into_iter().cycle();
    all(cases().zip(maps).map(|((region, normalization), maps)| {
        let plan =
            |pictures: &[Image<'_>]| plans::pixels(pictures.len() as u32 / 2, region, normalization, maps);
        let place = usize::from(maps.target());
        let mut held = hold(context, None, &plan(&alike)?, &no_weights(), &[], &alike)?;

        let twin = on_twin(&plan(&mixed)?, &no_weights(), &[], &mixed)?.read(place)?;
        let result = first_step(context, &options(None), &plan(&mixed)?, &no_weights(), &[], &mixed)?;
        let bounds = mixed_pixels_bounds(&mixed, region, &normalization)?;
        Ok(held.swap_remove(place).and(compare(&result[place], &twin, &bounds)))
    }))
}
