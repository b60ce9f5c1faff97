//! The sources of a session, as dispatches that pack them.

use super::{
    Place, Source, Tone,
    cache::{Cache, Use},
};
use crate::{
    error::{Error, Result},
    gpu::{context::Gpu, kernel::WORKGROUP, lower::grid, prepared::Bound, program::Params, record::Recorded},
};

#[derive(Debug)]
pub(in crate::gpu) struct Sources {
    size: [u32; 2],
    tone: Tone,
    /// Workgroups that read a source.
    groups: u32,
    /// The same along x and y.
    grid: [u32; 2],
    cache: Cache<Source>,
}

impl Sources {
    pub(in crate::gpu) fn new(gpu: &Gpu, size: [u32; 2], tone: Tone, capacity: usize) -> Result<Self> {
        let groups = groups_of(size);
        let grid = grid(groups, gpu.capabilities.max_workgroups)?;
        Ok(Self { size, tone, groups: groups as u32, grid, cache: Cache::new(gpu, capacity)? })
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
        let Self { size, tone, groups, cache, .. } = self;
        cache.prepare(gpu, source, |params| source.bound(gpu, (*size, *tone, *groups), params, picture))
    }

    /// Reading a source that is ready into its picture, whose header's first word must be 0 before.
    pub(in crate::gpu) fn recorded(&self, ready: usize) -> Recorded<'_> {
        self.cache.recorded(ready, self.grid)
    }

    /// What must be held until a source that is ready has been read.
    pub(in crate::gpu) fn hold(&self, ready: usize) -> Use {
        self.cache.hold(ready)
    }

    /// Lets go of every source that no command is using.
    pub(in crate::gpu) fn forget(&mut self) {
        self.cache.forget();
    }
}

impl Source {
    /// What reads it into a picture of a size.
    fn bound(
        &self,
        gpu: &Gpu,
        (size, tone, groups): ([u32; 2], Tone, u32),
        params: &wgpu::Buffer,
        picture: &wgpu::Buffer,
    ) -> Result<(Bound, Params)> {
        let picture = || picture.as_entire_binding();
        let pipeline = gpu.pipeline(self.kernel())?;
        let bind = |resources: &[wgpu::BindingResource<'_>]| gpu.bind_resources(&pipeline, params, resources);
        let what = "a source's bind group";
        let (bind_group, params) = match &self.0 {
            Place::Texture(texture) => {
                check_size(texture.validate()?, size)?;
                let bound = gpu.create(what, 0, || {
                    bind(&[wgpu::BindingResource::TextureView(&texture.view()), picture()])
                })?;
                (bound, Params::whole(&texture.params(size, tone, groups)))
            }
            Place::Buffer(buffer) => {
                let (own_size, part) = buffer.validate(gpu)?;
                check_size(own_size, size)?;
                let place = part.binding(&buffer.place.buffer);
                let (mask, first) = match buffer.mask.part(gpu, size)? {
                    Some((mask, part)) => (part.binding(mask), part.first),
                    // A binding cannot be left out, and this one is read already.
                    None => (place.clone(), 0),
                };
                let bound = gpu.create(what, 0, || bind(&[place, mask, picture()]))?;
                (bound, Params::whole(&buffer.params((part, first), tone, groups)))
            }
        };
        Ok((Bound { pipeline, bind_group }, params))
    }
}

/// # Errors
/// [`Error::Image`] where a source is not of a session's size.
fn check_size(own: [u32; 2], size: [u32; 2]) -> Result<()> {
    if own == size {
        return Ok(());
    }
    Err(Error::Image(format!(
        "the source is {}x{} but the session compares {}x{}; a rectangle takes a part of a texture",
        own[0], own[1], size[0], size[1]
    )))
}

/// Workgroups of a pixel a thread.
pub(in crate::gpu) fn groups_of([width, height]: [u32; 2]) -> u64 {
    (u64::from(width) * u64::from(height)).div_ceil(WORKGROUP.into())
}
