#!/usr/bin/env python3
"""Fails where ARCHITECTURE.md names what there is not, or a program on the crate's front page is long.

What stands in backticks there is a file or a folder of the repository, the end of one's path (`strips.rs`, with * and ? as in a
shell), or words of code, each of which must stand in a source file. The programs of src/lib.rs are what a user begins with: 15 lines, blank ones left out.
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
program = None
for number, line in enumerate(open("src/lib.rs"), 1):
    # A program that needs a feature begins with two lines, of which one is for where the feature is not there.
    if "```" in line and "not(feature" not in line:
        if program and len(program) > 15:
            wrong.append(f"src/lib.rs:{number}: the program that ends here has {len(program)} lines; 15 are the most")
        program = [] if program is None else None
    elif program is not None and line.strip() not in ("", "//!"):
        program.append(line)
if wrong:
    sys.exit("\n".join(wrong))
