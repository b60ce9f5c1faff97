//! `perceptual-loss demo`, end to end: its table, its sheet, and that the two say the same.

use std::{fs, path::Path, process::Output};

use image::RgbImage;
use serde_json::Value;

use crate::command;

const SIZE: u32 = 192;

fn run(folder: &Path, arguments: &str) -> Output {
    command::command().args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

/// Where the tiles of a row begin, and the rows, down and across the sheet.
fn tile(sheet: &RgbImage, row: u32, column: u32) -> RgbImage {
    let (left, top) = (16 + column * (SIZE + 16), 16 + SIZE + 16 + 34 + row * (SIZE + 62 + 34));
    image::imageops::crop_imm(sheet, left, top, SIZE, SIZE).to_image()
}

#[test]
fn the_numbers_are_those_of_the_pictures_on_the_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--taps relu1_1=1,conv2_1=0.5 --criterion mae --backend cpu";
    let output = run(folder.path(), &format!("demo -o sheet.png --json {options}"));
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 18);

    let sheet = image::open(folder.path().join("sheet.png")).unwrap().into_rgb8();
    let original = image::imageops::crop_imm(&sheet, 16, 16, SIZE, SIZE).to_image();
    original.save(folder.path().join("original.png")).unwrap();
    for (index, line) in (0..).zip(&lines) {
        let (row, column) = (index / 6, index % 6);
        let names = ["blur", "noise", "jpeg", "shift", "contrast", "pixelation"];
        assert_eq!(line["distortion"], names[column as usize]);
        assert_eq!(line["layers"].as_array().unwrap().len(), 2);

        let picture = tile(&sheet, row, column);
        let squares = picture.as_raw().iter().zip(original.as_raw()).map(|(&a, &b)| {
            let difference = i64::from(a) - i64::from(b);
            difference * difference
        });
        let mse = squares.sum::<i64>() as f64 / f64::from(SIZE * SIZE * 3) / 255.0 / 255.0;
        assert!((line["mse"].as_f64().unwrap() / mse - 1.0).abs() < 1e-9, "{line}");
        let psnr = line["psnr"].as_f64().unwrap();
        assert!((10.0f64.powf(psnr / -10.0) / mse - 1.0).abs() < 1e-9, "{line}");
        let wanted = [30.0, 25.0, 22.0][row as usize];
        // Qualities of JPEG and sides of blocks come in whole numbers, and two pixels are the smallest block.
        let allowed = if ["jpeg", "pixelation"].contains(&names[column as usize]) { 3.5 } else { 0.3 };
        assert!((psnr - wanted).abs() < allowed, "{line}");

        picture.save(folder.path().join("tile.png")).unwrap();
        let output = run(folder.path(), &format!("compare tile.png original.png --json {options}"));
        let alone: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&alone["total"], &alone["layers"]), (&line["total"], &line["layers"]));
    }
}

#[test]
fn the_table_has_a_line_for_each_and_two_runs_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a.png", "b.png"].map(|name| {
        let output = run(folder.path(), &format!("demo -o {name} --taps relu1_1 --backend cpu"));
        assert!(output.status.success(), "{output:?}");
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(notes.starts_with("note: the weights default-1, which ship"), "{notes}");
        assert_eq!(notes.lines().count(), 1, "no bar where nobody watches: {notes}");
        String::from_utf8(output.stdout).unwrap().replace(name, "FILE")
    });
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0].lines().count(), 20, "{}", runs[0]);
    for part in ["blur", "quality", "-", "dB", "192x192, on cpu; the contact sheet is FILE"] {
        assert!(runs[0].contains(part), "{part}: {}", runs[0]);
    }
    let [a, b] = ["a.png", "b.png"].map(|name| fs::read(folder.path().join(name)).unwrap());
    assert_eq!(a, b);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

/// With the weights that ship.
#[test]
fn of_each_distortion_more_is_a_larger_loss_and_blocks_are_worse_than_less_contrast() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "demo --json --backend cpu");
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let losses: Vec<_> = lines.iter().map(|line| line["total"].as_f64().unwrap()).collect();
    let rows: Vec<_> = losses.chunks(6).collect();
    assert_eq!(rows.len(), 3);
    for column in 0..6 {
        let of_rows: Vec<_> = rows.iter().map(|row| row[column]).collect();
        assert!(of_rows.is_sorted_by(|less, more| less < more), "{column}: {of_rows:?}");
    }
    // Equal for pixels. So it is for pretrained weights.
    for row in rows {
        let [contrast, pixelation] = [row[4], row[5]];
        assert!(pixelation > 2.0 * contrast, "{row:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_a_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        ("demo -o none/sheet.png", "none/sheet.png: cannot be written"),
        ("demo -o .", "it is a folder"),
        (
            "demo -o sheet.jpg",
            "sheet.jpg: a contact sheet, a PNG, is what is written; name a file that ends in .png",
        ),
        ("demo -o sheet.PNG.webp", "name a file that ends in .png"),
        ("demo --size 8", "192..=2048"),
        ("demo --weights none.safetensors", "none.safetensors"),
        ("demo --taps relu9_9", "no layer 'relu9_9'"),
    ] {
        let output = run(folder.path(), arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {text}");
        assert!(text.starts_with("error: ") && text.contains(part), "{arguments}: {text}");
        assert!(output.stdout.is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments}");
    }
}
