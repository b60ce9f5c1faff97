//! Inside a host's frame: commands recorded into its encoders, results polled, slices, and faults.

mod faults;
mod gradient;
mod results;
mod slices;
mod sources;

use perceptual_loss::{
    Report,
    gpu::{FrameReport, FrameSession},
};

use crate::{comparison::bits, host::Host, loss::Loss};

/// A frame that is done, and its bits.
fn reported(report: Option<FrameReport>) -> (u64, Vec<u64>) {
    let report = report.expect("a frame's result is there");
    (report.frame, bits(&report.result.unwrap()))
}

fn loss(host: &Host, session: &FrameSession) -> Loss {
    Loss::read(&host.device, &host.queue, session)
}

/// Each sum is the one that the report was made from; the total was rounded on the way.
fn assert_is(loss: &Loss, report: &Report) {
    assert_eq!(loss.sums.len(), report.layers.len());
    for (sum, layer) in loss.sums.iter().zip(&report.layers) {
        let elements: u32 = layer.shape.iter().product();
        assert_eq!(f64::from(*sum) / f64::from(elements), layer.loss, "{}", layer.name);
    }
    let off = (f64::from(loss.total) / report.total - 1.0).abs();
    assert!(off < 1e-6, "{} and {}", loss.total, report.total);
}
