//! No picture takes more memory than its limit, whatever it becomes on its way: counted in what this process allocates.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Cursor,
    sync::atomic::{AtomicUsize, Ordering},
};

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder as _, ImageFormat, Rgb, RgbImage,
    codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding},
};
use perceptual_loss_files::{ByteSize, Error, Filter, Picture, Reading, Source};

/// The system's allocator, with counts of the bytes that are held and of the most that were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is asked whether it is there, and given back untouched, takes no memory.
const LEAST_QUESTION: usize = 15 << 20;

fn take(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: all that is promised of an allocator the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(if layout.size() < LEAST_QUESTION { layout.size() } else { 0 });
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(if layout.size() < LEAST_QUESTION { layout.size() } else { 0 });
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let size = if layout.size() < LEAST_QUESTION { layout.size() } else { 0 };
        HELD.fetch_sub(size, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // What shrinks stays where it is.
        let more = size.saturating_sub(layout.size());
        take(more);
        HELD.fetch_sub(layout.size().saturating_sub(size), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The most bytes that `work` holds at once, beside what was held before.
fn most<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let done = work();
    (MOST.load(Ordering::Relaxed) - before, done)
}

fn reading(limit: u64) -> Reading {
    let mut reading = Reading::default();
    reading.max_decoded = ByteSize(limit);
    reading
}

/// The least limit with which this goes well, or little more; with less, the limit is what is told.
fn least_limit<T>(work: impl Fn(&Reading) -> Result<T, Error>) -> u64 {
    let (mut low, mut high) = (0, 32 << 20);
    while low + (4 << 10) < high {
        let middle = (low + high) / 2;
        match work(&reading(middle)) {
            Ok(_) => high = middle,
            Err(error) => {
                assert!(error.is_input() && error.to_string().contains("--max-decoded"), "{error}");
                low = middle;
            }
        }
    }
    high
}

/// Tables, lines, and what is read of a file's header.
const SMALL: usize = 320 << 10;

/// What is counted is what is taken: no less, and no more than what decoders may have to take.
fn assert_holds(name: &str, limit: u64, taken: usize) {
    assert!(taken <= limit as usize + SMALL, "{name}: {taken} bytes were taken of {limit}");
    assert!(limit <= 3 * taken as u64, "{name}: {limit} bytes were counted, and {taken} taken");
}

fn scene(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x / 3, y / 2, x * y / 50].map(|value| value as u8))).into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Half of it clear.
fn with_alpha(picture: &DynamicImage) -> DynamicImage {
    let mut rgba = picture.to_rgba32f();
    rgba.pixels_mut().step_by(2).for_each(|pixel| pixel[3] = 0.5);
    rgba.into()
}

fn pictures() -> Vec<(String, Vec<u8>)> {
    let rgb = scene(400, 300);
    let clear = with_alpha(&rgb);
    let mut files = vec![];
    let mut add = |name: &str, picture: DynamicImage, format| {
        files.push((format!("{name} as {format:?}"), encoded(&picture, format)));
    };
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        add("grey", rgb.to_luma8().into(), format);
        add("grey of 16 bits", rgb.to_luma16().into(), format);
        add("colours", rgb.clone(), format);
        add("colours of 16 bits", rgb.to_rgb16().into(), format);
        add("alpha", clear.to_rgba8().into(), format);
        add("alpha of 16 bits", clear.to_rgba16().into(), format);
    }
    add("grey with alpha", clear.to_luma_alpha8().into(), ImageFormat::Png);
    add("grey with alpha of 16 bits", clear.to_luma_alpha16().into(), ImageFormat::Png);
    add("floats", rgb.to_rgb32f().into(), ImageFormat::Tiff);
    add("floats with alpha", clear.clone(), ImageFormat::Tiff);
    add("light", rgb.to_rgb32f().into(), ImageFormat::OpenExr);
    add("light with alpha", clear.clone(), ImageFormat::OpenExr);
    add("light", rgb.to_rgb32f().into(), ImageFormat::Hdr);
    for format in [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tga, ImageFormat::Qoi]
    {
        add("colours", rgb.clone(), format);
    }
    add("grey", rgb.to_luma8().into(), ImageFormat::Jpeg);
    for format in [ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tga, ImageFormat::Qoi]
    {
        add("alpha", clear.to_rgba8().into(), format);
    }
    // Turned by 90 degrees.
    let png = encoded(&rgb, ImageFormat::Png);
    let exif = b"\0\0\0\x1aeXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0";
    files.push(("turned".to_owned(), [&png[..33], exif, &png[33..]].concat()));
    // Steps that are not those of 255.
    let raw = rgb.to_rgb8().into_raw().iter().map(|value| value % 101).collect::<Vec<_>>();
    files.push(("100 steps".to_owned(), [&b"P6 400 300 100\n"[..], &raw].concat()));
    let mut text = vec![];
    PnmEncoder::new(&mut text)
        .with_subtype(PnmSubtype::Pixmap(SampleEncoding::Ascii))
        .write_image(rgb.as_bytes(), 400, 300, ExtendedColorType::Rgb8)
        .unwrap();
    files.push(("text".to_owned(), text));
    // A frame of one pixel in a picture of many.
    let small =
        b"GIF89a\x90\x01\x2c\x01\x80\0\0\xff\0\0\0\0\xff,\x01\0\x01\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;";
    files.push(("a small frame".to_owned(), small.to_vec()));
    files
}

/// One test, since what is counted is the process's.
#[test]
fn a_picture_takes_no_more_than_its_limit() {
    for (name, bytes) in pictures() {
        let source = Source::of_bytes("a.tga", bytes);
        // The header tells.
        let limit = least_limit(|reading| Picture::size_of(&source, reading));
        let (taken, picture) = most(|| Picture::open(&source, &reading(limit)));
        let picture = picture.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_holds(&name, limit, taken);
        let (taken, _) = most(|| picture.cropped(7).unwrap());
        assert!(taken < SMALL, "{name}: {taken} bytes were taken to crop it");
    }

    let wide = scene(15_000, 2);
    let square = scene(200, 150);
    for (picture, size) in
        [(&wide, (40, 20)), (&wide, (15_000, 4)), (&square, (20, 600)), (&square, (600, 20))]
    {
        let clear = with_alpha(picture);
        for (name, file) in [
            ("8 bits", encoded(picture, ImageFormat::Png)),
            ("8 bits and alpha", encoded(&clear.to_rgba8().into(), ImageFormat::Png)),
            ("16 bits", encoded(&picture.to_rgb16().into(), ImageFormat::Png)),
            ("16 bits and alpha", encoded(&clear.to_rgba16().into(), ImageFormat::Png)),
            ("floats", encoded(&picture.to_rgb32f().into(), ImageFormat::Tiff)),
            ("floats and alpha", encoded(&clear, ImageFormat::Tiff)),
        ] {
            let source = Source::of_bytes("a.tga", file);
            let work = |reading: &Reading| Picture::open(&source, reading)?.resized(size, Filter::Triangle);
            let limit = least_limit(work);
            let (taken, resized) = most(|| work(&reading(limit)));
            assert_eq!(resized.unwrap().size(), size);
            assert_holds(&format!("{name} to {size:?}"), limit, taken);
        }
    }
}
