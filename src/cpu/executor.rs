//! Runs a plan's steps through a set of kernels: the twins or the fast ones.

use std::{mem, ops::Range, sync::Arc};

use super::{
    fast::{Factors, Fast},
    kernels::{Input, Kernels, Output},
    lines::Lines,
    twin::Twins,
    values::Values,
};
use crate::{
    config::Criterion,
    error::{Error, Result},
    image::Image,
    plan::{Operation, Part, Plan, Step, TensorId},
    weights::{Parameters, Precision},
};

/// A plan, its weights in the layout that its kernels want, and the tensors' values. It runs on the rayon pool that it is called
/// from.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    kernels: Arc<dyn Kernels>,
    values: Values,
    /// For each tap and pair of images, the sum of differences.
    sums: Vec<Vec<f64>>,
    /// Which tensors keep rows for the next part, and which will hold them there.
    kept: Vec<[TensorId; 2]>,
}

impl Executor {
    /// An executor of `plan` through the twins: plain loops with float64 sums.
    ///
    /// # Errors
    /// [`Error::Weights`] where `parameters` lack a convolution of the plan's or have it with other channels;
    /// [`Error::Config`] where a step writes a map of differences from a cached target, which the CPU does not compute.
    pub fn twin(plan: Plan, parameters: Arc<Parameters>) -> Result<Self> {
        Self::with_kernels(plan, Arc::new(Twins::new(parameters)))
    }

    /// An executor of `plan` through the fast kernels: float32, in vector registers.
    ///
    /// # Errors
    /// As [`twin`](Self::twin).
    pub fn fast(plan: Plan, parameters: &Parameters) -> Result<Self> {
        Self::fast_with_precision(plan, parameters, Precision::F32)
    }

    /// The same, with convolutions in this precision.
    ///
    /// # Errors
    /// As [`twin`](Self::twin), and [`Error::Config`] where this processor has no instructions for the precision.
    pub fn fast_with_precision(plan: Plan, parameters: &Parameters, precision: Precision) -> Result<Self> {
        let kernels = Fast::new(parameters, Factors::of(precision)?, Arc::default());
        Self::with_kernels(plan, Arc::new(kernels))
    }

    /// An executor of `plan`, through kernels that others share.
    pub(super) fn with_kernels(plan: Plan, kernels: Arc<dyn Kernels>) -> Result<Self> {
        check(&plan, &*kernels)?;
        let (values, sums) = (Values::new(plan.tensors().len()), vec![vec![]; plan.taps().len()]);
        Ok(Self { plan, kernels, values, sums, kept: vec![] })
    }

    /// Goes on with another part of as many pictures: the next strip, or the first of another band. What strips have kept
    /// stays; all features are let go of.
    ///
    /// # Errors
    /// As [`twin`](Self::twin), where the part is of another plan.
    pub fn begin(&mut self, part: Part) -> Result<()> {
        let features = part.features();
        let Part { mut plan, kept, .. } = part;
        check(&plan, &*self.kernels)?;
        plan.set_images(self.plan.images());
        self.values.go_on(&self.plan, &mem::take(&mut self.kept), features, &plan);
        self.sums.resize(plan.taps().len(), vec![]);
        (self.plan, self.kept) = (plan, kept);
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
    /// [`Error::Config`] where the plan has no such tensor.
    pub fn read(&self, tensor: TensorId) -> Result<Vec<f32>> {
        let shape = self.plan.tensor(tensor)?;
        let mut planes = vec![];
        for image in self.images(tensor).chunks(self.kernels.image(shape).max(1)) {
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
        for (planes, image) in images.zip(out.chunks_mut(self.kernels.image(shape).max(1))) {
            self.kernels.fill_from_planes(shape, planes, image);
        }
        self.values.set(tensor, out);
        Ok(())
    }

    /// For each tap and each pair of images (2k, 2k + 1), the sum of differences.
    #[must_use]
    pub fn sums(&self) -> &[Vec<f64>] {
        &self.sums
    }

    /// Runs a range of steps. `pictures` are one for each image of the plan; only the pixels step reads them.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan has no such steps, or a step reads a tensor that has no values yet; [`Error::Image`]
    /// where a picture is not valid or not of the plan's size, or there are too few or too many; [`Error::OutOfMemory`].
    pub fn run(&mut self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.plan.check_range(&steps)?;
        Image::validate_all(pictures, self.plan.picture_size(), self.plan.images())?;
        let packed = self.packed(pictures);
        steps.into_iter().try_for_each(|step| self.step(step, &packed))
    }

    /// Valid pictures of the plan's size, packed as the pixels step reads them.
    pub(super) fn packed(&self, pictures: &[Image<'_>]) -> Vec<Vec<u32>> {
        let pack = |picture: &Image<'_>| {
            let mut words = vec![];
            if let Some(region) = self.plan.pixels() {
                picture.pack(region.origin, region.extent, &mut words);
            }
            words
        };
        pictures.iter().map(pack).collect()
    }

    /// Lets go of everything, rows that were kept too, whatever became of what was before: a comparison of so many pictures
    /// begins.
    pub(super) fn reset(&mut self, pictures: u32) {
        self.kept.clear();
        self.values.release_all(&self.plan);
        self.plan.set_images(pictures);
    }

    /// Runs one of the plan's steps, with packed pictures.
    pub(super) fn step(&mut self, index: usize, packed: &[Vec<u32>]) -> Result<()> {
        let step = &self.plan.steps()[index];
        if let Some(&id) = step.reads.iter().find(|&&id| !self.is_made(id)) {
            return Err(Error::Config(format!(
                "step '{}' reads tensor '{}', which has no values yet",
                step.name,
                self.plan.tensors()[id].name
            )));
        }
        let output = step.output();
        let mut out = match output {
            Some(id) => self.room_for(id, index)?,
            None => Lines::default(),
        };
        let Self { plan, kernels, values, sums, .. } = self;
        let step = &plan.steps()[index];
        let to = output.map(|id| &plan.tensors()[id]);
        let to = to.map(|tensor| (tensor, step.kept, &mut out[..kernels.elements(tensor)]));
        let from = step.input().map(|id| {
            let tensor = &plan.tensors()[id];
            (tensor, &values.of(id)[..kernels.elements(tensor)])
        });
        compute(&**kernels, step, packed, from, to, sums)?;
        if let Some(id) = output {
            values.set(id, out);
        }
        Ok(())
    }

    /// A picture's values of a tensor as the kernels lay them out, which are what other executors of the same kernels and plan
    /// have.
    pub(super) fn values(&self, picture: usize, tensor: TensorId) -> &[f32] {
        let image = self.kernels.image(&self.plan.tensors()[tensor]);
        &self.images(tensor)[picture * image..][..image]
    }

    /// Lets go of what this step read, and no later one reads.
    pub(super) fn release_after(&mut self, step: usize) {
        let (now, later) = match self.plan.steps().get(step..) {
            Some([now, later @ ..]) => (now, later),
            _ => return,
        };
        for &id in &now.reads {
            if later.iter().all(|later| !later.reads.contains(&id)) {
                self.values.release(&self.plan, id);
            }
        }
    }

    /// The sum of differences between two pictures' [`values`](Self::values) of a tensor.
    pub(super) fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        self.kernels.difference(&self.plan.tensors()[tensor], criterion, a, b)
    }

    /// Whether a tensor has values.
    fn is_made(&self, tensor: TensorId) -> bool {
        self.values.of(tensor).len() >= self.kernels.elements(&self.plan.tensors()[tensor])
    }

    /// A tensor's images, one after another.
    fn images(&self, tensor: TensorId) -> &[f32] {
        let values = self.values.of(tensor);
        &values[..values.len().min(self.kernels.elements(&self.plan.tensors()[tensor]))]
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

/// That all of a plan's steps can be computed.
fn check(plan: &Plan, kernels: &dyn Kernels) -> Result<()> {
    let images = |id: TensorId| plan.tensors()[id].images;
    for step in plan.steps() {
        match (step.operation, step.input(), step.output()) {
            (Operation::Conv3x3 { layer, .. }, ..) => kernels.check_layer(&layer)?,
            (Operation::Difference { .. }, Some(from), Some(map)) if images(map) != images(from) / 2 => {
                return Err(Error::Config(format!(
                    "step '{}': a map of differences from a cached target is not computed on the CPU; the map must have \
                     an image for each pair",
                    step.name
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Computes a step.
fn compute(
    kernels: &dyn Kernels,
    step: &Step,
    packed: &[Vec<u32>],
    from: Option<Input<'_>>,
    to: Option<Output<'_>>,
    sums: &mut [Vec<f64>],
) -> Result<()> {
    match (step.operation, from, to) {
        (Operation::Pixels { normalization }, _, Some(to)) => {
            let (given, images) = (packed.len(), to.0.images);
            if given != images as usize {
                return Err(Error::Image(format!("{given} pictures were given; the plan is for {images}")));
            }
            kernels.pixels(packed, &normalization, to)
        }
        (Operation::Conv3x3 { layer, relu }, Some(from), Some(to)) => kernels.conv3x3(from, &layer, relu, to),
        (Operation::Relu, Some(from), Some(to)) => kernels.relu(from, to),
        (Operation::MaxPool, Some(from), Some(to)) => kernels.max_pool(from, to),
        (Operation::Copy, Some(from), Some(to)) => {
            kernels.copy(from, to);
            Ok(())
        }
        (Operation::Difference { criterion, tap }, Some((tensor, values)), map) => {
            let image = kernels.image(tensor);
            let pairs = values.chunks_exact(2 * image).map(|pair| pair.split_at(image));
            sums[tap] = pairs.clone().map(|(a, b)| kernels.difference(tensor, criterion, a, b)).collect();
            if let Some((shape, kept, map)) = map {
                for ((a, b), map) in pairs.zip(map.chunks_exact_mut(kernels.image(shape))) {
                    kernels.difference_map(tensor, criterion, [a, b], (shape, kept, map));
                }
            }
            Ok(())
        }
        // The check of a plan lets no such step through. Each is named, so that a new one is not forgotten here.
        (
            Operation::Pixels { .. }
            | Operation::Conv3x3 { .. }
            | Operation::Relu
            | Operation::MaxPool
            | Operation::Copy
            | Operation::Difference { .. },
            ..,
        ) => Err(Error::Config(format!("step '{}' lacks a tensor", step.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        network::Layer,
        plan::{Builder, Region, Tensor},
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
        let difference = Operation::Difference { criterion, tap: 0 };
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
                with_map(criterion, Tensor::new("in", 2, 2, whole), Tensor::new("map", 1, 2, whole), 0);
            let a = [1.0, 2.0, 3.0, 0.5, -1.0, 10.0, 7.0, 0.0];
            let b = [2.0, 2.0, 0.0, 1.0, 1.0, 0.0, 7.0, -1.0f32];
            for executor in run(&plan, &[&[a, b].concat()]).unwrap() {
                assert_eq!(executor.read(1).unwrap(), expected, "{criterion}");
                let sum: f64 = expected.iter().map(|&part| f64::from(part)).sum();
                assert_eq!(executor.sums(), [vec![sum]]);
            }
        }
    }

    /// Several pairs, a part of the tensor, and rows that stay.
    #[test]
    fn maps_of_the_twins_and_the_fast_kernels_are_the_same() {
        let whole = [40, 30];
        let input = Tensor::new("in", 4, 5, Region::part(whole, [3, 4], [33, 17]).with_halo([1, 2, 3, 0]));
        let map = Tensor::new("map", 2, 5, Region::part(whole, [5, 2], [20, 18]));
        for criterion in Criterion::ALL {
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

    #[test]
    fn a_map_from_a_cached_target_is_refused() {
        let tensor = |name: &str| Tensor::new(name, 2, 3, Region::whole(4, 4));
        let plan = with_map(Criterion::Mse, tensor("in"), tensor("map"), 0);
        let error = run(&plan, &[]).unwrap_err().to_string();
        assert!(error.contains("from a cached target is not computed on the CPU"), "{error}");
    }

    /// ReLU takes from a tensor that holds more what its output holds, and leaves rows that are kept.
    #[test]
    fn relu_of_a_part_of_what_is_there() {
        let whole = [20, 30];
        for (images, kept) in [(1, 0), (2, 2)] {
            let (from, to) = (Region::part(whole, [2, 5], [18, 20]), Region::part(whole, [6, 5], [9, 12]));
            let mut builder = Builder::new();
            builder.tensor("in", images, 3, from);
            builder.tensor("out", images, 3, to);
            builder.step(Step::new("relu", Operation::Relu, [0], [1]).keeping(kept));
            let plan = builder.finish().unwrap();
            let [input, there] = [0, 1].map(|id| values(plan.tensors()[id].elements(), id as u64));
            let both = run(&plan, &[&input, &there]).unwrap();
            let [twin, fast] = both.each_ref().map(|executor| executor.read(1).unwrap());
            assert_eq!(twin, fast);
            for (index, value) in twin.iter().enumerate() {
                let (plane, y, x) = (index / 108, index / 9 % 12, index % 9);
                let raised = input[plane * 360 + y * 18 + x + 4].max(0.0);
                assert_eq!(*value, if y < kept as usize { there[index] } else { raised });
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
            let operation = Operation::Conv3x3 { layer, relu: false };
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
        let whole = Plan::new(&crate::Config::default(), 8, 8, 2).unwrap();
        let parameters = crate::Weights::seeded(0).load(crate::Network::Vgg19, 24).unwrap();
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
