#!/usr/bin/env python3
"""Gradients of whole losses by PyTorch in float64, which the tests hold the crate's against. Needs numpy, torch and safetensors.

    python tests/golden/gradients.py

It writes gradients.json, a case each, and gradients.safetensors, a tensor (3, height, width) for each of them: d total / d value of the
generated picture, loss per 1.0 of a value, rounded to float32. Pictures, weights and losses are those of losses.py beside it. Noise leaves
no exact ties in a max-pool, where any route is a subgradient. Styles are as in losses.py.
"""
import json
import pathlib
import torch
from safetensors.numpy import save_file

from losses import FOUR, GATYS, GRAM_FIVE, LPIPS_FIVE, MIXED, OWN, PRESETS, STYLE_OWN, distort, of_taps, scene, styled

# network, taps, criterion, norm, size: before activations and behind them, at pools, channels in another order, odd sizes.
MORE = [
    ("vgg19", FOUR, "mse", "caffe", (45, 35)),
    ("vgg19", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mse", "imagenet", (45, 35)),
    ("vgg16", "pool1=0.5,conv2_1=2.0,relu3_1=1.0", "mae", "imagenet", (33, 37)),
    ("vgg19", "conv1_1=0.25,relu1_1=0.5,conv1_2=0.5,relu1_2=1.0", "mse", OWN, (31, 17)),
    ("vgg19", "conv1_1=1.0", "mae", "none", (5, 3)),
    ("vgg16", "relu1_2=1.0", "mse", "imagenet", (1, 7)),
    ("vgg16", "pool2=1.0,conv3_3=0.75,relu3_3=0.5", "mse", "signed", (23, 19)),
    ("vgg19", MIXED, "mse", "imagenet", (33, 26)),
    ("vgg16", "relu1_2=1.0,conv2_2=0.5,pool3=2.0", "smooth-l1:0.5", OWN, (23, 19)),
    ("vgg16", "relu1_2=1.0,conv2_2=0.5,pool2=1.0:mae,pool2=2.0", "charbonnier:0.001", "signed", (19, 22)),
    ("vgg16", LPIPS_FIVE, "lpips", "imagenet", (35, 33)),
    ("vgg16", "relu1_2=1.0:mse,relu1_2=0.5,relu2_2=2.0:mse,relu3_3=1.0", "lpips", "none", (21, 19)),
    ("vgg19", GRAM_FIVE, "gram", "imagenet", (37, 33)),
    ("vgg16", "conv1_1=1.0,relu1_2=0.5:mse,relu1_2=2.0,pool2=1.0,conv3_1=0.5", "gram", "none", (21, 19)),
]
# The same, with the size of a style. Cases are counted through: new ones come last.
STYLED = [
    ("vgg19", GATYS, "gram", "caffe", (32, 29), (45, 22)),
    ("vgg16", STYLE_OWN, "gram", "none", (21, 19), (16, 33)),
]


def gradient(network, taps, criterion, norm, weights_seed, generated, target, style):
    values = torch.from_numpy(generated / 255.0).requires_grad_(True)
    losses = of_taps(network, taps, criterion, norm, weights_seed, values * 255.0, target, style)
    total = sum(weight * loss for _, weight, loss in losses)
    total.backward()
    return float(total.detach()), values.grad.permute(2, 0, 1).contiguous().float().numpy()


def cases():
    for i, (preset, config) in enumerate(PRESETS.items()):
        yield {"preset": preset}, config, (32, 32), None, i
    for i, (*config, size) in enumerate(MORE):
        yield dict(zip(("network", "taps", "criterion", "norm"), config)), config, size, None, i
    for i, (*config, size, of_style) in enumerate(STYLED):
        yield dict(zip(("network", "taps", "criterion", "norm"), config)), config, size, of_style, i


def main():
    lines, tensors = [], {}
    for n, (given, config, (width, height), of_style, weights_seed) in enumerate(cases()):
        case = given | {"weights_seed": weights_seed % 4, "width": width, "height": height, "scene_seed": n % 4, "distortion_seed": (n + 1) % 4}
        target = scene(width, height, case["scene_seed"])
        generated = distort("noise", target, case["distortion_seed"])
        style = styled(case, of_style, n, target)
        case["total"], tensors[str(n)] = gradient(*config, case["weights_seed"], generated, target, style)
        lines.append(json.dumps(case))
    here = pathlib.Path(__file__).parent
    (here / "gradients.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    save_file(tensors, here / "gradients.safetensors")


if __name__ == "__main__":
    main()
