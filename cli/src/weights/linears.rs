//! Which of LPIPS's weights of channels a run takes.

use perceptual_loss::{Weights, weights::Linears};

use super::{
    cache::{self, Cache},
    published::Published,
};
use crate::failure::Failure;

/// Those of the file that the option --lin names, or those that were fetched: never any others.
pub fn chosen(option: Option<&str>) -> Result<Linears, Failure> {
    if let Some(path) = option {
        return Ok(Weights::open(path)?.load_linears()?);
    }
    let which = Published::LpipsVgg;
    let kept = Cache::find().map(|cache| cache.kept(which)).transpose();
    let kept = kept.map_err(|error| cache::unusable(which, error))?.flatten();
    let kept = kept.ok_or_else(|| {
        Failure::input(
            "lpips needs the weights of channels that were fitted for it; name the v0.1/vgg.pth of the package lpips with --lin, or \
             bring it with 'perceptual-loss weights fetch lpips-vgg'",
        )
    })?;
    kept.weights.load_linears().map_err(|error| cache::unusable(which, error))
}
