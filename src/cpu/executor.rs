//! Runs a plan's steps through a set of kernels: the twins or the fast ones.

use std::{borrow::Cow, mem, ops::Range, sync::Arc};

use super::{
    compute::{Packed, Sums, compute},
    fast::{Factors, Fast},
    kernels::{Input, Kernels, Output},
    lines::Lines,
    threads::on_callers,
    twin::Twins,
    values::Values,
};
use crate::{
    criterion::Criterion,
    error::{Error, Result},
    image::Image,
    network::Layer,
    plan::{Operation, Part, Plan, Step, TensorId},
    reserve::reserve,
    style::Style,
    weights::{Parameters, Precision},
};

/// A plan, its weights in the layout that its kernels want, and the tensors' values. It runs on the rayon pool that it is called
/// from.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    kernels: Arc<dyn Kernels>,
    values: Values,
    /// For each tap and image, the sum of its difference.
    sums: Sums,
    /// Which tensors keep rows for the next part, and which will hold them there.
    kept: Vec<[TensorId; 2]>,
}

impl Executor {
    /// An executor of `plan` through the twins: plain loops with float64 sums.
    ///
    /// # Errors
    /// [`Error::Weights`] where `parameters` lack a convolution of the plan's or have it with other channels.
    pub fn twin(plan: Plan, parameters: Arc<Parameters>) -> Result<Self> {
        Self::with_kernels(plan, Arc::new(Twins::new(parameters)))
    }

    /// An executor of `plan` through the fast kernels: float32, in vector registers.
    ///
    /// # Errors
    /// As [`twin`](Self::twin).
    pub fn fast(plan: Plan, parameters: &Arc<Parameters>) -> Result<Self> {
        Self::fast_with_precision(plan, parameters, Precision::F32)
    }

    /// The same, with convolutions in this precision.
    ///
    /// # Errors
    /// As [`twin`](Self::twin), and [`Error::Config`] where this processor has no instructions for the precision.
    pub fn fast_with_precision(
        plan: Plan,
        parameters: &Arc<Parameters>,
        precision: Precision,
    ) -> Result<Self> {
        let factors = Factors::of(precision)?;
        let kernels = on_callers(|| Fast::new(parameters, factors, Arc::default()))?;
        Self::with_kernels(plan, Arc::new(kernels))
    }

    /// An executor of `plan`, through kernels that others share.
    pub(super) fn with_kernels(plan: Plan, kernels: Arc<dyn Kernels>) -> Result<Self> {
        check(&plan, &*kernels)?;
        let (values, sums) = (Values::new(plan.tensors().len()), Sums::new(plan.taps().len()));
        Ok(Self { plan, kernels, values, sums, kept: vec![] })
    }

    /// Goes on with another part: the next strip, or the first of another band. What strips have kept stays; all features are
    /// let go of.
    ///
    /// # Errors
    /// As [`twin`](Self::twin), where the part is of another plan.
    pub fn begin(&mut self, part: Part) -> Result<()> {
        let features = part.features();
        let Part { plan, kept, .. } = part;
        check(&plan, &*self.kernels)?;
        self.values.go_on(&self.plan, &mem::take(&mut self.kept), features, &plan);
        self.sums.sums = vec![vec![]; plan.taps().len()];
        (self.plan, self.kept) = (plan, kept);
        Ok(())
    }

    /// Begins with this plan, whatever became of what was before: lets go of everything, rows that were kept too.
    pub(super) fn restart(&mut self, plan: Plan) -> Result<()> {
        check(&plan, &*self.kernels)?;
        self.kept.clear();
        self.values.release_all(&self.plan, plan.tensors().len());
        self.sums = Sums::new(plan.taps().len());
        self.plan = plan;
        Ok(())
    }

    /// The plan that it runs: that of the part that was begun last, if any was.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A tensor's values, shape (N, C, H, W), as its step left them; empty before that.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan has no such tensor; [`Error::OutOfMemory`].
    pub fn read(&self, tensor: TensorId) -> Result<Vec<f32>> {
        let shape = self.plan.tensor(tensor)?;
        let values = self.values.of(tensor);
        let mut planes = vec![];
        reserve(&mut planes, values.len(), format_args!("the features of {}", shape.name))?;
        let images = &values[..values.len().min(self.kernels.elements(shape))];
        for image in images.chunks(self.kernels.image(shape).max(1)) {
            self.kernels.to_planes(shape, image, &mut planes);
        }
        Ok(planes)
    }

    /// Sets a tensor's values, shape (N, C, H, W), for plans that do not begin with pixels.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan has no such tensor, or it has more or fewer values; [`Error::OutOfMemory`].
    pub fn write(&mut self, tensor: TensorId, values: &[f32]) -> Result<()> {
        self.plan.check_values(tensor, values)?;
        let shape = self.plan.tensor(tensor)?;
        let images = values.chunks((shape.image_stride() as usize).max(1));
        self.values.release(&self.plan, tensor);
        let mut out = self.values.room(&self.plan, tensor, self.kernels.elements(shape))?;
        on_callers(|| {
            for (planes, image) in images.zip(out.chunks_mut(self.kernels.image(shape).max(1))) {
                self.kernels.fill_from_planes(shape, planes, image);
            }
        });
        self.values.set(tensor, out);
        Ok(())
    }

    /// Sets what the Gram matrices of a tap begin with, shape (C, C): zeros until then. Those of other taps begin with zeros again.
    ///
    /// # Errors
    /// [`Error::Config`] where the tap has no such matrix.
    pub fn begin_matrices(&mut self, tap: usize, values: &[f32]) -> Result<()> {
        self.plan.check_matrix(tap, values)?;
        let mut matrices = vec![vec![]; tap];
        matrices.push(values.iter().copied().map(f64::from).collect());
        self.set_style(Some(Arc::new(Style::new(matrices))));
        Ok(())
    }

    /// What Gram matrices begin with, with zeros where there is none, until the executor is restarted.
    pub(super) fn set_style(&mut self, style: Option<Arc<Style>>) {
        self.sums.style = style;
    }

    /// For each tap, the Gram matrix of the first image, shape (C, C), of all parts so far; nothing for taps that have none.
    pub(super) fn matrices(&self) -> impl Iterator<Item = &[f64]> {
        self.sums.matrices.iter().map(|images| images.first().map(Vec::as_slice).unwrap_or_default())
    }

    /// For each tap and each image, the sum of its difference; of taps whose steps have not run, nothing. That of a Gram matrix is of all
    /// parts so far.
    #[must_use]
    pub fn sums(&self) -> &[Vec<f64>] {
        &self.sums.sums
    }

    /// Positions that each image of a tensor has around it in memory.
    pub(super) fn border(&self) -> u32 {
        self.kernels.border()
    }

    /// Whether its way of computing this convolution makes unequal results of equal patches.
    #[must_use]
    pub fn breaks_ties(&self, layer: &Layer) -> bool {
        self.kernels.breaks_ties(layer)
    }

    /// Runs a range of steps. Only the pixels step reads `pictures`: one for each image of a target's plan; of any other plan
    /// pairs of a generated picture and its target.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan has no such steps, or a step reads a tensor that has no values yet; [`Error::Image`]
    /// where a picture is not valid or not of the plan's size, or there are too few or too many; [`Error::OutOfMemory`].
    pub fn run(&mut self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.plan.check_range(&steps)?;
        Image::validate_all(pictures, self.plan.picture_size(), self.plan.pictures())?;
        let packed = self.packed(pictures)?;
        on_callers(|| steps.into_iter().try_for_each(|step| self.step(step, &packed)))
    }

    /// Valid pictures of the plan's size, packed as the pixels step reads them.
    pub(super) fn packed(&self, pictures: &[Image<'_>]) -> Result<Packed<'static>> {
        let Some((maps, region)) = self.plan.pixels() else { return Ok(Packed::default()) };
        let pack = |picture: &Image<'_>| {
            let mut words = vec![];
            picture.pack(region.origin, region.extent, &mut words)?;
            Ok(words)
        };
        let target = |picture: &Image<'_>| pack(picture).map(Cow::from);
        if !maps.difference() {
            let targets = pictures.iter().map(target).collect::<Result<_>>()?;
            return Ok(Packed { targets, generated: vec![] });
        }
        let of = |first: usize| pictures.iter().skip(first).step_by(2);
        let generated = of(0).map(pack).collect::<Result<_>>()?;
        Ok(Packed { generated, targets: of(1).map(target).collect::<Result<_>>()? })
    }

    /// Gives a tensor values that others have, too, as kernels of the same set lay them out.
    pub(super) fn give(&mut self, tensor: TensorId, values: Arc<Lines>) {
        self.values.give(tensor, values);
    }

    /// Takes a tensor's values.
    pub(super) fn take(&mut self, tensor: TensorId) -> Lines {
        self.values.take(tensor)
    }

    /// Runs one of the plan's steps, with packed pictures.
    pub(super) fn step(&mut self, index: usize, packed: &Packed<'_>) -> Result<()> {
        let step = &self.plan.steps()[index];
        if let Some(&id) = step.reads.iter().find(|&&id| !self.is_made(id)) {
            return Err(Error::Config(format!(
                "step '{}' reads tensor '{}', which has no values yet",
                step.name,
                self.plan.tensors()[id].name
            )));
        }
        let outputs = step.writes.clone();
        let mut out = outputs.iter().map(|&id| self.room_for(id, index)).collect::<Result<Vec<_>>>()?;
        let Self { plan, kernels, values, sums, .. } = self;
        let step = &plan.steps()[index];
        let input = |id: &TensorId| {
            let tensor = &plan.tensors()[*id];
            (tensor, &values.of(*id)[..kernels.elements(tensor)])
        };
        let reads: Vec<Input<'_>> = step.reads.iter().map(input).collect();
        let mut writes: Vec<Output<'_>> = vec![];
        for (&id, out) in outputs.iter().zip(&mut out) {
            let tensor = &plan.tensors()[id];
            writes.push((tensor, step.kept, &mut out[..kernels.elements(tensor)]));
        }
        compute(plan, &**kernels, step, packed, (&reads, writes), sums)?;
        for (id, out) in outputs.into_iter().zip(out) {
            self.values.set(id, out);
        }
        Ok(())
    }

    /// Lets go of what this step read, and no later one reads, but for what is kept.
    pub(super) fn release_after(&mut self, step: usize) {
        let (now, later) = match self.plan.steps().get(step..) {
            Some([now, later @ ..]) => (now, later),
            _ => return,
        };
        for &id in now.reads.iter().filter(|id| !self.plan.kept().contains(id)) {
            if later.iter().all(|later| !later.reads.contains(&id)) {
                self.values.release(&self.plan, id);
            }
        }
    }

    /// Whether a tensor has values.
    fn is_made(&self, tensor: TensorId) -> bool {
        self.values.of(tensor).len() >= self.kernels.elements(&self.plan.tensors()[tensor])
    }

    /// The buffer that a step writes this tensor to: its own where a part of it stays, else any.
    fn room_for(&mut self, tensor: TensorId, step: usize) -> Result<Lines> {
        let Step { name, operation, kept, .. } = &self.plan.steps()[step];
        let shape = &self.plan.tensors()[tensor];
        let is_made = self.is_made(tensor);
        if *kept > 0 && !is_made {
            return Err(Error::Config(format!(
                "step '{name}' keeps {kept} rows of tensor '{}', which has no values yet",
                shape.name
            )));
        }
        if *kept > 0 || *operation == Operation::Copy && is_made {
            return Ok(self.values.take(tensor));
        }
        self.values.release(&self.plan, tensor);
        self.values.room(&self.plan, tensor, self.kernels.elements(shape))
    }
}

/// That there are weights for all of a plan's convolutions, and of LPIPS's channels.
fn check(plan: &Plan, kernels: &dyn Kernels) -> Result<()> {
    for tap in plan.taps().iter().filter(|tap| tap.criterion == Criterion::Lpips) {
        kernels.channel_weights(tap.name, plan.tensors()[tap.tensor].channels)?;
    }
    plan.steps().iter().try_for_each(|step| match step.operation {
        Operation::Conv3x3 { layer, .. } | Operation::Conv3x3Gradient { layer, .. } => {
            kernels.check_layer(&layer)
        }
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        network::Layer,
        plan::{Builder, Maps, Region, Tensor},
        weights::Convolution,
    };

    fn no_weights() -> Arc<Parameters> {
        Arc::new(Parameters::new(vec![], "a test"))
    }

    /// Values of either sign, all of them different.
    fn values(count: u64, seed: u64) -> Vec<f32> {
        let bits = |index: u64| (index + 1000 * seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0..count).map(|index| bits(index) as f32 / 1e6 - 8.0).collect()
    }

    /// Both executors of a plan whose first tensors hold these values, after all steps.
    fn run(plan: &Plan, given: &[&[f32]]) -> Result<[Executor; 2]> {
        let mut both =
            [Executor::twin(plan.clone(), no_weights())?, Executor::fast(plan.clone(), &no_weights())?];
        for executor in &mut both {
            for (tensor, values) in given.iter().enumerate() {
                executor.write(tensor, values)?;
            }
            executor.run(0..plan.steps().len(), &[])?;
        }
        Ok(both)
    }

    /// A difference that writes a map, of an input of so many images.
    fn with_map(criterion: Criterion, input: Tensor, map: Tensor, kept: u32) -> Plan {
        let mut builder = Builder::new();
        let from = builder.tensor(&input.name, input.images, input.channels, input.region);
        let to = builder.tensor(&map.name, map.images, map.channels, map.region);
        builder.tap("the tap", 1.0, criterion, from);
        // What the map keeps is given.
        let difference = Operation::Difference { criterion, tap: 0, input_relu: false };
        builder.step(Step::new("map", difference, [from], [to]).keeping(kept));
        builder.finish().unwrap()
    }

    #[test]
    fn a_map_has_each_positions_part_of_the_sum() {
        let whole = Region::whole(2, 2);
        for (criterion, expected) in [
            (Criterion::Mse, [1.0, 0.0, 9.0, 0.25, 4.0, 100.0, 0.0, 1.0]),
            (Criterion::Mae, [1.0, 0.0, 3.0, 0.5, 2.0, 10.0, 0.0, 1.0]),
        ] {
            let plan =
                with_map(criterion, Tensor::new("in", 1, 2, whole), Tensor::new("map", 1, 2, whole), 0);
            let d = [1.0, 0.0, -3.0, 0.5, 2.0, -10.0, 0.0, -1.0f32];
            for executor in run(&plan, &[&d]).unwrap() {
                assert_eq!(executor.read(1).unwrap(), expected, "{criterion}");
                let sum: f64 = expected.iter().map(|&part| f64::from(part)).sum();
                assert_eq!(executor.sums(), [vec![sum]]);
            }
        }
    }

    /// Several images, a part of the tensor, and rows that stay.
    #[test]
    fn maps_of_the_twins_and_the_fast_kernels_are_the_same() {
        let whole = [40, 30];
        let input = Tensor::new("in", 2, 5, Region::part(whole, [3, 4], [33, 17]).with_halo([1, 2, 3, 0]));
        let map = Tensor::new("map", 2, 5, Region::part(whole, [5, 2], [20, 18]));
        for criterion in Criterion::POINTWISE {
            let plan = with_map(criterion, input.clone(), map.clone(), 3);
            let (features, there) = (values(input.elements(), 1), values(map.elements(), 2));
            let both = run(&plan, &[&features, &there]).unwrap();
            let [twin, fast] = both.each_ref().map(|executor| executor.read(1).unwrap());
            assert_eq!(twin, fast);
            let plane = 20 * 18;
            for (map, there) in twin.chunks(plane).zip(there.chunks(plane)) {
                assert_eq!(map[..60], there[..60], "three rows are kept");
                assert!(map[60..].iter().zip(&there[60..]).all(|(value, before)| value != before));
            }
        }
    }

    /// A difference's activation takes from tensors that hold more what its output holds, and leaves rows that are kept. One
    /// target is that of all differences.
    #[test]
    fn relu_of_a_part_of_what_is_there() {
        let whole = [20, 30];
        for (images, kept, targets) in [(1, 0, 1), (2, 2, 2), (2, 0, 1)] {
            let (from, to) = (Region::part(whole, [2, 5], [18, 20]), Region::part(whole, [6, 5], [9, 12]));
            let of = Region::part(whole, [5, 4], [12, 16]);
            let mut builder = Builder::new();
            builder.tensor("difference", images, 3, from);
            builder.tensor("target", targets, 3, of);
            builder.tensor("out", images, 3, to);
            builder.step(Step::new("relu", Operation::Relu, [0, 1], [2]).keeping(kept));
            let plan = builder.finish().unwrap();
            let [input, target, there] = [0, 1, 2].map(|id| values(plan.tensors()[id].elements(), id as u64));
            let both = run(&plan, &[&input, &target, &there]).unwrap();
            let [twin, fast] = both.each_ref().map(|executor| executor.read(2).unwrap());
            assert_eq!(twin, fast);
            for (index, value) in twin.iter().enumerate() {
                let (plane, y, x) = (index / 108, index / 9 % 12, index % 9);
                let d = input[plane * 360 + y * 18 + x + 4];
                let a = target[plane % (3 * targets as usize) * 192 + (y + 1) * 12 + x + 1];
                let through = (d + a.min(0.0)).max(-a.max(0.0));
                assert_eq!(*value, if y < kept as usize { there[index] } else { through });
            }
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let conv = |name, inputs, outputs| Layer::conv(name, 0, inputs, outputs);
        let plan = |layer: Layer, kept: u32| {
            let mut builder = Builder::new();
            let from = builder.tensor("in", 1, layer.inputs, Region::whole(4, 4));
            let to = builder.tensor("out", 1, layer.outputs, Region::whole(4, 4));
            let operation = Operation::Conv3x3 { layer, maps: Maps::Target, input_relu: false, relu: false };
            builder.step(Step::new("conv", operation, [from], [to]).keeping(kept));
            builder.finish().unwrap()
        };
        let layer = conv("conv", 3, 2);
        let convolution = Convolution::new(layer, vec![0.5; 54], vec![1.0; 2]).unwrap();
        let parameters = Arc::new(Parameters::new(vec![convolution], "a test"));
        let twin = |plan: Plan| Executor::twin(plan, Arc::clone(&parameters));
        let fast = |plan: Plan| Executor::fast(plan, &parameters);
        let open: [&dyn Fn(Plan) -> Result<Executor>; 2] = [&twin, &fast];
        for open in open {
            for (layer, what) in [
                (conv("other", 3, 2), "the weights of other were not loaded"),
                (conv("conv", 4, 2), "are from 3 channels to 2; those from 4 to 2 are needed"),
            ] {
                let error = open(plan(layer, 0)).unwrap_err();
                assert!(matches!(error, Error::Weights(_)) && error.to_string().contains(what), "{error}");
            }
            let mut executor = open(plan(layer, 0)).unwrap();
            let refused = |result: Result<()>, what: &str| {
                let error = result.unwrap_err();
                assert!(matches!(error, Error::Config(_)) && error.to_string().contains(what), "{error}");
            };
            refused(executor.read(2).map(drop), "no tensor 2");
            refused(executor.write(2, &[]), "no tensor 2");
            refused(executor.write(0, &[1.0]), "has 48 values; 1 were given");
            refused(executor.run(0..2, &[]), "no steps 0 to 2");
            refused(executor.run(0..1, &[]), "reads tensor 'in', which has no values yet");
            assert!(executor.read(0).unwrap().is_empty());
            executor.write(0, &[1.0; 48]).unwrap();
            executor.run(0..1, &[]).unwrap();
            assert_eq!(executor.read(1).unwrap()[5], 14.5);
            let mut keeps = open(plan(layer, 1)).unwrap();
            keeps.write(0, &[1.0; 48]).unwrap();
            refused(keeps.run(0..1, &[]), "keeps 1 rows of tensor 'out', which has no values yet");
            let mut of_parts = open(plan(layer, 0)).unwrap();
            let config = crate::Config::default();
            let whole = Plan::new(&config, 16, 16, 1).unwrap();
            let part = crate::plan::Parts::new(whole, [16, 8], 1).unwrap().part(0, 0).unwrap();
            assert!(of_parts.begin(part).unwrap_err().to_string().contains("the weights of conv1_1"));
        }
    }

    /// A step that reads pictures says how many it wants.
    #[test]
    fn pictures_are_counted() {
        let whole = Plan::new(&crate::Config::default(), 8, 8, 1).unwrap();
        let parameters = Arc::new(crate::Weights::seeded(0).load(crate::Network::Vgg19, 24).unwrap());
        let mut executor = Executor::fast(whole, &parameters).unwrap();
        let pixels = [0; 192];
        let picture = Image::rgb8(&pixels, 8, 8);
        for (pictures, what) in [
            (vec![picture; 1], "1 pictures were given; the plan is for 2"),
            (vec![picture; 3], "3 pictures were given; there is room for 2"),
        ] {
            let error = executor.run(0..1, &pictures).unwrap_err();
            assert!(matches!(error, Error::Image(_)) && error.to_string().contains(what), "{error}");
        }
        executor.run(0..1, &[picture; 2]).unwrap();
    }
}
