# SPDX-License-Identifier: Apache-2.0
"""Rows that need no servers: replay, the engine alone, memory."""
import os
import re
import subprocess
import sys
import time

from measure import is_asleep, need_memory, output_of, resident_bytes, run_child, unread

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA_SETS = ("ibm_care_dev", "ietf_sdjwt", "online_retail")


def write_load(b, name, stakeholders, events, *options):
    path = os.path.join(b.folder, name)
    if not os.path.exists(path):
        with open(path, "wb") as f:
            subprocess.run([b.program("gen_load"), *options, str(stakeholders), str(events)],
                           stdout=f, check=True)
    return path


def replay(b, files):
    """Its CPU seconds."""
    return run_child([b.engaged, "replay", "--config", b.shipped, *files])


def replay_made(b):
    """The cost of the events behind the first ones, by which everybody is known: what all take, less
    what the first ones take."""
    n, first, more = b.size.stakeholders, b.size.first, b.size.more
    beginning = write_load(b, "first.jsonl", n, first)
    rest = write_load(b, "more.jsonl", n, first + more, "--from", str(first))
    less = replay(b, [beginning])
    both = replay(b, [beginning, rest])
    b.figures.add("replay_cpu_us", (both - less) * 1e6 / more)
    b.figures.note("replay_cpu_us", f"{more} events behind {first}; with those, "
                   f"{both * 1e6 / (first + more):.2f} µs")


def replay_real(b):
    """Each data set by itself, since time goes forth within each; the mean over all events."""
    seconds = n_events = 0
    for name in DATA_SETS:
        path = os.path.join(b.folder, name + ".jsonl")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                subprocess.run([sys.executable, os.path.join(TESTS, "oracle", "events.py"),
                                os.path.join(TESTS, "data", name + ".csv.gz"),
                                "--repeat", str(b.size.repeat)], stdout=f, check=True)
        with open(path, "rb") as f:
            n_events += sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
        seconds += replay(b, [path])
    b.figures.add("replay_real_cpu_us", seconds * 1e6 / n_events)
    b.figures.note("replay_real_cpu_us", f"{n_events} events, {b.size.repeat} copies")


def resident_behind(b, *load):
    """Bytes that a replay of that load holds when it has read all of it, and waits for more."""
    replaying = subprocess.Popen([b.engaged, "replay", "--config", b.shipped, "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        subprocess.run([b.program("gen_load"), *map(str, load)], stdout=replaying.stdin, check=True)
        while unread(replaying.stdin) or not is_asleep(replaying.pid):
            time.sleep(0.05)
        return resident_bytes(replaying.pid)
    finally:
        replaying.stdin.close()
        if replaying.wait():
            raise RuntimeError(f"replay ended with {replaying.returncode}")


def bytes_hot(b):
    """What a replay of 20 events each holds, less what it holds behind as many events of a hundred;
    and what the engine counts, behind as many."""
    n = b.size.bytes_stakeholders
    most = resident_behind(b, n, 20 * n)
    least = resident_behind(b, "--each", n // 5, 100, 20 * n)
    b.figures.add("bytes_hot", (most - least) / n)
    b.figures.note("bytes_hot", f"{n} stakeholders")
    said = output_of([b.program("shipped_cost"), str(n), str(n)])
    b.figures.add("bytes_hot_counted",
                  float(re.search(r"all come:.*?(\d+) bytes per stakeholder", said).group(1)))


def engine_costs(b, *options):
    said = output_of([b.program("engine_cost"), *map(str, options)])
    return float(re.search(r"ratio ([0-9.]+)", said).group(1)), said


def cost_many(b):
    n = b.size.engine_stakeholders
    need_memory(n * 1300 >> 20, f"{n} stakeholders")
    ratio, _ = engine_costs(b, b.size.engine_events, 1000, n, 1e9)
    b.figures.add("cost_1e7_over_1e3", ratio)
    b.figures.note("cost_1e7_over_1e3", "10 metrics, 5 rules"
                   + ("" if n == 10**7 else f"; only {n} stakeholders"))


def cost_rules(b):
    ratio, _ = engine_costs(b, "--rules", b.size.engine_events, b.size.stakeholders, 1e9)
    b.figures.add("cost_200_over_10_rules", ratio)
    b.figures.note("cost_200_over_10_rules", f"10 metrics, {b.size.stakeholders} stakeholders")
