#!/usr/bin/env python3
"""The seeded weights by NumPy, which the tests hold the crate's own against. Needs numpy.

    python tests/golden/seeded.py > tests/golden/seeded.json

It shares no code with the crate, so that a mistake has to be made twice to go unseen. For each network and seed: the
SHA-256 over all convolutions, and the first and last values of a few tensors as float32 bits, so that a value that
differs shows where a hash would not.
"""
import hashlib, json, struct
import numpy as np

# Convolutions in each of the five blocks, and the channels that they give.
NETWORKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
SEEDS = (0, 1, 2**64 - 1)
SHOWN = 4


def convolutions(network):
    """(name, torchvision index, inputs, outputs) of each."""
    index, inputs = 0, 3
    for block, (count, outputs) in enumerate(zip(NETWORKS[network], CHANNELS), 1):
        for number in range(1, count + 1):
            yield f"conv{block}_{number}", index, inputs, outputs
            index, inputs = index + 2, outputs
        index += 1


def mix(z):
    """splitmix64's step on an array of uint64; products and sums wrap."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def tensor(name, shape, seed):
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = (start ^ byte) * 0x100000001B3 % 2**64
    base = mix(np.array([start ^ seed], np.uint64))
    count = int(np.prod(shape))
    u = (mix(base + np.arange(count, dtype=np.uint64)) >> np.uint64(40)).astype(np.float64) / 2.0**24
    scale = np.sqrt(6.0 / (shape[1] * 9)) if len(shape) == 4 else 0.1
    return ((2.0 * u - 1.0) * scale).astype(np.float32)


def bits(values):
    return [f"{value:08x}" for value in values.view(np.uint32).tolist()]


def golden(network, tensor):
    """The hash and the values of a network's tensors, of which `tensor` gives each by its layer, part, name and shape."""
    sha, values = hashlib.sha256(), {}
    for layer, index, inputs, outputs in convolutions(network):
        for part, shape in ("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,)):
            name = f"features.{index}.{part}"
            x = tensor(layer, part, name, shape).ravel()
            sha.update(name.encode() + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            sha.update(x.astype("<f4").tobytes())
            if layer in ("conv1_1", "conv3_1", "conv5_3"):
                values[f"{layer}.{part}"] = {"first": bits(x[:SHOWN]), "last": bits(x[-SHOWN:])}
    return {"network": network, "sha256": sha.hexdigest(), "values": values}


def case(network, seed):
    return {"network": network, "seed": seed} | golden(network, lambda _l, _p, name, shape: tensor(name, shape, seed))


if __name__ == "__main__":
    with np.errstate(over="ignore"):
        print(json.dumps([case(network, seed) for network in NETWORKS for seed in SEEDS], indent=1))
