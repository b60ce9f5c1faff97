//! Pictures as large as a device at WebGPU's baseline limits takes at once, and larger ones.

use perceptual_loss::{Context, Error, Image, Model};

use crate::{TAPS, comparison::model, host::Host};

#[test]
fn baseline_limits_take_every_shape_of_524288_pixels() {
    let (gpu, twin) = (model(&Host::baseline().context(), "conv1_1"), model(&Context::twin(), "conv1_1"));
    for (width, height) in [(724, 724), (524_288, 1), (1, 524_288)] {
        let mut random = 1u32;
        let mut draw = |_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        let [a, b] = [(); 2].map(|()| (0..width * height * 3).map(&mut draw).collect::<Vec<u8>>());
        let pair = [&a, &b].map(|pixels| Image::rgb8(pixels, width, height));
        let mut session = gpu.session(width, height).unwrap();
        let got = session.compare_blocking(pair[0], pair[1]).unwrap();
        let want = twin.session(width, height).unwrap().compare_blocking(pair[0], pair[1]).unwrap();
        assert!(
            (got.total / want.total - 1.0).abs() < 1e-5,
            "{width}x{height}: {} and {}",
            got.total,
            want.total
        );
        // Each picture has its set here; a target and two candidates take the same way.
        let target = session.target(pair[1]).unwrap();
        let reports = session.compare_to_blocking(&target, &pair).unwrap();
        assert_eq!((reports[0].total, reports[1].total), (got.total, 0.0), "{width}x{height}");
    }
}

/// On the CPU as on a GPU.
#[test]
fn a_picture_that_no_memory_holds_is_refused() {
    for context in [Context::cpu(), Context::twin(), Host::baseline().context()] {
        let model = model(&context, TAPS);
        for (width, height) in [(u32::MAX, u32::MAX), (u32::MAX, 1 << 30), (1 << 31, 3 << 29)] {
            for error in
                [model.session(width, height).unwrap_err(), model.memory(width, height, 1).unwrap_err()]
            {
                assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
                let text = error.to_string();
                assert!(text.contains(&format!("{width}x{height} is larger than any memory")), "{text}");
            }
        }
    }
}

/// Beyond what the device binds pictures are cut; no part is larger than a binding or the memory allowed.
#[test]
fn larger_pictures_go_through_in_parts() {
    let model = model(&Host::baseline().context(), TAPS);
    for (width, height) in [(725, 724), (100_000, 100_000)] {
        let outline = model.outline(width, height, 1).unwrap();
        assert!(outline.parts.is_cut(), "{width}x{height}");
        assert!(outline.parts.slots().iter().all(|&slot| slot <= 134_217_728), "{:?}", outline.parts.slots());
        assert!(outline.memory.counted() <= Model::DEFAULT_MEMORY);
    }
    model.session(725, 724).unwrap();
    let error = model.with_memory(1 << 10).session(100_000, 100_000).unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("100000x100000") && text.contains("the least that works is"), "{text}");
}
