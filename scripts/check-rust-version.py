#!/usr/bin/env python3
"""Fails where a dependency wants a newer Rust than Cargo.toml says, at the versions that Cargo.lock has: of every feature and on every
platform. Fails too where a page tells another version than Cargo.toml, the changelog excepted: it tells of old ones."""
import json, re, subprocess, sys


def number(version):
    return (*(int(part) for part in version.split(".")), 0, 0)[:3]


command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
said = next(package["rust_version"] for package in packages if package["name"] == "perceptual-loss")
wrong = [
    f"{package['name']} {package['version']} wants Rust {package['rust_version']}; Cargo.toml says {said}"
    for package in packages
    if package["rust_version"] and number(package["rust_version"]) > number(said)
]
for page in subprocess.run(["git", "ls-files", "*.md", ":!CHANGELOG.md"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
    for told in re.findall(r"\bRust (1\.[0-9]+)", open(page).read()):
        if number(told) != number(said):
            wrong.append(f"{page} says Rust {told}; Cargo.toml says {said}")
if wrong:
    sys.exit("\n".join(wrong))
