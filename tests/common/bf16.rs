//! The CPU in bfloat16, which not every processor has instructions for.

use perceptual_loss::{Context, weights::Precision};

/// None, and the reason has been looked at, where this processor has no instructions for it.
pub fn open() -> Option<Context> {
    match Context::cpu().with_precision(Precision::Bf16) {
        Ok(context) => Some(context),
        Err(error) => {
            assert!(error.to_string().contains("no AVX512-BF16 instructions"), "{error}");
            println!("{error}");
            None
        }
    }
}
