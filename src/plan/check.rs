//! What must hold of a plan, since executors trust it: shaders read and write where its tensors say, unchecked.

use super::{Builder, CHANNELS_OF_BITS, Element, Maps, Operation, Region, Step, Tensor, TensorId};
use crate::{
    criterion::Criterion,
    error::{Error, Result},
    network::Layer,
};

impl Builder {
    /// # Errors
    /// [`Error::Config`] where a step's tensors do not fit it.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(tap) = self.taps.iter().find(|tap| tap.tensor >= self.tensors.len()) {
            return Err(Error::Config(format!("tap '{}' is of no tensor of the plan", tap.name)));
        }
        if let Some(id) = self.kept.iter().find(|&&id| id >= self.tensors.len()) {
            return Err(Error::Config(format!(
                "there is no tensor {id} to keep; the plan has {}",
                self.tensors.len()
            )));
        }
        if let Some(id) = self.gradient.filter(|&id| id >= self.tensors.len()) {
            return Err(Error::Config(format!("the gradient is no tensor of the plan: {id}")));
        }
        let reading_pictures =
            self.steps.iter().filter(|step| matches!(step.operation, Operation::Pixels { .. })).count();
        if reading_pictures > 1 {
            return Err(Error::Config(format!("{reading_pictures} steps read pictures; one may")));
        }
        self.steps.iter().enumerate().try_for_each(|(now, step)| {
            self.check_order(now, step)
                .and_then(|()| self.check_step(step))
                .map_err(|what| Error::Config(format!("step '{}': {what}", step.name)))
        })
    }

    /// That a step's tensors are there when it runs, and that what it reads is not what it writes.
    fn check_order(&self, now: usize, step: &Step) -> Result<(), String> {
        if let Some(id) = step.reads.iter().chain(&step.writes).find(|&&id| id >= self.tensors.len()) {
            return Err(format!("there is no tensor {id}; the plan has {}", self.tensors.len()));
        }
        let name = |id: TensorId| &self.tensors[id].name;
        for (index, &id) in step.writes.iter().enumerate() {
            if step.reads.contains(&id) || step.writes[..index].contains(&id) {
                return Err(format!("tensor '{}' is named twice, and one time written", name(id)));
            }
        }
        for &id in &step.reads {
            let writes = |step: &Step| step.writes.contains(&id);
            // A tensor that no step writes is given.
            if self.steps[now..].iter().any(writes) && !self.steps[..now].iter().any(writes) {
                return Err(format!("tensor '{}' is read before it is made", name(id)));
            }
        }
        Ok(())
    }

    fn check_step(&self, step: &Step) -> Result<(), String> {
        let all = |ids: &[TensorId]| ids.iter().map(|&id| &self.tensors[id]).collect::<Vec<_>>();
        let (reads, writes) = (all(&step.reads), all(&step.writes));
        for tensor in reads.iter().chain(&writes) {
            if !tensor.region.is_valid() || tensor.channels == 0 || tensor.images == 0 {
                return Err(format!("tensor '{}' is empty or reaches beyond its picture", tensor.name));
            }
        }
        if let Some(out) = writes.iter().find(|out| step.kept >= out.region.extent[1]) {
            return Err(format!("of tensor '{}' all {} rows are kept", out.name, out.region.extent[1]));
        }
        if self.fits(step, &reads, &writes) {
            return Ok(());
        }
        Err(format!("its tensors do not fit: {reads:?} to {writes:?}"))
    }

    fn fits(&self, step: &Step, reads: &[&Tensor], writes: &[&Tensor]) -> bool {
        self.have_their_elements(step) && self.fit(step, reads, writes)
    }

    /// Whether a tap is of this tensor.
    fn is_tap(&self, tap: usize, tensor: Option<TensorId>) -> bool {
        self.taps.get(tap).is_some_and(|tap| Some(tap.tensor) == tensor)
    }

    /// Whether masks and routes are bits, and all else is not.
    fn have_their_elements(&self, step: &Step) -> bool {
        let (first_read, reads, writes) = match step.operation {
            // Whatever they are, they stay it.
            Operation::Copy => {
                let element = |id: &TensorId| self.tensors[*id].element;
                return step.reads.iter().zip(&step.writes).all(|(from, to)| element(from) == element(to));
            }
            Operation::ReluMask | Operation::MaxPoolRoutes { .. } => (0, 0, step.writes.len()),
            Operation::DifferenceGradient { adds, masked, .. } => {
                (1 + usize::from(adds), usize::from(masked), 0)
            }
            Operation::LpipsGradient { adds, masked, .. } | Operation::GramGradient { adds, masked, .. } => {
                (2 + usize::from(adds), usize::from(masked), 0)
            }
            Operation::MaxPoolGradient { masked, .. } => (1, 1 + usize::from(masked), 0),
            Operation::Conv3x3Gradient { masked, .. } => (1, usize::from(masked), 0),
            Operation::Pixels { .. }
            | Operation::Conv3x3 { .. }
            | Operation::Relu
            | Operation::MaxPool { .. }
            | Operation::Difference { .. }
            | Operation::Lpips { .. }
            | Operation::Gram { .. }
            | Operation::PixelsGradient { .. } => (0, 0, 0),
        };
        let of_bits = |places: std::ops::Range<usize>, ids: &[TensorId]| {
            let is_bits = |id: TensorId| self.tensors[id].element == Element::Bits;
            ids.iter().enumerate().all(|(place, &id)| is_bits(id) == places.contains(&place))
        };
        of_bits(first_read..first_read + reads, &step.reads) && of_bits(0..writes, &step.writes)
    }

    fn fit(&self, step: &Step, reads: &[&Tensor], writes: &[&Tensor]) -> bool {
        match (step.operation, reads, writes) {
            (Operation::Pixels { maps: Maps::Target | Maps::Difference, .. }, [], [out]) => out.channels == 3,
            (Operation::Pixels { maps: Maps::Both, .. }, [], [target, difference]) => {
                target.channels == 3 && is_twin(target, difference)
            }
            (Operation::Conv3x3 { layer, maps: Maps::Target, relu: false, .. }, [input], [out])
            | (Operation::Conv3x3 { layer, maps: Maps::Difference, relu: false, .. }, [input], [out]) => {
                convolves(step, &layer, input, out)
            }
            (
                Operation::Conv3x3 { layer, maps: Maps::Difference, relu: true, .. },
                [input, target],
                [out],
            ) => convolves(step, &layer, input, out) && is_of(target, out),
            (
                Operation::Conv3x3 { layer, maps: Maps::Both, .. },
                [target, difference],
                [target_out, difference_out],
            ) => {
                convolves(step, &layer, target, target_out)
                    && is_twin(target, difference)
                    && is_twin(target_out, difference_out)
            }
            (Operation::Relu, [input, target], [out]) => {
                let written = out.region.below(step.kept);
                alike(input, out)
                    && alike_but_images(target, out)
                    && input.region.holds(&written)
                    && target.region.holds(&written)
            }
            (Operation::MaxPool { maps: Maps::Target, .. }, [input], [out]) => pools(step, input, out),
            (Operation::MaxPool { maps: Maps::Difference, .. }, [input, target], [out]) => {
                pools(step, input, out) && is_of(target, input)
            }
            (
                Operation::MaxPool { maps: Maps::Both, .. },
                [target, difference],
                [target_out, difference_out],
            ) => {
                pools(step, target, target_out)
                    && is_twin(target, difference)
                    && is_twin(target_out, difference_out)
            }
            (Operation::Copy, [input], [out]) => {
                alike(input, out)
                    && step.kept == 0
                    && input.region.shared(&out.region).is_some_and(|shared| shared.is_valid())
            }
            (Operation::Difference { criterion, tap, .. }, [input], writes) => {
                let is_tap = self.is_tap(tap, step.input()) && criterion.is_pointwise();
                let is_map =
                    |map: &Tensor| alike(map, input) && input.region.holds(&map.region.below(step.kept));
                is_tap && writes.len() <= 1 && writes.iter().all(|map| is_map(map))
            }
            (Operation::Lpips { tap, .. } | Operation::Gram { tap, .. }, [input, target @ ..], []) => {
                self.is_tap(tap, step.input())
                    && self.taps[tap].criterion == criterion_of(step.operation)
                    && target.len() <= 1
                    && target.iter().all(|target| {
                        alike_but_images(target, input) && target.region.holds(&input.region.owned())
                    })
            }
            (Operation::ReluMask, [target, difference], [mask]) => {
                let written = mask.region.below(step.kept);
                alike_but_images(target, difference)
                    && masks(mask, difference)
                    && target.region.holds(&written)
                    && difference.region.holds(&written)
            }
            (Operation::MaxPoolRoutes { .. }, [target, difference], [routes]) => {
                is_of(target, difference)
                    && routes.images == difference.images
                    && routes.channels == 2 * difference.channels.div_ceil(CHANNELS_OF_BITS)
                    && covers_windows(&difference.region, routes, step.kept)
            }
            (Operation::DifferenceGradient { of, adds, masked }, reads, [out]) => {
                let Some((difference, beside)) = reads.split_first() else { return false };
                let added = beside.get(..usize::from(adds));
                let mask = beside.get(usize::from(adds)..).unwrap_or(&[]);
                let written = out.region.below(step.kept);
                self.is_tap(of.tap, step.input())
                    && of.criterion.is_pointwise()
                    && added.is_some_and(|added| {
                        [difference].into_iter().chain(added).all(|from| lies_under(from, out, &written))
                    })
                    && mask.len() == usize::from(masked)
                    && mask.iter().all(|mask| masks(mask, out) && mask.region.holds(&written))
            }
            (
                Operation::LpipsGradient { tap, adds, masked, .. }
                | Operation::GramGradient { tap, adds, masked, .. },
                reads,
                [out],
            ) => {
                let [difference, target, beside @ ..] = reads else { return false };
                let added = beside.get(..usize::from(adds));
                let mask = beside.get(usize::from(adds)..).unwrap_or(&[]);
                let written = out.region.below(step.kept);
                self.is_tap(tap, step.input())
                    && self.taps[tap].criterion == criterion_of(step.operation)
                    && lies_under(difference, out, &written)
                    && alike_but_images(target, out)
                    && target.region.holds(&written)
                    && added.is_some_and(|added| added.iter().all(|from| lies_under(from, out, &written)))
                    && mask.len() == usize::from(masked)
                    && mask.iter().all(|mask| masks(mask, out) && mask.region.holds(&written))
            }
            (Operation::MaxPoolGradient { adds, masked }, reads, [out]) => {
                let [gradient, routes, beside @ ..] = reads else { return false };
                let mask = beside.get(..usize::from(masked));
                let difference = beside.get(usize::from(masked)..).unwrap_or(&[]);
                let written = out.region.below(step.kept);
                let is_tap = adds.is_none_or(|of| self.is_tap(of.tap, step.reads.last().copied()));
                alike(gradient, out)
                    && routes.images == out.images
                    && routes.channels == 2 * out.channels.div_ceil(CHANNELS_OF_BITS)
                    && [gradient, routes].into_iter().all(|from| covers_pooled(&from.region, &written))
                    && mask.is_some_and(|mask| {
                        mask.iter().all(|mask| masks(mask, out) && mask.region.holds(&written))
                    })
                    && is_tap
                    && difference.len() == usize::from(adds.is_some())
                    && difference.iter().all(|from| lies_under(from, out, &written))
            }
            (Operation::Conv3x3Gradient { layer, masked }, [gradient, mask @ ..], [out]) => {
                let written = out.region.below(step.kept);
                convolves(step, &layer.transposed(), gradient, out)
                    && mask.len() == usize::from(masked)
                    && mask.iter().all(|mask| masks(mask, out) && mask.region.holds(&written))
            }
            (Operation::PixelsGradient { .. }, [gradient], [out]) => {
                out.channels == 3 && lies_under(gradient, out, &out.region.below(step.kept))
            }
            _ => false,
        }
    }
}

/// The criterion of an operation that reads a target's map beside a difference.
fn criterion_of(operation: Operation) -> Criterion {
    match operation {
        Operation::Gram { .. } | Operation::GramGradient { .. } => Criterion::Gram,
        _ => Criterion::Lpips,
    }
}

/// Whether a mask has a bit for each channel of a tensor.
fn masks(mask: &Tensor, tensor: &Tensor) -> bool {
    mask.images == tensor.images && mask.channels == tensor.channels.div_ceil(CHANNELS_OF_BITS)
}

/// Whether `from` is there where `out` is written.
fn lies_under(from: &Tensor, out: &Tensor, written: &Region) -> bool {
    alike(from, out) && from.region.holds(written)
}

fn alike(a: &Tensor, b: &Tensor) -> bool {
    (a.images, a.channels) == (b.images, b.channels)
}

/// A target may have many differences.
fn alike_but_images(target: &Tensor, difference: &Tensor) -> bool {
    target.channels == difference.channels && (target.images == 1 || target.images == difference.images)
}

/// Whether a difference is one of this target, position for position.
fn is_of(target: &Tensor, difference: &Tensor) -> bool {
    alike_but_images(target, difference)
        && Region { halo: [0; 4], ..target.region } == Region { halo: [0; 4], ..difference.region }
}

/// Whether a target and a difference can be made by one step.
fn is_twin(target: &Tensor, difference: &Tensor) -> bool {
    alike(target, difference) && is_of(target, difference)
}

fn convolves(step: &Step, layer: &Layer, input: &Tensor, out: &Tensor) -> bool {
    let written = out.region.below(step.kept);
    (input.channels, out.channels, input.images) == (layer.inputs, layer.outputs, out.images)
        && input.region.whole == out.region.whole
        && (0..2).all(|axis| covers_neighbours(&input.region, &written, axis))
}

fn pools(step: &Step, input: &Tensor, out: &Tensor) -> bool {
    alike(input, out) && covers_windows(&input.region, out, step.kept)
}

/// Whether `input` holds the four positions under each that is written of `out`.
fn covers_windows(input: &Region, out: &Tensor, kept: u32) -> bool {
    let written = out.region.below(kept);
    out.region.whole == input.whole.map(|v| v / 2)
        && (0..2).all(|axis| {
            u64::from(input.origin[axis]) <= 2 * u64::from(written.origin[axis])
                && 2 * written.end(axis) <= input.end(axis)
        })
}

/// Whether `pooled` holds every position that a max-pool makes of one of `written`'s: a last odd row or column is of none.
fn covers_pooled(pooled: &Region, written: &Region) -> bool {
    pooled.whole == written.whole.map(|v| v / 2)
        && (0..2).all(|axis| {
            let first = written.origin[axis] / 2;
            let end = written.end(axis).div_ceil(2).min(u64::from(pooled.whole[axis]));
            u64::from(first) >= end || pooled.origin[axis] <= first && end <= pooled.end(axis)
        })
}

/// Whether `input` holds every position within one of `output`'s that the picture has.
fn covers_neighbours(input: &Region, output: &Region, axis: usize) -> bool {
    let first = u64::from(output.origin[axis]).saturating_sub(1);
    let end = (output.end(axis) + 1).min(u64::from(output.whole[axis]));
    u64::from(input.origin[axis]) <= first && end <= input.end(axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normalization, network::Layer};

    const CONV: Operation = conv(Maps::Target, false);

    const fn conv(maps: Maps, relu: bool) -> Operation {
        Operation::Conv3x3 { layer: Layer::conv("conv", 0, 3, 8), maps, input_relu: false, relu }
    }

    const POOL: Operation = Operation::MaxPool { maps: Maps::Target, input_relu: false };

    const fn pixels(maps: Maps) -> Operation {
        Operation::Pixels { normalization: Normalization::NONE, maps }
    }

    /// What is wrong with a plan of one step from a tensor to another.
    fn refused(operation: Operation, from: Tensor, to: Tensor, kept: u32) -> String {
        let mut builder = Builder::new();
        builder.tensors = vec![from, to];
        builder.step(Step::new("step", operation, [0], [1]).keeping(kept));
        builder.finish().unwrap_err().to_string()
    }

    fn tensor(images: u32, channels: u32, region: Region) -> Tensor {
        Tensor::new("tensor", images, channels, region)
    }

    #[test]
    fn a_step_whose_input_lacks_a_neighbour_is_refused() {
        let part = |x: u32, width: u32| Region::part([10, 4], [x, 0], [width, 4]);
        let plan = |from: Region| {
            let mut builder = Builder::new();
            let input = builder.tensor("in", 1, 3, from);
            let output = builder.tensor("out", 1, 8, part(2, 3));
            builder.step(Step::new("conv", CONV, [input], [output]));
            builder.finish()
        };
        assert!(plan(part(2, 4)).is_err(), "the column left of the output is missing");
        plan(part(1, 5)).unwrap();
    }

    /// Each way in which a kernel would read or write beside its tensors.
    #[test]
    fn tensors_that_do_not_fit_their_step_are_refused() {
        let region = Region::whole(8, 6);
        let fits = "do not fit";
        for (operation, from, to, part) in [
            (CONV, tensor(1, 4, region), tensor(1, 8, region), fits),
            (CONV, tensor(1, 3, region), tensor(1, 9, region), fits),
            (CONV, tensor(1, 3, region), tensor(2, 8, region), fits),
            (CONV, tensor(1, 3, Region::whole(9, 6)), tensor(1, 8, region), fits),
            (POOL, tensor(1, 3, region), tensor(1, 3, region), fits),
            (POOL, tensor(1, 3, region), tensor(1, 3, Region::whole(4, 4)), fits),
            (POOL, tensor(2, 3, region), tensor(1, 3, Region::whole(4, 3)), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(1, 4, region), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(2, 3, region), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(1, 3, Region::whole(8, 7)), fits),
            (Operation::Copy, tensor(1, 0, region), tensor(1, 0, region), "is empty"),
            (Operation::Copy, tensor(0, 3, region), tensor(0, 3, region), "is empty"),
            (
                Operation::Copy,
                tensor(1, 3, Region::part([8, 6], [1, 0], [8, 6])),
                tensor(1, 3, region),
                "reaches beyond its picture",
            ),
            (pixels(Maps::Target), tensor(1, 3, region), tensor(1, 3, region), fits),
        ] {
            let text = refused(operation, from, to, 0);
            assert!(text.contains(part), "{operation:?}: {text}");
        }
        let text = refused(Operation::Copy, tensor(1, 3, region), tensor(1, 3, region), 6);
        assert!(text.contains("all 6 rows are kept"), "{text}");
    }

    /// The same of steps with a target's map and a difference's.
    #[test]
    fn maps_that_do_not_fit_each_other_are_refused() {
        let region = Region::whole(8, 6);
        let half = Region::whole(4, 3);
        let part = Region::part([8, 6], [1, 0], [7, 6]);
        let (three, eight) = (tensor(2, 3, region), tensor(2, 8, region));
        let pooled = tensor(2, 3, half);
        let try_step = |operation: Operation, reads: &[&Tensor], writes: &[&Tensor]| {
            let mut builder = Builder::new();
            let mut add = |tensors: &[&Tensor]| -> Vec<TensorId> {
                let first = builder.tensors.len();
                builder.tensors.extend(tensors.iter().map(|&tensor| tensor.clone()));
                (first..builder.tensors.len()).collect()
            };
            let (reads, writes) = (add(reads), add(writes));
            builder.step(Step::new("step", operation, reads, writes));
            builder.finish().map_err(|error| error.to_string())
        };
        let pool = |maps| Operation::MaxPool { maps, input_relu: true };
        let one = |of: &Tensor| Tensor { images: 1, ..of.clone() };
        let in_part = |of: &Tensor| Tensor { region: part, ..of.clone() };
        for (operation, reads, writes) in [
            (pixels(Maps::Both), vec![], vec![&three, &three]),
            (conv(Maps::Difference, true), vec![&three, &eight], vec![&eight]),
            (conv(Maps::Difference, true), vec![&three, &one(&eight)], vec![&eight]),
            (conv(Maps::Difference, false), vec![&three], vec![&eight]),
            (conv(Maps::Both, true), vec![&three, &three], vec![&eight, &eight]),
            (Operation::Relu, vec![&three, &three], vec![&three]),
            (Operation::Relu, vec![&three, &one(&three)], vec![&in_part(&three)]),
            (pool(Maps::Difference), vec![&three, &one(&three)], vec![&pooled]),
            (pool(Maps::Both), vec![&three, &three], vec![&pooled, &pooled]),
        ] {
            try_step(operation, &reads, &writes).unwrap();
            // A map that is not there, one of other channels, of another part, of fewer images.
            for (list, place) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let mut lists = [reads.clone(), writes.clone()];
                let Some(&tensor) = lists[list].get(place) else { continue };
                let is_given = list == 0 && place == 1 && reads.len() > writes.len();
                let wrong = [
                    Tensor { channels: tensor.channels + 1, ..tensor.clone() },
                    Tensor { images: if is_given { 3 } else { 5 }, ..tensor.clone() },
                    Tensor { region: Region::whole(tensor.region.extent[0] + 2, 6), ..tensor.clone() },
                ];
                for wrong in &wrong {
                    lists[list][place] = wrong;
                    let [reads, writes] = &lists;
                    let text = try_step(operation, reads, writes).unwrap_err();
                    assert!(text.contains("do not fit"), "{operation:?}: {text}");
                }
                lists[list].remove(place);
                let text = try_step(operation, &lists[0], &lists[1]).unwrap_err();
                assert!(text.contains("do not fit"), "{operation:?}: {text}");
            }
        }
        // A target's map is stored before its activation.
        let text = try_step(conv(Maps::Target, true), &[&three], &[&eight]).unwrap_err();
        assert!(text.contains("do not fit"), "{text}");
    }

    #[test]
    fn steps_out_of_order_are_refused() {
        let plan = |steps: &[(usize, usize)]| {
            let mut builder = Builder::new();
            for name in ["a", "b", "c"] {
                builder.tensor(name, 1, 3, Region::whole(4, 4));
            }
            for &(from, to) in steps {
                builder.step(Step::new("copy", Operation::Copy, [from], [to]));
            }
            builder.finish().map_err(|error| error.to_string())
        };
        plan(&[(0, 1), (1, 2)]).unwrap();
        assert!(plan(&[(1, 2), (0, 1)]).unwrap_err().contains("tensor 'b' is read before it is made"));
        assert!(plan(&[(0, 0)]).unwrap_err().contains("tensor 'a' is named twice"));
        assert!(plan(&[(0, 3)]).unwrap_err().contains("there is no tensor 3; the plan has 3"));
    }

    #[test]
    fn differences_are_of_their_tap_and_may_write_a_map() {
        let region = Region::whole(4, 4);
        let plan = |tap: usize, tensor: usize, map: Option<Tensor>| {
            let mut builder = Builder::new();
            builder.tensor("a", 2, 3, region);
            builder.tensor("b", 2, 3, region);
            builder.tap("a", 1.0, Criterion::Mse, 0);
            builder.steps.clear();
            builder.tensors.extend(map.clone());
            let writes = map.map(|_| 2).into_iter().collect::<Vec<_>>();
            let operation = Operation::Difference { criterion: Criterion::Mse, tap, input_relu: false };
            builder.step(Step::new("difference", operation, [tensor], writes));
            builder.finish()
        };
        plan(0, 0, None).unwrap();
        plan(0, 0, Some(tensor(2, 3, region))).unwrap();
        for (tap, of, map) in [
            (1, 0, None),
            (0, 1, None),
            (0, 0, Some(tensor(1, 3, region))),
            (0, 0, Some(tensor(2, 4, region))),
            (0, 0, Some(tensor(2, 3, Region::whole(5, 4)))),
        ] {
            assert!(plan(tap, of, map).unwrap_err().to_string().contains("do not fit"));
        }
        let mut builder = Builder::new();
        builder.tap("none", 1.0, Criterion::Mse, 0);
        assert!(builder.finish().unwrap_err().to_string().contains("of no tensor"));
    }

    #[test]
    fn one_step_reads_pictures() {
        let mut builder = Builder::new();
        for name in ["a", "b"] {
            let to = builder.tensor(name, 1, 3, Region::whole(4, 4));
            builder.step(Step::new(name, pixels(Maps::Target), [], [to]));
        }
        assert!(builder.finish().unwrap_err().to_string().contains("2 steps read pictures; one may"));
    }
}
