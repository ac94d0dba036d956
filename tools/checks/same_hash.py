#!/usr/bin/python3
"""Same trace hash from every build: same_hash.py [--scenarios DIR] [--seeds N] [--seconds LIMIT] PROGRAM...

Runs every scenario with every seed under each `squall` given, and wants the same trace hash, verdict and number of events from all.
The first run that differs is named, with what each build said. Runs that no longer fit the time limit are left out and counted.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_once(program, scenario, seed):
    """What one run said: its trace hash, verdict and number of events, or the error."""
    run = subprocess.run([program, "run", str(scenario), "--seed", str(seed), "--json"], capture_output=True, text=True)
    try:
        said = json.loads(run.stdout)
        return said["trace"], said["verdict"], said["events"]
    except (ValueError, KeyError):
        return "no trace", f"exit code {run.returncode}", run.stderr.strip()[-200:]


def compare(programs, scenario, seed, pool):
    """A finding if the programs disagree about one run, or None."""
    said = list(pool.map(lambda program: run_once(program, scenario, seed), programs))
    if said[0][0] != "no trace" and all(one == said[0] for one in said):
        return None
    lines = [f"  {program}: {one}" for program, one in zip(programs, said)]
    return "\n".join([f"{scenario} seed {seed}: the builds disagree", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=pathlib.Path, default=ROOT / "scenarios")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    begun = time.monotonic()
    compared = left_out = 0
    scenarios = sorted(options.scenarios.rglob("*.toml"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed in range(1, options.seeds + 1):
            for scenario in scenarios:
                if time.monotonic() - begun > options.seconds and compared:
                    left_out += 1
                    continue
                finding = compare(options.program, scenario, seed, pool)
                if finding:
                    print(finding)
                    return 1
                compared += 1
    print(f"same hash: {compared} runs of {len(scenarios)} scenarios agree in {len(options.program)} builds"
          f"{f', {left_out} left out for time' if left_out else ''}")
    return 0 if compared else 1


if __name__ == "__main__":
    sys.exit(main())
