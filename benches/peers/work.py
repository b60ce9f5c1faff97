"""The work that every peer does: a pair of pictures through VGG19 to relu4_2, compared at four taps."""
import json
import os
import subprocess
from dataclasses import dataclass

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = os.path.join(ROOT, "target", "release", "perceptual-loss")
# Convolutions by torchvision's index, with the weight of the tap after the ReLU that follows; None is a max-pool.
LAYERS = [(0, 0), (2, 1.0), None, (5, 0), (7, 0.75), None, (10, 0), (12, 0), (14, 0.5), (16, 0), None, (19, 0), (21, 0.25)]
MEAN, STD = (np.array(v, np.float32).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@dataclass
class Work:
    """The files of one size, all in one folder: the pictures, their normalised pixels, the weights, the ONNX model."""

    size: int
    folder: str
    weights: str
    # What the command is to be told beside: another loss.
    loss_options: tuple = ()

    @property
    def pictures(self):
        return [os.path.join(self.folder, f"{name}-{self.size}.png") for name in "ab"]

    @property
    def pixels(self):
        return os.path.join(self.folder, f"pixels-{self.size}.f32")

    @property
    def model(self):
        return os.path.join(self.folder, f"loss-{self.size}.onnx")

    def arrays(self):
        """The normalised pair, (2, 3, size, size), and the weights by name."""
        pair = np.fromfile(self.pixels, np.float32).reshape(2, 3, self.size, self.size)
        return pair, {name: array.astype(np.float32) for name, array in load_file(self.weights).items()}

    def values(self):
        """The pair from 0 to 1, (3, size, size) each."""
        return [np.asarray(Image.open(path), np.float32).transpose(2, 0, 1) / 255 for path in self.pictures]

    def make(self):
        """Writes the pictures and their pixels. The second picture is the first with noise."""
        random = np.random.RandomState(self.size)
        a = random.randint(0, 256, (self.size, self.size, 3))
        b = np.clip(a + random.randint(-32, 33, a.shape), 0, 255)
        for path, pixels in zip(self.pictures, (a, b)):
            Image.fromarray(pixels.astype(np.uint8)).save(path)
        pair = [(p.transpose(2, 0, 1).astype(np.float32) / 255 - MEAN) / STD for p in (a, b)]
        np.stack(pair).astype(np.float32).tofile(self.pixels)
        # Of the loss that most peers compute.
        if not self.loss_options:
            with open(self.model, "wb") as file:
                file.write(onnx_model(self))

    def loss(self, backend):
        """What this project says that the loss is."""
        command = [COMMAND, "compare", *self.pictures, "--weights", self.weights, "--backend", backend, "--json", *self.loss_options]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["total"]


def onnx_model(work):
    """The whole loss as one graph: input `pair`, output `loss`."""
    from onnx import TensorProto, helper, numpy_helper

    _, weights = work.arrays()
    nodes, constants, now, total = [], [], "pair", None

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output] if isinstance(output, str) else output, **attributes))
        return output

    def constant(name, array):
        constants.append(numpy_helper.from_array(array, name))
        return name

    for position, layer in enumerate(LAYERS):
        if layer is None:
            now = node("MaxPool", [now], f"pool{position}", kernel_shape=[2, 2], strides=[2, 2])
            continue
        index, tap = layer
        inputs = [now] + [constant(f"{index}.{part}", weights[f"features.{index}.{part}"]) for part in ("weight", "bias")]
        now = node("Relu", [node("Conv", inputs, f"conv{index}", pads=[1] * 4, kernel_shape=[3, 3])], f"relu{index}")
        if tap:
            a, b = node("Split", [now], [f"a{index}", f"b{index}"], axis=0, num_outputs=2)
            difference = node("Sub", [a, b], f"difference{index}")
            square = node("Mul", [difference, difference], f"square{index}")
            mean = node("ReduceMean", [square], f"mean{index}", keepdims=0)
            part = node("Mul", [mean, constant(f"tap{index}", np.array(tap, np.float32))], f"part{index}")
            total = part if total is None else node("Add", [total, part], f"total{index}")
    node("Identity", [total], "loss")
    graph = helper.make_graph(
        nodes, "loss", [helper.make_tensor_value_info("pair", TensorProto.FLOAT, [2, 3, work.size, work.size])],
        [helper.make_tensor_value_info("loss", TensorProto.FLOAT, [])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return model.SerializeToString()


# VGG16's convolutions by torchvision's index, with their channels.
VGG16 = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256), 17: (256, 512),
         19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512)}


def write_vgg16(path):
    """Random weights of VGG16, as a network has them before it is trained."""
    random = np.random.RandomState(0)
    tensors = {}
    for index, (inputs, outputs) in VGG16.items():
        deviation = (2 / (9 * inputs)) ** 0.5
        tensors[f"features.{index}.weight"] = (deviation * random.randn(outputs, inputs, 3, 3)).astype(np.float32)
        tensors[f"features.{index}.bias"] = np.zeros(outputs, np.float32)
    save_file(tensors, path)
