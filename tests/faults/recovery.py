#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recovery.py BUILD [KAFKA] [--rate N] [--case NAME]...: how long triggers stay away.

Under half of the load that one process sustains (measured first, or --rate), with the time-outs that
ship: kill -9 of one of two processes, kill -9 and restart of the only one, a hand-over by SIGTERM to a
running peer, and a rolling restart of both. Every partition has about ten triggers a second, so that
one without is seen. Prints one line per case; status 1 if one takes longer than it may.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "integration"))
from harness import Deployment, Failed, Kafka, Redis, Tools, check, process  # noqa: E402

PARTITIONS = 8
CONFIG = """deployment: recovery
organisation: Example
metrics:
  level: {last: value, where: 'verb == "mark"'}
  activity: {sum: weight, half_life: 30d}
  views_7d: {count: true, where: 'verb == "view"', window: 7d}
rules:
  - {name: high, enter: level > 0.5, severity: info, route: test}
state: {memory: 1GiB}
"""
RUN_S = 30  # the longest that a case takes, and a little more


class Load:
    """The feed, and the triggers as they become visible: (time, partition), newest last."""

    def __init__(self, build, d, rate, seconds, every):
        self.seen, self.result = [], None
        self.child = process.spawn(
            [os.path.join(build, "loadtool"), "-b", d.kafka.bootstrap, "--events", d.topic,
             "--triggers", d.trigger_topic, "--rate", str(rate), "--seconds", str(seconds),
             "--stakeholders", "100000", "--every", str(every)], stdout=subprocess.PIPE)

    def finish(self):
        """Waits for the end; the feed's own figures."""
        for line in self.child.stdout:
            if line.startswith(b"{"):
                self.result = json.loads(line)
            else:
                at, partition, _ = map(int, line.split())
                self.seen.append((at / 1e6, partition))
        status = self.child.wait()
        check(status == 0, f"loadtool ended with {status}: {self.result}")
        return self.result

    def first_after(self, began):
        """By partition: seconds from `began` to the first trigger after it."""
        first = {}
        for at, partition in self.seen:
            if at > began:
                first.setdefault(partition, at - began)
        return first

    def longest_gap(self, began, until):
        """By partition: the longest time without a trigger that touches the time between."""
        last, gaps = {}, collections.defaultdict(float)
        for at, partition in self.seen:
            before = last.get(partition, at)
            if at > began and before < until:
                gaps[partition] = max(gaps[partition], at - before)
            last[partition] = at
        return gaps


def deploy(tools, kafka, redis, name, properties=""):
    d = Deployment(tools, kafka, redis, CONFIG, name, partitions=PARTITIONS)
    d.config = d.config.replace("group.id:", properties + "group.id:")
    return d


def sustainable(build, tools, kafka):
    """Events a second that one process takes for long, checkpoints included: of more than it can
    take, from the first event to the last trigger."""
    rate = 100000
    with Redis() as redis:
        d = deploy(tools, kafka, redis, "sustain")
        try:
            d.start_process()
            d.wait_ready()
            began = time.monotonic()
            events = Load(build, d, rate, 15, 1000).finish()["events"]
            took = time.monotonic() - began
            d.stop()
            return int(events / took)
        finally:
            d.abandon()


def running_partitions(p):
    _, text = p.http("/metrics")
    return {int(n) for n in re.findall(
        r'engaged_partition_state\{partition="(\d+)",state="running"\} 1', text)}


class Case:
    """A deployment of n processes under load for RUN_S seconds; a fault at about a third of it."""

    def __init__(self, opt, tools, kafka, name, n, properties=""):
        self.opt, self.n = opt, n
        self.redis = Redis().start()
        self.d = deploy(tools, kafka, self.redis, name, properties)

    def __enter__(self):
        for _ in range(self.n):
            self.d.start_process()
        self.d.wait_ready()
        self.load = Load(self.opt.build, self.d, self.opt.rate, RUN_S,
                         max(1, self.opt.rate // (PARTITIONS * 20)))
        time.sleep(8)
        return self

    def __exit__(self, kind, *_):
        if kind or self.opt.logs:
            print(self.d.logs(), flush=True)
        self.d.abandon()
        self.redis.stop()


def worst(by_partition, partitions):
    """The largest over these partitions; one that is missing is infinite."""
    return max(by_partition.get(p, float("inf")) for p in partitions)


def case_kill_one_of_two(opt, tools, kafka, index):
    """kill -9 of one of two: its partitions' first trigger."""
    with Case(opt, tools, kafka, f"killone{index}", 2) as c:
        victim = c.d.processes[0]
        partitions = running_partitions(victim)
        check(len(partitions) == PARTITIONS // 2, f"it has the partitions {partitions}")
        began = time.time()
        victim.kill()
        figures = c.load.finish()
        first = worst(c.load.first_after(began + 0.1), partitions)  # what was on its way is out
        return first + 0.1, 15.0, figures


def case_kill_and_restart(opt, tools, kafka, index, properties=""):
    """kill -9 of the only one, started again at once: every partition's first trigger. The group
    waits for the one that died until its session is over."""
    with Case(opt, tools, kafka, ("static" if properties else "killonly") + str(index), 1, properties) as c:
        p = c.d.processes[0]
        p.kill()
        began = time.time()
        p.start()
        figures = c.load.finish()
        return worst(c.load.first_after(began), range(PARTITIONS)), 5.0 if properties else 10.0, figures


def case_kill_and_restart_static(opt, tools, kafka, index):
    """Likewise with a group.instance.id: the group knows it again, and waits for nobody."""
    return case_kill_and_restart(opt, tools, kafka, index, "group.instance.id: first, ")


def case_restart(opt, tools, kafka, index):
    """SIGTERM of the only one, started again when it has ended: from the start on."""
    with Case(opt, tools, kafka, f"restart{index}", 1) as c:
        p = c.d.processes[0]
        p.stop()
        began = time.time()
        p.start()
        figures = c.load.finish()
        return worst(c.load.first_after(began), range(PARTITIONS)), 5.0, figures


def case_hand_over(opt, tools, kafka, index):
    """SIGTERM of one of two: no partition is without triggers for longer."""
    with Case(opt, tools, kafka, f"handover{index}", 2) as c:
        began = time.time()
        c.d.processes[0].stop()
        figures = c.load.finish()
        return worst(c.load.longest_gap(began, began + 12), range(PARTITIONS)), 2.0, figures


def case_join(opt, tools, kafka, index):
    """A second process joins: no partition is without triggers for longer."""
    with Case(opt, tools, kafka, f"join{index}", 1) as c:
        began = time.time()
        c.d.start_process()
        figures = c.load.finish()
        return worst(c.load.longest_gap(began, began + 12), range(PARTITIONS)), 2.0, figures


def cases():
    return {k[5:]: f for k, f in globals().items() if k.startswith("case_")}


def run(opt):
    tools, n_slow = Tools(opt.build), 0
    with Kafka(opt.kafka) as kafka:
        if not opt.rate:
            limit = sustainable(opt.build, tools, kafka)
            opt.rate = limit // 2
            print(f"one process takes {limit} events/s; the load is {opt.rate}", flush=True)
        for name in opt.case or cases():
            for index in range(opt.times):
                seconds, limit, figures = cases()[name](opt, tools, kafka, index)
                n_slow += seconds > limit
                latency = figures["latency_ms"]
                print(f"{'ok  ' if seconds <= limit else 'SLOW'} {name:16s} {seconds:6.2f} s (at most "
                      f"{limit:.0f})  {figures['events']} events, {figures['triggers']} triggers, "
                      f"latency p50 {latency['p50']:.0f} ms", flush=True)
    return 1 if n_slow else 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build", type=os.path.abspath)
    p.add_argument("kafka", nargs="?", default="4")
    p.add_argument("--rate", type=int, default=0, help="events a second; 0: half of what it takes")
    p.add_argument("--case", action="append", choices=list(cases()))
    p.add_argument("--times", type=int, default=1)
    p.add_argument("--logs", action="store_true", help="shows the processes' last lines")
    process.end_on_signals()
    try:
        return run(p.parse_args(argv))
    except process.Unavailable as e:
        process.skip(str(e))
    except Failed as e:
        print(f"FAILED {e}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
