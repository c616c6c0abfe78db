# SPDX-License-Identifier: Apache-2.0
"""Random histories of a few stakeholders, as CloudEvents, and what may happen to a log on its way."""
import collections

import calendars
from generate import START, VERBS, duration, instant
from known import KNOWN

SPAN = 60  # grid steps of a history, at most


class History:
    """Some events of some stakeholders, in order of time."""

    def __init__(self, spec, rng, number):
        self.spec, self.rng, self.number = spec, rng, number
        self.subjects = [f"h{number}-{name}" for name in "abcd"[:rng.choice((1, 1, 2, 2, 3, 4))]]
        self.span = rng.randint(3, SPAN)
        self.promised, self.known = set(), set()
        times = sorted(self.time() for _ in range(2 + int(38 * rng.random() ** 2)))
        self.events = []
        for i, ms in enumerate(times):
            self.events.append(self.event(i, ms))

    def time(self):
        ms = START + self.spec.grid * self.rng.randint(0, self.span)
        return ms + self.rng.choice((-1, 1)) if self.rng.random() < 0.08 else ms

    def event(self, i, ms):
        rng = self.rng
        base = {"history": self.number, "id": f"h{self.number}-{i}", "source": "/p", "ms": ms,
                "subject": rng.choice(self.subjects)}
        if self.spec.lateness:
            base["seq"] = f"{i:03d}"
        if "facts" in self.spec.can and rng.random() < 0.2:
            return base | rng.choice((self.measure, self.commitment))(base)
        if "preference" in self.spec.can:
            if base["subject"] not in self.known and rng.random() < 0.4:
                self.known.add(base["subject"])
                return base | self.preference(is_first=True)
            if rng.random() < 0.08:
                return base | self.preference()
        self.known.add(base["subject"])
        return base | self.interaction(i)

    def measure(self, base):
        rng = self.rng
        least = rng.choice((0, 1, -5))
        most = least + rng.choice((1, 4, 10))
        return {"type": "measure",
                "data": {"dimension": rng.choice(("advocacy", "delight", "delight", "other")),
                         "score": rng.randint(least, most), "min": least, "max": most}}

    def commitment(self, base):
        """Each is made at most once, and kept or broken at most once, perhaps without being made."""
        rng = self.rng
        key = base["subject"], rng.choice("pqr")
        status = rng.choice(("made", "made", "kept", "broken"))
        if (key, status == "made") in self.promised:
            return self.measure(base)
        self.promised.add((key, status == "made"))
        self.promised.add((key, True))
        data = {"commitment": key[1], "status": status,
                "by": rng.choice(("organisation", "organisation", "stakeholder"))}
        due = base["ms"] + self.spec.grid * rng.randint(-3, 20) if rng.random() < 0.7 else None
        if status == "made" and due is not None:
            data["due"] = instant(due)
        return {"type": "commitment", "data": data, "due": due}

    def preference(self, is_first=False):
        """Hours and pace are stated once, before anything else: what a change does to what is
        already due or held is not said."""
        rng, data, states = self.rng, {}, {}
        if rng.random() < 0.6:
            states["consent"] = data["consent"] = rng.choice((True, False, None))
        if rng.random() < 0.5:
            count, per = rng.randint(0, 3), self.spec.steps(10)
            states["max_contacts"] = None if rng.random() < 0.2 else (count, per)
            data["max_contacts"] = states["max_contacts"] and {"count": count, "per": duration(per)}
        if is_first and rng.random() < 0.5:
            states["reply_within"] = within = self.spec.steps(10)
            data["reply_within"] = duration(within)
        if is_first and rng.random() < 0.5:
            start, end = (15 * q for q in rng.sample(range(96), 2))
            zone = rng.choice(calendars.ZONES)
            states["quiet_hours"] = start, end, zone
            data["quiet_hours"] = {"from": calendars.clock(start), "to": calendars.clock(end),
                                   **({} if zone == "UTC" else {"zone": zone})}
        return {"type": "preference", "data": data, "states": states}

    def interaction(self, i):
        rng = self.rng
        e = {"type": "interaction",
             "direction": rng.choice(("inbound", "inbound", "outbound", "outbound", "peer")
                                     if rng.random() < 0.3 else ("inbound", "outbound")),
             "verb": rng.choice((*VERBS, "ask", "ask", "tell", "odd"))}
        if rng.random() < 0.8:
            e["conversation"] = f"h{self.number}-{rng.choice('xxyz')}"
        if rng.random() < 0.15:
            e["org"] = rng.choice(("north", "south"))
        if rng.random() < 0.5:
            e["channel"] = rng.choice(("mail", "chat"))
        if rng.random() < 0.5:
            e["sentiment"] = rng.choice((-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0))
        if rng.random() < 0.3:
            e["weight"] = rng.choice((-1.0, 0.0, 0.5, 2.0, 4.0))
        if rng.random() < 0.3:
            e["value"] = rng.choice((-2.0, 0.5, 1.0, 8.0))
        if rng.random() < 0.1:
            e["expects_reply"] = rng.random() < 0.6
        if rng.random() < 0.08:
            e["resolves"] = rng.random() < 0.8
        if rng.random() < 0.1:
            e["automatic"] = rng.random() < 0.8
        if rng.random() < 0.15 and not self.spec.is_unruly:
            e["kind"] = rng.choice("ab")
        if rng.random() < 0.1 and not self.spec.is_unruly:
            e["account"] = rng.choice("ab")
        if i and rng.random() < 0.5:
            e["in_reply_to"] = f"h{self.number}-{rng.randrange(max(0, i - 6), i)}"
        return e


DATA = ("direction", "verb", "conversation", "org", "channel", "sentiment", "weight", "value",
        "expects_reply", "automatic", "kind", "account", "in_reply_to", "resolves")


def record(event):
    """The CloudEvent."""
    out = {"specversion": "1.0", "id": event["id"], "source": event["source"],
           "type": f"io.engaged.{event['type']}.v1", "time": instant(event["ms"])}
    if event.get("subject"):
        out["subject"] = event["subject"]
    if event.get("seq"):
        out["sequence"] = event["seq"]
    if event["type"] == "interaction":
        out["data"] = {k: event[k] for k in DATA if k in event}
    elif "data" in event:
        out["data"] = event["data"]
    return out


def merge(histories, rng):
    """One log: by time; events of one history keep their order."""
    log = sorted(((e["ms"], e["history"], i, e) for h in histories for i, e in enumerate(h.events)),
                 key=lambda x: x[:3])
    return [e for *_, e in log]


def unruly(log, spec, rng):
    """The same with some events late: by a little, or by a lot."""
    keyed, sizes = [], collections.Counter(e["history"] for e in log)
    for i, e in enumerate(log):
        place = i
        is_forgotten = "memory" in KNOWN and sizes[e["history"]] > 5 and spec.expects(e)
        if rng.random() < 0.1 and not is_forgotten:
            place += rng.randint(1, max(1, len(log) // rng.choice((1, 4, 20))))
        keyed.append((place, i, e))
    return [e for *_, e in sorted(keyed, key=lambda k: k[:2])]


def shuffled(log, lateness, rng):
    """Each event up to just less than the lateness later than it was, and some twice."""
    keyed, delays = [], {}
    for i, e in enumerate(log):
        delay = rng.randrange(lateness)
        if "tied" in KNOWN:  # those of one instant stay in order
            delay = delays.setdefault((e["history"], e["ms"]), delay)
        arrival = e["ms"] + delay
        keyed.append((arrival, i, e))
        if rng.random() < 0.15:
            keyed.append((arrival + rng.randrange(4 * lateness), i, e))
    return [e for *_, e in sorted(keyed, key=lambda k: k[:2])]


def retraction(event, ms):
    return {"history": event["history"], "id": event["id"] + "-never", "source": event["source"],
            "ms": ms, "subject": event["subject"], "type": "retraction", "seq": "z",
            "data": {"id": event["id"]}}


def retracted(log, rng):
    """The same with some events taken back, at once or later."""
    back = [retraction(e, rng.choice(log[i:])["ms"]) for i, e in enumerate(log) if rng.random() < 0.1]
    return sorted(log + back, key=lambda e: (e["ms"], e["type"] == "retraction"))


def numbered(log):
    return [{**e, "n": n} for n, e in enumerate(log)]
