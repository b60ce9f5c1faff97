#!/usr/bin/env python3
"""The newest of benches/results as a table: table.py writes it into README.md, table.py --check says whether it is there."""
import glob
import json
import os
import statistics
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(ROOT, "README.md")
BEGIN, END = "<!-- peers:begin, by benches/peers/table.py -->\n", "<!-- peers:end -->\n"
NOTES = {
    "perceptual-loss": "this project on the CPU",
    "perceptual-loss-gpu": "this project's shaders",
    "perceptual-loss-gradient": "this project on the CPU",
    "perceptual-loss-kept": "the loss alone",
    "perceptual-loss-gpu-gradient": "this project's shaders",
    "perceptual-loss-gpu-kept": "the loss alone",
    "perceptual-loss-lpips-gradient": "this project on the CPU, the target kept",
    "perceptual-loss-gpu-lpips-gradient": "this project's shaders, the target kept",
    "lpips-package-gradient": "the target anew each time",
    "ncnn": "features only",
    "ncnn-vulkan": "features only",
    "burn-flex": "what burn puts in ndarray's place",
}


def summary(windows):
    """Median, least and peak memory over the windows that count; or why there are none."""
    good = [window for window in windows if "error" not in window]
    if not good:
        return {"error": windows[-1]["error"] if windows else "not run"}
    return {
        "median_s": statistics.median(window["median_s"] for window in good),
        "min_s": min(window["min_s"] for window in good),
        "peak_bytes": max(window["peak_bytes"] for window in good),
        "windows": len(good),
        "version": good[-1]["version"],
    }


def text(record):
    """A Markdown table of every size, the fastest of the largest first, and a line on the machine."""
    sizes = list(record["sizes"])
    rows = {size: {peer: summary(windows) for peer, windows in record["sizes"][size].items()} for size in sizes}
    first = next(iter(rows[sizes[0]]))
    ours = {size: rows[size].get(first, {}).get("median_s") for size in sizes}
    peers = sorted(rows[sizes[-1]], key=lambda peer: rows[sizes[-1]][peer].get("median_s", float("inf")))
    lines = ["| | " + " | ".join(f"{s}x{s} | times ours | memory" for s in sizes) + " |", "| --- |" + " ---: |" * (3 * len(sizes))]
    failed = []
    for peer in peers:
        cells, version = [], ""
        for size in sizes:
            row = rows[size].get(peer, {"error": "not run"})
            if "error" in row:
                failed.append(f"{peer} at {size}x{size}: {row['error']}.")
                cells += ["-"] * 3
                continue
            version = row["version"]
            ratio = f"{row['median_s'] / ours[size]:.2f}" if ours[size] else "-"
            cells += [f"{row['median_s']:.3f} s", ratio, f"{row['peak_bytes'] / 2**20:.0f} MiB"]
        notes = ", ".join(filter(None, (NOTES.get(peer), version)))
        name = f"**{peer}**" if peer == first else peer
        lines.append(f"| {name} ({notes}) | " + " | ".join(cells) + " |")
    machine = record["machine"]
    sets = " ".join(machine["sets"])
    windows = max(row.get("windows", 0) for size in sizes for row in rows[size].values())
    lines += ["", f"{record['date'][:10]}, {machine['cpu']}, {machine['cores']} cores ({sets}): medians of up to {windows} windows of "
              f"{record['runs_a_window']} runs, float32."]
    return "\n".join(lines + failed) + "\n"


def main():
    # Those of gradients have names that begin with the word.
    newest = max(glob.glob(os.path.join(ROOT, "benches", "results", "[0-9]*.json")), default=None)
    if newest is None:
        sys.exit("error: benches/results has no run; benches/peers/run makes one")
    with open(newest) as file:
        wanted = text(json.load(file))
    with open(README) as file:
        readme = file.read()
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"error: README.md has no place for the table, between {BEGIN.strip()} and {END.strip()}")
    whole = before + BEGIN + wanted + END + after
    if "--check" in sys.argv:
        if whole != readme:
            sys.exit("error: README.md's table is not that of the newest run; benches/peers/table.py writes it")
    elif whole != readme:
        with open(README, "w") as file:
            file.write(whole)


if __name__ == "__main__":
    main()
