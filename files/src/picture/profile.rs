//! Whether an embedded colour profile is sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// True where the profile maps colours onto themselves, but for two steps of 255: names of profiles tell
/// nothing, and sRGB has many.
pub fn is_srgb(profile: &[u8]) -> bool {
    maps_onto_itself(profile) == Some(true)
}

fn maps_onto_itself(profile: &[u8]) -> Option<bool> {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let (layout, colours, expected): (_, Vec<u8>, Vec<u8>) = match profile.color_space {
        DataColorSpace::Rgb => {
            let colours: Vec<u8> = STEPS
                .iter()
                .flat_map(|r| STEPS.iter().flat_map(move |g| STEPS.iter().flat_map(move |b| [*r, *g, *b])))
                .collect();
            (Layout::Rgb, colours.clone(), colours)
        }
        DataColorSpace::Gray => (Layout::Gray, STEPS.to_vec(), STEPS.iter().flat_map(|v| [*v; 3]).collect()),
        _ => return None,
    };
    let mut mapped = vec![0; expected.len()];
    profile
        .create_transform_8bit(layout, &ColorProfile::new_srgb(), Layout::Rgb, TransformOptions::default())
        .ok()?
        .transform(&colours, &mut mapped)
        .ok()?;
    Some(mapped.iter().zip(&expected).all(|(mapped, expected)| mapped.abs_diff(*expected) <= 2))
}
