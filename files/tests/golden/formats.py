#!/usr/bin/env python3
"""Small picture files in every format, with the pixels that Pillow (or this script, by hand) reads from them.

    python files/tests/golden/formats.py

It writes files/tests/golden/formats/: files, raw pixels (float32, red, green, blue) and formats.json, which says what
belongs together, how far a decoder may be off, and which warnings there should be. Needs numpy and Pillow with
WebP and LittleCMS.
"""
import io, json, os, shutil, struct, zlib
import numpy as np
from PIL import Image, ImageCms, ImageOps

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats")
W, H = 24, 20
entries = []


def scene(width, height):
    """Smooth colours, a hard edge, and no two rows or columns alike."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 128 + 100 * np.sin(x / 5) * np.cos(y / 7)
    green = 255 * x / (width - 1)
    blue = 255 * y / (height - 1)
    picture = np.stack([red, green, blue], -1)
    picture[: height // 3, : width // 4] = [250, 20, 60]
    return Image.fromarray(picture.round().astype(np.uint8))


def add(name, data, expected, tolerance=0.0, warnings=()):
    """`expected`: height x width x 3, where 1 is full intensity."""
    expected = np.asarray(expected, np.float32)
    pixels = zlib.crc32(expected.tobytes())
    pixels = f"{pixels:08x}.f32"
    with open(os.path.join(FOLDER, pixels), "wb") as file:
        file.write(expected.astype("<f4").tobytes())
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data)
    height, width, _ = expected.shape
    entries.append(dict(file=name, pixels=pixels, width=width, height=height, tolerance=tolerance, warnings=list(warnings)))


def saved(picture, kind, **options):
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def read(data, mode="RGB"):
    """What Pillow reads. Its RGBA to RGB conversion drops alpha and keeps the colours."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return np.asarray(picture.convert(mode), np.float64) / 255


def pillow(name, kind, picture, tolerance=0.0, warnings=(), **options):
    data = saved(picture, kind, **options)
    add(name, data, read(data), tolerance, warnings)


def png(width, height, colour, bits, rows, before=(), after=()):
    """A PNG by hand: `before` and `after` are (name, data) chunks around the pixels."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    data += b"".join(chunk(*it) for it in before)
    data += chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 9))
    return data + b"".join(chunk(*it) for it in after) + chunk(b"IEND", b"")


ALPHA = "alpha is dropped"
ANIMATED = "it is animated"
MANY = "the first is read"
CMYK = "it is CMYK"


def pngs(rgb):
    pixels = np.asarray(rgb)
    rows = [row.tobytes() for row in pixels]
    plain = pixels / 255
    pillow("rgb.png", "PNG", rgb)
    pillow("grey.png", "PNG", rgb.convert("L"))
    pillow("bits.png", "PNG", rgb.convert("1"))
    pillow("palette.png", "PNG", rgb.quantize(16))
    pillow("palette-clear.png", "PNG", rgb.quantize(16), warnings=[ALPHA], transparency=bytes([0, 128] + [255] * 14))
    pillow("grey-alpha.png", "PNG", Image.merge("LA", [rgb.convert("L"), rgb.getchannel(2)]), warnings=[ALPHA])
    pillow("rgba.png", "PNG", Image.merge("RGBA", [*rgb.split(), rgb.getchannel(1)]), warnings=[ALPHA])
    pillow("opaque.png", "PNG", Image.merge("RGBA", [*rgb.split(), Image.new("L", rgb.size, 255)]))
    pillow("colour-key.png", "PNG", rgb, warnings=[ALPHA], transparency=(250, 20, 60))
    deep = np.arange(W * H * 3, dtype=np.uint32).reshape(H, W, 3) * 45 % 65536
    add("rgb16.png", png(W, H, 2, 16, [row.astype(">u2").tobytes() for row in deep]), deep / 65535)
    add("grey16.png", png(W, H, 0, 16, [row[:, 0].astype(">u2").tobytes() for row in deep]),
        np.repeat(deep[:, :, :1], 3, 2) / 65535)
    # Gamma and primaries change what is shown, and the numbers stay as they are.
    gama = (b"gAMA", struct.pack(">I", 100000))
    chrm = (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600))
    add("gamma.png", png(W, H, 2, 8, rows, [gama, chrm]), plain, warnings=["gAMA and cHRM"])
    add("srgb.png", png(W, H, 2, 8, rows, [(b"sRGB", b"\0"), gama, chrm]), plain)
    add("pq.png", png(W, H, 2, 8, rows, [(b"cICP", bytes([9, 16, 0, 1]))]), plain, warnings=["cICP"])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Without the date of its making, so that this script gives the same files every day.
    srgb = srgb[:24] + bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) + srgb[36:84] + bytes(16) + srgb[100:]
    add("icc-srgb.png", saved(rgb, "PNG", icc_profile=srgb), plain)
    # Red and green change places: a profile that is called sRGB and is not.
    other = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    add("icc-other.png", saved(rgb, "PNG", icc_profile=other), plain, warnings=["profile is not sRGB"])
    add("icc-other.webp", saved(rgb, "WebP", lossless=True, icc_profile=other), plain, warnings=["profile is not sRGB"])
    add("icc-other.tif", saved(rgb, "TIFF", icc_profile=other), plain, warnings=["profile is not sRGB"])
    jpeg = saved(rgb, "JPEG", quality=95, subsampling=0, icc_profile=other)
    add("icc-other.jpg", jpeg, read(jpeg), JPEG, ["profile is not sRGB"])
    pillow("animated.png", "PNG", rgb, warnings=[ANIMATED], save_all=True, append_images=[ImageOps.mirror(rgb)])
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    add("late-exif.png", png(W, H, 2, 8, rows, after=[(b"eXIf", exif)]), plain[::-1, ::-1])


# Decoders round differently in the inverse cosine transform and in the colour matrix: two steps of 255. Where chroma is
# half as large, a third one in interpolating it.
JPEG = 2.01 / 255
CHROMA = 3.01 / 255


def jpegs(rgb):
    pillow("rgb.jpg", "JPEG", rgb, JPEG, quality=90, subsampling=0)
    pillow("halved.jpg", "JPEG", rgb, CHROMA, quality=90, subsampling=2)
    pillow("grey.jpg", "JPEG", rgb.convert("L"), JPEG, quality=90)
    pillow("progressive.jpg", "JPEG", rgb, JPEG, quality=90, subsampling=0, progressive=True)
    pillow("restarts.jpg", "JPEG", rgb, JPEG, quality=90, subsampling=0, restart_marker_blocks=1)
    pillow("progressive-restarts.jpg", "JPEG", rgb, CHROMA, quality=90, subsampling=2, progressive=True, restart_marker_blocks=1)
    plain = saved(rgb, "JPEG", quality=90, subsampling=0)
    add("trailing.jpg", plain + b"more \xff\xd8\xff bytes", read(plain), JPEG)
    cmyk = rgb.convert("CMYK")
    values = np.asarray(cmyk).copy()
    # Some black of its own, which conversion from RGB leaves at 0.
    values[:, :, 3] = np.arange(W) * 4
    cmyk = Image.fromarray(values, "CMYK")
    pillow("cmyk.jpg", "JPEG", cmyk, JPEG, [CMYK], quality=95)
    # YCCK: the three inks, as light, in luma and chroma; libjpeg stores what Pillow has inverted.
    light = Image.fromarray(255 - values[:, :, :3]).convert("YCbCr")
    stored = np.dstack([np.asarray(light), 255 - values[:, :, 3]])
    data = bytearray(saved(Image.fromarray(255 - stored, "CMYK"), "JPEG", quality=95))
    adobe = data.index(b"Adobe")
    data[adobe + 11] = 2
    add("ycck.jpg", bytes(data), read(bytes(data)), JPEG, [CMYK])


def oriented():
    small = scene(12, 7)
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        for name, kind, tolerance, options in [
            ("png", "PNG", 0, {}),
            ("webp", "WebP", 0, dict(lossless=True)),
            ("jpg", "JPEG", JPEG, dict(quality=95, subsampling=0)),
        ]:
            pillow(f"oriented{value}.{name}", kind, small, tolerance, exif=exif, **options)
        pillow(f"oriented{value}.tif", "TIFF", small, tiffinfo={0x0112: value})


def others(rgb):
    grey, clear = rgb.convert("L"), Image.merge("RGBA", [*rgb.split(), rgb.getchannel(1)])
    mirrored = ImageOps.mirror(rgb)
    pillow("lossless.webp", "WebP", rgb, lossless=True)
    # The format says how to round, too.
    pillow("lossy.webp", "WebP", rgb, quality=90)
    pillow("rgba.webp", "WebP", clear, warnings=[ALPHA], lossless=True, exact=True)
    pillow("animated.webp", "WebP", rgb, warnings=[ANIMATED], save_all=True, append_images=[mirrored], lossless=True)
    pillow("rgb.bmp", "BMP", rgb)
    pillow("palette.bmp", "BMP", rgb.quantize(16))
    pillow("grey.bmp", "BMP", grey)
    pillow("bits.bmp", "BMP", rgb.convert("1"))
    for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        pillow(f"rgb-{compression}.tif", "TIFF", rgb, compression=compression)
    pillow("grey.tif", "TIFF", grey)
    pillow("rgba.tif", "TIFF", clear, warnings=[ALPHA])
    pillow("bits.tif", "TIFF", rgb.convert("1"))
    pillow("pages.tif", "TIFF", rgb, warnings=[MANY], save_all=True, append_images=[mirrored])
    pillow("cmyk.tif", "TIFF", rgb.convert("CMYK"), warnings=[CMYK])
    pillow("rgb.tga", "TGA", rgb)
    pillow("rle.tga", "TGA", rgb, compression="tga_rle")
    pillow("grey.tga", "TGA", grey)
    pillow("palette.tga", "TGA", rgb.quantize(16))
    pillow("rgba.tga", "TGA", clear, warnings=[ALPHA])
    pillow("palette.gif", "GIF", rgb.quantize(16))
    pillow("clear.gif", "GIF", rgb.quantize(16), warnings=[ALPHA], transparency=3)
    pillow("animated.gif", "GIF", rgb.quantize(16), warnings=[ANIMATED], save_all=True, append_images=[mirrored])
    # A first frame that is smaller than the picture: by hand, with the smallest image there is, of one pixel.
    small = b"GIF89a" + struct.pack("<HHBBB", 3, 2, 0x80, 0, 0) + bytes([255, 0, 0, 0, 0, 255])
    small += b"," + struct.pack("<HHHHB", 1, 1, 1, 1, 0) + b"\2\2\x4c\1\0;"
    around = np.zeros((2, 3, 3))
    around[1, 1] = [0, 0, 1]
    add("within.gif", small, around, warnings=[ALPHA])
    pillow("rgb.qoi", "QOI", rgb)
    pillow("rgba.qoi", "QOI", clear, warnings=[ALPHA])
    icon = scene(32, 32).convert("RGBA")
    for name, bitmap in [("png.ico", "png"), ("bmp.ico", "bmp")]:
        data = saved(icon, "ICO", sizes=[(16, 16), (32, 32)], bitmap_format=bitmap)
        add(name, data, np.asarray(icon.convert("RGB")) / 255, warnings=["the largest is read"])


def maps(rgb):
    pixels = np.asarray(rgb)
    pillow("rgb.ppm", "PPM", rgb)
    pillow("grey.pgm", "PPM", rgb.convert("L"))
    pillow("bits.pbm", "PPM", rgb.convert("1"))
    def header(kind, maximum):
        return f"{kind}\n# a comment\n{W} {H}\n{maximum}\n".encode()
    for maximum in (1, 15, 100, 200, 1000, 65535):
        values = (pixels.astype(np.int64) * maximum + 127) // 255
        stored = values.astype(">u2" if maximum > 255 else "u1").tobytes()
        add(f"max{maximum}.ppm", header("P6", maximum) + stored, values / maximum)
    values = (pixels.astype(np.int64) * 1000 + 127) // 255
    add("text.ppm", header("P3", 1000) + " ".join(map(str, values.ravel())).encode() + b"\n", values / 1000)
    pam = f"P7\nWIDTH {W}\nHEIGHT {H}\nDEPTH 3\nMAXVAL 65535\nTUPLTYPE RGB\nENDHDR\n".encode()
    deep = pixels.astype(np.int64) * 257
    add("rgb16.pam", pam + deep.astype(">u2").tobytes(), deep / 65535)


def curve(light):
    """The sRGB curve, in float64."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def exr(light, width, height, at=(0, 0), display=None, chromaticities=None):
    """Half floats, scanline by scanline, without compression; `at` is where they lie in the picture."""
    def attribute(name, kind, data):
        return name + b"\0" + kind + b"\0" + struct.pack("<i", len(data)) + data
    left, top = at
    box = struct.pack("<4i", left, top, left + width - 1, top + height - 1)
    shown = struct.pack("<4i", 0, 0, *(display[0] - 1, display[1] - 1)) if display else box
    channels = b"".join(name + b"\0" + struct.pack("<iBBBBii", 1, 0, 0, 0, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    header = struct.pack("<II", 20000630, 2)
    header += attribute(b"channels", b"chlist", channels) + attribute(b"compression", b"compression", b"\0")
    header += attribute(b"dataWindow", b"box2i", box) + attribute(b"displayWindow", b"box2i", shown)
    header += attribute(b"lineOrder", b"lineOrder", b"\0") + attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1))
    header += attribute(b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0))
    header += attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1))
    if chromaticities:
        header += attribute(b"chromaticities", b"chromaticities", struct.pack("<8f", *chromaticities))
    header += b"\0"
    row = width * 3 * 2
    start = len(header) + height * 8
    data = header + struct.pack(f"<{height}Q", *(start + y * (row + 8) for y in range(height)))
    for y in range(height):
        planes = light[y, :, ::-1].T.astype("<f2").tobytes()
        data += struct.pack("<ii", top + y, row) + planes
    return data


def tiff(order, pages, kind, sample_format):
    """A TIFF by hand, one strip a page; `order` is < or >. Numbers are bytes, or of the type `kind`."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + b"\0" * 4
    link = 4
    for pixels in pages:
        stored = pixels.astype(order + kind).tobytes()
        height, width, channels = pixels.shape
        bits = np.dtype(kind).itemsize * 8
        at = len(data)
        data += stored + b"\0" * (len(stored) % 2)
        # Three values do not fit into an entry.
        triples = len(data)
        data += struct.pack(order + "6H", *[bits] * 3, *[sample_format] * 3)
        def entry(tag, value, count=1, type_=4):
            short = struct.pack(order + "HH", value, 0) if type_ == 3 and count == 1 else struct.pack(order + "I", value)
            return struct.pack(order + "HHI", tag, type_, count) + short
        entries_ = [
            entry(256, width, type_=3), entry(257, height, type_=3), entry(258, triples, 3, 3), entry(259, 1, type_=3),
            entry(262, 2, type_=3), entry(273, at), entry(277, channels, type_=3), entry(278, height, type_=3),
            entry(279, len(stored)), entry(339, triples + 6, 3, 3),
        ]
        data = data[:link] + struct.pack(order + "I", len(data)) + data[link + 4 :]
        data += struct.pack(order + "H", len(entries_)) + b"".join(entries_)
        link = len(data)
        data += b"\0" * 4
    return data


def tiffs(rgb):
    pixels = np.asarray(rgb)
    floats = pixels / 255 * 0.9 + 0.05
    add("float.tif", tiff("<", [floats], "f4", 3), floats)
    add("float-big-endian.tif", tiff(">", [floats], "f4", 3), floats)
    deep = pixels.astype(np.uint16) * 257
    add("rgb16-big-endian.tif", tiff(">", [deep], "u2", 1), deep / 65535)
    add("pages-big-endian.tif", tiff(">", [pixels, pixels[::-1]], "u1", 1), pixels / 255, warnings=[MANY])


def linear(rgb):
    light = (np.asarray(rgb) / 255) ** 2.2
    half = light.astype("<f2").astype(np.float64)
    add("linear.exr", exr(light, W, H), curve(half), 2e-7)
    srgb = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
    wide = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)
    add("srgb.exr", exr(light, W, H, chromaticities=srgb), curve(half), 2e-7)
    add("wide.exr", exr(light, W, H, chromaticities=wide), curve(half), 2e-7, ["chromaticities are not sRGB's"])
    # Pixels for a part of the picture, and beyond its right: the rest is black.
    placed = np.zeros((H + 10, W + 3, 3))
    placed[6 : 6 + H, 5 : W + 3] = half[:, : W - 2]
    add("placed.exr", exr(light, W, H, at=(5, 6), display=(W + 3, H + 10)), curve(placed), 2e-7)
    # RGBE: three mantissas of 8 bits under one exponent.
    mantissa, exponent = np.frexp(light.max(-1))
    scale = np.ldexp(1.0, 8 - exponent)
    bytes_ = np.minimum(light * scale[..., None], 255).astype(np.uint8)
    rgbe = np.dstack([bytes_, (exponent + 128).astype(np.uint8)])
    seen = bytes_ / scale[..., None]
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {H} +X {W}\n".encode()
    # The new kind of rows, in runs of literals.
    rows = b"".join(
        struct.pack("<BBBB", 2, 2, 0, W) + b"".join(bytes([W]) + row[:, c].tobytes() for c in range(4)) for row in rgbe
    )
    add("linear.hdr", header + rows, curve(seen), 2e-7)
    # The old kind: pixel after pixel. None of these may begin like the new kind.
    add("flat.hdr", header + rgbe.tobytes(), curve(seen), 2e-7)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    rgb = scene(W, H)
    pngs(rgb)
    jpegs(rgb)
    oriented()
    others(rgb)
    maps(rgb)
    linear(rgb)
    tiffs(rgb)
    with open(os.path.join(FOLDER, "formats.json"), "w") as file:
        file.write("[\n" + ",\n".join("  " + json.dumps(entry) for entry in entries) + "\n]\n")


main()
