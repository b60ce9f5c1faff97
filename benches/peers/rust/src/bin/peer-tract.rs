//! tract on the CPU, from the ONNX file of `--model`, whose output is the loss.

use peers::{Result, Work};
use tract_onnx::prelude::*;

fn main() -> Result<()> {
    let work = Work::from_arguments()?;
    let model =
        tract_onnx::onnx().model_for_path(work.argument("model")?)?.into_optimized()?.into_runnable()?;
    let pair = Tensor::from_shape(&[2, 3, work.height, work.width], &work.pixels)?;
    work.time("tract-onnx 0.23.9", || {
        let outputs = model.run(tvec!(pair.clone().into()))?;
        Ok(f64::from(outputs[0].cast_to_scalar::<f32>()?))
    })
}
