#!/usr/bin/env python3
"""How far losses of pictures that nearly agree are from float64: ours beside PyTorch's float32 and its bfloat16 autocast.

    benches/accuracy.py target/release/perceptual-loss [--gpu] [--weights vgg19.safetensors --photo photo.png]

Prints the table of docs/accuracy.md: for each kind of difference the worst layer's relative error over the presets. Weights are
seeded unless a file is given; the picture is a drawn scene unless a photograph is. Needs numpy, torch and Pillow, and safetensors for
a weights file.
"""
import argparse, json, os, subprocess, sys, tempfile
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden"))
from losses import CHANNELS, NETWORKS, PRESETS, normalized, scene, seeded  # noqa: E402
from near import base  # noqa: E402

SIZE = (113, 87)
WANTED = ("vgg19", "study-card", "johnson", "srgan", "real-esrgan", "pix2pixhd")
KINDS = ("one value by one level", "the same, black", "the same, one colour", "the same, a user interface",
         "every value by -1, 0 or 1", "brightness by one level", "JPEG 90", "JPEG 30", "noise of 20")


def pairs(photo):
    """(kind, generated, target), uint8."""
    w, h = SIZE
    levels = scene(w, h, 1) if photo is None else np.asarray(Image.open(photo).convert("RGB").crop((200, 100, 200 + w, 100 + h)))
    rng = np.random.default_rng(0)

    def one(picture):
        picture = picture.copy()
        picture[h // 2, w // 2, 1] ^= 1
        return picture

    def jpeg(quality):
        name = os.path.join(tempfile.gettempdir(), f"accuracy-{os.getpid()}.jpg")
        Image.fromarray(levels).save(name, quality=quality)
        picture = np.asarray(Image.open(name))
        os.remove(name)
        return picture

    clipped = lambda values: np.clip(values, 0, 255).astype(np.uint8)
    wide = levels.astype(np.int64)
    made = [one(levels), None, None, None, clipped(wide + rng.integers(-1, 2, levels.shape)), clipped(wide + 1), jpeg(90), jpeg(30),
            clipped(levels + rng.normal(0, 20, levels.shape))]
    for kind, generated in zip(KINDS, made):
        target = levels
        if generated is None:
            target = base({"black": "black", "one colour": "flat"}.get(kind[10:], "interface"), w, h, 1)
            generated = one(target)
        yield kind, generated, target


def maps(network, x, tensors, dtype):
    index = 0
    for block, (convs, channels) in enumerate(zip(NETWORKS[network], CHANNELS), 1):
        for conv in range(1, convs + 1):
            weight, bias = (part.to(dtype) for part in tensors(index, (channels, x.shape[1], 3, 3)))
            x = F.conv2d(x, weight, bias, padding=1)
            yield f"conv{block}_{conv}", x
            x = F.relu(x)
            yield f"relu{block}_{conv}", x
            index += 2
        x = F.max_pool2d(x, 2)
        yield f"pool{block}", x
        index += 1


def by_torch(preset, tensors, generated, target, dtype, autocast=False):
    """Each layer's loss."""
    network, taps, criterion, norm = PRESETS[preset]
    wanted = [tap.split("=")[0] for tap in taps.split(",")]
    found = {}
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        both = (maps(network, normalized(picture, norm).to(dtype), tensors, dtype) for picture in (generated, target))
        for (name, u), (_, v) in zip(*both):
            if name in wanted:
                u, v = u.double(), v.double()
                found[name] = (F.mse_loss(u, v) if criterion == "mse" else F.l1_loss(u, v)).item()
            if len(found) == len(wanted):
                return found


def by_us(command, preset, weights, files, options):
    line = [command, "compare", *files, "--preset", preset, "--weights", weights, "--json", *options]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        return None
    return {layer["name"]: layer["loss"] for layer in json.loads(done.stdout)["layers"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--weights")
    parser.add_argument("--photo")
    options = parser.parse_args()
    columns = {"PyTorch float32": None, "float32, CPU": ["--backend", "cpu"]}
    if options.gpu:
        columns["float32, GPU"] = ["--backend", "gpu"]
    columns |= {"PyTorch bfloat16": None, "bfloat16, CPU": ["--backend", "cpu", "--precision", "bf16"]}
    print("| difference | " + " | ".join(columns) + " |\n| --- |" + " ---: |" * len(columns))
    folder = tempfile.mkdtemp()
    files = [os.path.join(folder, name) for name in ("generated.png", "target.png")]
    loaded = None
    if options.weights:
        from safetensors.numpy import load_file
        loaded = load_file(options.weights)

    def tensors(index, shape):
        for part, size in (("weight", shape), ("bias", shape[:1])):
            name = f"features.{index}.{part}"
            yield seeded(name, size, 1) if loaded is None else torch.from_numpy(loaded[name].astype(np.float64))

    for kind, generated, target in pairs(options.photo):
        for file, picture in zip(files, (generated, target)):
            Image.fromarray(picture).save(file)
        worst = dict.fromkeys(columns, 0.0)
        for preset in WANTED:
            if loaded is not None and PRESETS[preset][0] != "vgg19":
                continue
            right = by_torch(preset, tensors, generated, target, torch.float64)
            for name, given in columns.items():
                if given is None:
                    got = by_torch(preset, tensors, generated, target, torch.float32, name.endswith("bfloat16"))
                else:
                    got = by_us(options.command, preset, options.weights or "seeded:1", files, given)
                error = float("nan") if got is None else max(abs(got[layer] / right[layer] - 1) for layer in right)
                worst[name] = max(worst[name], error)
        print(f"| {kind} | " + " | ".join(f"{error:.0e}" for error in worst.values()) + " |", flush=True)
    for file in files:
        os.remove(file)
    os.rmdir(folder)


if __name__ == "__main__":
    main()
