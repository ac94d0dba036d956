#!/usr/bin/python3
"""Formatting check: every C++ file is as clang-format-19 would write it."""

import shutil
import subprocess
import sys

from common import CODE, files, root_from_arguments, tell


def check_tree(root):
    paths = files(root, CODE)
    tool = shutil.which("clang-format-19")
    if not tool:
        return ["clang-format-19 is not installed"], len(paths)
    findings = []
    for begin in range(0, len(paths), 100):
        names = [str(path) for path in paths[begin:begin + 100]]
        run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *names], cwd=root, capture_output=True, text=True)
        findings += sorted({line.split(":")[0] + ": not formatted" for line in run.stderr.splitlines() if "error:" in line})
        if run.returncode and not findings:
            findings.append(run.stderr)
    return findings, len(paths)


if __name__ == "__main__":
    sys.exit(tell(*check_tree(root_from_arguments(__doc__)), "format"))
