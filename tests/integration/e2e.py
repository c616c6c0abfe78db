#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""e2e.py BUILD KAFKA [--seed N] [--case TEXT]: the daemon on real Kafka and Redis, on real events.

For 1 and 12 partitions, 1 and 2 processes, undisturbed and with a process killed in the middle, and
for each scope of answers:
the three data sets through Kafka, closed by a tick just past the last event in each partition, give
a read-committed consumer each trigger of `engaged replay` exactly once, in its order; Redis then
holds replay's state.
"""
import collections
import datetime
import json
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (Deployment, Failed, Kafka, Redis, Tools, check, compare_triggers,  # noqa: E402
                     main, oracle, process, real_events)

HALF_LIFE_S = 30 * 86400
PARAMETERS = ("--deadline", "1h", "--deadline", "24h", "--half-life", "30d",
              "--enter", "8", "--exit", "2")
WINDOWS_MS = {"1h": 3600_000, "24h": 86400_000, "7d": 7 * 86400_000}


def instant_ms(text):
    """RFC 3339 or milliseconds since 1970."""
    if text.lstrip("-").isdigit():
        return int(text)
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def show_ms(ms):
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


class Expected:
    """What the events imply, said by replay and, for windows, counted here."""

    def __init__(self, tools, config, lines, folder):
        path = os.path.join(folder, "replay.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config)
        self.triggers, self.states = tools.replay(path, lines, folder)
        self.of = collections.defaultdict(list)  # (time, direction) per stakeholder
        self.n_nobody, self.end_ms = 0, 0
        for event in map(json.loads, lines):
            at = instant_ms(event["time"])
            self.end_ms = max(self.end_ms, at)
            if "subject" in event:
                self.of[event["subject"]].append((at, event["data"]["direction"]))
            else:
                self.n_nobody += 1
        check(self.triggers, "replay gives no triggers")
        check({s["subject"] for s in self.states} == set(self.of), "replay's state lacks somebody")

    def check_state(self, places, hashes):
        """Redis holds each one's state as of its `as_of`; brought to the end it is replay's."""
        check(set(hashes) == set(self.of),
              f"{len(self.of)} stakeholders expected in Redis, {len(hashes)} there; e.g. "
              f"{sorted(set(hashes) ^ set(self.of))[:3]}")
        for state in self.states:
            who = state["subject"]
            partition, fields = hashes[who]
            check(partition == places[who], f"{who} is in {partition}, its log in {places[who]}")
            self.check_fields(who, state, fields)

    def check_fields(self, who, state, fields):
        as_of = instant_ms(fields["as_of"])
        check(self.of[who][-1][0] <= as_of <= self.end_ms + 1000, f"{who}: as_of {fields['as_of']}")
        decay = 2.0 ** (-(self.end_ms - as_of) / 1000 / HALF_LIFE_S)
        want, got = state["metrics"]["involvement"], float(fields["involvement"]) * decay
        check(abs(want - got) <= 1e-9 * max(want, 1e-6), f"{who}: involvement {got}, replay {want}")
        for width, ms in WINDOWS_MS.items():
            for short, direction in (("in", "inbound"), ("out", "outbound")):
                want = sum(d == direction and as_of - ms < t <= as_of for t, d in self.of[who])
                got = int(float(fields[f"{short}_{width}"]))
                check(abs(want - got) <= (0 if want <= 64 else 0.02 * want),
                      f"{who}: {short}_{width} is {got} as of {fields['as_of']}, counted {want}")
        for side, field in (("organisation", "owed_by_us"), ("stakeholder", "owed_by_them")):
            want = sum(o["by"] == side and not o.get("answered") for o in state["obligations"])
            check(int(fields.get(field, 0)) == want, f"{who}: {field} {fields.get(field)}, {want}")


def kill_in_the_middle(d, lines, rng):
    """Feeds in three parts; a process is killed at some moment of the second one."""
    cuts = (0, len(lines) * 4 // 10, len(lines) * 7 // 10, len(lines))
    first, second, third = (lines[a:b] for a, b in zip(cuts, cuts[1:]))
    d.produce(first)
    d.wait_for("first commit", lambda: d.consumed() > 0)
    feed = threading.Thread(target=d.produce, args=(second,))
    feed.start()
    time.sleep(rng.uniform(0.05, 0.8))
    victim = d.processes[0]
    at = d.consumed()
    victim.kill()
    feed.join()
    d.produce(third)
    victim.start()
    return f"killed at {at} of {len(lines)}"


def run_case(tools, kafka, redis, config, expected, lines, case, rng):
    name, partitions, processes, kill, _ = case
    d = Deployment(tools, kafka, redis, config, name, partitions)
    note = ""
    try:
        for _ in range(processes):
            d.start_process()
        d.wait_ready()
        if kill:
            note = kill_in_the_middle(d, lines, rng)
        else:
            d.produce(lines)
        d.tick(show_ms(expected.end_ms + 1))
        d.wait_committed()
        d.wait_checkpointed()
        d.wait_ready()
        compare_triggers(expected.triggers, d.triggers())
        check(len(d.dead_letters()) == expected.n_nobody,
              f"{len(d.dead_letters())} dead letters, {expected.n_nobody} events name nobody")
        places = {r["key"]: r["partition"] for r in d.consume(d.topic) if r["key"]}
        expected.check_state(places, d.hashes())
        d.stop()
        compare_triggers(expected.triggers, d.triggers())  # and a tidy end adds nothing
    except Exception:
        print(d.logs(), flush=True)
        raise
    finally:
        d.abandon()
    return note


def cases():
    for partitions in (1, 12):
        for processes in (1, 2):
            for kill in (False, True):
                name = f"p{partitions}-n{processes}" + ("-kill" if kill else "")
                yield name, partitions, processes, kill, "both"
    # An answer to whomever closes it: within one partition, also for those who are not in memory.
    yield "p1-n1-kill-conversation", 1, 1, True, "conversation"
    yield "p1-n2-kill-conversation", 1, 2, True, "conversation"
    yield "p12-n2-kill-stakeholder", 12, 2, True, "stakeholder"


def run(opt):
    tools = Tools(opt.build)
    lines = real_events()
    rng = random.Random(opt.seed)
    wanted = [c for c in cases() if opt.case in c[0]]
    said = {}
    for scope in {c[4] for c in wanted}:
        config = oracle("compare.py", "config", "--scope", scope, *PARAMETERS)
        said[scope] = config, Expected(tools, config, lines, process.folder("expected"))
        print(f"seed {opt.seed}: {len(lines)} events of {len(said[scope][1].of)} stakeholders, "
              f"answered by {scope}: {len(said[scope][1].triggers)} triggers", flush=True)
    failed = 0
    with Kafka(opt.kafka) as kafka, Redis() as redis:
        for case in wanted:
            began = time.monotonic()
            try:
                note = run_case(tools, kafka, redis, *said[case[4]], lines, case, rng)
                print(f"ok     {case[0]:24s} {time.monotonic() - began:5.1f} s  {note}", flush=True)
            except (Failed, RuntimeError, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"FAILED {case[0]}: {e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__, run))
