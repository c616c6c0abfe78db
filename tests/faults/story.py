# SPDX-License-Identifier: Apache-2.0
"""What the fault suite feeds, and under which rules: several thousand stakeholders, every type of
event, every sort of rule, some records that are no events.

Durations are seconds, so that deadlines, cooldowns and windows pass all the time: events carry the
time at which they are made, and ticks take part where a partition falls silent.
"""
import datetime
import json
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "integration"))
from model import murmur2  # noqa: E402

STRUCTURED = {"content-type": "application/cloudevents+json"}
PREFIX = "io.engaged."
FUTURE_LIMIT_MS = 300_000  # time.future_limit below
N_HOT, N_ALL = 300, 4000

# Who holds all partitions after some minutes, or half of them after an hour, when a stakeholder has come
# to 12 KiB, has not memory enough: there is eviction. What is emptied in Redis late in a long run is made
# again within minutes all the same.
MEMORY, MEMORY_LONG = "9MiB", "16MiB"
CONFIG = """\
deployment: faults
organisation: Example
state: {memory: MEMORY, forget_after: 30d}
time: {ticks: on, idle_after: 1s, lateness: 0s, future_limit: 5m}
flood: {triggers: 0}
verbs: {question: {weight: 1.5, expects_reply: on}, survey: {weight: 0.5, expects_reply: on}}
metrics:
  total: {count: true}
  involvement: {sum: weight, where: 'direction == "inbound"', half_life: 60s}
  topics: {distinct: conversation, window: 40s}
  best: {max: sentiment, window: 20s}
  capped: {sum: weight, window: 60s, cap: {per: 10s, at: 3}}
derived: {half_life: 1h, cadence: {floor: 1s, prior: 10s}, keep: [reply, trust, measure, tie, turns]}
retraction: {within: 30s}
sources:
  - {name: mail, source: /mail, heartbeat: 5s, channels: [mail]}
stages:
  - {name: aware, enter: 'true'}
  - {name: involved, enter: involvement >= 8.0, exit: involvement < 3.0, min_stay: 30s}
  - {name: lapsing, enter: 'cadence.ratio > 12.0'}
rules:
  - {name: overdue, owed: {by: organisation, after: 60s}, escalate_after: 90s, severity: info, route: service}
  - {name: unanswered, owed: {by: stakeholder, after: 90s}, cooldown: 120s, route: marketing}
  - {name: hot, enter: involvement >= 9.0, exit: involvement < 4.0, cooldown: 60s,
     inhibited_by: overdue, route: sales}
  - {name: spread, enter: 'topics >= 4', for: 5s, cooldown: 2m, route: sales}
  - {name: gone-cold, enter: 'best < -0.8', cooldown: 1m, route: service}
  - {name: no-view, absent: {where: 'verb == "view"', within: 3m}, route: marketing}
  - {name: away, absent: {where: 'direction == "inbound"', cadence: 20}, route: marketing}
  - {name: no-thanks, expect: {after: 'verb == "referral"', then: 'direction == "outbound"', within: 20s},
     cooldown: 1m, route: marketing}
  - {name: broken, enter: 'trust < 0.3 || commitment.overdue > 1', cooldown: 5m, route: service}
  - {name: unhappy, enter: 'measure.delight < 0.1', cooldown: 2m, route: service}
""".replace("MEMORY", MEMORY)
# What SIGHUP changes to: a rule more, a rule that says something else, a rule less.
CHANGES = (
    lambda text: text,
    lambda text: text + "  - {name: capped, enter: 'capped >= 5.0', exit: 'capped < 1.0', cooldown: 2m, route: sales}\n",
    lambda text: text.replace("involvement >= 9.0, exit", "involvement >= 7.5, exit")
    .replace("  - {name: unhappy, enter: 'measure.delight < 0.1', cooldown: 2m, route: service}\n", ""),
)
CONFIGS = tuple(change(CONFIG) for change in CHANGES)
CONFIGS_LONG = tuple(text.replace(MEMORY, MEMORY_LONG) for text in CONFIGS)


def show(ms):
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


def instant_ms(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def event(name, kind, who, at_ms, data, source="/feed"):
    e = {"specversion": "1.0", "id": name, "source": source, "time": show(at_ms),
         "type": f"{PREFIX}{kind}.v1", "data": data}
    if who:
        e["subject"] = who
    return e


def record(e, key=None, partition=None):
    r = {"key": key or e.get("subject"), "headers": STRUCTURED, "value": json.dumps(e)}
    if partition is not None:
        r["partition"] = partition
    return r


def closing(who, at_ms):
    """Has this stakeholder's state written as of that moment, and answers nothing."""
    return record(event(f"closing-{who}", "measure", who, at_ms,
                        {"dimension": "delight", "min": 0, "max": 10, "score": 5}, "/closing"))


class Story:
    """Records, one after the other; all that is random comes from `rng`, time from the caller."""

    def __init__(self, rng, partitions):
        self.rng, self.partitions, self.n = rng, partitions, 0
        self.who = [f"s{i:04d}" for i in range(N_ALL)]
        self.place = {w: murmur2(w.encode()) % partitions for w in self.who}
        self.of_place = [[w for w in self.who if self.place[w] == p] for p in range(partitions)]
        self.silent = {}  # partition: until when nothing goes there
        self.recent, self.fired = [], []
        self.beat_ms = self.silence_ms = 0
        self.kinds = ((82, self.interaction), (4, self.measure), (4, self.commitment),
                      (2, self.preference), (0.4, self.merge), (0.2, self.erase),
                      (2, self.retraction), (2, self.outcome), (1.5, self.again), (1, self.bad))

    def tell_fired(self, trigger, who):
        """A trigger that a consumer has seen: something may become of it."""
        if len(self.fired) < 1000:
            self.fired.append((trigger, who))

    def next(self, now_ms):
        """The records of this moment: an event, and heartbeats where they are due."""
        self._silences(now_ms)
        found = self._heartbeats(now_ms)
        draw = self.rng.random() * sum(share for share, _ in self.kinds)
        for share, make in self.kinds:
            draw -= share
            if draw < 0:
                break
        who = self._somebody(now_ms)
        at_ms = now_ms - self.rng.randint(0, 300)
        if self.rng.random() < 0.02:
            at_ms -= self.rng.randint(5_000, 20_000)
        self.n += 1
        made = make(who, at_ms, f"e{self.n}")
        return found + ([made] if made else [])

    def _silences(self, now_ms):
        if now_ms < self.silence_ms:
            return
        self.silence_ms = now_ms + self.rng.randint(5_000, 20_000)
        self.silent = {p: end for p, end in self.silent.items() if end > now_ms}
        if len(self.silent) < self.partitions // 2:
            self.silent[self.rng.randrange(self.partitions)] = now_ms + self.rng.randint(3_000, 8_000)

    def _somebody(self, now_ms):
        rng = self.rng
        for _ in range(20):
            i = rng.randrange(N_HOT) if rng.random() < 0.4 else rng.randrange(N_ALL)
            who = self.who[i]
            if self.silent.get(self.place[who], 0) <= now_ms:
                break
        return who

    def _heartbeats(self, now_ms):
        if now_ms < self.beat_ms:
            return []
        # A beat is left out now and then, so that what the source held back is decided later.
        self.beat_ms = now_ms + self.rng.choice((2_000, 2_000, 2_000, 2_000, 2_000, 12_000))
        self.n += 1
        return [record(event(f"beat{self.n}-{p}", "heartbeat", None, now_ms, {}, "/mail"), partition=p)
                for p in range(self.partitions) if self.silent.get(p, 0) <= now_ms]

    def _keep(self, r):
        self.recent.append(r)
        if len(self.recent) > 4000:
            del self.recent[:2000]
        return r

    def interaction(self, who, at_ms, name):
        rng = self.rng
        data = {"direction": rng.choice(("inbound", "inbound", "outbound")),
                "verb": rng.choices(("question", "view", "reply", "referral", "survey", "purchase"),
                                    (4, 30, 30, 1, 2, 10))[0],
                "conversation": f"{who}-{rng.randint(0, 4)}", "channel": rng.choice(("mail", "chat")),
                "sentiment": round(rng.uniform(-1, 1), 2)}
        if rng.random() < 0.05:
            data["kind"] = rng.choice(("vip", "customer"))
        if rng.random() < 0.1:
            data["resolves"] = True
        source = "/mail" if data["channel"] == "mail" else "/feed"
        return self._keep(record(event(name, "interaction", who, at_ms, data, source)))

    def measure(self, who, at_ms, name):
        return self._keep(record(event(name, "measure", who, at_ms, {
            "dimension": "delight", "min": 0, "max": 10, "score": self.rng.randint(0, 10)})))

    def commitment(self, who, at_ms, name):
        rng = self.rng
        return self._keep(record(event(name, "commitment", who, at_ms, {
            "commitment": f"c{rng.randint(0, 3)}", "by": "organisation",
            "status": rng.choice(("made", "kept", "kept", "broken")),
            "due": show(at_ms + rng.randint(5_000, 120_000))})))

    def preference(self, who, at_ms, name):
        rng = self.rng
        return record(event(name, "preference", who, at_ms, {
            "consent": rng.random() < 0.9, "reply_within": rng.choice(("40s", None))}))

    def merge(self, who, at_ms, name):
        others = self.of_place[self.place[who]]
        if self.rng.random() < 0.05:
            others = self.who  # most are in another partition: refused
        into = self.rng.choice(others)
        return into != who and record(event(name, "identity", who, at_ms,
                                            {"action": "merge", "into": into}))

    def erase(self, who, at_ms, name):
        return record(event(name, "identity", who, at_ms, {"action": "erase"}))

    def retraction(self, _, at_ms, name):
        if not self.recent:
            return None
        back = json.loads(self.rng.choice(self.recent[-2000:])["value"])
        return record(event(name, "retraction", back["subject"], at_ms, {"id": back["id"]}, back["source"]))

    def outcome(self, _, at_ms, name):
        if not self.fired:
            return None
        trigger, who = self.fired.pop(self.rng.randrange(len(self.fired)))
        return record(event(name, "outcome", who, at_ms, {"trigger": trigger, "status": self.rng.choice(
            ("acknowledged", "acted", "resolved", "dismissed"))}, "/desk"))

    def again(self, *_):
        return self.rng.choice(self.recent[-500:]) if self.recent else None

    def bad(self, who, at_ms, name):
        rng, good = self.rng, event(name, "interaction", who, at_ms, {"direction": "inbound", "verb": "view"})
        draw = rng.randrange(7)
        if draw == 0:
            return {"key": who, "headers": STRUCTURED, "value": "no JSON"}
        if draw == 1:
            return {"key": who, "headers": STRUCTURED, "value": None}
        if draw == 2:
            return record({k: v for k, v in good.items() if k != "subject"}, key=who)
        if draw == 3:
            return record(dict(good, data={"direction": "sideways", "verb": "view"}))
        if draw == 4:
            return record(good, key=rng.choice(self.of_place[self.place[who]]))
        if draw == 5:
            return record(dict(good, time=show(at_ms + 86_400_000)))
        return record(dict(good, time="2026-02-30T00:00:00Z"))
