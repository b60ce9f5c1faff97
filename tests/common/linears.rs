//! LPIPS's weights of channels.

use perceptual_loss::{Weights, weights::Linears};

/// Those that golden losses by LPIPS have.
pub fn linears() -> Linears {
    let saved = include_bytes!("../golden/pytorch/lpips-old.pth");
    Weights::from_bytes(&saved[..], "lpips").unwrap().load_linears().unwrap()
}
