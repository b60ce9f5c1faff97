//! Bind groups of the sources that were seen last, so that a frame from a known texture creates nothing.

use std::sync::Arc;

use super::{Place, Source, Tone};
use crate::{
    error::Result,
    gpu::{
        context::Gpu, kernel::WORKGROUP, kernels::PARAMS_BYTES, lower::grid, prepared::Bound,
        record::Recorded,
    },
};

/// The sources of one session.
#[derive(Debug)]
pub(in crate::gpu) struct Sources {
    size: [u32; 2],
    tone: Tone,
    capacity: usize,
    /// Workgroups that read a source.
    groups: u32,
    /// The same along x and y.
    grid: [u32; 2],
    /// A window for each source.
    params: wgpu::Buffer,
    entries: Vec<Entry>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    /// Which window of the parameters is its own.
    window: usize,
    bound: Bound,
    last_used: u64,
    in_use: Use,
}

/// Held by commands that read a source: its parameters may not change until they are done.
pub(in crate::gpu) type Use = Arc<()>;

impl Sources {
    pub(in crate::gpu) fn new(gpu: &Gpu, size: [u32; 2], tone: Tone, capacity: usize) -> Result<Self> {
        let capacity = capacity.max(1);
        let groups = (u64::from(size[0]) * u64::from(size[1])).div_ceil(WORKGROUP.into());
        let grid = grid(groups, gpu.capabilities.max_workgroups)?;
        let bytes = capacity as u64 * PARAMS_BYTES;
        let params = gpu.create("the parameters of sources", bytes, || {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            gpu.buffer("source parameters", bytes, usage)
        })?;
        Ok(Self { size, tone, capacity, groups: groups as u32, grid, params, entries: vec![], clock: 0 })
    }

    /// Makes a source ready; one that is known is ready. None where as many others are in use as there is room for.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) where the source cannot be read, [`Error::Device`](crate::Error::Device)
    /// where the device refuses it: it is another device's, or destroyed.
    pub(in crate::gpu) fn prepare(
        &mut self,
        gpu: &Gpu,
        source: &Source,
        picture: &wgpu::Buffer,
    ) -> Result<Option<usize>> {
        self.clock += 1;
        if let Some(known) = self.entries.iter().position(|entry| entry.source == *source) {
            self.entries[known].last_used = self.clock;
            return Ok(Some(known));
        }
        source.validate(gpu, self.size)?;
        let place = if self.entries.len() < self.capacity {
            None
        } else {
            let unused = |entry: &&(usize, &Entry)| Arc::strong_count(&entry.1.in_use) == 1;
            let oldest = self
                .entries
                .iter()
                .enumerate()
                .filter(|entry| unused(&entry))
                .min_by_key(|(_, entry)| entry.last_used);
            match oldest {
                Some((place, _)) => Some(place),
                None => return Ok(None),
            }
        };
        let taken = |window: &usize| self.entries.iter().any(|entry| entry.window == *window);
        let window = match place {
            Some(place) => self.entries[place].window,
            None => (0..self.capacity).find(|window| !taken(window)).unwrap_or_default(),
        };
        let pipeline = gpu.pipeline(source.kernel())?;
        let bound = gpu.create("a source's bind group", 0, || {
            let bind = |resource| {
                let resources = [resource, picture.as_entire_binding()];
                gpu.bind_resources(&pipeline, &self.params, &resources)
            };
            let bind_group = match &source.0 {
                Place::Texture(texture) => bind(wgpu::BindingResource::TextureView(&texture.view())),
                Place::Buffer(buffer) => bind(buffer.buffer.as_entire_binding()),
            };
            Bound { pipeline, bind_group }
        })?;
        // Only now: where the device refuses the source, whose window it was keeps its parameters.
        let params = source.params(self.size, self.tone, self.groups);
        gpu.write(&self.params, window as u64 * PARAMS_BYTES, &params.bytes)?;
        let in_use = Use::default();
        let entry = Entry { source: source.clone(), window, bound, last_used: self.clock, in_use };
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

    /// Reading a source that is ready into its picture, whose header's first word must be 0 before.
    pub(in crate::gpu) fn recorded(&self, ready: usize) -> Recorded<'_> {
        let Entry { source, window, bound, .. } = &self.entries[ready];
        Recorded::Dispatch {
            name: source.kernel().name,
            pipeline: &bound.pipeline.pipeline,
            bind_group: &bound.bind_group,
            params: (*window as u64 * PARAMS_BYTES) as u32,
            groups: [self.grid[0], self.grid[1], 1],
        }
    }

    /// What must be held until a source that is ready has been read.
    pub(in crate::gpu) fn hold(&self, ready: usize) -> Use {
        Use::clone(&self.entries[ready].in_use)
    }

    /// Lets go of every source that no command is using.
    pub(in crate::gpu) fn forget(&mut self) {
        self.entries.retain(|entry| Arc::strong_count(&entry.in_use) > 1);
    }
}
