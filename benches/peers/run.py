"""Times this project and what a user would run instead: the same work, in one sitting, in turn.

Called by `benches/peers/run`, which sets up what this needs.

Every window is a process of its own: it loads, warms up with one run, and times some more. Windows go round the peers, and
one in which something else used the machine is dropped and run again. A peer whose loss is not this project's is
reported as wrong. What came out goes to benches/results/ as JSON, and to standard output as a table.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile

import python_peers
import table
from measure import watch
from work import COMMAND, ROOT, Work, write_vgg16

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = {"perceptual-loss": "cpu", "perceptual-loss-gpu": "gpu"}
# What --gradient times: the loss and its gradient against a kept target, and our loss alone for a yardstick.
OF_GRADIENTS = {
    "perceptual-loss-gradient": ("cpu", ["--cached-target", "--gradient"]),
    "perceptual-loss-kept": ("cpu", ["--cached-target"]),
    "perceptual-loss-gpu-gradient": ("gpu", ["--cached-target", "--gradient"]),
    "perceptual-loss-gpu-kept": ("gpu", ["--cached-target"]),
}
# What --lpips times: LPIPS and its gradient, whose target is kept where that can be.
OF_LPIPS = {
    "perceptual-loss-lpips-gradient": ("cpu", ["--cached-target", "--gradient"]),
    "perceptual-loss-gpu-lpips-gradient": ("gpu", ["--cached-target", "--gradient"]),
}
OUR_GRADIENTS = OF_GRADIENTS | OF_LPIPS
RUST = {
    "candle": ["peer-candle"],
    "tract": ["peer-tract"],
    "burn-ndarray": ["peer-burn", "--device", "ndarray"],
    "burn-flex": ["peer-burn", "--device", "flex"],
    "burn-wgpu": ["peer-burn", "--device", "wgpu"],
    "burn-flex-gradient": ["peer-burn", "--device", "flex", "--gradient", "yes"],
    "burn-wgpu-gradient": ["peer-burn", "--device", "wgpu", "--gradient", "yes"],
}
OTHERS = [*python_peers.PEERS, *RUST]
LPIPS_PEERS = [*OF_LPIPS, *(peer for peer in OTHERS if "lpips" in peer)]
GRADIENT_PEERS = [*OF_GRADIENTS, *(peer for peer in OTHERS if "gradient" in peer and "lpips" not in peer)]
PEERS = [*OURS, *(peer for peer in OTHERS if "gradient" not in peer)]
# How often a window may be run again because the machine was not quiet.
RETRIES = 3


def command(peer, work, runs):
    if peer in OUR_GRADIENTS:
        backend, options = OUR_GRADIENTS[peer]
        size = ["--size", str(work.size), "--runs", str(runs)]
        return [COMMAND, "bench", "--json", "--backend", backend, "--weights", work.weights, *work.loss_options, *size, *options]
    if peer in OURS:
        return [COMMAND, "bench", "--json", "--backend", OURS[peer], "--weights", work.weights, "--size", str(work.size), "--runs", str(runs)]
    if peer in RUST:
        program, *options = RUST[peer]
        return [os.path.join(HERE, "rust", "target", "release", program), *options, "--pixels", work.pixels, "--weights", work.weights,
                "--model", work.model, "--width", str(work.size), "--height", str(work.size), "--runs", str(runs)]
    return [sys.executable, os.path.join(HERE, "python_peers.py"), peer, str(work.size), work.folder, work.weights, str(runs)]


def figures(peer, printed):
    """What counts of a line that a peer printed."""
    if peer in OURS or peer in OUR_GRADIENTS:
        adapter = f" on {printed['adapter']}" if printed["adapter"] else ""
        whole = printed["whole"]
        return {"median_s": whole["median_s"], "min_s": whole["min_s"], "peak_bytes": whole["peak_bytes"],
                "version": f"perceptual-loss {printed['version']}{adapter}"}
    return {"median_s": statistics.median(printed["times"]), "min_s": min(printed["times"]),
            "peak_bytes": printed["peak_bytes"], "loss": printed["loss"], "version": printed["version"]}


def measure(peer, work, options):
    """One window that counts, and how many were dropped before it; or a window with an error."""
    for dropped in range(RETRIES + 1):
        window = watch(command(peer, work, options.runs), options.timeout)
        if window.code != 0:
            last = (window.errors.strip().splitlines() or ["no message"])[-1]
            return {"error": f"took more than {options.timeout} s" if window.code == -9 else last, "dropped": dropped}
        try:
            result = figures(peer, json.loads(window.output.strip().splitlines()[-1]))
        except (ValueError, LookupError) as error:
            return {"error": f"what it printed is not understood: {error}", "dropped": dropped}
        result |= {"foreign": round(window.foreign, 4), "dropped": dropped}
        if window.foreign <= options.foreign:
            return result
        print(f"    {peer}: dropped, others used {window.foreign:.0%} of the machine", flush=True)
    return {"error": f"the machine was never quiet: others used more than {options.foreign:.0%} of it", "dropped": RETRIES + 1}


def sitting(work, peers, options):
    """Every peer's windows for one size, in turn."""
    print(f"{work.size}x{work.size}", flush=True)
    truth = work.loss("cpu")
    # The bench compares pictures of its own, so that its loss is looked at here.
    backends = OURS | {peer: backend for peer, (backend, _) in OUR_GRADIENTS.items()}
    ours = {peer: work.loss(backend) for peer, backend in backends.items() if peer in peers}
    results = {peer: [] for peer in peers}
    for number in range(options.windows):
        for peer in peers:
            # What failed once is not tried again; what never found the machine quiet may.
            if any("error" in window and "quiet" not in window["error"] for window in results[peer]):
                continue
            window = measure(peer, work, options)
            loss = ours.get(peer, window.pop("loss", None))
            if "error" not in window and not (loss is not None and abs(loss - truth) <= 1e-3 * truth):
                window = {"error": f"its loss is {loss}, where it should be {truth}", "dropped": 0}
            results[peer].append(window)
            print(f"  {number + 1} {peer}: {window.get('error') or format(window['median_s'], '.4f') + ' s'}", flush=True)
    return results


def machine():
    with open("/proc/cpuinfo") as file:
        lines = file.read().splitlines()
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) * 1024
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return {
        "cpu": next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()),
        "cores": os.cpu_count(),
        "sets": [flag for flag in ("avx2", "avx512f", "amx_bf16", "amx_tile") if flag in flags],
        "memory_bytes": memory,
        "system": platform.platform(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512", help="widths and heights of the pictures (256,512)")
    parser.add_argument("--windows", type=int, default=5, help="windows a peer (5)")
    parser.add_argument("--runs", type=int, default=5, help="runs a window (5)")
    parser.add_argument("--timeout", type=int, default=300, help="seconds that a window may take (300)")
    parser.add_argument("--foreign", type=float, default=0.05, help="the part of the machine that others may use in a window that counts (0.05)")
    parser.add_argument("--gradient", action="store_true", help="time the gradient, against a target whose features are kept")
    parser.add_argument("--lpips", action="store_true", help="time LPIPS over VGG16 and its gradient, and the package whose it is")
    parser.add_argument("--only", help="peers, separated by commas: " + ", ".join([*PEERS, *GRADIENT_PEERS, *LPIPS_PEERS]))
    parser.add_argument("--weights", help="VGG19 (for --lpips VGG16) as float32 safetensors; random weights by default")
    parser.add_argument("--output", help="the JSON file; benches/results/DATE.json by default")
    options = parser.parse_args()
    all_peers = LPIPS_PEERS if options.lpips else GRADIENT_PEERS if options.gradient else PEERS
    kind = "lpips-" if options.lpips else "gradient-" if options.gradient else ""
    loss_options = ("--preset", "lpips-vgg", "--lin", python_peers.lpips_weights()) if options.lpips else ()
    peers = options.only.split(",") if options.only else all_peers
    for peer in peers:
        if peer not in all_peers:
            parser.error(f"there is no peer {peer}; there are {', '.join(all_peers)}")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    record = {"date": now.isoformat(), "machine": machine(), "runs_a_window": options.runs, "foreign": options.foreign, "sizes": {}}
    path = options.output or os.path.join(ROOT, "benches", "results", f"{kind}{now:%Y-%m-%dT%H%M%SZ}.json")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)

    with tempfile.TemporaryDirectory() as folder:
        weights = options.weights
        if weights is None and options.lpips:
            weights = os.path.join(folder, "vgg16.safetensors")
            write_vgg16(weights)
        if weights is None:
            weights = os.path.join(folder, "seeded.safetensors")
            seeded = watch([COMMAND, "weights", "seeded", "--seed", "0", "-o", weights], 60)
            if seeded.code != 0:
                sys.exit(seeded.errors)
        for size in map(int, options.sizes.split(",")):
            work = Work(size, folder, os.path.abspath(weights), loss_options)
            work.make()
            record["sizes"][str(size)] = sitting(work, peers, options)
            # After each size, so that what breaks later loses no more than it must.
            with open(path, "w") as file:
                json.dump(record, file, indent=1)
                file.write("\n")
    print(f"\n{table.text(record)}\n{path}")


if __name__ == "__main__":
    main()
