#!/usr/bin/env python3
"""Fails where ARCHITECTURE.md names what there is not.

What stands in backticks there is a file or a folder of the repository, the end of one's path (`strips.rs`, with * and ? as in a
shell), or words of code, each of which must stand in a source file.
"""
import fnmatch, re, subprocess, sys

files = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
folders = {file[:at] + "/" for file in files for at in range(len(file)) if file[at] == "/"}
paths = [f"/{path}" for path in [*files, *folders]]
sources = (".rs", ".wgsl", ".py", ".toml", ".sh", "scripts/", ".ci/")
text = "\n".join(
    open(file).read() for file in files if file.endswith(sources[:5]) or file.startswith(sources[5:])
)
words = set(re.findall(r"\w+", text))

wrong = []
for number, line in enumerate(open("ARCHITECTURE.md"), 1):
    for name in re.findall(r"`([^`]+)`", line):
        if "/" in name or re.search(r"\.(rs|wgsl|py|md|toml|json)$", name):
            there = fnmatch.filter(paths, f"*/{name}") or fnmatch.filter(paths, f"*/{name}/")
            if not there:
                wrong.append(f"ARCHITECTURE.md:{number}: there is no file or folder `{name}`")
        elif missing := [word for word in re.findall(r"\w+", name) if word not in words]:
            wrong.append(f"ARCHITECTURE.md:{number}: no source has `{name}` ({', '.join(missing)})")
if wrong:
    sys.exit("\n".join(wrong))
