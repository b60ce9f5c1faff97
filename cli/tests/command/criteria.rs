//! Criteria of taps, LPIPS and Gram matrices.

use std::fs;

use serde_json::Value;

use crate::{folder::Folder, scene::Scene};

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

/// A style has any size. Content is compared with the target, whatever the style.
#[test]
fn a_style_is_compared_with_by_gram_matrices() {
    let folder = Folder::with_pictures();
    let style = Scene::new(31, 57, 3);
    image::save_buffer(folder.path("s.png"), &style.rgb, 31, 57, image::ColorType::Rgb8).unwrap();
    let taps = "--taps relu1_2=1:mse,relu1_2=2:gram,pool1=0.5:gram --backend cpu";
    let plain = folder.json(&format!("compare a.png b.png {taps}")).remove(0);
    let styled = folder.json(&format!("compare a.png b.png --style s.png {taps}")).remove(0);
    assert_eq!((&styled["style"], &plain["style"]), (&Value::from("s.png"), &Value::Null));
    assert_eq!(styled["layers"][0], plain["layers"][0]);
    let gram = |report: &Value, layer: usize| report["layers"][layer]["loss"].as_f64().unwrap();
    for layer in [1, 2] {
        assert!(gram(&styled, layer) > 10.0 * gram(&plain, layer), "{styled}, {plain}");
    }
    // The target's own style is none.
    let own = folder.json(&format!("compare a.png b.png --style b.png {taps}")).remove(0);
    assert_eq!(own["layers"], plain["layers"]);
    // Of many pictures, and with a gradient.
    let many = folder.json(&format!("compare a.png b.png --target b.png --style s.png {taps}"));
    assert_eq!(many[0], styled);
    assert!(gram(&many[1], 0) == 0.0 && gram(&many[1], 1) > 0.0, "{many:?}");
    let output = folder.run(&format!("gradient a.png b.png --style s.png {taps} -o g.safetensors --json"));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made, styled);

    let output = folder.run(&format!("compare a.png b.png --style s.png {taps}"));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("a.png against b.png, in the style of s.png\n"), "{table}");
    folder.run(&format!("compare a.png b.png --style s.png {taps} -o r.csv"));
    let csv = fs::read_to_string(folder.path("r.csv")).unwrap();
    assert!(csv.starts_with("generated,target,style,total,relu1_2:mse,") && csv.contains(",s.png,"), "{csv}");
}

/// The gradient of Gram matrices in parts, which the plan tells of.
#[test]
fn a_style_in_a_budget_goes_through_twice() {
    let folder = Folder::with_pictures();
    let all = "gradient a.png b.png --style a.png --taps conv1_2=1,relu1_2=2:gram --backend cpu";
    let in_parts = format!("{all} --memory 500KB");
    let text = |arguments: &str| String::from_utf8(folder.run(arguments).stdout).unwrap();
    let (whole, plan) = (text(&format!("{all} --plan")), text(&format!("{in_parts} --plan")));
    assert!(whole.contains(": in one part\n"), "{whole}");
    assert!(plan.lines().next().unwrap().ends_with(", which go through twice"), "{plan}");
    let total = |arguments: &str| {
        let report: Value =
            serde_json::from_str(&text(&format!("{arguments} -o g.safetensors --json"))).unwrap();
        report["total"].as_f64().unwrap()
    };
    let (whole, parts) = (total(all), total(&in_parts));
    assert!((parts / whole - 1.0).abs() < 1e-5, "{parts} and {whole}");
}

#[test]
fn what_is_wrong_with_a_style_is_said() {
    let folder = Folder::with_pictures();
    image::RgbImage::new(3, 40).save(folder.path("thin.png")).unwrap();
    let gram = "--preset gram --backend cpu";
    for (arguments, part) in [
        ("compare a.png b.png --style b.png".to_owned(), "the loss has none; take --preset gatys"),
        ("gradient a.png b.png --style b.png -o g.safetensors".to_owned(), "the loss has none"),
        (format!("compare a.png b.png {gram} --style gone.png"), "gone.png"),
        (format!("compare a.png b.png {gram} --style thin.png"), "3x40 is too small for tap relu5_1"),
        (format!("compare - b.png {gram} --style -"), "- is given 2 times"),
        (
            format!("gradient a.png a.png {gram} --style b.png -o g.safetensors --image b.png"),
            "b.png is a picture to compare",
        ),
    ] {
        let (code, text) = folder.fails(&arguments);
        assert!(code == 2 && text.contains(part), "{arguments}: {text}");
    }
    assert_eq!(folder.names(), ["a.png", "b.png", "thin.png"]);
}
