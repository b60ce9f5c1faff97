//! The plan that makes a loss's gradient besides the loss: another plan's steps, and their gradients behind them, by one table of
//! rules.
//!
//! It goes from the differences at the taps to the generated pictures' values. What the generated picture's own features decide, which
//! activations are positive and which inputs of a pooling are the largest, is noted in bits as its steps come by. So it keeps its
//! precision where pictures nearly agree.

use super::{Builder, Maps, Operation, Plan, Step, TapGradient, TensorId};
use crate::{
    error::{Error, Result},
    reserve::filled,
};

impl Plan {
    /// The plan that does what this one does, of pairs or of candidates, and makes the [gradient](Self::gradient) of each total by its
    /// generated picture.
    ///
    /// # Errors
    /// [`Error::Config`] where this plan compares no pictures, or a difference has several readers beside its tap.
    pub fn with_gradient(&self) -> Result<Self> {
        let mut backward = Backward::of(self);
        for index in (0..self.steps.len()).rev() {
            backward.step(index)?;
        }
        backward.finish()
    }

    /// Whether this part of a picture makes some of the gradient.
    pub(crate) fn makes_gradient(&self) -> bool {
        self.steps.iter().any(|step| step.output().is_some_and(|made| Some(made) == self.gradient))
    }

    /// Zeros for a whole picture's gradient, shape (3, H, W).
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn zero_gradient(&self) -> Result<Vec<f32>> {
        let [width, height] = self.picture_size().unwrap_or_default();
        let what = format_args!("a gradient of {width}x{height} pixels");
        filled(0.0, 3 * width as usize * height as usize, what)
    }

    /// Copies what this part of a picture owns of a gradient to its place in the whole picture's, both of shape (3, H, W).
    pub(crate) fn place_gradient(&self, of_part: &[f32], whole: &mut [f32]) {
        let Some(tensor) = self.gradient.map(|id| &self.tensors[id]).filter(|_| self.makes_gradient()) else {
            return;
        };
        let [columns, rows] = tensor.region.extent.map(|side| side as usize);
        let [all_columns, all_rows] = tensor.region.whole.map(|side| side as usize);
        let [left, top, ..] = tensor.region.halo.map(|side| side as usize);
        let [owned_columns, owned_rows] = tensor.region.owned_extent().map(|side| side as usize);
        let [x, y] = tensor.region.origin.map(|at| at as usize);
        for channel in 0..tensor.channels as usize {
            for row in top..top + owned_rows {
                let from = (channel * rows + row) * columns + left;
                let to = (channel * all_rows + y + row) * all_columns + x + left;
                whole[to..][..owned_columns].copy_from_slice(&of_part[from..][..owned_columns]);
            }
        }
    }
}

/// The gradients that there are so far, from the last step on.
struct Backward<'a> {
    plan: &'a Plan,
    builder: Builder,
    /// For each tensor of the plan, what its readers and its tap add to its gradient.
    of: Vec<Of>,
    /// What the differences note behind each step of the plan.
    notes: Vec<Vec<Step>>,
    /// The gradients' steps, in order.
    steps: Vec<Step>,
}

/// What is known of a difference's gradient.
#[derive(Clone, Default)]
struct Of {
    taps: Vec<TapOf>,
    reader: Option<Reader>,
}

/// A tap of a difference.
#[derive(Clone, Copy)]
enum TapOf {
    Pointwise(TapGradient),
    Lpips { tap: usize, target: TensorId, input_relu: bool },
    Gram { tap: usize, target: TensorId, input_relu: bool },
}

/// What reads a difference, with the gradient of what it makes.
#[derive(Clone)]
struct Reader {
    step: usize,
    gradient: TensorId,
}

impl<'a> Backward<'a> {
    fn of(plan: &'a Plan) -> Self {
        let builder = Builder {
            tensors: plan.tensors.clone(),
            taps: plan.taps.clone(),
            kept: plan.kept.clone(),
            ..Builder::default()
        };
        let (of, notes) = (vec![Of::default(); plan.tensors.len()], vec![vec![]; plan.steps.len()]);
        Self { plan, builder, of, notes, steps: vec![] }
    }

    /// The rules: what a step's gradient is made of, where there is one of what it makes.
    fn step(&mut self, index: usize) -> Result<()> {
        let step = &self.plan.steps[index];
        let (difference, made) = match (step.operation, &*step.reads, &*step.writes) {
            (Operation::Difference { criterion, tap, .. }, &[from], _) => {
                self.of[from].taps.push(TapOf::Pointwise(TapGradient { criterion, tap }));
                return Ok(());
            }
            (Operation::Lpips { tap, input_relu }, &[from, target], _) => {
                self.of[from].taps.push(TapOf::Lpips { tap, target, input_relu });
                return Ok(());
            }
            (Operation::Gram { tap, input_relu, .. }, &[from, target], _) => {
                self.of[from].taps.push(TapOf::Gram { tap, target, input_relu });
                return Ok(());
            }
            (Operation::Pixels { maps, .. }, ..) if maps.difference() => (None, step.writes.last()),
            (Operation::Conv3x3 { maps, .. } | Operation::MaxPool { maps, .. }, reads, writes) => {
                let place = match maps {
                    Maps::Target => return Ok(()),
                    Maps::Difference => 0,
                    Maps::Both => 1,
                };
                (reads.get(place), writes.last())
            }
            (Operation::Relu, [from, _], [to]) => (Some(from), Some(to)),
            // Nothing of what is compared.
            _ => return Ok(()),
        };
        let Some(&made) = made else { return Ok(()) };
        let Some(gradient) = self.gradient_of(made, index) else { return Ok(()) };
        match difference {
            Some(&difference) => self.reads(difference, Reader { step: index, gradient }),
            None => {
                self.of_pixels(index, gradient);
                Ok(())
            }
        }
    }

    /// Notes that a step reads a difference.
    fn reads(&mut self, difference: TensorId, reader: Reader) -> Result<()> {
        let of = &mut self.of[difference];
        if of.reader.is_some() {
            return Err(Error::Config(format!(
                "there is no gradient of '{}', which several steps read",
                self.plan.tensors[difference].name
            )));
        }
        of.reader = Some(reader);
        Ok(())
    }

    /// The gradient of a difference that step `index` makes: before its activation, where it goes through one. None where nothing
    /// that is compared comes of it.
    fn gradient_of(&mut self, difference: TensorId, index: usize) -> Option<TensorId> {
        let Of { taps, reader } = std::mem::take(&mut self.of[difference]);
        if taps.is_empty() && reader.is_none() {
            return None;
        }
        let mask = self.mask(difference, index);
        let Some(Reader { step, gradient }) = reader else {
            return self.of_taps(difference, &taps, None, mask);
        };
        let plan = self.plan;
        let reading = &plan.steps[step];
        let name = format!("{} gradient", reading.name);
        match reading.operation {
            Operation::Conv3x3 { layer, .. } => {
                // What taps add comes before the mask.
                let now = mask.filter(|_| taps.is_empty());
                let operation = Operation::Conv3x3Gradient { layer, masked: now.is_some() };
                let made = self.made(difference, name, operation, [Some(gradient), now]);
                self.of_taps(difference, &taps, Some(made), mask)
            }
            Operation::MaxPool { input_relu, .. } => {
                let routes = self.routes(difference, step, input_relu);
                // It adds one tap's itself.
                let (adds, more) = match &*taps {
                    &[TapOf::Pointwise(first), ref more @ ..] => (Some(first), more),
                    more => (None, more),
                };
                let now = mask.filter(|_| more.is_empty());
                let operation = Operation::MaxPoolGradient { adds, masked: now.is_some() };
                let reads = [Some(gradient), Some(routes), now, adds.map(|_| difference)];
                let made = self.made(difference, name, operation, reads);
                self.of_taps(difference, more, Some(made), mask)
            }
            // Its own gradient was made before its activation.
            Operation::Relu => self.of_taps(difference, &taps, Some(gradient), None),
            _ => None,
        }
    }

    /// What taps make of a difference's gradient, with what is there of it already; the last of them masks it.
    fn of_taps(
        &mut self,
        difference: TensorId,
        taps: &[TapOf],
        there: Option<TensorId>,
        mask: Option<TensorId>,
    ) -> Option<TensorId> {
        let mut made = there;
        for (index, tap) in taps.iter().enumerate() {
            let mask = mask.filter(|_| index + 1 == taps.len());
            made = Some(self.of_tap(difference, *tap, made, mask));
        }
        made
    }

    /// What a tap makes of it.
    fn of_tap(
        &mut self,
        difference: TensorId,
        of: TapOf,
        added: Option<TensorId>,
        mask: Option<TensorId>,
    ) -> TensorId {
        let (adds, masked) = (added.is_some(), mask.is_some());
        let (operation, tap, what, beside) = match of {
            TapOf::Pointwise(of) => {
                (Operation::DifferenceGradient { of, adds, masked }, of.tap, "difference", None)
            }
            TapOf::Lpips { tap, target, input_relu } => {
                (Operation::LpipsGradient { tap, input_relu, adds, masked }, tap, "lpips", Some(target))
            }
            TapOf::Gram { tap, target, input_relu } => {
                (Operation::GramGradient { tap, input_relu, adds, masked }, tap, "gram", Some(target))
            }
        };
        let name = format!("{} {what} gradient", self.plan.taps[tap].name);
        self.made(difference, name, operation, [Some(difference), beside, added, mask])
    }

    /// A step that makes a gradient of a difference.
    fn made<const N: usize>(
        &mut self,
        difference: TensorId,
        name: String,
        operation: Operation,
        reads: [Option<TensorId>; N],
    ) -> TensorId {
        let tensor = &self.plan.tensors[difference];
        let gradient = self.builder.tensor(&name, tensor.images, tensor.channels, tensor.region);
        let reads: Vec<TensorId> = reads.into_iter().flatten().collect();
        self.steps.push(Step::new(name, operation, reads, [gradient]));
        gradient
    }

    /// Where a difference's activation is positive, if step `index`, which makes it, is one. It is noted behind that step.
    fn mask(&mut self, difference: TensorId, index: usize) -> Option<TensorId> {
        let step = &self.plan.steps[index];
        // The target's map before its activation.
        let target = match (step.operation, &*step.reads, &*step.writes) {
            (Operation::Conv3x3 { maps: Maps::Both, relu: true, .. }, _, &[target, _])
            | (Operation::Conv3x3 { maps: Maps::Difference, relu: true, .. }, &[_, target], _)
            | (Operation::Relu, &[_, target], _) => target,
            _ => return None,
        };
        let tensor = &self.plan.tensors[difference];
        let name = format!("{} mask", step.name);
        let mask = self.builder.bits(&name, tensor.images, tensor.channels, tensor.region);
        self.notes[index].push(Step::new(name, Operation::ReluMask, [target, difference], [mask]));
        Some(mask)
    }

    /// Which inputs of the max-pool that step `index` is were the largest, noted behind that step.
    fn routes(&mut self, difference: TensorId, index: usize, input_relu: bool) -> TensorId {
        let step = &self.plan.steps[index];
        let tensor = &self.plan.tensors[difference];
        let target = match (step.operation, &*step.reads) {
            (Operation::MaxPool { maps: Maps::Difference, .. }, &[_, target]) => target,
            (_, reads) => reads[0],
        };
        let name = format!("{} routes", step.name);
        let words = 2 * tensor.channels.div_ceil(super::CHANNELS_OF_BITS);
        let region = tensor.region.pooled();
        let routes = self.builder.bits(&name, tensor.images, words * super::CHANNELS_OF_BITS, region);
        let operation = Operation::MaxPoolRoutes { input_relu };
        self.notes[index].push(Step::new(name, operation, [target, difference], [routes]));
        routes
    }

    /// The gradient of pictures, from that of what the pixels step makes.
    fn of_pixels(&mut self, index: usize, gradient: TensorId) {
        let Operation::Pixels { normalization, .. } = self.plan.steps[index].operation else { return };
        let shape = self.builder.tensors()[gradient].clone();
        let name = "pixels gradient".to_owned();
        let pictures = self.builder.tensor(&name, shape.images, shape.channels, shape.region);
        self.steps.push(Step::new(name, Operation::PixelsGradient { normalization }, [gradient], [pictures]));
        self.builder.gradient = Some(pictures);
    }

    fn finish(self) -> Result<Plan> {
        let Self { plan, mut builder, notes, steps, .. } = self;
        if builder.gradient.is_none() {
            return Err(Error::Config(
                "the plan compares no pictures whose gradient there could be".to_owned(),
            ));
        }
        for (step, notes) in plan.steps.iter().zip(notes) {
            builder.step(step.clone());
            notes.into_iter().for_each(|note| builder.step(note));
        }
        steps.into_iter().for_each(|step| builder.step(step));
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Config, Criterion, Preset, Tap,
        plan::{Element, Parts, Sweep},
    };

    fn config(taps: &str) -> Config {
        Config { taps: Tap::parse_list(taps, Criterion::Mse).unwrap(), ..Config::default() }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.steps.iter().map(|step| step.name.as_str()).collect()
    }

    /// Masks and routes behind what they are of, and then the way back; a tap's gradient comes in with the step that reaches it.
    #[test]
    fn a_gradient_in_steps() {
        let config = config("relu1_2=1,relu2_1=0.5");
        let expected = [
            "pixels",
            "conv1_1",
            "conv1_1 mask",
            "conv1_2",
            "conv1_2 mask",
            "relu1_2 difference",
            "pool1",
            "pool1 routes",
            "conv2_1",
            "conv2_1 mask",
            "relu2_1 difference",
            "relu2_1 difference gradient",
            "conv2_1 gradient",
            "pool1 gradient",
            "conv1_2 gradient",
            "conv1_1 gradient",
            "pixels gradient",
        ];
        for plan in [Plan::new(&config, 50, 33, 1).unwrap(), Plan::candidates(&config, 50, 33, 3).unwrap()] {
            let gradient = plan.with_gradient().unwrap();
            assert_eq!(names(&gradient), expected);
            let step = |name: &str| gradient.steps.iter().find(|step| step.name == name).unwrap().operation;
            assert!(matches!(
                step("pool1 gradient"),
                Operation::MaxPoolGradient { adds: Some(_), masked: true }
            ));
            assert!(matches!(step("conv1_2 gradient"), Operation::Conv3x3Gradient { masked: true, .. }));
            assert!(matches!(step("conv1_1 gradient"), Operation::Conv3x3Gradient { masked: false, .. }));
            let made = &gradient.tensors[gradient.gradient.unwrap()];
            assert_eq!((made.images, made.channels, made.region.extent), (plan.images(), 3, [50, 33]));
            assert_eq!(gradient.kept, plan.kept, "a target is the same for both");
        }
    }

    /// Several taps of one difference add up, and the last of them masks; a pool adds one of them itself.
    #[test]
    fn several_taps_of_a_layer() {
        let plan = Plan::new(&config("relu1_2=1,relu1_2=2:mae,conv2_1=1,conv2_1=1:mae"), 16, 16, 1).unwrap();
        let gradient = plan.with_gradient().unwrap();
        let backward = &gradient.steps[plan.steps.len() + 3..];
        let read: Vec<_> =
            backward.iter().take(4).map(|step| (step.name.as_str(), step.reads.len())).collect();
        assert_eq!(
            read,
            [
                ("conv2_1 difference gradient", 1),
                ("conv2_1 difference gradient", 2),
                ("conv2_1 gradient", 1),
                ("pool1 gradient", 3)
            ]
        );
        let last = &backward[4];
        let masked = Operation::DifferenceGradient {
            of: TapGradient { criterion: Criterion::Mse, tap: 0 },
            adds: true,
            masked: true,
        };
        assert_eq!((last.name.as_str(), last.operation), ("relu1_2 difference gradient", masked));
    }

    /// Before an activation nothing masks a tap's gradient, which joins the one from behind it.
    #[test]
    fn taps_before_their_activations() {
        let plan = Plan::new(&config("conv1_2=1,relu1_2=0.5,conv2_1=1"), 16, 16, 1).unwrap();
        let gradient = plan.with_gradient().unwrap();
        let backward = &names(&gradient)[plan.steps.len() + 3..];
        assert_eq!(
            backward,
            [
                "conv2_1 difference gradient",
                "conv2_1 gradient",
                "pool1 gradient",
                "conv1_2 difference gradient",
                "conv1_2 gradient",
                "conv1_1 gradient",
                "pixels gradient"
            ]
        );
        let of = |name: &str| gradient.steps.iter().find(|step| step.name == name).unwrap().operation;
        let joined = of("conv1_2 difference gradient");
        assert!(
            matches!(joined, Operation::DifferenceGradient { adds: true, masked: false, .. }),
            "{joined:?}"
        );
    }

    /// Masks and routes take a bit and two for each value.
    #[test]
    fn what_is_noted_is_small() {
        let plan = Plan::candidates(&Config::default(), 64, 64, 1).unwrap();
        let gradient = plan.with_gradient().unwrap();
        let bytes = |bits: bool| -> u64 {
            let noted = gradient.tensors.iter().filter(|tensor| (tensor.element == Element::Bits) == bits);
            noted.map(|tensor| tensor.bytes()).sum()
        };
        let kept: u64 = plan.kept.iter().map(|&id| plan.tensors[id].bytes()).sum();
        assert!(bytes(true) * 20 < kept, "{} bytes of bits, {kept} of activations", bytes(true));
    }

    /// Parts of a gradient of Gram matrices go through twice: what compares and what the way back needs run once each, and no step reads
    /// what only the other time makes.
    #[test]
    fn matrices_are_complete_before_their_gradient() {
        let whole =
            Plan::new(&config("relu1_2=1:gram,relu2_1=1"), 50, 64, 1).unwrap().with_gradient().unwrap();
        let uncut = Parts::uncut(whole.into(), 1).unwrap();
        assert_eq!((uncut.sweeps(), uncut.run_count()), (&[Sweep::All][..], 1));
        let parts = uncut.of_units([8, 8]);
        assert_eq!((parts.times(), parts.run_count()), (2, 2 * parts.count() as usize));
        let is_gram = |step: &Step| matches!(step.operation, Operation::Gram { .. });
        let is_gradient = |step: &Step| matches!(step.operation, Operation::GramGradient { .. });
        let (mut matrices, mut gradients, mut kept) = (0, 0, vec![]);
        for (sweep, band, strip) in parts.runs() {
            let part = parts.part_of(sweep, band, strip).unwrap();
            let steps = &part.plan.steps;
            assert!(sweep == Sweep::Compare || !steps.iter().any(|step| step.operation.tap().is_some()));
            assert!(sweep == Sweep::Gradient || !steps.iter().any(|step| step.operation.is_backward()));
            assert!(gradients == 0 || !steps.iter().any(is_gram));
            matrices += steps.iter().filter(|step| is_gram(step)).count();
            gradients += steps.iter().filter(|step| is_gradient(step)).count();
            // What strips have kept, as the tensors of this part are numbered.
            let mut there: Vec<TensorId> = if strip == 0 { vec![] } else { kept };
            for step in steps {
                assert!(
                    step.reads.iter().all(|id| there.contains(id)),
                    "{sweep:?} {band} {strip}: {}",
                    step.name
                );
                there.extend(&step.writes);
            }
            // Rows that this part has left as they are stay.
            let pairs = || (part.features()..part.plan.tensors.len()).step_by(2);
            kept = pairs().filter(|id| there.contains(id) || there.contains(&(id + 1))).collect();
        }
        assert!(matrices > 1 && gradients > 1, "{matrices} {gradients}");
    }

    #[test]
    fn what_compares_nothing_has_no_gradient() {
        for plan in [
            Plan::target(&Config::default(), 32, 32).unwrap(),
            Plan::magnitudes(&Config::default(), 32, 32, 1).unwrap(),
        ] {
            assert!(plan.with_gradient().unwrap_err().to_string().contains("compares no pictures"));
        }
    }

    /// Every part is a plan that passes the check, and every position's gradient is made once, wherever a picture is cut.
    #[test]
    fn every_position_has_its_gradient_once() {
        let own = config("conv1_1=1,conv2_1=0.5,pool2=1,relu3_1=2");
        for config in [Preset::Vgg19.config(), Preset::RealEsrgan.config(), own] {
            for size in [[45, 67], [113, 97], [64, 160]] {
                let whole = Plan::new(&config, size[0], size[1], 1).unwrap().with_gradient().unwrap();
                let uncut = Parts::uncut(whole.into(), 1).unwrap();
                for units in [[u32::MAX, 1], [1, 2], [2, u32::MAX], [3, 3]] {
                    let parts = uncut.of_units(units);
                    let mut made = vec![0.0; 3 * (size[0] * size[1]) as usize];
                    for (band, strip) in parts.order() {
                        let plan = parts.part(band, strip).unwrap().plan;
                        for step in &plan.steps {
                            for &id in step.reads.iter().chain(&step.writes) {
                                assert!(
                                    plan.tensors[id].bytes() <= parts.slots()[plan.slot_of[id]],
                                    "{}",
                                    step.name
                                );
                            }
                        }
                        if !plan.makes_gradient() {
                            continue;
                        }
                        let tensor = &plan.tensors[plan.gradient.unwrap()];
                        let mut placed = vec![0.0; made.len()];
                        plan.place_gradient(&vec![1.0; tensor.elements() as usize], &mut placed);
                        made.iter_mut()
                            .zip(placed)
                            .for_each(|(made, placed): (&mut f32, f32)| *made += placed);
                    }
                    assert!(made.iter().all(|times| *times == 1.0), "{size:?} in {units:?}");
                }
            }
        }
    }
}
