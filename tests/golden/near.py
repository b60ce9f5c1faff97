#!/usr/bin/env python3
"""Losses of pairs that nearly agree, by PyTorch in float64, which the tests hold the crate's executors against. Needs numpy and
torch, and safetensors for the shipped weights.

    python tests/golden/near.py > tests/golden/near.json

Pictures and weights are made as in `losses.py` beside it; `tests/common/near.rs` draws the same pairs. A regression test asks
most often about such pairs: one value that is off by one level, in a photograph or in a flat picture, and noise of one level.
"""
import hashlib, json
import numpy as np
import torch
import torch.nn.functional as F
from losses import CHANNELS, NETWORKS, PRESETS, features, normalized, random, scene

SIZES = ((45, 35), (67, 40))
BASES = ("scene", "noise", "black", "flat", "interface")
# What is compared with a base: one value off by one level, every value off by one level at most, all of them by one level, one
# value of 16 bits off by one of 65535, floats off by a millionth.
CHANGES = ("one", "slight", "bright", "one16", "float")
FLAT = (61, 128, 203)


def base(kind, w, h, seed):
    """uint8, rows of red, green, blue."""
    if kind == "scene":
        return scene(w, h, seed)
    if kind == "noise":
        return (random(seed, w * h * 3) >> np.uint64(56)).astype(np.uint8).reshape(h, w, 3)
    picture = np.zeros((h, w, 3), np.uint8)
    if kind == "flat":
        picture[:] = FLAT
    if kind == "interface":  # a window with a title, and text
        picture[:] = 236
        picture[4:12, 3:w - 6] = (40, 90, 200)
        picture[6:10:3, 6:w // 2] = 255
        picture[16:h - 4, 5:w // 2] = (250, 250, 250)
        picture[18:h - 6:4, 8:w // 2 - 4:2] = 20
    return picture


def pair(kind, change, w, h, seed):
    """(generated, target), values of 0 to 1 as float64, and the bytes that the crate is given for both."""
    levels = base(kind, w, h, seed)
    place = (h // 2, w // 2, 1)
    if change in ("one", "slight", "bright"):
        new = levels.astype(np.int64)
        if change == "one":
            new[place] += 1 if new[place] < 255 else -1
        elif change == "slight":
            new += (random(seed + 100, new.size) % np.uint64(3)).astype(np.int64).reshape(new.shape) - 1
        else:
            new += 1
        both = np.clip(new, 0, 255).astype(np.uint8), levels
        return tuple(picture / 255 for picture in both), b"".join(picture.tobytes() for picture in both)
    if change == "one16":
        target = levels.astype("<u2") * np.uint16(257)
        generated = target.copy()
        generated[place] += 1 if generated[place] < 65535 else -1
        return (generated / 65535, target / 65535), generated.tobytes() + target.tobytes()
    target = (levels / 255).astype("<f4")
    signs = (random(seed + 100, target.size) & np.uint64(1)).astype("<f4").reshape(target.shape) * 2 - 1
    generated = target + signs * np.float32(1e-6)
    return (generated.astype(np.float64), target.astype(np.float64)), generated.tobytes() + target.tobytes()


def losses(config, maps_of, pictures):
    """(total, layers); `maps_of` gives layers' names and outputs."""
    network, taps, criterion, norm = config
    left = {name: float(weight) for name, weight in (tap.split("=") for tap in taps.split(","))}
    layers, difference = [], {"mse": F.mse_loss, "mae": F.l1_loss}[criterion]
    # `normalized` divides by 255.
    for (name, u), (_, v) in zip(*(maps_of(network, normalized(picture * 255, norm)) for picture in pictures)):
        if name in left:
            layers.append({"name": name, "weight": left.pop(name), "loss": difference(u, v).item()})
        if not left:
            return sum(layer["weight"] * layer["loss"] for layer in layers), layers
    raise ValueError(f"{network} has no {', '.join(left)} at this size")


def shipped_features(network, x):
    """The same with the library's own weights."""
    from shipped import tensor
    for block, (convs, channels) in enumerate(zip(NETWORKS[network], CHANNELS), 1):
        for conv in range(1, convs + 1):
            layer, shape = f"conv{block}_{conv}", (channels, x.shape[1], 3, 3)
            weight, bias = (torch.from_numpy(np.asarray(tensor(network, layer, part, size), np.float64))
                            for part, size in (("weight", shape), ("bias", shape[:1])))
            x = F.conv2d(x, weight, bias, padding=1)
            yield layer, x
            x = F.relu(x)
            yield f"relu{block}_{conv}", x
        x = F.max_pool2d(x, 2)
        yield f"pool{block}", x


def cases():
    """Every change in a scene by every preset, one value in every other base, and the shipped weights."""
    kinds = [("scene", change) for change in CHANGES] + [(kind, "one") for kind in BASES[1:]]
    for i, preset in enumerate(PRESETS):
        for j, (kind, change) in enumerate(kinds):
            yield {"preset": preset, "weights_seed": (i + j) % 4}, kind, change, SIZES[(i + j) % 2], i + j
    for j, (kind, change) in enumerate(kinds):
        yield {"preset": "vgg19", "weights_seed": None}, kind, change, SIZES[j % 2], j


def main():
    lines = []
    for given, kind, change, (width, height), seed in cases():
        case = given | {"base": kind, "change": change, "seed": seed, "width": width, "height": height}
        pictures, data = pair(kind, change, width, height, seed)
        assert (pictures[0] != pictures[1]).any(), f"{case} compares a picture with itself"
        case["sha256"] = hashlib.sha256(data).hexdigest()
        weights = case["weights_seed"]
        maps_of = shipped_features if weights is None else lambda network, x: features(network, weights, x)
        case["total"], case["layers"] = losses(PRESETS[case["preset"]], maps_of, pictures)
        lines.append(json.dumps(case))
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
