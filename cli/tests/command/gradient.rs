//! `perceptual-loss gradient`, end to end.

use std::fs;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::folder::Folder;

const GRADIENT: &str = "gradient a.png b.png --taps relu1_2=1,pool1=0.5 --backend cpu";

fn values(folder: &Folder, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(folder.path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.names(), ["gradient"]);
    let tensor = file.tensor("gradient").unwrap();
    assert_eq!(tensor.dtype(), Dtype::F32);
    let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    (tensor.shape().to_vec(), values.collect())
}

#[test]
fn a_gradient_is_a_tensor_and_a_picture() {
    let folder = Folder::with_pictures();
    let output = folder.run(&format!("{GRADIENT} -o g.safetensors --image g.png --json"));
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let compared = folder.run(&format!("{} --json", GRADIENT.replace("gradient", "compare")));
    let compared: Value = serde_json::from_slice(&compared.stdout).unwrap();
    assert_eq!(report, compared, "the report is that of a comparison");
    let (shape, gradient) = values(&folder, "g.safetensors");
    assert_eq!(shape, [3, 24, 40]);
    assert!(gradient.iter().all(|value| value.is_finite()) && gradient.iter().any(|value| *value != 0.0));
    let picture = image::open(folder.path("g.png")).unwrap().to_rgb8();
    assert!(picture.width() >= 40 && picture.height() > 24, "{:?}", picture.dimensions());
    // The more light makes the loss less, the bluer.
    let slope = |at: usize| (0..3).map(|channel| gradient[channel * 960 + at]).sum::<f32>();
    let least = (0..960).min_by(|a, b| slope(*a).total_cmp(&slope(*b))).unwrap();
    let [red, _, blue] = picture.get_pixel(least as u32 % 40, least as u32 / 40).0;
    assert!(slope(least) < 0.0 && blue > red, "{} is {red}, {blue}", slope(least));
    assert_eq!(folder.names(), ["a.png", "b.png", "g.png", "g.safetensors"]);

    let same =
        folder.run(&format!("{} -o zero.safetensors --image zero.png", GRADIENT.replace("a.png", "b.png")));
    assert!(same.status.success(), "{same:?}");
    assert!(values(&folder, "zero.safetensors").1.iter().all(|value| *value == 0.0));
}

#[test]
fn a_plan_of_a_gradient() {
    let folder = Folder::with_pictures();
    let output = folder.run(&format!("{GRADIENT} --plan"));
    let text = String::from_utf8(output.stdout).unwrap();
    for step in
        ["conv1_2 mask", "pool1 routes", "pool1 difference gradient", "conv1_1 gradient", "pixels gradient"]
    {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert_eq!(folder.names(), ["a.png", "b.png"]);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    let folder = Folder::with_pictures();
    image::RgbImage::new(8, 8).save(folder.path("small.png")).unwrap();
    let files = folder.names();
    for (arguments, part) in [
        ("gradient a.png b.png", "--output"),
        ("gradient a.png b.png -o g.npy", "ends in .safetensors"),
        ("gradient a.png b.png -o g.safetensors --image g.jpg", "ends in .png"),
        ("gradient a.png b.png -o a.safetensors --image a.png", "a.png is a picture to compare"),
        ("gradient a.png small.png -o g.safetensors", "small.png is 8x8"),
        ("gradient a.png gone.png -o g.safetensors", "gone.png"),
    ] {
        let (code, text) = folder.fails(arguments);
        assert_eq!(code, 2, "{arguments}");
        assert!(text.contains(part), "{arguments}: {text}");
        assert_eq!(folder.names(), files, "{arguments}");
    }
}
