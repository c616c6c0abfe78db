#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ruletest.py ENGAGED CONFIG_DIR - `engaged test` from outside: the shipped example, and that tests can fail."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

ENGAGED = ""
CONFIG_DIR = ""
CONFIG = """config: |
  time: {lateness: LATENESS}
  metrics:
    n: {count: true}
    third: {mean: '1.0 / 3.0'}
    feeling: {mean: sentiment}
  rules:
    - name: overdue
      owed: {by: organisation, after: 1h}
      escalate_after: 2h
      route: service
      action: Answer {{stakeholder}}
    - name: many
      enter: 'n >= 3'
      severity: info
    - name: waiting
      enter: 'owed.oldest > duration("2h")'
    - name: calm
      enter: 'n >= 4'
      inhibited_by: [overdue]
  derived: {keep: [trust, measure, pressure]}
tests:
"""
ASK = "event: {at: 2026-05-04T09:00:00Z, subject: ann, direction: inbound, verb: question, conversation: c}"
ANSWER = "event: {at: +5m, subject: ann, direction: outbound, verb: reply, conversation: c}"
SAY = "event: {at: +1m, subject: ann, direction: inbound, verb: praise}"

# Each of these must make a shipped story fail: what is changed, and in how many stories at least it is seen.
MUTANTS = (
    ("after: 4h, where", "after: 5h, where", 1),
    ("escalate_after: 20h", "escalate_after: 19h", 1),
    ("    escalate_after: 20h\n", "", 1),
    (", where: '!(verb in [\"idea\", \"feedback\", \"survey_answer\"])'}", "}", 1),
    ("after: 7d\n", "after: 8d\n", 1),
    ("where: verb in [\"idea\", \"feedback\", \"survey_answer\"]", "where: verb in [\"idea\"]", 1),
    ("owed: {by: stakeholder, after: 14d}", "owed: {by: stakeholder, after: 15d}", 2),
    ("owed: {by: stakeholder, after: 14d}\n    cooldown: 30d", "owed: {by: stakeholder, after: 14d}", 1),
    ("pressure.recent >= 5", "pressure.recent >= 6", 1),
    ("pressure.recent >= 5", "pressure.recent >= 4", 1),
    ("pressure.excess > 0", "pressure.excess >= 0", 1),
    ("commitment.due < duration(\"1d\")", "commitment.due < duration(\"2d\")", 1),
    ("commitment.overdue > 0", "commitment.overdue > 1", 1),
    ("escalate_after: 1d", "escalate_after: 30m", 1),
    ("trust < 0.35", "trust < 0.3", 1),
    ("exit: trust > 0.45", "exit: trust > 0.9", 1),
    ("enter: involvement >= 5.0\n", "enter: involvement >= 5.1\n", 1),
    ("exit: involvement <= 2.0", "exit: involvement <= 1.0", 1),
    ("involvement >= 5.0 && days >= 3.0 && answers > 0.1 && heart > 0.1\n",
     "involvement >= 5.0 && days >= 3.0 && answers > 0.1\n", 1),
    ("advocacy >= 0.8", "advocacy >= 0.9", 1),
    ("advocacy >= 0.8", "advocacy >= 0.7", 1),
    ("referrals >= 2", "referrals >= 3", 1),
    ("sentiment >= 0.3", "sentiment >= 0.2", 1),
    ("has(intent) ||", "", 1),
    ("enter: days < 4.0 || ", "enter: ", 1),
    ("days >= 4.0 && cadence.ratio >= 6.0", "days >= 4.0 && cadence.ratio >= 6.1", 1),
    ("cadence.ratio < 6.0 || cadence.silence <= ", "cadence.ratio < 5.9 || cadence.silence <= ", 1),
    ("days >= 4.0 && cadence.ratio >= 12.0", "days >= 4.0 && cadence.ratio >= 12.1", 1),
    ("cap: {per: day, at: 1}", "cap: {per: day, at: 2}", 1),
    ("warmth < -0.2", "warmth < -0.7", 1),
    ("exit: warmth > 0.0", "exit: warmth > 0.9", 1),
    ("for: 1h", "for: 2h", 1),
    ("for: 1h", "for: 10m", 2),
    ("    inhibited_by: [reply-overdue, feedback-unanswered]\n  # They are warm", "  # They are warm", 1),
    ("enter: warmth > 0.5 &&", "enter: warmth > 0.9 &&", 1),
    ("\"contribution\", ", "", 1),
    ("exit: deeds >= 0.1 || warmth < 0.2", "exit: warmth < 0.2", 1),
    ("within: 2d", "within: 3d", 1),
    ("then: direction == \"outbound\" && !automatic", "then: direction == \"inbound\"", 1),
    ("balance < 1.0", "balance <= 1.0", 1),
    ("exit: balance < 0.4", "exit: balance < 0.0", 1),
    ("balance < -0.6", "balance < -0.3", 1),
    ("exit: balance > -0.4", "exit: balance > 0.0", 1),
    ("for: 14d", "for: 13d", 1),
    ("cadence.last_gap > duration(\"180d\")", "cadence.last_gap > duration(\"182d\")", 1),
    ("cadence.silence < duration(\"7d\")", "cadence.silence < duration(\"9d\")", 1),
    ("tie < 0.25", "tie < 0.02", 1),
    ("tie < 0.25", "tie < 0.34", 1),
    ("turns.unresolved >= 10", "turns.unresolved >= 9", 1),
    ("turns.unresolved >= 10", "turns.unresolved >= 11", 1),
    ("half_life: 7d", "half_life: 6d", 1),
    ("question:     {weight: 1.5, expects_reply: on}", "question: {weight: 1.5}", 1),
    ("praise:       {weight: 1}", "praise: {weight: 1, expects_reply: on}", 1),
)


class RuleTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()

    def file(self, name, content):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        return path

    def run_it(self, *files, code=0):
        done = subprocess.run([ENGAGED, "test", *files], capture_output=True, check=False, timeout=60)
        self.stderr = done.stderr.decode()
        self.assertEqual(done.returncode, code, done.stdout.decode() + self.stderr)
        return done.stdout.decode()

    def tell(self, *steps, code=0, lateness="0s"):
        text = CONFIG.replace("LATENESS", lateness) + "  - name: story\n    steps:\n"
        out = self.run_it(self.file("t.yaml", text + "".join(f"      - {s}\n" for s in steps)), code=code)
        return out.replace(self.dir.name + "/", "")

    def passes(self, *steps, **more):
        self.assertEqual(self.tell(*steps, **more), "ok      story\n1 passed, 0 failed\n")

    def fails(self, *steps, at=None, **more):
        """The words of the failure; `at`: the number of the step at which it must be, from 1."""
        out = self.tell(*steps, code=1, **more)
        self.assertTrue(out.startswith("FAILED  story\n  t.yaml:"), out + self.stderr)
        self.assertTrue(out.endswith("\n0 passed, 1 failed\n"), out)
        line = int(out.split(":")[1])
        if at:
            self.assertEqual(line - (CONFIG.count("\n") + 2), at, out)
        return out

    def faults(self, text, code=1):
        """(line, column, text) of each."""
        out = self.run_it(self.file("f.yaml", text), code=code)
        self.assertEqual(out, "0 passed, 0 failed\n")
        return [(int(m[1]), int(m[2]), m[3]) for m in
                re.finditer(r"^.*/f\.yaml:(\d+):(\d+): (.*)$", self.stderr, re.M)]

    # ---- what ships ----

    def test_the_shipped_stories(self):
        files = sorted(glob.glob(os.path.join(CONFIG_DIR, "tests", "*.yaml")))
        self.assertTrue(files)
        self.assertRegex(self.run_it(*files), r"\n[1-9]\d* passed, 0 failed\n$")

    def test_each_shipped_rule_has_a_story(self):
        told = ""
        for path in glob.glob(os.path.join(CONFIG_DIR, "tests", "*.yaml")):
            with open(path, encoding="utf-8") as f:
                told += f.read()
        with open(os.path.join(CONFIG_DIR, "defaults.yaml"), encoding="utf-8") as f:
            names = re.findall(r"^  - name: (\S+)$", f.read(), re.M)
        self.assertGreater(len(names), 5)
        for name in names:
            self.assertRegex(told, rf"fired: (stage\.)?{name}\b")

    def test_a_changed_rule_fails_a_shipped_story(self):
        with open(os.path.join(CONFIG_DIR, "defaults.yaml"), encoding="utf-8") as f:
            defaults = f.read()
        with open(os.path.join(CONFIG_DIR, "tests", "defaults.yaml"), encoding="utf-8") as f:
            stories = f.read().replace("config: ../minimal.yaml", "config: changed.yaml")
        path = self.file("t.yaml", stories)
        self.file("changed.yaml", defaults)
        self.run_it(path)
        for was, now, n in MUTANTS:
            with self.subTest(was=was, now=now):
                self.assertIn(was, defaults)
                self.file("changed.yaml", defaults.replace(was, now, 1))
                failed = self.run_it(path, code=1).count("FAILED")
                self.assertGreaterEqual(failed, n, self.stderr)

    # ---- time ----

    def test_deadlines(self):
        fired = "expect: {fired: overdue, at: 2026-05-04T10:00:00Z}"
        for passing in ("pass: 1h", "until: 2026-05-04T10:00:00Z", "until: +60m"):
            self.passes(ASK, passing, "expect: nothing")
            self.assertIn("pass` 1ms more", self.fails(ASK, passing, fired, at=3))
            self.passes(ASK, passing, ANSWER.replace("+5m", "+0s"), "pass: 1d", "expect: nothing")
            self.passes(ASK, passing, "pass: 1ms", fired)
        self.passes(ASK, "end: 2026-05-04T10:00:00Z", fired)
        self.passes(ASK, "end: +1h", fired)
        self.passes(ASK, "end: +59m", "expect: nothing")
        self.passes(ASK, "pass: 30m", ANSWER, "pass: 30d", "expect: nothing")

    def test_times_count_from_the_latest_one(self):
        late = SAY.replace("+1m", "2026-05-04T08:00:00Z")
        self.passes(ASK, "pass: 10m", late, SAY, "expect: {fired: many, at: 2026-05-04T09:11:00Z, cause: e3}")
        now = SAY.replace("at: +1m, ", "")
        self.passes(ASK, "pass: 10m", now, now, "expect: {fired: many, at: 2026-05-04T09:10:00Z}")
        self.passes(ASK, SAY, SAY, "expect: {fired: many, at: +0s}")

    def test_lateness(self):
        self.assertIn("the clock is at 2026-05-04T08:52:00Z",
                      self.fails(ASK, SAY, SAY, "expect: {fired: many}", lateness="10m"))
        self.passes(ASK, SAY, SAY, "pass: 10m1s", "expect: {fired: many, at: 2026-05-04T09:02:00Z}", lateness="10m")
        self.passes(ASK, SAY, SAY, "end: +0s", "expect: {fired: many, at: 2026-05-04T09:02:00Z}", lateness="10m")
        self.passes(ASK, "pass: 20m", SAY.replace("+1m", "2026-05-04T09:15:00Z"), SAY, "end: +1m",
                    "expect: {fired: many, at: 2026-05-04T09:21:00Z}", lateness="10m")

    # ---- expectations ----

    def test_each_part_of_an_expectation_counts(self):
        known = ASK.replace("subject: ann", "subject: ann, id: q, source: /s, kind: customer, account: acme")
        parts = {"subject": ("ann", "bob"), "at": ("2026-05-04T10:00:00Z", "2026-05-04T10:00:00.001Z"),
                 "cause": ("q", "e1"), "source": ("/s", "/test"), "conversation": ("c", "d"),
                 "severity": ("warning", "info"), "route": ("service", "sales"),
                 "action": ("Answer ann", "Answer"), "kind": ("customer", "partner"), "account": ("acme", "ac"),
                 "reason": ("due 2026-05-04T10:00:00Z", "due yesterday")}
        for name, (right, wrong) in parts.items():
            with self.subTest(name):
                self.passes(known, "end: +1h", f"expect: {{fired: overdue, {name}: '{right}'}}")
                out = self.fails(known, "end: +1h", f"expect: {{fired: overdue, {name}: '{wrong}'}}", at=3)
                self.assertIn("came: fired overdue at 2026-05-04T10:00:00Z, subject ann, cause q, source /s", out)
        self.fails(known, "end: +1h", "expect: {cleared: overdue}", at=3)
        self.fails(known, "end: +1h", "expect: {fired: many}", at=3)
        self.assertIn("its reason: the organisation has not answered ann",
                      self.fails(known, "end: +1h", "expect: {fired: overdue, reason: x}"))

    def test_values_that_a_rule_read(self):
        self.passes(ASK, SAY, SAY, "expect: {fired: many, values: {n: 3}}")
        self.assertIn("its n: 3", self.fails(ASK, SAY, SAY, "expect: {fired: many, values: {n: 4}}"))
        self.assertIn("its m: nothing", self.fails(ASK, SAY, SAY, "expect: {fired: many, values: {m: 3}}"))
        both = "[{fired: overdue}, {fired: waiting, values: {owed.oldest: 7200001ms}}]"
        self.passes(ASK, "pass: 3h", "expect: " + both)
        self.fails(ASK, "pass: 3h", "expect: " + both.replace("7200001ms", "2h"))

    def test_what_nobody_expected(self):
        out = self.fails(ASK, "pass: 90m", at=2)
        self.assertIn("expected: nothing more of this step\n    came: fired overdue at", out)
        self.fails(ASK, SAY, SAY, SAY, "expect: {fired: many}", at=3)
        self.fails(ASK, SAY, SAY, "pass: 1m", "expect: {fired: many}", at=3)
        self.fails(ASK, SAY, SAY, "expect: nothing", at=4)
        self.fails(ASK, SAY, SAY, "expect: {fired: many}", "expect: {fired: many}", at=5)
        self.assertEqual(self.fails(ASK, "pass: 3h", "expect: {cleared: many}").count("came: fired"), 2)

    def test_order_is_free_and_each_takes_one(self):
        for names in (("overdue", "waiting"), ("waiting", "overdue")):
            self.passes(ASK, "pass: 3h", *(f"expect: {{fired: {n}}}" for n in names))
            self.passes(ASK, "pass: 3h", "expect: [" + ", ".join(f"{{fired: {n}}}" for n in names) + "]")
        self.fails(ASK, "pass: 3h", "expect: [{fired: waiting}]", at=2)

    # ---- state ----

    def test_state(self):
        state = "state: {subject: ann, owed_by_us: 1, owed_by_them: 0, metrics: {n: 1, third: 0.3333333333, " \
                "feeling: nothing}}"
        self.passes(ASK, state)
        self.passes(ASK, state.replace("nothing", "~"))
        for was, now in (("n: 1", "n: 2"), ("us: 1", "us: 0"), ("them: 0", "them: 1"), ("nothing", "0"),
                         ("0.3333333333", "0.33333333"), ("ann", "bob"), ("n: 1", "n: '1'")):
            with self.subTest(now):
                self.fails(ASK, state.replace(was, now), at=2)
        asked = ASK.replace("inbound", "outbound")
        self.passes(asked, "state: {subject: ann, owed_by_us: 0, owed_by_them: 1}")

    def test_duplicates(self):
        again = SAY.replace("{", "{id: same, ")
        self.passes(ASK, again, again, again, "state: {subject: ann, metrics: {n: 2}}", "expect: nothing")

    def test_derived_values(self):
        promise = "event: {at: 2026-05-04T09:00:00Z, type: commitment, subject: ann, commitment: p, by: organisation, " \
                  "status: made, due: +2d}"
        kept = "event: {type: commitment, subject: ann, commitment: p, by: organisation, status: kept}"
        state = "state: {subject: ann, derived: {trust: 0.6666666667, commitment.open: 0, commitment.due: nothing}}"
        self.passes(promise, "state: {subject: ann, derived: {commitment.due: 2d, commitment.open: 1}}", kept, state)
        self.fails(promise, state, at=2)
        self.assertIn("no rule reads one of its group", self.fails(promise, "state: {subject: ann, derived: {tie: nothing}}"))
        nps = "event: {at: 2026-05-04T09:00:00Z, type: measure, subject: ann, dimension: delight, score: 3, min: 1, max: 5}"
        self.passes(nps, "state: {subject: ann, derived: {measure.delight: 0.5}}")
        self.fails(nps, "state: {subject: ann, derived: {measure.delight: 0.6}}", at=2)

    def test_preferences(self):
        want = "event: {at: 2026-05-04T09:00:00Z, type: preference, subject: ann, max_contacts: {count: 0, per: 7d}, " \
               "quiet_hours: {from: '22:00', to: '07:00'}, channels: {mail: deny}, reply_within: 30m, consent: true}"
        write = "event: {at: +1m, subject: ann, direction: outbound, verb: praise}"
        self.passes(want, write, "state: {subject: ann, derived: {pressure.excess: 1}}")
        self.passes(want, write, "event: {at: +1m, type: preference, subject: ann, max_contacts: ~, consent: null}",
                    "state: {subject: ann, derived: {pressure.excess: nothing}}")
        self.passes(want, ASK, "pass: 31m", "expect: {fired: overdue, at: 2026-05-04T09:30:00Z}")

    def test_outcomes(self):
        fired = "expect: {fired: overdue, severity: warning}"
        again = "expect: {fired: overdue, severity: critical, at: 2026-05-04T12:00:00Z}"
        seen = "event: {type: outcome, subject: ann, trigger: overdue, status: acknowledged}"
        waiting = "expect: {fired: waiting}"
        self.passes(ASK, "pass: 61m", fired, "pass: 2h", again, waiting)
        self.passes(ASK, "pass: 61m", fired, seen, "pass: 2h", waiting, "expect: nothing")
        self.passes(ASK, "pass: 61m", fired, "pass: 2h", again, waiting, seen, "pass: 3h", "expect: nothing")
        self.assertIn("which has not fired for ann", self.fails(ASK, seen, at=2))

    def test_held_back(self):
        steps = (ASK, "pass: 61m", "expect: {fired: overdue}", SAY, SAY, "expect: {fired: many}", SAY)
        self.passes(*steps, "state: {subject: ann, held: {calm: inhibited}}")
        for wrong in ("nothing", "{calm: quiet}", "{many: inhibited}", "{calm: inhibited, many: quiet}"):
            self.assertIn("came: calm inhibited", self.fails(*steps, f"state: {{subject: ann, held: {wrong}}}", at=8))
        self.passes(ASK, "state: {subject: ann, held: nothing}")
        self.assertIn("held back calm inhibited\n    came: nothing",
                      self.fails(ASK, "state: {subject: ann, held: {calm: inhibited}}"))

    def test_heartbeats_move_the_clock(self):
        self.passes(ASK, "event: {at: +2h, type: heartbeat, source: /crm}", "expect: {fired: overdue}")

    # ---- faults ----

    def test_faults_of_types(self):
        head = CONFIG.replace("LATENESS", "0s") + "  - name: x\n    steps:\n"
        at = "at: 2026-05-04T09:00:00Z, "
        for event, word, said in (
                ("type: mesure, subject: ann", "mesure", "did you mean 'measure'"),
                ("type: measure, subject: ann, verb: x", "verb", "no field of events of type measure: it is one of type "
                                                                 "interaction"),
                ("type: measure, subject: ann, scor: 1", "scor", "did you mean 'score'"),
                ("type: measure, subject: ann, dimension: d, score: 9, min: 0, max: 5", "9, min", "data.min to data.max"),
                ("type: commitment, subject: ann, commitment: p, by: us, status: made", "us,", "organisation, stakeholder"),
                ("type: commitment, subject: ann, commitment: p, by: organisation, status: made, due: 3", "3}", "no instant"),
                ("type: preference, subject: ann, max_contacts: 3", "3}", "expected a mapping"),
                ("type: outcome, subject: ann, trigger: overdu, status: acted", "overdu", "did you mean 'overdue'"),
                ("type: identity, subject: ann, action: merge", "{", "data.into"),
                ("type: heartbeat, subject: ann", "subject", "no field of events of type heartbeat"),
                ("direction: inbound, verb: x, subject: ann, consent: true", "consent", "one of type preference")):
            with self.subTest(event):
                step = f"event: {{{at}{event}}}"
                (fault,) = self.faults(head + f"      - {step}\n")
                self.assertEqual(fault[1], 9 + step.index(word), fault)
                self.assertIn(said, fault[2])
        (fault,) = self.faults(head + "      - state: {subject: ann, held: {calm: silent}}\n")
        self.assertIn("did you mean 'silenced'", fault[2])


    def test_all_faults_at_once(self):
        text = ("config: |\n  metrics:\n    n: {count: true}\n  rules:\n    - name: a\n      enter: 'm >= 3'\n"
                "    - name: a\n      entre: x\ntests:\n  - name: one\n    stps: []\n    steps:\n"
                "      - event: {subject: ann, direction: inbound, verb: x}\n"
                "      - event: {at: 2026-05-04T09:00:00Z, subject: ann, direction: inbuond, verb: x}\n"
                "      - event: {subject: ann, direction: inbound, verb: x, sentimnt: 1}\n"
                "      - event: {subject: ann, direction: inbound, verb: x, sentiment: 3}\n"
                "      - event: {subject: ann, direction: inbound, verb: x, resolves: 'yes'}\n"
                "      - event: {direction: inbound, verb: x}\n"
                "      - event: ann\n"
                "      - pass: 4\n      - until: 2026-05-03T09:00:00Z\n"
                "      - expect: {fired: b, severity: bad, at: tomorow}\n      - expect: {fird: b}\n"
                "      - expect: {fired: a, cleared: a}\n      - expect: []\n      - expect: noting\n"
                "      - state: {metrics: [n]}\n      - state: {subject: ann}\n"
                "      - state: {subject: ann, owed_by_us: -1, owd: 2}\n      - wait: 3\n"
                "      - {pass: 1h, expect: nothing}\n  - {name: one, steps: 3}\n  - 7\n  - {}\n")
        faults = self.faults(text)
        places = [(line, column) for line, column, _ in faults]
        for place in ((6, 15), (7, 13), (8, 7), (11, 5), (13, 16), (14, 68), (15, 60), (16, 71), (17, 70), (18, 16),
                      (19, 16), (20, 15), (21, 16), (22, 38), (22, 47), (23, 17), (23, 18), (24, 17), (25, 17),
                      (26, 17), (27, 16), (27, 26), (28, 16), (29, 43), (29, 47), (30, 9), (31, 9), (32, 12),
                      (32, 24), (33, 5), (34, 5)):
            self.assertIn(place, places)
        self.assertEqual(places, sorted(places))
        words = "\n".join(text for _, _, text in faults)
        for said in ("'a' is taken by the rule at line 5", "did you mean 'enter'", "did you mean 'steps'",
                     "did you mean 'sentiment'", "one of: inbound, outbound, peer", "from -1 to 1",  "'4' is no duration",
                     "time does not run back", "info, warning or critical", "write it like 2026-05-04T09:00:00Z",
                     "did you mean 'fired'", "at line 10 has it already"):
            self.assertIn(said, words)

    def test_names_are_held_against_the_configuration(self):
        tests = "  - name: x\n    steps:\n      - {}\n"
        head = CONFIG.replace("LATENESS", "0s")
        first = head.count("\n") + 3
        for step, word, near in (("expect: {fired: overdu}", "overdu", "overdue"),
                                 ("state: {subject: ann, metrics: {fealing: 1}}", "fealing", "feeling")):
            (fault,) = self.faults(head + tests.replace("{}", step))
            self.assertEqual(fault[:2], (first, 9 + step.index(word)))
            self.assertIn(f"did you mean '{near}'", fault[2])

    def test_an_id_that_another_event_gets(self):
        head = CONFIG.replace("LATENESS", "0s") + "  - name: x\n    steps:\n"
        named = SAY.replace("{", "{id: e3, ")
        (fault,) = self.faults(head + "".join(f"      - {s}\n" for s in (ASK, named, SAY)))
        self.assertEqual(fault[0], head.count("\n") + 2)
        self.assertIn("gets 'e3'", fault[2])
        self.passes(ASK, SAY.replace("{", "{id: e2, "), SAY, "expect: {fired: many, cause: e3}")

    def test_configurations(self):
        tests = "tests:\n  - {name: x, steps: [" + ASK.replace("event:", "event: ") + "]}\n"
        tests = tests.replace("[event:", "[{event:").replace("}]", "}}]")
        os.mkdir(os.path.join(self.dir.name, "sub"))
        self.file("c.yaml", "deployment: eu\nstages: []\n")
        path = self.file("sub/t.yaml", "config: ../c.yaml\n" + tests)
        self.assertIn("1 passed", self.run_it(path))
        self.run_it(self.file("t.yaml", f"config: {self.dir.name}/c.yaml\n" + tests))
        (fault,) = self.faults("config: none.yaml\n" + tests)
        self.assertEqual(fault[:2], (1, 9))
        self.assertIn("none.yaml: No such file", self.stderr)
        self.file("c.yaml", "deployment: eu\nmetrics: 3\n")
        self.run_it(path, code=1)
        self.assertIn("c.yaml:2:10: ", self.stderr)
        fault = self.faults("config: \"deployment: eu\\nmetrics: 3\\n\"\n" + tests)
        self.assertEqual({f[0] for f in fault}, {1})
        self.assertIn(35, {f[1] for f in fault})
        self.assertEqual(self.faults(tests)[0][:2], (1, 1))
        self.assertEqual(self.faults("config: c.yaml\ntests: []\n")[-1][:2], (2, 8))
        self.faults("config: [\n")
        self.faults("")

    def test_several_files(self):
        good = self.file("good.yaml", CONFIG.replace("LATENESS", "0s") + f"  - name: good\n    steps:\n      - {ASK}\n")
        bad = self.file("bad.yaml", "tests: 3\n")
        red = self.file("red.yaml", CONFIG.replace("LATENESS", "0s") + f"  - name: red\n    steps: [{{{ASK}}}, "
                        "{expect: {fired: many}}]\n  - name: on\n    steps: [{" + ASK + "}]\n")
        self.assertEqual(self.run_it(good, good), "ok      good\nok      good\n2 passed, 0 failed\n")
        self.assertEqual(self.run_it(bad, good, code=1), "ok      good\n1 passed, 0 failed\n")
        out = self.run_it(good, red, code=1)
        self.assertRegex(out, r"(?s)^ok      good\nFAILED  red\n.*came: nothing, by 2026-05-04T09:00:00Z\nok      on\n"
                              r"2 passed, 1 failed\n$")
        self.run_it(self.dir.name + "/none.yaml", code=1)
        self.assertIn("No such file", self.stderr)
        self.run_it(self.dir.name, code=1)
        self.run_it(code=2)


if __name__ == "__main__":
    CONFIG_DIR = sys.argv.pop(2)
    ENGAGED = sys.argv.pop(1)
    unittest.main()
