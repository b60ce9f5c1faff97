//! Bind groups of what a host has on the device, of what was seen last: a frame that has nothing new creates nothing.

use std::sync::Arc;

use crate::{
    error::Result,
    gpu::{
        context::Gpu, kernel::WORKGROUP, kernels::PARAMS_BYTES, lower::grid, prepared::Bound,
        program::Params, record::Recorded,
    },
};

/// Dispatches of a pixel a thread that read or write what is a host's, by what that is.
#[derive(Debug)]
pub(in crate::gpu) struct Cache<K> {
    /// Workgroups of each.
    groups: u32,
    /// The same along x and y.
    grid: [u32; 2],
    capacity: usize,
    /// A window for each.
    params: wgpu::Buffer,
    entries: Vec<Entry<K>>,
    clock: u64,
}

#[derive(Debug)]
struct Entry<K> {
    key: K,
    /// Which window of the parameters is its own.
    window: usize,
    bound: Bound,
    last_used: u64,
    in_use: Use,
}

/// Held by commands that work on what is a host's: its parameters may not change until they are done.
pub(in crate::gpu) type Use = Arc<()>;

impl<K: Clone + PartialEq> Cache<K> {
    /// Of pictures of a size.
    pub(in crate::gpu) fn new(gpu: &Gpu, [width, height]: [u32; 2], capacity: usize) -> Result<Self> {
        let groups = (u64::from(width) * u64::from(height)).div_ceil(WORKGROUP.into());
        let grid = grid(groups, gpu.capabilities.max_workgroups)?;
        let capacity = capacity.max(1);
        let bytes = capacity as u64 * PARAMS_BYTES;
        let params = gpu.create("the parameters of sources", bytes, || {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            gpu.buffer("source parameters", bytes, usage)
        })?;
        Ok(Self { groups: groups as u32, grid, capacity, params, entries: vec![], clock: 0 })
    }

    /// Makes a dispatch ready: one that is known is ready, any other is made over the buffer of parameters, of so many
    /// workgroups. None where as many others are in use as there is room for.
    ///
    /// # Errors
    /// Those of `make`, and the device's.
    pub(in crate::gpu) fn prepare(
        &mut self,
        gpu: &Gpu,
        key: &K,
        make: impl FnOnce(&wgpu::Buffer, u32) -> Result<(Bound, Params)>,
    ) -> Result<Option<usize>> {
        self.clock += 1;
        if let Some(known) = self.entries.iter().position(|entry| entry.key == *key) {
            self.entries[known].last_used = self.clock;
            return Ok(Some(known));
        }
        let place = if self.entries.len() < self.capacity {
            None
        } else {
            let unused = |entry: &&(usize, &Entry<K>)| Arc::strong_count(&entry.1.in_use) == 1;
            let oldest = self
                .entries
                .iter()
                .enumerate()
                .filter(|entry| unused(&entry))
                .min_by_key(|(_, entry)| entry.last_used);
            oldest.map(|(place, _)| place)
        };
        let full = place.is_none() && self.entries.len() >= self.capacity;
        // What is wrong with it is told where there is no room, too.
        let (bound, params) = make(&self.params, self.groups)?;
        if full {
            return Ok(None);
        }
        let taken = |window: &usize| self.entries.iter().any(|entry| entry.window == *window);
        let window = match place {
            Some(place) => self.entries[place].window,
            None => (0..self.capacity).find(|window| !taken(window)).unwrap_or_default(),
        };
        // Only now: where the device refuses it, whose window it was keeps its parameters.
        gpu.write(&self.params, window as u64 * PARAMS_BYTES, &params.bytes)?;
        let in_use = Use::default();
        let entry = Entry { key: key.clone(), window, bound, last_used: self.clock, in_use };
        Ok(Some(match place {
            Some(place) => {
                self.entries[place] = entry;
                place
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        }))
    }

    /// A dispatch that is ready.
    pub(in crate::gpu) fn recorded(&self, ready: usize) -> Recorded<'_> {
        let [x, y] = self.grid;
        let Entry { window, bound: Bound { pipeline, bind_group }, .. } = &self.entries[ready];
        Recorded::Dispatch {
            name: pipeline.kernel.name,
            pipeline: &pipeline.pipeline,
            bind_group,
            params: (*window as u64 * PARAMS_BYTES) as u32,
            groups: [x, y, 1],
        }
    }

    /// What must be held until a dispatch that is ready is done.
    pub(in crate::gpu) fn hold(&self, ready: usize) -> Use {
        Use::clone(&self.entries[ready].in_use)
    }

    /// Lets go of all that no command is using.
    pub(in crate::gpu) fn forget(&mut self) {
        self.entries.retain(|entry| Arc::strong_count(&entry.in_use) > 1);
    }
}
