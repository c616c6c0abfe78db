#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""model.py BUILD KAFKA [--seed N] [--case TEXT]: the whole model through the daemon.

Events of every type (interactions, measures, commitments, preferences, outcomes, merges, erasures,
retractions, heartbeats) under a configuration that uses every kind of rule, through real Kafka and
Redis, undisturbed and with a process killed in the middle and little memory: a read-committed
consumer sees each trigger of `engaged replay` exactly once and in its order, and Redis holds
replay's state, nobody missing and nobody too many.
"""
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
                     main, process)

START = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
CONFIG = """\
deployment: model
organisation: Example
state: {memory: %(memory)s, forget_after: 20d}
time: {ticks: off}
verbs: {question: {weight: 1.5, expects_reply: on}, survey: {weight: 0.5, expects_reply: on}}
metrics:
  total: {count: true}
  involvement: {sum: weight, where: 'direction == "inbound"', half_life: 3d}
  topics: {distinct: conversation}
  days: {distinct_days: true, window: 7d}
  best: {max: sentiment, window: 5d}
  capped: {sum: weight, window: 7d, cap: {per: day, at: 3}}
derived: {half_life: 10d, cadence: {floor: 1h, prior: 2d}, keep: [reply, trust, measure, tie, turns]}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: ["09:00-12:00", "13:00-17:00"]}}}
retraction: {within: %(retraction)s}
stages:
  - {name: aware, enter: 'true'}
  - {name: involved, enter: involvement >= 3.0, exit: involvement < 1.0, min_stay: 1d}
  - {name: lapsing, enter: 'cadence.ratio > 4.0'}
silences:
  - {rule: "hot", kind: vip, author: test, reason: test, until: 2026-01-20T00:00:00Z}
rules:
  - {name: overdue, owed: {by: organisation, after: 4h, calendar: office}, escalate_after: 8h,
     severity: info, route: service}
  - {name: unanswered, owed: {by: stakeholder, after: 2d}, cooldown: 3d, route: marketing}
  - {name: hot, enter: involvement >= 4.0, exit: involvement < 2.0, cooldown: 2d, quiet: hold,
     inhibited_by: overdue, route: sales}
  - {name: spread, enter: 'days >= 3 && topics > 2', for: 6h, route: sales}
  - {name: gone-cold, enter: 'best < 0.0', route: service}
  - {name: no-view, absent: {where: 'verb == "view"', within: 4d}, route: marketing}
  - {name: away, absent: {where: 'direction == "inbound"', cadence: 5}, route: marketing}
  - {name: no-thanks, expect: {after: 'verb == "referral"', then: 'direction == "outbound"', within: 1d},
     route: marketing}
  - {name: broken, enter: 'trust < 0.4 || commitment.overdue > 0', route: service}
  - {name: unhappy, enter: 'measure.delight < 0.3', route: service}
%(sources)s
"""
SOURCES = """\
sources:
  - {name: mail, source: /mail, heartbeat: 6h, channels: [mail]}
"""


def murmur2(key):
    """As Kafka's Java client has it."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if len(key) % 4:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def instant(minutes):
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Story:
    """Events in the order of time."""

    def __init__(self, rng, partitions, has_sources, takes_back):
        self.rng, self.partitions, self.events = rng, partitions, []
        self.who = [f"s{i:03d}" for i in range(120)]
        for i in range(5000):
            self.event(i, i * 12, takes_back)
            if has_sources and i % 40 == 0 and not 2000 < i < 2400:
                self.add(i * 12, "heartbeat", None, {}, f"beat{i}", source="/mail")

    def add(self, at, kind, who, data, name, source="/model"):
        event = {"specversion": "1.0", "id": name, "source": source, "time": instant(at),
                 "type": f"io.engaged.{kind}.v1", "data": data}
        if who:
            event["subject"] = who
        self.events.append(event)

    def event(self, i, at, takes_back):
        rng, who, name = self.rng, self.rng.choice(self.who), f"e{i}"
        draw = rng.random()
        if draw < 0.8:
            self.interaction(at, who, name)
        elif draw < 0.84:
            self.add(at, "measure", who, {"dimension": "delight", "min": 0, "max": 10,
                                          "score": rng.randint(0, 10)}, name)
        elif draw < 0.90:
            self.add(at, "commitment", who,
                     {"commitment": f"c{rng.randint(0, 3)}", "by": "organisation",
                      "status": rng.choice(("made", "made", "kept", "broken")),
                      "due": instant(at + rng.randint(60, 6000))}, name)
        elif draw < 0.94:
            self.add(at, "preference", who,
                     {"quiet_hours": {"from": "20:00", "to": "07:00"}, "consent": rng.random() < 0.5,
                      "reply_within": rng.choice(("2h", None))}, name)
        elif draw < 0.955:
            self.identity(at, who, name)
        elif draw < 0.97 and takes_back and self.events:
            back = rng.choice(self.events[-400:])
            if back.get("subject"):
                self.add(at, "retraction", back["subject"], {"id": back["id"]}, name)

    def interaction(self, at, who, name):
        rng = self.rng
        data = {"direction": rng.choice(("inbound", "inbound", "outbound")),
                "verb": rng.choice(("question", "view", "reply", "referral", "survey", "purchase")),
                "conversation": f"{who}-{rng.randint(0, 3)}", "channel": rng.choice(("mail", "chat")),
                "sentiment": round(rng.uniform(-1, 1), 2)}
        if rng.random() < 0.1:
            data["kind"] = rng.choice(("vip", "customer"))
        if rng.random() < 0.1:
            data["resolves"] = True
        self.add(at, "interaction", who, data, name)

    def identity(self, at, who, name):
        if self.rng.random() < 0.3:
            self.add(at, "identity", who, {"action": "erase"}, name)
            return
        place = murmur2(who.encode()) % self.partitions
        others = [w for w in self.who if w != who and murmur2(w.encode()) % self.partitions == place]
        self.add(at, "identity", who, {"action": "merge", "into": self.rng.choice(others)}, name)


def lines_of(events):
    return [json.dumps(e) for e in events]


def with_outcomes(tools, path, events, folder, rng):
    """Some triggers are acknowledged, acted on or dismissed a while later."""
    triggers, _ = tools.replay(path, lines_of(events), folder)
    fired = [t for t in triggers if t["data"]["edge"] == "fired" and t.get("subject")]
    outcomes = []
    for i, t in enumerate(rng.sample(fired, len(fired) // 4)):
        at = datetime.datetime.fromisoformat(t["time"].replace("Z", "+00:00"))
        at += datetime.timedelta(minutes=rng.randint(1, 1000))
        outcomes.append({"specversion": "1.0", "id": f"o{i}", "source": "/desk", "subject": t["subject"],
                         "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "type": "io.engaged.outcome.v1",
                         "data": {"trigger": t["id"], "status": rng.choice(
                             ("acknowledged", "acted", "resolved", "dismissed"))}})
    return sorted(events + outcomes, key=lambda e: e["time"])


def same_state(states, hashes):
    want = {s["subject"]: s for s in states}
    check(set(want) == set(hashes), f"{len(want)} stakeholders expected in Redis, {len(hashes)} there; "
          f"e.g. {sorted(set(want) ^ set(hashes))[:5]}")
    for who, state in want.items():
        _, fields = hashes[who]
        check(fields.get("stage") == state["stage"], f"{who}: stage {fields.get('stage')}, replay "
              f"{state['stage']}")
        for name in ("total", "topics"):
            check(float(fields[name]) == state["metrics"][name],
                  f"{who}: {name} {fields[name]}, replay {state['metrics'][name]}")
        for side, field in (("organisation", "owed_by_us"), ("stakeholder", "owed_by_them")):
            n = sum(o["by"] == side for o in state["obligations"])
            check(int(fields[field]) == n, f"{who}: {field} {fields[field]}, replay {n}")


def feed(d, lines, kill, rng):
    if not kill:
        d.produce(lines)
        return ""
    first, second = lines[:len(lines) // 3], lines[len(lines) // 3:]
    d.produce(first)
    d.wait_for("first commit", lambda: d.consumed() > 0)
    thread = threading.Thread(target=d.produce, args=(second,))
    thread.start()
    time.sleep(rng.uniform(0.05, 0.8))
    at = d.consumed()
    d.processes[0].kill()
    thread.join()
    d.processes[0].start()
    return f"killed at {at} of {len(lines)}"


CASES = (  # name, partitions, processes, kill, memory, sources, retraction
    ("p1", 1, 1, False, "1GiB", True, "0s"),
    ("p1-kill", 1, 1, True, "1MiB", True, "5d"),
    ("p3-n2-kill", 3, 2, True, "1MiB", False, "0s"),
)


def run_case(tools, kafka, redis, case, rng):
    name, partitions, processes, kill, memory, sources, retraction = case
    config = CONFIG % {"memory": memory, "sources": SOURCES if sources else "",
                       "retraction": retraction}
    folder = process.folder(f"model-{name}")
    path = os.path.join(folder, "replay.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(config)
    events = Story(rng, partitions, sources, retraction != "0s").events
    events = with_outcomes(tools, path, events, folder, rng)
    end = instant(5000 * 12 + 60 * 24 * 8)
    lines = lines_of(events)
    tick = json.dumps({"specversion": "1.0", "id": "end", "source": "/end", "time": end,
                       "type": "io.engaged.tick.v1"})
    triggers, states = tools.replay(path, lines + [tick], folder)
    d = Deployment(tools, kafka, redis, config, name, partitions)
    try:
        for _ in range(processes):
            d.start_process()
        d.wait_ready()
        note = feed(d, lines, kill, rng)
        d.tick(end)
        d.wait_committed()
        d.wait_checkpointed()
        d.wait_ready()
        compare_triggers(triggers, d.triggers())
        check(not d.dead_letters(), f"{len(d.dead_letters())} dead letters")
        same_state(states, d.hashes())
        d.stop()
        compare_triggers(triggers, d.triggers())
    except Exception:
        print(d.logs(), flush=True)
        raise
    finally:
        d.abandon()
    return f"{len(events)} events, {len(triggers)} triggers of " \
           f"{len({t['data']['rule'] for t in triggers})} rules; {note}"


def run(opt):
    tools, failed = Tools(opt.build), 0
    print(f"seed {opt.seed}", flush=True)
    with Kafka(opt.kafka) as kafka, Redis() as redis:
        for case in CASES:
            if opt.case not in case[0]:
                continue
            began = time.monotonic()
            try:
                note = run_case(tools, kafka, redis, case, random.Random(f"{opt.seed} {case[0]}"))
                print(f"ok     {case[0]:12s} {time.monotonic() - began:5.1f} s  {note}", flush=True)
            except (Failed, RuntimeError, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"FAILED {case[0]}: {e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__, run))
