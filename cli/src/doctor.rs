//! `perceptual-loss doctor`: each kernel against its twin, on everything that computes here.

use std::fmt::Write as _;

use clap::Args;
use perceptual_loss::{
    Context, Error,
    cpu::processor,
    gpu::adapters_blocking,
    low_level::doctor::{Finding, examine},
};
use serde::Serialize;

use crate::{failure::Failure, json};

/// Check whether adapters and the CPU compute correctly: runs each kernel and compares the result with plain loops.
///
/// Software adapters are checked as well. For each kernel, the largest difference is printed beside what is allowed, both
/// relative to the magnitudes of the terms that were summed. The loss of two small pictures comes last; its difference is
/// relative to itself. Exit code 3 where anything is wrong.
#[derive(Args)]
pub struct Arguments {
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Checkup {
    trusted: bool,
    devices: Vec<Device>,
    version: &'static str,
}

/// An adapter or the CPU.
#[derive(Serialize)]
struct Device {
    name: String,
    /// None of the CPU's.
    driver: Option<String>,
    api: Option<&'static str>,
    trusted: bool,
    /// Why there are no findings, where it cannot be opened.
    error: Option<String>,
    kernels: Vec<Finding>,
}

/// What is to be printed; it is printed as well where something is wrong.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let mut devices: Vec<Device> = adapters_blocking()
        .iter()
        .map(|available| Device {
            driver: Some(available.adapter.driver.clone()),
            api: Some(available.adapter.api),
            ..Device::new(&available.adapter.name, examine(|| available.open_blocking()))
        })
        .collect();
    devices.push(Device::new(&format!("CPU {}", processor().name), examine(|| Ok(Context::cpu()))));
    report(devices, arguments.json)
}

fn report(devices: Vec<Device>, as_json: bool) -> Result<String, Failure> {
    let trusted = devices.iter().all(|device| device.trusted);
    let checkup = Checkup { trusted, devices, version: env!("CARGO_PKG_VERSION") };
    let output = if as_json {
        json::object(&checkup)? + "\n"
    } else {
        checkup.devices.iter().map(Device::table).collect::<Vec<_>>().join("\n")
    };
    if trusted {
        return Ok(output);
    }
    let wrong: Vec<_> = checkup.devices.iter().filter_map(Device::complaint).collect();
    Err(Failure::run(wrong.join("; ")).with_output(output))
}

impl Device {
    fn new(name: &str, examined: Result<Vec<Finding>, Error>) -> Self {
        let (kernels, error) = match examined {
            Ok(findings) => (findings, None),
            Err(error) => (vec![], Some(error.to_string())),
        };
        let trusted = error.is_none() && kernels.iter().all(Finding::is_good);
        Self { name: name.to_owned(), driver: None, api: None, trusted, error, kernels }
    }

    fn table(&self) -> String {
        let mut text = self.name.clone();
        if let (Some(driver), Some(api)) = (&self.driver, self.api) {
            let _ = write!(text, ", {driver}, {api}");
        }
        text.push('\n');
        for Finding { kernel, largest, allowed, fault, .. } in &self.kernels {
            let number = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") };
            let (largest, allowed) = (largest.map_or("no result".to_owned(), number), number(*allowed));
            let verdict = fault.as_ref().map_or("ok".to_owned(), |fault| format!("WRONG: {fault}"));
            let _ = writeln!(text, "  {kernel:25} {largest:>7} of {allowed:>6} allowed  {verdict}");
        }
        let verdict = match (&self.error, self.trusted) {
            (Some(error), _) => format!("It cannot be examined: {error}"),
            (None, true) => "It can be trusted.".to_owned(),
            (None, false) => "It cannot be trusted.".to_owned(),
        };
        let _ = writeln!(text, "  {verdict}");
        text
    }

    /// What is wrong with it, for the line on standard error.
    fn complaint(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("{} cannot be examined: {error}", self.name));
        }
        let wrong: Vec<_> = self.kernels.iter().filter(|finding| !finding.is_good()).collect();
        let names: Vec<_> = wrong.iter().map(|finding| finding.kernel.as_str()).collect();
        (!names.is_empty()).then(|| format!("wrong on {}: {}", self.name, names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_and_the_rest_is_reported_as_well() {
        let good = || examine(|| Ok(Context::cpu())).unwrap();
        let mut bad = good();
        let pool = bad.iter().position(|finding| finding.kernel == "max_pool").unwrap();
        bad[pool].fault = Some("element 1 is off".to_owned());
        let devices = || {
            vec![
                Device::new("A", Ok(good())),
                Device::new("B", Ok(bad.clone())),
                Device::new(
                    "C",
                    Err(Error::OutOfMemory { on_gpu: true, wanted: 1, what: "a test".to_owned() }),
                ),
            ]
        };
        let Failure { message, code, output } = report(devices(), false).unwrap_err();
        assert_eq!(code, 3);
        assert!(message.starts_with("wrong on B: max_pool; C cannot be examined: "), "{message}");
        assert_eq!(output.matches(" ok\n").count(), 2 * good().len() - 1, "{output}");
        assert!(output.contains("WRONG: element 1 is off"), "{output}");
        for verdict in ["It can be trusted.", "It cannot be trusted.", "It cannot be examined: "] {
            assert_eq!(output.matches(verdict).count(), 1, "{output}");
        }

        let json: serde_json::Value =
            serde_json::from_str(&report(devices(), true).unwrap_err().output).unwrap();
        let trusted: Vec<_> = (0..3).map(|i| json["devices"][i]["trusted"].as_bool()).collect();
        assert_eq!(trusted, [Some(true), Some(false), Some(false)]);
        assert_eq!(json["trusted"], false);
        assert_eq!(json["devices"][1]["kernels"][pool]["fault"], "element 1 is off");
        assert!(json["devices"][2]["error"].is_string());

        assert!(report(vec![Device::new("A", Ok(good()))], false).is_ok());
    }
}
