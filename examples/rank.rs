//! Ranks candidates against one target, whose features are computed once:
//! `cargo run --release --example rank TARGET CANDIDATE...`.

use perceptual_loss::{Context, Model, Preset, Weights};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let (target, candidates) = files.split_first().ok_or("name a target and its candidates")?;
    let picture = image::open(target)?.into_rgb8();
    let model = Model::new(&Context::auto_blocking()?, &Preset::Vgg19.config(), &Weights::default())?;
    let mut session = model.session(picture.width(), picture.height())?;
    let target = session.target(&picture)?;
    let mut ranking = vec![];
    for file in candidates {
        let candidate = image::open(file)?.into_rgb8();
        ranking.push((session.compare_one_to_blocking(&target, &candidate)?.total, file));
    }
    ranking.sort_by(|a, b| a.0.total_cmp(&b.0));
    ranking.iter().for_each(|(loss, file)| println!("{loss:.6} {file}"));
    Ok(())
}
