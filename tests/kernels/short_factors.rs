//! Convolutions on the CPU whose factors are rounded to bfloat16 (`src/cpu/fast/conv3x3/bf16/`), against the twin, and
//! against what factors give in float64 that are rounded as theirs are: small maps directly, others by Winograd's
//! tiles.

use std::{f64::consts::FRAC_1_SQRT_2, f64::consts::SQRT_2};

use half::bf16;
use perceptual_loss::{
    Context, ModelOptions,
    low_level::{
        cpu::{Executor, twin},
        doctor::{self, CONV3X3},
        plan::{Maps, Operation, Plan, Region, Tensor},
    },
    network::Layer,
    weights::Convolution,
};

use crate::{
    bf16::options as bf16_options,
    common::{Bounds, Subject, convolution, described, features, parameters, plans, with_bounds},
};

/// The side of the smallest maps that go by Winograd's tiles.
const WINOGRADS: u32 = 8;

/// A way of convolving, by the size of maps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Direct,
    Winograd,
}

impl Way {
    fn of([width, height]: [u32; 2]) -> Self {
        if width.min(height) < WINOGRADS { Self::Direct } else { Self::Winograd }
    }

    /// How far a result may be from the twin's, relative to its magnitude.
    ///
    /// A factor is rounded to 8 bits, by up to 2^-9 of it, so that a product is off by up to 2^-8; float32 sums are
    /// allowed for beside that. On its way through the transforms of a tile a result's magnitude grows by up to 8.3
    /// along each axis, 69 in all. Roundings point either way: five standard deviations are 2^-7 of the sum over 32
    /// channels, the fewest there are. They may be twice that at a picture's edge, since the inputs of a tile that are
    /// not there add nothing to the magnitude.
    fn of_twin(self) -> f64 {
        match self {
            Self::Direct => 1.0 / 256.0 + CONV3X3,
            Self::Winograd => 1.0 / 64.0,
        }
    }

    /// How far the root of the mean square of all results may be from what factors give that are rounded alike,
    /// relative to their magnitudes. Left are float32 sums; and before a tile's factors are rounded, float32 has one
    /// here and there on the other side of the middle between two. One product of 4608 that is left out of each result,
    /// or counted twice, is four times as much.
    fn of_alike(self) -> f64 {
        match self {
            Self::Direct => CONV3X3,
            Self::Winograd => 5e-5,
        }
    }

    /// The sums, without bias, of images of whole maps (N, inputs, H, W) to such maps as `to`.
    fn sums(self, conv: &Convolution, from: (&Tensor, &[f32]), to: &Tensor) -> Vec<f64> {
        match self {
            Self::Direct => direct_sums(conv, from, to),
            Self::Winograd => tile_sums(conv, from),
        }
    }
}

fn short(value: f32) -> f32 {
    bf16::from_f32(value).to_f32()
}

fn direct_sums(conv: &Convolution, (shape, input): (&Tensor, &[f32]), to: &Tensor) -> Vec<f64> {
    let [input, weights] =
        [input, conv.weight()].map(|values| values.iter().copied().map(short).collect::<Vec<_>>());
    let conv = Convolution::new(conv.layer(), weights, conv.bias().to_vec()).unwrap();
    let mut sums = vec![0.0; to.elements() as usize];
    twin::conv3x3_difference((shape, &input), None, &conv, (to, &mut sums)).unwrap();
    sums.into_iter().map(f64::from).collect()
}

/// Winograd's F(4x4, 3x3) at the points 0, +-1/sqrt 2, +-sqrt 2 and infinity, from the definition: weights to places,
/// inputs to places, products to results.
const G: [[f64; 3]; 6] = [
    [1.0, 0.0, 0.0],
    [-1.0 / 1.5, -FRAC_1_SQRT_2 / 1.5, -0.5 / 1.5],
    [-1.0 / 1.5, FRAC_1_SQRT_2 / 1.5, -0.5 / 1.5],
    [1.0 / 6.0, SQRT_2 / 6.0, 2.0 / 6.0],
    [1.0 / 6.0, -SQRT_2 / 6.0, 2.0 / 6.0],
    [0.0, 0.0, 1.0],
];
const B: [[f64; 6]; 6] = [
    [1.0, 0.0, -2.5, 0.0, 1.0, 0.0],
    [0.0, -SQRT_2, -2.0, FRAC_1_SQRT_2, 1.0, 0.0],
    [0.0, SQRT_2, -2.0, -FRAC_1_SQRT_2, 1.0, 0.0],
    [0.0, -FRAC_1_SQRT_2, -0.5, SQRT_2, 1.0, 0.0],
    [0.0, FRAC_1_SQRT_2, -0.5, -SQRT_2, 1.0, 0.0],
    [0.0, 1.0, 0.0, -2.5, 0.0, 1.0],
];
const A: [[f64; 6]; 4] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, FRAC_1_SQRT_2, -FRAC_1_SQRT_2, SQRT_2, -SQRT_2, 0.0],
    [0.0, 0.5, 0.5, 2.0, 2.0, 0.0],
    [0.0, 0.5 * FRAC_1_SQRT_2, -0.5 * FRAC_1_SQRT_2, 2.0 * SQRT_2, -2.0 * SQRT_2, 1.0],
];

/// M x M', where x has rows of N.
fn transform<const N: usize, const M: usize>(matrix: &[[f64; N]; M], x: &[[f64; N]; N]) -> [[f64; M]; M] {
    let dot = |row: &[f64; N], of: &dyn Fn(usize) -> f64| (0..N).map(|k| row[k] * of(k)).sum::<f64>();
    let rows: [[f64; N]; M] = std::array::from_fn(|i| std::array::from_fn(|j| dot(&matrix[i], &|k| x[k][j])));
    std::array::from_fn(|i| std::array::from_fn(|j| dot(&matrix[j], &|k| rows[i][k])))
}

fn rounded(places: [[f64; 6]; 6]) -> [[f64; 6]; 6] {
    places.map(|row| row.map(|value| short(value as f32).into()))
}

fn tile_sums(conv: &Convolution, (shape, input): (&Tensor, &[f32])) -> Vec<f64> {
    let (inputs, outputs) = (shape.channels as usize, conv.bias().len());
    let [width, height] = shape.region.extent.map(|side| side as usize);
    let kernel = |g: &[f32]| -> [[f64; 3]; 3] {
        std::array::from_fn(|y| std::array::from_fn(|x| g[3 * y + x].into()))
    };
    let weights: Vec<_> = conv.weight().chunks(9).map(|g| rounded(transform(&G, &kernel(g)))).collect();
    let mut sums = vec![0.0; shape.images as usize * outputs * width * height];
    for (image, sums) in input.chunks(inputs * width * height).zip(sums.chunks_mut(outputs * width * height))
    {
        for (top, left) in (0..height).step_by(4).flat_map(|y| (0..width).step_by(4).map(move |x| (y, x))) {
            let patch = |plane: &[f32]| {
                let at = |y: usize, x: usize| {
                    // Patches begin a position before their tile.
                    let inside = (1..=height).contains(&y) && (1..=width).contains(&x);
                    if inside { plane[(y - 1) * width + x - 1].into() } else { 0.0 }
                };
                let d = std::array::from_fn(|y| std::array::from_fn(|x| at(top + y, left + x)));
                rounded(transform(&B, &d))
            };
            let patches: Vec<_> = image.chunks(width * height).map(patch).collect();
            for (weights, plane) in weights.chunks(inputs).zip(sums.chunks_mut(width * height)) {
                let product = |y: usize, x: usize| -> f64 {
                    weights.iter().zip(&patches).map(|(weights, patch)| weights[y][x] * patch[y][x]).sum()
                };
                let products = std::array::from_fn(|y| std::array::from_fn(|x| product(y, x)));
                for (y, row) in transform(&A, &products).iter().enumerate().take(height - top) {
                    for (x, sum) in row.iter().enumerate().take(width - left) {
                        plane[(top + y) * width + left + x] = *sum;
                    }
                }
            }
        }
    }
    sums
}

/// What a step should have written, a tensor each, from factors that are rounded alike; `results` are what it has
/// written.
fn alike(way: Way, twin: &Executor, conv: &Convolution, results: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let (plan, step) = (twin.plan(), &twin.plan().steps()[0]);
    let Operation::Conv3x3 { maps, input_relu, relu, .. } = step.operation else { unreachable!() };
    let read = |place: usize| (&plan.tensors()[step.reads[place]], twin.read(step.reads[place]).unwrap());
    let mut expected = vec![];
    let to = &plan.tensors()[step.writes[0]];
    if maps.target() {
        let (shape, mut input) = read(0);
        if input_relu {
            input.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let bias = conv.bias().iter().flat_map(|bias| vec![f64::from(*bias); to.channel_stride() as usize]);
        let bias: Vec<_> = bias.collect();
        expected.push(
            way.sums(conv, (shape, &input), to).iter().zip(bias.iter().cycle()).map(|(s, b)| s + b).collect(),
        );
    }
    if maps.difference() {
        let (shape, input) = read(usize::from(maps.target()));
        let mut sums = way.sums(conv, (shape, &input), to);
        if relu {
            let made = if maps == Maps::Both { results[0].clone() } else { read(1).1 };
            for (d, a) in sums.iter_mut().zip(made.iter().map(|a| f64::from(*a)).cycle()) {
                *d = (*d + a.min(0.0)).max(-a.max(0.0));
            }
        }
        expected.push(sums);
    }
    expected
}

/// The root of the mean square of what results are off, relative to their magnitudes.
fn root_mean_square(results: &[f32], expected: &[f64], magnitudes: &[f32]) -> f64 {
    assert_eq!(results.len(), expected.len());
    let squares = results.iter().zip(expected).zip(magnitudes).map(|((result, expected), magnitude)| {
        ((f64::from(*result) - expected) / f64::from(*magnitude)).powi(2)
    });
    (squares.sum::<f64>() / results.len() as f64).sqrt()
}

/// Every form of a layer; the largest difference from the twin, and the largest root of a mean square.
fn hold(options: &ModelOptions, inputs: u32, outputs: u32, [width, height]: [u32; 2]) -> [f64; 2] {
    let (context, way) = (Context::cpu(), Way::of([width, height]));
    let layer = Layer::conv("conv", 0, inputs, outputs);
    let parameters = parameters(vec![convolution(layer, u64::from(inputs + outputs))]);
    let of_form = |plan: Plan| {
        let given = plans::inputs(&plan, 1, features);
        let (twin, bounds) = with_bounds(&plan, &parameters, &given);
        let magnitudes: Vec<_> = (bounds.into_iter())
            .map(|bounds| match bounds {
                Bounds::Relative(_, magnitudes) => magnitudes,
                other => panic!("{other:?}"),
            })
            .collect();
        let of_twin = |magnitudes: &Vec<f32>| Bounds::Relative(way.of_twin(), magnitudes.clone());
        let bounds: Vec<_> = magnitudes.iter().map(of_twin).collect();
        let results = doctor::first_step(&context, options, &plan, &parameters, &given, &[]).unwrap();
        let fail = |what: String| -> f64 { panic!("{}: {what}", described(&plan)) };
        let judged = Subject::Cpu.judge(&results, (&twin, &bounds), &parameters);
        let largest = judged.unwrap_or_else(fail);

        let expected = alike(way, &twin, &parameters.convolutions()[0], &results);
        let each = results.iter().zip(&expected).zip(&magnitudes);
        let off = each.map(|((result, expected), magnitudes)| root_mean_square(result, expected, magnitudes));
        let off = off.fold(0.0, f64::max);
        let allowed = way.of_alike();
        if off > allowed {
            fail(format!("{way:?}, {off:e} off factors that are rounded alike; {allowed:e} allowed"));
        }
        [largest, off]
    };
    let plans = plans::convolutions(2, layer, [Region::whole(width, height); 2], 0).unwrap();
    plans.into_iter().map(of_form).fold([0.0; 2], |a, b| [0, 1].map(|i| f64::max(a[i], b[i])))
}

#[test]
fn factors_of_bfloat16() {
    let Some(options) = bf16_options() else { return };
    let sizes =
        [[1, 1], [1, 9], [9, 1], [3, 5], [16, 2], [70, 4], [8, 8], [9, 11], [17, 33], [31, 32], [70, 10]];
    let channels = [(32, 32), (64, 64), (64, 128), (256, 512), (512, 32)];
    let shapes = sizes.map(|size| (64, 32, size)).into_iter();
    let shapes = shapes.chain(
        [[9, 7], [8, 9]]
            .into_iter()
            .flat_map(|size| channels.map(|(inputs, outputs)| (inputs, outputs, size))),
    );
    let (direct, tiles): (Vec<_>, Vec<_>) = shapes.partition(|(.., size)| Way::of(*size) == Way::Direct);
    for (way, shapes) in [(Way::Direct, direct), (Way::Winograd, tiles)] {
        let all = shapes.into_iter().map(|(inputs, outputs, size)| hold(&options, inputs, outputs, size));
        let [largest, off] = all.fold([0.0; 2], |a, b| [0, 1].map(|i| f64::max(a[i], b[i])));
        println!(
            "conv3x3, bf16, {way:?}: largest difference {largest:.2e}, allowed {:.2e}; {off:.2e} off factors that are \
             rounded alike, allowed {:.2e}",
            way.of_twin(),
            way.of_alike()
        );
    }
}
