//! candle on the CPU, as its users call it.

use candle_core::{Device, Tensor};
use peers::{LAYERS, Layer, Result, Work};

fn main() -> Result<()> {
    let work = Work::from_arguments()?;
    let cpu = Device::Cpu;
    let weights = work.weights()?;
    let find = |name: String| -> Result<Tensor> {
        let (shape, values) = weights.get(&name).ok_or(name)?;
        Ok(Tensor::from_slice(values, shape.as_slice(), &cpu)?)
    };
    let mut layers = vec![];
    for layer in LAYERS {
        layers.push(match layer {
            Layer::Conv(index, tap) => {
                let bias = find(format!("features.{index}.bias"))?;
                let bias = bias.reshape((1, bias.elem_count(), 1, 1))?;
                Some((find(format!("features.{index}.weight"))?, bias, tap))
            }
            Layer::Pool => None,
        });
    }
    let pair = Tensor::from_slice(&work.pixels, (2, 3, work.height, work.width), &cpu)?;
    work.time("candle-core 0.11.1", || {
        let (mut x, mut loss) = (pair.clone(), 0.0);
        for layer in &layers {
            let Some((weight, bias, tap)) = layer else {
                x = x.max_pool2d(2)?;
                continue;
            };
            x = x.conv2d(weight, 1, 1, 1, 1)?.broadcast_add(bias)?.relu()?;
            if *tap > 0.0 {
                let difference = (x.get(0)? - x.get(1)?)?;
                loss += tap * f64::from(difference.sqr()?.mean_all()?.to_scalar::<f32>()?);
            }
        }
        Ok(loss)
    })
}
