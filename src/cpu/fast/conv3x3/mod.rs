//! Fast forms of `src/cpu/twin/conv3x3.rs`.

mod bf16;
mod direct;
pub(super) mod product;
mod thin;
mod winograd;

use std::sync::atomic::{AtomicBool, Ordering};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use self::bf16::Dot;
use super::{
    bordered::{Bordered, Lying, offset},
    relu::{difference_through_relu, zero_unmasked},
};
use crate::{
    cpu::{
        kernels::{BothMaps, Input, Output, least, of_target},
        lines::Lines,
        scratch::Scratch,
        simd::{arch, lanes},
    },
    error::{Error, Result},
    network::Layer,
    plan::Tensor,
    weights::{Convolution, Precision},
};

/// A convolution's weights, packed for the way in which it is computed.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) layer: Layer,
    packed: Packed,
    /// (outputs).
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Packed {
    Direct(direct::Panels),
    Thin(thin::Panels),
    Winograd(winograd::Panels),
    Bf16(bf16::Panels, bf16::WinogradPanels),
}

/// What products are of.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) enum Factors {
    F32,
    /// Of bfloat16, by these instructions, for all layers whose channels fill them.
    Bf16(Dot),
}

impl Factors {
    /// # Errors
    /// [`Error::Config`] where this processor has no instructions for them.
    pub(in crate::cpu) fn of(precision: Precision) -> Result<Self> {
        let has_not = |what| {
            Error::Config(format!(
                "this processor cannot compute in {precision}: {what}; leave the precision at f32"
            ))
        };
        match precision {
            Precision::F32 => Ok(Self::F32),
            Precision::Bf16 => {
                Dot::best().map(Self::Bf16).ok_or_else(|| has_not("it has no AVX512-BF16 instructions"))
            }
            Precision::F16 => Err(has_not("half precision is not built for the CPU")),
        }
    }
}

/// The side of the smallest feature maps that go by Winograd's convolution in bfloat16.
const BF16_WINOGRAD: u32 = 8;

/// What is computed: 3x3 cross-correlation of images of one shape.
struct Job<'a> {
    source: Bordered,
    /// Rows that are kept stay.
    target: Bordered,
    /// The first position that is written, in the whole picture's feature map.
    origin: [usize; 2],
    /// Positions across and down to it from the source's first.
    offset: [usize; 2],
    /// Width and height of that feature map.
    whole: [u32; 2],
    bias: &'a [f32],
    scratch: &'a Scratch,
    /// Whether a sum was not finite.
    overflowed: AtomicBool,
}

/// An image of a target's map, of a difference's, or of both, which are then made by one task, the target's first: weights are
/// read once for both.
#[derive(Default)]
struct Pair<'a> {
    target: Option<Half<'a>>,
    difference: Option<Half<'a>>,
    /// Whether the difference goes through its activation.
    relu: bool,
    /// The target's results, where they are there already.
    made: Option<&'a [f32]>,
    /// The bits without which a gradient is 0.
    mask: Option<Lying<'a>>,
}

/// One of a pair's maps.
struct Half<'a> {
    input: &'a [f32],
    /// What inputs are raised to: a target's activation's 0.
    least: f32,
    output: &'a mut [f32],
}

/// What becomes of sums.
#[derive(Clone, Copy)]
enum Finish<'a> {
    Nothing,
    /// A target's bias is added.
    Bias(&'a [f32]),
    /// A difference goes through its activation, from these results of the target's, which lie as the difference's do.
    Relu(&'a [f32]),
}

impl<'a> Finish<'a> {
    /// A difference goes through its activation where the target's results are there.
    #[inline(always)]
    fn of_map(is_difference: bool, bias: &'a [f32], target: Option<&'a [f32]>) -> Self {
        match target {
            _ if !is_difference => Self::Bias(bias),
            Some(target) => Self::Relu(target),
            None => Self::Nothing,
        }
    }

    /// What becomes of the sums of some channels from `channel` on, which lie at `place` of the results.
    ///
    /// `seen` is 0 as long as all sums are finite, and then not a number: an activation does not hand on what is not finite.
    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn of<S: Simd>(
        self,
        simd: S,
        sums: S::f32s,
        (channel, place): (usize, usize),
        seen: &mut S::f32s,
    ) -> S::f32s {
        let load = |values: &[f32], at: usize| S::as_simd_f32s(&values[at..][..S::F32_LANES]).0[0];
        let zero = simd.splat_f32s(0.0);
        let sums = match self {
            Self::Bias(bias) => simd.add_f32s(sums, load(bias, channel)),
            Self::Nothing | Self::Relu(_) => sums,
        };
        *seen = simd.mul_add_e_f32s(sums, zero, *seen);
        match self {
            Self::Nothing | Self::Bias(_) => sums,
            Self::Relu(target) => {
                let a = load(target, place);
                let least = simd.sub_f32s(zero, simd.max_f32s(a, zero));
                simd.max_f32s(simd.add_f32s(sums, simd.min_f32s(a, zero)), least)
            }
        }
    }

    /// The same of one channel; `seen` becomes true where a sum is not finite.
    #[inline(always)]
    fn of_one(self, sum: f32, (channel, place): (usize, usize), seen: &mut bool) -> f32 {
        let sum = match self {
            Self::Bias(bias) => sum + bias[channel],
            Self::Nothing | Self::Relu(_) => sum,
        };
        *seen |= !sum.is_finite();
        match self {
            Self::Nothing | Self::Bias(_) => sum,
            Self::Relu(target) => difference_through_relu(sum, target[place]),
        }
    }
}

impl Filter {
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(super) fn new(convolution: &Convolution, factors: Factors) -> Result<Self> {
        let packed = match factors {
            Factors::F32 => winograd::Panels::new(convolution)?.map(Packed::Winograd),
            Factors::Bf16(dot) => bf16::Panels::new(convolution, dot)?
                .zip(bf16::WinogradPanels::new(convolution, dot)?)
                .map(|(direct, winograd)| Packed::Bf16(direct, winograd)),
        };
        let packed = match packed {
            Some(packed) => packed,
            None => match thin::Panels::new(convolution)? {
                Some(thin) => Packed::Thin(thin),
                None => Packed::Direct(direct::Panels::new(convolution)?),
            },
        };
        Ok(Self { layer: convolution.layer(), packed, bias: convolution.bias().to_vec() })
    }

    /// Whether it makes unequal results of equal patches: Winograd's rounds them by their place in a tile.
    pub(super) fn breaks_ties(&self) -> bool {
        matches!(self.packed, Packed::Winograd(_) | Packed::Bf16(..))
    }

    /// Bytes of weights and bias.
    pub(super) fn bytes(&self) -> usize {
        let weights = match &self.packed {
            Packed::Direct(panels) => size_of_val(&*panels.values),
            Packed::Thin(panels) => size_of_val(&*panels.values),
            Packed::Winograd(panels) => size_of_val(&*panels.values),
            Packed::Bf16(direct, winograd) => size_of_val(&*direct.values) + size_of_val(&*winograd.values),
        };
        weights + size_of_val(&*self.bias)
    }
}

/// 3x3 cross-correlation with bias of a tensor's images, of which the outputs' first `kept` rows stay.
///
/// # Errors
/// [`Error::NotFinite`](crate::Error::NotFinite) where a result is not finite.
pub(super) fn conv3x3(
    input: Input<'_>,
    input_relu: bool,
    filter: &Filter,
    (to, kept, output): Output<'_>,
    scratch: &Scratch,
) -> Result<()> {
    let job = Job::new(input.0, (to, kept), filter, scratch);
    let halves = halves(&job, input.1, least(input_relu), output);
    let pairs = halves.map(|target| Pair { target: Some(target), ..Pair::default() });
    job.run(filter, pairs.collect())
}

/// The same of a difference, without bias; through its activation where there is the `target`'s result.
///
/// # Errors
/// As [`conv3x3`], also where an activation follows.
pub(super) fn conv3x3_difference(
    input: Input<'_>,
    target: Option<Input<'_>>,
    filter: &Filter,
    (to, kept, output): Output<'_>,
    scratch: &Scratch,
) -> Result<()> {
    let job = Job::new(input.0, (to, kept), filter, scratch);
    let of_image = target.map(|(_, made)| of_target(made, job.target.elements(), to.images as usize));
    let halves = halves(&job, input.1, f32::NEG_INFINITY, output);
    let pairs = halves.enumerate().map(|(index, difference)| Pair {
        difference: Some(difference),
        relu: target.is_some(),
        made: of_image.as_ref().map(|of_image| of_image(index)),
        ..Pair::default()
    });
    job.run(filter, pairs.collect())
}

/// Of a gradient, by the transposed convolution; 0 where there is a mask without its bit.
///
/// # Errors
/// As [`conv3x3`].
pub(super) fn conv3x3_gradient(
    gradient: Input<'_>,
    mask: Option<Input<'_>>,
    filter: &Filter,
    (to, kept, output): Output<'_>,
    scratch: &Scratch,
) -> Result<()> {
    let job = Job::new(gradient.0, (to, kept), filter, scratch);
    let written = to.region.below(kept);
    let halves = halves(&job, gradient.1, f32::NEG_INFINITY, output);
    let mut masks = mask.into_iter().flat_map(|(tensor, values)| {
        values.chunks(Bordered::of(tensor).elements()).map(|image| Lying::under(tensor, image, &written))
    });
    let pairs = halves.map(|half| Pair { difference: Some(half), mask: masks.next(), ..Pair::default() });
    job.run(filter, pairs.collect())
}

/// Of both maps.
///
/// # Errors
/// As [`conv3x3_difference`].
pub(super) fn conv3x3_both(maps: BothMaps<'_>, filter: &Filter, scratch: &Scratch) -> Result<()> {
    let BothMaps { target, input_relu, difference, relu, to_target, to_difference } = maps;
    let (to, kept, output) = to_target;
    let job = Job::new(target.0, (to, kept), filter, scratch);
    let of_target = halves(&job, target.1, least(input_relu), output);
    let of_difference = halves(&job, difference.1, f32::NEG_INFINITY, to_difference.2);
    let pairs = of_target.zip(of_difference).map(|(target, difference)| Pair {
        target: Some(target),
        difference: Some(difference),
        relu,
        ..Pair::default()
    });
    job.run(filter, pairs.collect())
}

/// The larger of both. What is not a number stays so.
#[inline(always)]
fn raised(value: f32, least: f32) -> f32 {
    if value < least { least } else { value }
}

/// Each image of a map.
fn halves<'a>(
    job: &Job<'_>,
    input: &'a [f32],
    least: f32,
    output: &'a mut [f32],
) -> impl Iterator<Item = Half<'a>> + use<'a> {
    let images = input.chunks(job.source.elements()).zip(output.chunks_mut(job.target.elements()));
    images.map(move |(input, output)| Half { input, least, output })
}

impl<'a> Job<'a> {
    fn new(from: &Tensor, (to, kept): (&Tensor, u32), filter: &'a Filter, scratch: &'a Scratch) -> Self {
        let written = to.region.below(kept);
        Self {
            source: Bordered::of(from),
            target: Bordered::below(to, kept),
            origin: written.origin.map(|at| at as usize),
            offset: offset(from, &written),
            whole: written.whole,
            bias: &filter.bias,
            scratch,
            overflowed: AtomicBool::new(false),
        }
    }

    fn run(&self, filter: &Filter, pairs: Vec<Pair<'_>>) -> Result<()> {
        match &filter.packed {
            Packed::Direct(panels) => direct::conv3x3(panels, self, pairs),
            Packed::Thin(panels) => thin::conv3x3(panels, self, pairs),
            Packed::Winograd(panels) => winograd::conv3x3(panels, self, pairs),
            // By the whole picture's size, so that a part's numbers are the whole's. In smaller maps most of a tile is cut off.
            Packed::Bf16(direct, winograd) => match self.whole.iter().min() {
                Some(&side) if side < BF16_WINOGRAD => bf16::conv3x3(direct, self, pairs),
                _ => bf16::winograd::conv3x3(winograd, self, pairs),
            },
        }?;
        if self.overflowed.load(Ordering::Relaxed) {
            return Err(Error::NotFinite { layer: filter.layer.name });
        }
        Ok(())
    }

    /// Notes what a task has seen of its sums.
    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn note<S: Simd>(&self, simd: S, seen: S::f32s) {
        if !simd.reduce_sum_f32s(seen).is_finite() {
            self.overflowed.store(true, Ordering::Relaxed);
        }
    }
}

/// Outputs whose sums are computed together: what a vector register holds, times the registers of a panel.
fn panel() -> usize {
    let lanes = lanes();
    product::registers(lanes) * lanes
}

/// Some rows of a pair's results.
struct Slab<'a> {
    /// The first of them, of those written.
    first: usize,
    target: Option<Rows<'a>>,
    difference: Option<Rows<'a>>,
    relu: bool,
    made: Option<&'a [f32]>,
    mask: Option<Lying<'a>>,
}

/// Some rows of a map's results.
struct Rows<'a> {
    input: &'a [f32],
    least: f32,
    results: &'a mut [f32],
}

impl<'a> Pair<'a> {
    /// Its maps.
    fn count(&self) -> usize {
        usize::from(self.target.is_some()) + usize::from(self.difference.is_some())
    }

    /// A first slab of `lead` rows and then slabs of `rows` rows.
    fn slabs(self, job: &Job<'_>, [lead, rows]: [usize; 2]) -> Vec<Slab<'a>> {
        let of = |half: Half<'a>| {
            let Half { input, least, output } = half;
            let slabs: Vec<_> = job.target.slabs(output, [lead, rows]).collect();
            slabs.into_iter().map(move |(first, results)| (first, Rows { input, least, results }))
        };
        let mut target = self.target.map(of);
        let mut difference = self.difference.map(of);
        let next = || {
            let target = target.as_mut().and_then(Iterator::next);
            let difference = difference.as_mut().and_then(Iterator::next);
            let either = target.as_ref().or(difference.as_ref())?;
            let (first, length) = (either.0, either.1.results.len());
            let made = self.made.map(|made| job.target.below_kept(made, first, length));
            let [target, difference] = [target, difference].map(|rows| rows.map(|(_, rows)| rows));
            Some(Slab { first, target, difference, relu: self.relu, made, mask: self.mask })
        };
        std::iter::from_fn(next).collect()
    }
}

/// A convolution's packed weights, in one of its ways.
trait Compute: Sync {
    /// Computes rows of a map, the first of which is row `first` of those written. What it has seen of their sums is what
    /// [`Finish::of`] says.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where there is no scratch.
    fn compute<S: Simd>(
        &self,
        simd: S,
        job: &Job<'_>,
        first: usize,
        rows: Rows<'_>,
        finish: Finish<'_>,
        scratch: &mut Lines,
    ) -> Result<S::f32s>;
}

/// Zeros what is made of a gradient where there is a mask without its bit, in rows of results from row `first` on.
#[inline(always)] // so that it is compiled for the registers that there are
fn zero_rows_unmasked(mask: Option<Lying<'_>>, job: &Job<'_>, first: usize, results: &mut [f32]) {
    let Some(mask) = mask else { return };
    let channels = job.target.channels;
    for (y, row) in (first..).zip(results.chunks_exact_mut(job.target.row())) {
        zero_unmasked(&mut row[channels..][..job.target.width * channels], mask.row(y), channels);
    }
}

/// A slab's work.
struct Task<'a, Panels> {
    panels: &'a Panels,
    job: &'a Job<'a>,
    slab: Slab<'a>,
    scratch: &'a mut Lines,
}

impl<Panels: Compute> WithSimd for Task<'_, Panels> {
    type Output = Result<()>;

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) -> Result<()> {
        let Self { panels, job, slab, scratch } = self;
        let Slab { first, target, difference, relu, mut made, mask } = slab;
        for (is_difference, rows) in [(false, target), (true, difference)] {
            let Some(Rows { input, least, results }) = rows else { continue };
            let finish = Finish::of_map(is_difference, job.bias, made.filter(|_| relu));
            let rows = Rows { input, least, results: &mut *results };
            let seen = panels.compute(simd, job, first, rows, finish, scratch)?;
            job.note(simd, seen);
            zero_rows_unmasked(mask, job, first, results);
            made = Some(results);
        }
        Ok(())
    }
}

/// Computes each pair in a first slab of `lead` rows and then slabs of `rows` rows, in parallel.
fn in_slabs(panels: &impl Compute, job: &Job<'_>, sizes: [usize; 2], pairs: Vec<Pair<'_>>) -> Result<()> {
    let slabs: Vec<_> = pairs.into_iter().flat_map(|pair| pair.slabs(job, sizes)).collect();
    slabs.into_par_iter().try_for_each(|slab| {
        job.scratch.with_smallest(|scratch| arch().dispatch(Task { panels, job, slab, scratch }))
    })
}
