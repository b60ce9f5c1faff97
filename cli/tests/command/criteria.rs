//! Criteria of taps, LPIPS and Gram matrices.

use std::fs;

use serde_json::Value;

use crate::folder::Folder;

#[test]
fn taps_have_criteria_of_their_own() {
    let folder = Folder::with_pictures();
    let taps = "--taps relu1_2=1,pool1=0.5:smooth-l1:0.25,relu1_2=2:gram,conv1_1=1:mse";
    let report =
        folder.json(&format!("compare a.png b.png {taps} --criterion charbonnier --backend cpu")).remove(0);
    let layers = report["layers"].as_array().unwrap();
    let read: Vec<_> = (layers.iter())
        .map(|layer| (layer["name"].as_str().unwrap(), layer["criterion"].as_str().unwrap()))
        .collect();
    let expected = [
        ("conv1_1", "mse"),
        ("relu1_2", "charbonnier:0.001"),
        ("relu1_2", "gram"),
        ("pool1", "smooth-l1:0.25"),
    ];
    assert_eq!(read, expected);
    assert!(layers.iter().all(|layer| layer["loss"].as_f64().unwrap() > 0.0));

    let output = folder.run(&format!("compare a.png b.png {taps} --backend cpu"));
    let table = String::from_utf8(output.stdout).unwrap();
    folder.run(&format!("compare a.png b.png {taps} --backend cpu -o r.csv"));
    assert!(table.contains("(smooth-l1:0.25)") && table.contains("several criteria"), "{table}");
    let csv = fs::read_to_string(folder.path("r.csv")).unwrap();
    let names = "generated,target,total,conv1_1:mse,relu1_2:mse,relu1_2:gram,pool1:smooth-l1:0.25,width,";
    assert!(csv.starts_with(names), "{csv}");
}

/// With the weights of channels that are named, and never with others.
#[test]
fn lpips_has_the_weights_of_channels_that_are_named() {
    let folder = Folder::with_pictures();
    let saved = include_bytes!("../../../tests/golden/pytorch/lpips-old.pth");
    fs::write(folder.path("lin.pth"), saved).unwrap();
    let taps = "--taps relu1_2=1,relu2_2=0.5 --weights seeded:1";
    let options = format!("a.png b.png --preset lpips-vgg {taps} --backend cpu --lin lin.pth");
    let compared = folder.json(&format!("compare {options}")).remove(0);
    assert_eq!(compared["layers"][1]["criterion"], "lpips");
    assert_eq!(compared["linears"]["origin"], "lin.pth");
    assert_eq!(compared["linears"]["sha256"].as_str().unwrap().len(), 64);
    let output = folder.run(&format!("gradient {options} -o g.safetensors --json"));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made, compared);

    fs::copy(folder.path("a.png"), folder.path("lin.pth")).unwrap();
    let (code, text) = folder.fails(&format!("compare {options}"));
    assert!(code == 2 && text.contains("lin.pth"), "{text}");
}
