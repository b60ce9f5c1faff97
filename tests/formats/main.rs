//! Picture files: every format against another implementation's pixels, float values and their ranges, and files that
//! are damaged. The command's own modules are compiled in, so that thousands of files are read without a process each.

#[path = "../../src/bin/perceptual-loss/byte_size.rs"]
mod byte_size;
#[path = "../../src/bin/perceptual-loss/failure.rs"]
#[allow(dead_code)] // No report fails here.
mod failure;
#[path = "../../src/bin/perceptual-loss/one_of.rs"]
mod one_of;
#[path = "../../src/bin/perceptual-loss/picture/mod.rs"]
#[allow(dead_code)] // Resizing and cropping are tested through the command.
mod picture;
#[path = "../../src/bin/perceptual-loss/say.rs"]
#[allow(dead_code)]
mod say;

mod damage;
mod golden;
mod values;

use clap::Parser;
use picture::{Picture, options::PictureOptions, source::Source};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    pictures: PictureOptions,
}

/// The picture in `bytes`, as a file of this name would be read with these options.
fn read(name: &str, bytes: &[u8], options: &str) -> Result<Picture, String> {
    let options = Options::parse_from(["formats"].into_iter().chain(options.split_whitespace()));
    Picture::open(&Source::held(name, bytes.to_vec()), &options.pictures).map_err(|failure| {
        assert_eq!(failure.code, 2, "{}", failure.message);
        assert!(failure.message.starts_with(&format!("{name}: ")), "{}", failure.message);
        assert!(!failure.message.contains('\n'), "{}", failure.message);
        failure.message
    })
}
