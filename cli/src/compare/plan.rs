//! What a comparison would do and take, told before anything runs.

use std::{fmt::Write as _, ops::Range};

use perceptual_loss::{
    Backend, Model, Outline,
    low_level::plan::{Part, Region, Step, Tensor},
};
use perceptual_loss_files::ByteSize;
use serde::Serialize;

use crate::{failure::Failure, json};

/// A comparison of two pictures: the parts in which they go through, and what they take.
#[derive(Serialize)]
pub struct PlanReport {
    width: u32,
    height: u32,
    network: &'static str,
    preset: Option<&'static str>,
    backend: Backend,
    adapter: Option<String>,
    /// Bytes that features and scratch may take.
    budget: u64,
    /// Bytes that they will take, for both pictures.
    features: u64,
    scratch: u64,
    /// Bytes that a target takes beside that is compared with many pictures. Where they are more than is left of the budget, its
    /// maps are computed again for each.
    target: u64,
    /// Bytes of packed pictures and of weights, which count against no budget.
    pictures: u64,
    weights: u64,
    bands: u32,
    strips: u32,
    /// How often the parts go through: twice for the gradient of Gram matrices in parts.
    times: u32,
    /// Floating-point operations of both pictures, with what is done again because of the cut, of one time.
    flops: u64,
    /// What is done again because of the cut, as a share of what the whole picture takes.
    recomputed: f64,
    /// What differs from part to part.
    parts: Vec<PartReport>,
}

/// Parts that are alike but for their place, which is that of the first.
#[derive(Serialize)]
struct PartReport {
    /// The first and one past the last, counted from 0.
    bands: [u32; 2],
    strips: [u32; 2],
    steps: Vec<StepReport>,
    /// Tensors that the steps read and write.
    tensors: Vec<TensorReport>,
}

#[derive(Serialize)]
struct StepReport {
    name: String,
    kernel: &'static str,
    /// Of the part's tensors, by number: the target's map and then the difference's, where it is of both.
    reads: Vec<usize>,
    writes: Vec<usize>,
    /// Rows at the top of what it writes that are there already.
    kept: u32,
    flops: u64,
}

#[derive(Serialize)]
struct TensorReport {
    name: String,
    channels: u32,
    #[serde(flatten)]
    region: Region,
    bytes: u64,
    /// The slot of memory that it shares with others.
    slot: usize,
}

impl PlanReport {
    pub fn new(model: &Model, width: u32, height: u32) -> Result<Self, Failure> {
        Self::of(model, model.outline(width, height, 1)?, width, height)
    }

    /// Of what was planned.
    pub fn of(model: &Model, outline: Outline, width: u32, height: u32) -> Result<Self, Failure> {
        let Outline { memory, budget, weights, parts: cut, .. } = outline;
        let mut flops = 0u64;
        let mut parts = vec![];
        for [bands, rows] in cut.alike() {
            let part = PartReport::new(&cut.part(bands.start, rows.start)?, bands, rows);
            let times = |range: [u32; 2]| u64::from(range[1] - range[0]);
            let each: u64 = part.steps.iter().map(|step| step.flops).sum();
            flops = flops.saturating_add(each.saturating_mul(times(part.bands) * times(part.strips)));
            parts.push(part);
        }
        let config = model.config();
        let context = model.context();
        Ok(Self {
            width,
            height,
            network: config.network.name(),
            preset: config.preset().map(|preset| preset.name()),
            backend: context.backend(),
            adapter: context.adapter().map(|adapter| adapter.name.clone()),
            budget,
            features: memory.features,
            scratch: memory.scratch,
            target: memory.target,
            pictures: memory.pictures,
            weights,
            bands: cut.bands(),
            strips: cut.strips(),
            times: cut.times(),
            flops,
            recomputed: cut.overhead(),
            parts,
        })
    }

    /// A JSON object, in one line.
    pub fn json(&self) -> Result<String, Failure> {
        Ok(json::object(self)? + "\n")
    }

    /// The same for people.
    pub fn table(&self) -> String {
        let Self { width, height, backend, bands, strips, .. } = self;
        let on = self.adapter.as_ref().map_or(String::new(), |adapter| format!(" ({adapter})"));
        let cut = match (bands, strips) {
            (1, 1) => "in one part".to_owned(),
            (1, strips) => format!("in {strips} strips"),
            (bands, strips) => format!("in {bands} bands of {strips} strips"),
        };
        let twice = if self.times > 1 { ", which go through twice" } else { "" };
        let loss = self.preset.unwrap_or(self.network);
        let mut text = format!("{width}x{height}, {loss}, on {backend}{on}: {cut}{twice}\n");
        let size = |bytes: u64| ByteSize(bytes).to_string();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "memory      {} of features, {} of scratch; {} are allowed\ntarget      {} of maps, where one is compared with many\n\
             beside it   {} of packed pictures, {} of weights\n\
             arithmetic  {:.1} GFLOP, of which {:.2} % is done again because of the cut",
            size(self.features),
            size(self.scratch),
            size(self.budget),
            size(self.target),
            size(self.pictures),
            size(self.weights),
            self.flops as f64 / 1e9,
            100.0 * self.recomputed / (1.0 + self.recomputed),
        );
        for part in &self.parts {
            text += &part.table([*bands, *strips]);
        }
        text
    }
}

impl PartReport {
    fn new(part: &Part, bands: Range<u32>, strips: Range<u32>) -> Self {
        let plan = part.plan();
        let uses = |step: &Step, id: &usize| step.reads.contains(id) || step.writes.contains(id);
        let is_used = |id: &usize| plan.steps().iter().any(|step| uses(step, id));
        let used: Vec<usize> = (0..plan.tensors().len()).filter(is_used).collect();
        let numbers = |ids: &[usize]| {
            let number = |id: &usize| used.iter().position(|used| used == id);
            ids.iter().filter_map(number).collect()
        };
        let steps = plan.steps().iter().enumerate().map(|(index, step)| StepReport {
            name: step.name.clone(),
            kernel: step.operation.kernel(),
            reads: numbers(&step.reads),
            writes: numbers(&step.writes),
            kept: step.kept,
            flops: plan.cost(index, 1).flops,
        });
        let tensors = used.iter().map(|&id| TensorReport::new(&plan.tensors()[id], plan.slot_of()[id]));
        Self {
            bands: [bands.start, bands.end],
            strips: [strips.start, strips.end],
            steps: steps.collect(),
            tensors: tensors.collect(),
        }
    }

    fn table(&self, [bands, strips]: [u32; 2]) -> String {
        let which = |[start, end]: [u32; 2], count: u32, one: &str, many: &str| {
            let range = if end - start > 1 {
                format!("{many} {} to {end}", start + 1)
            } else {
                format!("{one} {end}")
            };
            (count > 1).then(|| format!("{range} of {count}"))
        };
        let place =
            [which(self.bands, bands, "band", "bands"), which(self.strips, strips, "strip", "strips")];
        let place: Vec<String> = place.into_iter().flatten().collect();
        let mut text = String::from("\n");
        if !place.is_empty() {
            text += &format!("{}:\n", place.join(", "));
        }
        let _ = writeln!(
            text,
            "{:<20} {:>8}  {:<22} {:<22} {:>24} {:>14} {:>10}",
            "step", "GFLOP", "reads", "writes", "channels x rows x columns", "from row, col", "bytes"
        );
        // A line for each tensor that is written, with one that is read; then those of either that are left.
        for step in &self.steps {
            for line in 0..step.reads.len().max(step.writes.len()).max(1) {
                let (name, flops) = match line {
                    0 => (step.name.as_str(), format!("{:.2}", step.flops as f64 / 1e9)),
                    _ => ("", String::new()),
                };
                let read = step.reads.get(line).map(|&id| self.tensors[id].name.as_str());
                let read = read.unwrap_or(if step.reads.is_empty() && line == 0 { "pictures" } else { "" });
                let written = step.writes.get(line).map_or(String::new(), |&id| self.tensors[id].line());
                text += format!("{name:<20} {flops:>8}  {read:<22} {written}").trim_end();
                text.push('\n');
            }
        }
        text
    }
}

impl TensorReport {
    fn new(tensor: &Tensor, slot: usize) -> Self {
        Self {
            name: tensor.name.clone(),
            channels: tensor.channels,
            region: tensor.region,
            bytes: tensor.bytes(),
            slot,
        }
    }

    fn line(&self) -> String {
        let ([width, height], [x, y]) = (self.region.extent, self.region.origin);
        let shape = format!("{} x {height} x {width}", self.channels);
        format!("{:<22} {shape:>24} {:>14} {:>10}", self.name, format!("{y}, {x}"), self.bytes)
    }
}
