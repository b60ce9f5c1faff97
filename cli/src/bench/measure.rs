//! The measurement: a first run, then whole runs and profiled runs in turn.

use std::time::Instant;

use perceptual_loss::{
    Backend, Clock, Image, Model, Preset, Profile, Session, Target, Tuning, cpu, gpu, weights::Precision,
};
use serde::{Serialize, Serializer};

use super::memory;
use crate::{failure::Failure, progress::Progress};

/// What one run is.
pub struct Work {
    pub width: u32,
    pub height: u32,
    /// Pairs.
    pub batch: u32,
    pub cached_target: bool,
    pub gradient: bool,
    pub runs: Option<u32>,
}

/// What came out; its fields are those of `--json`.
#[derive(Debug, Serialize)]
pub struct Measurement {
    pub backend: Backend,
    pub adapter: Option<String>,
    pub width: u32,
    pub height: u32,
    pub batch: u32,
    pub cached_target: bool,
    pub gradient: bool,
    pub network: &'static str,
    pub preset: Option<&'static str>,
    pub weights: String,
    pub precision: Precision,
    /// What told the steps' times: `gpu` or `wall`.
    #[serde(serialize_with = "clock_name")]
    pub clock: Clock,
    pub steps: Vec<Step>,
    pub whole: Whole,
    pub peak: Peak,
    pub version: &'static str,
    pub cpu: String,
    pub threads: Option<usize>,
    pub driver: Option<String>,
}

fn clock_name<S: Serializer>(clock: &Clock, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *clock == Clock::Device { "gpu" } else { "wall" })
}

/// A step of the plan.
#[derive(Debug, Serialize)]
pub struct Step {
    pub name: String,
    pub kernel: &'static str,
    pub tuning: Option<Tuning>,
    pub median_s: f64,
    /// Thousand millions of operations a second, a convolution counted as a direct one.
    pub gflops: f64,
    /// Read and written, each value once.
    pub bytes: u64,
    #[serde(skip)]
    pub flops: u64,
}

/// A whole run, pixels up to report down.
#[derive(Debug, Serialize)]
pub struct Whole {
    /// From opening the device to the first report: weights, shaders and buffers included.
    pub first_s: f64,
    /// Of that, compiling shaders; none on the CPU.
    pub compile_s: Option<f64>,
    pub median_s: f64,
    pub min_s: f64,
    pub runs: usize,
    /// The most memory that the process had resident, a software GPU's included; none where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// What the device does at best.
#[derive(Debug, Serialize)]
pub struct Peak {
    pub gflops: f64,
    pub bytes_per_s: f64,
}

impl Measurement {
    /// The whole less its steps: packing, upload, submission, readback. Medians of different runs can cross.
    pub fn between_steps(&self) -> f64 {
        (self.whole.median_s - self.steps.iter().map(|step| step.median_s).sum::<f64>()).max(0.0)
    }
}

/// Runs of the default number: at least, at most, and for about how long.
const LEAST: u32 = 5;
const MOST: u32 = 100;
const SECONDS: f64 = 3.0;

/// A side that every network's deepest layer can be computed from.
const SMALL: u32 = 32;

impl Work {
    /// Pairs, or a target and its candidates.
    fn pictures(&self) -> u32 {
        if self.cached_target { self.batch + 1 } else { 2 * self.batch }
    }
}

/// Measures `work`, with the model that `open` makes.
pub fn measure(work: &Work, open: impl FnOnce() -> Result<Model, Failure>) -> Result<Measurement, Failure> {
    let start = Instant::now();
    let model = open()?;
    let lazily = model.context().adapter().map(|_| compile(&model)).transpose()?;
    let mut session = model.batch_session(work.width, work.height, work.batch)?;
    let opening = start.elapsed();
    let pixels = noise(work.width, work.height, work.pictures())?;
    let pictures: Vec<Image<'_>> =
        pixels.iter().map(|pixels| Image::rgb8(pixels, work.width, work.height)).collect();

    let start = Instant::now();
    let mut run = Run::new(&mut session, work, &pictures)?;
    run.whole()?;
    let first_s = (opening + start.elapsed()).as_secs_f64();
    let context = model.context();
    let compile_s = lazily
        .map(|lazily| Ok::<_, Failure>(gpu::compile_time(context)?.as_secs_f64() + lazily))
        .transpose()?;

    let mut wholes = vec![run.whole()?];
    let runs = work.runs.unwrap_or(((SECONDS / wholes[0]) as u32).clamp(LEAST, MOST));
    let mut profiles: Vec<Profile> = vec![];
    let progress = Progress::new("measuring", runs as usize);
    for index in 0..runs {
        if index > 0 {
            wholes.push(run.whole()?);
        }
        profiles.push(run.profile()?);
        progress.step();
    }
    drop(progress);
    // Before the peak's own buffers.
    let peak_bytes = memory::peak_bytes();
    let peak = context.peak_blocking()?;

    let first = profiles.first().ok_or_else(|| Failure::run("nothing was measured"))?;
    let steps = first.steps.iter().enumerate().map(|(index, step)| {
        let median_s = median(profiles.iter().map(|profile| profile.steps[index].seconds).collect());
        Step {
            name: step.name.clone(),
            kernel: step.kernel,
            tuning: step.tuning,
            median_s,
            gflops: if median_s > 0.0 { step.cost.flops as f64 / median_s / 1e9 } else { 0.0 },
            bytes: step.cost.bytes,
            flops: step.cost.flops,
        }
    });
    let report = first.reports.first().ok_or_else(|| Failure::run("a comparison has given no report"))?;
    let adapter = context.adapter();
    Ok(Measurement {
        backend: report.backend,
        adapter: report.adapter.clone(),
        width: work.width,
        height: work.height,
        batch: work.batch,
        cached_target: work.cached_target,
        gradient: work.gradient,
        network: report.network.name(),
        preset: report.preset.map(Preset::name),
        weights: report.weights.origin.clone(),
        precision: report.precision,
        clock: first.clock,
        steps: steps.collect(),
        whole: Whole {
            first_s,
            compile_s,
            min_s: wholes.iter().copied().fold(f64::INFINITY, f64::min),
            runs: wholes.len(),
            median_s: median(wholes),
            peak_bytes,
        },
        peak: Peak { gflops: peak.flops_per_second / 1e9, bytes_per_s: peak.bytes_per_second },
        version: report.version,
        cpu: cpu::processor().name,
        threads: context.threads(),
        driver: adapter.map(|adapter| adapter.driver.clone()),
    })
}

/// The runs of one session.
struct Run<'a> {
    session: &'a mut Session,
    target: Option<Target>,
    pairs: Vec<(Image<'a>, Image<'a>)>,
    candidates: Vec<Image<'a>>,
    gradient: bool,
}

impl<'a> Run<'a> {
    fn new(session: &'a mut Session, work: &Work, pictures: &[Image<'a>]) -> Result<Self, Failure> {
        let (target, candidates) = match pictures {
            [target, candidates @ ..] if work.cached_target => {
                (Some(session.target(*target)?), candidates.to_vec())
            }
            _ => (None, vec![]),
        };
        let pairs = pictures.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        Ok(Self { session, target, pairs, candidates, gradient: work.gradient })
    }

    /// The seconds of one run.
    fn whole(&mut self) -> Result<f64, Failure> {
        let start = Instant::now();
        match &self.target {
            Some(target) if self.gradient => {
                for candidate in &self.candidates {
                    self.session.loss_and_gradient_blocking(*candidate, target)?;
                }
            }
            None if self.gradient => drop(self.session.loss_and_gradient_batch_blocking(&self.pairs)?),
            Some(target) => drop(self.session.compare_to_blocking(target, &self.candidates)?),
            None => drop(self.session.compare_batch_blocking(&self.pairs)?),
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn profile(&mut self) -> Result<Profile, Failure> {
        Ok(match &self.target {
            Some(target) if self.gradient => {
                self.session.profile_gradient_to_blocking(target, &self.candidates)?
            }
            None if self.gradient => self.session.profile_gradient_batch_blocking(&self.pairs)?,
            Some(target) => self.session.profile_to_blocking(target, &self.candidates)?,
            None => self.session.profile_batch_blocking(&self.pairs)?,
        })
    }
}

/// Makes the driver compile every shader of a model, on pictures so small that they cost nothing. Gives the seconds
/// that it puts off until shaders first run; those before are told by [`gpu::compile_time`].
fn compile(model: &Model) -> Result<f64, Failure> {
    let pixels = noise(SMALL, SMALL, 2)?;
    let mut session = model.session(SMALL, SMALL)?;
    let mut seconds = || -> Result<f64, Failure> {
        let start = Instant::now();
        let [a, b] = [0, 1].map(|index| Image::rgb8(&pixels[index], SMALL, SMALL));
        session.compare_blocking(a, b)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let first = seconds()?;
    Ok((first - seconds()?).max(0.0))
}

/// Pictures of `width` by `height` pixels, RGB.
fn noise(width: u32, height: u32, pictures: u32) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = (width as usize).checked_mul(height as usize).and_then(|n| n.checked_mul(3));
    let too_large =
        || Failure::run(format!("there is no memory for {pictures} pictures of {width}x{height}"));
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..pictures)
        .map(|_| {
            let bytes = bytes.ok_or_else(too_large)?;
            let mut pixels = vec![];
            pixels.try_reserve_exact(bytes).map_err(|_| too_large())?;
            // xorshift: any pixels take as long.
            pixels.extend((0..bytes).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            }));
            Ok(pixels)
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.get(values.len() / 2), values.get(values.len().wrapping_sub(1) / 2)) {
        (Some(high), Some(low)) => (high + low) / 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
