//! burn on a backend of `--device`: `ndarray`, `flex` (what its authors put in that one's place) or `wgpu`.

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
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    work.time("burn 0.22", || {
        let (mut x, mut total) = (pair.clone(), None);
        for layer in &layers {
            let Some((weight, bias, tap)) = layer else {
                x = max_pool2d(x, MaxPoolOptions::new([2, 2]));
                continue;
            };
            x = relu(conv2d(x, weight.clone(), Some(bias.clone()), options.clone()));
            if *tap > 0.0 {
                let difference = x.clone().narrow(0, 0, 1) - x.clone().narrow(0, 1, 1);
                let loss = difference.square().mean() * *tap;
                total = Some(total.map_or(loss.clone(), |total| total + loss));
            }
        }
        // One read at the end, which waits for all of it.
        Ok(f64::from(total.ok_or("no tap")?.into_scalar::<f32>()))
    })
}
