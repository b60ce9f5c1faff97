//! What the kernel tests share: one device, and the library's own way of holding a step against its twin
//! (`src/doctor/`), failing in words.

use std::{fmt, sync::Arc};

pub use perceptual_loss::low_level::doctor::{
    Bounds, CONV3X3, PIXELS, SUM, conv3x3_magnitudes,
    values::{Rng, features, values},
};
use perceptual_loss::{
    Context, Image, ModelOptions, Normalization, Tuning, gpu,
    low_level::{
        cpu::Executor,
        doctor,
        plan::{Builder, Operation, Plan, Region, Step},
    },
    network::Layer,
    weights::{Convolution, Parameters},
};

pub use crate::gpu_device::context;

/// Records by `record` and submits, or drops what was recorded.
pub fn record<T>(
    submit: bool,
    record: impl FnOnce(&mut wgpu::CommandEncoder) -> perceptual_loss::Result<T>,
) -> T {
    let (device, queue) = gpu::device(context()).unwrap();
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let recorded = record(&mut encoder).unwrap();
    if submit {
        queue.submit([encoder.finish()]);
    }
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    recorded
}

/// Small whole numbers: sums of them are exact in float32 in any order, up to 2^24, so that not one may be missed.
pub fn small_integers(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.below(7) as f32 - 3.0).collect()
}

/// A convolution whose weights and biases are like [`features`].
pub fn convolution(layer: Layer, seed: u64) -> Convolution {
    doctor::values::convolution(layer, seed).unwrap()
}

pub fn parameters(convolutions: Vec<Convolution>) -> Arc<Parameters> {
    Arc::new(Parameters::new(convolutions, "a test"))
}

/// Sizes from text such as `3x5 17x33`.
pub fn sizes(text: &str) -> Vec<[u32; 2]> {
    text.split_whitespace()
        .map(|size| {
            let (width, height) = size.split_once('x').unwrap();
            [width, height].map(|side| side.parse().unwrap())
        })
        .collect()
}

/// `region` and what lies within `by` of it, as far as the feature map reaches; the halo grows with it.
pub fn grown(region: Region, by: u32) -> Region {
    let mut grown = region;
    for axis in 0..2 {
        let before = by.min(region.origin[axis]);
        let after = by.min(region.whole[axis] - region.origin[axis] - region.extent[axis]);
        grown.origin[axis] -= before;
        grown.extent[axis] += before + after;
        grown.halo[axis] += before;
        grown.halo[axis + 2] += after;
    }
    grown
}

/// What `region` holds of each plane of whole feature maps.
pub fn crop(planes: &[f32], region: Region) -> Vec<f32> {
    let [width, height] = region.whole.map(|v| v as usize);
    let [x, y] = region.origin.map(|v| v as usize);
    let [columns, rows] = region.extent.map(|v| v as usize);
    planes
        .chunks(width * height)
        .flat_map(|plane| (y..y + rows).flat_map(move |y| &plane[y * width + x..][..columns]))
        .copied()
        .collect()
}

/// A plan of one step from tensor 0 to tensor 1, each given as channels and region.
pub fn one_step(images: u32, operation: Operation, input: (u32, Region), output: (u32, Region)) -> Plan {
    keeping_step(images, operation, input, output, 0)
}

/// The same, where the output's first `kept` rows are there already.
pub fn keeping_step(
    images: u32,
    operation: Operation,
    input: (u32, Region),
    output: (u32, Region),
    kept: u32,
) -> Plan {
    let mut plan = Builder::new();
    let from = plan.tensor("input", images, input.0, input.1);
    let to = plan.tensor("output", images, output.0, output.1);
    plan.step(Step::new("the step", operation, [from], [to]).keeping(kept));
    plan.finish().unwrap()
}

/// A plan that makes pixels of pictures, and nothing of them.
pub fn only_pixels(images: u32, region: Region, normalization: Normalization) -> Plan {
    let mut plan = Builder::new();
    let output = plan.tensor("pixels", images, 3, region);
    plan.step(Step::new("pixels", Operation::Pixels { normalization }, [], [output]));
    plan.finish().unwrap()
}

/// What is held against the twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The shaders, with this one of the 3x3 convolution.
    Gpu(Tuning),
    /// The fast kernels on the CPU.
    Cpu,
}

impl Subject {
    /// Everything that computes a 3x3 convolution.
    pub fn all() -> impl Iterator<Item = Self> {
        Tuning::all().into_iter().map(Self::Gpu).chain([Self::Cpu])
    }

    /// Everything that computes what has one shader.
    pub const BACKENDS: [Self; 2] = [Self::Gpu(Tuning::DIRECT), Self::Cpu];

    /// What it makes of tensor 0 in [`one_step`].
    pub fn run(self, plan: &Plan, parameters: &Arc<Parameters>, input: &[f32]) -> Vec<f32> {
        self.run_first_step(plan, parameters, Some(input), &[])
    }

    /// What it makes of a plan's first step, from its input or from pictures.
    pub fn run_first_step(
        self,
        plan: &Plan,
        parameters: &Arc<Parameters>,
        input: Option<&[f32]>,
        pictures: &[Image<'_>],
    ) -> Vec<f32> {
        let (context, options) = match self {
            Self::Cpu => (&Context::cpu(), ModelOptions::default()),
            Self::Gpu(tuning) => (context(), ModelOptions::default().tunings(tuning)),
        };
        let result = doctor::first_step(context, &options, plan, parameters, input, pictures);
        result.unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// The bounds that hold for it.
    pub fn bounds(self, bounds: Bounds) -> Bounds {
        match self {
            Self::Gpu(tuning) => bounds.of_tuning(tuning),
            Self::Cpu => bounds,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu(tuning) => write!(f, "gpu.{tuning}"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

/// What the twin makes of tensor 0 in [`one_step`]. Both tensors can be read from the executor.
pub fn on_twin(plan: &Plan, parameters: &Arc<Parameters>, input: &[f32]) -> Executor {
    doctor::on_twin(plan, parameters, Some(input), &[]).unwrap()
}

/// The bounds of step `step`, whose input and output `twin` holds.
pub fn bounds(twin: &Executor, parameters: &Parameters, step: usize) -> Bounds {
    doctor::bounds(twin, parameters, step).unwrap()
}

/// The largest difference, relative to the bounds' magnitudes; or the first element that is out of bounds.
pub fn compare(result: &[f32], twin: &[f32], bounds: &Bounds) -> Result<f64, String> {
    doctor::compare(result, twin, bounds).into_result()
}

/// The largest difference between sums, relative to the twin's; or the first sum that is off by more than [`SUM`].
pub fn compare_sums<T: Copy + Into<f64>>(sums: &[T], twin: &[f64]) -> Result<f64, String> {
    doctor::compare_sums(sums, twin).into_result()
}
