//! Frame after frame: nothing grows. The memory of the whole process is watched.

use std::time::Duration;

use perceptual_loss::gpu::{FrameReport, FrameSession, Recorded};

use crate::{
    alone,
    comparison::{bits, image, scenes},
    host::Host,
};

#[test]
fn nothing_grows_with_three_frames_in_flight() {
    // A driver's memory grows by less and less for some hundred frames, whatever they hold: SwiftShader's by 10 MB in
    // its first thousand and by 0.3 to 2 MB in the second. What leaks with every frame grows in both alike.
    const SETTLING: u64 = 1000;
    const FRAMES: u64 = SETTLING + 1000;
    let _alone = alone();
    let host = Host::open();
    // One tap, so that a software driver is through in half a minute.
    let model = host.model("relu1_1");
    let all = scenes(64, 64, 4);
    let textures: Vec<_> = all.iter().map(|scene| host.texture(scene)).collect();
    let mut files = model.session(64, 64).unwrap();
    let expected: Vec<_> = textures
        .iter()
        .enumerate()
        .map(|(k, _)| bits(&files.compare_blocking(image(&all[k]), image(&all[0])).unwrap()))
        .collect();

    let mut session = FrameSession::new(&model, 64, 64).unwrap();
    let mut cpu = vec![];
    let mut reports = 0;
    let mut took = |session: &mut FrameSession| {
        while let Some(FrameReport { frame, result, .. }) = session.poll() {
            assert_eq!(frame, reports, "in order");
            assert_eq!(bits(&result.unwrap()), expected[frame as usize % 4], "frame {frame}");
            reports += 1;
        }
    };
    let (mut objects, mut resident) = ([0; 8], 0);
    for frame in 0..FRAMES {
        let mut encoder = host.encoder();
        if frame == 0 {
            session.record_target(&mut encoder, &textures[0]).unwrap();
        }
        let start = cpu_time::ThreadTime::now();
        let recorded = session.record(&mut encoder, &textures[frame as usize % 4], frame).unwrap();
        cpu.push(start.elapsed());
        if recorded == Recorded::NoRoom {
            assert_eq!(session.in_flight(), 3);
            // A host leaves the frame out; this one wants all of them.
            host.wait();
            took(&mut session);
            let again = session.record(&mut encoder, &textures[frame as usize % 4], frame).unwrap();
            assert_eq!(again, Recorded::Yes);
        }
        host.submit(encoder);
        // Each texture was seen once.
        if frame == 4 {
            objects = host.objects();
        } else if frame == SETTLING {
            resident = memory();
        }
    }
    assert_eq!(host.objects(), objects, "lasting objects created after the first frames");
    took(&mut session);
    assert_eq!((reports, session.in_flight()), (FRAMES, 0));
    cpu.sort();
    let (median, slowest) = (cpu[cpu.len() / 2], cpu[cpu.len() - 1]);
    assert!(median < Duration::from_millis(1), "{median:?}");
    let grown = memory().saturating_sub(resident);
    assert!(grown < 4 << 20, "{grown} bytes more than after the first thousand frames");
    println!(
        "record() took {median:?} of its thread's time, {slowest:?} at most; {grown} bytes more memory; lasting objects: 0 more"
    );
}

/// Bytes that the process has in memory; 0 where it is not known.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}
