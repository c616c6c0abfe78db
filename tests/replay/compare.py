#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py ENGAGED DEMO_EVENTS - `engaged replay --compare` against a comparison of two separate replays."""
import collections
import datetime
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

ENGAGED = ""
DEMO_EVENTS = ""
CHANGES = ("added", "lost", "moved", "regraded")
CONFIG = """
deployment: test
metrics:
  n: {{count: true}}
  n_1h: {{count: true, window: 1h}}
  n_w: {{count: true, window: {window}}}
rules:
  - name: overdue
    owed: {{by: organisation, after: {after}}}
    severity: {severity}
  - name: many
    enter: 'n >= {many}'
    severity: info
  - name: busy
    enter: 'n_1h >= 2'
    cooldown: {cooldown}
  - name: odd                     # fires several times for one cause
    enter: 'n_w == 1 || n_w == 3 || n_w == 5'
"""
DEFAULTS = {"after": "1h", "severity": "warning", "many": 3, "cooldown": "1s", "window": "5m"}


def event(n, time, subject="ann", direction="inbound", kind="interaction", **data):
    return json.dumps({"specversion": "1.0", "id": f"e{n}", "source": "/t", "type": f"io.engaged.{kind}.v1",
                       "subject": subject, "time": time,
                       "data": {"direction": direction, "verb": "message", "conversation": "c",
                                "expects_reply": True, **data}}) + "\n"


def millis(instant):
    at = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def week_of(instant):
    year, week, _ = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).isocalendar()
    return f"{year:04d}-W{week:02d}"


def key_of(t):
    return (t["data"]["rule"], t["subject"], t["data"]["edge"],
            t["data"]["cause"].get("source", ""), t["data"]["cause"].get("id", ""))


def pairs(old, new):
    """Of triggers that differ in time or severity alone: those of one time first, then in order of time."""
    old, new = sorted(old, key=lambda t: millis(t["time"])), sorted(new, key=lambda t: millis(t["time"]))
    for t in list(old):
        twin = next((u for u in new if u["time"] == t["time"]), None)
        if twin:
            old.remove(t)
            new.remove(twin)
            if twin["data"]["severity"] != t["data"]["severity"]:
                yield "regraded", t, twin
    for was, now in itertools.zip_longest(old, new):
        yield "moved" if was and now else "added" if now else "lost", was, now


def compare(old, new):
    """What must be reported, from the triggers of two replays."""
    counts, differences = collections.defaultdict(collections.Counter), collections.Counter()
    by_key = collections.defaultdict(lambda: ([], []))
    for side, name, triggers in ((0, "old", old), (1, "new", new)):
        for t in triggers:
            by_key[key_of(t)][side].append(t)
            counts[t["data"]["rule"], t["data"]["severity"], week_of(t["time"])][name] += 1
    for key, (before, after) in by_key.items():
        for change, was, now in pairs(before, after):
            shown = now or was
            counts[key[0], shown["data"]["severity"], week_of(shown["time"])][change] += 1
            differences[(change, *key, shown["data"]["severity"], shown["time"],
                         was["time"] if change == "moved" else None,
                         was["data"]["severity"] if was and now and was["data"]["severity"] !=
                         now["data"]["severity"] else None)] += 1
    return {k: {n: c[n] for n in ("old", "new", *CHANGES)} for k, c in counts.items()}, differences


class Compare(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()

    def file(self, name, content):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        return path

    def config(self, name, **changes):
        return self.file(name, CONFIG.format(**{**DEFAULTS, **changes}))

    def run_it(self, *args, code=0):
        done = subprocess.run([ENGAGED, "replay", *args], capture_output=True, check=False, timeout=120)
        self.stderr = done.stderr.decode()
        self.assertEqual(done.returncode, code, self.stderr)
        return done.stdout.decode()

    def triggers(self, config, *args):
        return [json.loads(line) for line in self.run_it("--config", config, *args).splitlines()]

    def check(self, old, new, *events):
        """Holds the comparison against two replays; returns the differences."""
        report = json.loads(self.run_it("--config", new, "--compare", old, "--json", *events))
        self.both = self.triggers(old, *events), self.triggers(new, *events)
        counts, differences = compare(*self.both)
        got = {(c["rule"], c["severity"], c["week"]): {n: c[n] for n in ("old", "new", *CHANGES)}
               for c in report["counts"]}
        self.assertEqual(got, counts)
        self.assertEqual([(c["rule"], c["severity"], c["week"]) for c in report["counts"]], sorted(counts))
        self.assertEqual(collections.Counter(
            (d["change"], d["rule"], d["stakeholder"], d["edge"], d["cause"].get("source", ""),
             d["cause"].get("id", ""), d["severity"], d["time"], d.get("old_time"), d.get("old_severity"))
            for d in report["differences"]), differences)
        times = [millis(d["time"]) for d in report["differences"]]
        self.assertEqual(times, sorted(times))
        for name in ("old", "new", *CHANGES):
            self.assertEqual(report["total"][name], sum(c[name] for c in counts.values()))
        return report["differences"]

    EVENTS = (event(1, "2020-12-31T22:30:00Z"), event(2, "2020-12-31T23:10:00Z"),
              event(3, "2021-01-03T23:30:00Z", direction="outbound"), event(4, "2021-01-04T08:00:00Z"),
              event(5, "2021-01-05T08:00:00Z", subject="bob"), event(6, "2021-01-06T08:00:00Z", subject="bob"))

    def test_each_change(self):
        events, old = self.file("e", "".join(self.EVENTS)), self.config("old")
        self.assertEqual(self.check(old, self.config("same"), events), [])
        moved = self.check(old, self.config("new", after="2h"), events)
        self.assertEqual({(d["change"], d["time"], d["old_time"]) for d in moved},
                         {("moved", "2021-01-01T00:30:00Z", "2020-12-31T23:30:00Z"),
                          ("moved", "2021-01-04T10:00:00Z", "2021-01-04T09:00:00Z"),
                          ("moved", "2021-01-05T10:00:00Z", "2021-01-05T09:00:00Z")})
        lost = self.check(old, self.config("new", many=5), events)
        self.assertEqual([(d["change"], d["rule"], d["time"]) for d in lost],
                         [("lost", "many", "2021-01-03T23:30:00Z")])
        added = self.check(self.config("other", many=5), old, events)
        self.assertEqual([(d["change"], d["rule"]) for d in added], [("added", "many")])
        another = self.check(old, self.config("new", many=4), events)  # another cause is another trigger
        self.assertEqual([(d["change"], d["cause"]["id"]) for d in another], [("lost", "e3"), ("added", "e4")])
        regraded = self.check(old, self.config("new", severity="critical"), events)
        self.assertEqual({(d["change"], d["severity"], d["old_severity"], d["edge"]) for d in regraded},
                         {("regraded", "critical", "warning", e) for e in ("fired", "cleared")})
        both = self.check(old, self.config("new", severity="critical", after="2h"), events)
        self.assertEqual({(d["change"], d["old_severity"]) for d in both if d["edge"] == "fired"},
                         {("moved", "warning")})

    def test_weeks_at_the_turn_of_years(self):
        days = [f"{year}-{day}" for year in range(1999, 2033) for day in
                ("12-27", "12-28", "12-29", "12-30", "12-31")]
        days += [f"{year}-01-0{day}" for year in range(2000, 2034) for day in range(1, 6)]
        days += ["1968-12-30", "1969-12-31", "1970-01-01", "1969-12-28", "1970-01-04", "1970-01-05", "2000-02-29"]
        lines = [event(n, f"{day}T{hour}Z", subject=f"s{n}{hour}", expects_reply=False)
                 for n, day in enumerate(sorted(days)) for hour in ("00:00:00", "23:59:59.999")]
        self.check(self.config("old", many=9), self.config("new", many=1), self.file("e", "".join(lines)))

    def test_until_and_lines_that_are_no_events(self):
        events = self.file("e", "no event\n" + "".join(self.EVENTS))
        old, new = self.config("old"), self.config("new", after="2h")
        self.assertEqual(len(self.check(old, new, "--until", "2021-01-04T12:00:00Z", events)), 2)
        dead = os.path.join(self.dir.name, "dead")
        self.run_it("--config", new, "--compare", old, "--dead-letters", dead, events)
        with open(dead, encoding="utf-8") as f:
            self.assertEqual(json.loads(f.read())["line"], 1)

    def test_control_records_are_passed_over(self):
        text = CONFIG.format(**{**DEFAULTS, "after": "9h"})
        record = event(9, "2020-12-31T22:40:00Z", None, kind="configuration", text=text)
        events = self.file("e", self.EVENTS[0] + record + "".join(self.EVENTS[1:]))
        old, new = self.config("old"), self.config("new", after="2h")
        report = json.loads(self.run_it("--config", new, "--compare", old, "--json", events))
        self.assertEqual(report["total"]["moved"], 3)
        self.assertIn("1 configuration records were passed over", self.stderr)

    def test_several_triggers_of_one_cause(self):
        events = self.file("e", "".join(event(n, f"2021-01-04T08:{2 * n:02d}:00Z", expects_reply=False)
                                        for n in range(5)) + event(9, "2021-01-05T08:00:00Z", "bob"))
        moved = self.check(self.config("old", window="30m"), self.config("new", window="1h"), events)
        times = [(d["change"], d["old_time"], d["time"]) for d in moved if d["edge"] == "fired"]
        self.assertEqual(times, [("moved", "2021-01-04T08:32:00Z", "2021-01-04T09:02:00Z"),
                                 ("moved", "2021-01-04T08:36:00Z", "2021-01-04T09:06:00Z")])

    def test_ticks_move_both_clocks(self):
        late = event(2, "2021-01-04T08:30:00Z", direction="outbound")
        events = self.file("e", event(1, "2021-01-04T08:00:00Z") + event(8, "2021-01-04T11:00:00Z", kind="tick") + late)
        changes = [(d["change"], d["edge"]) for d in self.check(
            self.config("old"), self.config("new", after="2h"), events) if d["rule"] == "overdue"]
        self.assertEqual(changes, [("moved", "fired")])

    def test_random_histories(self):
        n_repeated = 0
        for seed in range(30):
            rnd = random.Random(seed)
            at, lines = 1.7e12, []
            for n in range(300):
                at += rnd.choice((1e3, 6e4, 1.2e6, 4e6))
                time = datetime.datetime.fromtimestamp((at - rnd.choice((0, 0, 5e5, 5e6))) / 1e3, datetime.timezone.utc)
                lines.append(event(n, time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                                   rnd.choice(("ann", "bob", "cid")), rnd.choice(("inbound", "outbound")),
                                   conversation=rnd.choice("xy"),
                                   kind=rnd.choice(("interaction",) * 9 + ("tick",))))
            made = [self.config(f"{side}", after=rnd.choice(("20m", "1h", "3h")), many=rnd.choice((1, 3, 50)),
                                severity=rnd.choice(("info", "critical")),
                                window=rnd.choice(("10m", "1h", "3h")),
                                cooldown=rnd.choice(("1s", "1h", "2h", "1d"))) for side in ("old", "new")]
            with self.subTest(seed=seed):
                self.check(*made, self.file("e", "".join(lines)))
            n_repeated += max(collections.Counter(map(key_of, self.both[0])).values()) > 1
        self.assertGreater(n_repeated, 5)

    def test_the_demonstration(self):
        base = os.path.join(os.path.dirname(__file__), "..", "..", "config", "defaults.yaml")
        with open(base, encoding="utf-8") as f:
            text = f.read()
        changed = text.replace("after: 4h", "after: 6h").replace("enter: involvement >= 5.0",
                                                                 "enter: involvement >= 4.0")
        self.assertNotEqual(text, changed)
        kinds = collections.Counter(d["change"] for d in self.check(
            self.file("old", text), self.file("new", changed), DEMO_EVENTS))
        self.assertTrue(all(kinds[k] for k in ("added", "lost", "moved")), kinds)

    def test_the_table(self):
        events, old = self.file("e", "".join(self.EVENTS)), self.config("old")
        self.assertIn("no trigger differs", self.run_it("--config", old, "--compare", old, events))
        text = self.run_it("--config", self.config("new", after="2h", severity="critical"), "--compare", old, events)
        rows = [line.split() for line in text.splitlines()]
        self.assertEqual(rows[0], ["rule", "severity", "week", "old", "new", *CHANGES])
        self.assertIn(["overdue", "warning", "all", "4", "0", "0", "0", "0", "0"], rows)
        self.assertIn(["overdue", "critical", "all", "0", "4", "0", "0", "3", "1"], rows)
        self.assertIn(["2021-W01", "0", "2", "0", "0", "2", "0"], rows)
        self.assertEqual(sum("-W" in row[0] for row in rows if row), 4)  # only weeks that differ
        self.assertIn("moved     2021-01-01T00:30:00Z (was 2020-12-31T23:30:00Z)  fired overdue  ann  critical "
                      "(was warning)  cause e1 of /t\n", text)
        self.assertIn(["total", "18", "18", "0", "0", "3", "1"], rows)

    def test_a_long_list_is_cut_for_people_only(self):
        lines = [event(n, "2021-01-04T08:00:00Z", subject=f"s{n}", expects_reply=False) for n in range(230)]
        events, new, old = self.file("e", "".join(lines)), self.config("new", many=1), self.config("old", many=9)
        text = self.run_it("--config", new, "--compare", old, events)
        self.assertEqual(sum(line.startswith("added") for line in text.splitlines()), 200)
        self.assertIn("and 30 more: --json lists all", text)
        self.assertEqual(len(self.check(old, new, events)), 230)

    def test_wrong_use(self):
        events, old = self.file("e", ""), self.config("old")
        self.run_it("--config", old, "--json", events, code=2)
        self.run_it("--config", old, "--compare", old, "--state", os.path.join(self.dir.name, "s"), events, code=2)
        self.run_it("--config", old, "--compare", self.file("broken", "rules: 7"), events, code=1)
        self.assertIn("broken:1:8", self.stderr)
        self.run_it("--config", self.file("a", "rules: 7"), "--compare", self.file("b", "rules: 8"), events, code=1)
        self.assertIn("a:1:8", self.stderr)
        self.assertIn("b:1:8", self.stderr)


if __name__ == "__main__":
    DEMO_EVENTS = sys.argv.pop(2)
    ENGAGED = sys.argv.pop(1)
    unittest.main()
