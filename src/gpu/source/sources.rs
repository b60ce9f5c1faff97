//! The sources of a session, as dispatches that pack them.

use super::{
    Place, Source, Tone,
    cache::{Cache, Use},
};
use crate::{
    error::{Error, Result},
    gpu::{context::Gpu, prepared::Bound, program::Params, record::Recorded},
};

#[derive(Debug)]
pub(in crate::gpu) struct Sources {
    size: [u32; 2],
    tone: Tone,
    cache: Cache<Source>,
}

impl Sources {
    pub(in crate::gpu) fn new(gpu: &Gpu, size: [u32; 2], tone: Tone, capacity: usize) -> Result<Self> {
        Ok(Self { size, tone, cache: Cache::new(gpu, size, capacity)? })
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
        let Self { size, tone, cache } = self;
        cache
            .prepare(gpu, source, |params, groups| source.bound(gpu, (*size, *tone, groups), params, picture))
    }

    /// Reading a source that is ready into its picture, whose header's first word must be 0 before.
    pub(in crate::gpu) fn recorded(&self, ready: usize) -> Recorded<'_> {
        self.cache.recorded(ready)
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
                let (own_size, range) = buffer.validate(gpu)?;
                check_size(own_size, size)?;
                let place = range.binding(&buffer.place.buffer);
                let (mask, first) = buffer.mask.binding(gpu, size, &place)?;
                let bound = gpu.create(what, 0, || bind(&[place, mask, picture()]))?;
                (bound, Params::whole(&buffer.params([range.first, first], tone, groups)))
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
