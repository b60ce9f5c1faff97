//! The measurement for people.

use std::fmt::Write as _;

use perceptual_loss::Clock;

use super::measure::{Measurement, Step, Whole};

pub fn table(measurement: &Measurement) -> String {
    let Measurement { width, height, batch, whole, peak, .. } = measurement;
    let what = match (measurement.cached_target, *batch) {
        (true, 1) => "a candidate against a kept target".to_owned(),
        (true, batch) => format!("{batch} candidates against a kept target"),
        (false, 1) => "a pair".to_owned(),
        (false, batch) => format!("{batch} pairs"),
    };
    let what = if measurement.gradient { format!("{what}, and its gradient,") } else { what };
    let device = match (&measurement.adapter, &measurement.driver, measurement.threads) {
        (Some(adapter), Some(driver), _) => format!("{adapter} ({driver})"),
        (_, _, Some(1)) => format!("{}, 1 thread", measurement.cpu),
        (_, _, Some(threads)) => format!("{}, {threads} threads", measurement.cpu),
        _ => measurement.cpu.clone(),
    };
    let mut text = format!(
        "{what} of {width}x{height}, {}, weights {}, {}\n{} on {device}\n\n",
        measurement.preset.unwrap_or(measurement.network),
        measurement.weights,
        measurement.precision,
        measurement.backend,
    );
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{:<20} {:<16} {:>9} {:>6} {:>8} {:>7} {:>8} {:>7}",
        "step", "kernel", "ms", "share", "GFLOP/s", "of peak", "GB/s", "of peak"
    );
    let share = |seconds: f64| 100.0 * seconds / whole.median_s;
    for step in &measurement.steps {
        let Step { name, kernel, tuning, median_s, gflops, bytes, .. } = step;
        let kernel = tuning.map_or((*kernel).to_owned(), |tuning| format!("{kernel}.{tuning}"));
        let bandwidth = if *median_s > 0.0 { *bytes as f64 / median_s } else { 0.0 };
        let _ = writeln!(
            text,
            "{name:<20} {kernel:<16} {:>9.3} {:>5.1}% {gflops:>8.1} {:>6.1}% {:>8.2} {:>6.1}%",
            median_s * 1e3,
            share(*median_s),
            100.0 * gflops / peak.gflops,
            bandwidth / 1e9,
            100.0 * bandwidth / peak.bytes_per_s,
        );
    }
    let flops = measurement.steps.iter().map(|step| step.flops).sum::<u64>() as f64;
    let gflops = flops / whole.median_s / 1e9;
    let between = measurement.between_steps();
    let _ = writeln!(text, "{:<37} {:>9.3} {:>5.1}%", "between steps", between * 1e3, share(between));
    let _ = writeln!(
        text,
        "{:<37} {:>9.3} {:>5.1}% {gflops:>8.1} {:>6.1}%\n",
        "whole",
        whole.median_s * 1e3,
        100.0,
        100.0 * gflops / peak.gflops
    );
    let Whole { first_s, compile_s, median_s, min_s, runs, peak_bytes } = whole;
    let compiling = compile_s.map_or(String::new(), |s| format!(", of which {s:.3} s compiling shaders"));
    let _ = writeln!(text, "first run   {first_s:.3} s{compiling}");
    let runs = if *runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    let _ = writeln!(text, "then        {median_s:.4} s median, {min_s:.4} s least, {runs}");
    if let Some(bytes) = peak_bytes {
        let _ = writeln!(text, "memory      {:.0} MiB resident at most", *bytes as f64 / f64::from(1 << 20));
    }
    let _ = writeln!(
        text,
        "at best     {:.1} GFLOP/s (multiply-adds alone), {:.1} GB/s (copying)",
        peak.gflops,
        peak.bytes_per_s / 1e9
    );
    let clock = if measurement.clock == Clock::Device { "the GPU's timestamps" } else { "the wall clock" };
    let _ = writeln!(
        text,
        "Steps are timed by {clock}. Convolutions count as direct ones, of whose multiplications Winograd's does a quarter; bytes are what a step must read and write, each value once."
    );
    text
}
