#!/usr/bin/python3
"""A virtual cluster with many partitions: created and led; a broker and the active controller die and come back; all is in sync again, and
every partition is written to and read.

many_partitions.py [--partitions N [N ...]]: 3 controllers and 3 brokers, three replicas each; prints a table. Memory is the process's at most,
disks and checks included; a partition's is what it adds to that of an empty cluster, a replica's a third of it.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "clients"))

from harness import BUILD  # noqa: E402

TOPIC_PARTITIONS = 5_000  # Kafka makes at most 10,000 by one request
HEAD = """title = "Many partitions"
[cluster]
controllers = 3
brokers = 3
[[workload]]
produce = "topic-0"
rate = "20/s"
acks = "all"
[[fault]]
at = "{at}s"
crash = {{ node = "broker.1", for = "20s" }}
[[fault]]
at = "{at}s"
crash = {{ node = "controller.active", for = "5s" }}
[expect]
available_after_heal = "< 60s"
[run]
duration = "{duration}s"
heal = "300s"
"""


def scenario(partitions):
    opening = 10 + partitions // 10_000
    text = HEAD.format(at=opening, duration=opening + 60)
    for number in range(-(-partitions // TOPIC_PARTITIONS)):
        count = min(TOPIC_PARTITIONS, partitions - number * TOPIC_PARTITIONS)
        text += f'[[topic]]\nname = "topic-{number}"\npartitions = {count}\nreplication = 3\n'
    return text


def run(partitions):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(scenario(partitions))
        file.flush()
        begun = time.monotonic()
        process = subprocess.Popen([str(BUILD / "tools/squall"), "run", file.name, "--seed", "1", "--json"], stdout=subprocess.PIPE, text=True)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
    if process.returncode:
        raise SystemExit(f"{partitions} partitions: exit code {process.returncode}\n{said[-3000:]}")
    result = json.loads(said)
    return result["virtual_s"], wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, result["events"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    empty = run(1)[3]
    print("| Partitions | Virtual | Wall | CPU | Events | Memory | a partition | a replica |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for partitions in options.partitions:
        virtual, wall, cpu, memory, events = run(partitions)
        each = (memory - empty) * 1024 / partitions
        print(f"| {partitions:,} | {virtual:.0f} s | {wall:.1f} s | {cpu:.1f} s | {events:,} | {memory:.0f} MiB | {each:.1f} KiB | {each / 3:.1f} KiB |",
              flush=True)


if __name__ == "__main__":
    main()
