//! Makes the default weights from their seed and from nothing else.

mod features;
mod filters;
mod generate;
mod lighting;
mod pictures;
mod random;
mod recipe;

use std::{env, error::Error, process::ExitCode};

use perceptual_loss::{
    Network,
    weights::{Convolution, Parameters, Precision},
};

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
    let path = arguments.next().ok_or("usage: default-weights FILE [SEED] [NETWORK]")?;
    let seed = arguments.next().map_or(Ok(recipe::SEED), |seed| seed.parse())?;
    let network = arguments.next().map_or(Ok(Network::Vgg19), |network| network.parse())?;
    let made = generate::generate(network, seed, |layer| eprintln!("{}", layer.name));
    let mut convolutions = vec![];
    for convolution in &made {
        let taps = convolution.filters.taps();
        let [outputs, inputs] = [convolution.bias.len(), convolution.filters.inputs];
        let weight = (0..outputs * inputs * 9)
            .map(|at| taps[at % 9][(at / 9 / inputs, at / 9 % inputs)] as f32)
            .collect();
        let bias = convolution.bias.iter().map(|&bias| bias as f32).collect();
        convolutions.push(Convolution::new(convolution.layer, weight, bias)?);
    }
    Parameters::new(convolutions, "default").write(path, Precision::F32)?;
    Ok(())
}
