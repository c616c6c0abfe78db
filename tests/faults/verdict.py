# SPDX-License-Identifier: Apache-2.0
"""What the input log implies, against what a consumer saw and what Redis holds.

The log is dumped partition by partition, ticks and control records included, and each is replayed
with the configuration that was in force at its beginning. Records that the daemon refuses for
reasons that only Kafka knows (key, record time, place of a merge) become lines that replay refuses
too, with the same effect on time.
"""
import collections
import json
import math
import os
import subprocess

from faults.story import FUTURE_LIMIT_MS, instant_ms, show
from faults.verifier import digest_of, identity_of
from model import murmur2

HALF_LIFE_S = 60  # of the metric involvement
SHOWN = 5


class Verdict:
    """Counts, and for each kind of fault the first few in words."""

    NAMES = ("missing", "repeated", "out-of-order", "open-transactions", "state-differs")

    def __init__(self):
        self.n = collections.Counter()
        self.texts = collections.defaultdict(list)

    def add(self, name, text, n=1):
        self.n[name] += n
        if len(self.texts[name]) < SHOWN:
            self.texts[name].append(text)

    def is_clean(self):
        return not any(self.n.values())

    def line(self, n_faults, n_events, n_triggers):
        return (f"faults {n_faults} events {n_events} triggers {n_triggers} "
                + " ".join(f"{name} {self.n[name]}" for name in self.NAMES))


# ---------------------------------------------------------------- the log

class Part:
    """One dumped partition: its lines in a file, and the offset of each."""

    def __init__(self, folder, partition, n_partitions):
        self.partition, self.n_partitions = partition, n_partitions
        self.path = os.path.join(folder, f"log-{partition}.jsonl")
        self.file = open(self.path, "w", encoding="utf-8")
        self.offsets, self.types = [], collections.Counter()

    def add(self, record):
        self.file.write(self.line(record) + "\n")
        self.offsets.append(record["offset"])

    def line(self, record):
        value = record["value"]
        try:
            event = json.loads(value)
            if "time" not in event:  # then the record's own holds, which replay does not know
                event["time"] = show(record["timestamp"])
                value = json.dumps(event)
            at_ms = instant_ms(event["time"])
            kind = event["type"]
        except (TypeError, ValueError, KeyError):
            return value if isinstance(value, str) and value.strip() and "\n" not in value else "null"
        self.types[kind] += 1
        if at_ms > record["timestamp"] + FUTURE_LIMIT_MS:
            return "null"
        if event.get("subject") and record["key"] != event["subject"]:
            return "null"
        if self.is_elsewhere(event):  # like one without a subject, it still moves the clock
            return json.dumps({k: v for k, v in event.items() if k != "subject"})
        return value

    def is_elsewhere(self, event):
        """A merge with somebody of another partition."""
        data = event.get("data") or {}
        return (event["type"].endswith(".identity.v1") and data.get("action") == "merge"
                and murmur2(data["into"].encode()) % self.n_partitions != self.partition)


def dump(tools, bootstrap, topic, n_partitions, folder):
    """The whole topic, as {partition: Part}; what comes later is not in it."""
    parts = {p: Part(folder, p, n_partitions) for p in range(n_partitions)}
    child = subprocess.Popen([tools.kafkatool, "-b", bootstrap, "consume", topic, "--until-end"],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    for line in child.stdout:
        record = json.loads(line)
        parts[record["partition"]].add(record)
    if child.wait():
        raise RuntimeError(f"the dump of {topic} ended with {child.returncode}")
    for part in parts.values():
        part.file.close()
    return parts


def beginning(part, config, folder):
    """The configuration that a partition's log begins with: what its first control record names as the
    one before it. An owner that dies before anything is published leaves no record, and the next one
    may have another file. Without a record: `config`."""
    with open(part.path, encoding="utf-8") as f:
        for line in f:
            if '"io.engaged.configuration.v1"' not in line:
                continue
            text = json.loads(line).get("data", {}).get("previous")
            if not text:
                break
            path = os.path.join(folder, f"beginning-{part.partition}.yaml")
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            return path
    return config


class Implied:
    """What a partition's log implies: triggers and dead letters in order, state as of its end."""

    def __init__(self, engaged, config, part, folder, upto=None):
        base = os.path.join(folder, f"implied-{part.partition}" + ("" if upto is None else "-upto"))
        paths = {k: f"{base}.{k}" for k in ("triggers", "state", "letters")}
        lines = self._cut(part, upto, base) if upto is not None else part.path
        with open(paths["triggers"], "wb") as out:
            done = subprocess.run(
                [engaged, "replay", "--config", beginning(part, config, folder), "--state", paths["state"],
                 "--dead-letters", paths["letters"], lines], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise RuntimeError(f"replay of {lines}: " + done.stderr.decode()[-1500:])
        self.part, self.paths = part, paths

    @staticmethod
    def _cut(part, upto, base):
        path = base + ".jsonl"
        with open(part.path, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as out:
            for offset, line in zip(part.offsets, f):
                if offset < upto:
                    out.write(line)
        return path

    def _lines(self, what):
        with open(self.paths[what], encoding="utf-8") as f:
            yield from map(json.loads, f)

    def triggers(self):
        for t in self._lines("triggers"):
            yield identity_of(t, self.part.partition), t

    def states(self):
        return {s["subject"]: s for s in self._lines("state")}

    def letters(self, topic):
        return [(topic, self.part.partition, self.part.offsets[r["line"] - 1])
                for r in self._lines("letters")]


# ---------------------------------------------------------------- triggers and dead letters

def compare_triggers(verdict, expected, seen):
    """`expected`: identities and triggers, each partition's in its order. One that the log does not
    imply counts as repeated; one that says something else than in the replay as differing state."""
    want, order = {}, collections.defaultdict(list)
    for i, t in expected:
        want[i] = digest_of(t)
        if t.get("subject"):
            order[t["subject"]].append(i)
        if i not in seen.triggers.place:
            verdict.add("missing", f"trigger {i} {t['data']['rule']} {t['data']['edge']} of "
                        f"{t.get('subject')} at {t['time']}")
    for i, place in seen.triggers.place.items():
        if i not in want:
            verdict.add("repeated", f"trigger {i} at {place} is not implied by the log")
        elif want[i] != seen.digest[i]:
            verdict.add("state-differs", f"trigger {i} at {place} says something else in the replay")
    if seen.triggers.n_repeated:
        verdict.add("repeated", f"{seen.triggers.n_repeated} triggers", seen.triggers.n_repeated)
    for who, ids in seen.order.items():
        there = [i for i in order[who] if i in seen.triggers.place]
        came = [i for i in ids if i in want]
        if there != came:
            at = next(k for k, pair in enumerate(zip(there, came)) if pair[0] != pair[1])
            verdict.add("out-of-order", f"{who}: {came[at]} instead of {there[at]}, its number {at}")
    return len(want)


def compare_letters(verdict, expected, seen):
    want, there = set(expected), set(seen.letters.place)
    for place in sorted(want - there):
        verdict.add("missing", f"dead letter of {place}")
    for place in sorted(there - want):
        verdict.add("repeated", f"dead letter of {place} is not implied by the log")
    if seen.letters.n_repeated:
        verdict.add("repeated", f"{seen.letters.n_repeated} dead letters", seen.letters.n_repeated)


# ---------------------------------------------------------------- state

def is_same(want, text):
    """A value as JSON against its text in Redis."""
    if want is None:
        return text is None
    if text is None:
        return False
    if isinstance(want, bool) or not isinstance(want, (int, float)):
        return str(want).lower() == text.lower()
    return math.isclose(want, float(text), rel_tol=1e-9, abs_tol=1e-12)


def owed(state, side):
    return sum(o["by"] == side and not o.get("answered") for o in state["obligations"])


def differs_any_time(state, fields):
    """What holds whenever the two were written; decay is brought to the replay's clock."""
    later_s = (instant_ms(state["as_of"]) - instant_ms(fields["as_of"])) / 1000
    if later_s < 0:
        return f"as_of {fields['as_of']} is after the end, {state['as_of']}"
    want, text = state["metrics"]["involvement"], fields.get("involvement")
    got = None if text is None else float(text) * 2.0 ** (-later_s / HALF_LIFE_S)
    if want is not None and (got is None or abs(want - got) > 1e-9 * max(abs(want), 1e-6)):
        return f"involvement {got}, implied {want}"
    return differs_in(state, fields, {"total": state["metrics"]["total"]})


def differs_in(state, fields, values):
    values = dict(values, stage=state["stage"], owed_by_us=owed(state, "organisation"),
                  owed_by_them=owed(state, "stakeholder"))
    for name, want in values.items():
        if not is_same(want, fields.get(name)):
            return f"{name} {fields.get(name)}, implied {want}"
    return None


def differs_now(state, fields):
    """Everything readable, of one and the same moment."""
    if instant_ms(state["as_of"]) != instant_ms(fields["as_of"]):
        return f"as_of {fields['as_of']}, implied {state['as_of']}"
    derived = {name.replace(".", "_"): v for name, v in state.get("derived", {}).items()}
    return differs_in(state, fields, {**state["metrics"], **derived})


def compare_state(verdict, states, hashes, partition_of, differs, when):
    """`states`: replay's, of all partitions; `hashes`: {stakeholder: (partition, fields)}."""
    for who in sorted(set(states) ^ set(hashes)):
        where = "only in the replay" if who in states else "only in Redis"
        verdict.add("state-differs", f"{when}: {who} is {where}")
    for who in set(states) & set(hashes):
        partition, fields = hashes[who]
        if partition != partition_of(who):
            verdict.add("state-differs", f"{when}: {who} is in partition {partition}")
            continue
        text = differs(states[who], fields)
        if text:
            verdict.add("state-differs", f"{when}: {who} of partition {partition}: {text}")


# ---------------------------------------------------------------- transactions

def find_open_transactions(verdict, tools, bootstrap, topics):
    """Each partition that a read-committed consumer cannot read to its end."""
    for topic in topics:
        ends = [{r["partition"]: r["high"] for r in tools.kafka(bootstrap, "ends", topic, "--isolation", i)}
                for i in ("read_committed", "read_uncommitted")]
        for p, stable in ends[0].items():
            if stable != ends[1][p]:
                verdict.add("open-transactions", f"{topic}/{p}: stable to {stable}, end {ends[1][p]}")
