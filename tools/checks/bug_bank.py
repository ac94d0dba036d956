#!/usr/bin/python3
"""The bug bank: bug_bank.py BUILD_DIRECTORY [--seeds N] [--only NAME] [--write PAGE] applies each planted bug of tests/bugs to a copy of the
tree, builds `squall` there, and wants the shipped scenarios to catch it within N seeds, by a check.

A patch begins with lines `Bug: one sentence` and optionally `Tried first: scenarios/x.toml`. The tree without any bug must hold in the same
runs, or catching would mean nothing. The copy lives in BUILD_DIRECTORY/bug-bank and takes over what was built already.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("base", "runtime", "protocol", "log", "raft", "client", "broker", "sim", "scenarios", "reports", "tools")
JOBS = os.cpu_count() or 1
CONTROL_SEEDS = 2
RUN_SECONDS = 120


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
        """(exit code, what the program said) of one run; None for the code if it hung."""
        try:
            run = subprocess.run([str(program or self.build / "tools/squall"), "run", scenario, "--seed", str(seed), "--json"], cwd=self.tree,
                                 capture_output=True, text=True, timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            return None, {}
        try:
            return run.returncode, json.loads(run.stdout)
        except ValueError:
            return run.returncode, {"error": run.stderr.strip()[-300:]}

    def first_failure(self, runs):
        """(scenario, seed, check) of the first of `runs` that fails by a check, or None; and how many were run."""
        done = 0
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            runs = iter(runs)
            while chunk := list(itertools.islice(runs, JOBS)):
                for (scenario, seed), (code, said) in zip(chunk, pool.map(lambda run: self.run(*run), chunk)):
                    done += 1
                    if code != 0 and (not self.clean.exists() or self.run(scenario, seed, self.clean)[0] == 0):
                        return (scenario, seed, code, broken_property(said)), done
        return None, done


def broken_property(said):
    """The check that failed, from the run's JSON; a failed assert counts as the check `nothing_asserts`."""
    findings = said.get("findings") or []
    if findings:
        return findings[0]["check"]
    return "; ".join(said.get("gates") or []) or said.get("error", "")


def header(patch, word):
    found = re.search(rf"^{word}: (.*)$", patch.read_text(), re.M)
    return found.group(1).strip() if found else None


def scenarios():
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").rglob("*.toml"))


def runs_for(patch, seeds):
    """Every scenario with every seed; the scenario that the patch names goes first."""
    order = scenarios()
    named = header(patch, "Tried first")
    if named:
        order.sort(key=lambda scenario: scenario != named)
        yield from ((named, seed) for seed in range(1, seeds + 1))
        order = order[1:]
    yield from ((scenario, seed) for seed in range(1, seeds + 1) for scenario in order)


def try_bug(bank, patch, seeds):
    """A row of the table: name, sentence, and how it was caught (None if it was not)."""
    bank.patch(patch)
    try:
        bank.compile()
        caught, done = bank.first_failure(runs_for(patch, seeds))
    except RuntimeError as error:
        print(error)
        caught, done = None, 0
    finally:
        bank.patch(patch, "-R")
    if caught and caught[2] != 1:
        print(f"{patch.stem}: not by a check: {caught}")
    return patch.stem, header(patch, "Bug"), caught, done


def table(rows):
    lines = ["# The bug bank", "",
             "Planted bugs (`tests/bugs/*.patch`), and the first run of the shipped scenarios that caught each. Printed by",
             "`tools/checks/bug_bank.py build --write docs/bug-bank.md`; the test `bug bank` wants every one caught by a check.", "",
             "| Bug | Caught by | Scenario | Seed | Runs until then |", "| --- | --- | --- | --- | --- |"]
    for _, sentence, caught, done in rows:
        scenario, seed, code, check = caught or ("-", "-", None, "**nothing**")
        lines.append(f"| {sentence} | {check if code == 1 or not caught else f'exit code {code}'} | {pathlib.Path(scenario).stem} | {seed} | {done} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--only")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    bank = Bank(options.build.resolve())
    begun = time.monotonic()
    bank.compile()
    failure, done = bank.first_failure((scenario, seed) for seed in range(1, CONTROL_SEEDS + 1) for scenario in scenarios())
    if failure or not done:
        print(f"the tree without a bug fails already: {failure}" if done else "there are no scenarios")
        return 1
    print(f"without a bug: {done} runs held")
    bank.keep_clean()
    rows = []
    for patch in sorted((ROOT / "tests" / "bugs").glob("*.patch")):
        if options.only and options.only != patch.stem:
            continue
        row = try_bug(bank, patch, options.seeds)
        rows.append(row)
        print(f"{row[0]}: {'caught ' + str(row[2]) if row[2] else 'NOT CAUGHT'} after {row[3]} runs", flush=True)
    page = table(rows)
    print(page)
    if options.write:
        options.write.write_text(page)
    missed = [row[0] for row in rows if not row[2] or row[2][2] != 1]
    print(f"bug bank: {len(rows)} bugs, {len(missed)} not caught by a check{': ' + ', '.join(missed) if missed else ''}; "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if missed or len(rows) < (1 if options.only else 8) else 0


if __name__ == "__main__":
    sys.exit(main())
