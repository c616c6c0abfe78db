#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""quick.py BUILD: every row of the benchmark's table can be measured, and has its key.

Runs all that needs no peers, as small as it goes; of the figures themselves only that they are numbers
above 0 is looked at. That the table says what is missed is looked at with made-up figures.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import table  # noqa: E402

# The contract with those who read the JSON.
KEYS = ("replay_cpu_us", "run_over_floor", "kafka_streams_over_engaged", "flink_over_engaged",
        "python_over_engaged", "latency_alo_p99_ms", "latency_eos_p99_ms", "bytes_hot", "bytes_redis",
        "cost_1e7_over_1e3", "cost_200_over_10_rules", "restart_first_trigger_s")
OF_PEERS = {"kafka_streams_over_engaged", "flink_over_engaged", "python_over_engaged"}
SMALL = ("stakeholders=1000", "first=20000", "more=50000", "bytes_stakeholders=2000",
         "engine_stakeholders=20000", "engine_events=20000", "latency_s=2", "restart_stakeholders=2000",
         "evict_stakeholders=8000", "evict_more=20000", "job_stakeholders=500", "job_more=5000")

LEAST = {"run_redis_cpu_us": 0}  # counted in hundredths of a second: too little for so few events

# What the table says of a figure: key, figure, words.
SAID = (("replay_cpu_us", 1.21, "MISSES 1.2"), ("replay_cpu_us", 1.2, "reaches 1.2"),
        ("replay_cpu_us", 0.7, "reaches the aim, 0.7"), ("flink_over_engaged", 7.9, "MISSES 8"),
        ("flink_over_engaged", 8, "reaches 8"), ("flink_over_engaged", 21, "reaches the aim, 20"),
        ("floor_cpu_us", 1e6, ""))


def misjudged():
    rows = {row.key: row for row in table.ROWS}
    return [f"{key} {figure}" for key, figure, words in SAID
            if table.verdict(rows[key], figure) != words]


def main():
    wanted = [key for key in table.KEYS if key not in OF_PEERS]
    options = [x for size in SMALL for x in ("--set", size)]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        done = subprocess.run([os.path.join(HERE, "run"), "--build", sys.argv[1], "--quick", "--json",
                               out, "--only", ",".join([*wanted, "job_redis_cpu_us"]), *options],
                              stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="")
        if done.returncode:
            return done.returncode
        with open(out, encoding="utf-8") as f:
            said = json.load(f)
    absent = [key for key in (*KEYS, *wanted) if key not in said]
    odd = [key for key in wanted if said.get(key) is None or said[key] < LEAST.get(key, 1e-9)]
    aimed = {row.key for row in table.ROWS if row.must and row.aim}
    targets = [key for key in KEYS if key not in aimed]
    faults = (("absent", absent), ("no figure", odd), ("without a target", targets),
              ("misjudged", misjudged()))
    for name, keys in faults:
        if keys:
            print(f"{name}: {', '.join(keys)}")
    return any(keys for _, keys in faults)


if __name__ == "__main__":
    sys.exit(main())
