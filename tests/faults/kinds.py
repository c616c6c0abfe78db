#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kinds.py NAME... [--times N] [--build DIR] [--kafka 3.9|4] [--seed S]: every kind of fault, and each alone.

A kind does its fault to a World, heals it, and comes back when the servers are whole again, with a
short note; the processes may still be catching up. `touches` is what it acts on: two kinds at once
must not touch the same. `waits`: it takes until a time-out of the shipped configuration has passed.

As a command: does the named kinds (`all`; `list` prints them) under a small feed, and after each demands
that all processes become ready and commit what there is; at the end, that a consumer has read what
the log implies, each trigger once.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "integration")]
from faults import kill_points  # noqa: E402
from faults.world import World  # noqa: E402
from harness import Failed, Tools, check, compare_triggers, process  # noqa: E402
from servers import kafka_wire  # noqa: E402

SESSION_S, TRANSACTION_S = 6.0, 10.0  # as shipped


class Kind:
    def __init__(self, name, touches, run, waits=False):
        self.name, self.touches, self.run, self.waits = name, touches, run, waits

    def goes_with(self, other):
        """Both may happen at once, each in a thread of its own."""
        return self.touches != other.touches and "all" not in (self.touches, other.touches)


KINDS = []


def kind(touches, waits=False):
    def add(run):
        KINDS.append(Kind(run.__name__, touches, run, waits))
        return run
    return add


def pause(rng, low, high):
    seconds = rng.uniform(low, high)
    time.sleep(seconds)
    return f"{seconds:.1f} s"


# ---------------------------------------------------------------- processes

def one(w, rng):
    p = rng.choice(w.regulars)
    return w.regulars.index(p), p


@kind("process")
def process_kill(w, rng):
    i, p = one(w, rng)
    p.kill()
    away = pause(rng, 0.0, 2.0)
    p.start()
    return f"process {i}, away {away}"


@kind("process")
def process_kill_all(w, rng):
    for p in w.regulars:
        p.kill()
    away = pause(rng, 0.0, 2.0)
    for p in w.regulars:
        p.start()
    return f"away {away}"


def stopped(w, rng, low, high):
    i, p = one(w, rng)
    p.pause()
    try:
        return f"process {i}, stopped {pause(rng, low, high)}"
    finally:
        p.resume()


@kind("process")
def process_stopped(w, rng):
    return stopped(w, rng, 0.2, SESSION_S / 2)


@kind("process", waits=True)
def process_zombie(w, rng):
    return stopped(w, rng, SESSION_S + 0.5, TRANSACTION_S - 0.5)


@kind("process", waits=True)
def process_zombie_long(w, rng):
    """The broker itself has aborted what was open: it looks for such transactions each 10 s."""
    return stopped(w, rng, TRANSACTION_S + 2, TRANSACTION_S + 11)


@kind("process")
def process_restart(w, rng):
    """SIGTERM drains, status 0."""
    i, p = one(w, rng)
    w.up(p)
    p.stop()
    p.start()
    return f"process {i}"


@kind("process")
def process_leaves(w, rng):
    i, p = one(w, rng)
    w.up(p)
    p.stop()
    away = pause(rng, 1.0, 4.0)
    p.start()
    return f"process {i}, away {away}"


@kind("process")
def process_joins(w, rng):
    """One more, for a while; it goes tidily or not."""
    p = w.spare()
    w.up(p)
    stays, kills = pause(rng, 0.0, 5.0), rng.random() < 0.5
    if kills:
        p.kill()
    else:
        p.stop()
    return f"stays {stays}, " + ("killed" if kills else "leaves")


@kind("process")
def process_reload(w, rng):
    """SIGHUP with another configuration in the file."""
    w.reload_next()
    return ""


# ---------------------------------------------------------------- brokers

def broker_away(w, rng, i, low=0.3, high=2.0):
    w.kafka.kill(i)
    away = pause(rng, low, high)
    w.kafka.restart(i)
    w.kafka.wait_whole()
    return f"broker {i}, away {away}"


@kind("kafka")
def broker_kill(w, rng):
    return broker_away(w, rng, rng.randrange(3))


@kind("kafka")
def broker_stopped(w, rng):
    """Up to some seconds: others lead after three, and it does not know."""
    i = rng.randrange(3)
    w.kafka.pause(i)
    try:
        note = pause(rng, 0.5, 5.0)
    finally:
        w.kafka.resume(i)
    w.kafka.wait_whole()
    return f"broker {i}, stopped {note}"


@kind("kafka")
def broker_restart(w, rng):
    """Tidily: leaders move before it goes."""
    i = rng.randrange(3)
    w.kafka.terminate(i)
    w.kafka.restart(i)
    w.kafka.wait_whole()
    return f"broker {i}"


@kind("kafka")
def leader_move(w, rng):
    """Of some partitions of the input and the output, with nobody killed."""
    d = w.deployment
    there = [(p.topic, p.index) for p in w.kafka.partitions()
             if p.topic in (d.topic, d.trigger_topic, d.dead_topic)]
    moved = rng.sample(there, rng.randint(1, 4))
    return ", ".join(f"{t}/{i} to {w.kafka.move_leader(t, i)}" for t, i in moved)


def a_transaction(w, rng):
    """One of the transactional.ids of processes that run, and its coordinator."""
    for _ in range(100):
        found = {k: i for k, (i, state) in w.kafka.transactions().items()
                 if state not in ("Empty", "Dead")}
        if found:
            name = rng.choice(sorted(found))
            return name, found[name]
        time.sleep(0.1)
    raise Failed("no transaction for 10 s")


@kind("kafka")
def group_coordinator_kill(w, rng):
    return broker_away(w, rng, w.kafka.coordinator(kafka_wire.GROUP, w.deployment.group))


@kind("kafka")
def transaction_coordinator_kill(w, rng):
    name, i = a_transaction(w, rng)
    return f"of {name}: " + broker_away(w, rng, i)


@kind("kafka")
def coordinator_move(w, rng):
    """Of the group, of a transaction, or of both."""
    what, notes = rng.choice(("group", "transaction", "both")), []
    if what != "transaction":
        to = w.kafka.move_coordinator(kafka_wire.GROUP, w.deployment.group)
        notes.append(f"group to {to}")
    if what != "group":
        name, _ = a_transaction(w, rng)
        notes.append(f"{name} to {w.kafka.move_coordinator(kafka_wire.TRANSACTION, name)}")
    return ", ".join(notes)


# ---------------------------------------------------------------- Redis

@kind("redis")
def redis_kill(w, rng):
    """It comes back with its append-only file, synced each second."""
    w.redis.kill()
    away = pause(rng, 0.0, 3.0)
    w.redis.restart()
    w.redis.wait_whole()
    return f"away {away}"


@kind("redis")
def redis_restart_empty(w, rng):
    w.redis.kill()
    away = pause(rng, 0.0, 1.0)
    w.redis.restart_empty()
    w.redis.wait_whole()
    return f"away {away}"


@kind("redis")
def redis_old_snapshot(w, rng):
    kept = w.redis.keep_dump()
    age = pause(rng, 1.0, 4.0)
    w.redis.kill()
    away = pause(rng, 0.0, 1.0)
    w.redis.restart_from_dump(kept)
    w.redis.wait_whole()
    return f"{age} old, away {away}"


@kind("redis")
def redis_fail_over(w, rng):
    """To a replica that lags; what it lacks had been acknowledged."""
    w.redis.lag()
    behind = pause(rng, 0.2, 4.0)
    w.redis.fail_over()
    w.redis.wait_whole()
    return f"behind by {behind}"


@kind("redis")
def redis_sleeps(w, rng):
    seconds = round(rng.uniform(0.5, 5.0), 1)
    w.redis.sleep(seconds)
    return f"{seconds} s"


@kind("redis")
def redis_out_of_memory(w, rng):
    w.redis.limit_memory()
    try:
        return pause(rng, 1.0, 5.0)
    finally:
        w.redis.lift_limit()


@kind("redis")
def redis_stopped(w, rng):
    w.redis.pause()
    try:
        return f"stopped {pause(rng, 0.5, 5.0)}"
    finally:
        w.redis.resume()


# ---------------------------------------------------------------- links

def a_broker(w, rng):
    return [rng.choice(w.links.brokers)]


def all_brokers(w, rng):
    return w.links.brokers


def to_redis(w, rng):
    return [w.links.redis]


def while_broken(links, rng, break_one, low, high):
    for link in links:
        break_one(link)
    try:
        return pause(rng, low, high)
    finally:
        for link in links:
            link.heal()


def add_links(name, touches, choose):
    """The kinds of faults of one choice of links."""
    def cut(w, rng):
        return while_broken(choose(w, rng), rng, lambda link: link.cut(), 0.2, 5.0)

    def held(w, rng):
        return while_broken(choose(w, rng), rng, lambda link: link.blackhole(), 0.5, 5.0)

    def late(w, rng):
        ms = rng.randint(20, 400)
        return f"{ms} ms for " + while_broken(choose(w, rng), rng,
                                              lambda link: link.delay(ms, ms / 2), 2.0, 6.0)

    def slow(w, rng):
        rate = rng.randint(20_000, 200_000)
        return f"{rate} B/s for " + while_broken(choose(w, rng), rng,
                                                 lambda link: link.slow(rate), 2.0, 5.0)

    def flaps(w, rng):
        links, n = choose(w, rng), rng.randint(4, 12)
        for _ in range(n):
            for link in links:
                link.cut_once()
            pause(rng, 0.05, 0.6)
        return f"{n} times"

    for run in (cut, held, late, slow, flaps):
        KINDS.append(Kind(f"link_{name}_{run.__name__}", touches, run))


add_links("broker", "kafka", a_broker)
add_links("brokers", "kafka", all_brokers)
add_links("redis", "redis", to_redis)


@kind("kafka", waits=True)
def link_brokers_held_long(w, rng):
    """All processes are thrown out of the group while they wait."""
    return while_broken(w.links.brokers, rng, lambda link: link.blackhole(),
                        SESSION_S + 1, TRANSACTION_S + 5)


@kind("redis", waits=True)
def link_redis_held_long(w, rng):
    return while_broken([w.links.redis], rng, lambda link: link.blackhole(), 8.0, 15.0)


# ---------------------------------------------------------------- points of the protocol

def add_kill_points():
    def at(point):
        return lambda w, rng: kill_points.die_at(w, rng, point)

    # Their occasions act on all servers: none of them goes together with another fault.
    for point, (_, _, waits) in kill_points.POINTS.items():
        KINDS.append(Kind(f"kill_point_{point}", "all", at(point), waits))


add_kill_points()


# ---------------------------------------------------------------- each alone

CONFIG = """\
deployment: faults
organisation: Example
state: {memory: 2MiB}
time: {ticks: on, idle_after: 1s}
flood: {triggers: 0}
verbs: {view: {weight: 1.0}}
metrics:
  warmth: {sum: weight, half_life: 2s}
rules:
  - {name: warm, enter: warmth >= 0.9, exit: warmth < 0.4, severity: info, route: sales}
"""
HOT = "  - {name: hot, enter: warmth >= 1.5, exit: warmth < 0.4, severity: info, route: sales}\n"
CONFIGS = (CONFIG, CONFIG + HOT, CONFIG.replace("warmth >= 0.9", "warmth >= 0.7"))
RECOVERS_S = 60.0


class Feed(threading.Thread):
    """Some hundred stakeholders, some hundred events a second, past all links."""

    def __init__(self, w, rng, rate=200):
        super().__init__(daemon=True)
        self.rate, self.rng, self.ends, self.n = rate, rng, threading.Event(), 0
        self.log = os.path.join(w.deployment.folder, "feed.log")
        self.producer = process.spawn(
            [w.tools.kafkatool, "-b", w.kafka.bootstrap, "-X", "acks=all", "-X",
             "message.timeout.ms=300000", "produce", w.deployment.topic, "--key-from-subject"],
            stdin=subprocess.PIPE, log=self.log)
        self.start()

    def run(self):
        try:
            while not self.ends.wait(0.05):
                for _ in range(self.rate // 20):
                    self.producer.stdin.write(self.event().encode() + b"\n")
                self.producer.stdin.flush()
            self.producer.stdin.close()
        except BrokenPipeError:
            pass  # end() says why

    def event(self):
        self.n += 1
        now = time.time()
        return json.dumps({
            "specversion": "1.0", "id": f"f{self.n}", "source": "/feed",
            "subject": f"s{self.rng.randrange(400)}", "type": "io.engaged.interaction.v1",
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z",
            "data": {"direction": "inbound", "verb": "view"}})

    def end(self):
        self.ends.set()
        self.join()
        check(self.producer.wait(120) == 0, "not everything could be fed\n" + process.tail(self.log))


def recovers(w):
    """Everybody is ready, and what was in the log just now is committed; seconds it took."""
    d, began = w.deployment, time.monotonic()
    ends = {p["partition"]: p["high"] for p in d.offsets()}
    said = {}

    def ready():
        said.update((p.port, p.http("/-/ready")) for p in d.running())
        return all(said[p.port][0] == 200 for p in d.running())

    try:
        d.wait_for("ready", ready, RECOVERS_S)
    except Failed as e:
        raise Failed(f"{said}: {e}") from None
    d.wait_for("commit", lambda: all((p["offset"] or 0) >= ends[p["partition"]]
                                     for p in d.offsets()), RECOVERS_S)
    return time.monotonic() - began


def judge(w):
    """Each trigger that the log implies, once; nothing open."""
    from hard import replay_of_log  # needs events.py's data only when asked for them
    d = w.deployment
    d.wait_committed()
    d.stop()
    want = replay_of_log(w, d, w.config)
    compare_triggers(want, d.triggers())
    check(want, "no triggers")
    left = {k: state for k, (_, state) in w.kafka.transactions().items() if state == "Ongoing"}
    check(not left, f"open transactions: {left}")
    return len(want)


def prove(opt, chosen):
    rng = random.Random(opt.seed)
    print(f"seed {opt.seed}", flush=True)
    with World(Tools(opt.build), opt.kafka, opt.seed, opt.processes, 8, CONFIG, CONFIGS) as w:
        feed = Feed(w, rng)
        recovers(w)
        for k in chosen * opt.times:
            began = time.monotonic()
            try:
                note = k.run(w, rng)
                took = time.monotonic() - began
                print(f"ok     {k.name:34s} {took:5.1f} s, recovered {recovers(w):5.1f} s  {note or ''}",
                      flush=True)
            except (Failed, RuntimeError, OSError, kafka_wire.Refused) as e:
                print(f"FAILED {k.name} after {time.monotonic() - began:.1f} s: {e}\n"
                      + w.deployment.logs(), flush=True)
                return 1
        feed.end()
        try:
            print(f"{feed.n} events, {judge(w)} triggers, each once", flush=True)
        except Failed as e:
            print(f"FAILED at the end: {e}", flush=True)
            return 1
    return 0


def show_list():
    """Status 1 if the sources have a point that no kind goes to, or lack one that is gone to."""
    for k in KINDS:
        print(f"{k.name:34s} {k.touches:8s} {'waits' if k.waits else ''}")
    odd = kill_points.in_sources() ^ {*kill_points.POINTS, *kill_points.ELSEWHERE}
    if odd:
        print(f"not both in the sources and in kill_points.py: {', '.join(sorted(odd))}")
    return 1 if odd else 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("name", nargs="+", help="kinds, or `all`, or the beginning of names with a `*`; or `list`")
    p.add_argument("--times", type=int, default=1)
    p.add_argument("--build", default="build")
    p.add_argument("--kafka", default="4")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    opt = p.parse_args(argv)
    if opt.name == ["list"]:
        return show_list()
    chosen = [k for name in opt.name for k in KINDS if name in ("all", k.name)
              or name.endswith("*") and k.name.startswith(name[:-1])]
    if not chosen:
        p.error("no such kind")
    process.end_on_signals()
    try:
        return prove(opt, chosen)
    except process.Unavailable as e:
        process.skip(str(e))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
