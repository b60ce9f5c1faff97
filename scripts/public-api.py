#!/usr/bin/env python3
"""Prints a crate's public items, a line each and sorted, from the JSON that rustdoc makes of it.

    python3 scripts/public-api.py target/doc/perceptual_loss.json

A line is an item's path and its declaration as it stands in the sources, in one line without comments, attributes and
bodies. Of a type there is also a line with the traits that are implemented for it, by hand or by derive. What has several
paths is told at the first.
"""
import json, pathlib, re, sys

crate = json.load(open(sys.argv[1]))
lines = set()
paths = {}  # Of all that was told, by number.


def get(id):
    """An item by its number; None where it is private."""
    return crate["index"].get(str(id))


def declaration(item, kind):
    """The item's own text, up to its body or value."""
    (first, column), (last, end) = item["span"]["begin"], item["span"]["end"]
    text = pathlib.Path(item["span"]["filename"]).read_text().splitlines()[first - 1 : last]
    # Columns count from 1. The last line first, in case that it is the first one too.
    text[-1] = text[-1][: end - 1]
    text[0] = text[0][column - 1 :]
    text = re.sub(r"//.*|#\[[^\]]*\]", "", "\n".join(text))
    if kind in ("constant", "static", "assoc_const"):
        text = re.split(r"\s=\s", text)[0]
    elif kind == "struct":  # Its fields have lines of their own.
        text = re.split(r"[{(;]", text)[0]
    elif kind != "variant":
        text = text.split("{")[0]
    text = re.sub(r"\s+", " ", text).strip(" ,;")
    # What a declaration over several lines has more than one in a line.
    return re.sub(r"([(\[<]) |,? (?=[)\]])|,(?= })", lambda match: match[1] or "", text)


def visit(path, item):
    """An item that is reachable within `path`, and all that is within it."""
    (kind, inner), = item["inner"].items()
    if kind == "use":
        return visit_use(path, inner)
    if kind == "impl":
        return
    path = f"{path}::{item['name']}" if path else item["name"]
    if paths.setdefault(item["id"], path) != path:
        lines.add(f"{path}: is {paths[item['id']]}")
        return
    if kind == "module":
        # What a module holds itself is told before what its modules hold.
        children = sorted(inner["items"], key=lambda id: "module" in (get(id) or item)["inner"])
    else:
        mark = "#[non_exhaustive] " if "non_exhaustive" in str(item["attrs"]) else ""
        lines.add(f"{path}: {mark}{declaration(item, kind)}")
        children = within(kind, inner)
    for child in filter(None, map(get, children)):
        visit(path, child)
    if kind in ("struct", "enum", "union"):
        visit_impls(path, inner["impls"])


def within(kind, inner):
    """The numbers of what a type or trait has within it. A variant's fields stand in its own line."""
    if kind == "enum":
        return inner["variants"]
    if kind == "trait":
        return inner["items"]
    if kind == "struct" and isinstance(inner["kind"], dict):
        return inner["kind"]["tuple"] if "tuple" in inner["kind"] else inner["kind"]["plain"]["fields"]
    return []


def visit_use(path, use):
    target = get(use["id"])
    if target is None or target["crate_id"] != 0:
        lines.add(f"{path}::{use['name']}: pub use {use['source']}")
    elif use["is_glob"]:
        for child in filter(None, map(get, target["inner"]["module"]["items"])):
            visit(path, child)
    else:
        visit(path, target | {"name": use["name"]})


def visit_impls(path, impls):
    traits = set()
    for impl in (impl["inner"]["impl"] for impl in filter(None, map(get, impls))):
        if impl["trait"] is None:
            for child in filter(None, map(get, impl["items"])):
                visit(path, child)
        elif not impl["is_synthetic"] and not impl["blanket_impl"]:
            traits.add(impl["trait"]["path"].split("::")[-1])
    # The compiler's mark on what derives PartialEq.
    traits.discard("StructuralPartialEq")
    if traits:
        lines.add(f"{path}: impl {', '.join(sorted(traits))}")


visit("", get(crate["root"]))
print("\n".join(sorted(lines)))
