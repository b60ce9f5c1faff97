#!/usr/bin/env python3
"""Makes the files of pth/: conv1_1 of the seeded weights (seed 3), saved by PyTorch in every way that is read.

    python pth.py        (needs torch and numpy)
"""
import argparse, collections, pathlib
import numpy as np
import torch
from seeded import tensor

OUT = pathlib.Path(__file__).parent / "pth"
OUT.mkdir(exist_ok=True)
np.seterr(over="ignore")
weight = torch.from_numpy(tensor("features.0.weight", (64, 3, 3, 3), 3).reshape(64, 3, 3, 3))
bias = torch.from_numpy(tensor("features.0.bias", (64,), 3))


def save(name, weight=weight, bias=bias, wrap=lambda d: d, **options):
    d = collections.OrderedDict([("features.0.weight", weight), ("features.0.bias", bias)])
    torch.save(wrap(d), OUT / f"{name}.pth", **options)


old = {"_use_new_zipfile_serialization": False}
save("zip")
save("legacy", **old)
save("half", weight.half(), bias.half())
save("bfloat16", weight.bfloat16(), bias.bfloat16(), **old)
save("double", weight.double(), bias.double())
save("parameters", torch.nn.Parameter(weight), torch.nn.Parameter(bias))
save("protocol-4", pickle_protocol=4)
save("channels-last", weight.to(memory_format=torch.channels_last))
save("channels-last-legacy", weight.to(memory_format=torch.channels_last), **old)
# A part of a larger tensor, every second bias of twice as many, and both in one storage.
large = torch.zeros(70, 4, 3, 3); large[5:69, 1:] = weight
twice = torch.zeros(130); twice[2::2] = bias
save("views", large[5:69, 1:], twice[2::2])
save("views-legacy", large[5:69, 1:], twice[2::2], **old)
shared = torch.cat([bias, weight.flatten()])
save("shared", shared[64:].view(64, 3, 3, 3), shared[:64])
checkpoint = lambda d: {
    "epoch": 3, "arch": "vgg19", "best": 71.5, "args": argparse.Namespace(lr=0.1, decay=[30, 60]), "big": 1 << 80, "none": None,
    "state_dict": collections.OrderedDict(("module." + k, v) for k, v in d.items()),
    "optimizer": {"state": {0: {"step": torch.tensor(7.0), "betas": (0.9, 0.99)}}, "param_groups": [{"params": [0, 1]}]},
    "rng": torch.get_rng_state(), "tags": {"a", "b"}, "size": torch.Size([1, 2]), "type": torch.float32, "history": collections.defaultdict(list),
}
save("checkpoint", wrap=checkpoint)
save("checkpoint-legacy", wrap=checkpoint, **old)
save("model", wrap=lambda d: {"model": dict(d)})
torch.serialization.location_tag = lambda storage: "cuda:0"
save("cuda")
save("cuda-legacy", **old)
