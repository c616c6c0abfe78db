#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the model of the protocol (protocol.pml) with spin, exhaustively within bounds.

    tests/model/run.py [--deep] [--variant NAME] [--story] [--jobs N]

Prints a table: variant, verdict, states, depth, seconds, memory. What holds is searched in full;
each variant that lacks an ingredient must be violated, and is searched breadth first, so that
--story prints the shortest way there. --deep runs the larger bounds instead (gigabytes, up to
an hour). Exit status 0: every verdict is as expected; 77: spin or gcc is missing.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).with_name("protocol.pml")

# name: what is left out, bounds. All bounds are in protocol.pml, with the defaults.
HOLDS = {
    "any-one-fault": {"FAULTS": 1},
    "three-faults": {"FAULTS": 3, "EVENTS": 1, "KICKS": 0},
    "zombie-and-failover": {"FAULTS": 2, "EVENTS": 1, "CRASHES": 0, "LOSSES": 0},
    "two-partitions": {"NP": 2, "EVENTS": 1, "TICKS": 0, "FAULTS": 1, "FAILOVERS": 0, "LOSSES": 0},
    "offsets-expired": {"FAULTS": 3, "EVENTS": 1, "TICKS": 0, "EXPIRES": 1, "FAILOVERS": 0,
                        "LOSSES": 0},
    # Left out without harm: the comparing of the version alone keeps old scripts away.
    "no-epoch": {"NO_EPOCH": 1, "FAULTS": 2, "EVENTS": 1, "KICKS": 0},
}
# Of the faults only those that the story needs: a search breadth first is wide.
NONE = {"CRASHES": 0, "KICKS": 0, "FAILOVERS": 0, "LOSSES": 0, "FAULTS": 3}
VIOLATED = {
    "no-stable-read": {**NONE, "NO_STABLE_READ": 1, "EVENTS": 1, "KICKS": 1},
    "no-compare": {**NONE, "NO_COMPARE": 1, "LOSSES": 1},
    "no-suppression": {**NONE, "NO_SUPPRESSION": 1, "EVENTS": 1, "CRASHES": 1},
    "refreshed-metadata": {**NONE, "REFRESHED_METADATA": 1, "EVENTS": 1, "KICKS": 1},
    "no-generation": {**NONE, "NO_GENERATION": 1, "EVENTS": 1, "KICKS": 1},
    "wall-clock": {**NONE, "WALL_CLOCK": 1, "CRASHES": 1},
    "no-new-producer": {**NONE, "NO_NEW_PRODUCER": 1, "EVENTS": 1, "CRASHES": 1, "LOSSES": 1},
    "no-count": {**NONE, "NO_COUNT": 1, "EVENTS": 1, "CRASHES": 1},
    "unchecked-load": {**NONE, "UNCHECKED_LOAD": 1, "FAILOVERS": 1},
    "resume-after-expiry": {**NONE, "RESUME_AFTER_EXPIRY": 1, "FIRST": 2, "TICKS": 0, "KICKS": 1,
                            "CRASHES": 1, "EXPIRES": 1},
    # Not a fault: that the end is reached at all, after a fault of each kind.
    "end-is-reached": {"REACH_END": 1, "EVENTS": 1, "TICKS": 0},
}
DEEP = {
    "two-faults": {"FAULTS": 2, "EVENTS": 1},
    "three-faults-longer": {"FAULTS": 3, "KICKS": 0},
    "two-partitions-ticks": {"NP": 2, "EVENTS": 1, "FAULTS": 1},
    "no-epoch-zombie": {"NO_EPOCH": 1, "FAULTS": 1},
}


def spin(folder, defines, *options):
    defines = [f"-D{name}={value}" for name, value in defines.items()]
    return subprocess.run(["spin", *defines, *options, MODEL.name], cwd=folder, text=True,
                          capture_output=True, check=False).stdout


def build(folder, defines, is_breadth_first, memory):
    shutil.copy(MODEL, folder)
    if is_breadth_first:
        defines = {**defines, "SCRATCH": "local"}
    said = spin(folder, defines, "-a")
    if not (folder / "pan.c").exists():
        raise SystemExit(said)
    options = ["-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={memory}"]
    options += ["-DBFS"] if is_breadth_first else []
    options += ["-O1" if is_breadth_first else "-O2"]  # short searches: compiling is most of it
    subprocess.run(["gcc", "-w", *options, "-o", "pan", "pan.c"], cwd=folder, check=True)


def figure(text, pattern):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else 0.0


def search(folder, is_deep):
    size = "-w26" if is_deep else "-w23"
    said = subprocess.run(["./pan", "-m1000000", size], cwd=folder, text=True,
                          capture_output=True, check=False).stdout
    errors = re.search(r"errors: (\d+)", said)
    if not errors or re.search(r"max search depth too small|reached -DMEMLIM|out of memory", said):
        return "unfinished", said
    if errors.group(1) == "0":
        return "holds", said
    return ("violated" if "assertion violated" in said else "stuck"), said


def story(folder, defines):
    lines = spin(folder, {**defines, "SCRATCH": "local"}, "-t").splitlines()
    told = [line.strip() for line in lines if line.strip()]
    ends = [i for i, line in enumerate(told) if line.startswith("spin: trail ends")]
    return told[: ends[0]] if ends else told


def check(name, defines, expected, is_deep):
    with tempfile.TemporaryDirectory(prefix="engaged-model-") as folder:
        folder = pathlib.Path(folder)
        build(folder, defines, expected == "violated", 12000 if is_deep else 4000)
        began = time.monotonic()
        verdict, said = search(folder, is_deep)
        row = {
            "name": name,
            "verdict": verdict,
            "is_good": verdict == expected,
            "states": figure(said, r"(\d\S*) states, stored"),
            "depth": figure(said, r"depth reached (\d+)"),
            "seconds": time.monotonic() - began,
            "megabytes": figure(said, r"([\d.]+)\s+total actual memory"),
            "story": story(folder, defines) if verdict in ("violated", "stuck") else [],
        }
    return row


def show(row, is_told):
    mark = "" if row["is_good"] else "  WRONG"
    print(f"{row['name']:<22}{row['verdict']:<12}{row['states']:>12,.0f}{row['depth']:>7.0f}"
          f"{row['seconds']:>8.1f} s{row['megabytes']:>7.0f} MB{mark}", flush=True)
    if is_told or not row["is_good"]:
        for line in row["story"]:
            print("    " + line)


def chosen(options):
    if options.variant:
        every = {**HOLDS, **VIOLATED, **DEEP}
        if options.variant not in every:
            raise SystemExit(f"no variant {options.variant}: {' '.join(every)}")
        return [options.variant]
    return list(DEEP) if options.deep else [*HOLDS, *VIOLATED]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--variant")
    parser.add_argument("--story", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    missing = [tool for tool in ("spin", "gcc") if not shutil.which(tool)]
    if missing:
        print(f"skipped: {' and '.join(missing)} not installed")
        return 77
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = []
        for name in chosen(options):
            expected = "violated" if name in VIOLATED else "holds"
            defines = {**HOLDS, **VIOLATED, **DEEP}[name]
            runs.append(pool.submit(check, name, defines, expected, name in DEEP))
        rows = []
        for run in runs:
            rows.append(run.result())
            show(rows[-1], options.story)
    return 0 if all(row["is_good"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
