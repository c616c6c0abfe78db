#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hard.py BUILD KAFKA CASE...: the daemon under the faults and the pressure that it is made for.

Every case feeds real events through Kafka while something goes wrong, and then demands of a
read-committed consumer each trigger of `engaged replay` exactly once, and of Redis replay's state.
Without CASE all of them; their names are those of the functions case_*.
"""
import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from e2e import PARAMETERS, Expected, show_ms  # noqa: E402
from harness import (Deployment, Failed, Kafka, Redis, Tools, check, compare_triggers,  # noqa: E402
                     oracle, process, real_events)
from model import murmur2  # noqa: E402
import openmetrics  # noqa: E402

CONFIGURATION, TICK = "io.engaged.configuration.v1", "io.engaged.tick.v1"


class World:
    """One Kafka, one set of events, and a fresh Redis and deployment per case."""

    def __init__(self, opt, kafka):
        self.tools, self.kafka, self.rng = Tools(opt.build), kafka, random.Random(opt.seed)
        self.config = oracle("compare.py", "config", *PARAMETERS)
        self.known, self.deployed = {}, collections.Counter()

    def events(self, *names):
        """The lines of these data sets and what they imply."""
        if names not in self.known:
            lines = real_events(names)
            folder = process.folder("expected")
            self.known[names] = lines, Expected(self.tools, self.config, lines, folder)
        return self.known[names]

    def deploy(self, redis, name, config=None, **more):
        self.deployed[name] += 1
        if self.deployed[name] > 1:  # --times: topics and group are the broker's, and stay
            name += str(self.deployed[name])
        return Deployment(self.tools, self.kafka, redis, config or self.config, name, **more)


def thirds(lines):
    n = len(lines) // 3
    return lines[:n], lines[n:2 * n], lines[2 * n:]


def metric(p, name):
    """The sum over its labels."""
    status, text = p.http("/metrics")
    check(status == 200, f"/metrics: {status}")
    return openmetrics.total(text, name)


def finish(d, lines, expected, is_exact=True):
    """Closes the log with a tick; then triggers and state are those of replay."""
    d.tick(show_ms(expected.end_ms + 1))
    d.wait_committed()
    d.wait_checkpointed()
    if is_exact:
        compare_triggers(expected.triggers, d.triggers())
    places = {r["key"]: r["partition"] for r in d.consume(d.topic) if r["key"]}
    expected.check_state(places, d.hashes())


class Deployed:
    """Ends what runs, and shows the logs of a case that failed."""

    def __init__(self, d):
        self.d = d

    def __enter__(self):
        return self.d

    def __exit__(self, kind, *_):
        if kind:
            print(self.d.logs(), flush=True)
        self.d.abandon()


# ---------------------------------------------------------------- memory

class Watch(threading.Thread):
    """The highest value of a metric, as scraped."""

    def __init__(self, p, name):
        super().__init__(daemon=True)
        self.p, self.name, self.highest, self.ends = p, name, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ends.wait(0.1):
            status, text = self.p.http("/metrics")
            if status == 200:
                self.highest = max(self.highest, openmetrics.total(text, self.name))

    def end(self):
        self.ends.set()
        self.join()
        return self.highest


def cold(w, name, memory, names, processes=1):
    lines, expected = w.events(*names)
    with Redis() as redis, Deployed(
            w.deploy(redis, name, with_memory(w.config, memory))) as d:
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_committed()
        watch = Watch(p, "engaged_working_set_bytes")
        d.produce(second)
        d.wait_for("some of it", lambda: d.consumed() > len(first))
        highest = watch.end()
        p.kill()
        p.start()  # everybody is cold
        d.produce(third)
        d.wait_ready()
        watch = Watch(p, "engaged_working_set_bytes")
        finish(d, lines, expected)
        highest = max(highest, watch.end())
        loaded, evicted = (metric(p, f"engaged_stakeholders_{x}")
                           for x in ("loaded_total", "evicted"))
        check(loaded > 0 and evicted > 0, f"loaded {loaded}, evicted {evicted}")
        check(metric(p, "engaged_working_set_bytes") <= memory << 20, "over the limit at rest")
        # Records that are applied within one turn may bring a turn's stakeholders beyond it.
        check(highest <= 2 * (memory << 20), f"working set of {highest} bytes")
        d.stop()
    return f"loaded {loaded:.0f}, evicted {evicted:.0f}, at most {highest / 2**20:.1f} MiB"


def with_memory(config, mib):
    """The oracle's configuration has a `state` section already."""
    return config.replace("state: {", f"state: {{memory: {mib}MiB, ", 1)


def case_cold(w):
    return cold(w, "cold", 2, ("online_retail",))


def case_cold_tiny(w):
    """Those who wake soon are more than memory holds."""
    return cold(w, "coldtiny", 1, ("ietf_sdjwt", "online_retail"))


def case_far_future(w):
    """A time that is not believed is a dead letter, and moves neither clock nor horizon."""
    lines, expected = w.events("online_retail")
    with Redis() as redis, Deployed(
            w.deploy(redis, "future", with_memory(w.config, 2))) as d:
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_committed()
        d.wait_checkpointed()
        p.kill()
        far = json.loads(lines[0])
        far.update(id="far", time="2199-01-01T00:00:00Z")
        d.produce([json.dumps(far)])
        p.start()
        d.produce(second + third)
        finish(d, lines, expected)
        check(len(d.dead_letters()) == 1, "it is no dead letter")
        d.stop()
    return ""


def case_crowded_horizon(w):
    """More wake within the next minute than memory holds: the clock goes on all the same."""
    began, hours = 1_700_000_000_000, 3600_000
    lines = [question(f"q{i:05d}", began + 5 * i) for i in range(4000)]
    lines += [question(f"late{i}", began + 4 * hours - 30000 + 100 * i) for i in range(600)]
    config = QUESTION % "off"
    with Redis() as redis, Deployed(
            w.deploy(redis, "crowd", config + "state: {memory: 1MiB}\n")) as d:
        path = os.path.join(d.folder, "replay.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config)
        end = json.dumps({"specversion": "1.0", "id": "end", "source": "/test",
                          "type": TICK, "time": show_ms(began + 9 * hours)})
        want, _ = w.tools.replay(path, lines + [end], d.folder)
        check(len(want) == 4600, f"{len(want)} triggers in replay")
        d.start_process()
        d.wait_ready()
        d.produce(lines[:4000])
        d.wait_checkpointed()
        for at in range(4000, 4600, 100):
            d.produce(lines[at:at + 100])
            d.wait_committed(15)
        d.tick(show_ms(began + 9 * hours))
        d.wait_committed()
        compare_triggers(want, d.triggers())
        d.stop()


def case_large_in_little_memory(w):
    """Of those that the next records need, all with a large state, memory holds only a few; some need
    two at once. What has changed leaves as soon as it is stored, and nobody waits for longer."""
    began, partitions = 1_700_000_000_000, 16  # that share the memory
    names = [x for x in (f"q{i:05d}" for i in range(partitions * 90))
             if murmur2(x.encode()) % partitions == 0][:60]
    first = [question(name, began + 60 * i + n, f"{name}-{n}")
             for i, name in enumerate(names) for n in range(60)]
    second = []
    for i in range(160):
        at_ms, gone, into = began + 3600_000 + 100 * i, names[i % 20], names[59 - i % 20]
        second.append(question(into, at_ms, f"into{i}"))
        if i < 20:
            second.append(json.dumps({
                "specversion": "1.0", "id": f"merge{i}", "source": "/test", "subject": gone,
                "type": "io.engaged.identity.v1", "time": show_ms(at_ms + 1),
                "data": {"action": "merge", "into": into}}))
        second += [question(names[20 + (i + n) % 20], at_ms + 2 + n, f"behind{i}-{n}")
                   for n in range(20)]
    with Redis() as redis, Deployed(
            w.deploy(redis, "large", QUESTION % "off" + "state: {memory: 1MiB}\n",
                     partitions=partitions)) as d:
        p = d.start_process()
        d.wait_ready()
        d.produce(first)
        d.wait_checkpointed()
        p.kill()
        p.start()
        d.wait_ready()
        since = time.monotonic()
        d.produce(second)
        d.wait_for("all records", lambda: metric(p, "engaged_records_total") >= len(second), 60)
        took = time.monotonic() - since
        loaded = metric(p, "engaged_stakeholders_loaded_total")
        d.stop()
        check(took < 12, f"{len(second)} records took {took:.1f} s")
    return f"{len(second)} records in {took:.1f} s, loaded {loaded:.0f}"


# ---------------------------------------------------------------- Redis

def with_redis_fault(w, name, redis, fault, heal, check_meanwhile=True):
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    with Deployed(w.deploy(redis, name, partitions=3)) as d:
        d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_checkpointed()
        kept = fault()
        if kept:  # from here on there is more than the dump has
            d.produce(second[:2000])
            d.wait_checkpointed()
        before = d.consumed()
        d.produce(second[2000:] if kept else second)
        if check_meanwhile:
            d.wait_for("publishing while Redis is away",
                       lambda: d.consumed() >= before + len(second) // 2, 20)
        heal(kept)
        d.produce(third)
        finish(d, lines, expected)
        d.wait_ready()
        d.stop()
        compare_triggers(expected.triggers, d.triggers())


def case_redis_killed(w):
    with Redis(appendonly=True) as redis:
        with_redis_fault(w, "rkill", redis, redis.kill, lambda _: redis.restart())


def case_redis_emptied(w):
    with Redis() as redis:
        with_redis_fault(w, "rempty", redis, redis.kill, lambda _: redis.restart_empty())


def case_redis_old_dump(w):
    with Redis() as redis:
        with_redis_fault(w, "rdump", redis, redis.keep_dump, redis.restart_from_dump, False)


def case_redis_away(w):
    def heal(_):
        time.sleep(15)
        redis.resume()

    with Redis() as redis:
        with_redis_fault(w, "raway", redis, redis.pause, heal)


def case_redis_out_of_memory(w):
    def fault():
        used = int(next(x for x in redis.call("INFO", "memory").split(b"\r\n")
                        if x.startswith(b"used_memory:")).split(b":")[1])
        redis.call("CONFIG", "SET", "maxmemory", used - 100000)

    def heal(_):
        time.sleep(2)
        redis.call("CONFIG", "SET", "maxmemory", 0)

    with Redis() as redis:
        with_redis_fault(w, "room", redis, fault, heal)


def case_redis_sleeps(w):
    def sleep():
        sleeper = redis.client.socket
        sleeper.sendall(b"DEBUG SLEEP 6\r\n")

    def heal(_):
        redis.client._reply()  # the answer comes when it has slept

    with Redis(settings={"enable-debug-command": "yes"}) as redis:
        with_redis_fault(w, "rsleep", redis, sleep, heal)


def case_redis_without_restore(w):
    """Our user may not RESTORE: HSET writes the same state, and the log says so, once."""
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt")
    with Redis() as redis, Deployed(w.deploy(redis, "acl", partitions=2)) as d:
        redis.call("ACL", "SETUSER", "default", "-restore")
        p = d.start_process()
        d.wait_ready()
        for part in thirds(lines):
            d.produce(part)
            d.wait_checkpointed()
        finish(d, lines, expected)
        d.stop()
        with open(p.log, encoding="utf-8") as f:
            said = f.read().count("RESTORE is refused")
        check(said == 1, f"the log says {said} times that RESTORE is refused")


# ---------------------------------------------------------------- Kafka and processes

def case_broker_restarted(w):
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    with Redis() as redis, Deployed(w.deploy(redis, "broker", partitions=3)) as d:
        d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.produce(second)
        w.kafka.kill(0)
        time.sleep(2)
        w.kafka.restart(0)
        d.produce(third)
        finish(d, lines, expected)
        d.stop()
        compare_triggers(expected.triggers, d.triggers())


def case_zombie(w):
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    with Redis() as redis, Deployed(w.deploy(redis, "zombie", partitions=4)) as d:
        zombie, _ = d.start_process(), d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        feed = threading.Thread(target=d.produce, args=(first,))
        feed.start()
        time.sleep(w.rng.uniform(0.1, 0.6))
        zombie.pause()
        feed.join()
        d.produce(second)
        d.wait_committed()  # the other has taken over
        zombie.resume()
        d.produce(third)
        finish(d, lines, expected)
        d.wait_ready()
        d.stop()
        compare_triggers(expected.triggers, d.triggers())


def ends_under_load(w, d, lines, n):
    """SIGTERM at some moment of the feed, n times, each process in its turn; how long each took."""
    took = []
    step = len(lines) // n
    for i in range(n):
        part = lines[i * step:(i + 1) * step if i + 1 < n else len(lines)]
        feed = threading.Thread(target=d.produce, args=(part,))
        feed.start()
        time.sleep(w.rng.uniform(0.0, 1.0))
        p = d.processes[i % len(d.processes)]
        began = time.monotonic()
        p.stop()
        took.append(time.monotonic() - began)
        p.start()
        feed.join()
        if w.rng.random() < 0.5:
            d.wait_ready()
    return took


def case_sigterm(w, n=12):
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    with Redis() as redis, Deployed(w.deploy(redis, "sigterm", partitions=12)) as d:
        d.start_process()
        d.start_process()
        d.wait_ready()
        took = ends_under_load(w, d, lines, n)
        d.wait_ready()
        finish(d, lines, expected)
        d.stop()
        compare_triggers(expected.triggers, d.triggers())
    return f"{n} ends, at most {max(took):.1f} s"


def case_kept(w):
    """A member comes and goes: who keeps a partition keeps what it has in memory of it, and asks Redis
    for nobody; who gets one from another does not, nor one that another has had meanwhile."""
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    with Redis() as redis, Deployed(w.deploy(redis, "kept", partitions=4)) as d:
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_checkpointed()
        other = d.start_process()
        d.wait_ready()
        d.wait_for("two partitions kept", lambda: metric(p, "engaged_takeovers_kept_total") == 2)
        check(metric(other, "engaged_takeovers_kept_total") == 0, "kept what it never had")
        d.produce(second)
        d.wait_checkpointed()
        loaded = {n for n in range(4) if f'engaged_stakeholders_loaded_total{{partition="{n}"}} 0\n'
                  not in p.http("/metrics")[1]}
        check(not loaded, f"stakeholders of {loaded} were loaded, though all were in memory")
        other.stop()
        d.wait_for("its own two kept again",
                   lambda: metric(p, "engaged_takeovers_kept_total") == 4)
        d.produce(third)
        finish(d, lines, expected)
        d.stop()


def case_rebalance_while_draining(w):
    """Another member comes while a drain waits for Redis: both the drain and the group's question for
    the partitions are answered."""
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt")
    with Redis() as redis, Deployed(w.deploy(redis, "drain", partitions=2)) as d:
        d.config = d.config.replace("group.id:", "heartbeat.interval.ms: 300, group.id:")
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_checkpointed()
        redis.pause()  # the last checkpoint is waited for
        d.produce(second)
        p.ended_by_test = True
        p.child.terminate()
        d.start_process()
        began = time.monotonic()
        d.wait_for("the end", lambda: p.child.poll() is not None, 15)
        took = time.monotonic() - began
        check(p.child.returncode == 0, f"status {p.child.returncode}")
        redis.resume()
        d.produce(third)
        finish(d, lines, expected)
        d.stop()
    return f"the end took {took:.1f} s"


def case_second_signal(w):
    """Redis does not answer, Kafka neither: the second signal does not wait for them."""
    lines, _ = w.events("ibm_care_dev")
    with Redis() as redis, Deployed(w.deploy(redis, "second")) as d:
        p = d.start_process()
        d.wait_ready()
        d.produce(lines)
        redis.pause()
        w.kafka.pause(0)
        try:
            p.ended_by_test = True
            p.child.terminate()
            time.sleep(0.5)
            check(p.child.poll() is None, "it did not even try to drain")
            began = time.monotonic()
            p.child.terminate()
            p.child.wait(10)
            took = time.monotonic() - began
        finally:
            w.kafka.resume(0)
            redis.resume()
        check(took < 2.0, f"{took:.1f} s after the second signal")
    return f"{took:.1f} s"


# ---------------------------------------------------------------- time

QUESTION = """deployment: ticks
organisation: Example
time: {lateness: 0s, idle_after: 2s, ticks: %s}
rules:
  - name: reply-overdue
    owed: {by: organisation, after: 4h}
    severity: warning
    route: service
"""


def question(subject, ms, name=None):
    name = name or subject
    return json.dumps({
        "specversion": "1.0", "id": f"q-{name}", "source": "/test", "subject": subject,
        "type": "io.engaged.interaction.v1", "time": show_ms(ms),
        "data": {"direction": "inbound", "verb": "question", "conversation": f"c-{name}",
                 "expects_reply": True}})


def view(i):
    return json.dumps({
        "specversion": "1.0", "id": f"v-{i}", "source": "/test", "subject": f"viewer{i % 500}",
        "type": "io.engaged.interaction.v1", "time": show_ms(round(time.time() * 1000)),
        "data": {"direction": "inbound", "verb": "view"}})


def of_type(d, kind):
    return [r for r in d.consume(d.topic) if r["value"] and json.loads(r["value"])["type"] == kind]


def case_ticks(w):
    """A deadline passes on an idle topic, hot and cold, before and after a rebalance."""
    with Redis() as redis, Deployed(w.deploy(redis, "ticks", QUESTION % "on", partitions=2)) as d:
        p = d.start_process()
        d.wait_ready()
        due = round(time.time() * 1000) + 3000
        began = time.monotonic()
        d.produce([question("ann", due - 4 * 3600_000)])
        d.wait_for("the stall", lambda: len(d.triggers()) == 1, 15)
        took = time.monotonic() - began
        t = d.triggers()[0]
        check(t["subject"] == "ann" and t["time"] == show_ms(due), f"{t}")
        n = len(of_type(d, TICK))
        check(1 <= n <= took + 1, f"{n} ticks in {took:.1f} s")
        # Another member comes and goes: both have been through a rebalance.
        feed = threading.Thread(target=d.produce, args=([view(i) for i in range(60000)],))
        feed.start()
        q = d.start_process()
        d.wait_ready()
        q.stop()
        feed.join()
        d.wait_committed()
        check(len(of_type(d, TICK)) == n, "ticks though nothing is due")
        d.produce([question(s, round(time.time() * 1000) - 4 * 3600_000) for s in ("eve", "fay", "gus")])
        d.wait_for("the stalls after the rebalances", lambda: len(d.triggers()) == 4, 10)
        due = round(time.time() * 1000) + 2000
        d.produce([question(s, due - 4 * 3600_000) for s in ("bob", "cem", "dan")])
        d.wait_committed()
        d.wait_checkpointed()
        p.kill()
        p.start()
        d.wait_for("the stalls of those who are cold", lambda: len(d.triggers()) == 7, 25)
        d.wait_ready()
        d.stop()
        check(len(d.triggers()) == 7, "a stall twice")
    return f"{n} tick(s), the stall {took - 3:.1f} s after it was due"


EXPLAINED = """deployment: explained
organisation: Example
time: {lateness: 0s, idle_after: 2s}
metrics:
  n: {count: true, window: 30d}
rules:
  - name: reply-overdue
    owed: {by: organisation, after: 4h}
    severity: warning
    route: service
  - name: active
    enter: 'n >= 3'
    severity: info
    route: sales
"""


def explain(d, trigger_id):
    """Exit status and standard output or error, where the trigger and its history are in Kafka."""
    done = subprocess.run([d.tools.engaged, "explain", "--json", "--config", d.processes[0].config, trigger_id],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr.decode()


def case_explain(w):
    """Every trigger is recomputed from the topics, be it of an event or of a tick; nothing is committed."""
    with Redis() as redis, Deployed(w.deploy(redis, "explained", EXPLAINED, partitions=2)) as d:
        p = d.start_process()
        d.wait_ready()
        now = round(time.time() * 1000)
        d.produce([json.dumps({"no": "event"})])
        d.produce([question(s, now - 4 * 3600_000 + 2000) for s in ("ann", "bob", "cem")])
        d.wait_for("the stalls", lambda: len(d.triggers()) == 3, 20)
        # Not believed by the daemon, and not when it is read again: else bob would be active first.
        for i in range(2):
            d.produce([json.dumps(dict(json.loads(question("bob", now + 86400_000)), id=f"far-{i}"))])
        d.produce([json.dumps(dict(json.loads(question("ann", now + i)), id=f"more-{i}")) for i in range(2)])
        d.wait_for("the active one", lambda: len(d.triggers()) == 4, 20)
        d.wait_committed()
        p.stop()
        before = d.offsets()
        for t in d.triggers():
            status, said = explain(d, t["id"])
            check(status == 0 and said["same"], f"{t}: {said}")
            check(said["trigger"] == said["recomputed"] == t, "with its places in Kafka")
        active = next(t for t in d.triggers() if t["data"]["rule"] == "active")
        named = {e["id"]: e["line"] for e in explain(d, active["id"])[1]["events"]}
        check({e["id"]: e["offset"] for e in active["data"]["contributions"][0]["events"]} == named, f"{named}")
        check(len(named) == 3, f"{named}")
        status, said = explain(d, "0" * 32)
        check(status == 1 and "no trigger of that id in the topic explained-triggers" in said, f"{said}")
        check(d.offsets() == before, "offsets were committed")
    return f"{len(d.triggers())} triggers"


def case_ticks_off(w):
    with Redis() as redis, Deployed(w.deploy(redis, "noticks", QUESTION % "off")) as d:
        d.start_process()
        d.wait_ready()
        d.produce([question("ann", round(time.time() * 1000) - 5 * 3600_000)])
        time.sleep(6)
        check(not of_type(d, TICK), "ticks though they are off")
        check(not d.triggers(), "time passed without a tick")
        d.stop()


# ---------------------------------------------------------------- configuration

def replay_of_log(w, d, config):
    """What the dumped log implies, partition by partition, control records included."""
    parts = collections.defaultdict(list)
    for r in sorted(d.consume(d.topic), key=lambda r: (r["partition"], r["offset"])):
        parts[r["partition"]].append(r["value"])
    found = []
    path = os.path.join(d.folder, "replay.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(config)
    for lines in parts.values():
        found += w.tools.replay(path, lines, d.folder)[0]
    return found


def post(p, path):
    request = urllib.request.Request(f"http://127.0.0.1:{p.port}{path}", data=b"", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def case_reload(w):
    lines, _ = w.events("ietf_sdjwt", "online_retail")
    config = with_memory(w.config, 2)
    changed = config.replace("involvement >= 8.0", "involvement >= 5.0")
    check(changed != config, "nothing to change")
    with Redis() as redis, Deployed(w.deploy(redis, "reload", config, partitions=2)) as d:
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        d.wait_committed()
        with open(p.config, encoding="utf-8") as f:
            old = f.read()
        with open(p.config, "w", encoding="utf-8") as f:
            f.write(old + "nonsense: [\n")
        check(post(p, "/-/reload") == 500, "a broken file was taken")
        check(metric(p, "engaged_config_last_reload_successful") == 0, "the metric says otherwise")
        with open(p.config, "w", encoding="utf-8") as f:
            f.write(old.replace("involvement >= 8.0", "involvement >= 5.0"))
        p.child.send_signal(signal.SIGHUP)
        d.wait_for("control records", lambda: len(of_type(d, CONFIGURATION)) == 4, 10)
        check(metric(p, "engaged_config_last_reload_successful") == 1, "the metric says otherwise")
        d.produce(second)
        time.sleep(w.rng.uniform(0, 0.5))
        p.kill()
        p.start()
        d.produce(third)
        d.wait_ready()
        with open(p.config, "w", encoding="utf-8") as f:
            f.write(old)
        check(post(p, "/-/reload") == 200, "the old file was not taken again")
        d.wait_for("control records", lambda: len(of_type(d, CONFIGURATION)) == 6, 15)
        d.tick(show_ms(w.events("ietf_sdjwt", "online_retail")[1].end_ms + 1))
        d.wait_committed()
        want = replay_of_log(w, d, config)
        compare_triggers(want, d.triggers())
        n = len(of_type(d, CONFIGURATION))
        d.stop()
        p.start()
        d.wait_ready()
        d.stop()
        compare_triggers(want, d.triggers())
        check(len(of_type(d, CONFIGURATION)) == n == 6, "control records that change nothing")


def case_reload_emptied(w):
    """What is rebuilt from the log alone begins with the rules that were in force at its beginning,
    not with those of the file that the process finds."""
    lines, expected = w.events("ietf_sdjwt", "online_retail")
    changed = w.config.replace("involvement >= 8.0", "involvement >= 5.0")
    with Redis() as redis, Deployed(w.deploy(redis, "reloadempty", partitions=2)) as d:
        first, second, third = thirds(lines)
        d.produce(first)  # so that the first control records come behind a history
        p = d.start_process()
        d.wait_ready()
        d.wait_for("the first control records", lambda: len(of_type(d, CONFIGURATION)) == 2, 15)
        d.wait_committed()
        with open(p.config, encoding="utf-8") as f:
            text = f.read()
        with open(p.config, "w", encoding="utf-8") as f:
            f.write(text.replace(w.config, changed))
        check(post(p, "/-/reload") == 200, "the new file was not taken")
        d.wait_for("control records", lambda: len(of_type(d, CONFIGURATION)) == 4, 15)
        d.produce(second)
        d.wait_committed()
        p.stop()
        redis.restart_empty()
        p.start()
        d.produce(third)
        d.wait_ready()
        d.tick(show_ms(expected.end_ms + 1))
        d.wait_committed()
        says(p, "the log begins with the configuration that its first control record names", 1)
        compare_triggers(replay_of_log(w, d, w.config), d.triggers())
        d.stop()


def case_started_over(w):
    """Without offsets and checkpoint, and with another file: what the log implies is published once
    more, and nothing else, since the log says what was in force at its beginning."""
    lines, expected = w.events("ietf_sdjwt", "online_retail")
    changed = w.config.replace("involvement >= 8.0", "involvement >= 5.0")
    with Redis() as redis, Deployed(w.deploy(redis, "over", partitions=2)) as d:
        d.produce(lines)
        p = d.start_process()
        d.wait_for("the first control records", lambda: len(of_type(d, CONFIGURATION)) == 2, 30)
        d.tick(show_ms(expected.end_ms + 1))
        d.wait_committed()
        p.stop()
        want = replay_of_log(w, d, w.config)
        compare_triggers(want, d.triggers())
        with open(p.config, encoding="utf-8") as f:
            text = f.read()
        with open(p.config, "w", encoding="utf-8") as f:
            f.write(text.replace(w.config, changed))
        redis.restart_empty()
        d.run("forget", d.group, d.topic, d.partitions)
        p.start()
        d.wait_for("the new configuration", lambda: len(of_type(d, CONFIGURATION)) == 4, 30)
        d.wait_committed()
        p.stop()
        of_before = {t["id"] for t in want}
        counts = collections.Counter(t["id"] for t in d.triggers())
        check(all(counts[i] == 2 for i in of_before), "not all came once more")
        later = {t["id"] for t in replay_of_log(w, d, w.config)}
        check(set(counts) == later, f"{len(set(counts) - later)} that the log does not imply")


def case_at_least_once(w):
    lines, expected = w.events("ibm_care_dev", "ietf_sdjwt", "online_retail")
    config = w.config + "delivery: at-least-once\n"
    with Redis() as redis, Deployed(w.deploy(redis, "alo", config, partitions=3)) as d:
        p = d.start_process()
        d.wait_ready()
        first, second, third = thirds(lines)
        d.produce(first)
        finish_ids = {t["id"] for t in expected.triggers}
        d.wait_committed()
        seen = [t["id"] for t in d.triggers()]
        check(len(seen) == len(set(seen)), "repeats though nothing happened")
        d.produce(second)
        p.kill()
        p.start()
        d.produce(third)
        finish(d, lines, expected, is_exact=False)
        ids = [t["id"] for t in d.triggers()]
        check(set(ids) == finish_ids, f"{len(finish_ids - set(ids))} missing, "
              f"{len(set(ids) - finish_ids)} extra")
        d.stop()
    return f"{len(ids) - len(set(ids))} repeats after the kill"


# ---------------------------------------------------------------- what is said

def says(p, what, timeout=15):
    """Until the log says it."""
    def holds():
        with open(p.log, encoding="utf-8", errors="replace") as f:
            return what in f.read()
    process.wait_until(f"'{what}' in the log", holds, timeout, None, p.log)


def fails(p, what, timeout=15):
    p.ended_by_test = True
    check(p.child.wait(timeout) == 1, f"status {p.child.returncode}")
    says(p, what, 1)


def case_refusals(w):
    with Redis(settings={"maxmemory-policy": "allkeys-lru"}) as redis:
        with Deployed(w.deploy(redis, "evicts")) as d:
            fails(d.start_process(), "maxmemory-policy noeviction")
    with Redis() as redis:
        redis.call("CONFIG", "SET", "requirepass", "right")
        redis.client_url = redis.url.replace("//", "//:wrong@")
        with Deployed(w.deploy(redis, "password")) as d:
            p = d.start_process()
            says(p, "WRONGPASS")
            check(p.http("/-/ready")[0] == 503, "ready without Redis")
            with open(p.log, encoding="utf-8") as f:
                check(":wrong@" not in f.read(), "the password is in the log")
            d.stop()
    with Redis() as redis:
        redis.client_url = redis.url.replace("redis:", "rediss:")
        with Deployed(w.deploy(redis, "tls")) as d:
            fails(d.start_process(), "rediss")
        redis.client_url = redis.url
        with Deployed(w.deploy(redis, "property")) as d:
            p = process_with(d, lambda text: text.replace("group.id:", "no.such.thing: 1, group.id:"))
            fails(p, "no.such.thing")
        with Deployed(w.deploy(redis, "topics")) as d:
            p = process_with(d, lambda text: text.replace("topics-events", "topics-nowhere"))
            says(p, "topics-nowhere")
            says(p, "Unknown topic or partition")
            check(p.http("/-/ready")[0] == 503, "ready without its topic")
            d.stop()


def process_with(d, change):
    d.config = change(d.config)
    return d.start_process()


def case_partitions_added(w):
    """Keys would move away from their state: nothing is applied, and the operator is told."""
    lines, _ = w.events("ibm_care_dev")
    with Redis() as redis, Deployed(w.deploy(redis, "grown", partitions=2)) as d:
        p = d.start_process()
        d.wait_ready()
        d.produce(lines)
        d.wait_checkpointed()
        d.stop()
        triggers, consumed = sorted(t["id"] for t in d.triggers()), d.consumed()
        d.run("grow", d.topic, 3)
        p.start()
        says(p, "reason=partitions")
        d.produce([json.dumps(dict(json.loads(x), id=f"again-{i}")) for i, x in enumerate(lines)])
        time.sleep(2)
        check(d.consumed() == consumed, "records were applied")
        check(sorted(t["id"] for t in d.triggers()) == triggers, "triggers were published")
        d.stop()


def case_metrics(w):
    lines, _ = w.events("ibm_care_dev")
    with Redis() as redis, Deployed(w.deploy(redis, "metrics", partitions=2)) as d:
        p = d.start_process()
        d.wait_ready()
        odd = json.loads(lines[0])
        odd["id"], odd["data"]["verb"] = "odd", "yodel"
        d.produce(lines + [json.dumps({"no": "event"}), json.dumps(odd)])
        d.wait_committed()
        status, text = p.http("/metrics")
        check(status == 200, f"{status}")
        n = len(openmetrics.parse(text))
        check(openmetrics.total(text, "engaged_dead_letters_total") == 1, "dead letters")
        records = openmetrics.total(text, "engaged_records_total")
        check(len(lines) + 2 <= records <= len(lines) + 4, f"{records} records")  # 2 of ours
        check(openmetrics.total(text, "engaged_events_unknown_verb_total") == 1, "unknown verbs")
        says(p, "verb=yodel", 1)
        redis.pause()
        d.wait_for("not ready", lambda: p.http("/-/ready")[0] == 503, 20)
        says(p, "Redis is not to be had: publishing goes on from memory", 1)
        check(p.http("/-/healthy")[0] == 200, "not healthy though only Redis is away")
        openmetrics.parse(p.http("/metrics")[1])
        redis.resume()
        p.wait_ready(20)
        says(p, "Redis is ready again", 1)
        d.stop()
    return f"{n} families"


def cases():
    return {k[5:]: f for k, f in globals().items() if k.startswith("case_")}


def run(opt):
    failed = 0
    names = opt.case or list(cases())
    print(f"seed {opt.seed}", flush=True)
    with Kafka(opt.kafka) as kafka:
        w = World(opt, kafka)
        for name in names * opt.times:
            began = time.monotonic()
            try:
                note = cases()[name](w)
                print(f"ok     {name:20s} {time.monotonic() - began:5.1f} s  {note or ''}", flush=True)
            except (Failed, RuntimeError, AssertionError) as e:
                failed += 1
                print(f"FAILED {name}: {e}", flush=True)
    return 1 if failed else 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build")
    p.add_argument("kafka")
    p.add_argument("case", nargs="*", choices=[[], *cases()])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    p.add_argument("--times", type=int, default=1)
    process.end_on_signals()
    try:
        return run(p.parse_args(argv))
    except process.Unavailable as e:
        process.skip(str(e))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
