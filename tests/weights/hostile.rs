//! Pickles that mean harm: nothing is executed, nothing overflows, and each ends with one line.

use std::{
    fs,
    time::{Duration, Instant},
};

use perceptual_loss::{Error, Network, weights::Weights};
use proptest::prelude::*;

use crate::{
    common::{ONE, assert_says},
    pickle::{hostile, old_file, zip_file},
};

fn refusal(bytes: Vec<u8>) -> String {
    let loaded = Weights::from_bytes(bytes, "w.pth").and_then(|weights| weights.load(Network::Vgg19, ONE));
    match loaded.map(drop) {
        Err(Error::Weights(message)) => message,
        other => panic!("not Error::Weights but {other:?}"),
    }
}

#[test]
fn nothing_is_executed_and_each_ends_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    for (word, pickle) in hostile(marker.to_str().unwrap()) {
        // In the archive, in an old file, and as it is.
        for file in [zip_file(&pickle, &[]), old_file(&pickle, &[])] {
            let start = Instant::now();
            let message = refusal(file);
            assert!(start.elapsed() < Duration::from_secs(10), "{word}: {:?}", start.elapsed());
            assert_says(&message, &[word]);
            assert!(message.starts_with("w.pth: ") && !message.contains('\n'), "{message}");
            assert!(message.len() < 1000, "{message}");
        }
        assert!(!marker.exists(), "{word}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_bare_pickle_that_asks_for_more_is_refused() {
    let pickle = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.".to_vec();
    assert_says(&refusal(pickle), &["asks to run os.system", "nothing was run"]);
}

#[test]
fn every_opcode_without_operands_ends_well() {
    for opcode in 0..=255 {
        for tail in [&b"."[..], b"", b"\0\0\0\0\0\0\0\0.", b"1\n1\n.", b"\xff\xff\xff\xff\xff\xff\xff\xff."] {
            for head in
                [&b"\x80\x02"[..], b"\x80\x02N", b"\x80\x02(", b"\x80\x02}NN", b"\x80\x02]))", b"\x80\x02(NN"]
            {
                let pickle = [head, &[opcode], tail].concat();
                let message = refusal(zip_file(&pickle, &[]));
                assert!(message.starts_with("w.pth: ") && !message.contains('\n'), "{message}");
            }
        }
    }
}

/// A count of elements that the file does not have.
#[test]
fn an_old_files_counts_are_not_believed() {
    let whole = fs::read("tests/golden/pytorch/plain-old.pth").unwrap();
    let count = whole.windows(8).position(|bytes| bytes == 1728_u64.to_le_bytes()).unwrap();
    for wrong in [1729 + 66, 1 << 40, 1 << 62, u64::MAX] {
        let mut file = whole.clone();
        file[count..count + 8].copy_from_slice(&u64::to_le_bytes(wrong));
        assert_says(&refusal(file), &["cut short"]);
    }
}

/// A good file with bytes changed, taken out, put in or cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let names =
        ["plain-zip", "plain-old", "checkpoint-zip", "checkpoint-old", "protocol-4-zip", "every-other-old"];
    let files: Vec<Vec<u8>> =
        names.iter().map(|name| fs::read(format!("tests/golden/pytorch/{name}.pth")).unwrap()).collect();
    // Where the structure is: the pickles come first, the archive's directory last.
    let place = prop_oneof![4 => 0..1500_usize, 1 => any::<usize>().prop_map(|at| at % 20_000), 2 => (0..900_usize).prop_map(|back| usize::MAX - back)];
    let edits = prop::collection::vec((place, any::<u8>(), 0..4_u8), 1..5);
    let cut = prop::option::weighted(0.1, any::<prop::sample::Index>());
    (prop::sample::select(files), edits, cut).prop_map(|(mut file, edits, cut)| {
        for (at, byte, kind) in edits {
            let at = if at > usize::MAX / 2 {
                file.len().saturating_sub(usize::MAX - at + 1)
            } else {
                at % file.len()
            };
            match kind {
                0 => drop(file.remove(at)),
                1 => file.insert(at, byte),
                _ => file[at] = byte,
            }
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        file
    })
}

/// Opcodes at random, in an archive: most are wrong at once, and some go far.
fn programs() -> impl Strategy<Value = Vec<u8>> {
    let opcodes = b"(.012FIJKLMNPQRSTUVXabcdeghijloprstuq})]G\x81\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x91\x92\x93\x94\x95";
    let piece = prop_oneof![
        6 => prop::sample::select(opcodes.to_vec()).prop_map(|opcode| vec![opcode]),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(b"ccollections\nOrderedDict\n".to_vec()),
        1 => Just(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec()),
        1 => Just(b"ctorch\nFloatStorage\n".to_vec()),
        2 => Just(b"X\x07\0\0\0storage".to_vec()),
        2 => Just(b"X\x08\0\0\x000.weight".to_vec()),
    ];
    prop::collection::vec(piece, 0..60)
        .prop_map(|pieces| zip_file(&[b"\x80\x02", &pieces.concat()[..], b"."].concat(), &[]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(bytes in prop_oneof![3 => mutated(), 1 => programs()]) {
        let loaded = Weights::from_bytes(bytes, "w.pth").and_then(|weights| weights.load(Network::Vgg19, ONE));
        if let Err(error) = loaded {
            let message = error.to_string();
            prop_assert!(message.starts_with("w.pth: ") && !message.contains('\n'), "{}", message);
        }
    }
}
