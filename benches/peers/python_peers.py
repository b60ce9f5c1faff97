"""The Python peers: python_peers.py NAME SIZE FOLDER WEIGHTS RUNS prints one line of JSON, as the Rust peers do."""
import importlib.metadata
import json
import os
import sys
import tempfile
import time

import numpy as np

from work import LAYERS, Work

THREADS = os.cpu_count()


def torch_loss(work, channels_last=False, compiled=False):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(THREADS)
    pair, weights = work.arrays()
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    pair = torch.from_numpy(pair)
    if channels_last:
        last = {"memory_format": torch.channels_last}
        tensors = {name: t.to(**last) if t.ndim == 4 else t for name, t in tensors.items()}
        pair = pair.to(**last)

    class Loss(torch.nn.Module):
        """With its weights as parameters, so that a compiler may freeze them."""

        def __init__(self):
            super().__init__()
            frozen = {n.replace(".", "_"): torch.nn.Parameter(t, requires_grad=False) for n, t in tensors.items()}
            self.tensors = torch.nn.ParameterDict(frozen)

        def forward(self, x):
            total = 0.0
            for layer in LAYERS:
                if layer is None:
                    x = F.max_pool2d(x, 2)
                    continue
                index, tap = layer
                weight, bias = (self.tensors[f"features_{index}_{part}"] for part in ("weight", "bias"))
                x = F.relu(F.conv2d(x, weight, bias, padding=1))
                if tap:
                    total = total + tap * F.mse_loss(x[:1], x[1:])
            return total

    loss = Loss().eval()
    if compiled:
        # In this process: workers that outlive it would look like somebody else.
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
        import torch._inductor.config

        torch._inductor.config.freezing = True
        loss = torch.compile(loss, dynamic=False)

    def run():
        with torch.no_grad():
            return loss(pair).item()

    return run, f"torch {torch.__version__}"


def torch_gradient(work, channels_last=False, compiled=False):
    """The loss against a target whose features are kept, and its gradient, as in a training loop."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(THREADS)
    pair, weights = work.arrays()
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    generated, target = torch.from_numpy(pair[:1]), torch.from_numpy(pair[1:])
    if channels_last:
        last = {"memory_format": torch.channels_last}
        tensors = {name: t.to(**last) if t.ndim == 4 else t for name, t in tensors.items()}
        generated, target = generated.to(**last), target.to(**last)

    def features(x):
        taps = []
        for layer in LAYERS:
            if layer is None:
                x = F.max_pool2d(x, 2)
                continue
            index, tap = layer
            x = F.relu(F.conv2d(x, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"], padding=1))
            if tap:
                taps.append((tap, x))
        return taps

    with torch.no_grad():
        kept = [x for _, x in features(target)]

    def loss(x):
        return sum(tap * F.mse_loss(x, y) for (tap, x), y in zip(features(x), kept))

    if compiled:
        # In this process: workers that outlive it would look like somebody else.
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
        loss = torch.compile(loss, dynamic=False)
    generated.requires_grad_(True)

    def run():
        generated.grad = None
        total = loss(generated)
        total.backward()
        return total.item()

    return run, f"torch {torch.__version__}"


def lpips_gradient(work):
    """The lpips package, whose features of the target cannot be kept, and its gradient."""
    import lpips
    import torch

    torch.set_num_threads(THREADS)
    # Its own weights of channels, and no network from elsewhere.
    loss = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    _, weights = work.arrays()
    state = {name.removeprefix("features."): torch.from_numpy(array) for name, array in weights.items()}
    slices = [loss.net.slice1, loss.net.slice2, loss.net.slice3, loss.net.slice4, loss.net.slice5]
    layers = {name: module for part in slices for name, module in part.named_children()}
    for name, module in layers.items():
        if f"{name}.weight" in state:
            module.load_state_dict({part: state[f"{name}.{part}"] for part in ("weight", "bias")})
    loss.requires_grad_(False)
    generated, target = (torch.from_numpy(picture[None]) * 2 - 1 for picture in work.values())
    generated.requires_grad_(True)

    def run():
        generated.grad = None
        total = loss(generated, target).sum()
        total.backward()
        return total.item()

    return run, f"lpips {importlib.metadata.version('lpips')}, torch {torch.__version__}"


def lpips_weights():
    """The file of the package's weights of channels."""
    import lpips

    return os.path.join(os.path.dirname(lpips.__file__), "weights", "v0.1", "vgg.pth")


def onnxruntime_loss(work):
    import onnxruntime

    session = onnxruntime.InferenceSession(work.model, providers=["CPUExecutionProvider"])
    pair, _ = work.arrays()
    return lambda: float(session.run(None, {"pair": pair})[0]), f"onnxruntime {onnxruntime.__version__}"


def openvino_loss(work):
    import openvino

    core = openvino.Core()
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": THREADS}
    request = core.compile_model(core.read_model(work.model), "CPU", hints).create_infer_request()
    pair, _ = work.arrays()
    request.set_input_tensor(openvino.Tensor(pair))

    def run():
        request.infer()
        return float(request.get_output_tensor().data)

    return run, f"openvino {openvino.__version__}"


def ncnn_features(work, vulkan=False):
    """The features alone, in float32, which flatters it: the differences are taken afterwards, outside the time."""
    import ncnn

    pair, weights = work.arrays()
    lines, now, blob = ["Input input 0 1 data"], "data", b""
    for position, layer in enumerate(LAYERS):
        if layer is None:
            lines.append(f"Pooling pool{position} 1 1 {now} pool{position} 0=0 1=2 2=2")
            now = f"pool{position}"
            continue
        index, _ = layer
        kernel, bias = (weights[f"features.{index}.{part}"] for part in ("weight", "bias"))
        lines.append(f"Convolution conv{index} 1 1 {now} relu{index} 0={kernel.shape[0]} 1=3 4=1 5=1 6={kernel.size} 9=1")
        blob += b"\0\0\0\0" + kernel.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
        now = f"relu{index}"
    net = ncnn.Net()
    net.opt.num_threads = THREADS
    net.opt.use_vulkan_compute = vulkan
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if vulkan and ncnn.get_gpu_count() == 0:
        raise RuntimeError("there is no Vulkan device")
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("net.param", "net.bin")]
        # Pools' outputs and convolutions' ReLUs are one blob a layer.
        with open(files[0], "w") as file:
            file.write(f"7767517\n{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n")
        with open(files[1], "wb") as file:
            file.write(blob)
        net.load_param(files[0])
        net.load_model(files[1])
    taps = [layer for layer in LAYERS if layer and layer[1]]

    def run():
        features = []
        for picture in pair:
            extractor = net.create_extractor()
            extractor.input("data", ncnn.Mat(picture).clone())
            features.append([extractor.extract(f"relu{index}")[1] for index, _ in taps])

        # Called after the clock has stopped.
        def loss():
            arrays = [[np.array(tap, np.float64) for tap in picture] for picture in features]
            return sum(tap * np.mean((a - b) ** 2) for (_, tap), a, b in zip(taps, *arrays))

        return loss

    return run, f"ncnn {ncnn.__version__}"


PEERS = {
    "torch": torch_loss,
    "torch-channels-last": lambda work: torch_loss(work, channels_last=True),
    "torch-compiled": lambda work: torch_loss(work, compiled=True),
    "torch-gradient": torch_gradient,
    "torch-gradient-channels-last": lambda work: torch_gradient(work, channels_last=True),
    "torch-gradient-compiled": lambda work: torch_gradient(work, compiled=True),
    "lpips-package-gradient": lpips_gradient,
    "onnxruntime": onnxruntime_loss,
    "openvino": openvino_loss,
    "ncnn": ncnn_features,
    "ncnn-vulkan": lambda work: ncnn_features(work, vulkan=True),
}


def peak_bytes():
    """The most memory that this process has had resident."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main():
    name, size, folder, weights, runs = sys.argv[1:]
    run, version = PEERS[name](Work(int(size), folder, weights))
    loss = run()
    times = []
    for _ in range(int(runs)):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    memory = peak_bytes()
    print(json.dumps({"loss": loss() if callable(loss) else loss, "times": times, "peak_bytes": memory, "version": version}))


if __name__ == "__main__":
    main()
