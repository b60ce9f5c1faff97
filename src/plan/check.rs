//! What must hold of a plan, since executors trust it: shaders read and write where its tensors say, unchecked.

use super::{Builder, Operation, Region, Step, Tensor, TensorId};
use crate::error::{Error, Result};

impl Builder {
    /// # Errors
    /// [`Error::Config`] where a step's tensors do not fit it.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(tap) = self.taps.iter().find(|tap| tap.tensor >= self.tensors.len()) {
            return Err(Error::Config(format!("tap '{}' is of no tensor of the plan", tap.name)));
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
        let alike = |a: &Tensor, b: &Tensor| (a.images, a.channels) == (b.images, b.channels);
        match (step.operation, reads, writes) {
            (Operation::Pixels { .. }, [], [out]) => out.channels == 3,
            (Operation::Conv3x3 { layer, .. }, [input], [out]) => {
                let written = out.region.below(step.kept);
                (input.channels, out.channels, input.images) == (layer.inputs, layer.outputs, out.images)
                    && input.region.whole == out.region.whole
                    && (0..2).all(|axis| covers_neighbours(&input.region, &written, axis))
            }
            (Operation::Relu, [input], [out]) => {
                alike(input, out) && input.region.holds(&out.region.below(step.kept))
            }
            (Operation::MaxPool, [input], [out]) => {
                let written = out.region.below(step.kept);
                alike(input, out)
                    && out.region.whole == input.region.whole.map(|v| v / 2)
                    && (0..2).all(|axis| {
                        u64::from(input.region.origin[axis]) <= 2 * u64::from(written.origin[axis])
                            && 2 * written.end(axis) <= input.region.end(axis)
                    })
            }
            (Operation::Copy, [input], [out]) => {
                alike(input, out)
                    && step.kept == 0
                    && input.region.shared(&out.region).is_some_and(|shared| shared.is_valid())
            }
            (Operation::Difference { tap, .. }, [input], writes) => {
                let is_tap = self.taps.get(tap).is_some_and(|tap| Some(tap.tensor) == step.input());
                // An image of the map for each picture, or for each pair of them.
                let is_map = |map: &Tensor| {
                    map.channels == input.channels
                        && (map.images == input.images || map.images == input.images / 2)
                        && input.region.holds(&map.region.below(step.kept))
                };
                is_tap && writes.len() <= 1 && writes.iter().all(|map| is_map(map))
            }
            _ => false,
        }
    }
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
    use crate::{Criterion, Normalization, network::Layer};

    const CONV: Operation = Operation::Conv3x3 { layer: Layer::conv("conv", 0, 3, 8), relu: false };

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
            (Operation::Relu, tensor(1, 3, region), tensor(1, 4, region), fits),
            (Operation::Relu, tensor(1, 3, region), tensor(2, 3, region), fits),
            (Operation::Relu, tensor(1, 3, Region::part([8, 6], [1, 0], [7, 6])), tensor(1, 3, region), fits),
            (Operation::MaxPool, tensor(1, 3, region), tensor(1, 3, region), fits),
            (Operation::MaxPool, tensor(1, 3, region), tensor(1, 3, Region::whole(4, 4)), fits),
            (Operation::MaxPool, tensor(2, 3, region), tensor(1, 3, Region::whole(4, 3)), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(1, 4, region), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(2, 3, region), fits),
            (Operation::Copy, tensor(1, 3, region), tensor(1, 3, Region::whole(8, 7)), fits),
            (Operation::Relu, tensor(1, 0, region), tensor(1, 0, region), "is empty"),
            (Operation::Relu, tensor(0, 3, region), tensor(0, 3, region), "is empty"),
            (
                Operation::Relu,
                tensor(1, 3, Region::part([8, 6], [1, 0], [8, 6])),
                tensor(1, 3, region),
                "reaches beyond its picture",
            ),
            (
                Operation::Pixels { normalization: Normalization::NONE },
                tensor(1, 3, region),
                tensor(1, 3, region),
                fits,
            ),
        ] {
            let text = refused(operation, from, to, 0);
            assert!(text.contains(part), "{operation:?}: {text}");
        }
        let text = refused(Operation::Relu, tensor(1, 3, region), tensor(1, 3, region), 6);
        assert!(text.contains("all 6 rows are kept"), "{text}");
    }

    #[test]
    fn steps_out_of_order_are_refused() {
        let plan = |steps: &[(usize, usize)]| {
            let mut builder = Builder::new();
            for name in ["a", "b", "c"] {
                builder.tensor(name, 1, 3, Region::whole(4, 4));
            }
            for &(from, to) in steps {
                builder.step(Step::new("relu", Operation::Relu, [from], [to]));
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
            let operation = Operation::Difference { criterion: Criterion::Mse, tap };
            builder.step(Step::new("difference", operation, [tensor], writes));
            builder.finish()
        };
        plan(0, 0, None).unwrap();
        plan(0, 0, Some(tensor(1, 3, region))).unwrap();
        for (tap, of, map) in [
            (1, 0, None),
            (0, 1, None),
            (0, 0, Some(tensor(3, 3, region))),
            (0, 0, Some(tensor(1, 4, region))),
            (0, 0, Some(tensor(1, 3, Region::whole(5, 4)))),
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
            let operation = Operation::Pixels { normalization: Normalization::NONE };
            builder.step(Step::new(name, operation, [], [to]));
        }
        assert!(builder.finish().unwrap_err().to_string().contains("2 steps read pictures; one may"));
    }
}
