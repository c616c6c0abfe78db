# SPDX-License-Identifier: Apache-2.0
"""Random configurations, full of ties: the times of events lie on a grid, and windows, deadlines and
cooldowns are multiples of it."""
import datetime

import calendars
import derived
from aggregates import Metric
from expression import Compare, Is, Join, Not
from known import KNOWN
from ruling import Rule, Stage

START = 1_774_569_600_000  # 2026-03-27T00:00:00Z, two days before summer time in Europe
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GRIDS = (MINUTE, 10 * MINUTE, HOUR, 6 * HOUR)
VERBS = {"ask": (1.5, True), "tell": (1.0, False), "buy": (2.0, False), "referral": (3.0, False),
         "glance": (0.25, False)}
DURATIONS = {"owed.oldest", "owed.oldest_theirs", "stage.since"} | {  # told in seconds
    name for group in derived.GROUPS.values() for name, kind in group.items() if kind == "duration"}


def duration(ms):
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1000)):
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"


def instant(ms):
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


def weight(event):
    if event.get("weight") is not None:
        return event["weight"]
    return VERBS.get(event["verb"], (1.0, False))[0]


def both(a, b):
    return None if a is None or b is None else a * b


def metric_probe(**metric):
    return {"metrics": {"m": metric}}


def owed_rule(name, **more):
    return {"name": name, "owed": {"by": "organisation", "after": "1h", **more}, "route": "s"}


# Features by name, each with the least that uses it: what `engaged check` refuses is left out.
PROBES = {
    "min": metric_probe(min="weight"),
    "max": metric_probe(max="weight"),
    "last": metric_probe(last="weight"),
    "distinct": metric_probe(distinct="verb"),
    "distinct_days": metric_probe(distinct_days=True),
    "cap": metric_probe(sum="weight", cap={"per": "day", "at": 1.0}),
    "stages": {"stages": [{"name": "s", "enter": "true"}]},
    "absent": {"rules": [{"name": "r", "absent": {"where": "weight > 1.0", "within": "1h"},
                          "route": "s"}]},
    "expect": {"rules": [{"name": "r", "expect": {"after": "weight > 1.0", "then": "weight < 1.0",
                                                  "within": "1h"}, "route": "s"}]},
    "inhibited_by": {"rules": [owed_rule("a"), {"name": "r", "enter": "owed.by_us > 1", "route": "s",
                                                "inhibited_by": ["a"]}]},
    "calendars": {"calendars": {"c": {"zone": "Europe/Berlin", "hours": {"mon": ["09:00-17:00"]}}},
                  "rules": [owed_rule("a", calendar="c")]},
    "until": {"rules": [owed_rule("a", until="acknowledged")]},
    "where": {"rules": [owed_rule("a", where="weight > 1.0")]},
    "quiet": {"rules": [{"name": "r", "enter": "owed.by_us > 1", "route": "s", "quiet": "hold"}]},
    "derived": {"derived": {"keep": sorted(derived.GROUPS)}},
}

# The same, asked with a replay of one event: (configuration, type, data, what a trigger must say).
TRIES = {
    "facts": ({"rules": [{"name": "r", "enter": "trust > 0.6", "route": "s"}]},
              "commitment", {"commitment": "c", "by": "organisation", "status": "kept"}),
    "preference": ({"rules": [{"name": "r", "enter": "consent", "route": "s"}]},
                   "preference", {"consent": True}),
}


# What metrics are made of: CEL, and the same by hand. None: no value.
WHERES = (
    (None, None),
    ('direction == "inbound"', lambda e: e["direction"] == "inbound"),
    ('direction != "peer" && verb != "buy"', lambda e: e["direction"] != "peer" and e["verb"] != "buy"),
    ('verb == "tell"', lambda e: e["verb"] == "tell"),
    ('channel == "mail"', lambda e: e["channel"] == "mail" if e.get("channel") else None),
    ('sentiment < 0.25', lambda e: e["sentiment"] < 0.25 if e.get("sentiment") is not None else None),
    ('channel == "mail" || verb == "buy"',
     lambda e: e.get("channel") == "mail" or e["verb"] == "buy"),
    ('weight >= 2.0', lambda e: weight(e) >= 2.0),
)
NUMBERS = (
    ("weight", weight),
    ("sentiment", lambda e: e.get("sentiment")),
    ("value", lambda e: e.get("value")),
    ("weight * sentiment", lambda e: both(weight(e), e.get("sentiment"))),
    ('direction == "inbound" ? 1.0 : 0.5', lambda e: 1.0 if e["direction"] == "inbound" else 0.5),
)
EXPECTED = (  # no two of them of one event
    ('direction == "inbound"', lambda e: e["direction"] == "inbound"),
    ('direction == "outbound" && verb == "ask"',
     lambda e: e["direction"] == "outbound" and e["verb"] == "ask"),
    ('direction == "peer"', lambda e: e["direction"] == "peer"),
)
TEXTS = (
    ("channel", lambda e: e.get("channel") or None),
    ("verb", lambda e: e["verb"]),
    ("conversation", lambda e: e.get("conversation") or None),
    ("weight", weight),
    ("weight > 1.0", lambda e: weight(e) > 1.0),
)


class Spec:
    """One configuration: for the model as it is, for the program as yaml()."""

    def __init__(self, rng, can):
        self.rng, self.can = rng, can
        self.grid = rng.choice(GRIDS)
        self.lateness = rng.choice((0, 0, 1, 5, 20)) * self.grid
        self.is_unruly = rng.random() < 0.25  # some events come later than the lateness
        self.answered_by = rng.choice(("both", "both", "conversation", "stakeholder", "reply"))
        self.automatic = rng.choice(("acknowledges", "acknowledges", "answers"))
        # What a conversation's other stakeholders were answered is not taken back.
        self.takes_back = "retraction" in can and self.answered_by != "conversation"
        self.derived, self.variables, self.kept = None, {}, []
        if "derived" in can:
            self.derive()
        self.metrics = [Metric("n", "count", yaml={"count": True})]
        self.metrics += [self.metric(f"m{i}") for i in range(rng.randint(1, 4))]
        self.calendar = None
        if "calendars" in can and rng.random() < 0.4:
            self.calendar = self.a_calendar()
        self.ladder = []
        if "stages" in can and rng.random() < 0.4:
            self.ladder = [self.stages()]
        self.rules = []
        for i in range(rng.randint(1, 5)):
            self.rules.append(self.rule(f"r{i}"))
        self.read = set().union(*(r.names() for r in self.ladder + self.rules))

    def steps(self, most):
        return self.rng.randint(1, most) * self.grid

    def expects(self, event):
        """An automatic message expects no reply unless it says so itself."""
        if event.get("expects_reply") is not None:
            return event["expects_reply"]
        return not event.get("automatic") and VERBS.get(event.get("verb"), (1.0, False))[1]

    def yaml(self):
        return {
            "deployment": "property",
            "time": {"lateness": duration(self.lateness) if self.lateness else "0s"},
            "state": {"forget_after": "10000d"},
            "verbs": {v: {"weight": w, "expects_reply": e} for v, (w, e) in VERBS.items()},
            "reciprocity": {"answered_by": self.answered_by, "automatic": self.automatic},
            "metrics": {m.name: m.yaml for m in self.metrics},
            "rules": [r.yaml for r in self.rules],
            **({"retraction": {"within": "400d"}} if self.takes_back else {}),
            **({"zones": list(calendars.ZONES)} if "quiet" in self.can else {}),
            **({"calendars": {"c": self.calendar.yaml()}} if self.calendar else {}),
            # Those that quiet hours name: a zone that no configuration names is taken as UTC.
            **({"zones": [z for z in calendars.ZONES if z != "UTC"]} if "quiet" in self.can else {}),
            **({"stages": self.ladder[0].yaml} if self.ladder else {}),
            **({"stages": []} if "stages" in self.can and not self.ladder else {}),
            **self.derived_yaml(),
        }

    # Derived values.
    def derive(self):
        rng = self.rng
        self.derived = {
            "half_life": max(HOUR, self.steps(60)), "pressure_window": self.steps(12),
            "cadence": {"floor": self.grid, "prior": self.steps(20), "weight": rng.choice((1, 2, 5)),
                        "kinds": {"a": self.steps(20)} if rng.random() < 0.5 else {}}}
        groups = rng.sample(sorted(derived.GROUPS), rng.randint(0, 4))
        self.keep = groups
        self.dimensions = ["advocacy", "delight"]
        for group in groups:
            self.variables |= derived.GROUPS[group]
            if group == "measure":
                self.variables |= derived.measures(self.dimensions)
        self.kept = sorted(self.variables)
        if "preference" in self.can:
            self.variables["consent"] = "bool"

    def derived_yaml(self):
        if not self.derived:
            return {}
        d, c = self.derived, self.derived["cadence"]
        return {"derived": {
            "half_life": duration(d["half_life"]), "pressure_window": duration(d["pressure_window"]),
            "keep": self.keep, "dimensions": self.dimensions,
            "cadence": {"floor": duration(c["floor"]), "prior": duration(c["prior"]),
                        "weight": c["weight"],
                        "kinds": {k: duration(v) for k, v in c["kinds"].items()}}}}

    def derived_atom(self, op):
        rng = self.rng
        known = {"cadence.ratio"} if "ratio" in KNOWN else set()
        name = rng.choice(sorted(set(self.variables) - known))
        kind = self.variables[name]
        if kind == "bool":
            return rng.choice((Is(name), Not(Is(name))))
        if kind == "int":
            return Compare(name, op, rng.randint(-1, 4), "int")
        if kind == "duration":
            return Compare(name, op, self.steps(30) * rng.choice((1, 1, 1, -1)), "duration")
        if name in ("reply.ours.in_time", "reply.theirs.in_time"):
            return Compare(name, op, rng.choice((0.5, 0.75, 0.4137)), "double")
        most = {"cadence.spread": 3.0, "cadence.ratio": 3.0}.get(name, 1.0)
        least = -1.0 if name == "balance" else 0.0
        return Compare(name, op, round(rng.uniform(least, most), 4) + 0.00003137, "double")

    # Metrics.
    def metric(self, name):
        rng = self.rng
        kinds = ["count", "sum", "sum", "mean"]
        kinds += [k for k in ("min", "max", "last", "distinct", "distinct_days", "cap") if k in self.can]
        kind, yaml, of = rng.choice(kinds), {}, None
        cap = None
        if kind == "cap":
            kind = "sum"
            period = rng.choice(("hour", "day", "week", self.steps(10)))
            cap = (period, rng.choice((1.0, 2.5, 4.0)))
            yaml["cap"] = {"per": period if isinstance(period, str) else duration(period),
                           "at": cap[1]}
        if kind in ("count", "distinct_days"):
            yaml[kind] = True
        else:
            text, of = rng.choice(TEXTS if kind == "distinct" else NUMBERS)
            yaml[kind] = text
        where, counts = rng.choice(WHERES)
        if where:
            yaml["where"] = where
        reach = self.reach(kind)
        if reach:
            yaml[reach[0]] = duration(reach[1])
        return Metric(name, kind, of, counts, reach, cap, yaml)

    def reach(self, kind):
        reaches = [None, ("window", self.steps(20))]
        if kind in ("count", "sum", "mean"):
            reaches.append(("half_life", self.steps(50)))
        return self.rng.choice(reaches)

    # Rules.
    def rule(self, name):
        rng = self.rng
        yaml, more = {"name": name, "route": "service"}, {}
        if rng.random() < 0.3:
            more["cooldown"] = self.steps(20)
            yaml["cooldown"] = duration(more["cooldown"])
        if "quiet" in self.can and rng.random() < 0.3:
            yaml["quiet"], more["holds_quiet"] = "hold", True
        makes = [self.owed, self.owed, self.conditional, self.conditional, self.conditional]
        if not self.is_unruly:
            makes += [make for make in (self.absent, self.expect) if make.__name__ in self.can]
        make = rng.choice(makes)
        make(yaml, more)
        inhibitors = [r.name for r in self.rules if r.by]
        if make != self.owed and "inhibited_by" in self.can and inhibitors and rng.random() < 0.4:
            yaml["inhibited_by"] = more["inhibited_by"] = [rng.choice(inhibitors)]
        return Rule(name, yaml, **more)

    def owed(self, yaml, more):
        rng = self.rng
        more["by"] = rng.choice(("organisation", "organisation", "stakeholder"))
        more["after"] = self.steps(12)
        yaml["owed"] = {"by": more["by"], "after": duration(more["after"])}
        if self.calendar and rng.random() < 0.6:
            more["calendar"], yaml["owed"]["calendar"] = self.calendar, "c"
        if "until" in self.can and rng.random() < 0.2:
            more["until"] = yaml["owed"]["until"] = "acknowledged"
        if "where" in self.can and rng.random() < 0.3:
            yaml["owed"]["where"], more["where"] = rng.choice(WHERES[1:])

    def conditional(self, yaml, more):
        enter, leave = self.guarded(*self.condition())
        more["enter"], more["exit"] = enter, leave
        yaml["enter"] = enter.cel()
        if leave:
            yaml["exit"] = leave.cel()
        if self.rng.random() < 0.3:
            more["lasting"] = self.steps(8)
            yaml["for"] = duration(more["lasting"])

    def absent(self, yaml, more):
        where, counts = self.rng.choice(WHERES[1:])
        within = self.steps(20)
        yaml["absent"], more["absent"] = {"where": where, "within": duration(within)}, (counts, within)

    def expect(self, yaml, more):
        after, then = self.rng.sample(EXPECTED, 2)
        within = self.steps(10)
        yaml["expect"] = {"after": after[0], "then": then[0], "within": duration(within)}
        more["expect"] = after[1], then[1], within

    def stages(self):
        out, yaml = [], []
        for i in range(self.rng.randint(1, 4)):
            enter, leave = self.guarded(*self.condition())
            stay = self.steps(10) if self.rng.random() < 0.4 else 0
            out.append(Stage(f"s{i}", enter, leave, stay))
            yaml.append({"name": f"s{i}", "enter": enter.cel()})
            if leave:
                yaml[-1]["exit"] = leave.cel()
            if stay:
                yaml[-1]["min_stay"] = duration(stay)
        return Rule("stages", yaml, stages=out)

    def guarded(self, enter, leave):
        if "unlooked" in KNOWN and enter.holds(self.before_anything):
            enter = Join(True, Compare("n", ">=", 1, "int"), enter)
        return enter, leave

    def a_calendar(self):
        rng, hours = self.rng, {}
        for day in rng.sample(calendars.DAYS, rng.randint(2, 7)):
            cuts = sorted(15 * q for q in rng.sample(range(96), rng.choice((2, 4))))
            hours[day] = list(zip(cuts[::2], cuts[1::2]))
        return calendars.Calendar(rng.choice(calendars.ZONES), hours, START - 2 * DAY, 400)

    def before_anything(self, name):
        """What a name is worth for somebody of whom nothing is known."""
        if name in ("owed.by_us", "owed.by_them"):
            return 0
        if self.variables.get(name) == "int":
            return None if name == "pressure.excess" else 0
        if name in ("trust", "cadence.spread"):
            return 0.5 if name == "trust" else 1.0
        if name == "cadence.gap":
            return self.derived["cadence"]["prior"]
        return next((0 for m in self.metrics if m.name == name
                     and m.kind in ("count", "sum", "distinct", "distinct_days")), None)

    def condition(self):
        """enter, and exit or None. The two never hold at once."""
        rng = self.rng
        shape = rng.random()
        if shape < 0.35:
            return self.atom(), None
        if shape < 0.6:
            return self.hysteresis()
        if shape < 0.8:
            join = Join(rng.random() < 0.6, self.atom(), self.atom())
            return join, rng.choice((None, Not(join)))
        out = self.atom()
        return Join(True, self.atom(), Not(out)), out

    def hysteresis(self):
        enter = self.atom(ordered=True)
        if enter.kind in ("string", "bool"):
            return enter, None
        gap = {"int": self.rng.choice((0, 1)), "double": self.rng.choice((0.0, 0.5, 1.5)),
               "duration": self.rng.choice((0, self.grid))}[enter.kind]
        up = enter.op in (">", ">=")
        op = "<" if up else ">"
        leave = Compare(enter.first, op, enter.constant - gap if up else enter.constant + gap,
                        enter.kind, enter.second, enter.sign)
        return enter, leave

    def atom(self, ordered=False):
        rng = self.rng
        op = rng.choice((">=", ">", "<", "<="))
        pick = rng.random()
        if self.variables and rng.random() < 0.5:
            atom = self.derived_atom(op)
            if not (ordered and isinstance(atom, (Is, Not))):
                return atom
        if pick < 0.7:
            return self.metric_atom(op, ordered)
        if pick < 0.9 or ordered:
            name = rng.choice(("owed.by_us", "owed.by_them", "owed.oldest", "owed.oldest_theirs"))
            if name.startswith("owed.by"):
                return Compare(name, op, rng.randint(0, 2), "int")
            return Compare(name, op, self.steps(10), "duration")
        if self.ladder and rng.random() < 0.7:
            if rng.random() < 0.5:
                return Compare("stage.since", op, self.steps(15), "duration")
            return Compare("stage", rng.choice(("==", "!=")), rng.choice(("s0", "s1")), "string")
        return Compare(rng.choice(("kind", "account")), rng.choice(("==", "!=")),
                       rng.choice(("a", "b")), "string")

    def metric_atom(self, op, ordered):
        rng = self.rng
        m = rng.choice(self.metrics)
        if m.type() == "int":
            if not ordered and rng.random() < 0.2:
                op = rng.choice(("==", "!="))
        constant = self.threshold(m)
        kind = "double" if self.is_double(m) else "int"
        others = [o for o in self.metrics if o is not m and self.is_double(o) == self.is_double(m)]
        if others and rng.random() < 0.25:
            other = rng.choice(others)
            if self.fades(other):
                constant = self.threshold(other)
            return Compare(m.name, op, constant, kind, other.name, rng.choice((1, -1)))
        return Compare(m.name, op, constant, kind)

    @staticmethod
    def fades(m):
        return m.reach is not None and m.reach[0] == "half_life"

    def is_double(self, m):
        return m.type() == "double" or self.fades(m)

    def threshold(self, m):
        """Never what a decayed value may come to exactly, for there rounding decides."""
        rng = self.rng
        if self.is_double(m) and m.type() == "int":
            return rng.choice((0.4137, 1.1371, 2.3713))
        if m.type() == "int":
            return rng.randint(0, 4)
        if m.kind == "mean" or self.fades(m):
            return rng.choice((-0.1373, 0.1371, 0.4137, 1.3713, 2.4137))
        return rng.choice((-0.5, 0.0, 0.5, 1.0, 2.0, 3.5))

    def is_smooth(self, rule):
        """Whether rounding may move the rule's edges by a millisecond."""
        smooth = {m.name for m in self.metrics if self.fades(m)} | set(derived.MOVING)
        return bool(rule.names() & smooth)
