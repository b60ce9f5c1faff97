//! Draws a picture and three distortions of it, to have something to compare:
//! `cargo run --release --example draw FOLDER`.

#[path = "../tests/common/scene.rs"]
mod scene;

use scene::{Distortion, Scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    std::fs::create_dir_all(&folder)?;
    let scene = Scene::new(256, 192, 1);
    for (name, picture) in [
        ("blurred.png", &scene.distort(Distortion::Blur, 0)),
        ("brighter.png", &scene.distort(Distortion::Bright, 0)),
        ("noisy.png", &scene.distort(Distortion::Noise, 1)),
        ("scene.png", &scene),
    ] {
        image::save_buffer(
            folder.join(name),
            &picture.rgb,
            picture.width,
            picture.height,
            image::ColorType::Rgb8,
        )?;
    }
    Ok(())
}
