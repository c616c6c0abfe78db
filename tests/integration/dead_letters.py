#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dead_letters.py BUILD KAFKA: 100,000 records that are no events, mixed with good ones.

Each bad one is in the dead-letter topic once, unchanged, with headers that say why and where it
was; every good one counts; no partition stops.
"""
import collections
import datetime
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Deployment, Failed, Kafka, Redis, Tools, check, process  # noqa: E402

N_BAD, N_GOOD, N_WHO, PARTITIONS = 100_000, 20_000, 1_000, 4
CONFIG = """\
deployment: dead-letters
organisation: tests
time: {ticks: off, future_limit: 5m}
limits: {event_bytes: 64KiB, event_depth: 32}
metrics:
  seen: {count: true}
rules:
  - name: first
    enter: 'seen >= 1'
    severity: info
    route: service
"""
HEADERS = ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
STRUCTURED = {"content-type": "application/cloudevents+json"}


def good(n, **changes):
    return event_at(n, n, **changes)


def nearly(n, **changes):
    """Good but for the changes, with a good one's id, and never ahead of the good ones: an event
    that names nobody may move the clock."""
    return event_at(n, max(0, n * N_GOOD // N_BAD - 2000), **changes)


def event_at(n, seconds, **changes):
    when = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    when += datetime.timedelta(seconds=seconds)
    event = {"specversion": "1.0", "id": f"e{n}", "source": "/test", "subject": f"s{n % N_WHO}",
             "type": "io.engaged.interaction.v1", "time": when.isoformat().replace("+00:00", "Z"),
             "data": {"direction": "inbound", "verb": "message", "channel": "mail"}}
    event.update(changes)
    return {k: v for k, v in event.items() if v is not None}


def structured(event):
    return {"key": event.get("subject"), "headers": dict(STRUCTURED), "value": json.dumps(event)}


def binary(event, **changes):
    headers = {f"ce_{k}": v for k, v in event.items() if k != "data"}
    headers.update({"content-type": "application/json"}, **changes)
    return {"key": event.get("subject"), "headers": {k: v for k, v in headers.items() if v},
            "value": json.dumps(event.get("data"))}


def raw(value, n):
    return {"key": f"s{n % N_WHO}", "headers": dict(STRUCTURED), "value": value}


def data(**changes):
    d = {"direction": "inbound", "verb": "message", **changes}
    return {k: v for k, v in d.items() if v is not None}


def text(n):
    return json.dumps(nearly(n))


def bad(n, **changes):
    return structured(nearly(n, **changes))


def latin1(value):
    return {"hex": value.encode("latin-1").hex()}


# kind: how its code begins, and how the n-th record of this kind is made
KINDS = {
    "no JSON": ("json.malformed", lambda n: raw("certainly no JSON", n)),
    "empty": ("value.missing", lambda n: raw("", n)),
    "tombstone": ("value.missing", lambda n: raw(None, n)),
    "an array": ("json.not_object", lambda n: raw("[1,2,3]", n)),
    "cut short": ("json.malformed", lambda n: raw(text(n)[:-1 - n % 150], n)),
    "bytes behind the end": ("json.malformed", lambda n: raw(text(n) + "}", n)),
    "not UTF-8": ("utf8.invalid", lambda n: raw(latin1(text(n).replace("mail", "m\xe4il")), n)),
    "half a surrogate pair": (("json.malformed", "utf8.invalid"),
                              lambda n: raw(text(n).replace("mail", "\\ud800"), n)),
    "too deep": ("json.too_deep",
                 lambda n: raw(text(n)[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}", n)),
    "too large": ("json.too_large", lambda n: raw("x" * 65_537, n)),
    "no id": ("id.missing", lambda n: bad(n, id=None)),
    "empty id": ("id.", lambda n: bad(n, id="")),
    "no source": ("source.missing", lambda n: bad(n, source=None)),
    "no type": ("type.missing", lambda n: bad(n, type=None)),
    "another specversion": ("specversion.", lambda n: bad(n, specversion="0.3")),
    "no subject": ("subject.missing", lambda n: bad(n, subject=None)),
    "subject too long": ("subject.too_long", lambda n: bad(n, subject="s" * 257)),
    "another key": ("key.mismatch", lambda n: {**structured(nearly(n)), "key": "somebody-else"}),
    "time of no calendar": ("time.malformed", lambda n: bad(n, time="2026-02-30T00:00:00Z")),
    "time far in the future": ("time.", lambda n: bad(n, time="2199-01-01T00:00:00Z")),
    "no data": ("data.missing", lambda n: bad(n, data=None)),
    "no direction": ("data.direction.", lambda n: bad(n, data=data(direction=None))),
    "unknown direction": ("data.direction.", lambda n: bad(n, data=data(direction="sideways"))),
    "no verb": ("data.verb.", lambda n: bad(n, data=data(verb=None))),
    "sentiment out of range": ("data.sentiment.", lambda n: bad(n, data=data(sentiment=1.5))),
    "binary without id": ("id.missing", lambda n: binary(nearly(n), ce_id=None)),
    "binary with a bad time": ("time.malformed", lambda n: binary(nearly(n), ce_time="yesterday")),
    "binary without subject": ("subject.missing", lambda n: binary(nearly(n), ce_subject=None)),
}


def records(rng):
    """All of them, shuffled, the good ones in the order of their times; bad ones have a mark."""
    kinds = [k for k in KINDS for _ in range(1 if k == "too large" else 20)]  # those are long
    slots = [True] * N_GOOD + [False] * N_BAD
    rng.shuffle(slots)
    n_good = n_bad = 0
    for is_good in slots:
        if is_good:
            event = good(n_good)
            yield structured(event) if n_good % 3 else binary(event)
            n_good += 1
        else:
            kind = kinds[n_bad % len(kinds)]
            record = KINDS[kind][1](n_bad)
            record["headers"]["mark"] = f"{n_bad} {kind}"
            yield record
            n_bad += 1


def check_dead(d):
    """Against the input topic as it lies in Kafka: unchanged, once, and saying where it was."""
    there = {r["headers"]["mark"]: r for r in d.consume(d.topic) if "mark" in r["headers"]}
    dead = d.dead_letters()
    marks = collections.Counter(r["headers"].get("mark", "a good one") for r in dead)
    missing, extra = set(there) - set(marks), set(marks) - set(there)
    kinds = collections.Counter(m.partition(" ")[2] or m for m in missing | extra)
    check(not missing and not extra, f"dead letters: missing {len(missing)}, extra {len(extra)}, "
          f"by kind {dict(kinds)}")
    check(len(dead) == N_BAD, f"{len(dead)} dead letters, some repeated: {marks.most_common(3)}")
    for r in dead:
        was, mark = there[r["headers"]["mark"]], r["headers"]["mark"]
        check((r["key"], r["value"]) == (was["key"], was["value"]), f"{mark}: changed")
        kept = {k: v for k, v in r["headers"].items() if not k.startswith("__connect.errors.")}
        check(kept == was["headers"], f"{mark}: headers {kept}, were {was['headers']}")
        said = {h: r["headers"].get("__connect.errors." + h) for h in HEADERS}
        check(all(said.values()), f"{mark}: says {said}")
        place = (said["topic"], said["partition"], said["offset"])
        check(place == (was["topic"], str(was["partition"]), str(was["offset"])),
              f"{mark}: says it was at {place}, was at {was['partition']}, {was['offset']}")
    reasons = collections.defaultdict(collections.Counter)
    for r in dead:
        reasons[r["headers"]["mark"].partition(" ")[2]][
            r["headers"]["__connect.errors.exception.class.name"]] += 1
    for kind, (code, _) in KINDS.items():
        print(f"  {kind:25s} {dict(reasons[kind])}")
        check(reasons[kind] and all(c.startswith(code) for c in reasons[kind]),
              f"{kind}: the code must begin with {code}")


def run(build, version):
    tools = Tools(build)
    with Kafka(version) as kafka, Redis() as redis:
        d = Deployment(tools, kafka, redis, CONFIG, "dead", PARTITIONS)
        try:
            d.start_process()
            d.wait_ready()
            d.produce_records(records(random.Random(1)))
            d.wait_committed(120)
            d.wait_checkpointed()
            check_dead(d)
            want = {f"s{n}": str(N_GOOD // N_WHO) for n in range(N_WHO)}
            got = {who: fields["seen"] for who, (_, fields) in d.hashes().items()}
            check({k: float(v) for k, v in got.items()} == {k: float(v) for k, v in want.items()},
                  f"good ones lost or repeated: {sum(map(float, got.values()))} of {N_GOOD}")
            fired = collections.Counter(t["subject"] for t in d.triggers())
            check(fired == {who: 1 for who in want}, f"{sum(fired.values())} triggers for {N_WHO}")
            d.stop()
        except Exception:
            print(d.logs(), flush=True)
            raise
        finally:
            d.abandon()
    print(f"{N_BAD} bad records, each a dead letter; {N_GOOD} good ones, each counted")
    return 0


def main(argv):
    if len(argv) != 2:
        raise SystemExit(__doc__)
    process.end_on_signals()
    try:
        return run(*argv)
    except process.Unavailable as e:
        process.skip(str(e))
    except (Failed, RuntimeError, subprocess.TimeoutExpired) as e:
        print(f"FAILED: {e}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
