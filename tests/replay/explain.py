#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""explain.py ENGAGED - `engaged explain` from outside: what it says of a trigger, and that it notices
whatever the history does not give."""
import copy
import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

ENGAGED = ""
CONFIG = """
deployment: test
organisation: Test
evidence: {events: 2}
metrics:
  warmth: {mean: sentiment, half_life: 7d}
  n:      {count: true, window: 2d}
  worth:  {sum: value, half_life: 1d}
stages:
  - {name: known, enter: 'n >= 1', route: sales}
  - {name: busy, enter: 'n >= 3', exit: 'n == 0', route: sales, action: 'Get to know {{stakeholder}}'}
rules:
  - name: overdue
    owed: {by: organisation, after: 1h}
    severity: warning
    route: service
    action: Answer {{stakeholder}} on {{channel}}
  - name: cold
    enter: 'warmth < -0.2 && n >= 3'
    severity: critical
    route: sales
  - name: first
    enter: 'n >= 1'
    escalate_after: 3h
    severity: info
  - name: silent
    absent: {where: 'direction == "inbound"', within: 1d}
    severity: info
  - name: spent
    enter: 'worth >= 10.0'
    exit: 'worth <= 5.0'
    severity: info
    route: sales
"""


def event(n, time, subject="ann", direction="inbound", verb="message", **data):
    return {"specversion": "1.0", "id": f"e{n}", "source": "/t", "type": "io.engaged.interaction.v1",
            "time": f"2026-05-0{time}Z", "subject": subject,
            "data": {"direction": direction, "verb": verb, "channel": "mail", **data}}


EVENTS = [
    event(1, "1T08:00:00", sentiment=0.1, conversation="c", expects_reply=True),
    event(2, "1T08:30:00", "bob", sentiment=0.5),
    event(3, "1T10:00:00", sentiment=-0.5, value=4),
    event(4, "1T12:00:00", sentiment=-0.9, value=8, verb="complaint", expects_reply=False),
    event(5, "1T13:00:00", "bob", sentiment=0.7),
    event(6, "5T09:00:00", "bob", sentiment=0.7),
]


class Explain(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.config = self.file("c.yaml", CONFIG)
        self.events = self.lines("events.jsonl", EVENTS)
        r = self.run_it("replay", "--config", self.config, self.events)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.triggers = [json.loads(line) for line in r.stdout.splitlines()]

    def tearDown(self):
        self.dir.cleanup()

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def lines(self, name, items):
        return self.file(name, "".join(json.dumps(item) + "\n" for item in items))

    def run_it(self, *args, text=None):
        return subprocess.run([ENGAGED, *args], input=text, capture_output=True, encoding="utf-8",
                              timeout=60, check=False)

    def the(self, rule, edge="fired", subject="ann"):
        found = [t for t in self.triggers
                 if (t["data"]["rule"], t["data"]["edge"], t["subject"]) == (rule, edge, subject)]
        self.assertEqual(len(found), 1, f"{rule} {edge} {subject}: {found}")
        return copy.deepcopy(found[0])

    def explain(self, trigger, *more, events=None, config=None):
        path = self.file("trigger.json", json.dumps(trigger, indent=2))
        return self.run_it("explain", "--config", config or self.config, *more, path,
                           events or self.events)

    def assert_not_same(self, r, *sentences):
        self.assertEqual((r.returncode, r.stderr), (1, ""))
        self.assertIn("recomputed: not the same\n", r.stdout)
        for sentence in sentences:
            self.assertIn(sentence, r.stdout)

    # ---- the same

    def test_every_trigger_is_the_same(self):
        self.assertGreaterEqual(len(self.triggers), 8)
        kinds = {(t["data"]["rule"], t["data"]["edge"]) for t in self.triggers}
        self.assertIn(1, [t["data"].get("escalation") for t in self.triggers])
        self.assertLessEqual({("silent", "fired"), ("silent", "cleared"), ("overdue", "fired"), ("cold", "fired"), ("spent", "fired"),
                              ("spent", "cleared"), ("stage.busy", "fired"),
                              ("stage.busy", "cleared")}, kinds)
        for trigger in self.triggers:
            r = self.explain(trigger)
            self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)
            self.assertTrue(r.stdout.endswith("recomputed: the same\n"), r.stdout)

    def test_condition_names_its_events(self):
        cold = self.the("cold")
        out = self.explain(cold).stdout
        self.assertIn("cold fired at 2026-05-01T12:00:00Z\n  who        ann, stage busy\n", out)
        self.assertIn(f"rule       cold, version {cold['data']['rule_version']}\n", out)
        self.assertIn("severity   critical\n  for        sales\n  why        'warmth < -0.2", out)
        self.assertIn("from all other events\n", out)
        self.assertIn(f"e4 of /t, 2026-05-01T12:00:00Z: inbound complaint on mail, sentiment -0.9, value 8 "
                      f"({self.events}:4)\n", out)
        self.assertIn("prevented  Without event e4", out)
        given = {c["metric"]: c for c in cold["data"]["contributions"]}
        self.assertEqual(list(given), ["warmth", "n"])
        self.assertEqual(given["n"], {"metric": "n", "base": 1, "events": [
            {"id": "e3", "source": "/t", "time": "2026-05-01T10:00:00Z", "weight": 1},
            {"id": "e4", "source": "/t", "time": "2026-05-01T12:00:00Z", "weight": 1}]})
        warmth = given["warmth"]
        total = warmth["base"] + sum(e["weight"] for e in warmth["events"])
        self.assertAlmostEqual(total, cold["data"]["values"]["warmth"], delta=1e-12)

    def test_timer(self):
        spent = self.the("spent", "cleared")
        self.assertNotIn(spent["time"], [e["time"] for e in EVENTS])
        out = self.explain(spent).stdout
        self.assertIn(f"spent cleared at {spent['time']}\n", out)
        worth = spent["data"]["contributions"][0]
        self.assertEqual((worth["base"], [e["id"] for e in worth["events"]]), (0, ["e3", "e4"]))
        self.assertAlmostEqual(sum(e["weight"] for e in worth["events"]), 5, delta=1e-6)

    def test_later_than_all_events(self):
        r = self.run_it("replay", "--config", self.config, "--until", "2026-05-09T00:00:00Z", self.events)
        self.triggers = [json.loads(line) for line in r.stdout.splitlines()]
        later = [t for t in self.triggers if t["time"] > EVENTS[-1]["time"]]
        self.assertIn(("stage.known", "cleared", "bob", "2026-05-07T09:00:00Z"),
                      [(t["data"]["rule"], t["data"]["edge"], t["subject"], t["time"]) for t in later])
        for trigger in later:
            r = self.explain(trigger)
            self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)

    def test_flood(self):
        config = self.file("flood.yaml", CONFIG + "flood: {triggers: 1, per: 1d}\n")
        self.triggers = [json.loads(line) for line in
                         self.run_it("replay", "--config", config, self.events).stdout.splitlines()]
        floods = [t for t in self.triggers if t["data"]["rule"] == "flood"]
        self.assertTrue(floods)
        for trigger in floods:
            r = self.explain(trigger, config=config)
            self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)
            self.assertIn("who        nobody in particular\n", r.stdout)

    def test_obligation(self):
        out = self.explain(self.the("overdue")).stdout
        self.assertIn("since      2026-05-01T08:00:00Z\n  due        2026-05-01T09:00:00Z\n", out)
        self.assertIn("opened by  e1 of /t, 2026-05-01T08:00:00Z: inbound message on mail, conversation c", out)
        self.assertIn("to do      Answer ann on mail\n", out)

    def test_stage(self):
        out = self.explain(self.the("stage.busy")).stdout
        self.assertIn("Moved up from known to busy", out)
        self.assertIn("to do      Get to know ann\n", out)

    # ---- where the trigger is

    def test_by_id(self):
        path = self.lines("triggers.jsonl", self.triggers)
        cold = self.the("cold")
        r = self.run_it("explain", "--config", self.config, "--triggers", path, cold["id"], self.events)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(r.stdout.startswith("cold fired at"))
        with gzip.open(path + ".gz", "wt") as f:
            f.write("".join(json.dumps(trigger) + "\n" for trigger in self.triggers))
        r = self.run_it("explain", "--config", self.config, "--triggers", path + ".gz", cold["id"], self.events)
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_unknown_id(self):
        path = self.lines("triggers.jsonl", self.triggers)
        r = self.run_it("explain", "--config", self.config, "--triggers", path, "0" * 32, self.events)
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertEqual(r.stderr, f"engaged explain: there is no trigger {'0' * 32} in {path}\n")

    def test_standard_input(self):
        r = self.run_it("explain", "--config", self.config, "-", self.events,
                        text=json.dumps(self.the("cold")))
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_several_in_a_file(self):
        path = self.lines("triggers.jsonl", self.triggers)
        r = self.run_it("explain", "--config", self.config, path, self.events)
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertIn("name one by its id, and the file by --triggers", r.stderr)

    def test_no_trigger(self):
        for thing in (EVENTS[0], [], {"id": "x"}, dict(self.the("cold"), time="yesterday")):
            r = self.explain(thing)
            self.assertEqual((r.returncode, r.stdout), (1, ""), thing)
        self.assertIn("is no trigger", self.explain(EVENTS[0]).stderr)
        r = self.run_it("explain", "--config", self.config, "/nowhere.json", self.events)
        self.assertEqual(r.returncode, 1)
        self.assertIn("cannot read /nowhere.json: No such file", r.stderr)

    def test_usage(self):
        for args in (["-"], ["--config", self.config]):
            self.assertEqual(self.run_it("explain", *args, text="").returncode, 2)
        r = self.run_it("explain", "--config", self.config, "-", text="")
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertIn("name the files of the events, or a configuration with a kafka section", r.stderr)
        r = self.explain(self.the("cold"), events="/nowhere.jsonl")
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertIn("cannot read /nowhere.jsonl", r.stderr)
        r = self.explain(self.the("cold"), config=self.file("bad.yaml", "nonsense: 1\n"))
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertIn("bad.yaml:1:1:", r.stderr)

    # ---- what is not the same

    def test_tampered(self):
        def value(data):
            data["values"]["warmth"] = -0.9

        def weight(data):
            data["contributions"][1]["events"][0]["weight"] = 2

        def base(data):
            data["contributions"][0]["base"] += 1e-9

        def reason(data):
            data["reason"] = "because"

        def gone(data):
            del data["severity"]

        def more(data):
            data["contributions"][1]["events"].append({"id": "e1", "source": "/t", "weight": 0})

        for change, sentence in (
                (value, "data.values.warmth: the trigger says -0.9, recomputed -0.4"),
                (weight, "data.contributions[1].events[0].weight: the trigger says 2, recomputed 1\n"),
                (base, "data.contributions[0].base: the trigger says "),
                (reason, 'data.reason: the trigger says "because", recomputed "\'warmth'),
                (gone, 'data.severity: the trigger says nothing, recomputed "critical"\n'),
                (more, 'data.contributions[1].events[2]: the trigger says {"id"')):
            cold = self.the("cold")
            change(cold["data"])
            self.assert_not_same(self.explain(cold), sentence)

    def test_where_it_was_in_kafka_does_not_matter(self):
        cold = self.the("cold")
        cold["data"]["cause"].update(topic="interactions", partition=3, offset=77)
        cold["data"]["contributions"][0]["events"][0]["offset"] = 76
        self.assertEqual(self.explain(cold).returncode, 0)

    def test_event_is_gone(self):
        less = self.lines("less.jsonl", [e for e in EVENTS if e["id"] != "e3"])
        self.assert_not_same(self.explain(self.the("cold"), events=less),
                             "the event e3 of /t is not in the log any more\n",
                             "e3 of /t: not in the log any more\n",
                             "the history gives no trigger of the rule cold, fired, for ann")
        less = self.lines("less.jsonl", [e for e in EVENTS if e["id"] != "e1"])
        r = self.explain(self.the("cold"), events=less)  # in the base, not named
        self.assert_not_same(r, "the history gives no trigger of the rule cold, fired, for ann")
        self.assertNotIn("not in the log", r.stdout)

    def test_event_says_something_else_now(self):
        other = copy.deepcopy(EVENTS)
        other[2]["data"]["sentiment"] = -0.6
        self.assert_not_same(self.explain(self.the("cold"), events=self.lines("other.jsonl", other)),
                             "data.values.warmth: the trigger says", "sentiment -0.6")

    def test_other_version(self):
        config = self.file("other.yaml", CONFIG.replace("warmth < -0.2", "warmth < -0.3"))
        cold = self.the("cold")
        r = self.explain(cold, config=config)
        self.assert_not_same(r, f"the trigger is of version {cold['data']['rule_version']} of the rule cold, "
                             "the configuration's is ", "data.rule_version: the trigger says")
        self.assertNotIn("data.values", r.stdout)
        config = self.file("other.yaml", CONFIG.replace("name: cold", "name: chilly"))
        self.assert_not_same(self.explain(cold, config=config), "the configuration has no rule cold\n")

    def test_another_id(self):
        cold = self.the("cold")
        cold["id"] = "0" * 32
        self.assert_not_same(self.explain(cold),
                             "the history gives no trigger of this id; the nearest is of 2026-05-01T12:00:00Z\n",
                             'id: the trigger says "00000000000000000000000000000000", recomputed "')

    # ---- for programs

    def test_json(self):
        cold = self.the("cold")
        r = self.explain(cold, "--json")
        said = json.loads(r.stdout)
        self.assertEqual((r.returncode, said["same"], said["differences"], said["remarks"]), (0, True, [], []))
        self.assertEqual((said["trigger"], said["recomputed"]), (cold, cold))
        self.assertEqual({e["id"]: (e["found"], e["line"]) for e in said["events"]},
                         {"e3": (True, 3), "e4": (True, 4)})
        cold["data"]["values"]["n"] = 4
        r = self.explain(cold, "--json", events=self.lines("less.jsonl", EVENTS[2:]))
        said = json.loads(r.stdout)
        self.assertEqual((r.returncode, said["same"]), (1, False))
        r = self.explain(cold, "--json")
        self.assertEqual(json.loads(r.stdout)["differences"],
                         [{"field": "data.values.n", "trigger": 4, "recomputed": 3}])

    def test_a_configuration_in_the_log(self):
        text = CONFIG.replace("warmth < -0.2", "warmth < -0.3")
        record = {"specversion": "1.0", "id": "k", "source": "/t", "type": "io.engaged.configuration.v1",
                  "time": EVENTS[1]["time"], "data": {"text": text}}
        log = self.lines("log.jsonl", EVENTS[:2] + [record] + EVENTS[2:])
        self.triggers = [json.loads(line) for line in
                         self.run_it("replay", "--config", self.config, log).stdout.splitlines()]
        self.assertIn("'warmth < -0.3", self.the("cold")["data"]["reason"])
        r = self.explain(self.the("cold"), events=log)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)


if __name__ == "__main__":
    ENGAGED = os.path.abspath(sys.argv.pop(1))
    unittest.main()
