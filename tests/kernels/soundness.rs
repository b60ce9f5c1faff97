//! Shaders run without bounds checks, so that safe code must not get them to read or write beside their buffers. Each
//! way in that there was is tried: plans, weights, tensors and pictures that do not fit what they are used with. That a
//! plan's fields cannot be reached is shown in the documentation of `Builder`.

use perceptual_loss::{
    Config, Criterion, Error, Image, Normalization, ToneMap,
    gpu::{BufferLayout, BufferSource},
    low_level::{
        cpu::Executor as CpuExecutor,
        doctor::plans::Shape,
        gpu::{Executor, sources, sum_blocking},
        plan::{Builder, Maps, Operation, Plan, Region, Step},
    },
    network::Layer,
    weights::Convolution,
};

use crate::common::{context, convolution, one_step, only_pixels, parameters, plans};

/// What is said of a plan that is refused.
fn refused(builder: Builder) -> String {
    match builder.finish() {
        Err(Error::Config(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn conv(layer: Layer, maps: Maps, relu: bool) -> Operation {
    Operation::Conv3x3 { layer, maps, input_relu: false, relu }
}

fn pool(maps: Maps) -> Operation {
    Operation::MaxPool { maps, input_relu: true }
}

fn pixels(maps: Maps) -> Operation {
    Operation::Pixels { normalization: Normalization::NONE, maps }
}

/// A tensor as something that a step would count by wrongly: more or fewer images or channels, a picture of another
/// size.
fn others([images, channels]: [u32; 2], region: Region) -> Vec<Shape> {
    let [width, height] = region.extent;
    let mut others = vec![
        (images + 1, channels, region),
        (images, channels + 1, region),
        (images, channels - 1, region),
        (images, channels, Region::whole(width + 2, height)),
        (images, channels, Region::whole(width, height + 2)),
        (images, channels, Region::whole(width - 2, height)),
        (images, channels, Region::part([width + 1, height], [1, 0], [width, height])),
    ];
    // One target is that of all differences, and no other number of them is.
    others.extend((2..images).map(|images| (images, channels, region)));
    others
}

/// A tensor that lacks some of its positions.
fn lacking([images, channels]: [u32; 2], region: Region) -> Vec<Shape> {
    let [width, height] = region.extent;
    [([1, 0], [width - 1, height]), ([0, 1], [width, height - 1]), ([0, 0], [width - 1, height])]
        .map(|(origin, extent)| (images, channels, Region::part(region.whole, origin, extent)))
        .to_vec()
}

/// Every tensor of every form of every step must be what its step counts by.
#[test]
fn steps_whose_tensors_do_not_fit_are_not_made() {
    let (images, region, half) = (3, Region::whole(16, 12), Region::whole(8, 6));
    let layer = Layer::conv("conv", 0, 5, 7);
    let forms = [
        plans::convolutions(images, layer, [region; 2], 0).unwrap(),
        plans::pools(images, 5, [region, half], 0).unwrap(),
    ]
    .concat();
    let mut tried = 0;
    for plan in forms {
        let step = &plan.steps()[0];
        let operation = step.operation;
        let make = |shapes: &[Shape], reads: usize| {
            let (reads, writes) = shapes.split_at(reads);
            plans::one_step(operation, reads, writes, 0).map_err(|error| error.to_string())
        };
        let shapes: Vec<_> =
            (plan.tensors().iter()).map(|tensor| (tensor.images, tensor.channels, tensor.region)).collect();
        let reads = step.reads.len();
        make(&shapes, reads).unwrap();
        let mut refuse = |shapes: &[Shape], reads: usize| {
            tried += 1;
            let text = make(shapes, reads).unwrap_err();
            assert!(text.contains("do not fit"), "{operation:?}, {shapes:?}: {text}");
        };
        for (place, &(images, channels, region)) in shapes.iter().enumerate() {
            let mut wrong = others([images, channels], region);
            // A step's only output may be a part of what could be made.
            if place < reads || shapes.len() - reads > 1 {
                wrong.extend(lacking([images, channels], region));
            }
            for other in wrong {
                let mut shapes = shapes.clone();
                shapes[place] = other;
                refuse(&shapes, reads);
            }
            let mut fewer = shapes.clone();
            fewer.remove(place);
            refuse(&fewer, reads - usize::from(place < reads));
        }
        for place in [0, shapes.len()] {
            let mut more = shapes.clone();
            more.insert(place, shapes[place.min(shapes.len() - 1)]);
            refuse(&more, reads + usize::from(place == 0));
        }
    }
    assert!(tried > 300, "{tried} ways were tried");
}

/// An activation reads two tensors at the places of its output, which each must hold.
#[test]
fn activations_of_what_is_not_held_are_not_made() {
    let region = Region::part([20, 20], [4, 4], [8, 8]);
    let plan = |input: Shape, target: Shape| {
        let made = plans::one_step(Operation::Relu, &[input, target], &[(3, 5, region)], 0);
        made.map_err(|error| error.to_string())
    };
    let fits = (3, 5, region);
    plan(fits, fits).unwrap();
    plan(fits, (1, 5, Region::whole(20, 20))).unwrap();
    for lacking in [
        (2, 5, region),
        (4, 5, region),
        (3, 4, region),
        (3, 6, region),
        (3, 5, Region::part([20, 20], [5, 4], [8, 8])),
        (3, 5, Region::part([20, 20], [4, 4], [8, 7])),
        (3, 5, Region::part([21, 20], [4, 4], [8, 8])),
        (3, 5, Region::whole(8, 8)),
    ] {
        for (input, target) in [(lacking, fits), (fits, lacking)] {
            assert!(plan(input, target).unwrap_err().contains("do not fit"), "{input:?}, {target:?}");
        }
    }
    // One difference of one target is no difference of three images.
    assert!(plan((1, 5, region), fits).unwrap_err().contains("do not fit"));
}

#[test]
fn pixels_are_of_three_channels_and_of_one_place() {
    let region = Region::part([20, 20], [4, 4], [8, 8]);
    let plan = |maps: Maps, writes: &[Shape]| {
        plans::one_step(pixels(maps), &[], writes, 0).map_err(|error| error.to_string())
    };
    let fits = (2, 3, region);
    plan(Maps::Both, &[fits; 2]).unwrap();
    for wrong in [(2, 4, region), (2, 2, region), (3, 3, region), (2, 3, Region::whole(8, 8))] {
        for writes in [[wrong, fits], [fits, wrong]] {
            assert!(plan(Maps::Both, &writes).unwrap_err().contains("do not fit"), "{writes:?}");
        }
    }
    for maps in [Maps::Target, Maps::Difference] {
        plan(maps, &[fits]).unwrap();
        for writes in [&[(2, 4, region)][..], &[], &[fits; 2]] {
            assert!(plan(maps, writes).unwrap_err().contains("do not fit"), "{maps:?}, {writes:?}");
        }
    }
    for writes in [&[fits][..], &[fits; 3]] {
        assert!(plan(Maps::Both, writes).unwrap_err().contains("do not fit"));
    }
}

#[test]
fn plans_whose_tensors_do_not_fit_are_not_made() {
    let region = Region::whole(16, 16);
    // A layer that has other channels than the tensors.
    let mut builder = Builder::new();
    let from = builder.tensor("from", 1, 3, region);
    let to = builder.tensor("to", 1, 8, region);
    let layer = Layer::conv("conv", 0, 300, 8);
    builder.step(Step::new("conv", conv(layer, Maps::Target, false), [from], [to]));
    assert!(refused(builder).contains("do not fit"));
    // A difference of another tensor than the tap's, whose partial sums there would be no room for.
    let mut builder = Builder::new();
    let small = builder.tensor("small", 2, 1, Region::whole(1, 1));
    let large = builder.tensor("large", 2, 64, region);
    builder.tap("small", 1.0, Criterion::Mse, small);
    let operation = Operation::Difference { criterion: Criterion::Mse, tap: 0, input_relu: false };
    builder.step(Step::new("difference", operation, [large], []));
    assert!(refused(builder).contains("do not fit"));
    // A map of its terms that is larger than what is read, or of other images or channels.
    for (images, channels, of_map) in
        [(3, 3, region), (1, 3, region), (2, 4, region), (2, 3, Region::whole(16, 17))]
    {
        let mut builder = Builder::new();
        let from = builder.tensor("from", 2, 3, region);
        let map = builder.tensor("map", images, channels, of_map);
        builder.mapped_tap("from", 1.0, Criterion::Mse, from, map);
        assert!(refused(builder).contains("do not fit"));
    }
    // Two steps that read pictures, of which there would be room for the first one's.
    let mut builder = Builder::new();
    for region in [Region::part([64, 64], [0, 0], [2, 2]), Region::whole(64, 64)] {
        let to = builder.tensor("pixels", 1, 3, region);
        builder.step(Step::new("pixels", pixels(Maps::Difference), [], [to]));
    }
    assert!(refused(builder).contains("2 steps read pictures"));
    // A region that wraps around.
    let mut builder = Builder::new();
    let beyond = Region::part([u32::MAX, 4], [u32::MAX - 1, 0], [4, 4]);
    let from = builder.tensor("from", 1, 1, beyond);
    let to = builder.tensor("to", 1, 1, beyond);
    builder.step(Step::new("relu", Operation::Relu, [from, from], [to]));
    assert!(refused(builder).contains("beyond its picture"));
    // What is to be kept, and is not there.
    let mut builder = Builder::new();
    builder.tensor("one", 1, 1, region);
    builder.keep(1);
    assert!(refused(builder).contains("there is no tensor 1 to keep"));
}

/// A step that reads what it writes would race with itself: of both maps, too, in any place.
#[test]
fn steps_that_read_what_they_write_are_not_made() {
    let (whole, half) = (Region::whole(8, 8), Region::whole(4, 4));
    let layer = Layer::conv("conv", 0, 3, 3);
    for (operation, reads, writes) in [
        (conv(layer, Maps::Both, true), vec![0, 1], vec![0, 2]),
        (conv(layer, Maps::Both, true), vec![0, 1], vec![2, 1]),
        (conv(layer, Maps::Both, true), vec![0, 1], vec![2, 2]),
        (conv(layer, Maps::Difference, true), vec![0, 1], vec![1]),
        (Operation::Relu, vec![0, 1], vec![1]),
        (Operation::Relu, vec![0, 1], vec![0]),
        (pool(Maps::Both), vec![0, 1], vec![3, 3]),
        (pixels(Maps::Both), vec![], vec![0, 0]),
    ] {
        let mut builder = Builder::new();
        for region in [whole, whole, whole, half] {
            builder.tensor("tensor", 1, 3, region);
        }
        builder.step(Step::new("step", operation, reads, writes));
        let text = refused(builder);
        assert!(text.contains("is named twice"), "{operation:?}: {text}");
    }
}

/// A plan of one activation of one channel.
fn relu(region: Region) -> Plan {
    one_step(Operation::Relu, &[(1, 1, region); 2], &[(1, 1, region)])
}

#[test]
fn a_checked_plan_cannot_be_changed() {
    let plan = relu(Region::whole(4, 4));
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

    for plan in plans::convolutions(1, wanted, [region; 2], 0).unwrap() {
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
}

fn executor(plan: Plan) -> Executor {
    Executor::new(context(), plan, parameters(vec![])).unwrap()
}

#[test]
fn tensors_steps_and_taps_that_there_are_not_are_errors() {
    let plan = relu(Region::whole(4, 4));
    let gpu = executor(plan.clone());
    let mut cpu = CpuExecutor::fast(plan, &parameters(vec![])).unwrap();
    let errors = [
        gpu.write(3, &[0.0; 16]).unwrap_err(),
        gpu.write(0, &[0.0; 17]).unwrap_err(),
        gpu.write(0, &[0.0; 15]).unwrap_err(),
        gpu.read_blocking(3).unwrap_err(),
        gpu.run(0..2, &[]).unwrap_err(),
        gpu.run(1..5, &[]).unwrap_err(),
        gpu.partials_blocking(0).unwrap_err(),
        cpu.write(3, &[0.0; 16]).unwrap_err(),
        cpu.read(3).unwrap_err(),
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
    assert!(matches!(load(relu(Region::whole(4, 4))), Err(Error::Config(_))));
    let other = only_pixels(1, Region::whole(8, 8), Normalization::NONE);
    assert!(matches!(load(other), Err(Error::Image(_))));
}

/// A step that reads pictures says how many: one an image, or pairs.
#[test]
fn pictures_of_another_size_or_number_are_errors() {
    let pixels = [0; 3 * 9 * 9];
    let [fits, larger] = [8, 9].map(|side| Image::rgb8(&pixels[..3 * side * side], side as u32, side as u32));
    for (maps, wanted) in [(Maps::Target, 2), (Maps::Difference, 4), (Maps::Both, 4)] {
        let plan = plans::pixels(2, Region::whole(8, 8), Normalization::NONE, maps).unwrap();
        let gpu = executor(plan.clone());
        let mut cpu = CpuExecutor::fast(plan, &parameters(vec![])).unwrap();
        let mut run = |pictures: &[Image<'_>]| [gpu.run(0..1, pictures), cpu.run(0..1, pictures)];
        let mut one_is_larger = vec![fits; wanted];
        one_is_larger[wanted - 1] = larger;
        for pictures in [vec![fits; wanted + 1], vec![larger; wanted], one_is_larger] {
            for result in run(&pictures) {
                assert!(matches!(result, Err(Error::Image(_))), "{maps:?}, {}: {result:?}", pictures.len());
            }
        }
        for result in run(&vec![fits; wanted]) {
            result.unwrap();
        }
    }
}

/// A target's maps that are given to its candidates have their number of values, and no more.
#[test]
fn a_target_of_another_size_is_an_error() {
    let config = Config::default();
    let plan = Plan::candidates(&config, 16, 16, 2).unwrap();
    let weights = perceptual_loss::Weights::seeded(0).load(config.network, 24).unwrap();
    let parameters = std::sync::Arc::new(weights);
    let gpu = Executor::new(context(), plan.clone(), parameters.clone()).unwrap();
    let mut cpu = CpuExecutor::fast(plan.clone(), &parameters).unwrap();
    for &id in plan.kept() {
        let elements = plan.tensors()[id].elements() as usize;
        for wrong in [elements - 1, elements + 1, 2 * elements] {
            let values = vec![0.0; wrong];
            for result in [gpu.write(id, &values), cpu.write(id, &values)] {
                assert!(matches!(result, Err(Error::Config(_))), "{wrong} values: {result:?}");
            }
        }
    }
}
