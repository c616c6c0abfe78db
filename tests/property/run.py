#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py ENGAGED [--histories N] [--seed S] [--failures N]: `engaged replay` against a brute-force model.

Random small histories under random configurations. What must hold: the triggers and the final state
are those of the model; and within time.lateness a shuffled log with duplicates gives the triggers,
ids and all, and the final state of the clean one. What differs is made as small as it goes, and
printed with its seed.
"""
import argparse
import collections
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import generate
import histories
import model
from known import KNOWN

PER_CONFIGURATION = 50
SECONDS = 30  # a replay of them takes a tenth of one
FOUND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "found")


def millis(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    whole = at.replace(microsecond=0).timestamp()
    return int(whole) * 1000 + round(at.microsecond / 1000)


class Broken(Exception):
    """The program ended otherwise than it should."""


class Endless(Exception):
    """It does not end; making that smaller would take too long."""


class Engaged:
    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def can(self, configuration):
        path = self.write("probe.yaml", json.dumps(configuration))
        return subprocess.run([self.program, "check", "--config", path], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def replay(self, yaml, log, final):
        """The lines of triggers and of the state."""
        return self.replay_records(yaml, map(histories.record, log), generate.instant(final))

    def replay_records(self, yaml, records, final):
        config = self.write("config.yaml", json.dumps(yaml))
        events = self.write("events.jsonl",
                            "".join(json.dumps(r) + "\n" for r in records))
        try:
            done = subprocess.run([self.program, "replay", "--config", config, "--state",
                                   self.path("state"), "--until", final, events],
                                  capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Endless(f"replay: no end within {SECONDS} s; configuration: {json.dumps(yaml)}"
                          ) from None
        if done.returncode or done.stderr:
            raise Broken(f"replay: status {done.returncode}\n{done.stderr}")
        with open(self.path("state"), encoding="utf-8") as f:
            return done.stdout.splitlines(), f.read().splitlines()


# What the program said, in the model's terms.
def read_trigger(line):
    said = json.loads(line)
    data = said["data"]
    out = {"rule": data["rule"], "subject": said["subject"], "edge": data["edge"],
           "time": millis(said["time"]), "cause": data["cause"].get("id"),
           "values": data["values"]}
    if "obligation" in data:
        o = data["obligation"]
        out["obligation"] = {**read_obligation(o), "due": millis(o["due"])}
        if "answered" in o:
            out["obligation"]["answered"] = millis(o["answered"])
    return out


def read_obligation(o):
    out = {"by": o["by"], "opened_by": o["opened_by"]["id"], "since": millis(o["since"]),
           "waiting": o["waiting"], "acknowledged": o["acknowledged"]}
    return out | {k: o[k] for k in ("org", "conversation") if k in o}


def read_state(lines):
    out = {}
    for line in lines:
        row = json.loads(line)
        state = {"metrics": row["metrics"],
                 "obligations": sorted((read_obligation(o) for o in row["obligations"]), key=str)}
        if "stage" in row:
            state["stage"] = row["stage"]
        if "derived" in row:
            state["derived"] = row["derived"]
        out[row["subject"]] = state
    return out


# Holding one against the other.
def near(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))
    return a == b


def in_units(name, value):
    return value / 1000 if value is not None and name in generate.DURATIONS else value


def same_told(name, want, got):
    """Durations are told to the millisecond."""
    if name == "cadence.ratio" and "ratio" in KNOWN and want and got:
        return abs(want - got) <= 1e-4 * want
    if name in generate.DURATIONS and want is not None and got is not None:
        return abs(want / 1000 - got) <= 0.00051 + 1e-9 * abs(got)
    return near(want, got)


def same_values(want, got, slack):
    if set(want) != set(got):
        return False
    for name, value in want.items():
        other = got[name]
        if name == "consent" and "consent_value" in KNOWN:
            continue
        if slack and isinstance(value, float) and isinstance(other, (int, float)):
            if abs(in_units(name, value) - other) > 1e-3 * max(1.0, abs(other)):
                return False
        elif not same_told(name, value, other):
            return False
    return True


def same_trigger(want, got, smooth):
    slack = 2 if want["rule"] in smooth else 0
    if abs(want["time"] - got["time"]) > slack:
        return False
    if want["causes"] is not None and got["cause"] not in want["causes"]:
        return False
    if want.get("obligation") != got.get("obligation"):
        return False
    return want["values"] is None or same_values(want["values"], got["values"],
                                                 want["time"] != got["time"])


def differences(want, got, smooth):
    """want, got: triggers of one history. Returns a text for the first that differs, or None."""
    def by_edge(triggers):
        out = collections.defaultdict(list)
        for t in triggers:
            out[t["subject"], t["rule"], t["edge"]].append(t)
        return out

    wants, gots = by_edge(want), by_edge(got)
    for key in sorted(set(wants) | set(gots)):
        left, right = list(wants[key]), list(gots[key])
        for w in list(left):
            match = next((g for g in right if same_trigger(w, g, smooth)), None)
            if match:
                left.remove(w)
                right.remove(match)
        if left or right:
            return f"{key}\n  model:   {shown(left)}\n  engaged: {shown(right)}"
    return None


def shown(triggers):
    return [{**t, "at": generate.instant(t["time"])} for t in triggers] or "nothing"


def state_differs(want, got):
    for subject, state in want.items():
        other = got.get(subject)
        if other is None:
            return f"state of {subject}: none"
        for name, value in state["metrics"].items():
            if not near(value, other["metrics"].get(name)):
                return f"state of {subject}, {name}: model {value}, engaged {other['metrics'].get(name)}"
        if "stage" in state and state["stage"] != other.get("stage"):
            return f"state of {subject}, stage: model {state['stage']}, engaged {other.get('stage')}"
        if state["obligations"] != other["obligations"]:
            return (f"state of {subject}, obligations:\n  model:   {state['obligations']}\n"
                    f"  engaged: {other['obligations']}")
        for name, value in state.get("derived", {}).items():
            told = other.get("derived", {}).get(name)
            if not same_told(name, value, told):
                return f"state of {subject}, {name}: model {in_units(name, value)}, engaged {told}"
    return None


class Batch:
    """Histories under one configuration, in one log."""

    def __init__(self, spec, log, final):
        self.spec, self.log, self.final = spec, histories.numbered(log), final

    def modelled(self):
        parts = collections.defaultdict(list)
        for clock, event in model.schedule(self.log, self.spec.lateness):
            parts[event["history"]].append((clock, event))
        return {h: model.World(self.spec).run(part, self.final) for h, part in parts.items()}

    def compare(self, engaged):
        """Returns {history: what differs}."""
        try:
            triggers, state = engaged.replay(self.spec.yaml(), self.log, self.final)
        except Broken as e:
            return {event["history"]: str(e) for event in self.log}
        said, states = collections.defaultdict(list), read_state(state)
        for line in triggers:
            trigger = read_trigger(line)
            said[int(trigger["subject"][1:].split("-")[0])].append(trigger)
        smooth = {r.name for r in self.spec.rules if self.spec.is_smooth(r)}
        out = {}
        for history, (want, want_state) in self.modelled().items():
            differs = (differences(want, said[history], smooth)
                       or state_differs(want_state, states))
            if differs:
                out[history] = differs
        self.n_triggers = len(triggers)
        return out

    def without(self, keep):
        return Batch(self.spec, [e for e in self.log if keep(e)], self.final)


def disorder(engaged, spec, clean, mixed, final):
    """What differs between a log in order and the same shuffled and with duplicates, or None."""
    try:
        results = [engaged.replay(spec.yaml(), log, final) for log in (clean, mixed)]
    except Broken as e:
        return str(e)
    for what, a, b in zip(("triggers", "state"), *results):
        if sorted(a) != sorted(b):
            missing, extra = sorted(set(a) - set(b)), sorted(set(b) - set(a))
            return f"{what} of the shuffled log: missing {missing[:1]}, extra {extra[:1]}"
    return None


def remains(engaged, spec, log, final):
    """What differs in the final state between a log with retractions, and without what they took
    back, or None."""
    gone = {e["data"]["id"] for e in log if e["type"] == "retraction"}
    clean = [e for e in log if e["type"] != "retraction" and e["id"] not in gone]
    try:
        (_, want), (_, got) = (engaged.replay(spec.yaml(), part, final) for part in (clean, log))
    except Broken as e:
        return str(e)
    subjects = {e["subject"] for e in clean}  # of the others there is nothing left to tell
    # What is told only now may be held now: that is no state of theirs.
    want, got = ([json.dumps({**state, "held": None}) for state in map(json.loads, lines)
                  if state["subject"] in subjects] for lines in (want, got))
    missing, extra = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    return f"after retractions: want {missing[:1]}, got {extra[:1]}" if missing or extra else None


# Making it small.
def shrink(items, fails):
    """The fewest of `items` for which fails(items), by dropping what can be dropped."""
    size = max(1, len(items) // 2)
    while True:
        i, dropped = 0, False
        while i < len(items):
            fewer = items[:i] + items[i + size:]
            if fewer and fails(fewer):
                items, dropped = fewer, True
            else:
                i += size
        if size == 1 and not dropped:
            return items
        size = max(1, size // 2)


def shrink_events(log, fails):
    """As shrink; an event goes with all its copies."""
    def of(ids):
        return [e for e in log if e["id"] in ids]

    return of(set(shrink(list(dict.fromkeys(e["id"] for e in log)), lambda ids: fails(of(set(ids))))))


def smallest(engaged, batch, history):
    """A batch with as few rules and events as still differ in that history."""
    def fails(log):
        return history in Batch(batch.spec, log, batch.final).compare(engaged)

    alone = [e for e in batch.log if e["history"] == history]
    log = shrink_events(alone if fails(alone) else batch.log, fails)
    spec = batch.spec
    for rule in list(spec.rules):
        rest = [r for r in spec.rules if r is not rule]
        if any(rule.name in r.inhibited_by for r in rest):
            continue
        kept, spec.rules = spec.rules, rest
        if not rest or not fails(log):
            spec.rules = kept
    return Batch(spec, shrink_events(log, fails), batch.final)


def printed(spec, log, final):
    return (f"configuration: {json.dumps(spec.yaml())}\n"
            + "".join(json.dumps(histories.record(e)) + "\n" for e in log)
            + f"until {generate.instant(final)}")


# What the program can do, asked with the smallest configuration that uses it.
def abilities(engaged):
    base = {"deployment": "probe", "metrics": {}, "rules": []}
    can = {name for name, part in generate.PROBES.items() if engaged.can({**base, **part})}
    for name, (part, kind, data) in generate.TRIES.items():
        if engaged.can({**base, **part}):
            event = {"type": kind, "id": "e", "source": "/p", "subject": "ann", "ms": 0, "data": data}
            triggers, _ = engaged.replay({**base, **part}, [event], 0)
            can |= {name} if triggers else set()
    return can | ({"retraction"} if takes_back(engaged, base) else set())


def takes_back(engaged, base):
    event = {"history": 0, "type": "interaction", "id": "e", "source": "/p", "subject": "ann",
             "ms": 0, "direction": "inbound", "verb": "tell"}
    base = {**base, "metrics": {"n": {"count": True}}, "retraction": {"within": "1d"}}
    if not engaged.can(base):
        return False
    _, state = engaged.replay(base, [event, histories.retraction(event, 1)], 2)
    return not any(json.loads(line)["metrics"]["n"] for line in state)


# What is known to differ, each with the smallest history that shows it: asked first, so that what is
# mended is tested from then on.
def known_faults(engaged):
    out = {}
    for file in sorted(os.listdir(FOUND)):
        with open(os.path.join(FOUND, file), encoding="utf-8") as f:
            found = json.load(f)
        if not engaged.can(found["configuration"]):
            continue  # of a feature that this version does not have
        triggers, state = engaged.replay_records(found["configuration"], found["events"],
                                                 found["until"])
        triggers = list(map(read_trigger, triggers))
        said = [" ".join((t["edge"], t["rule"], t["subject"],
                          generate.instant(t["time"]).replace(".000Z", "Z"), str(t["cause"])))
                for t in triggers]
        values = [t["values"] for t in triggers]
        open_now = [" ".join((subject, o["opened_by"], *["acknowledged"] * o["acknowledged"]))
                    for subject, s in read_state(state).items() for o in s["obligations"]]
        if (said != found["triggers"] or open_now != found["obligations"]
                or values != found.get("values", values)):
            out[file.removesuffix(".json")] = found["about"]
    return out


# The run.
def final_of(spec, log, rng):
    last = max(e["ms"] for e in log)
    return last + rng.choice((0, 0, spec.grid, 20 * spec.grid, 3 * 365 * generate.DAY))


def one(engaged, seed, can, n):
    """One configuration. Returns how many triggers there were, and what differs, in words."""
    rng = random.Random(seed)
    spec = generate.Spec(rng, can)
    log = histories.merge([histories.History(spec, rng, i) for i in range(n)], rng)
    final = final_of(spec, log, rng)
    if spec.is_unruly:
        return against_model(engaged, Batch(spec, histories.unruly(log, spec, rng), final))
    checks = []
    if spec.takes_back:
        checks.append((histories.retracted(log, rng),
                       lambda part: remains(engaged, spec, part, final)))
    if spec.lateness:
        mixed = histories.shuffled(log, spec.lateness, rng)
        checks.append((mixed, lambda part: disorder(engaged, spec, in_order(part), part, final)))
        log = rng.choice((log, mixed))
    for part, differs in checks:
        if differs(part):
            small = shrink_events(part, differs)
            return 0, f"{differs(small)}\n{printed(spec, small, final)}"
    return against_model(engaged, Batch(spec, log, final))


def against_model(engaged, batch):
    found = batch.compare(engaged)
    if not found:
        return batch.n_triggers, None
    small = smallest(engaged, batch, min(found))
    return 0, (f"{len(found)} histories differ; one of them:\n"
               + "\n".join(small.compare(engaged).values()) + "\n"
               + printed(small.spec, small.log, small.final))


def in_order(log):
    known, out = set(), []
    for e in sorted(log, key=lambda e: (e["ms"], e["history"], e["seq"])):
        if e["id"] not in known:
            known.add(e["id"])
            out.append(e)
    return out


def main(argv):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("engaged")
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=int, default=3, help="stop after so many")
    options = parser.parse_args(argv)
    began, n_triggers, failures = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="engaged-property-") as folder:
        engaged = Engaged(options.engaged, folder)
        can = abilities(engaged)
        print(f"generated: {', '.join(sorted(can)) or 'the basics'}"
              f"; not in this version: {', '.join(sorted({*generate.PROBES, *generate.TRIES, 'retraction'} - can)) or 'nothing'}")
        for name, about in known_faults(engaged).items():
            KNOWN.add(name)
            print(f"known: {name}: {about}", flush=True)
        n_configurations = -(-options.histories // PER_CONFIGURATION)
        for i in range(n_configurations):
            seed = options.seed * 1_000_000 + i
            try:
                n, differs = one(engaged, seed, can, PER_CONFIGURATION)
            except Endless as e:
                n, differs = 0, str(e)
            n_triggers += n
            if differs:
                failures += 1
                print(f"DIFFERS configuration {i} of seed {options.seed}: {differs}\n", flush=True)
                if failures >= options.failures:
                    break
    print(f"{n_configurations * PER_CONFIGURATION} histories, {n_triggers} triggers, "
          f"{failures} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
