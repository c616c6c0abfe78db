# SPDX-License-Identifier: Apache-2.0
"""What a rule makes of one stakeholder over time: edges, `for`, cooldowns, stalls, stages."""
import calendars
from known import KNOWN

WHO = {"kind", "account"}  # one event stands behind both

class Rule:
    """As declared. What is not of a rule's kind is None.

    by/after/calendar/until/where: an `owed` rule; enter/exit/lasting: a condition (expression.py);
    absent: (where, within); expect: (after, then, within); stages: the whole ladder.
    """

    def __init__(self, name, yaml, **more):
        self.name, self.yaml = name, yaml
        self.by = self.after = self.calendar = self.until = self.where = None
        self.enter = self.exit = self.cooldown = self.absent = self.expect = self.stages = None
        self.lasting, self.inhibited_by, self.holds_quiet = 0, (), False
        self.__dict__.update(more)

    def names(self):
        conditions = [self.enter, self.exit] + [c for s in self.stages or () for c in (s.enter, s.exit)]
        return set().union(*(c.names() for c in conditions if c))


class Stage:
    def __init__(self, name, enter, exit, min_stay):
        self.name, self.enter, self.exit, self.min_stay = name, enter, exit, min_stay


def make(person, rule):
    if rule.stages:
        return Ladder(person, rule)
    if rule.by:
        return Stall(person, rule)
    if rule.absent:
        return Absent(person, rule)
    return Expect(person, rule) if rule.expect else Condition(person, rule)


class Ruled:
    def __init__(self, person, rule):
        self.person, self.rule = person, rule
        self.fired_at = None  # the last `fired`

    def emit(self, edge, t, causes, values, **more):
        """values None: the documents do not say which."""
        self.person.emit({"rule": self.rule.name, "subject": self.person.subject, "edge": edge,
                          "time": t, "causes": causes, "values": values, **more})

    # Why it may not fire yet.
    def may_fire_at(self, t):
        """t, or the instant at which to look again; None: when what inhibits it has ended."""
        if self.fired_at is not None and self.rule.cooldown is not None:
            t = max(t, self.fired_at + self.rule.cooldown)
        quiet = self.person.preference.get("quiet_hours")
        if quiet and self.rule.holds_quiet:
            t = calendars.quiet_until(quiet, t)
        return t

    def is_inhibited(self):
        return any(r.is_active() for r in self.person.rules if r.rule.name in self.rule.inhibited_by)

    # What happens.
    def wakes(self):
        return []

    def flips(self, end):
        return []

    def contributed(self, event, changed):
        pass

    def decide(self, t, cause):
        pass

    def deadline(self, t):
        pass

    def released(self, t, cause):
        pass

    def overdue(self, t):
        """What came too late for its own deadline is due as it comes."""

    def answered(self, obligation, event):
        pass

    def acknowledged(self, obligation, event):
        pass


class Stall(Ruled):
    """An obligation that is open too long."""

    def due(self, o):
        within = self.person.preference.get("reply_within")
        if within and o.side == "organisation":
            return o.since + within
        if self.rule.calendar:
            return self.rule.calendar.add(o.since, self.rule.after)
        return o.since + self.rule.after

    def concerns(self, o):
        return o.side == self.rule.by and (not self.rule.where or self.rule.where(o.opened) is True)

    def is_met(self, o):
        return self.rule.until == "acknowledged" and o.acknowledged

    def waiting(self):
        """In the order in which they were opened: within a cooldown, that is who comes next."""
        return [o for o in self.person.open if self.concerns(o) and self.rule.name not in o.fired
                and not self.is_met(o)]

    def is_active(self):
        return any(self.rule.name in o.fired for o in self.person.open)

    def wakes(self):
        dues = [self.due(o) for o in self.waiting()]
        return dues + [self.may_fire_at(max(due, self.person.now)) for due in dues]

    def deadline(self, t):
        for o in self.waiting():
            due = self.due(o)
            if due > t:
                continue
            at = self.may_fire_at(due)
            if at <= t and not self.is_inhibited():
                self.fired_at = at
                o.fired[self.rule.name] = at
                self.emit("fired", at, {o.opened["id"]}, {}, obligation=self.told(o))

    def overdue(self, t):
        self.deadline(t - 1)

    def answered(self, o, event):
        if o.fired.pop(self.rule.name, None) is not None:
            self.emit("cleared", event["ms"], {event["id"]}, {},
                      obligation={**self.told(o), "answered": event["ms"]})

    def acknowledged(self, o, event):
        if self.rule.until == "acknowledged" and o.fired.get(self.rule.name) is not None:
            self.emit("cleared", event["ms"], {event["id"]}, {},
                      obligation={**self.told(o), "answered": event["ms"]})
            o.fired[self.rule.name] = None

    def told(self, o):
        return {**o.row(), "due": self.due(o)}


class Holding(Ruled):
    """Something that begins and ceases to hold: out, pending, held, in."""

    def __init__(self, person, rule):
        super().__init__(person, rule)
        self.phase, self.since, self.begun, self.is_barred = "out", None, None, False
        self.reads = rule.names()
        self.causes, self.any_cause, self.last_ms = set(), False, None
        self.derives = any(n in person.spec.variables for n in self.reads)
        self.owes = any(n.startswith(("owed.", "reply.")) for n in self.reads)

    def is_active(self):
        return self.phase == "in"

    def contributed(self, event, changed):
        """The cause of what time decides later is the last event that contributed. Of debts and
        derived values, the program counts every interaction: there, that will do as well. Where an
        event was late, "last" says too little: then any will do."""
        name, seen = event["id"], changed & self.reads
        seen = seen or (changed & WHO and self.reads & WHO)
        if event["ms"] < self.person.now and seen:
            self.any_cause = True
        self.any_cause |= bool(self.reads & {"stage", "stage.since"})
        if "causeless" in KNOWN and self.reads & {"kind", "account"}:
            self.any_cause = True
        if KNOWN & {"causeless_reply", "reply_cause"} and any(n.startswith("reply.") for n in self.reads):
            self.any_cause = True
        if seen:
            is_tied = "tied" in KNOWN and event["ms"] == self.last_ms
            self.causes = self.causes | {name} if is_tied else {name}
            self.last_ms = event["ms"]
        elif (("owed" in changed and self.owes)
              or (event["type"] == "preference" and self.owes and "preference_cause" in KNOWN)
              or any(n + "?" in changed for n in self.reads) or self.derives):
            self.causes = self.causes | {name}

    def timed_causes(self):
        """None: any, for one that could not be told apart, or because nothing contributed."""
        return None if self.any_cause or self.last_ms is None else self.causes

    def values(self, t):
        env = self.person.env(t)
        return {name: env(name) for name in self.reads}

    def begin(self, t, causes):
        """It holds from t on; it fires as soon as it may."""
        self.phase, self.begun = "held", self.may_fire_at(t)
        self.is_barred = self.begun <= t and self.is_inhibited()
        if self.begun <= t and not self.is_barred:
            self.phase, self.fired_at = "in", t
            self.emit("fired", t, causes, self.values(t))

    def end(self, t, causes):
        if self.phase == "in":
            self.emit("cleared", t, causes, self.values(t))
        self.phase = "out"

    def released(self, t, cause):
        """What was inhibited, and is not any more, fires."""
        if self.phase == "held" and self.is_barred:
            self.begin(t, {cause["id"]} if cause else None)

    def deadline(self, t):
        if self.phase == "held" and t >= self.begun:
            self.begin(t, self.timed_causes())

    def wakes(self):
        return [self.begun] if self.phase == "held" else []


class Condition(Holding):
    """enter, exit, for."""

    def enters(self, t):
        return self.rule.enter.holds(self.person.env(t)) is True

    def ends(self, t):
        if self.rule.exit:
            return self.rule.exit.holds(self.person.env(t)) is True
        return not self.enters(t)

    def decide(self, t, cause):
        causes = {cause["id"]} if cause else self.timed_causes()
        if self.phase in ("in", "held") and self.ends(t):
            self.end(t, causes)
        elif self.phase == "pending" and not self.enters(t):
            self.phase = "out"
        elif self.phase == "out" and self.enters(t):
            self.phase, self.since = "pending", t
            if not self.rule.lasting:
                self.begin(t, causes)

    def deadline(self, t):
        if self.phase == "pending" and t >= self.since + self.rule.lasting:
            self.begin(t, self.timed_causes())
        super().deadline(t)

    def wakes(self):
        return [self.since + self.rule.lasting] if self.phase == "pending" else super().wakes()

    def flips(self, end):
        now = self.person.now
        is_leaving = self.phase in ("in", "held") and self.rule.exit
        condition = self.rule.exit if is_leaving else self.rule.enter
        return condition.flips(lambda name: self.person.shape(name, now), now, end)


class Timed(Holding):
    def values(self, t):
        return None


class Absent(Timed):
    """Something has not happened for that long: since the last time, or the first interaction."""

    def __init__(self, person, rule):
        super().__init__(person, rule)
        self.last = None
        self.any_cause = True  # the documents do not say which event a silence is due to

    def contributed(self, event, changed):
        if event["type"] != "interaction" or event["subject"] != self.person.subject:
            return
        where, within = self.rule.absent
        if where(event) is True:
            self.last = event["ms"] if self.last is None else max(self.last, event["ms"])
            if self.phase in ("in", "held"):
                self.end(self.person.now, {event["id"]})
        elif self.last is None:
            self.last = event["ms"]

    def deadline(self, t):
        if self.phase == "out" and self.last is not None and t >= self.last + self.rule.absent[1]:
            self.begin(t, None)
        super().deadline(t)

    def wakes(self):
        if self.phase == "out" and self.last is not None:
            return [self.last + self.rule.absent[1]]
        return super().wakes()


class Expect(Timed):
    """B within T after A."""

    def __init__(self, person, rule):
        super().__init__(person, rule)
        self.asked = None  # the first `after` that no `then` has followed

    def contributed(self, event, changed):
        if event["type"] != "interaction" or event["subject"] != self.person.subject:
            return
        after, then, _ = self.rule.expect
        if then(event) is True and self.asked is not None:
            self.end(self.person.now, {event["id"]})
            self.asked = None
        if after(event) is True:
            self.causes, self.last_ms = {event["id"]}, event["ms"]
            self.asked = event["ms"] if self.asked is None else self.asked

    def deadline(self, t):
        if self.phase == "out" and self.asked is not None and t >= self.asked + self.rule.expect[2]:
            self.begin(t, self.timed_causes())
        super().deadline(t)

    def wakes(self):
        if self.phase == "out" and self.asked is not None:
            return [self.asked + self.rule.expect[2]]
        return super().wakes()


class Ladder(Ruled):
    """The stages: the last one in the list that is in is where the stakeholder stands."""

    def __init__(self, person, rule):
        super().__init__(person, rule)
        self.entered = {}  # stage: since when it is in
        self.now, self.since = None, None
        self.last_causes = None

    def is_active(self):
        return False

    def holds(self, condition, t):
        return condition.holds(self.person.env(t)) is True

    def decide(self, t, cause):
        for stage in self.rule.stages:
            entered = self.entered.get(stage)
            if entered is None:
                if self.holds(stage.enter, t):
                    self.entered[stage] = t
            elif t >= entered + stage.min_stay:
                if self.holds(stage.exit, t) if stage.exit else not self.holds(stage.enter, t):
                    del self.entered[stage]
        self.move(t, {cause["id"]} if cause else None)

    def move(self, t, causes):
        stage = next((s for s in reversed(self.rule.stages) if s in self.entered), None)
        if stage is self.now:
            return
        if self.now:
            self.tell("cleared", self.now, t, causes)
        self.now, self.since = stage, t
        self.person.memo = (None, {})
        if stage:
            self.tell("fired", stage, t, causes)

    def tell(self, edge, stage, t, causes):
        self.person.emit({"rule": "stage." + stage.name, "subject": self.person.subject,
                          "edge": edge, "time": t, "causes": causes, "values": None})

    def wakes(self):
        return [t + stage.min_stay for stage, t in self.entered.items() if stage.min_stay]

    def flips(self, end):
        now, out = self.person.now, []
        for stage in self.rule.stages:
            for condition in (stage.enter, stage.exit):
                if condition:
                    out += condition.flips(lambda name: self.person.shape(name, now), now, end)
        return out
