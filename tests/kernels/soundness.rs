//! Shaders run without bounds checks, so that safe code must not get them to read or write beside their buffers. Each way in
//! that there was is tried: plans, weights, tensors and pictures that do not fit what they are used with. That a plan's fields
//! cannot be reached is shown in the documentation of `Builder`.

use perceptual_loss::{
    Criterion, Error, Image, Normalization, ToneMap,
    gpu::{BufferLayout, BufferSource},
    low_level::{
        cpu::Executor as CpuExecutor,
        gpu::{Executor, sources, sum_blocking},
        plan::{Builder, Operation, Plan, Region, Step},
    },
    network::Layer,
    weights::Convolution,
};

use crate::common::{context, convolution, one_step, only_pixels, parameters};

/// What is said of a plan that is refused.
fn refused(builder: Builder) -> String {
    match builder.finish() {
        Err(Error::Config(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn conv(layer: Layer) -> Operation {
    Operation::Conv3x3 { layer, relu: false }
}

#[test]
fn plans_whose_tensors_do_not_fit_are_not_made() {
    let region = Region::whole(16, 16);
    // An output that is larger than what is computed of the input, in each way that a shader counts by.
    for (images, channels, of_output) in [(2, 3, region), (1, 4, region), (1, 3, Region::whole(16, 17))] {
        let mut builder = Builder::new();
        let from = builder.tensor("from", 1, 3, region);
        let to = builder.tensor("to", images, channels, of_output);
        builder.step(Step::new("relu", Operation::Relu, [from], [to]));
        assert!(refused(builder).contains("do not fit"));
    }
    // A layer that has other channels than the tensors.
    let mut builder = Builder::new();
    let from = builder.tensor("from", 1, 3, region);
    let to = builder.tensor("to", 1, 8, region);
    builder.step(Step::new("conv", conv(Layer::conv("conv", 0, 300, 8)), [from], [to]));
    assert!(refused(builder).contains("do not fit"));
    // A difference of another tensor than the tap's, whose partial sums there would be no room for.
    let mut builder = Builder::new();
    let small = builder.tensor("small", 2, 1, Region::whole(1, 1));
    let large = builder.tensor("large", 2, 64, region);
    builder.tap("small", 1.0, Criterion::Mse, small);
    let operation = Operation::Difference { criterion: Criterion::Mse, tap: 0 };
    builder.step(Step::new("difference", operation, [large], []));
    assert!(refused(builder).contains("do not fit"));
    // Two steps that read pictures, of which there would be room for the first one's.
    let mut builder = Builder::new();
    for region in [Region::part([64, 64], [0, 0], [2, 2]), Region::whole(64, 64)] {
        let to = builder.tensor("pixels", 1, 3, region);
        let operation = Operation::Pixels { normalization: Normalization::NONE };
        builder.step(Step::new("pixels", operation, [], [to]));
    }
    assert!(refused(builder).contains("2 steps read pictures"));
    // A region that wraps around.
    let mut builder = Builder::new();
    let beyond = Region::part([u32::MAX, 4], [u32::MAX - 1, 0], [4, 4]);
    let from = builder.tensor("from", 1, 1, beyond);
    let to = builder.tensor("to", 1, 1, beyond);
    builder.step(Step::new("relu", Operation::Relu, [from], [to]));
    assert!(refused(builder).contains("beyond its picture"));
}

#[test]
fn a_checked_plan_cannot_be_changed() {
    let plan = one_step(1, Operation::Relu, (1, Region::whole(4, 4)), (1, Region::whole(4, 4)));
    // What one gets of it is a copy, or cannot be written to.
    let mut tensors = plan.tensors().to_vec();
    tensors[0].channels = 1000;
    assert_eq!(plan.tensors()[0].channels, 1);
}

#[test]
fn weights_are_those_of_their_layer() {
    let region = Region::whole(8, 8);
    let wanted = Layer::conv("conv", 0, 16, 64);
    // Too few values for the layer that they say they are of.
    for (weights, biases) in [(0, 64), (16 * 64 * 9 - 1, 64), (16 * 64 * 9, 63)] {
        assert!(Convolution::new(wanted, vec![0.0; weights], vec![0.0; biases]).is_err());
    }
    // A layer whose number of weights wraps around.
    let layer = Layer::conv("conv", 0, u32::MAX, u32::MAX);
    assert!(Convolution::new(layer, vec![], vec![]).is_err());

    let plan = one_step(1, conv(wanted), (16, region), (64, region));
    for given in
        [Layer::conv("conv", 0, 1, 1), Layer::conv("conv", 0, 16, 63), Layer::conv("other", 0, 16, 64)]
    {
        let parameters = parameters(vec![convolution(given, 1)]);
        for error in [
            Executor::new(context(), plan.clone(), parameters.clone()).unwrap_err(),
            CpuExecutor::fast(plan.clone(), &parameters).unwrap_err(),
            CpuExecutor::twin(plan.clone(), parameters.clone()).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Weights(_)), "{error:?}");
        }
    }
}

fn executor(plan: Plan) -> Executor {
    Executor::new(context(), plan, parameters(vec![])).unwrap()
}

#[test]
fn tensors_steps_and_taps_that_there_are_not_are_errors() {
    let region = Region::whole(4, 4);
    let plan = one_step(1, Operation::Relu, (1, region), (1, region));
    let gpu = executor(plan.clone());
    let mut cpu = CpuExecutor::fast(plan, &parameters(vec![])).unwrap();
    let errors = [
        gpu.write(2, &[0.0; 16]).unwrap_err(),
        gpu.write(0, &[0.0; 17]).unwrap_err(),
        gpu.write(0, &[0.0; 15]).unwrap_err(),
        gpu.read_blocking(2).unwrap_err(),
        gpu.run(0..2, &[]).unwrap_err(),
        gpu.run(1..5, &[]).unwrap_err(),
        gpu.partials_blocking(0).unwrap_err(),
        cpu.write(2, &[0.0; 16]).unwrap_err(),
        cpu.read(2).unwrap_err(),
        cpu.run(0..2, &[]).unwrap_err(),
        sum_blocking(context(), &[1.0; 5], 2).unwrap_err(),
        sum_blocking(context(), &[1.0; 5], 0).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Config(_)), "{error:?}");
    }
}

/// A source fills a whole picture: where the plan has room for a part of one it would be written past the end.
#[test]
fn sources_and_pictures_that_do_not_fit_are_errors() {
    let size @ [width, height] = [32, 32];
    let bytes = vec![0; 3 * 4 * (width * height) as usize];
    let source =
        BufferSource::f32(&sources::buffer(context(), &bytes).unwrap(), BufferLayout::Planar, 32, 32);
    let load = |plan: Plan| executor(plan).load(&source.clone().into(), ToneMap::Clip, 0.0);
    load(only_pixels(1, Region::whole(32, 32), Normalization::NONE)).unwrap();
    let part = only_pixels(1, Region::part(size, [0, 0], [2, 2]), Normalization::NONE);
    assert!(matches!(load(part), Err(Error::Config(_))));
    let region = Region::whole(4, 4);
    assert!(matches!(load(one_step(1, Operation::Relu, (1, region), (1, region))), Err(Error::Config(_))));
    let other = only_pixels(1, Region::whole(8, 8), Normalization::NONE);
    assert!(matches!(load(other), Err(Error::Image(_))));

    let gpu = executor(only_pixels(1, Region::whole(8, 8), Normalization::NONE));
    let pixels = [0; 3 * 9 * 9];
    let [fits, larger] = [8, 9].map(|side| Image::rgb8(&pixels[..3 * side * side], side as u32, side as u32));
    assert!(matches!(gpu.run(0..1, &[larger]), Err(Error::Image(_))));
    assert!(
        matches!(gpu.run(0..1, &[fits; 3]), Err(Error::Image(_))),
        "a plan for one image has room for a pair"
    );
    gpu.run(0..1, &[fits; 2]).unwrap();
}
