#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""redis_away.py BUILD [KAFKA] [--minutes M] [--rate N] [--memory MIB]: Redis is down for long.

A steady load of ever new stakeholders while Redis is killed for M minutes: publishing goes on until
state.memory is used up, then input pauses; nothing grows beyond the budget. When Redis is back the
backlog is worked off. Each event's trigger must come, once. Prints memory by the minute.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "integration"))
from harness import Deployment, Failed, Kafka, Redis, Tools, check, process  # noqa: E402
import openmetrics  # noqa: E402

CONFIG = """deployment: away
organisation: Example
metrics:
  level: {{last: value, where: 'verb == "mark"'}}
  activity: {{sum: weight, half_life: 30d}}
rules:
  - {{name: high, enter: level > 0.5, severity: info, route: test}}
state: {{memory: {memory}MiB}}
"""
# Beside state.memory: the program, fetched and waiting records, outputs, buffers.
BESIDE_MIB = 192


def measure(p):
    """Working set, resident memory (MiB), lag."""
    status, text = p.http("/metrics")
    check(status == 200, f"/metrics: {status}")
    lag = openmetrics.total(text, "engaged_lag_records") if "engaged_lag_records{" in text else 0
    return (openmetrics.total(text, "engaged_working_set_bytes") / 2**20,
            openmetrics.total(text, "engaged_resident_memory_bytes") / 2**20, lag)


class Watch:
    def __init__(self, p, opt):
        self.p, self.opt, self.highest, self.resident = p, opt, 0.0, 0.0

    def until(self, end, what):
        """Looks once a second; a line a minute."""
        n = 0
        while time.monotonic() < end:
            working, resident, lag = measure(self.p)
            self.highest, self.resident = max(self.highest, working), max(self.resident, resident)
            check(working <= self.opt.memory * 1.25, f"working set of {working:.1f} MiB")
            check(resident <= self.opt.memory + BESIDE_MIB, f"resident {resident:.1f} MiB")
            if n % 60 == 0:
                print(f"{what}: working set {working:6.1f} MiB, resident {resident:6.1f} MiB, "
                      f"lag {lag:.0f} records", flush=True)
            n += 1
            time.sleep(1)


def start_load(opt, d, seconds):
    return process.spawn(
        [os.path.join(opt.build, "loadtool"), "-b", d.kafka.bootstrap, "--events", d.topic,
         "--triggers", d.trigger_topic, "--rate", str(opt.rate), "--seconds", str(seconds),
         "--stakeholders", "100000000", "--every", "100", "--wait", "300", "--quiet"],
        stdout=subprocess.PIPE)


def run(opt):
    tools = Tools(opt.build)
    config = CONFIG.format(memory=opt.memory)
    with Kafka(opt.kafka) as kafka, Redis(appendonly=True) as redis:
        d = Deployment(tools, kafka, redis, config, "away", partitions=4)
        try:
            p = d.start_process()
            d.wait_ready()
            load = start_load(opt, d, int(opt.minutes * 60) + 30)
            watch = Watch(p, opt)
            watch.until(time.monotonic() + 15, "before")
            redis.kill()
            watch.until(time.monotonic() + opt.minutes * 60, "Redis is down")
            lag = measure(p)[2]
            check(lag > opt.rate * opt.minutes * 60 / 4, f"a lag of {lag:.0f} records at the end: input "
                  "was not paused for long, or the lag is not known while it is")
            redis.restart()
            back = time.monotonic()
            while load.poll() is None:
                watch.until(time.monotonic() + 10, "Redis is back")
            figures = json.loads(load.stdout.read())
            check(load.returncode == 0, f"not all triggers came: {figures}")
            d.wait_committed()
            d.wait_checkpointed()
            ids = collections.Counter(t["id"] for t in d.triggers())
            repeated = sum(n > 1 for n in ids.values())
            d.stop()
            check(not repeated, f"{repeated} triggers came again")
            print(f"ok: {figures['events']} events, {len(ids)} triggers, each once; working set at "
                  f"most {watch.highest:.1f} of {opt.memory} MiB, resident at most "
                  f"{watch.resident:.1f} MiB; caught up {time.monotonic() - back:.0f} s after Redis "
                  "was back", flush=True)
        except Failed:
            print(d.logs())
            raise
        finally:
            d.abandon()
    return 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build", type=os.path.abspath)
    p.add_argument("kafka", nargs="?", default="4")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--rate", type=int, default=3000)
    p.add_argument("--memory", type=int, default=64)
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
