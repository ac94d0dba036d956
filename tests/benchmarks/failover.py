#!/usr/bin/python3
"""How long a cluster has no active controller when the active one dies: Kafka's default timers and tuned ones, virtual and real.

failover.py [--seeds N] [--rounds N]: N runs of a scenario, and N kills (SIGKILL) of a real process; prints a table. Both worlds tell by the
same event, `controller-elected`: from the death until a controller has read all that was committed and decides again.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "clients"))

from cluster_harness import Cluster, active  # noqa: E402
from harness import BUILD  # noqa: E402
from node_process import until  # noqa: E402

QUORUM = "controller.quorum."
PROFILES = {
    "Kafka's defaults": {"fetch.timeout.ms": 2000, "election.timeout.ms": 1000, "election.backoff.max.ms": 1000, "request.timeout.ms": 2000},
    "tuned": {"fetch.timeout.ms": 300, "election.timeout.ms": 150, "election.backoff.max.ms": 100, "request.timeout.ms": 250},
}
SCENARIO = """title = "The active controller dies"
[cluster]
controllers = 3
brokers = 3
[cluster.config]
{config}
[[topic]]
name = "orders"
partitions = 3
replication = 3
[[workload]]
produce = "orders"
rate = "20/s"
[[fault]]
at = "uniform(4s, 6s)"
crash = {{ node = "controller.active", for = "5s" }}
[run]
duration = "15s"
"""


def virtual(config, seeds):
    text = SCENARIO.format(config="\n".join(f'"{QUORUM}{key}" = {value}' for key, value in config.items()))
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        for seed in range(1, seeds + 1):
            run = subprocess.run([str(BUILD / "tools/squall"), "run", file.name, "--seed", str(seed)], capture_output=True, text=True)
            if run.returncode:
                raise SystemExit(f"seed {seed}: {run.stdout[-1500:]}{run.stderr}")
            died = float(re.search(r"^ *([\d.]+) s  !! crash", run.stdout, re.M)[1])
            elected = [float(at) for at in re.findall(r"^ *([\d.]+) s .* controller-elected", run.stdout, re.M)]
            yield next(at - died for at in elected if at > died)


def elections(cluster):
    """When, in seconds since the epoch, each controller was elected."""
    return sorted(datetime.datetime.fromisoformat(at).timestamp() for node in cluster.controllers
                  for at in re.findall(r"^time=(\S+)Z .*event=controller-elected", node.output(), re.M))


def real(config, rounds):
    with tempfile.TemporaryDirectory(prefix="squall-failover-") as directory:
        cluster = Cluster(directory, **{(QUORUM + key).replace(".", "_"): value for key, value in config.items()}).start()
        try:
            for _ in range(rounds):
                victim = active(cluster)
                died = datetime.datetime.utcnow().timestamp()
                victim.kill()
                if not until(lambda: any(at >= died for at in elections(cluster)), 30, 0.02):
                    raise SystemExit(f"no controller for 30 s\n{cluster.last_words()}")
                yield next(at - died for at in elections(cluster) if at >= died)
                victim.start()
                cluster.wait_whole(30)
        finally:
            cluster.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    os.environ.setdefault("SQUALL_SCENARIOS", str(TOP / "scenarios"))
    print("| Timers | World | Deaths | Shortest | Median | Longest |\n| --- | --- | --- | --- | --- | --- |")
    for profile, config in PROFILES.items():
        for world, measure, count in (("virtual", virtual, options.seeds), ("real", real, options.rounds)):
            times = sorted(measure(config, count))
            print(f"| {profile} | {world} | {count} | {times[0]:.3f} s | {times[count // 2]:.3f} s | {times[-1]:.3f} s |", flush=True)


if __name__ == "__main__":
    main()
