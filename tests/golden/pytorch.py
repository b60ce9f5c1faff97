#!/usr/bin/env python3
"""Small files as PyTorch itself saves them, which the tests read. Needs numpy and torch.

    python tests/golden/pytorch.py

Each but the last two has the first convolution of the seeded weights 1 (`seeded.py`), so that what must come out is known
without it.
"""
import argparse, contextlib, pathlib
from collections import OrderedDict
import torch
with contextlib.redirect_stdout(None):  # It is a script of its own, which prints.
    from seeded import tensor

FOLDER = pathlib.Path(__file__).parent / "pytorch"
WEIGHT = torch.from_numpy(tensor("features.0.weight", (64, 3, 3, 3), 1)).view(64, 3, 3, 3)
BIAS = torch.from_numpy(tensor("features.0.bias", (64,), 1))


def state(weight=WEIGHT, bias=BIAS):
    return OrderedDict({"features.0.weight": weight, "features.0.bias": bias})


def save(name, value, old=False, **options):
    torch.save(value, FOLDER / f"{name}.pth", _use_new_zipfile_serialization=not old, **options)


def within_another():
    """Both within one storage, with elements before, between and after them."""
    storage = torch.full((5 + WEIGHT.numel() + 7 + BIAS.numel() + 3,), 9.0)
    weight = storage[5 : 5 + WEIGHT.numel()].view(WEIGHT.shape)
    bias = storage[-3 - BIAS.numel() : -3]
    weight.copy_(WEIGHT), bias.copy_(BIAS)
    return state(weight, bias)


def every_other():
    """Slices of tensors with more channels, and a step."""
    weight, bias = torch.full((64, 7, 3, 3), 9.0), torch.full((128,), 9.0)
    weight[:, 2:5], bias[::2] = WEIGHT, BIAS
    return state(weight[:, 2:5], bias[::2])


def checkpoint():
    """What a training script saves."""
    model = torch.nn.Sequential(OrderedDict(features=torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3))))
    model.load_state_dict(state())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    optimizer.step()
    # The step moved them.
    model.load_state_dict(state())
    return {
        "epoch": 3,
        "arch": "vgg19",
        "best": 0.5,
        "args": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("a/b"), tags={"x", "y"}),
        "history": [1.5, None, True, b"bytes", 2**70, (1, 2)],
        "device": torch.device("cpu"),
        "state_dict": model.state_dict(),
        # Its momentum would be 7 KB more.
        "optimizer": {**optimizer.state_dict(), "state": {0: {"momentum_buffer": torch.ones(2)}}},
    }


def linears():
    """LPIPS's five layers by their names and shapes, with values that can be told from each other."""
    layers = enumerate((64, 128, 256, 512, 512))
    return OrderedDict(
        (f"lin{i}.model.1.weight", (i + torch.arange(channels) / 1024).view(1, channels, 1, 1))
        for i, channels in layers
    )


if __name__ == "__main__":
    for old, form in ((False, "zip"), (True, "old")):
        save(f"plain-{form}", state(), old)
        save(f"channels-last-{form}", state(WEIGHT.to(memory_format=torch.channels_last)), old)
        save(f"within-another-{form}", within_another(), old)
        save(f"checkpoint-{form}", checkpoint(), old)
    save("transposed-zip", state(WEIGHT.transpose(0, 3).contiguous().transpose(0, 3)))
    save("every-other-old", every_other(), True)
    save("half-zip", state(WEIGHT.half(), BIAS.half()))
    save("bfloat16-old", state(WEIGHT.bfloat16(), BIAS.bfloat16()), True)
    save("double-zip", state(WEIGHT.double(), BIAS.double()))
    save("parameter-zip", state(torch.nn.Parameter(WEIGHT), torch.nn.Parameter(BIAS)))
    save("protocol-4-zip", state(), pickle_protocol=4)
    save("protocol-4-old", state(), True, pickle_protocol=4)
    # A bias that one element stands for.
    save("expanded-zip", state(bias=torch.tensor(0.25).expand(64)))
    save("module-zip", torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)))
    save("lpips-old", linears(), True)
