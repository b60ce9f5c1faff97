//! One comparison spread over several frames: as many of its commands, and pieces of commands, at a time as the host
//! has milliseconds for.

use std::time::Duration;

use super::{Against, FrameSession, Recorded};
use crate::{
    error::{Error, Result},
    gpu::{
        prepared::Prepared,
        source::{Source, Use},
        timing::command_times,
        workspace::Round,
    },
};

/// A comparison that is under way.
#[derive(Debug)]
pub(super) struct Slicing {
    /// The host's number of a frame; none while a target is made.
    frame: Option<u64>,
    /// Which of its program's commands is next.
    command: usize,
    /// Pieces of it that are recorded already.
    piece: u32,
}

/// Seconds that a piece of each of the steps' commands takes.
#[derive(Debug)]
pub(super) struct Times {
    target: Vec<f64>,
    frames: Vec<f64>,
}

/// How far a comparison in slices has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "go on until it is `Done`"]
pub enum Progress {
    /// There is more to record.
    More,
    /// This was the last slice.
    Done,
}

/// Of a slice's time, how much is planned for: times vary.
const PLANNED: f64 = 0.8;

impl FrameSession {
    /// Measures how long each part of a comparison takes, which [`proceed`](Self::proceed) needs to know: by the
    /// device's timestamps if it was opened with `TIMESTAMP_QUERY`, else by waiting. Takes as long as six comparisons; a
    /// thing to do while loading, before the target is recorded. Blocks, and polls the device.
    ///
    /// # Errors
    /// [`Error::Config`] while a comparison in slices is under way; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn measure_blocking(&mut self) -> Result<()> {
        self.check_idle()?;
        self.make_own_target()?;
        let Some(own) = &self.own else { return Ok(()) };
        let each = |prepared: &Prepared| -> Result<Vec<f64>> {
            let times = || command_times(&self.workspace, prepared, &Round::uploaded(1));
            // The first time memory is touched and drivers finish compiling.
            times()?;
            let [(_, first), (_, second)] = [times()?, times()?];
            let longer = first.into_iter().zip(second).map(|(first, second)| f64::max(first, second));
            let pieces =
                prepared.program.steps.clone().map(|index| prepared.program.commands[index].pieces());
            Ok(longer.zip(pieces).map(|(seconds, pieces)| seconds / f64::from(pieces)).collect())
        };
        self.times = Some(Times { target: each(&own.keeping)?, frames: each(&own.comparing.frames)? });
        // What was measured was no target.
        if matches!(self.against, Against::Own) {
            self.against = Against::Nothing;
        }
        Ok(())
    }

    /// Begins comparing a source with the target in slices: records copying it, so that the host may draw on, and
    /// nothing else. [`proceed`](Self::proceed) records the rest.
    ///
    /// # Errors
    /// As [`record`](Self::record), and [`Error::Config`] where [`measure_blocking`](Self::measure_blocking) was never
    /// called.
    pub fn begin(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<Source>,
        frame: u64,
    ) -> Result<Recorded> {
        self.check_measured()?;
        let Some(used) = self.record_beginning(encoder, &source.into(), None)? else {
            return Ok(Recorded::NoRoom);
        };
        encoder.on_submitted_work_done(move || drop(used));
        let command = self.program(None).map_or(0, |prepared| prepared.program.steps.start);
        self.slicing = Some(Slicing { frame: Some(frame), command, piece: 0 });
        Ok(Recorded::Yes)
    }

    /// Begins computing the maps of a target in slices, as [`begin`](Self::begin).
    ///
    /// # Errors
    /// As [`record_target`](Self::record_target), and [`Error::Config`] where
    /// [`measure_blocking`](Self::measure_blocking) was never called.
    pub fn begin_target(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<Source>,
    ) -> Result<()> {
        self.check_measured()?;
        self.record_beginning_of_target(encoder, &source.into())?;
        let command = self.own.as_ref().map_or(0, |own| own.keeping.program.steps.start);
        self.slicing = Some(Slicing { frame: None, command, piece: 0 });
        Ok(())
    }

    /// Records the next slice: what takes at most `budget` by the times that were measured, and at least one piece,
    /// which takes a few milliseconds on the slowest devices. The encoders of all slices must be submitted in order;
    /// the result is the same, to the bit, as unsliced.
    ///
    /// # Errors
    /// [`Error::Config`] where nothing was begun; [`Error::DeviceLost`].
    pub fn proceed(&mut self, encoder: &mut wgpu::CommandEncoder, budget: Duration) -> Result<Progress> {
        self.gpu().check()?;
        let (Some(Slicing { frame, mut command, mut piece }), Some(times)) =
            (self.slicing.take(), &self.times)
        else {
            return Err(Error::Config("no comparison in slices is under way; begin() one first".to_owned()));
        };
        let (prepared, times) = match frame {
            None => (self.own.as_ref().map(|own| &own.keeping), &times.target),
            Some(_) => (self.program(None), &times.frames),
        };
        let mut left = budget.as_secs_f64() * PLANNED;
        let mut empty = true;
        let round = Round::uploaded(1);
        let steps = prepared.map_or(0..0, |prepared| prepared.program.steps.clone());
        if let Some(prepared) = prepared {
            while command < steps.end {
                let seconds = times[command - steps.start];
                let count = prepared.program.commands[command].pieces();
                let fitting = (left / seconds.max(1e-9)) as u32;
                let pieces = fitting.max(u32::from(empty)).min(count - piece);
                if pieces == 0 {
                    break;
                }
                let range = piece..piece + pieces;
                self.workspace.record_pieces(encoder, prepared, (command, range), &round);
                left -= f64::from(pieces) * seconds;
                empty = false;
                piece += pieces;
                if piece == count {
                    (command, piece) = (command + 1, 0);
                }
            }
        }
        let done = command >= steps.end;
        if !done {
            self.slicing = Some(Slicing { frame, command, piece });
        } else if let Some(frame) = frame {
            self.record_end(encoder, None, frame, Use::default());
        }
        Ok(if done { Progress::Done } else { Progress::More })
    }

    /// Gives up the comparison in slices that is under way, if there is one. A target that was begun has to be
    /// recorded again.
    pub fn cancel(&mut self) {
        if let Some(Slicing { frame: None, .. }) = self.slicing.take() {
            self.against = Against::Nothing;
        }
    }

    fn check_measured(&self) -> Result<()> {
        if self.times.is_some() {
            return Ok(());
        }
        Err(Error::Config(
            "slices are cut by measured times; call measure_blocking() once before, while loading".to_owned(),
        ))
    }
}
