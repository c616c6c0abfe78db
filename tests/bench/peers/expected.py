#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the job of README.md says of a stream of events, and how a peer's triggers differ from it.

    expected.py JOB.json EVENTS.jsonl TRIGGERS.jsonl      prints the differences; status 1 if any; the
                                                          last hour is left out

Each stakeholder is looked at by itself, from its list of events: no timers, no stream. Shares no code
with any peer. Held to ../../oracle/truth.py by selftest.py.
"""
import collections
import datetime
import json
import math
import sys

Trigger = collections.namedtuple("Trigger", "rule edge stakeholder time_ms counts")
Act = collections.namedtuple("Act", "direction verb conversation expects_reply")
SLACK_MS = 1000  # a time may be off by so much


def time_ms(value):
    """ISO or milliseconds since 1970."""
    if isinstance(value, (int, float)):
        return int(value)
    t = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return round(t.timestamp() * 1000)


class Job:
    def __init__(self, text):
        job = json.loads(text)
        self.half_life_ms = job["half_life_s"] * 1000
        self.weights, self.counted = job["weights"], set(job["counted"])
        self.enter, self.exit = job["enter"], job["exit"]
        self.opens, self.closes = job["obligation_opens"], job["obligation_closes"]
        self.after_ms = job["obligation_after_s"] * 1000
        self.windows_ms = [s * 1000 for s in job["windows_s"]]

    def weight(self, act):
        return self.weights.get(act.verb, self.weights["*"])

    def is_opening(self, act):
        if act.expects_reply is not None:
            directions = {pair.partition(":")[0] for pair in self.opens}
            return act.expects_reply and act.direction in directions
        return matches(self.opens, act)


def matches(pairs, act):
    return f"{act.direction}:{act.verb}" in pairs or f"{act.direction}:*" in pairs


def read_events(lines):
    """{stakeholder: [(time, act)]}, in the order of the lines, and the time of the last one."""
    by_stakeholder, end, acts = collections.defaultdict(list), 0, {}
    for line in lines:
        event = json.loads(line)
        if event.get("subject"):
            t = time_ms(event["time"])
            end = max(end, t)
            data = event["data"]
            expects = data.get("expects_reply")
            act = Act(data.get("direction"), data.get("verb"), data.get("conversation"),
                      expects if isinstance(expects, bool) else None)
            by_stakeholder[event["subject"]].append((t, acts.setdefault(act, act)))
    return by_stakeholder, end


def crossings(job, who, events, end):
    """Involvement: up with an event, down at a moment between two."""
    value, at, is_in = 0.0, 0, False
    recent = {w: collections.deque() for w in job.windows_ms}
    for t, act in [*events, (end, None)]:
        if is_in:
            out = at + job.half_life_ms * math.log2(value / job.exit)
            if out < t or (act is None and out <= end):
                yield Trigger("involved", "cleared", who, round(out), None)
                is_in = False
        if act is None or act.direction not in job.counted:
            continue
        value, at = value * 2.0 ** (-(t - at) / job.half_life_ms) + job.weight(act), t
        for width, times in recent.items():
            times.append(t)
            while times[0] <= t - width:
                times.popleft()
        if not is_in and value >= job.enter:
            yield Trigger("involved", "fired", who, t,
                          {str(w // 1000): len(times) for w, times in recent.items()})
            is_in = True


def obligations(job, who, events, end):
    """Each is open from an event to the first later one that closes it."""
    opened = {}
    for t, act in events:
        if not act.conversation:
            continue
        since = opened.get(act.conversation)
        if matches(job.closes, act):
            if since is not None:
                del opened[act.conversation]
                yield from late(job, who, since, t)
        elif job.is_opening(act) and since is None:
            opened[act.conversation] = t
    for since in opened.values():
        if since + job.after_ms <= end:
            yield Trigger("unanswered", "fired", who, since + job.after_ms, None)


def late(job, who, since, answered):
    if answered > since + job.after_ms:
        yield Trigger("unanswered", "fired", who, since + job.after_ms, None)
        yield Trigger("unanswered", "cleared", who, answered, None)


def expected(job, lines):
    """All triggers, and the time of the last event."""
    by_stakeholder, end = read_events(lines)
    found = []
    for who, events in by_stakeholder.items():
        found += crossings(job, who, events, end)
        found += obligations(job, who, events, end)
    return found, end


def of_peer(text):
    """A trigger in the form of README.md, or in engaged's own."""
    t = json.loads(text)
    if "specversion" not in t:
        return Trigger(t["rule"], t["edge"], t["stakeholder"], time_ms(t["time"]), t.get("counts"))
    data, counts = t["data"], None
    if data["rule"] == "involved" and data["edge"] == "fired":
        names = {"count_1h": "3600", "count_24h": "86400", "count_7d": "604800"}
        counts = {names[k]: v for k, v in data["values"].items() if k in names} or None
    return Trigger(data["rule"], data["edge"], t["subject"], time_ms(t["time"]), counts)


def count_differs(want, got):
    return got is None or abs(want - got) > (0 if want <= 64 else 0.02 * want)


def compare(want, got, until):
    """What is missing, extra or wrong of the triggers until then: what time alone does after a
    partition's last event need not have happened."""
    lists = []
    for triggers in (want, got):
        by_name = collections.defaultdict(list)
        for t in triggers:
            by_name[t.rule, t.edge, t.stakeholder].append(t)
        lists.append(by_name)
    said = {"expected": sum(t.time_ms <= until for t in want), "missing": 0, "extra": 0,
            "counts_wrong": 0, "counts_given": 0, "examples": []}
    for name in lists[0].keys() | lists[1].keys():
        compare_one(*(sorted(x.get(name, []), key=lambda t: t.time_ms) for x in lists), until, said)
    return said


def compare_one(want, got, until, said):
    """Of one rule, edge and stakeholder, both in the order of time."""
    i = j = 0
    while i < len(want) or j < len(got):
        a, b = want[i] if i < len(want) else None, got[j] if j < len(got) else None
        if a and b and abs(a.time_ms - b.time_ms) <= SLACK_MS:
            if b.counts is not None and a.counts is not None:
                said["counts_given"] += 1
                said["counts_wrong"] += any(count_differs(n, b.counts.get(w))
                                            for w, n in a.counts.items())
            i, j = i + 1, j + 1
            continue
        is_missing = b is None or (a is not None and a.time_ms < b.time_ms)
        odd = a if is_missing else b
        if odd.time_ms <= until:
            said["missing" if is_missing else "extra"] += 1
            if len(said["examples"]) < 5:
                said["examples"].append(("missing" if is_missing else "extra", *odd[:4]))
        i, j = (i + 1, j) if is_missing else (i, j + 1)


def is_wrong(said):
    return bool(said["missing"] or said["extra"] or said["counts_wrong"])


def main(argv):
    if len(argv) != 3:
        raise SystemExit(__doc__)
    with open(argv[0], encoding="utf-8") as f:
        job = Job(f.read())
    with open(argv[1], encoding="utf-8") as f:
        want, end = expected(job, f)
    with open(argv[2], encoding="utf-8") as f:
        said = compare(want, [of_peer(line) for line in f], end - 3600 * 1000)
    print(json.dumps(said))
    return int(is_wrong(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
