# SPDX-License-Identifier: Apache-2.0
"""The daemon between real Kafka and real Redis: starts it, feeds it, and collects what it did.

    with Kafka("4") as kafka, Redis() as redis:
        d = Deployment(tools, kafka, redis, config_text, name="case1", partitions=12)
        d.start_process(); d.wait_ready(); d.produce(lines); d.tick(time)
        d.wait_committed(); d.triggers(); d.hashes()
        d.stop()
"""
import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from servers import process  # noqa: E402
from servers.kafka import Kafka  # noqa: E402,F401
from servers.redis import Redis  # noqa: E402,F401

DATA_SETS = ("ibm_care_dev", "ietf_sdjwt", "online_retail")
DEADLINE_S = 60.0


class Failed(Exception):
    """The daemon did not do what it must; the text says what."""


def check(holds, text):
    if not holds:
        raise Failed(text)


class Tools:
    """The programs under test and beside it, from one build folder."""

    def __init__(self, build):
        self.engaged = os.path.join(os.path.abspath(build), "engaged")
        self.engaged_kill = self.engaged + "-kill"  # dies at a point of the protocol if told to
        self.kafkatool = os.path.join(os.path.abspath(build), "kafkatool")
        for program in (self.engaged, self.kafkatool):
            check(os.access(program, os.X_OK), f"{program} is not built")

    def kafka(self, bootstrap, *args, text=b""):
        done = subprocess.run([self.kafkatool, "-b", bootstrap, *map(str, args)], input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        check(done.returncode == 0, f"kafkatool {' '.join(map(str, args))}: "
              + done.stderr.decode("utf-8", "replace"))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def replay(self, config, lines, folder):
        """What the engine says of these events without Kafka or Redis: triggers, state lines."""
        events, state = os.path.join(folder, "events.jsonl"), os.path.join(folder, "state.jsonl")
        with open(events, "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines)
        done = subprocess.run(
            [self.engaged, "replay", "--config", config, "--state", state, events],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        check(done.returncode == 0, "replay: " + done.stderr.decode("utf-8", "replace")[-2000:])
        with open(state, encoding="utf-8") as f:
            states = [json.loads(line) for line in f]
        return [json.loads(line) for line in done.stdout.splitlines()], states


def oracle(script, *args):
    return subprocess.run([sys.executable, os.path.join(TESTS, "oracle", script), *args],
                          stdout=subprocess.PIPE, check=True, text=True).stdout


def real_events(names=DATA_SETS):
    """The data sets as one stream in the order of time (file order within a second of one set)."""
    timed = []
    for name in names:
        path = os.path.join(TESTS, "data", name + ".csv.gz")
        for line in oracle("events.py", path).splitlines():
            timed.append((json.loads(line)["time"], line))
    timed.sort(key=lambda pair: pair[0])  # RFC 3339, UTC, whole seconds: text order is time order
    return [line for _, line in timed]


class Process:
    """One `engaged run`."""

    def __init__(self, tools, config, folder, index):
        self.tools, self.port = tools, process.free_port()
        self.log = os.path.join(folder, f"engaged{index}.log")
        self.config = os.path.join(folder, f"engaged{index}.yaml")
        self.write_config(config)
        self.child, self.ended_by_test = None, False

    def write_config(self, config):
        """A process that starts meanwhile reads one or the other, whole."""
        with open(self.config + ".new", "w", encoding="utf-8") as f:
            f.write(config + f"http: {{listen: \"127.0.0.1:{self.port}\"}}\n")
        os.replace(self.config + ".new", self.config)

    def start(self):
        self.ended_by_test = False
        self.child = process.spawn([self.tools.engaged, "run", "--config", self.config],
                                   log=self.log)

    def start_to_die(self, point, n, stops_at=None):
        """Until it comes by a point of the protocol (src/base/kill_point.h) for the n-th time; stopped
        wherever it comes by `stops_at`."""
        env = {**os.environ, "ENGAGED_KILL_AT": f"{point}:{n}"}
        if stops_at:
            env["ENGAGED_STOP_AT"] = stops_at
        self.ended_by_test = True
        self.child = process.spawn([self.tools.engaged_kill, "run", "--config", self.config],
                                   log=self.log, env=env)

    def http(self, path):
        """Status and text; (0, '') while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode("utf-8", "replace")
        except OSError:
            return 0, ""

    def wait_ready(self, timeout=DEADLINE_S):
        process.wait_until("engaged ready", lambda: self.http("/-/ready")[0] == 200, timeout,
                           self.child, self.log)

    def check_alive(self):
        """It runs, unless the test ended it."""
        if not self.ended_by_test and self.child.poll() is not None:
            raise Failed(f"engaged ended by itself with {self.child.returncode}\n"
                         + process.tail(self.log))

    def kill(self):
        self.ended_by_test = True
        self.child.kill()
        self.child.wait()

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def stop(self, grace=20.0):
        """SIGTERM drains and ends with status 0."""
        self.check_alive()
        self.ended_by_test = True
        self.child.terminate()
        try:
            status = self.child.wait(grace)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise Failed(f"no end {grace:.0f} s after SIGTERM\n{process.tail(self.log)}") from None
        check(status == 0, f"status {status} after SIGTERM\n{process.tail(self.log)}")


class Deployment:
    """Topics, a group, a Redis prefix, and the processes that share them. `topic`: one of events
    that is there already."""

    def __init__(self, tools, kafka, redis, config, name, partitions=1, trigger_partitions=3,
                 topic=None):
        self.tools, self.kafka, self.redis, self.name = tools, kafka, redis, name
        self.topic, self.trigger_topic = topic or f"{name}-events", f"{name}-triggers"
        self.dead_topic, self.group, self.prefix = f"{name}-dead", f"{name}-group", name
        self.partitions, self.processes = partitions, []
        self.folder = process.folder(f"engaged-{name}")
        self.config = config + (
            "kafka:\n"
            f"  properties: {{bootstrap.servers: \"{kafka.client_bootstrap}\", group.id: {self.group}}}\n"
            f"  topics: {{events: [{self.topic}], triggers: {self.trigger_topic}, "
            f"dead_letters: {self.dead_topic}}}\n"
            f"redis: {{url: \"{redis.client_url}\", prefix: {self.prefix}}}\n")
        for made, n in ((None if topic else self.topic, partitions),
                        (self.trigger_topic, trigger_partitions), (self.dead_topic, 1)):
            if made:
                self.run("create", made, n)

    def run(self, *args, text=b""):
        return self.tools.kafka(self.kafka.bootstrap, *args, text=text)

    # -- processes

    def start_process(self):
        p = Process(self.tools, self.config, self.folder, len(self.processes))
        self.processes.append(p)
        p.start()
        return p

    def wait_ready(self):
        for p in self.running():
            p.wait_ready()

    def running(self):
        """Those that the test did not end; one that ended by itself is a failure."""
        for p in self.processes:
            p.check_alive()
        return [p for p in self.processes if not p.ended_by_test]

    def stop(self):
        """Tidily, one after the other."""
        for p in self.running():
            p.stop()

    def abandon(self):
        for p in self.processes:
            if p.child.poll() is None:
                p.kill()

    def logs(self):
        return "\n".join(f"-- {p.log}\n{process.tail(p.log)}" for p in self.processes)

    # -- in

    def produce(self, lines):
        self.run("produce", self.topic, "--key-from-subject", "--header",
                 "content-type=application/cloudevents+json",
                 text="".join(line + "\n" for line in lines).encode("utf-8"))

    def produce_records(self, records):
        self.run("produce", self.topic, "--records",
                 text="".join(json.dumps(r) + "\n" for r in records).encode("utf-8"))

    def tick(self, when):
        self.run("tick", self.topic, when)

    # -- out

    def offsets(self):
        return self.run("offsets", self.group, self.topic)

    def wait_for(self, what, holds, timeout=DEADLINE_S):
        """Polls; a daemon that ends meanwhile (and was not killed by the test) is a failure."""
        deadline = time.monotonic() + timeout
        while not holds():
            for p in self.processes:
                p.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not within {timeout:.0f} s\n{self.logs()}")
            time.sleep(0.2)

    def consumed(self):
        """How many input records the group has committed."""
        return sum(p["offset"] or 0 for p in self.offsets())

    def wait_committed(self, timeout=DEADLINE_S):
        """Until the group has committed the end of every partition that has records."""
        self.wait_for("commit of everything", lambda: all(
            (p["offset"] or 0) == p["high"] for p in self.offsets()), timeout)

    def wait_checkpointed(self, timeout=DEADLINE_S):
        """Until the checkpoint of every partition that has records has reached its end."""
        ends = {p["partition"]: p["high"] for p in self.offsets() if p["high"]}

        def reached():
            keys = [f"{self.prefix}:{{{self.topic}/{p}}}:meta" for p in ends]
            metas = self.redis.hashes([k.encode() for k in keys])
            return all(int(metas[k].get("offset", -1)) >= end
                       for k, end in zip(keys, ends.values()))

        self.wait_for("checkpoint of everything", reached, timeout)

    def consume(self, topic, isolation="read_committed"):
        return self.run("consume", topic, "--until-end", "--isolation", isolation)

    def triggers(self):
        """The triggers that a read-committed consumer sees, in the order of each partition."""
        records = self.consume(self.trigger_topic)
        found = []
        for r in records:
            t = json.loads(r["value"])
            check((r["key"] or None) == t.get("subject"),
                  f"trigger of {t.get('subject')} has the key {r['key']}")
            found.append(t)
        return found

    def dead_letters(self):
        return self.consume(self.dead_topic)

    def hashes(self):
        """The readable state: {stakeholder: (partition, fields)}; one place per stakeholder."""
        found = {}
        for key, fields in self.redis.hashes(self.redis.scan(f"{self.prefix}:*:s:*")).items():
            tag, _, who = key[len(self.prefix) + 1:].partition(":s:")
            check(who not in found, f"{who} is in two partitions")
            found[who] = (int(tag.strip("{}").rsplit("/", 1)[1]), fields)
        return found


# -- what must agree

def compare_triggers(want, got):
    """Each exactly once, and per stakeholder in the same order. `want` is replay's list."""
    # One answer that closes several obligations clears them with one id: replay says how often.
    ids = [t["id"] for t in got]
    due, came = collections.Counter(t["id"] for t in want), collections.Counter(ids)
    repeated = [i for i in due if came[i] > due[i]]
    missing = {i for i in due if came[i] < due[i]}
    extra = set(ids) - set(due)
    first = [t for t in want if t["id"] in missing][:2] + [t for t in got if t["id"] in extra][:2]
    check(not (missing or extra or repeated),
          f"{len(want)} triggers expected, {len(got)} seen: missing {len(missing)}, extra "
          f"{len(extra)}, repeated {len(repeated)}; e.g. {json.dumps(first)[:1500]}")
    for t, u in zip(sorted(want, key=by_id), sorted(got, key=by_id)):
        for field in ("type", "source", "subject", "time"):
            check(t.get(field) == u.get(field), f"{field} of {t['id']}: {t.get(field)}, {u.get(field)}")
        for field in ("rule", "edge", "rule_version", "severity", "route", "reason", "values"):
            check(t["data"].get(field) == u["data"].get(field),
                  f"{field} of {t['id']}: {t['data'].get(field)}, {u['data'].get(field)}")
    check(per_subject(want) == per_subject(got), "the triggers of a stakeholder are out of order")


def by_id(trigger):
    return trigger["id"]


def per_subject(triggers):
    order = {}
    for t in triggers:
        if "subject" in t:  # those of nobody have no key, and so no order
            order.setdefault(t["subject"], []).append(t["id"])
    return order


# -- the command line that the cases share

def main(argv, doc, run):
    """BUILD KAFKA [--seed N] [--case TEXT]; `run` gets them, and returns the exit status."""
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument("build")
    p.add_argument("kafka")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    p.add_argument("--case", default="", help="only those with this in their name")
    process.end_on_signals()
    try:
        return run(p.parse_args(argv))
    except process.Unavailable as e:
        process.skip(str(e))
