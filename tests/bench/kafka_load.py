# SPDX-License-Identifier: Apache-2.0
"""`engaged run` over a topic that is there: started, watched until everything is committed, and what
that took."""
import os
import re
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "integration"))
from harness import Deployment, Failed, check  # noqa: E402,F401
from measure import cpu_s  # noqa: E402

STEP_S = 0.1  # between two looks


def produce_load(b, topic, stakeholders, events, *options):
    subprocess.run([b.program("gen_load"), "-b", b.kafka.bootstrap, "--topic", topic,
                    *map(str, options), str(stakeholders), str(events)], check=True)


def metric(text, name):
    """The sum over all labels."""
    return sum(float(x) for x in re.findall(rf"^engaged_{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


class Watch:
    """Looks at processes, redis-server and the broker now and then: (time, records, CPU of each)."""

    def __init__(self, d, redis, kafka):
        self.d, self.seen, self.metrics, self.peak_bytes = d, [], {}, 0
        self.servers = [redis.child.pid] + [x.child.pid for x in kafka.brokers]

    def look(self):
        records = 0
        for p in self.d.running():
            text = p.http("/metrics")[1]
            self.metrics[p] = text or self.metrics.get(p, "")
            records += metric(self.metrics[p], "records_total")
        self.peak_bytes = max(self.peak_bytes, self.sum("working_set_bytes"))
        self.seen.append((time.monotonic(), records, sum(cpu_s(p.child.pid) for p in self.d.processes),
                          *map(cpu_s, self.servers)))
        return records

    def sum(self, name):
        return sum(metric(text, name) for text in self.metrics.values())

    def until(self, n, timeout):
        """Until n records are applied and their offsets committed."""
        deadline = time.monotonic() + timeout
        while self.look() < n:
            check(time.monotonic() < deadline,
                  f"{self.seen[-1][1]:.0f} of {n} records in {timeout:.0f} s\n{self.d.logs()}")
            time.sleep(STEP_S)
        self.d.wait_committed(60)
        self.look()

    def at(self, n):
        """What a look would have shown when the n-th record was applied; the 0-th: the last look
        before the first."""
        before = self.seen[0]
        if n == 0:
            return [now for now in self.seen if now[1] == 0][-1]
        for now in self.seen:
            if now[1] >= n:
                part = (n - before[1]) / (now[1] - before[1]) if now[1] > before[1] else 1
                return tuple(x + (y - x) * part for x, y in zip(before, now))
            before = now
        raise Failed(f"{n} records were never reached")

    def cost(self, skip, until):
        """Behind the first `skip` records: seconds of engaged, redis-server, broker; wall-clock
        seconds. The last one's commit is in the cost of engaged, and not in the time."""
        first, last = self.at(skip), self.at(until)
        return (self.seen[-1][2] - first[2], last[3] - first[3], last[4] - first[4],
                last[0] - first[0])


def deploy(b, redis, config, name, topic, delivery, memory="8GiB"):
    """A deployment that reads `topic`; its group, triggers and keys are its own. Other runs read that
    topic too, so none appends ticks to it."""
    text = (f"{config}delivery: {delivery}\nstate: {{memory: {memory}}}\n"
            "time: {lateness: 0s, ticks: off}\n")
    return Deployment(b.tools, b.kafka, redis, text, name, topic=topic,
                      trigger_partitions=b.size.partitions)


def run_over(b, redis, d, n_processes, n_records, timeout=900):
    """Starts so many processes at once, and watches until all records are committed."""
    watch = Watch(d, redis, b.kafka)
    for _ in range(n_processes):
        d.start_process()
    watch.until(n_records, timeout)
    return watch
