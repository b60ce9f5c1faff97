//! What the peers share: VGG19 to relu4_2 as a table, its weights, a pair's pixels, and the line that each prints.

use std::{collections::HashMap, env, error::Error, fs, time::Instant};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A layer of VGG19's `features`, up to relu4_2. Every convolution is followed by a ReLU.
#[derive(Clone, Copy)]
pub enum Layer {
    /// The convolution's index, and the weight of the tap after its ReLU (0 where there is none).
    Conv(usize, f64),
    Pool,
}

pub const LAYERS: [Layer; 13] = {
    use Layer::{Conv, Pool};
    [
        Conv(0, 0.0),
        Conv(2, 1.0),
        Pool,
        Conv(5, 0.0),
        Conv(7, 0.75),
        Pool,
        Conv(10, 0.0),
        Conv(12, 0.0),
        Conv(14, 0.5),
        Conv(16, 0.0),
        Pool,
        Conv(19, 0.0),
        Conv(21, 0.25),
    ]
};

pub struct Work {
    arguments: HashMap<String, String>,
    pub height: usize,
    pub width: usize,
    /// Two pictures, planar, normalised.
    pub pixels: Vec<f32>,
}

impl Work {
    /// Reads `--pixels FILE --width W --height H --runs N` and whatever else a peer asks for.
    pub fn from_arguments() -> Result<Self> {
        let mut arguments = HashMap::new();
        let mut given = env::args().skip(1);
        while let Some(name) = given.next() {
            let value = given.next().ok_or_else(|| format!("{name} has no value"))?;
            arguments.insert(name.trim_start_matches('-').to_owned(), value);
        }
        let mut work = Self { arguments, height: 0, width: 0, pixels: vec![] };
        (work.height, work.width) = (work.argument("height")?.parse()?, work.argument("width")?.parse()?);
        let bytes = fs::read(work.argument("pixels")?)?;
        work.pixels = bytes.as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
        match work.pixels.len() == 2 * 3 * work.height * work.width {
            true => Ok(work),
            false => Err("the pixels are not a pair of this size".into()),
        }
    }

    pub fn argument(&self, name: &str) -> Result<&str> {
        Ok(self.arguments.get(name).ok_or_else(|| format!("--{name} is missing"))?)
    }

    /// Shape and values of `features.INDEX.weight` and `.bias`, for every convolution.
    pub fn weights(&self) -> Result<HashMap<String, (Vec<usize>, Vec<f32>)>> {
        let bytes = fs::read(self.argument("weights")?)?;
        let file = safetensors::SafeTensors::deserialize(&bytes)?;
        let tensors = file.tensors().into_iter().map(|(name, tensor)| {
            let values = tensor.data().as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
            (name, (tensor.shape().to_vec(), values))
        });
        Ok(tensors.collect())
    }

    /// Runs once to warm up, then as often as asked, and prints the loss and the times as a line of JSON.
    pub fn time(&self, version: &str, mut run: impl FnMut() -> Result<f64>) -> Result<()> {
        let loss = run()?;
        let times = (0..self.argument("runs")?.parse()?)
            .map(|_| {
                let start = Instant::now();
                run()?;
                Ok(start.elapsed().as_secs_f64())
            })
            .collect::<Result<Vec<f64>>>()?;
        let line = serde_json::json!({"loss": loss, "times": times, "peak_bytes": peak_bytes()?, "version": version});
        println!("{line}");
        Ok(())
    }
}

/// The most memory that this process has had resident.
fn peak_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the system tells no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
