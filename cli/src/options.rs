//! Options that commands share: which loss, and what computes it.

use std::env::{self, VarError};

use clap::{Args, ValueEnum, ValueHint, builder::NonEmptyStringValueParser};
use perceptual_loss::{
    Config, Context, Criterion, Model, ModelOptions, Normalization, Preset, Tap, Tuning, Weights,
    low_level::shown,
    weights::{Linears, Precision},
};
use perceptual_loss_files::ByteSize;

use crate::{
    failure::Failure,
    one_of::OneOf,
    say,
    weights::{choice::Chosen, linears},
};

/// Which loss, with which weights.
#[derive(Args)]
pub struct LossOptions {
    /// A file with torchvision's VGG, default for the weights that ship, or seeded:N for random ones. Where it is left
    /// out: what the environment variable PERCEPTUAL_LOSS_WEIGHTS names so, what 'weights fetch' has brought, or default.
    #[arg(long, value_name = "FILE|default|seeded:N", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::FilePath)]
    weights: Option<String>,

    /// The loss.
    #[arg(long, default_value_t, value_parser = OneOf(Preset::ALL.to_vec()))]
    preset: Preset,

    /// Layers and their weights, instead of the preset's: relu1_2=1.0,conv3_4=0.5. A layer may have a criterion of its own
    /// behind a colon: conv3_4=0.5:mae
    #[arg(long, value_name = "LAYER=WEIGHT,...")]
    taps: Option<String>,

    /// What is averaged, instead of the preset's: squared differences (mse), absolute ones (mae), smooth-l1:BETA,
    /// charbonnier:EPS, LPIPS's distance (lpips), or squared differences of Gram matrices (gram). Where no parameter is given,
    /// smooth-l1:1 and charbonnier:0.001.
    #[arg(long, value_name = "NAME[:PARAMETER]")]
    criterion: Option<Criterion>,

    /// LPIPS's weights of channels, which the criterion lpips needs: the v0.1/vgg.pth of the package lpips, or what was converted
    /// of it. Where it is left out: what 'weights fetch lpips-vgg' has brought.
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::FilePath)]
    lin: Option<String>,

    /// none, imagenet, signed, caffe, or mean=R/G/B,std=R/G/B,scale=S,order=rgb, instead of the preset's.
    #[arg(long)]
    norm: Option<Normalization>,
}

/// What computes.
#[derive(Args)]
pub struct DeviceOptions {
    /// What computes.
    #[arg(long, default_value = "auto")]
    backend: Backend,

    /// Threads on the CPU; as many as there are cores by default. Results are the same on any number.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// What convolutions multiply: bf16, on processors with instructions for it, has 8 significant bits where f32 has 24. Sums
    /// are f32 either way.
    #[arg(long, default_value_t = Precision::F32, value_parser = OneOf(vec![Precision::F32, Precision::Bf16]))]
    precision: Precision,

    /// The memory that feature maps and scratch may take: pictures for which that is not enough go through in parts, with
    /// the same loss. 1GiB by default; pictures and weights are not counted.
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,

    /// The GPU adapter, by its number in `perceptual-loss devices` or words of its name, driver or API; the best by default.
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// How the GPU computes convolutions; blocked by default.
    #[arg(long, value_name = "NAME", value_parser = OneOf(Tuning::all()))]
    tuning: Option<Tuning>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// A hardware GPU if there is one, else the CPU; an option that only one of them has chooses that one.
    Auto,
    /// The best GPU adapter there is, a software one included.
    Gpu,
    /// The CPU.
    Cpu,
    /// The CPU by the kernels' twins: slow, plain loops that the others are checked against.
    Twin,
}

impl LossOptions {
    /// The loss.
    pub fn config(&self) -> Result<Config, Failure> {
        let mut config = self.preset.config();
        if let Some(taps) = &self.taps {
            let of_preset = config.criterion().unwrap_or(Criterion::Mse);
            config.taps = Tap::parse_list(taps, self.criterion.unwrap_or(of_preset))?;
        } else if let Some(criterion) = self.criterion {
            config = config.with_criterion(criterion);
        }
        config.normalization = self.norm.unwrap_or(config.normalization);
        config.validate()?;
        Ok(config)
    }

    /// Its LPIPS's weights of channels, where it has any.
    pub fn linears(&self, config: &Config) -> Result<Option<Linears>, Failure> {
        config.uses_linears().then(|| linears::chosen(self.lin.as_deref())).transpose()
    }

    /// Its weights.
    pub fn weights(&self) -> Result<Chosen, Failure> {
        Chosen::new(self.weights.as_deref(), self.preset.config().network)
    }
}

impl DeviceOptions {
    /// The model of this loss, on the device that was asked for.
    pub fn model(
        &self,
        config: &Config,
        weights: &Weights,
        linears: Option<&Linears>,
    ) -> Result<Model, Failure> {
        let mut options = ModelOptions::default().precision(self.precision);
        if let Some(linears) = linears {
            options = options.linears(linears.clone());
        }
        if let Some(ByteSize(bytes)) = self.memory {
            options = options.memory(bytes);
        }
        if let Some(tuning) = self.tuning {
            options = options.tunings(tuning);
        }
        Ok(Model::with_options(&self.context()?, config, weights, &options)?)
    }

    fn context(&self) -> Result<Context, Failure> {
        let of_gpu = self.adapter.as_ref().map(|_| "--adapter").or(self.tuning.map(|_| "--tuning"));
        let of_cpu = match self.precision {
            Precision::F32 => self.threads.map(|_| "--threads"),
            _ => Some("--precision bf16"),
        };
        match (self.backend, of_gpu, of_cpu) {
            (Backend::Auto, Some(gpu), Some(cpu)) => Err(Failure::input(format!(
                "{gpu} is for the GPU and {cpu} is for the CPU; leave one of them out"
            ))),
            (Backend::Gpu, _, Some(option)) => {
                Err(Failure::input(format!("{option} is for the CPU; leave it out with --backend gpu")))
            }
            (Backend::Cpu | Backend::Twin, Some(option), _) => {
                Err(Failure::input(format!("{option} is for the GPU; leave it out on the CPU")))
            }
            (Backend::Gpu, ..) | (Backend::Auto, Some(_), _) => self.gpu(),
            (Backend::Cpu, ..) | (Backend::Auto, _, Some(_)) => self.cpu(Context::cpu()),
            (Backend::Twin, ..) => self.cpu(Context::twin()),
            (Backend::Auto, None, None) => Ok(Context::auto_blocking()?),
        }
    }

    fn gpu(&self) -> Result<Context, Failure> {
        let context = match &self.adapter {
            Some(name) => Context::gpu_named_blocking(name)?,
            None => Context::gpu_blocking()?,
        };
        if let Some(adapter) = context.adapter().filter(|adapter| adapter.software) {
            say::warning(&format!("the adapter '{}' is a software one: the CPU does the work", adapter.name));
        }
        Ok(context)
    }

    fn cpu(&self, context: Context) -> Result<Context, Failure> {
        match self.threads {
            Some(threads) => Ok(context.on_threads(threads)?),
            None => Ok(context),
        }
    }
}

/// An environment variable that is set, and not to nothing.
pub fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => Err(Failure::input(format!(
            "{name} is no text: {}; set it to UTF-8",
            shown::name(value.as_ref())
        ))),
    }
}
