#!/usr/bin/python3
"""The bug bank: bug_bank.py BUILD_DIRECTORY [--cpu-minutes N] [--only NAME[,NAME...]] [--write PAGE] applies each planted bug of tests/bugs
to a copy of the tree, builds `squall` there, and wants the shipped scenarios to catch it, by a check, before the runs have cost N minutes
of processor time (10).

A patch begins with lines `Bug: one sentence` and optionally `Tried first: scenarios/x.toml, scenarios/y.toml`. That only orders the search:
those scenarios with the first seeds, then every scenario with every seed. The tree without any bug must hold in the same runs, or catching
would mean nothing. The copy lives in BUILD_DIRECTORY/bug-bank and takes over what was built already.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("base", "runtime", "protocol", "log", "raft", "client", "broker", "sim", "scenarios", "reports", "tools")
JOBS = os.cpu_count() or 1
CONTROL_SEEDS = 2
FIRST_SEEDS = 20  # of the scenarios that are tried first
SEEDS = 100
RUN_SECONDS = "120"


@dataclasses.dataclass
class Run:
    scenario: str
    seed: int
    code: int
    said: dict
    cpu_s: float

    def finding(self):
        """Which check failed first (a failed assert is one of `nothing_asserts`), and when. A run that did too little has none."""
        return (self.said.get("findings") or [None])[0]


@dataclasses.dataclass
class Search:
    caught: Run | None = None
    runs: int = 0
    cpu_s: float = 0


class Bank:
    def __init__(self, build):
        self.tree = build / "bug-bank" / "tree"
        self.build = self.tree / "build"
        self.clean = self.tree.parent / "squall-clean"
        self.copy(build)

    def copy(self, build):
        """The sources and what is built of the product, with their times, so that only what a patch touches is built again."""
        shutil.rmtree(self.tree.parent, ignore_errors=True)
        self.tree.mkdir(parents=True)
        for path in ROOT.iterdir():
            if path.name.startswith("build") or path.name == ".git":
                continue
            if path.is_dir():
                shutil.copytree(path, self.tree / path.name, symlinks=True)
            else:
                shutil.copy2(path, self.tree)
        self.build.mkdir()
        for path in build.iterdir():
            if path.name in PRODUCT or path.name in ("meson-private", "meson-info"):
                shutil.copytree(path, self.build / path.name, symlinks=True)
            elif path.is_file():
                shutil.copy2(path, self.build)

    def patch(self, patch, *options):
        subprocess.run(["patch", "-p1", "--silent", "--no-backup-if-mismatch", *options, "-i", str(patch)], cwd=self.tree, check=True,
                       stdout=subprocess.PIPE, text=True)

    def compile(self):
        run = subprocess.run(["ninja", "-C", str(self.build), "tools/squall"], capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError("does not build:\n" + run.stdout[-2000:])

    def keep_clean(self):
        """Keeps the program without a bug: a run that fails in it, too, catches nothing."""
        shutil.copy2(self.build / "tools/squall", self.clean)

    def run(self, scenario, seed, program=None):
        args = ["timeout", RUN_SECONDS, str(program or self.build / "tools/squall"), "run", scenario, "--seed", str(seed), "--json"]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(args, cwd=self.tree, stdout=out, stderr=err)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            try:
                said = json.loads(out.read())
            except ValueError:
                said = {"error": err.read().decode().strip()[-300:]}
        return Run(scenario, seed, child.returncode, said, used.ru_utime + used.ru_stime)

    def failures(self, runs):
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            return [(run.scenario, run.seed, run.said.get("findings") or run.said) for run in pool.map(lambda one: self.run(*one), runs) if run.code != 0]

    def search(self, runs, cpu_s_max):
        """Goes on until a check fails in one of `runs`, pairs of scenario and seed, and none does without the bug."""
        search = Search()
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            runs = iter(runs)
            while search.cpu_s < cpu_s_max and (chunk := list(itertools.islice(runs, JOBS))):
                for run in pool.map(lambda one: self.run(*one), chunk):
                    search.runs += 1
                    search.cpu_s += run.cpu_s
                    if run.finding() and self.run(run.scenario, run.seed, self.clean).code == 0:
                        search.caught = run
                        return search
        return search


def header(patch, word):
    found = re.search(rf"^{word}: (.*)$", patch.read_text(), re.M)
    return found.group(1).strip() if found else None


def scenarios():
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").rglob("*.toml"))


def runs_for(patch):
    """Every scenario with every seed; those that the patch names go first."""
    first = [name.strip() for name in (header(patch, "Tried first") or "").split(",") if name.strip()]
    yield from ((scenario, seed) for seed in range(1, FIRST_SEEDS + 1) for scenario in first)
    every = ((scenario, seed) for seed in range(1, SEEDS + 1) for scenario in scenarios())
    yield from ((scenario, seed) for scenario, seed in every if scenario not in first or seed > FIRST_SEEDS)


def try_bug(bank, patch, cpu_s_max):
    """How the bug was caught, or not."""
    search = Search()
    bank.patch(patch)
    try:
        bank.compile()
        search = bank.search(runs_for(patch), cpu_s_max)
    except RuntimeError as error:
        print(error)
    finally:
        bank.patch(patch, "-R")
    return search


def table(rows):
    lines = ["# The bug bank", "",
             "Planted bugs (`tests/bugs/*.patch`), and the first run of the shipped scenarios that caught each. Printed by",
             "`tools/checks/bug_bank.py build --write docs/bug-bank.md`; the test `bug bank` wants every one caught by a check, within ten minutes",
             "of processor time. A patch may name scenarios that are tried first, with twenty seeds; then all scenarios are, seed by seed. \"CPU\" is",
             "what all runs until then cost, in seconds; \"at\" is when in its run the check failed, in virtual seconds.", "",
             "| Bug | Caught by | Scenario | Seed | Runs | CPU | At |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for patch, search in rows:
        run = search.caught
        check, scenario, seed, at = "**nothing**", "-", "-", "-"
        if run:
            check, at = run.finding()["check"], f"{run.finding()['at_s']:.1f}"
            scenario, seed = pathlib.Path(run.scenario).relative_to("scenarios").with_suffix(""), run.seed
        lines.append(f"| {header(patch, 'Bug')} | {check} | {scenario} | {seed} | {search.runs} | {search.cpu_s:.1f} | {at} |")
    return "\n".join(lines) + "\n"


def show(patch, search):
    run = search.caught
    how = f"caught by {run.finding()['check']} in {run.scenario} with seed {run.seed}" if run else "NOT CAUGHT"
    return f"{patch.stem}: {how}, after {search.runs} runs and {search.cpu_s:.0f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--cpu-minutes", type=float, default=10)
    parser.add_argument("--only", type=lambda names: names.split(","), help="names of patches, with commas")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    patches = sorted((ROOT / "tests" / "bugs").glob("*.patch"))
    if options.only:
        patches = [patch for patch in patches if patch.stem in options.only]
    bank = Bank(options.build.resolve())
    begun = time.monotonic()
    bank.compile()
    if not options.only:
        control = [(scenario, seed) for seed in range(1, CONTROL_SEEDS + 1) for scenario in scenarios()]
        failed = bank.failures(control)
        if failed or not control:
            print(f"the tree without a bug fails already: {failed}" if control else "there are no scenarios")
            return 1
        print(f"without a bug: {len(control)} runs held", flush=True)
    bank.keep_clean()
    rows = []
    for patch in patches:
        rows.append((patch, try_bug(bank, patch, options.cpu_minutes * 60)))
        print(show(*rows[-1]), flush=True)
    page = table(rows)
    print(page)
    if options.write:
        options.write.write_text(page)
    missed = [patch.stem for patch, search in rows if not search.caught]
    print(f"bug bank: {len(rows)} bugs, {len(missed)} not caught{': ' + ', '.join(missed) if missed else ''}; "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if missed or len(rows) < (1 if options.only else 8) else 0


if __name__ == "__main__":
    sys.exit(main())
