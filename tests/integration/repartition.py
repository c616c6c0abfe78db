#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""repartition.py BUILD KAFKA [--case NAME] [--seed N]: input that is not keyed by stakeholder.

Two topics, one without keys, one keyed by ticket and mapped by a preset, are copied into the
deployment's own topic by processes that are killed, ended and joined in the middle. Every event is
there once, in order, with its stakeholder's key; what consumers see is what that log implies; and
the sources hold what was put there, and no more.
"""
import collections
import datetime
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (Deployment, Failed, Kafka, Redis, Tools, check, compare_triggers, main,  # noqa: E402
                     process)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
N_WHO, N_EVENTS, N_PAYLOADS, SOURCES, COPIES = 60, 4000, 2000, 3, 4
CONFIG = f"""\
deployment: moved
organisation: tests
include: [{ROOT}/config/presets/support-desk.yaml]
time: {{ticks: off}}
metrics:
  seen: {{count: true, window: 2d}}
rules:
  - name: busy
    enter: 'seen > 40'
    exit: 'seen < 20'
    route: service
  - name: overdue
    owed: {{by: organisation, after: 1h}}
    route: service
"""
QUESTION = """\
deployment: waits
delivery: %s
time: {idle_after: 1s}
rules:
  - name: overdue
    owed: {by: organisation, after: 1h}
    route: service
"""
STRUCTURED = {"content-type": "application/cloudevents+json"}
ORIGIN = "__engaged.origin."
ERRORS = "__connect.errors."


def instant(seconds):
    when = datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.isoformat().replace("+00:00", "Z")


def event(n, when, who, rng):
    direction = rng.choice(("inbound", "inbound", "outbound"))
    return {"specversion": "1.0", "id": f"e{n}", "source": "/crm", "subject": who, "time": when,
            "type": "io.engaged.interaction.v1",
            "data": {"direction": direction, "verb": "question" if direction == "inbound" else "reply",
                     "conversation": f"c-{who}"}}


def payload(n, when, who, rng):
    ticket = {"id": f"t{rng.randrange(300)}", "requester_id": who, "via": {"channel": "email"}}
    if rng.random() < 0.5:
        return {"id": f"w{n}", "time": when, "type": "zen:event-type:ticket.created", "detail": ticket}
    return {"id": f"w{n}", "time": when, "type": "zen:event-type:ticket.comment_added", "detail": ticket,
            "event": {"comment": {"author": {"is_staff": True, "id": 1}}}}


class Moved(Deployment):
    """Two sources, whose records are where chance has it, and a topic of the deployment's own."""

    def __init__(self, tools, kafka, redis, config, name):
        super().__init__(tools, kafka, redis, config, name, partitions=SOURCES)
        self.sources = [self.topic, f"{name}-desk"]
        self.topic = f"{name}-own"
        self.run("create", self.sources[1], SOURCES)
        self.config = self.config.replace(f"events: [{self.sources[0]}]",
                                          f"events: [{', '.join(self.sources)}]")
        self.config += f"ingest: {{repartition: on, topic: {self.topic}, partitions: {COPIES}, retention: 90d}}\n"
        self.put = collections.Counter()

    def feed(self, source, records):
        for r in records:
            self.put[source, r["partition"]] += 1
        self.run("produce", self.sources[source], "--records",
                 text="".join(json.dumps(r) + "\n" for r in records).encode("utf-8"))

    def source_offsets(self):
        return [self.run("offsets", self.group + "-repartition", s) for s in self.sources]

    def wait_copied(self, timeout=60.0):
        self.wait_for("all sources copied", lambda: all(
            p["offset"] == p["high"] for s in self.source_offsets() for p in s if p["high"]), timeout)
        self.wait_committed(timeout)

    def n_copied(self):
        return sum(p["offset"] or 0 for s in self.source_offsets() for p in s)


def waves(rng):
    """All there is to produce, in three parts; a bad one in each source."""
    parts = ([], []), ([], []), ([], [])
    for n in range(N_EVENTS + N_PAYLOADS):
        when, who = instant(n * 60), f"s{rng.randrange(N_WHO)}"
        wave = parts[n * 3 // (N_EVENTS + N_PAYLOADS)]
        if n % 3:
            wave[0].append({"key": None, "partition": rng.randrange(SOURCES), "headers": STRUCTURED,
                            "value": json.dumps(event(n, when, who, rng))})
        else:
            value = payload(n, when, who, rng)
            wave[1].append({"key": value["detail"]["id"], "partition": rng.randrange(SOURCES),
                            "headers": {"traceparent": f"00-{n}"}, "value": json.dumps(value)})
    parts[0][0].insert(5, {"key": "k", "partition": 1, "headers": STRUCTURED, "value": "{"})
    parts[1][1].insert(5, {"key": None, "partition": 2, "headers": {"h": "x"}, "value": "no JSON"})
    parts[1][0].insert(7, {"key": None, "partition": 0, "headers": STRUCTURED, "value": json.dumps(
        {"specversion": "1.0", "id": "c", "source": "/x", "type": "io.engaged.configuration.v1",
         "time": instant(0), "data": {"text": "rules: []"}})})
    large = {**event(N_EVENTS * 2, instant(0), "s1", rng), "pad": ""}
    large["pad"] = "x" * (999_850 - len(json.dumps(large)))  # too large with a copy's headers
    parts[2][0].insert(9, {"key": None, "partition": 2, "headers": STRUCTURED, "value": json.dumps(large)})
    return parts


def origin(record):
    h = record["headers"]
    return h[ORIGIN + "topic"], int(h[ORIGIN + "partition"]), int(h[ORIGIN + "offset"])


def check_copies(d, log, letters):
    """Each event of a source once; those of one partition, in one partition, in their order."""
    copies = [r for r in log if ORIGIN + "topic" in r["headers"]]
    seen = collections.Counter(map(origin, copies))
    buried = collections.Counter((h[ERRORS + "topic"], int(h[ERRORS + "partition"]), int(h[ERRORS + "offset"]))
                                 for h in (r["headers"] for r in letters))
    check(list(buried.values()) == [1] * 4, f"dead letters: {buried}")
    codes = sorted(r["headers"][ERRORS + "exception.class.name"] for r in letters)
    check(codes == ["configuration.source", "json.malformed", "json.malformed", "output.refused"], f"dead letters: {codes}")
    check(any(r["headers"].get("h") == "x" and r["value"] == "no JSON" for r in letters), "a dead letter changed")
    check([r["value"] for r in letters if r["headers"][ERRORS + "exception.class.name"] == "output.refused"] == [None],
          "what is too large has a value")
    ticks = {o for r in copies for o in [origin(r)] if json.loads(r["value"])["type"].endswith("tick.v1")}
    for (source, partition), n in d.put.items():
        for offset in range(n):
            place = d.sources[source], partition, offset
            want = 0 if place in buried else COPIES if place in ticks else 1
            check(seen.pop(place, 0) == want, f"{place} is not there {want} time(s)")
    check(not seen, f"copies of what was not put there: {list(seen)[:3]}")
    last, place_of = {}, {}
    for r in copies:
        where, source = r["partition"], origin(r)
        check(last.get((where,) + source[:2], -1) < source[2], f"{source} is out of order")
        last[(where,) + source[:2]] = source[2]
        value = json.loads(r["value"])
        check(r["key"] == value.get("subject"), f"{source} has the key {r['key']}")
        check(r["headers"]["content-type"] == STRUCTURED["content-type"], f"{source}: {r['headers']}")
        check(r["key"] is None or place_of.setdefault(r["key"], where) == where, f"{r['key']} is in two partitions")


def check_outputs(d, log):
    """What was seen is what the log of the deployment's own topic implies."""
    found, path = [], os.path.join(d.folder, "replay.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(CONFIG)
    for p in range(COPIES):
        found += d.tools.replay(path, [r["value"] for r in log if r["partition"] == p], d.folder)[0]
    seen = d.triggers()
    compare_triggers(found, seen)
    check(len(seen) > 500, f"only {len(seen)} triggers")
    return len(seen)


def case_moved(tools, kafka, rng):
    """Two sources, and processes that come and go in the middle."""
    with Redis() as redis:
        d = Moved(tools, kafka, redis, CONFIG, f"moved{rng.randrange(10**6)}")
        try:
            one, two = d.start_process(), d.start_process()
            d.wait_ready()
            first, second, third = waves(rng)
            for source in (0, 1):
                d.feed(source, first[source])
            half = (len(first[0]) + len(first[1])) // 3
            d.wait_for("some copies", lambda: d.n_copied() > half)
            one.kill()
            for source in (0, 1):
                d.feed(source, second[source])
            one.start()
            one.ended_by_test = False
            d.wait_for("more copies", lambda: d.n_copied() > 3 * half)
            for source in (0, 1):
                d.feed(source, third[source])
            two.stop()
            d.start_process()
            d.wait_ready()
            d.wait_copied()
            ticks = [{"key": None, "partition": 1, "headers": STRUCTURED, "value": json.dumps(
                {"specversion": "1.0", "id": "end", "source": "/x", "type": "io.engaged.tick.v1",
                 "time": instant(10**6)})}]
            d.feed(0, ticks)
            d.wait_copied()
            for s, parts in enumerate(d.source_offsets()):
                for p in parts:
                    check(p["high"] == d.put[s, p["partition"]], f"{d.sources[s]} was written to: {p}")
            metrics = [p.http("/metrics")[1] for p in d.running()]
            check(all("engaged_repartition_lag_records 0\n" in m for m in metrics), "a lag though all is copied")
            check(sum(int(m.split("\nengaged_repartition_partitions ")[1].split()[0]) for m in metrics) == 2 * SOURCES,
                  "the processes do not say that they have all source partitions")
            d.stop()
            log = sorted(d.consume(d.topic), key=lambda r: (r["partition"], r["offset"]))
            check_copies(d, log, d.dead_letters())
            return f"{sum(d.put.values())} records, {check_outputs(d, log)} triggers"
        except Failed as e:
            raise Failed(f"{e}\n{d.logs()}") from None
        finally:
            d.abandon()


def asked(n, due, who):
    """A question to which an answer is due at that instant, or that answer itself."""
    when = datetime.datetime.fromtimestamp(due - 3600 if n else time.time(), datetime.timezone.utc)
    return {"specversion": "1.0", "id": f"{'q' if n else 'a'}-{who}", "source": "/crm", "subject": who,
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "type": "io.engaged.interaction.v1",
            "data": {"direction": "inbound" if n else "outbound", "verb": "question" if n else "reply",
                     "conversation": f"c-{who}"}}


def records(events):
    return [{"key": None, "partition": n % SOURCES, "headers": STRUCTURED, "value": json.dumps(e)}
            for n, e in enumerate(events)]


def waiting(tools, kafka, rng, delivery, case):
    with Redis() as redis:
        d = Moved(tools, kafka, redis, QUESTION % delivery, f"{delivery}{rng.randrange(10**6)}")
        d.config = d.config.replace("group.id:", "session.timeout.ms: 30000, group.id:")
        try:
            return case(d)
        except Failed as e:
            raise Failed(f"{e}\n{d.logs()}") from None
        finally:
            d.abandon()


def case_ticks(tools, kafka, rng):
    """Deadlines pass on an idle topic, but not before the answers that wait in a source are copied."""
    def ticks(d):
        one, two = d.start_process(), d.start_process()
        d.wait_ready()
        due = time.time() + 10
        people = [f"s{n}" for n in range(30)]
        d.feed(0, records([asked(1, due, who) for who in people]))
        d.wait_copied(due - time.time())
        two.pause()  # what it has to copy waits
        d.feed(0, records([asked(0, due, who) for who in people]))
        check(time.time() < due - 1, "the machine is too slow for this case")
        time.sleep(due + 3.5 - time.time())
        copied = d.n_copied()
        two.resume()
        d.wait_copied()
        check(copied < 2 * len(people), "nothing had to wait")
        time.sleep(3)
        check(not d.triggers(), f"an absence was claimed though the answer was there: {d.triggers()[:1]}")
        d.feed(1, records([asked(1, time.time() + 1, "ann")]))
        d.wait_for("the trigger", lambda: len(d.triggers()) == 1, 20)
        cause = d.triggers()[0]["data"]["cause"]
        copy = next(r for r in d.consume(d.topic) if (r["partition"], r["offset"]) == (cause["partition"], cause["offset"]))
        check(cause["topic"] == d.topic and copy["headers"][ORIGIN + "topic"] == d.sources[1], f"{cause}, {copy}")
        d.stop()
        return f"{copied - len(people)} of {len(people)} answers were copied while one of two stood still"
    return waiting(tools, kafka, rng, "exactly-once", ticks)


def case_at_least_once(tools, kafka, rng):
    """With plain commits; without a crash, nothing twice."""
    def once(d):
        one = d.start_process()
        d.wait_ready()
        people = [f"s{n}" for n in range(300)]
        d.feed(0, records([asked(1, time.time() + 1, who) for who in people]))
        d.wait_copied()
        one.stop()
        one.start()
        one.ended_by_test = False
        d.wait_ready()
        d.wait_for("the triggers", lambda: len(d.triggers()) >= len(people), 20)
        d.stop()
        copies = collections.Counter(origin(r) for r in d.consume(d.topic) if ORIGIN + "topic" in r["headers"])
        check(len(copies) == len(people) and set(copies.values()) == {1}, "copies are missing, or there twice")
        check(len(d.triggers()) == len(people), "triggers are there twice")
        return f"{len(people)} questions"
    return waiting(tools, kafka, rng, "at-least-once", once)


def run(opt):
    tools, cases = Tools(opt.build), [case_moved, case_ticks, case_at_least_once]
    print(f"seed {opt.seed}")
    with Kafka(opt.kafka) as kafka:
        for case in cases:
            if opt.case in case.__name__:
                began = time.monotonic()
                try:
                    said = case(tools, kafka, random.Random(opt.seed))
                except Failed as e:
                    print(f"{case.__name__}: {e}")
                    return 1
                print(f"{case.__name__}: {said} ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__, run))
