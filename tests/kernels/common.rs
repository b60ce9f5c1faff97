//! What the kernel tests share: one device, reproducible values, running a step on both sides, and how far a
//! kernel may stray from its twin.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use perceptual_loss::{
    Context, Image, Tuning,
    cpu::{fast, twin},
    gpu,
    network::Layer,
    plan::{Operation, Plan, Region, Step, Tensor},
    weights::{Convolution, Parameters},
};

use crate::gpu_device;

/// The device that all tests of this program share.
pub fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(gpu_device::open)
}

/// splitmix64: the same numbers on every machine, and cheap enough for 2^30 of them.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin at neighbouring states, which would be one sequence, shifted.
        Self(Self(seed).bits())
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u32) -> u32 {
        (self.bits() % u64::from(end)) as u32
    }

    /// Of either sign, the magnitude in [2^-powers, 2^powers), with all powers of two alike. Never -0.
    pub fn spread(&mut self, powers: u32) -> f32 {
        let bits = self.bits();
        let exponent = 127 - powers + (bits >> 32) as u32 % (2 * powers);
        f32::from_bits((bits as u32 & 0x807f_ffff) | exponent << 23)
    }

    /// Of either sign, the magnitude from 1e-3 to 1e3.
    pub fn wide(&mut self) -> f32 {
        self.spread(10)
    }
}

/// Values of either sign and of magnitudes from 1e-3 to 1e3.
pub fn values(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.wide()).collect()
}

/// What convolutions are fed: of either sign and of magnitudes from 1/4 to 4, so that each product weighs enough
/// to be missed.
pub fn features(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.spread(2)).collect()
}

/// Small whole numbers: sums of them are exact in float32 in any order, up to 2^24, so that not one may be missed.
pub fn small_integers(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.below(7) as f32 - 3.0).collect()
}

/// A convolution whose weights and biases are like [`features`].
pub fn convolution(layer: Layer, seed: u64) -> Convolution {
    let weights = u64::from(layer.inputs * layer.outputs) * 9;
    let mut weight = features(seed, weights + u64::from(layer.outputs));
    let bias = weight.split_off(weights as usize);
    Convolution::new(layer, weight, bias).unwrap()
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

/// The region of `whole` from (x, y) on with this extent, and no halo.
pub fn part(whole: [u32; 2], origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region { origin, extent, halo: [0; 4], whole }
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
    let mut plan = Plan::empty(images);
    let from = plan.tensor("input", input.0, input.1);
    let to = plan.tensor("output", output.0, output.1);
    plan.push("the step", operation, Some(from), Some(to));
    plan.finish().unwrap()
}

/// What is held against the twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The shaders, with this one of the 3x3 convolution.
    Gpu(Tuning),
    /// The fast form on the CPU.
    Cpu,
}

impl Form {
    /// Every form of the 3x3 convolution.
    pub const ALL: [Self; 3] = [Self::Gpu(Tuning::Direct), Self::Gpu(Tuning::Blocked), Self::Cpu];
    /// The forms of the kernels that have one shader.
    pub const BACKENDS: [Self; 2] = [Self::Gpu(Tuning::Direct), Self::Cpu];

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
        let mut plan = plan.clone();
        match self {
            Self::Cpu => first_step_on_cpu(&plan, parameters, input, pictures),
            Self::Gpu(wanted) => {
                if let Operation::Conv3x3 { tuning, .. } = &mut plan.steps[0].operation {
                    *tuning = wanted;
                }
                first_step_on_gpu(plan, parameters, input, pictures)
            }
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu(tuning) => write!(f, "gpu.{tuning}"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

fn first_step_on_cpu(
    plan: &Plan,
    parameters: &Parameters,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Vec<f32> {
    let mut executor = fast::Executor::new(plan.clone(), parameters);
    let step = &plan.steps[0];
    let output = step.output.unwrap();
    // The output's buffer is used again: whatever the kernel forgets to write must not look like a result.
    executor.write(output, &vec![f32::NAN; plan.tensors[output].elements() as usize]).unwrap();
    if let (Some(tensor), Some(values)) = (step.input, input) {
        executor.write(tensor, values).unwrap();
    }
    executor.run(0..1, pictures).unwrap();
    executor.read(output)
}

fn first_step_on_gpu(
    mut plan: Plan,
    parameters: &Arc<Parameters>,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Vec<f32> {
    let step = plan.steps[0].clone();
    let output = step.output.unwrap();
    // Shaders run without bounds checks. A second tensor in the output's memory, twice as large, is read back
    // instead of the output, so that what was written past the output's end is seen.
    let Tensor { images, channels, region, .. } = plan.tensors[output].clone();
    let guard = plan.tensor("output and beyond", 2 * channels, region);
    let slot = plan.slot_of[output];
    plan.slots[slot] = plan.slots[slot].max(plan.tensors[guard].bytes());
    plan.slot_of.push(slot);
    let elements = u64::from(images * channels) * region.positions();

    let executor = gpu::Executor::new(context(), plan, Arc::clone(parameters)).unwrap();
    if let (Some(tensor), Some(values)) = (step.input, input) {
        executor.write(tensor, values).unwrap();
    }
    // Whatever the kernel forgets to write must not look like a result.
    executor.write(guard, &vec![f32::NAN; 2 * elements as usize]).unwrap();
    executor.run(0..1, pictures).unwrap();
    let mut values = executor.read_blocking(guard).unwrap();
    let beyond = values.split_off(elements as usize);
    let stray = beyond.iter().position(|value| !value.is_nan());
    assert_eq!(
        stray, None,
        "elements past the end of the output that the kernel wrote: {:?}",
        step.operation
    );
    values
}

/// What the twin makes of tensor 0 in [`one_step`]. Both tensors can be read from the executor.
pub fn on_twin(plan: &Plan, parameters: &Arc<Parameters>, input: &[f32]) -> twin::Executor {
    let mut executor = twin::Executor::new(plan.clone(), Arc::clone(parameters));
    executor.write(0, input).unwrap();
    executor.run(0..1, &[]).unwrap();
    executor
}

/// How far a step's result may be from its twin's.
pub enum Bounds {
    /// Not at all.
    Bits,
    /// By a factor times the magnitude of what each element is made of.
    Relative(f64, Vec<f32>),
}

/// A convolution's result may differ from its twin's by this times the convolution of |input| with |weights|, plus
/// |bias|.
///
/// A float32 sum is rounded at each addition, by up to 2^-24 of the sum so far; that is bounded by the sum of
/// magnitudes, not by the result, which may cancel to nothing. Roundings point either way, and sums of both signs
/// stay far below the sum of their magnitudes, so that even after the 4608 products of 512 channels a few roundings
/// (6e-8 each) are what is left. A product that is missed or counted twice is 2e-4 of the sum on average.
pub const CONV3X3: f64 = 1e-6;

/// A sum of differences may differ from its twin's by this, relative to the sum: its terms are all positive.
pub const SUM: f64 = 1e-6;

/// Two float32 roundings (of one unit in the last place each), relative to |value * factor| + |offset|: factor,
/// product, offset and sum are each rounded by half a unit at most.
pub const PIXELS: f64 = 2.0 * f32::EPSILON as f64;

/// The bounds of step `step`, whose input and output `twin` holds.
pub fn bounds(twin: &twin::Executor, parameters: &Parameters, step: usize) -> Bounds {
    let plan = twin.plan();
    let Step { operation, input, output, .. } = &plan.steps[step];
    match *operation {
        Operation::Conv3x3 { layer, .. } => {
            let (input, output) = (input.unwrap(), output.unwrap());
            let convolution = parameters.convolution(layer.name).unwrap();
            let (from, to) = (&plan.tensors[input], &plan.tensors[output]);
            Bounds::Relative(CONV3X3, conv3x3_magnitudes((from, twin.read(input)), convolution, to))
        }
        Operation::Pixels { normalization } => {
            let output = output.unwrap();
            let plane = plan.tensors[output].channel_stride() as usize;
            let offsets = normalization.channels().map(|(_, _, offset)| offset as f32);
            let planes = twin.read(output).chunks(plane).zip(offsets.iter().cycle());
            let magnitudes = planes
                .flat_map(|(plane, offset)| plane.iter().map(move |v| (v - offset).abs() + offset.abs()))
                .collect();
            Bounds::Relative(PIXELS, magnitudes)
        }
        _ => Bounds::Bits,
    }
}

/// The convolution of absolute values.
pub fn conv3x3_magnitudes((from, input): (&Tensor, &[f32]), conv: &Convolution, to: &Tensor) -> Vec<f32> {
    let abs = |values: &[f32]| values.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let conv = Convolution::new(conv.layer, abs(&conv.weight), abs(&conv.bias)).unwrap();
    let mut magnitudes = vec![0.0; to.elements() as usize];
    twin::conv3x3((from, &abs(input)), &conv, false, (to, &mut magnitudes));
    magnitudes
}

/// The largest difference, relative to the bounds' magnitudes; or the first element that is out of bounds.
pub fn compare(result: &[f32], twin: &[f32], bounds: &Bounds) -> Result<f64, String> {
    if result.len() != twin.len() {
        return Err(format!("there are {} elements, and {} from the twin", result.len(), twin.len()));
    }
    let mut largest = 0.0f64;
    for (i, (r, t)) in result.iter().zip(twin).enumerate() {
        let difference = (f64::from(*r) - f64::from(*t)).abs();
        let (fits, allowed) = match bounds {
            Bounds::Bits => (r.to_bits() == t.to_bits(), 0.0),
            Bounds::Relative(factor, magnitudes) => {
                let magnitude = f64::from(magnitudes[i]);
                if difference > 0.0 {
                    largest = largest.max(difference / magnitude);
                }
                (difference <= factor * magnitude, factor * magnitude)
            }
        };
        if !fits {
            return Err(format!(
                "element {i} of {}: {r:e}, and {t:e} from the twin; {difference:e} apart, {allowed:e} allowed",
                result.len()
            ));
        }
    }
    Ok(largest)
}

/// The largest difference between sums, relative to the twin's; or the first sum that is off by more than [`SUM`].
pub fn compare_sums<T: Copy + Into<f64>>(sums: &[T], twin: &[f64]) -> Result<f64, String> {
    if sums.len() != twin.len() {
        return Err(format!("there are {} sums, and {} from the twin", sums.len(), twin.len()));
    }
    let mut largest = 0.0f64;
    for (i, (&sum, &twin)) in sums.iter().zip(twin).enumerate() {
        let sum: f64 = sum.into();
        let difference = (sum - twin).abs();
        let fits = difference <= SUM * twin;
        if !fits {
            return Err(format!("the sum of pair {i} is {sum:e}, and {twin:e} from the twin"));
        }
        if difference > 0.0 {
            largest = largest.max(difference / twin);
        }
    }
    Ok(largest)
}
