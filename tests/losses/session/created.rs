//! What is created when: nothing by comparing again, and memory as it was told. On devices of their own, whose objects are
//! counted.

use perceptual_loss::gpu;

use crate::{
    TAPS, buffer_memory,
    comparison::{image, model, scenes},
    gpu_device,
    objects::objects,
};

#[test]
fn comparing_again_creates_nothing_and_another_size_compiles_nothing() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    let all = scenes(24, 24, 3);
    let mut session = model.session(24, 24).unwrap();
    session.compare_blocking(image(&all[0]), image(&all[1])).unwrap();
    let target = session.target(image(&all[2])).unwrap();
    session.compare_to_blocking(&target, &[image(&all[0])]).unwrap();

    let before = objects(&device);
    assert!(before[0] > 0 && before[3] > 0 && before[5] > 0, "the counters count: {before:?}");
    for picture in &all {
        session.compare_blocking(image(picture), image(&all[1])).unwrap();
        session.compare_to_blocking(&target, &[image(picture)]).unwrap();
    }
    assert_eq!(objects(&device), before, "lasting objects after more comparisons");

    let compiled = gpu::pipelines_compiled(&context).unwrap();
    let other = scenes(50, 31, 2);
    let mut second = model.session(50, 31).unwrap();
    second.compare_blocking(image(&other[0]), image(&other[1])).unwrap();
    assert_eq!(gpu::pipelines_compiled(&context).unwrap(), compiled);
    println!("lasting objects created by comparing again: 0; pipelines by a second size: 0 (of {compiled})");
}

#[test]
fn memory_is_told_before_it_is_allocated() {
    let context = gpu_device::open();
    let (device, _) = gpu::device(&context).unwrap();
    let model = model(&context, TAPS);
    // The first session uploads the weights, which are the model's.
    let _weights = model.session(8, 8).unwrap();
    for (width, height, pairs) in [(64, 64, 1), (101, 67, 3)] {
        let told = model.memory(width, height, pairs).unwrap().total();
        let before = buffer_memory(&device);
        let _session = model.batch_session(width, height, pairs).unwrap();
        let taken = buffer_memory(&device) - before;
        // Each of about ten buffers may be rounded up by the driver.
        assert!(taken >= told && taken <= told + 10 * 4096, "{taken} bytes allocated, {told} told");
        println!("{width}x{height} by {pairs}: {told} bytes told, {taken} allocated");
    }
}
