//! Textures as sources: which part of which, and what the values of each format are.

use super::{Conversion, Tone, color, conversion_of_floats};
use crate::{
    color::Transfer,
    error::{Error, Result},
    gpu::kernels::source::SourceTexture,
};

/// A texture, or a part of it, as it is when the commands that read it run.
///
/// It must have the usage `TEXTURE_BINDING`, two dimensions, one sample, and one of these formats:
///
/// | format | its values are taken as |
/// | --- | --- |
/// | `Rgba8Unorm`, `Bgra8Unorm` | sRGB as stored: the same bits as a file of these pixels |
/// | `Rgba8UnormSrgb`, `Bgra8UnormSrgb` | sRGB as stored: the levels, not the linear values that sampling gives |
/// | `Rgb10a2Unorm` | sRGB as stored |
/// | `Rg11b10Ufloat`, `Rgba16Float`, `Rgba32Float` | linear light, which is exposed, tone-mapped and encoded as sRGB |
///
/// [`transfer`](Self::transfer) says otherwise. Alpha is ignored. Values that are not finite make the report an error.
#[derive(Clone, Debug, PartialEq)]
pub struct TextureSource {
    pub(in crate::gpu) texture: wgpu::Texture,
    pub(in crate::gpu) mip: u32,
    pub(in crate::gpu) layer: u32,
    /// x, y, width, height; all of the mip where there is none.
    rectangle: Option<[u32; 4]>,
    flip_y: bool,
    transfer: Option<Transfer>,
}

/// How the values of a format are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// 8 bits, sRGB.
    Levels,
    /// 8 bits, sRGB, which sampling makes linear.
    LinearLevels,
    /// More than 8 bits, from 0 to 1.
    Unorm,
    Float,
}

impl TextureSource {
    /// All of mip 0 of layer 0.
    #[must_use]
    pub fn new(texture: &wgpu::Texture) -> Self {
        Self { texture: texture.clone(), mip: 0, layer: 0, rectangle: None, flip_y: false, transfer: None }
    }

    /// Another mip level; 0 is the largest.
    #[must_use]
    pub fn mip(self, mip: u32) -> Self {
        Self { mip, ..self }
    }

    /// Another array layer, or face of a cube.
    #[must_use]
    pub fn layer(self, layer: u32) -> Self {
        Self { layer, ..self }
    }

    /// A part: the texel in its upper left, and its width and height, in texels of the mip.
    #[must_use]
    pub fn rectangle(self, [x, y]: [u32; 2], [width, height]: [u32; 2]) -> Self {
        Self { rectangle: Some([x, y, width, height]), ..self }
    }

    /// The last row comes first, for textures whose first row is the picture's lowest.
    #[must_use]
    pub fn flip_y(self) -> Self {
        Self { flip_y: !self.flip_y, ..self }
    }

    /// What the values are that a shader loads from it, where they are not what the table says.
    ///
    /// [`Transfer::Srgb`]: they are taken as they are. [`Transfer::Linear`]: they are encoded as sRGB, those of float
    /// formats after exposure and tone map.
    #[must_use]
    pub fn transfer(self, transfer: Transfer) -> Self {
        Self { transfer: Some(transfer), ..self }
    }

    fn values(&self) -> Option<Values> {
        use wgpu::TextureFormat as Format;
        match self.texture.format() {
            Format::Rgba8Unorm | Format::Bgra8Unorm => Some(Values::Levels),
            Format::Rgba8UnormSrgb | Format::Bgra8UnormSrgb => Some(Values::LinearLevels),
            Format::Rgb10a2Unorm => Some(Values::Unorm),
            Format::Rg11b10Ufloat | Format::Rgba16Float | Format::Rgba32Float => Some(Values::Float),
            _ => None,
        }
    }

    /// Width and height of what is read.
    pub(super) fn validate(&self) -> Result<[u32; 2]> {
        let texture = &self.texture;
        let wrong = |what: String| Err(Error::Image(format!("the texture cannot be compared: {what}")));
        if !texture.usage().contains(wgpu::TextureUsages::TEXTURE_BINDING) {
            return wrong("it was made without the usage TEXTURE_BINDING".to_owned());
        }
        if texture.dimension() != wgpu::TextureDimension::D2 {
            return wrong(format!("it has the dimension {:?}; D2 is needed", texture.dimension()));
        }
        if texture.sample_count() != 1 {
            return wrong(format!("it has {} samples a texel; resolve it first", texture.sample_count()));
        }
        if self.values().is_none() {
            return wrong(format!(
                "its format is {:?}; those that can be are Rgba8Unorm, Rgba8UnormSrgb, Bgra8Unorm, Bgra8UnormSrgb, \
                 Rgb10a2Unorm, Rg11b10Ufloat, Rgba16Float and Rgba32Float",
                texture.format()
            ));
        }
        if self.mip >= texture.mip_level_count() {
            return wrong(format!("it has {} mips; there is no mip {}", texture.mip_level_count(), self.mip));
        }
        if self.layer >= texture.depth_or_array_layers() {
            return wrong(format!(
                "it has {} layers; there is no layer {}",
                texture.depth_or_array_layers(),
                self.layer
            ));
        }
        let [width, height] = [texture.width(), texture.height()].map(|side| (side >> self.mip).max(1));
        let [x, y, w, h] = self.rectangle.unwrap_or([0, 0, width, height]);
        let inside = |at: u32, length: u32, side: u32| at.checked_add(length).is_some_and(|end| end <= side);
        if !inside(x, w, width) || !inside(y, h, height) {
            return wrong(format!(
                "the rectangle of {w}x{h} at ({x}, {y}) reaches beyond the {width}x{height} of mip {}",
                self.mip
            ));
        }
        Ok([w, h])
    }

    /// Of a valid one that is `size`.
    pub(super) fn params(&self, size: [u32; 2], tone: Tone, groups: u32) -> SourceTexture {
        let (conversion, eight_bit) = match (self.values().unwrap_or(Values::Float), self.transfer) {
            (Values::Levels, None | Some(Transfer::Srgb)) => (Conversion::AsStored, true),
            (Values::LinearLevels, None | Some(Transfer::Linear)) => (Conversion::Encode, true),
            (Values::Unorm, None) => (Conversion::AsStored, false),
            (Values::Float, transfer) => (conversion_of_floats(transfer.unwrap_or(Transfer::Linear)), false),
            (_, Some(Transfer::Srgb)) => (Conversion::AsStored, false),
            (_, Some(Transfer::Linear)) => (Conversion::Encode, false),
        };
        let [x, y, ..] = self.rectangle.unwrap_or_default();
        SourceTexture {
            color: color(conversion, eight_bit, tone),
            size,
            origin: [x, y],
            flip: u32::from(self.flip_y),
            groups,
            ..Default::default()
        }
    }

    /// A view of its mip of its layer.
    pub(super) fn view(&self) -> wgpu::TextureView {
        self.texture.create_view(&wgpu::TextureViewDescriptor {
            label: Some("perceptual-loss source"),
            dimension: Some(wgpu::TextureViewDimension::D2),
            usage: Some(wgpu::TextureUsages::TEXTURE_BINDING),
            base_mip_level: self.mip,
            mip_level_count: Some(1),
            base_array_layer: self.layer,
            array_layer_count: Some(1),
            ..Default::default()
        })
    }
}
