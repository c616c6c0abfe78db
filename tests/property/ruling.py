# SPDX-License-Identifier: Apache-2.0
"""What a rule makes of one stakeholder over time: edges, `for`, cooldowns, stalls."""

# Where the program is known to do otherwise (found/): set by run.py, which asks it first.
KNOWN = set()


class Rule:
    """As declared. by/after: an `owed` rule; enter/exit (expression.py): a condition."""

    def __init__(self, name, yaml, by=None, after=None, enter=None, exit=None, lasting=0,
                 cooldown=None):
        self.name, self.yaml, self.by, self.after = name, yaml, by, after
        self.enter, self.exit, self.lasting, self.cooldown = enter, exit, lasting, cooldown

    def names(self):
        names = set(self.enter.names()) if self.enter else set()
        return names | (self.exit.names() if self.exit else set())


def make(person, rule):
    return Stall(person, rule) if rule.by else Condition(person, rule)


class Ruled:
    def __init__(self, person, rule):
        self.person, self.rule = person, rule
        self.fired_at = None  # the last `fired`
        self.cause, self.causes = None, set()

    def cools_until(self):
        if self.fired_at is None or self.rule.cooldown is None:
            return None
        return self.fired_at + self.rule.cooldown

    def emit(self, edge, t, causes, **more):
        self.person.emit({"rule": self.rule.name, "subject": self.person.subject, "edge": edge,
                          "time": t, "causes": causes, **more})

    def wakes(self):
        return []

    def flips(self, end):
        return []

    def decide(self, t, cause):
        pass

    def contributed(self, event, changed):
        pass

    def overdue(self, t):
        pass

    def answered(self, obligation, event):
        pass


class Stall(Ruled):
    """An obligation that is open too long."""

    def due(self, o):
        return o.since + self.rule.after

    def waiting(self):
        """In the order in which they were opened: within a cooldown, that is who comes next."""
        return [o for o in self.person.open
                if o.side == self.rule.by and self.rule.name not in o.fired]

    def wakes(self):
        cools = self.cools_until()
        dues = [self.due(o) for o in self.waiting()]
        return dues + [cools] if cools is not None else dues

    def deadline(self, t):
        for o in self.waiting():
            due, cools = self.due(o), self.cools_until()
            at = due if cools is None else max(due, cools)
            if at <= t:
                self.fired_at = at
                o.fired[self.rule.name] = at
                self.emit("fired", at, {o.opened["id"]}, values={},
                          obligation=self.told(o))

    def overdue(self, t):
        """One that came too late for its own deadline stalls as it comes."""
        self.deadline(t - 1)

    def answered(self, o, event):
        if self.rule.name in o.fired:
            self.emit("cleared", event["ms"], {event["id"]}, values={},
                      obligation={**self.told(o), "answered": event["ms"]})

    def told(self, o):
        return {**o.row(), "due": self.due(o)}


class Condition(Ruled):
    """enter, exit, for, cooldown."""

    def __init__(self, person, rule):
        super().__init__(person, rule)
        self.phase, self.since = "out", None
        self.any_cause, self.last_ms = False, None
        self.reads = rule.names()
        self.derives = any(n in person.spec.variables for n in self.reads)
        self.owes = any(n.startswith(("owed.", "reply.")) for n in self.reads)

    def contributed(self, event, changed):
        """The cause of what time decides later is the last event that contributed. Of debts and
        derived values, the program counts every interaction: there, that will do as well. Where an
        event was late, "last" says too little: then any will do."""
        name, seen = event["id"], changed & self.reads
        if event["ms"] < self.person.now and seen:
            self.any_cause = True
        if "causeless" in KNOWN and self.reads & {"kind", "account"}:
            self.any_cause = True
        if "causeless_reply" in KNOWN and any(n.startswith("reply.") for n in self.reads):
            self.any_cause = True
        if seen:
            is_tied = "tied" in KNOWN and event["ms"] == self.last_ms
            self.causes = self.causes | {name} if is_tied else {name}
            self.last_ms = event["ms"]
        elif (not self.causes or ("owed" in changed and self.owes)
              or any(n + "?" in changed for n in self.reads) or self.derives):
            self.causes = self.causes | {name}

    def timed_causes(self):
        """None: any."""
        return None if self.any_cause else self.causes

    def enters(self, t):
        return self.rule.enter.holds(self.person.env(t)) is True

    def ends(self, t):
        if self.rule.exit:
            return self.rule.exit.holds(self.person.env(t)) is True
        return not self.enters(t)

    def say(self, edge, t, causes):
        env = self.person.env(t)
        self.emit(edge, t, causes, values={name: env(name) for name in self.reads})

    def decide(self, t, cause):
        causes = {cause["id"]} if cause else self.timed_causes()
        if self.phase in ("in", "held") and self.ends(t):
            if self.phase == "in":
                self.say("cleared", t, causes)
            self.phase = "out"
        elif self.phase == "pending" and not self.enters(t):
            self.phase = "out"
        elif self.phase == "out" and self.enters(t):
            self.phase, self.since = "pending", t
            if not self.rule.lasting:
                self.begin(t, causes)

    def begin(self, t, causes):
        cools = self.cools_until()
        if cools is not None and t < cools:
            self.phase = "held"
            return
        self.phase, self.fired_at = "in", t
        self.say("fired", t, causes)

    def deadline(self, t):
        if self.phase == "pending" and t >= self.since + self.rule.lasting:
            self.begin(t, self.timed_causes())
        if self.phase == "held" and t >= self.cools_until():
            self.begin(t, self.timed_causes())

    def wakes(self):
        if self.phase == "pending":
            return [self.since + self.rule.lasting]
        return [self.cools_until()] if self.phase == "held" else []

    def flips(self, end):
        now = self.person.now

        def shape(name):
            return self.person.shape(name, now)

        condition = self.rule.exit if self.phase in ("in", "held") and self.rule.exit else self.rule.enter
        return condition.flips(shape, now, end)
