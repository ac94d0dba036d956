#!/usr/bin/python3
"""Lints: tidy.py BUILD_DIRECTORY [--seconds LIMIT] [FILE...] runs clang-tidy-19 on the product's sources (or on FILEs).

The checks are those of .clang-tidy. Files that no longer fit the limit are counted and told, the largest folders last.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

PRODUCT = ("base", "raft", "log", "runtime", "protocol", "client", "sim", "broker", "scenarios", "tools")


def sources(build):
    """Our handwritten translation units that this build compiles, by folder in the order of PRODUCT."""
    root = pathlib.Path(__file__).resolve().parents[2]
    found = set()
    for command in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(os.path.normpath(os.path.join(command["directory"], command["file"])))
        if path.is_relative_to(root) and not path.is_relative_to(build.resolve()):
            relative = path.relative_to(root)
            if relative.parts[0] in PRODUCT:
                found.add(relative)
    return [root / path for path in sorted(found, key=lambda path: (PRODUCT.index(path.parts[0]), path))]


def lint(build, path):
    run = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(build), str(path)], capture_output=True, text=True)
    return run.stdout.strip() if run.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("file", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if not shutil.which("clang-tidy-19"):
        print("clang-tidy-19 is not installed")
        return 1
    paths = [path.resolve() for path in options.file] or sources(options.build)
    begun = time.monotonic()

    def one(path):
        return lint(options.build, path) if time.monotonic() - begun < options.seconds else None

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(one, paths))
    for text in filter(None, said):
        print(text)
    bad, left_out = sum(1 for text in said if text), sum(1 for text in said if text is None)
    print(f"lints: {len(paths) - left_out} files, {bad} with findings{f', {left_out} left out for time' if left_out else ''}")
    return 1 if bad or left_out == len(paths) else 0


if __name__ == "__main__":
    sys.exit(main())
