//! The CPU in bfloat16, which not every processor has instructions for.

use perceptual_loss::{Config, Context, Model, ModelOptions, Weights, weights::Precision};

/// The options that ask the CPU for bfloat16. None, and the reason has been looked at, where this processor has no
/// instructions for it.
pub fn options() -> Option<ModelOptions> {
    let options = ModelOptions::default().precision(Precision::Bf16);
    let mut config = Config::default();
    config.taps.truncate(1);
    match Model::with_options(&Context::cpu(), &config, &Weights::seeded(0), &options) {
        Ok(_) => Some(options),
        Err(error) => {
            assert!(error.to_string().contains("no AVX512-BF16 instructions"), "{error}");
            println!("{error}");
            None
        }
    }
}
