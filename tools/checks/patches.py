#!/usr/bin/python3
"""Patch check: every planted bug of tests/bugs still applies to the tree, and says in one line which bug it is."""

import re
import subprocess
import sys

from common import root_from_arguments, tell


def check(root, patch):
    name = patch.relative_to(root)
    if not re.search(r"^Bug: \S", patch.read_text(), re.M):
        yield f"{name}: no line `Bug: ...`"
    run = subprocess.run(["patch", "-p1", "--dry-run", "--batch", "--force", "-i", str(patch)], cwd=root, capture_output=True, text=True)
    if run.returncode:
        failed = [line for line in run.stdout.splitlines() if "FAILED" in line or "can't find" in line]
        yield f"{name}: does not apply to the tree: {'; '.join(failed) or run.stdout.strip()}; make it anew"


def main():
    root = root_from_arguments(__doc__)
    patches = sorted((root / "tests" / "bugs").glob("*.patch"))
    return tell([finding for patch in patches for finding in check(root, patch)], len(patches), "patches")


if __name__ == "__main__":
    sys.exit(main())
