#!/usr/bin/env python3
"""The weights that ship by NumPy, which the tests hold the crate's own against. Needs numpy and safetensors.

    python tests/golden/shipped.py > tests/golden/shipped.json

It reads the file as weights/generator/src/stored.rs says, sharing no code with the crate.
"""
import json, os
import numpy as np
from safetensors.numpy import load_file
from seeded import NETWORKS, golden

FILE = os.path.join(os.path.dirname(__file__), "..", "..", "weights", "default-1.safetensors")
TENSORS = load_file(FILE)


def stored(network, layer, part):
    name = f"{layer}.{part}"
    tensor = TENSORS.get(f"{network}.{name}", TENSORS[name])
    return tensor if part == "reads" else tensor.astype(np.float32)


def tensor(network, layer, part, shape):
    if part == "bias":
        return stored(network, layer, part)
    # Direction by direction, since float32 sums depend on their order.
    even = np.zeros(shape[:2], np.float32)
    for share, direction in zip(stored(network, layer, "shares").T, stored(network, layer, "directions")):
        even += np.outer(share, direction)
    weight = np.repeat(even[:, :, None], 9, axis=2).reshape(shape)
    kernels = stored(network, layer, "kernels") * stored(network, layer, "scale")[:, None, None, None]
    for output, (inputs, of_output) in enumerate(zip(stored(network, layer, "reads"), kernels)):
        for read, kernel in zip(inputs, of_output):
            weight[output, read] += kernel
    return weight


def case(network):
    return golden(network, lambda layer, part, _name, shape: tensor(network, layer, part, shape))


if __name__ == "__main__":
    print(json.dumps([case(network) for network in NETWORKS], indent=1))
