//! What is created for a frame's sources, and kept.

use perceptual_loss::{
    Image,
    gpu::{FrameOptions, FrameSession, Recorded, TextureSource},
};

use super::reported;
use crate::{
    TAPS, buffer_memory,
    comparison::{bits, image, scenes},
    host::Host,
};

/// A new texture costs one view and one bind group; more of them than are kept take the places of the oldest.
#[test]
fn a_new_texture_costs_a_view_and_a_bind_group() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 6);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut options = FrameOptions::default();
    options.sources = 4;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    host.frame(|encoder| session.record_target(encoder, &textures[0]).unwrap());
    let mut compare = |k: usize| {
        host.frame(|encoder| session.record(encoder, &textures[k], 0).unwrap());
        host.wait();
        let loss = reported(session.poll()).1;
        (loss, host.objects())
    };
    let first = compare(0);
    // Places 1 to 3 are taken, then those of 0 and 1; 2 is known still, and 0 is not.
    let mut created = vec![];
    let mut before = first.1;
    for k in [1, 2, 3, 4, 5, 2, 0] {
        let (_, after) = compare(k);
        created.push([after[2] - before[2], after[3] - before[3]]);
        let others =
            |objects: [isize; 8]| [objects[0], objects[1], objects[4], objects[5], objects[6], objects[7]];
        assert_eq!(others(after), others(before), "no buffer, texture, pipeline");
        before = after;
    }
    assert_eq!(created, [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0], [0, 0], [0, 0]]);
    assert_eq!(compare(0), (first.0, before));
    session.forget_sources();
    let after = host.objects();
    assert_eq!([before[2] - after[2], before[3] - after[3]], [4, 4]);
}

/// More sources in one encoder than there is room for: a frame is left out, and a target is an error.
#[test]
fn sources_in_use_keep_their_places() {
    let host = Host::open();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 4);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut options = FrameOptions::default();
    options.sources = 2;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    let mut encoder = host.encoder();
    session.record_target(&mut encoder, &textures[0]).unwrap();
    let recorded = [1, 0, 2].map(|k| session.record(&mut encoder, &textures[k], k as u64).unwrap());
    assert_eq!(recorded, [Recorded::Yes, Recorded::Yes, Recorded::NoRoom]);
    let text = session.record_target(&mut encoder, &textures[3]).unwrap_err().to_string();
    assert!(text.contains("raise FrameOptions::sources"), "{text}");
    host.submit(encoder);
    host.wait();
    let mut files = model.session(16, 16).unwrap();
    for k in [1, 0] {
        let expected = bits(&files.compare_blocking(image(&all[k]), image(&all[0])).unwrap());
        assert_eq!(reported(session.poll()), (k as u64, expected));
    }
    host.frame(|encoder| session.record_target(encoder, &textures[3]).unwrap());
    assert_eq!(host.frame(|encoder| session.record(encoder, &textures[2], 2).unwrap()), Recorded::Yes);
    host.wait();
    let expected = bits(&files.compare_blocking(image(&all[2]), image(&all[3])).unwrap());
    assert_eq!(reported(session.poll()), (2, expected));
}

/// What the device refuses leaves the source whose place it would have had as it was.
#[test]
fn a_source_that_is_refused_takes_no_place() {
    let [host, stranger] = Host::open_two();
    let model = host.model("relu1_1");
    let all = scenes(16, 16, 2);
    let [target, frame] = [0, 1].map(|k| host.texture(&all[k]));
    let foreign = stranger.texture(&all[0]);
    let mut options = FrameOptions::default();
    options.sources = 1;
    let mut session = FrameSession::with_options(&model, 16, 16, &options).unwrap();
    host.frame(|encoder| session.record_target(encoder, &target).unwrap());
    host.wait();
    let mut compare = || {
        // Upside down, which its parameters alone say.
        let upside_down = TextureSource::new(&frame).flip_y();
        host.frame(|encoder| session.record(encoder, upside_down, 0).unwrap());
        host.wait();
        let loss = reported(session.poll()).1;
        let refused = session.record(&mut host.encoder(), &foreign, 1).unwrap_err().to_string();
        assert!(refused.contains("the device refused a source's bind group"), "{refused}");
        loss
    };
    let before = compare();
    assert_eq!(compare(), before);
    let turned: Vec<u8> = all[1].rgb.chunks(16 * 3).rev().flatten().copied().collect();
    let turned = Image::rgb8(&turned, 16, 16);
    let expected = model.session(16, 16).unwrap().compare_blocking(turned, image(&all[0])).unwrap();
    assert_eq!(before, bits(&expected));
}

#[test]
fn memory_is_what_is_allocated() {
    let host = Host::open();
    let model = host.model(TAPS);
    // The first session uploads the weights and compiles.
    drop(FrameSession::new(&model, 16, 16).unwrap());
    host.submit(host.encoder());
    let before = buffer_memory(&host.device);
    let mut session = FrameSession::new(&model, 101, 67).unwrap();
    let texture = host.texture(&scenes(101, 67, 1)[0]);
    host.frame(|encoder| session.record_target(encoder, &texture).unwrap());
    host.wait();
    let memory = session.memory();
    let (taken, told) = (buffer_memory(&host.device) - before, memory.total() + memory.target);
    println!("{told} bytes told, {taken} allocated");
    assert!(taken >= told && taken <= told + 24 * 4096, "{taken} bytes allocated, {told} told");
}
