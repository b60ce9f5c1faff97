//! OpenEXR: the first layer with red, green and blue, whatever its channels are called.
//!
//! `image`'s decoder reads channels R, G and B alone, and tells nothing of the headers.

use std::{borrow::Cow, collections::BTreeSet, io::Cursor};

use exr::{
    image::read::specific_channels::ReadSpecificChannel as _,
    meta::{
        MetaData,
        attribute::{AttributeValue, Text},
        header::Header,
    },
    prelude::{ReadChannels as _, ReadLayers as _, read},
};
use image::{
    ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult,
    error::{DecodingError, ImageFormatHint},
};

use super::{bytes::array, primaries};

/// The lines that a block of pixels is taken through while it is unpacked: as stored, unpacked, sorted.
const BLOCKS: u64 = 4;

/// A file whose headers were read.
pub struct ExrDecoder<'a> {
    bytes: Cow<'a, [u8]>,
    /// The channels that are red, green, blue and alpha.
    names: [Text; 4],
    has_alpha: bool,
    /// Of the picture that is shown; and where in it the pixels begin that are stored.
    size: (u32, u32),
    offset: (i64, i64),
    /// Bytes that blocks of pixels take while they are unpacked.
    pub working: u64,
    /// What deserves a warning.
    pub notes: Vec<String>,
}

/// Sees that the headers are of a usual size. What reads them keeps whatever there is, before anything else of the file is known.
///
/// # Errors
/// Where they are not. What is broken is left to the reader.
fn check_headers(bytes: &[u8]) -> Result<(), String> {
    const MOST: usize = 4096;
    const LONGEST: usize = 16 << 20;
    // Behind the signature and the version, whose bit 12 says that there are several parts, each with a header.
    let is_one = bytes.get(5).is_none_or(|flags| flags & 16 == 0);
    let (mut at, mut count, mut follows_end) = (8, 0, false);
    while let Some(name) = text(bytes, at) {
        at += name + 1;
        if name == 0 {
            // A header's end; and all headers' where nothing stands between.
            if is_one || follows_end {
                return Ok(());
            }
            follows_end = true;
            continue;
        }
        follows_end = false;
        let Some(kind) = text(bytes, at) else { return Ok(()) };
        at += kind + 1;
        let Some(length) = array(bytes, at).map(u32::from_le_bytes) else { return Ok(()) };
        at = at.saturating_add(4).saturating_add(length as usize);
        count += 1;
        if count > MOST || at > LONGEST {
            return Err(format!(
                "has more than {MOST} attributes, or {LONGEST} bytes of them; expected fewer"
            ));
        }
    }
    Ok(())
}

/// How long a text is that ends with a zero byte: no name is longer than 255.
fn text(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.iter().take(256).position(|byte| *byte == 0)
}

impl<'a> ExrDecoder<'a> {
    /// # Errors
    /// It is no whole file, has no red, green and blue or more than one may mean, or stores pixels of more than `limit` bytes:
    /// the data's window need not be the picture's.
    pub fn new(bytes: Cow<'a, [u8]>, limit: u64) -> Result<Self, String> {
        check_headers(&bytes)?;
        let meta = MetaData::read_from_buffered(Cursor::new(&*bytes), false)
            .map_err(|error| format!("{error}; expected a whole OpenExr file"))?;
        for header in &meta.headers {
            let needed = header.layer_size.0 as u128 * header.layer_size.1 as u128 * 4 * channels(header);
            if needed > u128::from(limit) {
                return Err(format!(
                    "its data is {}x{}, more than --max-decoded allows",
                    header.layer_size.0, header.layer_size.1
                ));
            }
        }
        if meta.headers.iter().any(|header| header.deep) {
            return Err("holds deep data, which is not read; flatten it".to_owned());
        }
        let mut notes = vec![];
        if meta.headers.len() > 1 {
            notes.push(format!(
                "it has {} layers; the first with red, green and blue is read",
                meta.headers.len()
            ));
        }
        let (header, layer) = choose(&meta.headers)?;
        if !layer.is_empty() {
            notes.push(format!(
                "it has no channels R, G and B of its own; those of the layer '{layer}' are read"
            ));
        }
        notes.extend(colours(header));
        let channel = |name: &str| {
            let name = if layer.is_empty() { name.to_owned() } else { format!("{layer}.{name}") };
            Text::new_or_none(name).ok_or("has a layer of an odd name; expected letters")
        };
        let names = [channel("R")?, channel("G")?, channel("B")?, channel("A")?];
        let shown = header.shared_attributes.display_window;
        let side = |side: usize| u32::try_from(side).map_err(|_| "is larger than pictures are".to_owned());
        let place = header.own_attributes.layer_position;
        let offset = (
            i64::from(place.0) - i64::from(shown.position.0),
            i64::from(place.1) - i64::from(shown.position.1),
        );
        let is_apart =
            |offset: i64, stored: usize, shown: usize| offset >= shown as i64 || offset + stored as i64 <= 0;
        if is_apart(offset.0, header.layer_size.0, shown.size.0)
            || is_apart(offset.1, header.layer_size.1, shown.size.1)
        {
            notes.push("all of its pixels lie outside of its display window, which is black".to_owned());
        }
        Ok(Self {
            has_alpha: header.channels.find_index_of_channel(&names[3]).is_some(),
            names,
            size: (side(shown.size.0)?, side(shown.size.1)?),
            offset,
            working: (header.max_block_byte_size() as u64).saturating_mul(BLOCKS),
            notes,
            bytes,
        })
    }
}

impl ImageDecoder for ExrDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.size
    }

    fn color_type(&self) -> ColorType {
        if self.has_alpha { ColorType::Rgba32F } else { ColorType::Rgb32F }
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let [red, green, blue, alpha] = self.names;
        let (width, height) = (i64::from(self.size.0), i64::from(self.size.1));
        let (left, top) = self.offset;
        let values = if self.has_alpha { 4 } else { 3 };
        let length = buffer.len() / size_of::<f32>();
        let picture = read()
            .no_deep_data()
            .largest_resolution_level()
            .specific_channels()
            .required(red)
            .required(green)
            .required(blue)
            .optional(alpha, 1.0f32)
            .collect_pixels(
                // What is shown and not stored is black.
                move |_, _| vec![0.0f32; length],
                move |pixels, at, (r, g, b, a): (f32, f32, f32, f32)| {
                    let (x, y) = (at.0 as i64 + left, at.1 as i64 + top);
                    if (0..width).contains(&x) && (0..height).contains(&y) {
                        let first = (y * width + x) as usize * values;
                        pixels[first..first + values].copy_from_slice(&[r, g, b, a][..values]);
                    }
                },
            )
            .first_valid_layer()
            .all_attributes()
            .from_buffered(Cursor::new(&*self.bytes))
            .map_err(|error| {
                ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::OpenExr), error))
            })?;
        let pixels = picture.layer_data.channel_data.pixels;
        for (bytes, value) in buffer.as_chunks_mut().0.iter_mut().zip(pixels) {
            *bytes = value.to_ne_bytes();
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

/// The first header with channels R, G and B; or else the only one where they are those of a layer, with its name.
fn choose(headers: &[Header]) -> Result<(&Header, String), String> {
    if let Some(header) = headers.iter().find(|header| layers(header).contains("")) {
        return Ok((header, String::new()));
    }
    let named: Vec<_> = headers
        .iter()
        .flat_map(|header| layers(header).into_iter().map(move |layer| (header, layer)))
        .collect();
    let listed = |names: &mut dyn Iterator<Item = String>| names.take(12).collect::<Vec<_>>().join(", ");
    match named.as_slice() {
        [(header, layer)] => Ok((*header, layer.clone())),
        [] => Err(format!(
            "has no part with red, green and blue, but channels {}; expected channels R, G and B in one",
            listed(
                &mut headers.iter().flat_map(|header| &header.channels.list).map(|it| it.name.to_string())
            )
        )),
        many => Err(format!(
            "has red, green and blue in its layers alone, {}; save the one that is meant as channels R, G and B",
            listed(&mut many.iter().map(|(_, layer)| layer.clone()))
        )),
    }
}

/// The layers of a header that have red, green and blue; the one without a name is "".
fn layers(header: &Header) -> BTreeSet<String> {
    let names: BTreeSet<_> = header.channels.list.iter().map(|channel| channel.name.to_string()).collect();
    let layer = |name: &String| match name.as_str() {
        "R" => Some(String::new()),
        _ => name.strip_suffix(".R").map(ToOwned::to_owned),
    };
    let channel = |layer: &str, name: &str| {
        if layer.is_empty() { name.to_owned() } else { format!("{layer}.{name}") }
    };
    names
        .iter()
        .filter_map(layer)
        .filter(|layer| ["G", "B"].iter().all(|name| names.contains(&channel(layer, name))))
        .collect()
}

/// What the header says of colours that is not applied.
fn colours(header: &Header) -> Option<String> {
    let attributes = &header.shared_attributes;
    if let Some(given) = attributes.chromaticities {
        let points = [given.red, given.green, given.blue, given.white].map(|point| [point.0, point.1]);
        return (!primaries::are_srgb(points))
            .then(|| "its chromaticities are not sRGB's; they are not applied".to_owned());
    }
    let all = attributes.other.iter().chain(&header.own_attributes.other);
    let id = all.into_iter().find_map(|(name, value)| match value {
        AttributeValue::Text(id) if *name == *"colorInteropID" => Some(id.to_string()),
        _ => None,
    })?;
    let is_srgb = matches!(id.as_str(), "" | "lin_rec709_scene" | "lin_rec709" | "unknown" | "data");
    (!is_srgb).then(|| format!("its colours are those of '{id}', not linear sRGB; that is not applied"))
}

fn channels(header: &Header) -> u128 {
    // Red, green, blue and alpha are unpacked even where fewer are stored.
    header.channels.list.len().max(4) as u128
}
