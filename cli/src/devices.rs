//! `perceptual-loss devices`: what there is to compute on, and what would be taken.

use std::fmt::Write as _;

use clap::Args;
use perceptual_loss::{
    Backend, Error, Preset, Tunings,
    cpu::{Processor, processor},
    gpu::{AvailableAdapter, adapters_blocking},
};
use serde::Serialize;

use crate::{failure::Failure, json};

/// List the GPU adapters and the CPU: drivers, limits, and which one --backend auto takes.
///
/// --adapter takes an adapter's number in this list, or words from its line.
#[derive(Args)]
pub struct Arguments {
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Devices {
    adapters: Vec<Listed>,
    cpu: Processor,
    auto: Auto,
    version: &'static str,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    adapter: AvailableAdapter,
    /// The side of the largest square picture whose default loss its limits allow.
    largest_square: Option<u32>,
}

/// What `--backend auto` takes.
#[derive(Serialize)]
struct Auto {
    backend: Backend,
    /// Its number, where it is an adapter.
    adapter: Option<usize>,
    reason: String,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let config = Preset::default().config();
    let adapters: Vec<Listed> = adapters_blocking()
        .into_iter()
        .map(|adapter| Listed {
            largest_square: adapter.capabilities.largest_square(&config, &Tunings::default()),
            adapter,
        })
        .collect();
    let devices =
        Devices { auto: auto(&adapters), adapters, cpu: processor(), version: env!("CARGO_PKG_VERSION") };
    if arguments.json {
        return Ok(json::object(&devices)? + "\n");
    }
    Ok(table(&devices))
}

/// As [`perceptual_loss::Context::auto`] chooses: the first of the list, unless it is a software one.
fn auto(adapters: &[Listed]) -> Auto {
    let on_cpu = |reason: String| Auto { backend: Backend::Cpu, adapter: None, reason };
    match adapters.first().map(|first| &first.adapter.adapter) {
        Some(best) if !best.software => {
            let others = if adapters.len() > 1 { "the first of the hardware GPUs" } else { "a hardware GPU" };
            Auto { backend: Backend::Gpu, adapter: Some(0), reason: format!("{}, {others}", best.name) }
        }
        Some(_) => on_cpu("every adapter is a software one, which is slower than the CPU itself".to_owned()),
        None => on_cpu("there is no GPU adapter".to_owned()),
    }
}

fn table(Devices { adapters, cpu, auto, .. }: &Devices) -> String {
    let mut text = String::new();
    if adapters.is_empty() {
        // Says how to get one.
        let _ = writeln!(text, "{}\n", Error::NoAdapter);
    }
    for (number, Listed { adapter, largest_square }) in adapters.iter().enumerate() {
        let has = |has: bool| if has { "yes" } else { "no" };
        let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
        let (limits, which) = (&adapter.capabilities, &adapter.adapter);
        let subgroups = match limits.subgroup_sizes {
            Some([least, most]) if least == most => least.to_string(),
            Some([least, most]) => format!("{least} to {most}"),
            None => "no".to_owned(),
        };
        let lines = [
            ("driver", format!("{}, {}", which.driver, which.api)),
            ("type", which.kind.to_string()),
            ("PCI bus", which.pci_bus.clone().unwrap_or_default()),
            ("largest picture", largest_square.map_or("none".to_owned(), |side| format!("{side}x{side}"))),
            ("storage binding", mebibytes(limits.max_binding)),
            ("buffer", mebibytes(limits.max_buffer)),
            (
                "workgroup",
                format!("{} threads, {} KiB shared", limits.workgroup_threads, limits.workgroup_memory >> 10),
            ),
            ("workgroups", format!("{} along a dimension", limits.max_workgroups)),
            ("subgroups", subgroups),
            ("half precision", has(limits.f16).to_owned()),
            ("timestamps", has(adapter.timestamps).to_owned()),
        ];
        let _ = writeln!(text, "{number}  {}", which.name);
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "   {name:16} {value}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "CPU  {}, {} threads, {}", cpu.name, cpu.threads, cpu.instructions);
    let _ =
        writeln!(text, "--backend auto takes the {}: {}", auto.backend.name().to_uppercase(), auto.reason);
    text
}
