#!/usr/bin/env python3
"""Makes the files of formats/: small pictures in formats and oddities, and Pillow's reading of each as a plain PNG.

    python formats.py        (needs numpy and pillow)

NAME is read by the command, NAME.expected.png is what Pillow makes of it. Where the command says that it takes
something as stored, the expected picture is what is stored.
"""
import io, pathlib, struct, zlib
import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

OUT = pathlib.Path(__file__).parent / "formats"
OUT.mkdir(exist_ok=True)
H, W = 10, 12
rng = np.random.RandomState(5)
y, x = np.mgrid[0:H, 0:W]
RGB = np.stack([x * 20 + 5, y * 22 + 9, (x * y * 2 + 30) % 256], -1).astype(np.uint8)
RGB[2:5, 3:7] = (250, 40, 20)
NOISE = rng.randint(0, 256, (H, W, 3)).astype(np.uint8)
picture = Image.fromarray(RGB)


def put(name, data, expected):
    (OUT / name).write_bytes(data)
    if expected is not None:
        expected.convert("RGB").save(OUT / f"{name}.expected.png")


def saved(image, format, **options):
    f = io.BytesIO(); image.save(f, format, **options)
    return f.getvalue()


def read(data):
    return Image.open(io.BytesIO(data))


def png(colour_type, depth, rows, chunks=()):
    """A PNG from raw rows, with chunks between IHDR and IDAT."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = struct.pack(">IIBBBBB", W, H, depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunk(*c) for c in chunks) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


rows = [row.tobytes() for row in RGB]

# PNG's oddities. Colours under transparency are what is stored.
put("gamma.png", png(2, 8, rows, [(b"gAMA", struct.pack(">I", 100000))]), picture)
put("colour-key.png", png(2, 8, rows, [(b"tRNS", struct.pack(">HHH", 250, 40, 20))]), picture)
palette = picture.quantize(8)
put("palette.png", saved(palette, "PNG"), palette)
put("palette-alpha.png", saved(palette, "PNG", transparency=bytes([0, 128] + [255] * 6)), palette)
grey = picture.convert("L")
put("grey-alpha.png", saved(Image.merge("LA", [grey, Image.fromarray((RGB[..., 0] // 2).copy())]), "PNG"), grey)
put("grey-2-bit.png", png(0, 2, [bytes([0b00011011, 0b11100100, 0b01010101])] * H),
    Image.fromarray(np.tile(np.array([0, 1, 2, 3, 3, 2, 1, 0, 1, 1, 1, 1], np.uint8) * 85, (H, 1))))
put("animated.png", saved(picture, "PNG", save_all=True, append_images=[Image.fromarray(NOISE)], default_image=False), picture)
srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
put("srgb-profile.png", saved(picture, "PNG", icc_profile=srgb), picture)
other = srgb.replace(b"sRGB", b"Wide").replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))
put("other-profile.png", saved(picture, "PNG", icc_profile=other), picture)
put("other-profile.jpg", saved(picture, "JPEG", quality=95, icc_profile=other), read(saved(picture, "JPEG", quality=95)))

# JPEG's.
for name, options in {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 1}, "444": {"subsampling": 0}}.items():
    data = saved(picture, "JPEG", quality=95, **options)
    put(f"{name}.jpg", data, read(data))
put("grey.jpg", saved(grey, "JPEG", quality=95), read(saved(grey, "JPEG", quality=95)))
ink = picture.convert("CMYK")
data = saved(ink, "JPEG", quality=100, subsampling=0); put("cmyk.jpg", data, read(data))

# Every orientation; Pillow's transposition is what is expected.
for value in range(1, 9):
    exif = Image.Exif(); exif[0x0112] = value
    for format, ending, options in (("PNG", "png", {}), ("WEBP", "webp", {"lossless": True}), ("TIFF", "tiff", {}), ("JPEG", "jpg", {"quality": 100, "subsampling": 0})):
        data = saved(picture, format, exif=exif, **options)
        put(f"orientation-{value}.{ending}", data, ImageOps.exif_transpose(read(data)))

# Other formats as Pillow writes them.
for name, format, options in (("plain.bmp", "BMP", {}), ("plain.tiff", "TIFF", {"compression": "tiff_lzw"}), ("plain.tga", "TGA", {"compression": "tga_rle"}),
                              ("plain.ppm", "PPM", {}), ("lossless.webp", "WEBP", {"lossless": True}), ("lossy.webp", "WEBP", {"quality": 95})):
    data = saved(picture, format, **options); put(name, data, read(data))
data = saved(palette, "GIF"); put("plain.gif", data, palette)
data = saved(palette, "GIF", save_all=True, append_images=[Image.fromarray(NOISE).quantize(8)]); put("animated.gif", data, palette)
data = saved(picture, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(NOISE)], duration=100); put("animated.webp", data, picture)
data = saved(picture, "TIFF", save_all=True, append_images=[Image.fromarray(NOISE)]); put("pages.tiff", data, picture)
data = saved(ink, "TIFF"); put("cmyk.tiff", data, ink)
large = picture.resize((32, 32), Image.NEAREST).convert("RGBA")
put("sizes.ico", saved(large, "ICO", sizes=[(16, 16), (32, 32)]), large)

# A largest sample that is neither 255 nor 65535; Pillow's reading would be rounded, so the test knows the values.
put("thousand.pgm", b"P5\n12 10\n1000\n" + b"".join(struct.pack(">H", v) for v in range(0, 120 * 8, 8)), None)
put("thirty-one.ppm", b"P3\n2 1\n31\n0 1 2 3 30 31\n", None)
