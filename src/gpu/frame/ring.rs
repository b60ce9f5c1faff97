//! The ring of small buffers that results are read back through, each frame's in its turn.

use std::collections::VecDeque;

use futures_channel::oneshot;

use crate::{
    error::{Error, Result},
    gpu::{
        context::{Gpu, one_line},
        source::Use,
    },
};

/// What is read back of a frame: see `shaders/total.wgsl`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) total: f32,
    pub(super) faults: u32,
    /// Each tap's sum of differences.
    pub(super) sums: Vec<f32>,
}

#[derive(Debug)]
pub(super) struct Ring {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// In the order of recording.
    flights: VecDeque<Flight>,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    /// The number of the comparison that it held last.
    last: u32,
}

/// A frame that was recorded and not yet reported.
#[derive(Debug)]
struct Flight {
    frame: u64,
    slot: usize,
    mapped: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

/// Where a frame's result is read.
#[derive(Debug)]
pub(super) struct Place {
    frame: u64,
    used: Use,
    slot: Option<(usize, wgpu::Buffer)>,
}

impl Place {
    /// The buffer that the result is copied to, if it is read at all.
    pub(super) fn buffer(&self) -> Option<&wgpu::Buffer> {
        self.slot.as_ref().map(|(_, buffer)| buffer)
    }
}

/// What became of a frame's readback; nothing where its commands were dropped.
type Mapped = Option<Result<(), wgpu::BufferAsyncError>>;

impl Ring {
    pub(super) fn new(gpu: &Gpu, slots: usize, bytes: u64) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slots: Vec<_> = gpu.create("readback", bytes * slots as u64, || {
            (0..slots)
                .map(|slot| {
                    let buffer = gpu.buffer(&format!("readback {slot}"), bytes, usage);
                    Slot { buffer, last: 0 }
                })
                .collect()
        })?;
        let free = (0..slots.len()).rev().collect();
        Ok(Self { slots, free, flights: VecDeque::new() })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && !self.slots.is_empty()
    }

    /// A place for the result of `frame`, which holds `used` until it is read; none in a ring of no slots. There must be
    /// room.
    pub(super) fn take(&mut self, frame: u64, used: Use) -> Place {
        let slot = self.free.pop();
        let buffer = slot.map(|slot| self.slots[slot].buffer.clone());
        Place { frame, used, slot: slot.zip(buffer) }
    }

    /// Records reading what was copied to a place.
    pub(super) fn record(&mut self, encoder: &mut wgpu::CommandEncoder, place: Place) {
        let Place { frame, used, slot } = place;
        let Some((slot, buffer)) = slot else {
            return encoder.on_submitted_work_done(move || drop(used));
        };
        let (sender, mapped) = oneshot::channel();
        encoder.map_buffer_on_submit(&buffer, wgpu::MapMode::Read, .., move |result| {
            drop(used);
            // Nobody listens where the session is gone.
            let _ = sender.send(result);
        });
        self.flights.push_back(Flight { frame, slot, mapped });
    }

    /// The oldest frame, if its result is there, or never will be.
    pub(super) fn poll(&mut self, gpu: &Gpu) -> Option<(u64, Result<Outcome>)> {
        let mapped = match self.flights.front_mut()?.mapped.try_recv() {
            Ok(Some(result)) => Some(result),
            Err(oneshot::Canceled) => None,
            // On a lost device nothing need come any more.
            Ok(None) if gpu.check().is_err() => Some(Err(wgpu::BufferAsyncError)),
            Ok(None) => return None,
        };
        self.done(gpu, mapped)
    }

    /// The oldest frame, when its result is there.
    pub(super) async fn next(&mut self, gpu: &Gpu) -> Option<(u64, Result<Outcome>)> {
        let mapped = (&mut self.flights.front_mut()?.mapped).await.ok();
        self.done(gpu, mapped)
    }

    fn done(&mut self, gpu: &Gpu, mapped: Mapped) -> Option<(u64, Result<Outcome>)> {
        let Flight { frame, slot, .. } = self.flights.pop_front()?;
        let result = match mapped {
            None => Err(Error::Device(format!(
                "frame {frame} was recorded, but its commands were dropped before they were submitted"
            ))),
            Some(Err(_)) => {
                gpu.lose("a frame's result could not be read");
                Err(gpu.check().err().unwrap_or_else(|| Error::DeviceLost(String::new())))
            }
            Some(Ok(())) => self.slots[slot].read(frame),
        };
        self.free.push(slot);
        Some((frame, result))
    }
}

impl Slot {
    /// Of a slot that is mapped, and then no longer is.
    fn read(&mut self, frame: u64) -> Result<Outcome> {
        let words: Vec<u32> = {
            let view = self
                .buffer
                .get_mapped_range(..)
                .map_err(|error| Error::DeviceLost(one_line(&error.to_string())))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        self.buffer.unmap();
        let [total, faults, number, sums @ ..] = words.as_slice() else {
            return Err(Error::Device("the result read back is too short".to_owned()));
        };
        // What a slot held before is no result: the device refused what was submitted.
        if *number == self.last {
            return Err(Error::Device(format!(
                "frame {frame} was not compared: the device refused the commands that it was submitted with"
            )));
        }
        self.last = *number;
        Ok(Outcome {
            total: f32::from_bits(*total),
            faults: *faults,
            sums: sums.iter().map(|&sum| f32::from_bits(sum)).collect(),
        })
    }
}
