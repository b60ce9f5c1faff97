//! Makes the default weights from their seed and from nothing else.

mod features;
mod filters;
mod generate;
mod lighting;
mod pictures;
mod random;
mod recipe;
mod stored;

use std::{env, error::Error, fs, process::ExitCode};

use perceptual_loss::Network;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("usage: default-weights FILE [SEED]")?;
    let seed = arguments.next().map_or(Ok(recipe::SEED), |seed| seed.parse())?;
    let networks = [Network::Vgg19, Network::Vgg16].map(|network| {
        (network, generate::generate(network, seed, |layer| eprintln!("{network} {}", layer.name)))
    });
    fs::write(&path, stored::encode(&networks)?).map_err(|error| format!("{path}: {error}"))?;
    Ok(())
}
