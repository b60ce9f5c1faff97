//! Picture files: every format against another implementation's pixels, float values and their ranges, what is said of colours,
//! files that are damaged, and files that are no pictures.

mod build;
mod colours;
mod damage;
mod golden;
mod jpeg;
mod layers;
mod orientation;
mod refused;
mod strangers;
mod values;

use perceptual_loss_files::{Error, Picture, Reading, Source};

/// What the command's options of these names come to.
fn reading(options: &str) -> Reading {
    let mut reading = Reading::default();
    let words: Vec<_> = options.split_whitespace().collect();
    for pair in words.chunks(2) {
        match *pair {
            ["--max-decoded", value] => reading.max_decoded = value.parse().unwrap(),
            ["--transfer", value] => reading.transfer = value.parse().unwrap(),
            ["--exposure", value] => reading.exposure = value.parse().unwrap(),
            ["--tonemap", value] => reading.tone_map = Some(value.parse().unwrap()),
            ["--range", value] => reading.range = value.parse().unwrap(),
            ["--target-range", value] => reading.target_range = Some(value.parse().unwrap()),
            _ => panic!("no such option: {pair:?}"),
        }
    }
    reading
}

/// The picture in `bytes`, as a file of this name would be read with these options.
fn read(name: &str, bytes: &[u8], options: &str) -> Result<Picture, String> {
    Picture::open(&Source::of_bytes(name, bytes.to_vec()), &reading(options)).map_err(|error| {
        let message = error.to_string();
        assert!(matches!(error, Error::Picture { .. }), "{message}");
        assert!(message.starts_with(&format!("{name}: ")), "{message}");
        assert!(!message.contains('\n'), "{message}");
        message
    })
}
