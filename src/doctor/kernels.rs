//! What the doctor holds against the twins: for each kernel a few shapes, odd ones and those at the edges of its
//! blocks.

use std::sync::Arc;

use super::{
    Bounds, CONV3X3, Deviation, LOSS, PIXELS, SOURCE, SUM, TOTAL, bounds,
    bounds::compare_totals,
    compare, compare_sums, first_step, frames, on_twin,
    values::{Rng, convolution, features, values},
};
use crate::{
    Config, Context, Criterion, Image, Model, ModelOptions, Normalization, Preset, Tuning, Weights,
    cpu::{executor::Executor, twin},
    error::Result,
    gpu,
    network::Layer,
    plan::{Builder, Operation, Plan, Region, Step, Tensor},
    weights::Parameters,
};

/// A kernel, or a whole loss. A tuning is a GPU's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    SourceTexture,
    SourceBuffer,
    Pixels,
    Conv3x3(Option<Tuning>),
    Relu,
    MaxPool,
    Copy,
    Difference,
    Map,
    Sum,
    Total,
    Loss(Option<Tuning>),
}

impl Subject {
    /// All that such a context computes with; whole losses come last.
    pub(super) fn all(context: &Context) -> Vec<Self> {
        // The CPU chooses its own way, adds its sums up as it goes, and no pictures lie in its textures.
        let (sources, tunings, ends) = match context.gpu_handle() {
            Some(gpu) => {
                let runs = |tuning: &Tuning| (tuning.row().runs_on)(&gpu.capabilities);
                let tunings = Tuning::all().into_iter().filter(runs).map(Some).collect();
                (&[Self::SourceTexture, Self::SourceBuffer][..], tunings, &[Self::Sum, Self::Total][..])
            }
            None => (&[][..], vec![None], &[][..]),
        };
        let tuned = |make: fn(Option<Tuning>) -> Self| tunings.iter().copied().map(make);
        (sources.iter().copied())
            .chain([Self::Pixels])
            .chain(tuned(Self::Conv3x3))
            .chain([Self::Relu, Self::MaxPool, Self::Copy, Self::Difference, Self::Map])
            .chain(ends.iter().copied())
            .chain(tuned(Self::Loss))
            .collect()
    }

    /// Its name, which is its shader's file's, as far as it has one.
    pub(super) fn name(self) -> String {
        let tuned = |name: &str, tuning: Option<Tuning>| {
            tuning.map_or_else(|| name.to_owned(), |tuning| format!("{name}.{tuning}"))
        };
        match self {
            Self::SourceTexture => "source.texture".to_owned(),
            Self::SourceBuffer => "source.buffer".to_owned(),
            Self::Pixels => "pixels".to_owned(),
            Self::Conv3x3(tuning) => tuned("conv3x3", tuning),
            Self::Relu => "relu".to_owned(),
            Self::MaxPool => "max_pool".to_owned(),
            Self::Copy => "copy".to_owned(),
            Self::Difference => "difference".to_owned(),
            Self::Map => "difference.map".to_owned(),
            Self::Sum => "sum".to_owned(),
            Self::Total => "total".to_owned(),
            Self::Loss(tuning) => tuned("loss", tuning),
        }
    }

    /// How far it may be from its twin.
    pub(super) fn allowed(self) -> f64 {
        match self {
            Self::SourceTexture | Self::SourceBuffer => SOURCE,
            Self::Pixels => PIXELS,
            Self::Conv3x3(tuning) => tuning.map_or(CONV3X3, |tuning| tuning.row().bound),
            Self::Relu | Self::MaxPool | Self::Copy => 0.0,
            Self::Difference | Self::Map | Self::Sum => SUM,
            Self::Total => TOTAL,
            Self::Loss(_) => LOSS,
        }
    }

    /// How far it is from its twin.
    pub(super) fn hold(self, context: &Context) -> Result<Deviation> {
        match self {
            Self::SourceTexture => frames::source_texture(context),
            Self::SourceBuffer => frames::source_buffer(context),
            Self::Pixels => pixels(context),
            Self::Conv3x3(tuning) => conv3x3(context, tuning),
            Self::Relu => relu(context),
            Self::MaxPool => max_pool(context),
            Self::Copy => copy(context),
            Self::Difference => difference(context),
            Self::Map => map(context),
            Self::Sum => sum(context),
            Self::Total => frames::total(context),
            Self::Loss(tuning) => loss(context, tuning),
        }
    }
}

/// Options with this tuning.
fn options(tuning: Option<Tuning>) -> ModelOptions {
    tuning.map_or_else(ModelOptions::default, |tuning| ModelOptions::default().tunings(tuning))
}

/// Deviations of several shapes, taken together.
pub(super) fn all(deviations: impl Iterator<Item = Result<Deviation>>) -> Result<Deviation> {
    deviations.reduce(|all, next| Ok(all?.and(next?))).unwrap_or_else(|| Ok(Deviation::default()))
}

pub(super) fn no_weights() -> Arc<Parameters> {
    Arc::new(Parameters::new(vec![], "none"))
}

/// A plan of one step from tensor 0 to tensor 1, each given as channels and region.
fn one_step(images: u32, operation: Operation, input: (u32, Region), output: (u32, Region)) -> Result<Plan> {
    let mut plan = Builder::new();
    let from = plan.tensor("input", images, input.0, input.1);
    let to = plan.tensor("output", images, output.0, output.1);
    plan.step(Step::new("the step", operation, [from], [to]));
    plan.finish()
}

/// A plan that makes pixels of pictures, and nothing of them.
pub(super) fn only_pixels(images: u32, region: Region, normalization: Normalization) -> Result<Plan> {
    let mut plan = Builder::new();
    let output = plan.tensor("pixels", images, 3, region);
    plan.step(Step::new("pixels", Operation::Pixels { normalization }, [], [output]));
    plan.finish()
}

/// A step with the values of `features` on the context and on its twin.
fn hold(
    context: &Context,
    tuning: Option<Tuning>,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<Deviation> {
    let twin = on_twin(plan, parameters, input, pictures)?;
    let bounds = bounds(&twin, parameters, 0)?;
    let bounds = tuning.map_or_else(|| bounds.clone(), |tuning| bounds.clone().of_tuning(tuning));
    let result = first_step(context, &options(tuning), plan, parameters, input, pictures)?;
    let output = plan.steps()[0].output().unwrap_or_default();
    Ok(compare(&result, &twin.read(output)?, &bounds))
}

/// A picture of each format in one batch, with padded rows and values beyond [0, 1] where floats have them.
fn pixels(context: &Context) -> Result<Deviation> {
    let size @ [width, height] = [37, 23];
    let mut rng = Rng::new(1);
    let (row, rows) = (4 * width as usize + 5, 3 * height as usize);
    let bytes: Vec<u8> = (0..row * rows).map(|_| rng.bits() as u8).collect();
    let floats: Vec<f32> =
        (0..row * rows).map(|_| (rng.bits() >> 40) as f32 / (1 << 23) as f32 - 0.5).collect();
    let pictures = [
        Image::rgb8(&bytes, width, height),
        Image::rgba8(&bytes, width, height),
        Image::rgb_f32(&floats, width, height),
        Image::planar_f32(&floats, width, height),
    ]
    .map(|picture| picture.with_row_stride(row));
    let none = no_weights();
    let regions = [Region::whole(width, height), Region::part(size, [11, 3], [13, 19])];
    all(regions.into_iter().flat_map(|region| {
        let normalizations =
            [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE];
        normalizations.map(|normalization| {
            let plan = only_pixels(pictures.len() as u32, region, normalization)?;
            hold(context, None, &plan, &none, None, &pictures)
        })
    }))
}

fn conv3x3(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    let whole = |[width, height]: [u32; 2]| [Region::whole(width, height); 2];
    let shapes = [
        // Nothing but padding around; a batch of the first layer's channels; channels that leave a block of four
        // partly empty; one more than a workgroup's tile; one row; as many channels as there are.
        (1, 5, 7, whole([1, 1])),
        (2, 3, 64, whole([17, 33])),
        (2, 13, 9, whole([33, 35])),
        (1, 3, 5, whole([67, 1])),
        (1, 512, 6, whole([7, 5])),
        // Channels and maps of more than one tile of Winograd's, which scratch takes in several rounds.
        (1, 16, 10, whole([23, 70])),
        // A tile inside a picture reads its neighbours; one at a corner is padded on two sides.
        (2, 5, 6, [Region::part([39, 23], [1, 0], [36, 22]), Region::part([39, 23], [2, 1], [34, 20])]),
        (1, 6, 3, [Region::part([39, 23], [20, 10], [19, 13]), Region::part([39, 23], [21, 11], [18, 12])]),
    ];
    all(shapes.into_iter().enumerate().flat_map(|(i, (images, inputs, outputs, [from, to]))| {
        [false, true].map(|relu| {
            let layer = Layer::conv("conv", 0, inputs, outputs);
            let parameters = Arc::new(Parameters::new(vec![convolution(layer, i as u64)?], "random"));
            let operation = Operation::Conv3x3 { layer, relu };
            let plan = one_step(images, operation, (inputs, from), (outputs, to))?;
            let input = features(i as u64, plan.tensors()[0].elements());
            hold(context, tuning, &plan, &parameters, Some(&input), &[])
        })
    }))
}

fn relu(context: &Context) -> Result<Deviation> {
    let shapes = [(1, 1, [1, 1]), (2, 3, [9, 7]), (3, 5, [65, 63])];
    all(shapes.into_iter().map(|(images, channels, [width, height])| {
        let features = (channels, Region::whole(width, height));
        let plan = one_step(images, Operation::Relu, features, features)?;
        let input = values(u64::from(images), plan.tensors()[0].elements());
        hold(context, None, &plan, &no_weights(), Some(&input), &[])
    }))
}

/// Odd sides, whose last row or column is dropped, and a tile whose input begins at odd positions.
fn max_pool(context: &Context) -> Result<Deviation> {
    let whole =
        |width: u32, height: u32| [Region::whole(width, height), Region::whole(width / 2, height / 2)];
    let shapes = [
        (1, 1, whole(2, 2)),
        (2, 3, whole(17, 9)),
        (1, 64, whole(33, 31)),
        (2, 3, [Region::part([29, 18], [9, 7], [19, 11]), Region::part([14, 9], [5, 4], [9, 5])]),
    ];
    all(shapes.into_iter().map(|(images, channels, [from, to])| {
        let plan = one_step(images, Operation::MaxPool, (channels, from), (channels, to))?;
        let input = values(u64::from(images), plan.tensors()[0].elements());
        hold(context, None, &plan, &no_weights(), Some(&input), &[])
    }))
}

/// The last rows of a strip, and a part that lies anywhere.
fn copy(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, [Region::part([33, 50], [0, 20], [33, 12]), Region::part([33, 50], [0, 30], [33, 2])]),
        (2, 3, [Region::part([60, 9], [7, 0], [40, 9]), Region::part([60, 9], [20, 4], [13, 3])]),
    ];
    all(shapes.into_iter().map(|(images, channels, [from, to])| {
        let plan = one_step(images, Operation::Copy, (channels, from), (channels, to))?;
        let input = values(u64::from(images), plan.tensors()[0].elements());
        hold(context, None, &plan, &no_weights(), Some(&input), &[])
    }))
}

/// A plan that compares the pairs of its one tensor, a tap for each criterion, and its values.
fn pairs(images: u32, channels: u32, region: Region) -> Result<(Plan, Vec<f32>)> {
    let mut plan = Builder::new();
    let tensor = plan.tensor("features", images, channels, region);
    for criterion in Criterion::ALL {
        plan.tap(criterion.name(), 1.0, criterion, tensor);
    }
    let plan = plan.finish()?;
    let mut values = features(u64::from(channels), plan.tensors()[0].elements());
    // What the region holds for others' sake alone must not be in any sum.
    let owned = owned(&region);
    for plane in values.chunks_mut(owned.len()) {
        for (value, owned) in plane.iter_mut().zip(&owned) {
            *value = if *owned { *value } else { f32::NAN };
        }
    }
    Ok((plan, values))
}

/// Of each position that a region holds, whether it owns it.
fn owned(region: &Region) -> Vec<bool> {
    let [width, height] = region.extent;
    let [left, top, right, bottom] = region.halo;
    let inside = |x, y| x >= left && x < width - right && y >= top && y < height - bottom;
    (0..height).flat_map(|y| (0..width).map(move |x| inside(x, y))).collect()
}

/// Shapes around the 4096 elements of a partial sum, and one with a halo.
fn difference(context: &Context) -> Result<Deviation> {
    let shapes = [
        (2, 1, Region::whole(1, 1)),
        (3, 3, Region::whole(5, 3)),
        (2, 1, Region::whole(4097, 1)),
        (4, 64, Region::whole(33, 31)),
        (2, 3, Region::part([200, 100], [11, 3], [75, 59]).with_halo([2, 1, 3, 4])),
    ];
    all(shapes.into_iter().map(|(images, channels, region)| {
        let (plan, values) = pairs(images, channels, region)?;
        if context.gpu_handle().is_some() {
            return partials(context, &plan, &values);
        }
        let sums = |mut executor: Executor| {
            executor.write(0, &values)?;
            executor.run(0..plan.steps().len(), &[])?;
            Ok::<_, crate::Error>(executor.sums().to_vec())
        };
        let fast = sums(Executor::fast(plan.clone(), &no_weights())?)?;
        let twin = sums(Executor::twin(plan.clone(), no_weights())?)?;
        let each = fast.iter().zip(&twin).map(|(sums, twin)| compare_sums(sums, twin));
        Ok(each.fold(Deviation::default(), Deviation::and))
    }))
}

/// The map that a difference writes beside its sums: of a whole tensor, and of a part with a halo.
fn map(context: &Context) -> Result<Deviation> {
    let shapes = [
        (2, 1, Region::whole(1, 1)),
        (4, 3, Region::whole(33, 31)),
        (2, 5, Region::part([60, 40], [11, 3], [35, 29]).with_halo([2, 1, 3, 4])),
    ];
    all(shapes.into_iter().flat_map(|shape| Criterion::ALL.map(|criterion| (shape, criterion))).map(
        |((images, channels, region), criterion)| {
            let mut plan = Builder::new();
            let tensor = plan.tensor("features", images, channels, region);
            let owned = [0, 1].map(|axis| region.origin[axis] + region.halo[axis]);
            let owned = Region::part(region.whole, owned, region.owned_extent());
            let map = plan.tensor("map", images / 2, channels, owned);
            plan.mapped_tap("features", 1.0, criterion, tensor, map);
            let plan = plan.finish()?;
            let values = features(u64::from(channels), plan.tensors()[0].elements());
            let mut twin = Executor::twin(plan.clone(), no_weights())?;
            twin.write(tensor, &values)?;
            twin.run(0..1, &[])?;
            let twin = twin.read(map)?;
            let result = if context.gpu_handle().is_some() {
                let executor = gpu::Executor::new(context, plan, no_weights())?;
                executor.write(tensor, &values)?;
                executor.run(0..1, &[])?;
                executor.read_blocking(map)?
            } else {
                let mut executor = Executor::fast(plan, &no_weights())?;
                executor.write(tensor, &values)?;
                executor.run(0..1, &[])?;
                executor.read(map)?
            };
            Ok(compare(&result, &twin, &Bounds::Relative(SUM, twin.clone())))
        },
    ))
}

/// Each of the partial sums that the shader hands on.
fn partials(context: &Context, plan: &Plan, values: &[f32]) -> Result<Deviation> {
    let executor = gpu::Executor::new(context, plan.clone(), no_weights())?;
    executor.write(0, values)?;
    let tensor = &plan.tensors()[0];
    let owned = owned(&tensor.region);
    // What is summed, in the shader's order.
    let images: Vec<Vec<f32>> = values
        .chunks(tensor.image_stride() as usize)
        .map(|image| {
            image.iter().zip(owned.iter().cycle()).filter(|(_, owned)| **owned).map(|(v, _)| *v).collect()
        })
        .collect();
    all(Criterion::ALL.into_iter().enumerate().map(|(tap, criterion)| {
        executor.run(tap..tap + 1, &[])?;
        let pairs = images.chunks_exact(2).zip(executor.partials_blocking(tap)?);
        Ok(pairs
            .map(|(pair, partials)| {
                const EACH: usize = gpu::DIFFERENCE_ELEMENTS as usize;
                let twin: Vec<f64> = (pair[0].chunks(EACH).zip(pair[1].chunks(EACH)))
                    .map(|(a, b)| {
                        let row = Tensor::new("partial", 1, 1, Region::whole(a.len() as u32, 1));
                        twin::difference(&row, criterion, a, b)
                    })
                    .collect();
                compare_sums(&partials, &twin)
            })
            .fold(Deviation::default(), Deviation::and))
    }))
}

/// Counts around those that the shader's threads, their spans and spans of spans take in a round.
fn sum(context: &Context) -> Result<Deviation> {
    all([1, 63, 65, 1023, 1025, 16_385, 40_001].into_iter().map(|count| {
        let pairs = 3;
        // Partial sums are sums of squares: none is below 0.
        let partials: Vec<f32> =
            features(count, pairs * count).into_iter().map(|value| value * value).collect();
        let twin: Vec<f64> = partials.chunks(count as usize).map(twin::sum).collect();
        Ok(compare_sums(&gpu::sum_blocking(context, &partials, count as u32)?, &twin))
    }))
}

/// Two pictures of the default loss, with seeded weights, layer by layer.
fn loss(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    let [width, height] = [19, 17];
    let mut rng = Rng::new(2);
    let pixels: [Vec<u8>; 2] =
        std::array::from_fn(|_| (0..width * height * 3).map(|_| rng.bits() as u8).collect());
    let config: Config = Preset::default().config();
    let layers = |context: &Context, options: &ModelOptions| -> Result<Vec<f64>> {
        let model = Model::with_options(context, &config, &Weights::seeded(0), options)?;
        let [a, b] = pixels.each_ref().map(|pixels| Image::rgb8(pixels, width, height));
        let report = model.session(width, height)?.compare_blocking(a, b)?;
        Ok(report.layers.iter().map(|layer| layer.loss).collect())
    };
    let twin = layers(&Context::twin(), &ModelOptions::default())?;
    Ok(compare_totals(&layers(context, &options(tuning))?, &twin, LOSS))
}
