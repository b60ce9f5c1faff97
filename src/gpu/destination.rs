//! Storage buffers of a host's that gradients go to.

use super::{
    context::Gpu,
    kernels::{
        source::{self as kernels, SourceGradient},
        tensor::Tensor,
    },
    prepared::Bound,
    program::Params,
    record::Recorded,
    source::{BufferLayout, BufferRange, BufferSource, Cache, InBuffer, Mask, Use},
};
use crate::{
    error::{Error, Result},
    plan,
};

/// Where the gradient of a frame goes: float32 in a storage buffer, in the layout of the picture that it is the gradient of, or another.
///
/// What is written is [`weight`](Self::weight) times the derivative of the total by each value of the picture, as its source has it, or
/// [`adds`](Self::adds) it to what is there. Elements that are none of the three channels stay. Where the frame's loss has faults
/// ([`FrameSession::loss_buffer`](super::FrameSession::loss_buffer)) the gradient is 0.
///
/// The buffer must have the usage `STORAGE`, and hold the gradient and nothing behind it, unless [`offset`](Self::offset) says where in
/// it the gradient lies.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientBuffer {
    place: InBuffer,
    weight: f32,
    adds: bool,
}

impl GradientBuffer {
    /// From the buffer's start on, rows without padding; once the gradient, in place of what is there.
    #[must_use]
    pub fn new(buffer: &wgpu::Buffer, layout: BufferLayout, width: u32, height: u32) -> Self {
        let place = InBuffer::new(buffer, 4, Some(layout), [width, height]);
        Self { place, weight: 1.0, adds: false }
    }

    /// Where the gradient begins, in elements from the buffer's start. Once this is said, if it is 0, the buffer may go on behind it.
    #[must_use]
    pub fn offset(mut self, elements: u64) -> Self {
        self.place.offset = Some(elements);
        self
    }

    /// Elements from a row's start to the next one's. Planes follow each other after as many such rows as the picture is high.
    #[must_use]
    pub fn row_stride(mut self, elements: u32) -> Self {
        self.place.row_stride = Some(elements);
        self
    }

    /// The picture's last row comes first.
    #[must_use]
    pub fn flip_y(mut self) -> Self {
        self.place.flip_y = !self.place.flip_y;
        self
    }

    /// What the gradient is multiplied by: what the loss counts for in a sum of losses.
    #[must_use]
    pub fn weight(self, weight: f32) -> Self {
        Self { weight, ..self }
    }

    /// The gradient is added to what is there when the commands run.
    #[must_use]
    pub fn adds(self) -> Self {
        Self { adds: true, ..self }
    }

    /// What is bound of the buffer, for pictures of a size.
    ///
    /// # Errors
    /// [`Error::Image`] where the buffer cannot be written so, [`Error::Config`] where the weight is no number.
    fn validate(&self, gpu: &Gpu, size: [u32; 2]) -> Result<BufferRange> {
        let range = self.place.range(gpu, "the buffer cannot take the gradient")?;
        if self.place.size != size {
            let [width, height] = self.place.size;
            return Err(Error::Image(format!(
                "the gradient's buffer is for {width}x{height} but the session compares {}x{}",
                size[0], size[1]
            )));
        }
        if !self.weight.is_finite() {
            return Err(Error::Config(format!(
                "a gradient cannot be multiplied by {}; 1 leaves it as it is",
                self.weight
            )));
        }
        Ok(range)
    }
}

/// The gradient's buffers of a session, as dispatches that write them.
#[derive(Debug)]
pub(super) struct Destinations {
    size: [u32; 2],
    gradient: Tensor,
    cache: Cache<Destination>,
}

/// A buffer, and what masks the source.
#[derive(Clone, Debug, PartialEq)]
struct Destination {
    into: GradientBuffer,
    mask: Mask,
    mask_flip: bool,
}

impl Destinations {
    /// Of a gradient of this shape.
    pub(super) fn new(gpu: &Gpu, gradient: &plan::Tensor, capacity: usize) -> Result<Self> {
        let size = gradient.region.extent;
        Ok(Self { size, gradient: gradient.into(), cache: Cache::new(gpu, size, capacity)? })
    }

    /// Makes a buffer ready for the gradient of a source, which lies in `gradient`, beside its `loss`. None where as many others are in
    /// use as there is room for.
    ///
    /// # Errors
    /// [`Error::Image`] where the gradient has no such derivative or the buffer cannot be written so; [`Error::Config`] where the weight
    /// is no number; [`Error::Device`] where the device refuses the buffer.
    pub(super) fn prepare(
        &mut self,
        gpu: &Gpu,
        (into, source): (&GradientBuffer, &BufferSource),
        [gradient, loss]: [&wgpu::Buffer; 2],
    ) -> Result<Option<usize>> {
        let mask = source.mask.clone();
        let destination = Destination { into: into.clone(), mask, mask_flip: source.place.flip_y };
        check(&destination, source)?;
        let Self { size, gradient: tensor, cache } = self;
        cache.prepare(gpu, &destination, |params, groups| {
            let Destination { into: GradientBuffer { place, weight, adds }, mask, mask_flip } = &destination;
            let range = destination.into.validate(gpu, *size)?;
            let (of_mask, first) = mask.binding(gpu, *size, &gradient.as_entire_binding())?;
            let own = SourceGradient {
                gradient: *tensor,
                offset: range.first,
                pixel_stride: place.pixel_stride(),
                channel_stride: place.channel_stride() as u32,
                row_stride: place.stride() as u32,
                flip: place.flip_y.into(),
                mask: mask.kind(),
                mask_offset: first,
                mask_flip: (*mask_flip).into(),
                weight: *weight,
                adds: (*adds).into(),
                groups,
                pad: 0,
            };
            let pipeline = gpu.pipeline(&kernels::GRADIENT)?;
            let bind_group = gpu.create("a gradient's bind group", 0, || {
                let output = range.binding(&place.buffer);
                let read = [gradient.as_entire_binding(), loss.as_entire_binding(), of_mask];
                gpu.bind_resources(&pipeline, params, &[read.as_slice(), &[output]].concat())
            })?;
            Ok((Bound { pipeline, bind_group }, Params::whole(&own)))
        })
    }

    /// Writing the gradient to a buffer that is ready.
    pub(super) fn recorded(&self, ready: usize) -> Recorded<'_> {
        self.cache.recorded(ready)
    }

    /// What must be held until a buffer that is ready has been written.
    pub(super) fn hold(&self, ready: usize) -> Use {
        self.cache.hold(ready)
    }

    /// Lets go of every buffer that no command is using.
    pub(super) fn forget(&mut self) {
        self.cache.forget();
    }
}

/// # Errors
/// [`Error::Image`] where the derivative by the source's values is another than that by the picture's.
fn check(Destination { into, mask, .. }: &Destination, source: &BufferSource) -> Result<()> {
    let wrong = |why: &str| Err(Error::Image(format!("the source has no gradient: {why}")));
    if !source.is_as_stored() {
        return wrong(
            "its light is tone-mapped and encoded first; encode it yourself, and take the gradient of what is encoded",
        );
    }
    match mask {
        Mask::Alpha => {
            wrong("alpha is a value as any other, and would have one too; give the mask in a buffer")
        }
        Mask::Buffer(buffer, _) if *buffer == into.place.buffer => wrong(
            "its mask is in the buffer that the gradient goes to; a buffer cannot be read and written at once",
        ),
        Mask::Buffer(..) | Mask::None => Ok(()),
    }
}

/// Writes a gradient, shape (3, H, W), as a frame of the source does whose loss has these faults: for diagnosis.
#[cfg(feature = "cpu")]
pub(crate) fn write(
    gpu: &Gpu,
    (gradient, faults): (&[f32], u32),
    source: &BufferSource,
    into: &GradientBuffer,
) -> Result<()> {
    let [width, height] = source.place.size;
    let tensor = plan::Tensor::new("gradient", 1, 3, plan::Region::whole(width, height));
    let mut destinations = Destinations::new(gpu, &tensor, 1)?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    // The total, the faults, and the number.
    let loss = [1.0f32.to_bits(), faults, 1];
    let words = [bytemuck::cast_slice(gradient), &loss];
    let buffers: Vec<_> = gpu.create("a gradient", 0, || {
        let of = |words: &[u32]| {
            let buffer = gpu.buffer("gradient", 4 * words.len() as u64, usage);
            gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
            buffer
        };
        words.map(of).into()
    })?;
    if let Some(ready) = destinations.prepare(gpu, (into, source), [&buffers[0], &buffers[1]])? {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        super::record::record(&mut encoder, [destinations.recorded(ready)]);
        gpu.queue.submit([encoder.finish()]);
    }
    gpu.check()
}
