//! Compares two picture files and prints the total and each layer:
//! `cargo run --release --example compare_files GENERATED TARGET [WEIGHTS]`.

use perceptual_loss::{Config, Context, Model, Weights};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut open =
        || Ok::<_, Box<dyn std::error::Error>>(image::open(arguments.next().ok_or("two pictures")?)?);
    let (generated, target) = (open()?.into_rgb8(), open()?.into_rgb8());
    let weights = arguments.next().map_or(Ok(Weights::default()), Weights::open)?;
    let model = Model::new(&Context::auto_blocking()?, &Config::default(), &weights)?;
    let report = model.session(target.width(), target.height())?.compare_blocking(&generated, &target)?;
    println!("total {}", report.total);
    for layer in &report.layers {
        println!("{} {}", layer.name, layer.loss);
    }
    Ok(())
}
