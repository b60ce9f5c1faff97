//! Gram matrices of a picture by itself, through buffers of their own, which are gone afterwards.

use std::sync::Arc;

use super::{flight::Flight, gradient::prepare, mapping::submit_and_read, readback, run};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{
        arrange::{arrange_magnitudes, part_sizes, parts_memory},
        model::Model,
        record::{Recorded, record},
        workspace::{Round, Workspace},
    },
    image::Image,
    plan::Plans,
};

/// For each tap the Gram matrix of a picture's features, shape (C, C), nothing for taps that have none: in parts where `memory` bytes of
/// features and scratch are not enough for the whole.
///
/// # Errors
/// As for sessions, and what computing finds.
pub(crate) async fn gram_matrices(
    model: &Arc<Model>,
    plans: &Plans,
    memory: u64,
    picture: &Image<'_>,
    wait: Wait,
    follow: &mut Follow<'_>,
) -> Result<Vec<Vec<f64>>> {
    let parts = arrange_magnitudes(plans, memory, model.means())?;
    let sizes = part_sizes(&parts, model.means());
    let takes = parts_memory(&parts, model.means());
    let workspace = Workspace::new(Arc::clone(model), &sizes, takes)?;
    let (gpu, buffers) = (workspace.gpu(), &workspace.buffers);
    // The matrices lie behind what is read back of each part.
    let results = buffers.result_bytes();
    let readback = readback(gpu, results + sizes.matrices.iter().sum::<u64>())?;
    let (pictures, mut words, count) = ([*picture], vec![], parts.run_count());
    let mut before = None;
    let mut read = vec![];
    for (index, of_part) in parts.runs().enumerate() {
        let mut follow = follow.share(index, count);
        follow.at(0.0)?;
        let prepared = prepare(&workspace, &parts, of_part, before.take())?;
        let mut round = Round { readback: Some((&readback, 0)), ..Round::of(1, &pictures, &mut words) };
        let mut flight = Flight::new(gpu, wait);
        let mut last = run(&workspace, &prepared, &mut round, &mut flight, &mut follow).await?;
        if index + 1 == count {
            let mut at = results;
            let copies = buffers.matrices.iter().zip(&sizes.matrices).filter(|(_, bytes)| **bytes > 0);
            record(
                &mut last,
                copies.map(|(from, &bytes)| {
                    let copy = Recorded::Copy { from, to: &readback, at, bytes };
                    at += bytes;
                    copy
                }),
            );
        }
        read = submit_and_read(gpu, last, &readback, wait).await?;
        prepared
            .plan
            .check_notes(buffers.read_back(&read[..(results / 4) as usize]).notes.iter().copied())?;
        before = Some(prepared);
    }
    follow.at(1.0)?;
    let mut rest = read.get((results / 4) as usize..).unwrap_or_default();
    let mut matrices = vec![];
    for bytes in &sizes.matrices {
        let (of_tap, others) = rest.split_at((bytes / 4) as usize);
        matrices.push(of_tap.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect());
        rest = others;
    }
    Ok(matrices)
}
