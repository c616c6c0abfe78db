#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py ENGAGED: the schemas in config/schemas against what the program takes and writes.

Events: on a table of good and bad ones schema and decoder agree; what the README shows and the data
sets hold is valid. Triggers: every one that replay writes from real data is valid, and each field
that is dropped, added or of another type is found. The AsyncAPI document is whole in itself.
"""
import copy
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}; deploy/install --test brings it")
    sys.exit(77)

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
SCHEMAS = os.path.join(ROOT, "config", "schemas")
ENGAGED = ""
SOMEBODY = {"subject": "ann"}

GOOD = {
    "interaction": {"direction": "inbound", "verb": "question"},
    "measure": {"dimension": "advocacy", "score": 9, "min": 0, "max": 10},
    "commitment": {"commitment": "c1", "by": "organisation", "status": "made"},
    "preference": {"channels": {"mail": "deny", "chat": "allow"}, "max_contacts": {"count": 3, "per": "7d"},
                   "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"},
                   "reply_within": "1h30m", "consent": True},
    "identity": {"action": "erase"},
    "outcome": {"trigger": "t1", "status": "acted"},
    "retraction": {"id": "e0"},
    "configuration": {"text": "deployment: a\n"},
    "heartbeat": None,
    "tick": None,
}
GONE = object()
Q = {"from": "22:00", "to": "07:00"}
# type, where in data (None: the attributes), what is there, whether it is taken
CHANGES = [
    (None, "id", "", False), (None, "id", GONE, False), (None, "id", 7, False), (None, "id", "x" * 1024, True),
    (None, "id", "x" * 1025, False), (None, "source", GONE, False), (None, "source", "x" * 1025, False),
    (None, "specversion", "1", False), (None, "specversion", GONE, False), (None, "type", GONE, False),
    (None, "time", "2026-05-01T08:00:00+02:00", True), (None, "time", "yesterday", False), (None, "time", 7, False),
    (None, "time", "2026-13-01T08:00:00Z", False), (None, "time", "2026-05-01", False),
    (None, "time", "2026-05-01 08:00:00Z", True), (None, "time", "2026-05-01t08:00:00.123456789z", True),
    (None, "time", "2026-05-01T08:00:60Z", True), (None, "time", "2026-05-01T08:00:61Z", False),
    (None, "time", "2026-05-01T08:00:00", False), (None, "time", "2026-05-01T24:00:00Z", False),
    (None, "time", "2026-05-01T08:00:00+24:00", False), (None, "time", "2026-05-01T08:00:00.Z", False),
    (None, "time", "0000-05-01T08:00:00Z", False),
    (None, "sequence", 7, False), (None, "sequence", "7", True), (None, "causationid", None, True),
    (None, "correlationid", "x" * 1025, False), (None, "datacontenttype", "application/json; charset=utf-8", True),
    (None, "datacontenttype", "text/xml", False), (None, "data_base64", "e30=", False), (None, "other", {}, True),
    ("interaction", "direction", GONE, False), ("interaction", "direction", "sideways", False),
    ("interaction", "direction", "peer", True), ("interaction", "verb", "", False), ("interaction", "verb", GONE, False),
    ("interaction", "verb", "x" * 256, True), ("interaction", "verb", "x" * 257, False), ("interaction", "channel", 7, False),
    ("interaction", "channel", None, True), ("interaction", "channel", "", True), ("interaction", "channel", "x" * 257, False),
    ("interaction", "conversation", "x" * 1024, True), ("interaction", "conversation", "x" * 1025, False),
    ("interaction", "in_reply_to", [], False), ("interaction", "org", 1, False), ("interaction", "kind", {}, False),
    ("interaction", "account", "x" * 257, False), ("interaction", "actor", False, False),
    ("interaction", "counterpart", "bob", True), ("interaction", "intent", 0, False),
    ("interaction", "communities", ["a", "b"], True), ("interaction", "communities", "a", False),
    ("interaction", "communities", [""], False), ("interaction", "communities", ["c"] * 16, True),
    ("interaction", "communities", ["c"] * 17, False), ("interaction", "communities", [1], False),
    ("interaction", "sentiment", -1, True), ("interaction", "sentiment", 1.01, False), ("interaction", "sentiment", "1", False),
    ("interaction", "weight", -2.5, True), ("interaction", "weight", "2", False), ("interaction", "value", True, False),
    ("interaction", "expects_reply", "yes", False), ("interaction", "expects_reply", False, True),
    ("interaction", "resolves", 1, False), ("interaction", "automatic", None, True), ("interaction", "extra", {}, True),
    ("measure", "instrument", "nps", True), ("measure", "instrument", 7, False), ("measure", "dimension", GONE, False),
    ("measure", "dimension", "", False), ("measure", "score", GONE, False), ("measure", "score", "9", False),
    ("measure", "min", GONE, False), ("measure", "min", None, False), ("measure", "max", GONE, False),
    ("commitment", "commitment", GONE, False), ("commitment", "by", GONE, False), ("commitment", "by", "me", False),
    ("commitment", "status", GONE, False), ("commitment", "status", "late", False), ("commitment", "status", "kept", True),
    ("commitment", "due", "2026-05-01T08:00:00Z", True), ("commitment", "due", "soon", False), ("commitment", "due", 7, False),
    ("commitment", "due", None, True), ("commitment", "due", "", True),
    ("preference", "channels", [], False), ("preference", "channels", {"mail": True}, False), ("preference", "channels", None, True),
    ("preference", "channels", {"": "deny"}, False), ("preference", "channels", {str(i): "deny" for i in range(16)}, True),
    ("preference", "channels", {str(i): "deny" for i in range(17)}, False), ("preference", "channels", GONE, True),
    ("preference", "max_contacts", 3, False), ("preference", "max_contacts", {"count": 3}, False),
    ("preference", "max_contacts", {"per": "7d"}, False), ("preference", "max_contacts", {"count": -1, "per": "7d"}, False),
    ("preference", "max_contacts", {"count": 1.5, "per": "7d"}, False), ("preference", "max_contacts", {"count": 3, "per": "often"}, False),
    ("preference", "max_contacts", {"count": 3, "per": 7}, False), ("preference", "max_contacts", None, True),
    ("preference", "max_contacts", {"count": 1000001, "per": "7d"}, False), ("preference", "quiet_hours", None, True),
    ("preference", "quiet_hours", {"from": "22:00"}, False), ("preference", "quiet_hours", {**Q, "from": "24:00"}, False),
    ("preference", "quiet_hours", {**Q, "to": "7:00"}, False), ("preference", "quiet_hours", {**Q, "zone": "../x"}, False),
    ("preference", "quiet_hours", {**Q, "zone": "/x"}, False), ("preference", "quiet_hours", {**Q, "zone": None}, True),
    ("preference", "reply_within", "1.5h", True), ("preference", "reply_within", "1h 30m", False),
    ("preference", "reply_within", "250ms", True), ("preference", "reply_within", "0s", False), ("preference", "reply_within", "soon", False), ("preference", "reply_within", "", False), ("preference", "reply_within", None, True),
    ("preference", "reply_within", 4, False), ("preference", "consent", "yes", False), ("preference", "consent", None, True),
    ("identity", "action", GONE, False), ("identity", "action", "split", False), ("identity", "action", "merge", False),
    ("identity", "into", 7, False), ("identity", "into", "bob", True), ("identity", "into", "x" * 257, False),
    ("outcome", "trigger", GONE, False), ("outcome", "trigger", "", False), ("outcome", "status", GONE, False),
    ("outcome", "status", "done", False), ("outcome", "status", "dismissed", True), ("outcome", "by", 1, False),
    ("outcome", "by", "eve", True), ("outcome", "note", [], False), ("outcome", "note", "x" * 5000, True),
    ("retraction", "id", GONE, False), ("retraction", "id", 7, False), ("retraction", "source", "/mail", True),
    ("retraction", "source", "", True), ("retraction", "source", 7, False),
    ("configuration", "text", GONE, False), ("configuration", "text", "", False),
]


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as f:
        return f.read()


def schemas():
    return {os.path.basename(path): json.loads(read(path)) for path in sorted(glob.glob(f"{SCHEMAS}/*.json"))}


def validator(name):
    """With every file at hand for references, in older and newer versions of the library."""
    every = schemas()
    try:
        from referencing import Registry, Resource
        registry = Registry().with_resources((n, Resource.from_contents(s)) for n, s in every.items())
        return jsonschema.Draft202012Validator(every[name], registry=registry)
    except ImportError:
        resolver = jsonschema.RefResolver(name, every[name], store=every)
        return jsonschema.Draft202012Validator(every[name], resolver=resolver)


def event(kind, data, attributes=None):
    made = {"specversion": "1.0", "id": "e1", "source": "/t", "type": f"io.engaged.{kind}.v1",
            "time": "2026-05-01T08:00:00Z", **({} if kind in ("heartbeat", "tick", "configuration") else SOMEBODY)}
    if data is not None:
        made["data"] = data
    made.update(attributes or {})
    return {k: v for k, v in made.items() if v is not GONE}


def table():
    """Pairs of an event and whether it is taken."""
    for kind, data in GOOD.items():
        yield event(kind, data), True
        yield event(kind, data, {"subject": GONE}), kind in ("heartbeat", "tick", "configuration")
        yield event(kind, None, {"data": GONE}), data is None
        yield event(kind, [], {}), data is None
    yield event("merge", None), True  # of a type that nobody knows
    yield event("identity", {"action": "merge", "into": "bob"}), True
    yield event("identity", {"action": "merge", "into": ""}), False
    yield event("preference", {}), True
    for kind, name, value, is_taken in CHANGES:
        if kind is None:
            yield event("interaction", GOOD["interaction"], {name: value}), is_taken
        else:
            data = {**GOOD[kind], name: value}
            yield event(kind, {k: v for k, v in data.items() if v is not GONE}), is_taken


def run(*args, stdin=None):
    done = subprocess.run([ENGAGED, *args], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout


def refused_lines(values):
    """Numbers of the lines, from 0, that the decoder does not take."""
    with tempfile.TemporaryDirectory() as folder:
        letters, config = os.path.join(folder, "dead.jsonl"), os.path.join(folder, "c.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("deployment: t\n")
        run("replay", "--config", config, "--dead-letters", letters, "-",
            stdin=b"".join(json.dumps(v).encode() + b"\n" for v in values))
        with open(letters, encoding="utf-8") as f:
            return {each["line"] - 1: each["code"] for each in map(json.loads, f)}


class Events(unittest.TestCase):
    def test_schemas_are_schemas(self):
        self.assertEqual(len(schemas()), len(GOOD) + 3)
        for name, schema in schemas().items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertEqual(schema["$id"], name)

    def test_schema_and_decoder_agree(self):
        rows = list(table())
        refused = refused_lines([value for value, _ in rows])
        any_event = validator("event.schema.json")
        for i, (value, is_taken) in enumerate(rows):
            with self.subTest(event=json.dumps(value)[:300]):
                self.assertEqual(i not in refused, is_taken, refused.get(i))
                self.assertEqual(any_event.is_valid(value), is_taken)

    def test_each_type_by_its_own_schema(self):
        for kind, data in GOOD.items():
            own = validator(f"{kind}.schema.json")
            own.validate(event(kind, data))
            self.assertFalse(own.is_valid(event("other", data)))

    def test_every_field_is_in_the_schema(self):
        """Fields of the decoder's tables, and nothing else."""
        source = read("src", "codec", "event_data.c")
        for kind in GOOD:
            table_of = re.search(rf"{kind}_fields\[\] = {{(.*?)FIELDS_END", source, re.DOTALL)
            properties = schemas()[f"{kind}.schema.json"]["properties"].get("data", {}).get("properties", {})
            if kind == "preference":
                fields = set(re.findall(r'take\(data, "(\w+)"', read("src", "codec", "event_preference.c")))
            else:
                fields = set(re.findall(r'{"(\w+)"', table_of[1])) if table_of else set()
            self.assertEqual(set(properties), fields, kind)

    def test_readme(self):
        text = read("README.md")
        shown = [json.loads(e) for e in re.findall(r"echo '(\{\"specversion.*?\})' \|", text)]
        self.assertGreaterEqual(len(shown), 2)
        self.assertTrue(validator("event.schema.json").is_valid(shown[0]))
        self.assertFalse(validator("event.schema.json").is_valid(shown[1]))  # it is shown as a dead letter
        trigger = re.search(r"^\{\n  \"specversion\".*?^\}", text, re.DOTALL | re.MULTILINE)[0]
        validator("trigger.schema.json").validate(json.loads(trigger))


class RealData(unittest.TestCase):
    def triggers(self, *args):
        return [json.loads(line) for line in run("replay", *args).splitlines()]

    def check_triggers(self, triggers, least):
        valid = validator("trigger.schema.json")
        self.assertGreater(len(triggers), least)
        for each in triggers:
            valid.validate(each)

    def test_demo(self):
        path = os.path.join(ROOT, "deploy", "demo-data", "ibm_care_dev.jsonl.gz")
        triggers = self.triggers("--config", os.path.join(ROOT, "config", "demo.yaml"), path)
        self.check_triggers(triggers, 500)
        self.assertEqual({t["data"]["edge"] for t in triggers}, {"fired", "cleared"})
        any_event = validator("event.schema.json")
        with gzip.open(path) as f:
            for line in list(f)[::5]:
                any_event.validate(json.loads(line))

    def test_data_sets(self):
        for name in ("ietf_sdjwt", "online_retail"):
            with tempfile.TemporaryDirectory() as folder:
                events, config = os.path.join(folder, "e.jsonl"), os.path.join(folder, "c.yaml")
                with open(events, "wb") as f:
                    subprocess.run([sys.executable, os.path.join(TESTS, "oracle", "events.py"),
                                    os.path.join(TESTS, "data", name + ".csv.gz")], stdout=f, check=True)
                with open(config, "w", encoding="utf-8") as f:
                    f.write("deployment: t\n")
                self.check_triggers(self.triggers("--config", config, events), 20)
                any_event = validator("event.schema.json")
                with open(events, encoding="utf-8") as f:
                    for line in list(f)[::5]:
                        value = json.loads(line)
                        self.assertEqual(any_event.is_valid(value), "subject" in value)

    def test_trigger_schema_is_strict(self):
        """Whatever is left out, put in, or of another type is found."""
        text = read("README.md")
        whole = json.loads(re.search(r"^\{\n  \"specversion\".*?^\}", text, re.DOTALL | re.MULTILINE)[0])
        valid, n = validator("trigger.schema.json"), 0
        places = [(), ("data",), ("data", "stakeholder"), ("data", "cause"), ("data", "obligation"),
                  ("data", "obligation", "opened_by")]
        optional = {"causationid", "correlationid", "route", "action", "obligation", "counterfactual", "due",
                    "conversation", "channel"}
        for place in places:
            changed = copy.deepcopy(whole)
            inner = changed
            for step in place:
                inner = inner[step]
            inner["unheard_of"] = "x"
            self.assertFalse(valid.is_valid(changed), place)
            del inner["unheard_of"]
            for name in list(inner):
                kept = inner.pop(name)
                self.assertEqual(valid.is_valid(changed), name in optional, name)
                inner[name] = ["x"]
                self.assertFalse(valid.is_valid(changed), name)
                inner[name] = kept
                n += 1
        self.assertGreater(n, 35)

    def test_about_nobody(self):
        """Of flood and source.silent, and of no other rule, there is no stakeholder; an escalation is counted."""
        text = read("README.md")
        whole = json.loads(re.search(r"^\{\n  \"specversion\".*?^\}", text, re.DOTALL | re.MULTILINE)[0])
        valid = validator("trigger.schema.json")
        for n, is_good in ((1, True), (2, True), (0, False), ("1", False)):
            whole["data"]["escalation"] = n
            self.assertEqual(valid.is_valid(whole), is_good)
        del whole["data"]["escalation"]
        config = """deployment: t
flood: {triggers: 1, per: 1h}
verbs: {question: {expects_reply: on}}
metrics: {n: {count: true}}
sources: [{name: crm, source: /crm, heartbeat: 10m}]
rules: [{name: many, enter: n > 0, route: sales}, {name: late, owed: {by: organisation, after: 1h}, escalate_after: 1h}]
"""
        events = [{"specversion": "1.0", "id": str(i), "source": "/crm", "type": "io.engaged.interaction.v1", "subject": who,
                   "time": f"2026-05-01T0{8 + i}:00:00Z", "data": {"direction": "inbound", "verb": "question", "conversation": who}}
                  for i, who in ((0, "ann"), (0, "bob"), (1, "cid"))]
        for i, event in enumerate(events):
            event["id"] = str(i)
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("c.yaml", "e.jsonl")]
            for path, content in zip(paths, (config, "".join(json.dumps(e) + "\n" for e in events))):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(content)
            triggers = [json.loads(line) for line in run("replay", "--config", paths[0], "--until", "2026-05-02T00:00:00Z",
                                                         paths[1]).splitlines()]
        rules = {t["data"]["rule"] for t in triggers}
        self.assertLessEqual({"flood", "source.silent", "many"}, rules)
        for t in triggers:
            valid.validate(t)
            is_nobody = t["data"]["rule"] in ("flood", "source.silent")
            self.assertEqual("subject" not in t and t["data"]["stakeholder"] == {}, is_nobody)
            t["data"]["rule"] = "many" if is_nobody else "flood"
            self.assertFalse(valid.is_valid(t))

    def test_values(self):
        text = read("README.md")
        whole = json.loads(re.search(r"^\{\n  \"specversion\".*?^\}", text, re.DOTALL | re.MULTILINE)[0])
        valid = validator("trigger.schema.json")
        for value, is_good in ((1, True), (0.5, True), ("engaged", True), (True, True), (None, True), ([], False), ({}, False)):
            whole["data"]["values"] = {"x": value}
            self.assertEqual(valid.is_valid(whole), is_good)

    def test_only_fired_has_a_counterfactual(self):
        text = read("README.md")
        whole = json.loads(re.search(r"^\{\n  \"specversion\".*?^\}", text, re.DOTALL | re.MULTILINE)[0])
        whole["data"]["edge"] = "cleared"
        self.assertFalse(validator("trigger.schema.json").is_valid(whole))


class AsyncApi(unittest.TestCase):
    def setUp(self):
        self.document = yaml.safe_load(read("config", "schemas", "asyncapi.yaml"))

    def resolve(self, ref):
        name, _, path = ref.partition("#")
        value = schemas()[name] if name else self.document
        for step in [s for s in path.split("/") if s]:
            value = value[step.replace("~1", "/").replace("~0", "~")]
        return value

    def test_every_reference_leads_somewhere(self):
        found = []

        def walk(value):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if key == "$ref":
                    self.assertIsInstance(self.resolve(inner), dict)
                    found.append(inner)
                elif isinstance(inner, (dict, list)):
                    walk(inner)

        walk(self.document)
        self.assertGreater(len(found), 30)

    def test_shape(self):
        d = self.document
        self.assertEqual(d["asyncapi"], "3.0.0")
        self.assertEqual(set(d) - {"servers", "defaultContentType"}, {"asyncapi", "info", "channels", "operations", "components"})
        self.assertTrue(d["info"]["title"] and d["info"]["version"])
        for server in d["servers"].values():
            self.assertEqual(set(server), {"host", "protocol", "description"})
        for channel in d["channels"].values():
            self.assertEqual(set(channel), {"address", "servers", "description", "messages"})
        for operation in d["operations"].values():
            self.assertIn(operation["action"], ("send", "receive"))
            self.assertTrue(operation["channel"]["$ref"].startswith("#/channels/"))
            for message in operation.get("messages", []):
                self.assertTrue(message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/"))

    def test_messages_are_those_of_the_schemas(self):
        messages = self.document["components"]["messages"]
        for name, message in messages.items():
            if name == "deadLetter":
                jsonschema.Draft202012Validator.check_schema(message["headers"])
                continue
            schema = self.resolve(message["payload"]["schema"]["$ref"])
            self.assertEqual(message["name"], schema["properties"]["type"]["const"])
            self.assertEqual(message["title"], schema["title"])
        self.assertEqual(set(messages), {*GOOD, "trigger", "deadLetter"})
        self.assertEqual(set(self.document["channels"]["interactions"]["messages"]), set(GOOD))

    def test_topics_and_headers_are_the_programs(self):
        source = read("src", "conf", "conf_kafka.c")
        for channel in self.document["channels"].values():
            self.assertRegex(source, rf'(def = |shipped_events.* = {{{{)"{channel["address"]}"')
        headers = self.document["components"]["messages"]["deadLetter"]["headers"]
        written = set(re.findall(r'"(__connect\.[\w.]+)"', read("src", "codec", "dead_letter.c")))
        self.assertEqual(set(headers["required"]), written)
        self.assertEqual(set(headers["properties"]), written)

    def test_version(self):
        stated = re.search(r"project\(engaged VERSION (\S+)", read("CMakeLists.txt"))[1]
        self.assertEqual(self.document["info"]["version"], stated)


if __name__ == "__main__":
    ENGAGED = sys.argv.pop(1)
    unittest.main(verbosity=1)
