//! burn on a backend of `--device`: `ndarray`, `flex` (what its authors put in that one's place) or `wgpu`; with `--gradient yes` the loss
//! and its gradient against a target whose features are kept.

use burn::tensor::{
    Device, DeviceKind, Tensor, TensorData,
    activation::relu,
    module::{conv2d, max_pool2d},
    ops::{ConvOptions, MaxPoolOptions},
};
use peers::{LAYERS, Layer, Result, Work};

fn main() -> Result<()> {
    let work = Work::from_arguments()?;
    let device = match work.argument("device")? {
        #[allow(deprecated)] // still what many run
        "ndarray" => Device::ndarray(),
        "flex" => Device::flex(),
        "wgpu" => Device::vulkan(DeviceKind::DefaultDevice),
        other => return Err(format!("there is no device {other}").into()),
    };
    let weights = work.weights()?;
    let find = |name: String| weights.get(&name).cloned().ok_or(name);
    let mut layers = vec![];
    for layer in LAYERS {
        layers.push(match layer {
            Layer::Conv(index, tap) => {
                let (shape, values) = find(format!("features.{index}.weight"))?;
                let weight = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
                let (shape, values) = find(format!("features.{index}.bias"))?;
                let bias = Tensor::<1>::from_data(TensorData::new(values, shape), &device);
                Some((weight, bias, tap))
            }
            Layer::Pool => None,
        });
    }
    let shape = vec![2, 3, work.height, work.width];
    let pair = Tensor::<4>::from_data(TensorData::new(work.pixels.clone(), shape), &device);
    let [generated, target] = [0, 1].map(|picture| pair.clone().narrow(0, picture, 1));
    if work.argument("gradient").is_ok() {
        // Against a target whose features are kept, as in a training loop.
        let kept = features(target, &layers);
        let layers: Vec<_> = layers.iter().map(autodiff).collect();
        return work.time("burn 0.22", || {
            let picture = Tensor::from_inner(generated.clone()).require_grad();
            let taps = features(picture.clone(), &layers).into_iter().zip(kept.iter().cloned());
            let total = taps.map(|((tap, x), (_, y))| (x - Tensor::from_inner(y)).square().mean() * tap);
            let total = total.reduce(|sum, loss| sum + loss).ok_or("no tap")?;
            let gradient = picture.grad(&total.backward()).ok_or("no gradient")?;
            // One read of each at the end, which wait for all of it.
            gradient.sum().into_scalar::<f32>();
            Ok(f64::from(total.into_scalar::<f32>()))
        });
    }
    work.time("burn 0.22", || {
        let taps = features(pair.clone(), &layers).into_iter().map(|(tap, x)| {
            let difference = x.clone().narrow(0, 0, 1) - x.narrow(0, 1, 1);
            difference.square().mean() * tap
        });
        let total = taps.reduce(|sum, loss| sum + loss);
        // One read at the end, which waits for all of it.
        Ok(f64::from(total.ok_or("no tap")?.into_scalar::<f32>()))
    })
}

/// A convolution's weights, its bias, and its tap's weight; or none of a pooling.
type Step = Option<(Tensor<4>, Tensor<1>, f64)>;

/// Each tap's weight and its features.
fn features(mut x: Tensor<4>, layers: &[Step]) -> Vec<(f64, Tensor<4>)> {
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let mut taps = vec![];
    for layer in layers {
        let Some((weight, bias, tap)) = layer else {
            x = max_pool2d(x, MaxPoolOptions::new([2, 2]));
            continue;
        };
        x = relu(conv2d(x, weight.clone(), Some(bias.clone()), options.clone()));
        if *tap > 0.0 {
            taps.push((*tap, x.clone()));
        }
    }
    taps
}

/// The same, frozen, in a network whose gradient is asked for.
fn autodiff(step: &Step) -> Step {
    let (weight, bias, tap) = step.clone()?;
    Some((Tensor::from_inner(weight), Tensor::from_inner(bias), tap))
}
