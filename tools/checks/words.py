#!/usr/bin/python3
"""Banned words: what would make a run differ from its replay, and words of unfinished work.

A line that must break a rule says why in a comment on it: `// allowed: REASON`.
"""

import re
import sys

from common import CODE, files, root_from_arguments, tell

WAIVER = re.compile(r"//\s*allowed:\s*\S")
REAL_WORLD = ("runtime/linux/", "tools/", "tests/", "reports/")

# (pattern, why, path prefixes where it is allowed)
RULES = [
    (r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|std::time\b|localtime|gmtime)",
     "a clock: ask the World", REAL_WORLD),
    (r"\b(std::j?thread|this_thread|std::async|pthread_\w+|std::mutex|thread_local)\b", "a thread: spawn a fiber", REAL_WORLD),
    (r"\b(random_device|mt19937(_64)?|default_random_engine|srand|rand\(|getrandom)", "unseeded or unspecified randomness: fork_random",
     REAL_WORLD),
    (r"std::\w+_distribution\b|std::shuffle\b", "a std distribution: its algorithm is unspecified", ("tools/",)),
    (r"\b(secure_)?getenv\b", "the environment: pass configuration in", REAL_WORLD),
    (r"std::hash\b", "std::hash: its values are unspecified", ("tools/", "tests/")),
    (r"\b(is_?simulated|isSimulated|in_simulation)\b", "product code asks whether it is simulated", ("sim/", "tests/")),
    (r"\b(TODO|FIXME|XXX|HACK)\b|\b[Nn]ot implemented\b|\bfor now\b|\bGTEST_SKIP\(\)(?! << .SKIPPED: )|\bDISABLED_", "unfinished work", ()),
    (r"\b(this_thread::sleep_\w+|usleep|nanosleep)\b", "a sleep", ("runtime/linux/",)),
]
UNORDERED = re.compile(r"\bunordered_(?:flat_)?(?:map|set|multimap|multiset)<.*>\s*&?\s*(\w+)\s*[;={(]")


def unordered_names(root, path):
    """Names of hash containers declared in a file or in the header beside it."""
    names = set()
    for candidate in {path, path.with_suffix(".h"), path.with_name(path.stem.removesuffix("_test") + ".h")}:
        if (root / candidate).exists():
            names |= set(UNORDERED.findall((root / candidate).read_text()))
    return names


def check_file(root, path):
    findings = []
    name = path.as_posix()
    unordered = unordered_names(root, path)
    walks = re.compile(r"(for\s*\([^;]*:\s*(?:\w+(?:\.|->))*(" + "|".join(map(re.escape, unordered)) +
                       r")\s*\)|\b(?:std::)?erase_if\(\s*(?:\w+\.)*(" + "|".join(map(re.escape, unordered)) +
                       r")\b)") if unordered else None
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        if WAIVER.search(line):
            continue
        for pattern, why, allowed in RULES:
            if re.search(pattern, line) and not name.startswith(tuple(allowed)):
                findings.append(f"{path}:{number}: {why}: {line.strip()}")
        if walks and walks.search(line) and not name.startswith(REAL_WORLD):
            findings.append(f"{path}:{number}: walks a hash container, whose order is unspecified: {line.strip()}")
    return findings


def check_tree(root):
    paths = files(root, CODE)
    return [finding for path in paths for finding in check_file(root, path)], len(paths)


if __name__ == "__main__":
    sys.exit(tell(*check_tree(root_from_arguments(__doc__)), "words"))
