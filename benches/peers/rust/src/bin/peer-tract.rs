//! tract on the CPU, from the ONNX file of `--model`, whose outputs are the taps.

use peers::{Result, TAPS, Work};
use tract_onnx::prelude::*;

fn main() -> Result<()> {
    let work = Work::from_arguments()?;
    let model = tract_onnx::onnx()
        .model_for_path(work.argument("model")?)?
        .into_optimized()?
        .into_runnable()?;
    let pair = Tensor::from_shape(&[2, 3, work.height, work.width], &work.pixels)?;
    work.time("tract-onnx 0.23.9", || {
        let features = model.run(tvec!(pair.clone().into()))?;
        let mut loss = 0.0;
        for (tap, features) in TAPS.iter().zip(&features) {
            let values = features.to_plain_array_view::<f32>()?;
            let values = values.as_slice().ok_or("the features are not in one piece")?;
            let (a, b) = values.split_at(values.len() / 2);
            let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            loss += tap * sum / a.len() as f64;
        }
        Ok(loss)
    })
}
