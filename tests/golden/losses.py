#!/usr/bin/env python3
"""Whole losses by PyTorch in float64, which the tests hold the crate's executors against. Needs numpy and torch.

    python tests/golden/losses.py > tests/golden/losses.json

It shares no code with the crate, so that a mistake has to be made twice to go unseen. Pictures come from integers
alone (`tests/common/scene.rs` draws the same ones) and weights from seeds, so that no file has to travel with the
numbers. Each case compares a distorted scene with the scene; the SHA-256 of both pictures' bytes tells a picture that
differs from a loss that does. Where there is a style, another scene of another size, Gram matrices are compared with its.
"""
import functools, hashlib, json
import numpy as np
import torch
import torch.nn.functional as F

# Convolutions in each of the five blocks, and the channels that they give.
NETWORKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)

FOUR = "relu1_2=1.0,relu2_2=0.75,relu3_3=0.5,relu4_2=0.25"
FIVE = "conv1_2=0.1,conv2_2=0.1,conv3_4=1.0,conv4_4=1.0,conv5_4=1.0"
SIGNED_FIVE = "relu1_1=0.03125,relu2_1=0.0625,relu3_1=0.125,relu4_1=0.25,relu5_1=1.0"
# network, taps, criterion, norm
PRESETS = {
    "vgg19": ("vgg19", FOUR, "mse", "imagenet"),
    "study-card": ("vgg19", FOUR, "mse", "none"),
    "johnson": ("vgg16", "relu2_2=1.0", "mse", "imagenet"),
    "srgan": ("vgg19", "relu5_4=1.0", "mse", "imagenet"),
    "esrgan": ("vgg19", "conv5_4=1.0", "mae", "imagenet"),
    "real-esrgan": ("vgg19", FIVE, "mae", "imagenet"),
    "pix2pixhd": ("vgg19", SIGNED_FIVE, "mae", "signed"),
}
NORMS = {
    "none": "scale=1",
    "imagenet": "mean=0.485/0.456/0.406,std=0.229/0.224/0.225",
    "signed": "mean=1/1/1,scale=2",
    "caffe": "mean=103.939/116.779/123.68,scale=255,order=bgr",
}
LPIPS_FIVE = "relu1_2=1.0,relu2_2=1.0,relu3_3=1.0,relu4_3=1.0,relu5_3=1.0"
GRAM_FIVE = "relu1_1=1.0,relu2_1=1.0,relu3_1=1.0,relu4_1=1.0,relu5_1=1.0"
MIXED = "relu1_1=1.0,relu2_1=0.5:mae,relu2_1=2.0,pool2=1.0:charbonnier:0.01,relu3_1=1.0:smooth-l1:0.2"
GATYS = "relu1_1=200.0,relu2_1=200.0,relu3_1=200.0,relu4_1=200.0,relu4_2=1.0:mse,relu5_1=200.0"
STYLE_OWN = "conv1_1=1.0,relu1_2=0.5:mae,relu1_2=2.0,pool2=1.0,relu2_2=0.25:mse,conv3_1=0.5"
OWN = "mean=0.5/0.4/0.3,std=0.2/0.3/0.4,scale=2,order=bgr"

DISTORTIONS = ("noise", "blur", "bright")
# At odd sizes pools drop rows and columns: 45 and 35 at several depths, 67 at the first two, 40 at the fourth.
SIZES = ((32, 32), (45, 35), (67, 40))
# network, taps, criterion, norm, size. Every kind of layer is tapped in each network, before and after pools.
EXPLICIT = [
    ("vgg19", FOUR, "mse", "caffe", (45, 35)),
    ("vgg19", FOUR, "mae", OWN, (67, 40)),
    ("vgg16", "relu2_2=1.0", "mae", "caffe", (32, 32)),
    ("vgg16", "relu2_2=1.0", "mse", OWN, (45, 35)),
    ("vgg19", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mse", "imagenet", (45, 35)),
    ("vgg19", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mae", "none", (67, 40)),
    ("vgg16", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mse", "signed", (67, 40)),
    ("vgg16", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mae", "imagenet", (45, 35)),
    ("vgg19", "conv1_1=0.25,relu1_1=0.5,pool3=1.5,relu4_4=1.0,pool4=3.0,conv5_2=0.125", "mae", OWN, (45, 35)),
    ("vgg16", "conv1_1=0.25,pool2=1.0,conv3_3=0.75,relu3_3=0.5,pool4=3.0,relu5_3=0.125", "mse", "caffe", (67, 40)),
    ("vgg16", "relu1_2=1.0,relu2_2=1.0,relu3_3=1.0,relu4_3=1.0,conv5_3=1.0", "mae", "none", (45, 35)),
    # Pictures smaller than a kernel's window, a vector or a workgroup.
    ("vgg19", "relu1_2=1.0", "mse", "imagenet", (1, 1)),
    ("vgg19", "relu1_2=1.0", "mae", "none", (1, 7)),
    ("vgg16", "relu1_2=1.0", "mse", "imagenet", (5, 1)),
    ("vgg16", "relu2_2=1.0", "mae", "imagenet", (2, 2)),
    ("vgg19", "relu2_2=1.0", "mse", "none", (3, 3)),
    # The last layer, also of the smallest picture that has it, and at its odd sizes.
    ("vgg19", "relu5_4=0.5,pool5=2.0", "mse", "imagenet", (67, 40)),
    ("vgg19", "pool5=1.0", "mae", "none", (32, 32)),
    ("vgg16", "pool4=0.25,conv5_3=0.5,pool5=1.5", "mse", OWN, (35, 66)),
    # Criteria of taps' own, and several of one layer.
    ("vgg19", MIXED, "mse", "imagenet", (45, 35)),
    ("vgg16", "relu1_2=1.0,conv2_2=0.5,pool3=2.0", "smooth-l1:0.5", OWN, (33, 37)),
    ("vgg16", "relu1_2=1.0,conv2_2=0.5,pool2=1.0:mae,pool2=2.0", "charbonnier:0.001", "signed", (35, 32)),
    ("vgg16", LPIPS_FIVE, "lpips", "imagenet", (45, 35)),
    ("vgg16", LPIPS_FIVE, "lpips", "imagenet", (67, 40)),
    ("vgg16", "relu1_2=1.0:mae,relu1_2=0.5,relu2_2=2.0:mse,relu3_3=1.0", "lpips", "none", (32, 32)),
    ("vgg19", GRAM_FIVE, "gram", "imagenet", (45, 35)),
    ("vgg19", GRAM_FIVE, "gram", "caffe", (67, 40)),
    ("vgg16", "conv1_1=1.0,relu1_2=0.5:mae,relu1_2=2.0,pool2=1.0,conv3_1=0.5", "gram", "none", (32, 32)),
]
# network, taps, criterion, norm, size, size of the style, if there is one. Cases are counted through: new ones come last.
STYLED = [
    ("vgg19", GATYS, "gram", "caffe", (45, 35), None),
    ("vgg19", GATYS, "gram", "caffe", (40, 33), (67, 52)),
    ("vgg19", GATYS, "gram", "caffe", (67, 40), (16, 19)),
    ("vgg16", STYLE_OWN, "gram", "none", (33, 29), (21, 58)),
]


def splitmix64(z):
    """One output of SplitMix64 for each state, wrapping as uint64 does."""
    z = np.atleast_1d(np.asarray(z, dtype=np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random(seed, count):
    """Numbers 0..count of a seed's."""
    return splitmix64(splitmix64(seed) + np.arange(count, dtype=np.uint64))


PALETTE = (0x264653, 0x2A9D8F, 0xE9C46A, 0xF4A261, 0xE76F51, 0xF1FAEE, 0xA8DADC, 0x457B9D)


def scene(w, h, seed):
    """uint8, rows of red, green, blue; line by line what `Scene::new` in scene.rs does."""
    draws = iter(random(seed, 2 + 48 * 12).tolist())
    pick = lambda n: (next(draws) >> 33) % n
    colour = lambda i: np.array([PALETTE[i] >> shift & 255 for shift in (16, 8, 0)])
    y, x = (v[..., None] for v in np.mgrid[0:h, 0:w])
    top, low = colour(pick(8)), colour(pick(8))
    rgb = (top * (h - y) + low * y) // h + 0 * x
    for leaf in range(48):
        cx, cy, r = pick(w), pick(h), 2 + pick(1 + max(w, h) * (60 - leaf) // 300)
        ex, ey = pick(2) * pick(1 + 2 * r), pick(2) * pick(1 + 2 * r)
        leaf_colour, stripes = colour(pick(8)), pick(3) * 48
        ax, ay, period = pick(9), pick(9), 8 + pick(32)
        dx, dy = np.maximum(abs(x - cx) - ex, 0), np.maximum(abs(y - cy) - ey, 0)
        cover = np.clip((r * r - dx * dx - dy * dy) * 128 // r + 128, 0, 256)
        slope = (cx - x + cy - y) * 40 // (2 * r + ex + ey)
        wave = abs((ax * x + ay * y) % (2 * period) - period)
        light = 240 + slope - stripes * wave // period
        rgb = rgb + ((np.minimum(leaf_colour * light >> 8, 255) - rgb) * cover >> 8)
    return rgb.astype(np.uint8)


def distort(kind, picture, seed):
    """Only noise needs the seed."""
    old = picture.astype(np.int64)
    if kind == "noise":
        bits = random(seed, old.size).reshape(old.shape)
        new = old + (bits >> np.uint64(32) & np.uint64(31)).astype(np.int64) - (bits & np.uint64(31)).astype(np.int64)
    elif kind == "blur":
        h, w, _ = old.shape
        wide = np.pad(old, ((2, 2), (2, 2), (0, 0)), mode="edge")
        weights = (1, 4, 6, 4, 1)
        new = sum(a * b * wide[j:j + h, k:k + w] for j, a in enumerate(weights) for k, b in enumerate(weights))
        new = (new + 128) // 256
    else:
        new = old + 32
    return np.clip(new, 0, 255).astype(np.uint8)


@functools.cache
def seeded(name, shape, seed):
    """Untrained weights: uniform, He-scaled, from SplitMix64 over the hash of the tensor's name; rounded to float32."""
    base = 0xCBF29CE484222325
    for byte in name.encode():  # FNV-1a
        base = (base ^ byte) * 0x100000001B3 % 2**64
    bits = random(base ^ seed, int(np.prod(shape))) >> np.uint64(40)
    bound = (6 / np.prod(shape[1:])) ** 0.5 if len(shape) == 4 else 0.1
    values = (2 * (bits.astype(np.float64) / 2**24) - 1) * bound
    return torch.from_numpy(values.astype(np.float32).reshape(shape)).double()


def features(network, seed, x):
    """(layer's name, its output), layer by layer."""
    index = 0
    for block, (convs, channels) in enumerate(zip(NETWORKS[network], CHANNELS), 1):
        for conv in range(1, convs + 1):
            weight = seeded(f"features.{index}.weight", (channels, x.shape[1], 3, 3), seed)
            x = F.conv2d(x, weight, seeded(f"features.{index}.bias", (channels,), seed), padding=1)
            yield f"conv{block}_{conv}", x
            x = F.relu(x)
            yield f"relu{block}_{conv}", x
            index += 2
        if min(x.shape[2:]) < 2:
            return  # A pool would leave nothing.
        x = F.max_pool2d(x, 2)
        yield f"pool{block}", x
        index += 1


def normalized(picture, norm):
    """(value * scale - mean) / std with the constants in the order of the network's channels."""
    own = {"mean": "0/0/0", "std": "1/1/1", "scale": "1", "order": "rgb"}
    own |= dict(part.split("=") for part in NORMS.get(norm, norm).split(","))
    mean, std = (torch.tensor([float(v) for v in own[key].split("/")], dtype=torch.float64) for key in ("mean", "std"))
    x = torch.as_tensor(picture).double() / 255
    x = x.flip(2) if own["order"] == "bgr" else x
    return ((x * float(own["scale"]) - mean) / std).permute(2, 0, 1)[None]


# LPIPS's five layers, whose channels' weights can be told from each other: those of pytorch/lpips-old.pth.
LPIPS = {layer: k for k, layer in enumerate(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"))}


def lpips(u, v, k):
    unit = lambda x: x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
    weights = k + torch.arange(u.shape[1], dtype=torch.float64).view(1, -1, 1, 1) / 1024
    return (weights * (unit(u) - unit(v)).square()).sum(1).mean()


def gram(x):
    x = x.flatten(2)
    return x @ x.transpose(1, 2) / x[0].numel()


def compare(criterion, layer):
    """The function of two feature maps of a layer that a text such as smooth-l1:0.5 stands for."""
    name, _, parameter = criterion.partition(":")
    if name == "lpips":
        return lambda u, v: lpips(u, v, LPIPS[layer])
    if name == "smooth-l1":
        return lambda u, v: F.smooth_l1_loss(u, v, beta=float(parameter))
    if name == "charbonnier":
        return lambda u, v: (((u - v).square() + float(parameter) ** 2).sqrt() - float(parameter)).mean()
    if name == "gram":
        return lambda u, v: F.mse_loss(gram(u), gram(v))
    return {"mse": F.mse_loss, "mae": F.l1_loss}[name]


def tapped(taps, criterion):
    """The (weight, criterion) of each layer in taps such as relu1_2=1.0,pool1=0.5:mae, which have this criterion where none is given."""
    layers = {}
    for tap in taps.split(","):
        tap, _, own = tap.partition(":")
        name, weight = tap.split("=")
        layers.setdefault(name, []).append((float(weight), own or criterion))
    return layers


def of_taps(network, taps, criterion, norm, weights_seed, generated, target, style):
    """(layer's name, weight, loss) of each tap. Gram matrices are compared with those of the style."""
    left = tapped(taps, criterion)
    three = (features(network, weights_seed, normalized(picture, norm)) for picture in (generated, target, style))
    for (name, u), (_, v), (_, s) in zip(*three):
        for weight, own in left.pop(name, []):
            yield name, weight, compare(own, name)(u, s if own == "gram" else v)
        if not left:
            return
    raise ValueError(f"{network} has no {', '.join(left)} at this size")


def losses(*what):
    """(total, layers)"""
    layers = [{"name": name, "weight": weight, "loss": loss.item()} for name, weight, loss in of_taps(*what)]
    return sum(layer["weight"] * layer["loss"] for layer in layers), layers


def cases():
    """Every preset at every size; each preset and each size meets each distortion."""
    for i, (preset, config) in enumerate(PRESETS.items()):
        for j, size in enumerate(SIZES):
            yield {"preset": preset}, config, size, None, i, i + j
    for i, (*config, size) in enumerate(EXPLICIT):
        yield dict(zip(("network", "taps", "criterion", "norm"), config)), config, size, None, i, i
    for i, (*config, size, of_style) in enumerate(STYLED):
        yield dict(zip(("network", "taps", "criterion", "norm"), config)), config, size, of_style, i, i


def styled(case, of_style, n, target):
    """The style picture of a case, which it notes: the target, where it has none of its own."""
    if of_style is None:
        return target
    case |= {"style_width": of_style[0], "style_height": of_style[1], "style_seed": (n + 2) % 4}
    return scene(*of_style, case["style_seed"])


def main():
    lines = []
    for n, (given, config, (width, height), of_style, weights_seed, kind) in enumerate(cases()):
        case = given | {
            "weights_seed": weights_seed % 4, "width": width, "height": height, "scene_seed": n % 4,
            "distortion": DISTORTIONS[kind % 3], "distortion_seed": (n + 1) % 4,
        }
        target = scene(width, height, case["scene_seed"])
        generated = distort(case["distortion"], target, case["distortion_seed"])
        assert (generated != target).any(), f"{case} compares a picture with itself"
        style = styled(case, of_style, n, target)
        for name, picture in (("scene", target), ("distorted", generated)):
            case[f"{name}_sha256"] = hashlib.sha256(picture.tobytes()).hexdigest()
        case["total"], case["layers"] = losses(*config, case["weights_seed"], generated, target, style)
        lines.append(json.dumps(case))
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
