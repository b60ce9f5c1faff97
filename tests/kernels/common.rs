//! What the kernel tests share: one device, and the library's own way of holding a step against its twin
//! (`src/doctor/`), failing in words.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

pub use perceptual_loss::low_level::doctor::{
    AnyExecutor, Bounds, MIXED_PIXELS, PIXELS, SUM, plans,
    values::{Rng, features, few, values},
};
use perceptual_loss::{
    Context, Image, ModelOptions, Normalization, Tuning, gpu,
    low_level::{
        cpu::Executor,
        doctor::{self, plans::Shape},
        plan::{Maps, Operation, Plan, Region, TensorId},
    },
    network::Layer,
    weights::{Convolution, Parameters},
};

pub use crate::gpu_device::context;
use crate::gpu_device::is_left_out;

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

/// A plan of one step, between tensors in the order in which it reads and writes them.
pub fn one_step(operation: Operation, reads: &[Shape], writes: &[Shape]) -> Plan {
    plans::one_step(operation, reads, writes, 0).unwrap()
}

/// A target's pixels of pictures, and nothing of them.
pub fn only_pixels(images: u32, region: Region, normalization: Normalization) -> Plan {
    plans::pixels(images, region, normalization, Maps::Target).unwrap()
}

/// What tensors of a plan hold.
pub fn shapes(plan: &Plan, tensors: &[TensorId]) -> Vec<Shape> {
    let of = |&id: &TensorId| {
        let tensor = &plan.tensors()[id];
        (tensor.images, tensor.channels, tensor.region)
    };
    tensors.iter().map(of).collect()
}

/// A plan's first step, in words.
pub fn described(plan: &Plan) -> String {
    let step = &plan.steps()[0];
    let [reads, writes] = [&step.reads, &step.writes].map(|tensors| shapes(plan, tensors));
    format!("{:?} of {reads:?} to {writes:?}, {} rows kept", step.operation, step.kept)
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
        Self::of(Tuning::all())
    }

    /// Everything that computes what has one shader.
    pub fn backends() -> impl Iterator<Item = Self> {
        Self::of(vec![Tuning::DIRECT])
    }

    /// The GPU in these tunings, unless it is left out, and the CPU.
    fn of(tunings: Vec<Tuning>) -> impl Iterator<Item = Self> {
        let tunings = if is_left_out() { vec![] } else { tunings };
        tunings.into_iter().map(Self::Gpu).chain([Self::Cpu])
    }

    fn context(self) -> (&'static Context, ModelOptions) {
        static CPU: LazyLock<Context> = LazyLock::new(Context::cpu);
        match self {
            Self::Cpu => (&CPU, ModelOptions::default()),
            Self::Gpu(tuning) => (context(), ModelOptions::default().tunings(tuning)),
        }
    }

    pub fn executor(self, plan: &Plan, parameters: &Arc<Parameters>) -> AnyExecutor {
        let (context, options) = self.context();
        let executor = AnyExecutor::new(context, &options, plan.clone(), parameters);
        executor.unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// What it makes of a plan's first step, from the values of each tensor that it reads, or from pictures.
    pub fn run(
        self,
        plan: &Plan,
        parameters: &Arc<Parameters>,
        inputs: &[Vec<f32>],
        pictures: &[Image<'_>],
    ) -> Vec<Vec<f32>> {
        let (context, options) = self.context();
        let results = doctor::first_step(context, &options, plan, parameters, inputs, pictures);
        results.unwrap_or_else(|error| panic!("{self}, {}: {error}", described(plan)))
    }

    /// The bounds that hold for what it makes of a step.
    pub fn bounds(self, operation: Operation, bounds: &[Bounds]) -> Vec<Bounds> {
        match (self, operation) {
            (Self::Gpu(tuning), Operation::Conv3x3 { .. } | Operation::Conv3x3Gradient { .. }) => {
                bounds.iter().map(|bounds| bounds.clone().of_tuning(tuning)).collect()
            }
            _ => bounds.to_vec(),
        }
    }

    /// The largest difference of what it has made of a plan's first step, whose inputs were given; or what is out of
    /// bounds.
    pub fn judge(
        self,
        results: &[Vec<f32>],
        (twin, bounds): (&Executor, &[Bounds]),
        parameters: &Arc<Parameters>,
    ) -> Result<f64, String> {
        let step = &twin.plan().steps()[0];
        assert_eq!(results.len(), step.writes.len());
        let bounds = self.bounds(step.operation, bounds);
        // No convolution has made what is given.
        let deviations = doctor::judge(twin, parameters, 0, results, &bounds, |_| false).unwrap();
        deviations.into_iter().collect::<doctor::Deviation>().into_result()
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

/// What the twin makes of a plan's first step, and how far others may be from it.
pub fn with_bounds(
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
) -> (Executor, Vec<Bounds>) {
    let twin = on_twin(plan, parameters, inputs);
    let bounds = bounds(&twin, parameters, 0);
    (twin, bounds)
}

/// A plan's only step in each of `subjects`, against its twin; the largest relative difference of each.
pub fn hold(
    subjects: impl IntoIterator<Item = Subject>,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
) -> Vec<f64> {
    let (twin, bounds) = with_bounds(plan, parameters, inputs);
    let of_subject = |subject: Subject| {
        let results = subject.run(plan, parameters, inputs, &[]);
        let judged = subject.judge(&results, (&twin, &bounds), parameters);
        judged.unwrap_or_else(|what| panic!("{subject}, {}: {what}", described(plan)))
    };
    subjects.into_iter().map(of_subject).collect()
}

/// The larger one of each subject's.
pub fn larger(a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.into_iter().zip(b).map(|(a, b)| f64::max(a, b)).collect()
}

/// What the twin makes of a plan's first step. All of its tensors can be read from the executor.
pub fn on_twin(plan: &Plan, parameters: &Arc<Parameters>, inputs: &[Vec<f32>]) -> Executor {
    doctor::on_twin(plan, parameters, inputs, &[]).unwrap()
}

/// The bounds of each tensor that step `step` writes; `twin` holds what it reads and writes.
pub fn bounds(twin: &Executor, parameters: &Parameters, step: usize) -> Vec<Bounds> {
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

/// A part of a step over whole maps, which the twin has done and which have these bounds: the same step over smaller
/// regions, of the same values. The twin makes that part of the whole's results, to the bit, and each subject what it
/// may.
pub fn hold_part(
    subjects: impl IntoIterator<Item = Subject>,
    (of_whole, bounds): &(Executor, Vec<Bounds>),
    part: &Plan,
    parameters: &Arc<Parameters>,
) -> Vec<f64> {
    let [step, of_part] = [&of_whole.plan().steps()[0], &part.steps()[0]];
    let region = |id: TensorId| part.tensors()[id].region;
    let read = |(&whole, &id): (&TensorId, &TensorId)| crop(&of_whole.read(whole).unwrap(), region(id));
    let inputs: Vec<_> = step.reads.iter().zip(&of_part.reads).map(read).collect();
    let twin = on_twin(part, parameters, &inputs);
    for (&whole, &id) in step.writes.iter().zip(&of_part.writes) {
        let expected = crop(&of_whole.read(whole).unwrap(), region(id));
        assert_eq!(twin.read(id).unwrap(), expected, "the twin's own part, {}", described(part));
    }
    let of_bounds = |(bounds, &id): (&Bounds, &TensorId)| match bounds {
        Bounds::Relative(factor, magnitudes) => Bounds::Relative(*factor, crop(magnitudes, region(id))),
        other => other.clone(),
    };
    let bounds: Vec<_> = bounds.iter().zip(&of_part.writes).map(of_bounds).collect();
    let of_subject = |subject: Subject| {
        let results = subject.run(part, parameters, &inputs, &[]);
        let judged = subject.judge(&results, (&twin, &bounds), parameters);
        judged.unwrap_or_else(|what| panic!("{subject}, {}: {what}", described(part)))
    };
    subjects.into_iter().map(of_subject).collect()
}
