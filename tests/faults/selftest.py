#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""selftest.py BUILD [KAFKA]: the judge of the fault suite sees what is wrong.

An undisturbed story gives a log, triggers and state that are clean; then each of them is spoilt in one
place, and the fault must be counted under its own name and no other. With KAFKA also a transaction
that is left open on a real broker.
"""
import collections
import copy
import json
import os
import random
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "integration")]
from faults import verdict as judge  # noqa: E402
from faults.kinds import Kind  # noqa: E402
from faults.schedule import Schedule, wanted  # noqa: E402
from faults.story import CONFIG, CONFIGS, Story  # noqa: E402
from faults.verifier import Reader, Seen  # noqa: E402
from faults.watch import Watch, slope  # noqa: E402
from harness import Failed, Kafka, Tools, check, process  # noqa: E402
from model import murmur2  # noqa: E402

PARTITIONS, TOPIC, BEGAN_MS = 2, "in", 1_700_000_000_000


class Case:
    """A log, what it implies, and a consumer and a Redis that saw just that."""

    def __init__(self, tools, folder):
        self.parts = self.log(folder)
        config = os.path.join(folder, "faults.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG)
        implied = [judge.Implied(tools.engaged, config, p, folder) for p in self.parts]
        self.expected = [x for i in implied for x in i.triggers()]
        self.letters = [x for i in implied for x in i.letters(TOPIC)]
        self.states = {who: s for i in implied for who, s in i.states().items()}
        self.records = [trigger_record(t, n) for n, (_, t) in enumerate(self.expected)]
        self.letter_records = [letter_record(place, n) for n, place in enumerate(self.letters)]
        self.hashes = {who: (place(who), fields_of(s)) for who, s in self.states.items()}

    @staticmethod
    def log(folder):
        story, now_ms = Story(random.Random(7), PARTITIONS), BEGAN_MS
        parts = [judge.Part(folder, p, PARTITIONS) for p in range(PARTITIONS)]
        for _ in range(6000):
            now_ms += 10
            for r in story.next(now_ms):
                p = r.get("partition", murmur2((r["key"] or "").encode()) % PARTITIONS)
                parts[p].add(dict(r, partition=p, offset=len(parts[p].offsets), timestamp=now_ms))
        for p in parts:
            p.file.close()
        return parts

    def judged(self, records=None, letters=None, hashes=None):
        """What is counted, of the whole or of what was spoilt."""
        verdict, seen = judge.Verdict(), Seen(lambda _: None)
        for r in self.records if records is None else records:
            seen.take_trigger(r)
        for r in self.letter_records if letters is None else letters:
            seen.take_letter(r)
        judge.compare_triggers(verdict, self.expected, seen)
        judge.compare_letters(verdict, self.letters, seen)
        for differs in (judge.differs_any_time, judge.differs_now):
            judge.compare_state(verdict, self.states, self.hashes if hashes is None else hashes, place,
                                differs, "")
        check(not seen.wrong or records is not None, f"{seen.wrong[:1]}")
        return {k: n for k, n in verdict.n.items() if n}


def place(who):
    return murmur2(who.encode()) % PARTITIONS


def trigger_record(t, n):
    t = copy.deepcopy(t)
    t["data"]["cause"]["partition"] = 0 if t.get("subject") else n
    return {"partition": 0, "offset": n, "key": t.get("subject"), "value": json.dumps(t)}


def letter_record(where, n):
    names = ("topic", "partition", "offset")
    return {"partition": 0, "offset": n, "headers": {
        f"__connect.errors.{k}": str(v) for k, v in zip(names, where)}}


def fields_of(state):
    values = {**state["metrics"], **{k.replace(".", "_"): v for k, v in state.get("derived", {}).items()}}
    values.update(stage=state["stage"], as_of=state["as_of"],
                  owed_by_us=judge.owed(state, "organisation"), owed_by_them=judge.owed(state, "stakeholder"))
    return {k: str(v) for k, v in values.items() if v is not None}


def numbered(records):
    """As they lie in the topic after something was done to their order."""
    return [dict(r, offset=n) for n, r in enumerate(records)]


def of_one(records):
    """Two triggers of one stakeholder, as positions."""
    at = collections.defaultdict(list)
    for n, r in enumerate(records):
        if r["key"]:
            at[r["key"]].append(n)
    return next(found[:2] for found in at.values() if len(found) > 1)


def spoilt_content(case):
    records = copy.deepcopy(case.records)
    t = json.loads(records[3]["value"])
    t["data"]["reason"] = "just so"
    records[3]["value"] = json.dumps(t)
    return case.judged(records=records)


def spoilt_order(case):
    records, (a, b) = list(case.records), of_one(case.records)
    records[a], records[b] = records[b], records[a]
    return case.judged(records=numbered(records))


def spoilt_id(case):
    records = copy.deepcopy(case.records)
    t = json.loads(records[0]["value"])
    records.append(dict(records[0], value=json.dumps(dict(t, id="0" * 32))))
    return case.judged(records=numbered(records))


def spoilt_state(case, change):
    hashes = copy.deepcopy(case.hashes)
    change(hashes, sorted(h for h in hashes if "involvement" in hashes[h][1]
                          and float(hashes[h][1]["involvement"]) > 0)[0])
    return case.judged(hashes=hashes)


def involve(hashes, who):
    fields = hashes[who][1]
    fields["involvement"] = repr(float(fields["involvement"]) * (1 + 1e-8))


def misplace(hashes, who):
    hashes[who] = (1 - hashes[who][0], hashes[who][1])


CASES = (
    ("clean", lambda c: c.judged(), {}),
    ("a trigger is missing", lambda c: c.judged(records=c.records[:5] + c.records[6:]), {"missing": 1}),
    ("a trigger comes twice", lambda c: c.judged(records=numbered(c.records + [c.records[4]])),
     {"repeated": 1}),
    ("a trigger of no record", spoilt_id, {"repeated": 1}),
    ("two triggers are swapped", spoilt_order, {"out-of-order": 1}),
    ("a trigger says something else", spoilt_content, {"state-differs": 1}),
    ("a dead letter is missing", lambda c: c.judged(letters=c.letter_records[1:]), {"missing": 1}),
    ("a dead letter comes twice",
     lambda c: c.judged(letters=numbered(c.letter_records + c.letter_records[:1])), {"repeated": 1}),
    ("a dead letter of a good record",
     lambda c: c.judged(letters=c.letter_records + [letter_record((TOPIC, 0, 10**6), 10**6)]),
     {"repeated": 1}),
    ("a value is a little off", lambda c: spoilt_state(c, involve), {"state-differs": 2}),
    ("a value is not there", lambda c: spoilt_state(c, lambda h, w: h[w][1].pop("cadence_gap")),
     {"state-differs": 1}),
    ("another stage", lambda c: spoilt_state(c, lambda h, w: h[w][1].update(stage="none")),
     {"state-differs": 2}),
    ("a stakeholder is lost", lambda c: spoilt_state(c, lambda h, w: h.pop(w)), {"state-differs": 2}),
    ("a stakeholder too many", lambda c: spoilt_state(c, lambda h, w: h.update(nobody=h[w])),
     {"state-differs": 2}),
    ("a stakeholder elsewhere", lambda c: spoilt_state(c, misplace), {"state-differs": 2}),
)


def check_read_again(case):
    """A place that the consumer itself reads a second time is no repeat of the daemon's."""
    seen = Seen(lambda _: None)
    for r in case.records[:3] + case.records[:3]:
        seen.take_trigger(r)
    check((seen.triggers.n, seen.triggers.n_repeated, seen.triggers.n_read_again) == (3, 0, 3), "read again")


def check_beginning(folder):
    """A log is replayed from what its first control record says was in force before it."""
    def control(previous):
        event = {"type": "io.engaged.configuration.v1", "time": "2026-01-01T00:00:00Z",
                 "data": {"text": CONFIG, **({"previous": previous} if previous else {})}}
        return {"key": None, "value": json.dumps(event), "offset": 0, "timestamp": BEGAN_MS * 2}

    for n, (records, want) in enumerate(((["a", "b"], "a"), ([None, "b"], None), ([], None))):
        part = judge.Part(folder, 100 + n, PARTITIONS)
        for previous in records:
            part.add(control(previous))
        part.file.close()
        path = judge.beginning(part, "else", folder)
        if want is None:
            check(path == "else", f"{records}: {path}")
            continue
        with open(path, encoding="utf-8") as f:
            check(f.read() == want, f"{records}: {path}")


def check_config(tools, folder):
    for n, text in enumerate(CONFIGS):
        path = os.path.join(folder, f"config{n}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        tools.replay(path, [], folder)
    check(len(set(CONFIGS)) == len(CONFIGS), "two configurations are the same")


def check_slope():
    check(abs(slope([(t, 1000 + t / 36) for t in range(100)]) - 100) < 1e-6, "slope")
    check(slope([(0, 5)]) == 0 and slope([]) == 0, "slope of nothing")
    watch = Watch(lambda: [])
    watch.end()
    check("the longest life, 0 s: 0 KiB/h" in watch.text(), "of nobody")
    watch.lives[1] = [(t, 1000 + t, 10, 3) for t in range(100)]
    watch.lives[2] = [(t, 5000 if t < 90 else 2000 + t / 36, 10, 3) for t in range(900)]
    check("the longest life, 899 s: 100 KiB/h, 0.0/h, 0.0/h" in watch.text(), watch.text())


def check_schedule():
    """The same seed gives the same faults; nothing is left out, and what fails is not passed over."""
    def done_by(seed, is_cut=False):
        done = []
        kinds = [Kind(f"{t}_{i}", t, lambda w, r, n=f"{t}_{i}": done.append(n) or "", i == 0)
                 for t in ("redis", "broker", "kill_point") for i in range(3)]
        s = Schedule(None, kinds, random.Random(seed), lambda _: None, is_cut)
        while not is_cut and not s.is_complete() or is_cut and len(done) < 20:
            s.step(pause=0)
        return s, kinds, done

    first, second = done_by(5), done_by(5)
    check(sorted(first[2]) == sorted(second[2]) and first[2] != done_by(6)[2], "not by the seed")
    check(all(first[0].counts[k.name] >= wanted(k) for k in first[1]), f"{first[0].counts}")
    check(sum(first[0].counts.values()) == len(first[2]), "counted what was not done")
    check(0 < done_by(5, True)[0].counts["redis_0"] < 10, "a cut without those that wait")

    def fails(*_):
        raise Failed("it did not heal")
    for n in (0, 1):  # alone, and beside another one
        kinds = [Kind("a_x", "a", fails if n == 0 else lambda *_: ""), Kind("b_x", "b", fails)]
        s = Schedule(None, kinds, random.Random(n), lambda _: None, False)
        try:
            while True:
                s.step(pause=0)
        except Failed:
            pass


def check_open_transaction(tools, version):
    with Kafka(version) as kafka:
        tools.kafka(kafka.bootstrap, "create", "t", 2)
        tools.kafka(kafka.bootstrap, "produce", "t", "--partition", 0, text=b"a\nb\n")
        verdict = judge.Verdict()
        judge.find_open_transactions(verdict, tools, kafka.bootstrap, ["t"])
        check(verdict.is_clean(), f"{verdict.texts}")
        seen = []
        reader = Reader(tools, kafka.bootstrap, "t", seen.append, kafka.folder)
        tools.kafka(kafka.bootstrap, "produce", "t", "--partition", 1, "--open", "x", text=b"c\n")
        judge.find_open_transactions(verdict, tools, kafka.bootstrap, ["t"])
        check(verdict.n == {"open-transactions": 1}, f"{verdict.texts}")
        process.wait_until("the reader", lambda: len(seen) >= 2, 20)
        check([r["value"] for r in seen] == ["a", "b"], f"{seen}")
        check(not reader.wrong, f"{reader.wrong}")
        kafka.kill(0)
        reader.end()
        check(not reader.wrong, f"{reader.wrong}")


def main(argv):
    if len(argv) not in (1, 2):
        raise SystemExit(__doc__)
    process.end_on_signals()
    tools, folder = Tools(argv[0]), process.folder("faults-selftest")
    check_slope()
    check_schedule()
    check_beginning(folder)
    check_config(tools, folder)
    case, wrong = Case(tools, folder), 0
    check(len(case.expected) > 500 and len(case.letters) > 30, f"{len(case.expected)} {len(case.letters)}")
    check_read_again(case)
    for name, spoil, want in CASES:
        got = spoil(case)
        wrong += got != want
        print(f"{'ok    ' if got == want else 'FAILED'} {name}: {got}" + ("" if got == want else f", not {want}"))
    try:
        if len(argv) > 1:
            check_open_transaction(tools, argv[1])
            print("ok     a transaction is left open")
    except process.Unavailable as e:
        process.skip(str(e))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
