"""Sums up test results: tally.py TESTLOG... prints 'N passed, N failed' and lists the failures on standard error.

Each TESTLOG is Meson's meson-logs/testlog.json (one object a line) or a file of lines 'ok NAME' and 'failed NAME'.
Skipped tests count as neither, but are named: a test that did not run should be seen.
"""

import json
import pathlib
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def results(path):
    """Yields (name, outcome) of one log; outcome is 'passed', 'failed' or 'skipped'."""
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip():
            continue
        if line.startswith("{"):
            test = json.loads(line)
            outcome = "passed" if test["result"] in GOOD else "skipped" if test["result"] == "SKIP" else "failed"
            yield test["name"], outcome
        else:
            word, name = line.split(" ", 1)
            yield name, "passed" if word == "ok" else "failed"


def main(paths):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        if not pathlib.Path(path).exists():
            print(f"FAILED: no results in {path}", file=sys.stderr)
            counts["failed"] += 1
            continue
        for name, outcome in results(path):
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome.upper()}: {name} ({path})", file=sys.stderr)
    sys.stderr.flush()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
