# SPDX-License-Identifier: Apache-2.0
"""Derived values of one stakeholder, each by its definition, from all its events.

Durations are milliseconds here. A value is None where there is nothing to tell.
"""
import math

from known import KNOWN

OWED = {"organisation": {"owed.by_us", "owed.oldest"},
        "stakeholder": {"owed.by_them", "owed.oldest_theirs"}}
REPLIES = 32  # the latest answered obligations that count
CONVERSATIONS = 16  # the latest conversations that count

# Types: "int", "double", "duration" (told in seconds), "bool". By group, as `derived.keep` has them.
GROUPS = {
    "reply": {f"reply.{side}.{what}": kind for side in ("ours", "theirs")
              for what, kind in (("in_time", "double"), ("median", "duration"), ("p90", "duration"))},
    "balance": {"balance": "double"},
    "pressure": {"pressure": "int", "pressure.recent": "int", "pressure.excess": "int"},
    "cadence": {"cadence.gap": "duration", "cadence.spread": "double",
                "cadence.silence": "duration", "cadence.ratio": "double",
                "cadence.last_gap": "duration"},
    "trust": {"trust": "double", "commitment.open": "int", "commitment.overdue": "int",
              "commitment.due": "duration"},
    "measure": {},  # of each dimension: see measures()
    "advocacy": {"advocacy": "double", "advocacy.referrals": "int"},
    "tie": {"tie": "double"},
    "turns": {"turns.unresolved": "int"},
    "silent": {"silent": "duration"},
}
MOVING = {"cadence.gap": 12, "cadence.spread": 24, "cadence.ratio": 24, "trust": 12, "tie": 16}


def measures(dimensions):
    return {name: "double" for d in dimensions for name in (f"measure.{d}", f"measure.{d}.last")}


def decay(spec, t, at):
    return 2.0 ** (-(t - at) / spec.derived["half_life"])


def both_ways(person):
    return [e for e in person.events if e["direction"] != "peer"]


def of_direction(person, direction):
    return [e for e in person.events if e["direction"] == direction]


def value(person, name, t):
    first = name.split(".")[0]
    return FUNCTIONS[first](person, name, t)


# Answers.
def deadline(person, o):
    """The earliest of an answer that an owed rule of its side sets, or None."""
    dues = [rule.due(o) for rule in person.rules if rule.rule.by == o.side and rule.concerns(o)
            and rule.rule.until in (None, "answered")]
    return min(dues) if dues else None


def reply(person, name, t):
    side = "organisation" if ".ours." in name else "stakeholder"
    answered = [o for o in person.closed if o.side == side][-REPLIES:]
    if name.endswith(".in_time"):
        dues = [deadline(person, o) for o in answered]
        in_time = sum(due is None or o.answer["ms"] <= due for o, due in zip(answered, dues))
        past = [due for due in (deadline(person, o) for o in person.open if o.side == side)
                if due is not None and t > due]
        n = len(answered) + len(past)
        return in_time / n if n else None
    waits = sorted(o.answer["ms"] - o.since for o in answered)
    if not waits:
        return None
    n = len(waits)
    rank = -(-n // 2) if name.endswith(".median") else -(-9 * n // 10)
    return waits[rank - 1]


def balance(person, name, t):
    def worth(direction):
        return math.fsum(e["value"] * decay(person.spec, last, e["ms"])
                         for e in of_direction(person, direction) if (e.get("value") or 0) > 0)

    given = [e["ms"] for e in person.events if (e.get("value") or 0) > 0 and e["direction"] != "peer"]
    if not given:
        return None
    last = max(given)  # both decay alike: it does not move
    ours, theirs = worth("outbound"), worth("inbound")
    return (ours - theirs) / (ours + theirs)


def pressure(person, name, t):
    outbound = of_direction(person, "outbound")
    if name == "pressure.excess":
        stated = person.preference.get("max_contacts")
        if not stated:
            return None
        return sum(t - stated[1] < e["ms"] for e in outbound) - stated[0]
    inbound = of_direction(person, "inbound")
    since = max((e["ms"] for e in inbound), default=None)
    if since is not None:
        outbound = [e for e in outbound if e["ms"] > since]
    if name == "pressure.recent":
        outbound = [e for e in outbound if t - person.spec.derived["pressure_window"] < e["ms"]]
    return len(outbound)


# Rhythm.
def gaps(person):
    times = sorted(e["ms"] for e in of_direction(person, "inbound"))
    return list(zip(times, times[1:]))


def cadence(person, name, t):
    spec, times = person.spec, [e["ms"] for e in of_direction(person, "inbound")]
    if name == "cadence.silence":
        return t - max(times) if times else None
    if name == "cadence.last_gap":
        return gaps(person)[-1][1] - gaps(person)[-1][0] if len(times) > 1 else None
    c = spec.derived["cadence"]
    x0, w0 = math.log2(c["kinds"].get(person.traits.get("kind"), c["prior"])), c["weight"]
    known = [(decay(spec, t, end), math.log2(max(c["floor"], end - start)))
             for start, end in gaps(person)]
    total = w0 + math.fsum(w for w, _ in known)
    m = (w0 * x0 + math.fsum(w * x for w, x in known)) / total
    if name == "cadence.spread":
        return math.sqrt((w0 * (1 + (x0 - m) ** 2)
                          + math.fsum(w * (x - m) ** 2 for w, x in known)) / total)
    if name == "cadence.gap":
        return round(2.0 ** m)  # a duration: whole milliseconds
    return (t - max(times)) / 2.0 ** m if times else None


def silent(person, name, t):
    times = [e["ms"] for e in both_ways(person)]
    return t - max(times) if times else None


# Promises.
def trust(person, name, t):
    def count(status):
        return math.fsum(decay(person.spec, t, f["ms"]) for f in person.facts
                         if f["type"] == "commitment" and f["data"]["by"] == "organisation"
                         and f["data"]["status"] == status)

    kept, broken = count("kept"), count("broken")
    return (kept + 1) / (kept + broken + 2)


def open_promises(person):
    """{id: due or None} of ours."""
    out = {}
    for f in sorted(person.facts, key=lambda f: (f["ms"], f["applied"])):
        if f["type"] == "commitment" and f["data"]["by"] == "organisation":
            if f["data"]["status"] == "made":
                out[f["data"]["commitment"]] = f["due"]
            else:
                out.pop(f["data"]["commitment"], None)
    return out


def commitment(person, name, t):
    promises = open_promises(person)
    if name == "commitment.open":
        return len(promises)
    dues = [due for due in promises.values() if due is not None]
    if name == "commitment.overdue":
        return sum(t > due for due in dues)
    return min(dues) - t if dues else None


# What they say when asked, and what they bring.
def measure(person, name, t):
    dimension = name.split(".")[1]
    told = [f for f in person.facts
            if f["type"] == "measure" and f["data"]["dimension"] == dimension]
    if not told:
        return None

    def share(f):
        d = f["data"]
        return (d["score"] - d["min"]) / (d["max"] - d["min"])

    if name.endswith(".last"):
        return share(max(told, key=lambda f: (f["ms"], f["applied"])))
    last = max(f["ms"] for f in told)
    weights = [decay(person.spec, last, f["ms"]) for f in told]
    return math.fsum(w * share(f) for w, f in zip(weights, told)) / math.fsum(weights)


def advocacy(person, name, t):
    if name == "advocacy":
        return measure(person, "measure.advocacy", t)
    return sum(e["verb"] == "referral" for e in of_direction(person, "inbound"))


# The tie.
def tie(person, name, t):
    events = both_ways(person)
    if not events:
        return None
    weights = [decay(person.spec, t, e["ms"]) for e in events]
    n = math.fsum(weights)
    s = math.fsum(w * abs(e.get("sentiment") or 0) for w, e in zip(weights, events))
    # Reciprocity is a ratio of sums that decay alike: seen from the latest event.
    last = max(e["ms"] for e in events)
    i, o = (math.fsum(decay(person.spec, last, e["ms"]) for e in events if e["direction"] == d)
            for d in ("inbound", "outbound"))
    return (n / (n + 4) + decay(person.spec, t, last) + s / (s + 1) + 2 * min(i, o) / (i + o)) / 4


def turns(person, name, t):
    threads = {}
    for e in sorted(both_ways(person), key=lambda e: e["ms"]):
        if e.get("conversation"):
            thread = e.get("org"), e["conversation"]
            threads[thread] = threads.pop(thread, []) + [e]

    def unresolved(events):
        resolved = max((e["ms"] for e in events if e.get("resolves")), default=None)
        return sum(resolved is None or e["ms"] > resolved for e in events)

    return max(map(unresolved, list(threads.values())[-CONVERSATIONS:]), default=0)


def consent(person, name, t):
    return person.preference.get("consent")


FUNCTIONS = {f.__name__: f for f in (reply, balance, pressure, cadence, silent, trust, commitment,
                                     measure, advocacy, tie, turns, consent)}


# Time.
def shape(person, name, t, value):
    if name in ("cadence.silence", "silent"):
        return "line", value, 1
    if name == "commitment.due":
        return "line", value, -1
    if name in MOVING:
        return "curve", lambda at: FUNCTIONS[name.split(".")[0]](person, name, at), MOVING[name]
    return "still", value


def edges(person, name):
    """Where a value steps by time alone."""
    if name in ("pressure.recent", "pressure.excess"):
        stated = person.preference.get("max_contacts")
        span = stated[1] if name == "pressure.excess" and stated else person.spec.derived["pressure_window"]
        return [e["ms"] + span for e in of_direction(person, "outbound")]
    if name == "commitment.overdue":
        return [due + 1 for due in open_promises(person).values() if due is not None]
    if name.startswith("reply.") and name.endswith(".in_time"):
        dues = [deadline(person, o) for o in person.open]
        return [due + 1 for due in dues if due is not None]
    return []


def changed_by(event):
    """The names of what an event contributes to."""
    if event["type"] == "measure":
        d = event["data"]["dimension"]
        return {f"measure.{d}", f"measure.{d}.last"} | ({"advocacy"} if d == "advocacy" else set())
    if event["type"] == "commitment":
        return set(GROUPS["trust"]) if event["data"]["by"] == "organisation" else set()
    if event["type"] == "preference":
        return {"consent"} & set(event["states"])
    if event["direction"] == "peer":
        return set()
    names = {"tie", "silent"} | set(GROUPS["pressure"])
    if event.get("conversation"):
        names.add("turns.unresolved")
    if (event.get("value") or 0) > 0:
        names.add("balance")
    if event["direction"] == "inbound":
        names |= set(GROUPS["cadence"])
        if event["verb"] == "referral":
            names.add("advocacy.referrals")
    return names


def prefer(preference, event):
    """Each field: absent, unchanged; null, taken back. The latest by time holds."""
    for name, stated in event["states"].items():
        if event["ms"] < preference.get((name, "since"), event["ms"]):
            continue
        preference[name, "since"] = event["ms"]
        preference[name] = stated
