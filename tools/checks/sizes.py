#!/usr/bin/python3
"""Size check: a file over 600 lines, or a function over 100, holds more than one idea.

docs/style.md asks for 200 and 70; this check stops what has clearly outgrown its room.
"""

import re
import sys

from common import CODE, files, root_from_arguments, tell

FILE_LINES = 600
FUNCTION_LINES = 100
# A definition at namespace or class level under our formatting: `...) ... {` at the end of a line that starts a block.
OPENING = re.compile(r"^(\s*)[\w~:<>&*\[\],\s\(\)=]*\)[\w\s:&<>,\->\(\)\{\}\*_\.]*\{$")
NOT_FUNCTION = re.compile(r"^\s*(if|for|while|switch|else|do|namespace|class|struct|enum|union|catch|try|return|case|\})\b")


def long_functions(lines):
    """(first line, length) of each function-like block over the limit."""
    found = []
    for start, line in enumerate(lines):
        opening = OPENING.match(line)
        if not opening or NOT_FUNCTION.match(line) or len(opening.group(1)) > 2:
            continue
        closing = opening.group(1) + "}"
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(closing):
                if end - start + 1 > FUNCTION_LINES:
                    found.append((start + 1, end - start + 1))
                break
    return found


def check_tree(root):
    findings = []
    paths = files(root, CODE | {".py", ".sh", ".toml"})
    for path in paths:
        lines = (root / path).read_text().splitlines()
        if len(lines) > FILE_LINES:
            findings.append(f"{path}: {len(lines)} lines, more than {FILE_LINES}")
        if path.suffix in CODE:
            findings += [f"{path}:{start}: a function of {length} lines, more than {FUNCTION_LINES}"
                         for start, length in long_functions(lines)]
    return findings, len(paths)


if __name__ == "__main__":
    sys.exit(tell(*check_tree(root_from_arguments(__doc__)), "sizes"))
