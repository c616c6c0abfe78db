# SPDX-License-Identifier: Apache-2.0
"""A brute-force model of `engaged replay`, from the documents alone: it shares no idea of how with
the program, and prefers the definition written out over speed.

Order (at one instant t: what time decides, then the events of t, then deadlines), lateness and
duplicates are in schedule() and Person.advance(); what a stakeholder is worth and owes in Person;
what rules make of it in ruling.py.
"""
import heapq

import derived
import ruling
from aggregates import Series
from known import KNOWN

FOREVER = 1 << 62


def order(event):
    """Of two interactions the greater is the later one: time, sequence, log."""
    return event["ms"], event.get("seq") or "", event["n"]


def schedule(records, lateness):
    """The events that change something, in the order in which they are applied, each with the clock
    at which it is: its own time, or, where it is late, what the clock had come to."""
    clock, known, held, out = -FOREVER, set(), [], []
    for event in records:
        key = event.get("subject"), event["source"], event["id"]
        if key[0] and key in known:
            continue
        known.add(key)
        clock = max(clock, event["ms"] - lateness)
        if event["type"] in ("tick", "heartbeat"):
            pass
        elif event["ms"] < clock:
            release(held, clock, out)
            out.append((clock, {**event, "is_late": True}))
        else:
            heapq.heappush(held, (*order(event), event))
        # Of what has the very time of the clock, with a lateness, there may yet come more.
        release(held, clock if lateness else clock + 1, out)
    release(held, FOREVER, out)
    return out


def release(held, clock, out):
    while held and held[0][0] < clock:
        event = heapq.heappop(held)[-1]
        out.append((event["ms"], {**event, "is_late": False}))


class Person:
    """One stakeholder."""

    def __init__(self, spec, subject, emit):
        self.spec, self.subject, self.emit = spec, subject, emit
        self.now = -FOREVER
        self.series = {m.name: Series(m) for m in spec.metrics}
        self.events = []  # interactions, as they were applied
        self.facts = []  # measures, commitments
        self.open, self.closed = [], []  # obligations
        self.traits = {}
        self.preference = {}
        self.rules = [ruling.make(self, rule) for rule in spec.ladder + spec.rules]
        self.memo = (None, {})

    # What the rules read.
    def env(self, t):
        if self.memo[0] != t:
            self.memo = (t, {})
        memo = self.memo[1]

        def value(name):
            if name not in memo:
                memo[name] = self.compute(name, t)
            return memo[name]

        return value

    def compute(self, name, t):
        if name in self.series:
            return self.series[name].value(t)
        if name in ("kind", "account"):
            return self.traits.get(name)
        if name.startswith("owed."):
            return self.owed(name, t)
        if name in ("stage", "stage.since"):
            return self.stage(name, t)
        return derived.value(self, name, t)

    def owed(self, name, t):
        side = "organisation" if name in ("owed.by_us", "owed.oldest") else "stakeholder"
        since = [o.since for o in self.open if o.side == side and not o.is_answered]
        if name in ("owed.by_us", "owed.by_them"):
            return len(since)
        return t - min(since) if since else None

    def stage(self, name, t):
        ladder = self.rules[0]
        if not ladder.now:
            return None
        return ladder.now.name if name == "stage" else t - ladder.since

    def shape(self, name, t):
        if name == "stage.since":
            age = self.stage(name, t)
            return None if age is None else ("line", age, 1)
        if name in self.series:
            return self.series[name].shape(t)
        if name in ("owed.oldest", "owed.oldest_theirs"):
            age = self.owed(name, t)
            return None if age is None else ("line", age, 1)
        value = self.env(t)(name)
        if value is None or isinstance(value, str):
            return None
        if name.startswith("owed."):
            return "still", value
        return derived.shape(self, name, t, value)

    # Time.
    def next_instant(self, end):
        """The first instant after now and before `end` at which something may be decided."""
        later = [end]
        for name in self.spec.read:
            if name in self.series:
                later += self.series[name].edges()
            else:
                later += derived.edges(self, name)
        for rule in self.rules:
            later += rule.wakes()
        first = min(t for t in later if t > self.now)
        for rule in self.rules:
            for flip in rule.flips(first):
                first = min(first, flip)
        return first if first < end else None

    def advance(self, t):
        """To where the events of t are due: everything before, and what time decides at t."""
        if t <= self.now:
            return
        if self.now == -FOREVER:  # nothing is known of them yet
            self.now = t
            return
        self.deadlines()
        while (instant := self.next_instant(t)) is not None:
            self.now = instant
            self.decide(None)
            self.deadlines()
        self.now = t
        self.decide(None)

    def finish(self, t):
        self.advance(t)
        self.deadlines()

    def decide(self, cause):
        self.memo = (None, {})
        for rule in self.rules:
            rule.decide(self.now, cause)
        for rule in self.rules:
            rule.released(self.now, cause)

    def deadlines(self):
        self.memo = (None, {})
        for rule in sorted(self.rules, key=lambda r: not r.rule.by):
            rule.deadline(self.now)

    # Events.
    def apply(self, event):
        """Returns the names of what it changed."""
        changed = set()
        if event["type"] == "interaction":
            self.events.append(event)
            for name, series in self.series.items():
                counted = series.apply(event)
                if counted is not False:
                    changed.add(name if counted else name + "?")
            for trait in ("kind", "account"):
                if event.get(trait):
                    self.traits[trait] = event[trait]
                    changed.add(trait)
            changed |= derived.changed_by(event)
        elif event["type"] in ("measure", "commitment"):
            self.facts.append({**event, "applied": len(self.facts)})
            changed |= derived.changed_by(event)
        elif event["type"] == "preference":
            derived.prefer(self.preference, event)
            changed |= derived.changed_by(event)
        return changed

    def state(self, t):
        env = self.env(t)
        row = {"metrics": {name: env(name) for name in self.series},
               "obligations": sorted((o.row() for o in self.open), key=str)}
        if self.spec.ladder:
            row["stage"] = self.stage("stage", t)
        if self.spec.kept:
            row["derived"] = {name: env(name) for name in self.spec.kept}
        return row


class Obligation:
    def __init__(self, side, group, event):
        self.side, self.group, self.opened = side, group, event
        self.since, self.members, self.waiting = event["ms"], {event["id"]}, 1
        self.acknowledged = self.is_answered = False
        self.answer = None
        self.fired = {}  # name of the rule: the time it fired

    def join(self, event):
        self.members.add(event["id"])
        self.waiting += 1

    def row(self):
        row = {"by": self.side, "opened_by": self.opened["id"], "since": self.since,
               "waiting": self.waiting, "acknowledged": self.acknowledged}
        for name in ("org", "conversation"):
            if self.opened.get(name):
                row[name] = self.opened[name]
        return row


class World:
    """All stakeholders of one history."""

    def __init__(self, spec):
        self.spec, self.people, self.triggers = spec, {}, []

    def person(self, subject):
        if subject not in self.people:
            self.people[subject] = Person(self.spec, subject, self.triggers.append)
        return self.people[subject]

    def run(self, scheduled, final):
        for clock, event in scheduled:
            self.apply(clock, event)
        for person in self.people.values():
            person.finish(final)
        return self.triggers, {s: p.state(final) for s, p in self.people.items()}

    def apply(self, clock, event):
        person = self.person(event["subject"])
        person.advance(clock)
        touched = {person.subject: person.apply(event)}
        if event["type"] == "interaction":
            self.reciprocate(clock, event, touched)
        for subject, changed in touched.items():
            other = self.people[subject]
            for rule in other.rules:
                rule.contributed(event, changed)
            other.decide(event)
            for rule in other.rules:
                rule.overdue(other.now)

    # Who owes whom.
    def reciprocate(self, clock, event, touched):
        person = self.people[event["subject"]]
        if event["direction"] == "peer":
            return
        if self.group(event):
            touched[person.subject].add("owed")
        side = "organisation" if event["direction"] == "outbound" else "stakeholder"
        for other in list(self.people.values()):
            for o in [o for o in other.open if o.side == side and self.answers(event, other, o)]:
                other.advance(clock)
                changed = touched.setdefault(other.subject, set())
                changed.add("owed")
                if self.is_automatic(event):
                    o.acknowledged = True
                    for rule in other.rules:
                        rule.acknowledged(o, event)
                    continue
                other.open.remove(o)
                other.closed.append(o)
                o.answer = event
                changed |= derived.OWED[side] | set(derived.GROUPS["reply"])
                for rule in other.rules:
                    rule.answered(o, event)
        if self.spec.expects(event):
            self.open(person, event, touched)

    def is_automatic(self, event):
        return bool(event.get("automatic")) and self.spec.automatic == "acknowledges"

    def group(self, event):
        """None: it opens nothing."""
        org = event.get("org") or ""
        if self.spec.answered_by == "stakeholder":
            return org, None
        conversation = event.get("conversation") or ""
        if not conversation and self.spec.answered_by != "reply":
            return None
        return org, conversation

    @staticmethod
    def is_later(event, opened):
        if "sequence" in KNOWN:  # between late ones of one instant, only the log
            return (event["ms"], event["n"] if event["is_late"] or opened["is_late"] else 0,
                    order(event)) > (opened["ms"], opened["n"] if event["is_late"] or opened["is_late"] else 0, order(opened))
        return order(event) > order(opened)

    def answers(self, event, other, o):
        if (event.get("org") or "") != o.group[0] or not self.is_later(event, o.opened):
            return False
        if self.spec.answered_by == "conversation":
            return event.get("conversation") == o.group[1]
        if event["subject"] != other.subject:
            return False
        if self.spec.answered_by == "reply":
            return event.get("in_reply_to") in o.members
        return o.group[1] is None or event.get("conversation") == o.group[1]

    def seen_before(self, person, direction):
        """Interactions that a late question may find to have answered it already."""
        others = [person] if "elsewhere" in KNOWN else self.people.values()
        seen = [e for other in others for e in other.events if e["direction"] == direction]
        return seen

    def open(self, person, event, touched):
        group = self.group(event)
        if group is None:
            return
        side = "organisation" if event["direction"] == "inbound" else "stakeholder"
        new = Obligation(side, group, event)
        back = "outbound" if side == "organisation" else "inbound"
        for seen in self.seen_before(person, back):
            if self.answers(seen, person, new):
                if not self.is_automatic(seen):
                    return  # it was answered before it came
                new.acknowledged = "ack" not in KNOWN
        for o in person.open:
            if o.side == side and o.group == group:
                o.join(event)
                touched[person.subject] |= derived.OWED[side]
                return
        person.open.append(new)
        touched[person.subject] |= derived.OWED[side]
