#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cli.py ENGAGED - `engaged replay` from outside: its inputs, outputs, dead letters, exit codes."""
import base64
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest

ENGAGED = ""
CONFIG = """
deployment: test
organisation: Test
limits: {event_bytes: 64KiB, event_depth: 10}
metrics:
  n: {count: true}
rules:
  - name: overdue
    owed: {by: organisation, after: 1h}
    severity: warning
    route: service
  - name: many
    enter: 'n >= 3'
    severity: info
    route: sales
"""


def event(n, time, subject="ann", direction="inbound", **more):
    made = {"specversion": "1.0", "id": f"e{n}", "source": "/t", "type": "io.engaged.interaction.v1",
            "time": f"2026-05-01T{time}Z", "data": {"direction": direction, "verb": "message", "channel": "mail",
                                                    "conversation": "c", "expects_reply": True}}
    if subject:
        made["subject"] = subject
    made.update(more)
    return json.dumps(made)


def tick(n, time):
    return event(n, time, None, type="io.engaged.tick.v1")


class Replay(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.config = self.file("c.yaml", CONFIG)

    def tearDown(self):
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def file(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(self.path(name), mode) as f:
            f.write(content)
        return self.path(name)

    def lines(self, *lines, name="events.jsonl"):
        return self.file(name, "".join(line + "\n" for line in lines))

    def run_it(self, *args, stdin=None, code=0, stdout=subprocess.PIPE):
        done = subprocess.run([ENGAGED, "replay", "--config", self.config, *args], input=stdin, stdout=stdout,
                              stderr=subprocess.PIPE, check=False)
        self.stderr = done.stderr.decode()
        self.assertEqual(done.returncode, code, self.stderr)
        return done.stdout

    def triggers(self, *args, **kwargs):
        return [(t["data"]["rule"], t["data"]["edge"], t["subject"], t["time"])
                for t in map(json.loads, self.run_it(*args, **kwargs).splitlines())]

    def dead_letters(self, *files):
        self.run_it("--dead-letters", self.path("dead.jsonl"), *files)
        with open(self.path("dead.jsonl"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    OVERDUE = ("overdue", "fired", "ann", "2026-05-01T09:00:00Z")

    # ---- time ----

    def test_the_clock_ends_at_the_last_event(self):
        self.assertEqual(self.triggers(self.lines(event(1, "08:00:00"))), [])
        more = self.lines(event(1, "08:00:00"), event(2, "09:00:00", "bob", "outbound"))
        self.assertEqual(self.triggers(more), [self.OVERDUE])
        more = self.lines(event(1, "08:00:00"), event(2, "08:59:59.999", "bob", "outbound"))
        self.assertEqual(self.triggers(more), [])

    def test_until(self):
        one = self.lines(event(1, "08:00:00"))
        self.assertEqual(self.triggers("--until", "2026-05-01T09:00:00Z", one), [self.OVERDUE])
        self.assertEqual(self.triggers("--until", "2026-05-01T08:59:59Z", one), [])
        more = self.lines(event(1, "08:00:00"), event(2, "10:00:00", "bob"), event(3, "08:30:00", direction="outbound"))
        self.assertEqual(self.triggers("--until", "2026-05-01T09:30:00Z", more), [])
        self.run_it("--until", "2026-05-01T09:30:00Z", "--state", self.path("s"), more)
        with open(self.path("s"), encoding="utf-8") as f:
            state = [json.loads(line) for line in f]
        self.assertEqual([(s["subject"], s["as_of"], s["metrics"]) for s in state],
                         [("ann", "2026-05-01T09:30:00Z", {"n": 2})])
        self.assertEqual(self.triggers("--until", "2025-01-01T00:00:00Z", more), [])
        self.run_it("--until", "tomorrow", one, code=2)
        self.assertIn("RFC 3339", self.stderr)

    # ---- who is who, and what never was ----

    def state(self, *args):
        self.run_it("--state", self.path("s"), *args)
        with open(self.path("s"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def test_what_was_retracted_never_was(self):
        self.config = self.file("r.yaml", CONFIG + "retraction: {within: 1d}\n"
                                "derived: {keep: [cadence, silent, balance, reply]}\n")
        rng = random.Random(7)
        for _ in range(20):
            all_of_it, clean, said = [], [], []
            gone = set(rng.sample(range(60), 15))
            for n in range(60):
                time = f"{8 + n // 10:02}:{n % 10 * 6:02}:00"
                subject = rng.choice(("ann", "bob"))
                line = event(n, time, subject, rng.choice(("inbound", "outbound")))
                all_of_it.append(line)
                clean.append(tick(n, time) if n in gone else line)
                if n in gone:
                    said.append((n, subject))
                while said and rng.random() < 0.4:
                    of, subject = said.pop(rng.randrange(len(said)))
                    all_of_it.append(event(f"r{of}", time, subject, type="io.engaged.retraction.v1", data={"id": f"e{of}"}))
                    clean.append(tick(f"r{of}", time))
            for of, subject in said:
                all_of_it.append(event(f"r{of}", "14:00:00", subject, type="io.engaged.retraction.v1", data={"id": f"e{of}"}))
            clean.append(tick("end", "14:00:00"))
            all_of_it.append(tick("end", "14:00:00"))
            self.assertEqual(self.state(self.lines(*all_of_it)), self.state(self.lines(*clean, name="clean.jsonl")))

    def test_two_ids_become_one_and_one_is_forgotten(self):
        lines = [event(1, "08:00:00", "anon"), event(2, "08:10:00", "bob"), event(3, "08:20:00", "cem"),
                 event(4, "08:30:00", "anon", type="io.engaged.identity.v1", data={"action": "merge", "into": "ann"}),
                 event(5, "08:40:00", "cem", type="io.engaged.identity.v1", data={"action": "erase"})]
        state = self.state(self.lines(*lines))
        self.assertEqual([(s["subject"], s["metrics"]["n"]) for s in state], [("ann", 1), ("bob", 1)])
        self.assertEqual(self.triggers(self.lines(*lines, tick(6, "09:05:00"))), [self.OVERDUE])

    def test_the_state_shows_derived_values_that_are_kept(self):
        self.config = self.file("d.yaml", CONFIG + "derived: {keep: [cadence, silent, balance, reply]}\n")
        events = self.lines(event(1, "08:00:00"), event(2, "08:00:01.5"),
                            event(3, "08:30:00", direction="outbound"))
        self.run_it("--until", "2026-05-01T09:00:00Z", "--state", self.path("s"), events)
        with open(self.path("s"), encoding="utf-8") as f:
            derived = json.loads(f.read())["derived"]
        self.assertEqual({name: derived[name] for name in derived if name[:4] != "cade"},
                         {"silent": 1800, "balance": None, "reply.ours.in_time": 1, "reply.ours.median": 1800,
                          "reply.ours.p90": 1800, "reply.theirs.in_time": None, "reply.theirs.median": None,
                          "reply.theirs.p90": None})
        self.assertEqual((derived["cadence.silence"], derived["cadence.last_gap"]), (3598.5, 1.5))
        gap, h, hour, week = derived["cadence.gap"], 0.5 ** (3598.5 / 86400 / 90), 3600, 7 * 86400
        mean = (2 * math.log2(week) + h * math.log2(hour)) / (2 + h)
        self.assertAlmostEqual(gap, 2 ** mean, delta=0.001)
        self.assertAlmostEqual(derived["cadence.ratio"], 3598.5 / 2 ** mean, delta=1e-9)

    def test_ticks_and_the_nameless_move_the_clock(self):
        self.assertEqual(self.triggers(self.lines(event(1, "08:00:00"), tick(2, "09:00:01"))), [self.OVERDUE])
        self.assertEqual(self.triggers(self.lines(event(1, "08:00:00"), event(2, "09:00:01", None))), [self.OVERDUE])
        late = event(2, "10:00:00", None)
        self.assertEqual(self.triggers("--until", "2026-05-01T08:30:00Z", self.lines(event(1, "08:00:00"), late)), [])

    def test_a_configuration_record_rules_from_there_on(self):
        new = CONFIG.replace("after: 1h", "after: 2h")
        record = event(2, "08:10:00", None, type="io.engaged.configuration.v1", data={"text": new})
        events = [event(1, "08:00:00"), record, event(3, "09:30:00", "bob", "outbound")]
        self.assertEqual(self.triggers(self.lines(*events)), [])
        self.assertEqual(self.triggers(self.lines(events[0], events[2])), [self.OVERDUE])
        broken = event(2, "08:10:00", None, type="io.engaged.configuration.v1", data={"text": "rules: 7"})
        dead = self.dead_letters(self.lines(events[0], broken, events[2]))
        self.assertEqual([d["code"] for d in dead], ["data.text.invalid"])

    # ---- input ----

    def history(self):
        clock = (f"{t // 3600:02d}:{t // 60 % 60:02d}:{t % 60:02d}" for t in range(0, 80000, 4))
        return "".join(event(n, time, f"s{n * 7919 % 97}", "inbound" if n % 30 else "outbound") + "\n"
                       for n, time in enumerate(clock)).encode()

    def test_the_same_bytes_whatever_the_way(self):
        events = self.history()
        plain, packed = self.file("e.jsonl", events), self.file("e.gz", gzip.compress(events))
        want = self.run_it("--state", self.path("s1"), plain)
        self.assertGreater(len(want.splitlines()), 300)
        self.assertEqual(self.run_it("--state", self.path("s2"), packed), want)
        self.assertEqual(self.run_it("-", stdin=events), want)
        self.assertEqual(self.run_it("-", stdin=gzip.compress(events)), want)
        cut = events.index(b"\n", len(events) // 2) + 1
        halves = [self.file("1", events[:cut]), self.file("2", gzip.compress(events[cut:]))]
        self.assertEqual(self.run_it(*halves), want)
        self.assertEqual(self.run_it(halves[0], "-", stdin=events[cut:]), want)
        self.assertEqual(self.run_it(self.file("crlf", events.replace(b"\n", b"\r\n\r\n \t\r\n"))), want)
        with open(self.path("s1"), "rb") as a, open(self.path("s2"), "rb") as b:
            state = a.read()
            self.assertEqual(state, b.read())
        subjects = [json.loads(line)["subject"] for line in state.splitlines()]
        self.assertEqual(subjects, sorted(subjects))
        self.assertEqual(len(subjects), 97)

    def test_files_that_cannot_be_read(self):
        self.run_it(self.path("absent"), code=1)
        self.assertIn("absent: No such file", self.stderr)
        self.run_it(self.dir.name, code=1)
        self.assertIn("directory", self.stderr)
        half = gzip.compress(self.history())
        self.run_it(self.file("half.gz", half[:len(half) // 2]), code=1)
        self.assertIn("half.gz: the compressed data ends too early", self.stderr)

    # ---- dead letters ----

    def test_dead_letters(self):
        bad = ["{", "not json", '{"specversion":"1.0"}', event(9, "08:00:00", None)]
        good = [event(1, "08:00:00"), event(2, "08:00:01"), event(3, "08:00:02")]
        mixed = self.file("mixed", ("\n".join([good[0], bad[0], "", bad[1], good[1], bad[2], bad[3], good[2]])).encode()
                          + b"\n\xff\xfe\n")
        dead = self.dead_letters(mixed)
        self.assertEqual([(d["line"], d["code"]) for d in dead],
                         [(2, "json.malformed"), (4, "json.malformed"), (6, "id.missing"), (7, "subject.missing"),
                          (9, "utf8.invalid")])
        self.assertEqual([d["value"] for d in dead[:4]], bad)
        self.assertEqual(base64.b64decode(dead[4]["value_base64"]), b"\xff\xfe")
        self.assertEqual({d["file"] for d in dead}, {mixed})
        self.assertTrue(all(d["message"].endswith(".") for d in dead))
        self.assertEqual(self.stderr, "engaged replay: 5 of 8 lines are no valid events\n")
        self.assertEqual(self.triggers(mixed), [("many", "fired", "ann", "2026-05-01T08:00:02Z")])
        self.assertIn("--dead-letters FILE says which", self.stderr)
        self.triggers(self.lines(*good))
        self.assertEqual(self.stderr, "")

    def test_lines_without_end(self):
        # Two, so that the cut falls between characters in one and within a character in the other.
        huge = [event(1, "08:00:00", x=start + "\u00e9" * 5_000_000).replace("\\u00e9", "\u00e9")
                for start in ("a", "aa")]
        deep = event(2, "08:00:00", x=json.loads("[" * 12 + "]" * 12))
        dead = self.dead_letters(self.lines(deep, *huge, event(3, "08:00:00")))
        self.assertEqual([d["code"] for d in dead], ["json.too_deep", "json.too_large", "json.too_large"])
        for line, letter in zip(huge, dead[1:]):
            self.assertEqual(letter["value_bytes"], len(line.encode()))
            self.assertIn(len(letter["value"].encode()), (65535, 65536))
            self.assertTrue(line.startswith(letter["value"]))
        self.assertEqual(dead[0]["value"], deep)

    # ---- output ----

    def test_output_that_cannot_be_written(self):
        history = self.file("e", self.history())
        with open("/dev/full", "wb") as full:
            self.run_it(history, stdout=full, code=1)
        self.assertIn("standard output: No space left", self.stderr)
        read_end, write_end = os.pipe()
        os.close(read_end)
        self.run_it(history, stdout=write_end, code=1)
        os.close(write_end)
        self.assertIn("standard output: Broken pipe", self.stderr)
        for option in ("--state", "--dead-letters"):
            for target, why in (("/dev/full", "No space"), ("/nonexistent/x", "No such file")):
                self.run_it(option, target, self.lines("{", event(1, "08:00:00")), code=1)
                self.assertIn(f"{target}: {why}", self.stderr)

    # ---- payloads of others ----

    def test_presets(self):
        self.config = self.file("p.yaml", CONFIG + """
presets:
  desk:
    match: {values: {/kind: [ask, answer, note]}}
    fields: {kind: {pointer: /kind}}
    when: kind != "note"
    type: '"io.engaged.interaction.v1"'
    id: /n
    source: '"/desk"'
    subject: /who
    time: /at
    data: {direction: 'kind == "ask" ? "inbound" : "outbound"', verb: '"message"', conversation: /ticket}
""")

        def payload(n, time, kind="ask", **more):
            return json.dumps({"kind": kind, "n": n, "who": "ann", "at": f"2026-05-01T{time}Z", "ticket": 5, **more})

        lines = [payload(1, "08:00:00", ticket="5"), payload(2, "09:30:00", "note"), payload(3, "10:00:00", "answer", ticket="5"),
                 event(4, "10:05:00"), payload(5, "10:06:00"), payload(6, "10:07:00", at=None)]
        dead = self.dead_letters(self.lines(*lines))
        # A number is no conversation; a line has no timestamp of its own.
        self.assertEqual([(d["line"], d["code"]) for d in dead], [(5, "data.conversation.type"), (6, "time.missing")])
        # What was dropped has moved the clock, and nothing else.
        self.assertEqual(self.triggers(self.lines(*lines[:2])), [("overdue", "fired", "ann", "2026-05-01T09:00:00Z")])
        self.assertEqual([t[:2] for t in self.triggers(self.lines(*lines))],
                         [("overdue", "fired"), ("overdue", "cleared"), ("many", "fired")])
        # Without them nothing is mapped; a control record brings them.
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        self.config = self.file("c.yaml", CONFIG)
        self.assertEqual(self.dead_letters(self.lines(lines[0]))[0]["code"], "specversion.missing")
        control = event(0, "07:00:00", None, type="io.engaged.configuration.v1", data={"text": text})
        self.assertEqual(self.dead_letters(self.lines(lines[0], control, lines[0]))[0]["line"], 1)
        self.assertEqual(self.triggers("--until", "2026-05-01T09:00:01Z", self.lines(control, lines[0])),
                         [("overdue", "fired", "ann", "2026-05-01T09:00:00Z")])

    # ---- command line ----

    def test_usage(self):
        def run(*args):
            done = subprocess.run([ENGAGED, *args], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        for args in ((), ("nothing",), ("replay",), ("replay", "--config", self.config), ("replay", "x"),
                     ("replay", "--config", self.config, "--wrong", "x"), ("check",), ("check", "--until", "x"),
                     ("replay", "--config")):
            code, out, err = run(*args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertIn("usage: engaged", err)
        for args in (("help",), ("--help",), ("version",), ("--version",)):
            code, out, err = run(*args)
            self.assertEqual((code, err), (0, ""))
            self.assertIn("engaged", out)

    def test_faults_of_the_configuration(self):
        self.config = self.file("broken.yaml", "deployment: test\nrules: 7\nwrong: 1\n")
        self.run_it(self.lines(event(1, "08:00:00")), code=1)
        self.assertIn("broken.yaml:2:", self.stderr)
        self.assertIn("broken.yaml:3:", self.stderr)
        self.config = self.path("absent.yaml")
        self.run_it(self.lines(event(1, "08:00:00")), code=1)
        self.assertIn("absent.yaml", self.stderr)


if __name__ == "__main__":
    ENGAGED = os.path.abspath(sys.argv.pop(1))
    unittest.main()
