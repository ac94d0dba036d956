#!/usr/bin/python3
"""Runs one libFuzzer target for a bounded time: run.py PROGRAM CORPUS SECONDS. What it finds stays beside the program."""

import os
import pathlib
import shutil
import subprocess
import sys


def main(program, corpus, seconds):
    program = pathlib.Path(program)
    grown = program.parent / f"{program.name}-corpus"
    shutil.rmtree(grown, ignore_errors=True)
    grown.mkdir()
    seed = os.environ.get("SQUALL_TEST_SEED", "1")
    # A simulation leaves its fibers' fake stacks behind; a million of them are too many.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_stack_use_after_return=0"}
    ended = subprocess.run([str(program), f"-seed={seed}", f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                           "-verbosity=0", f"-artifact_prefix={program}-finding-", str(grown), corpus], check=False, env=environment).returncode
    return 1 if ended else 0  # a finding ends with 77, which would be taken for a skipped test


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
