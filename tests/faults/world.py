# SPDX-License-Identifier: Apache-2.0
"""What the faults happen to: three brokers, a Redis with a replica, and some processes of engaged, with
a link that can be cut between the processes and each server.

    with World(tools, "4", seed=1, processes=2, partitions=8, config=TEXT) as w:
        w.kafka, w.redis, w.links, w.deployment

Whoever feeds and verifies uses the servers' direct addresses, which no fault of a link touches. All
topics have three replicas of which two must write; session and transaction time-outs of the
processes are those that ship.
"""
import datetime
import itertools
import json
import os
import signal
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "integration")]
from harness import Deployment, Kafka, process  # noqa: E402
from model import murmur2  # noqa: E402
from servers.redis import Pair  # noqa: E402

UP_S = 60.0


class Links:
    """Those between the processes and the servers."""

    def __init__(self, kafka, redis):
        self.brokers, self.redis = kafka.proxies, redis.link


class World:
    """`config` holds at the start; `configs`, one or several, are what reloads take in turn. No fault
    hits the `spared` ones of the processes themselves."""

    def __init__(self, tools, kafka_version, seed, processes=2, partitions=8, config="", configs=(),
                 name="faults", spared=0):
        self.tools, self.seed, self.config = tools, seed, config
        self.configs = itertools.cycle([c for c in configs if c != config] + [config])
        self.deployment = None
        self.kafka = Kafka(kafka_version, brokers=3, heap="384m", proxied=True, quick=True)
        self.redis = Pair()
        try:
            self.kafka.start()
            self.redis.start()
            self.links = Links(self.kafka, self.redis)
            self.deployment = Deployment(tools, self.kafka, self.redis, config, name, partitions)
            self.servers_config = self.deployment.config[len(config):]
            for _ in range(processes):
                self.deployment.start_process()
            self.n_started = processes
            self.regulars = self.deployment.processes[:processes - spared]
            self.deployment.wait_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.deployment:
            self.deployment.abandon()
        self.redis.stop()
        self.kafka.stop()

    def burst(self, partition, n=4000):
        """So many stakeholders of one partition say something at once, the same ones each time."""
        ids = (f"burst{i}" for i in itertools.count())
        here = [i for i in itertools.islice(ids, 12 * n * self.deployment.partitions // 10)
                if murmur2(i.encode()) % self.deployment.partitions == partition][:n]
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        self.deployment.produce([json.dumps({
            "specversion": "1.0", "id": f"{i}-{now}", "source": "/burst", "subject": i,
            "type": "io.engaged.interaction.v1", "time": now.replace("+00:00", "Z"),
            "data": {"direction": "inbound", "verb": "view"}}) for i in here])

    # -- processes

    def up(self, p):
        """Until it answers: before that, a signal ends any process that has not got to taking it."""
        process.wait_until("engaged up", lambda: p.http("/-/healthy")[0], UP_S, p.child, p.log)

    def others(self, p):
        return [q for q in self.regulars if q is not p]

    def spare(self):
        """One that does not run, beside those that do."""
        for p in self.deployment.processes[self.n_started:]:
            if p.child.poll() is not None:
                p.start()
                return p
        return self.deployment.start_process()

    def reload(self, config):
        """All processes have another configuration: those that run by SIGHUP, others from their start."""
        d = self.deployment
        d.config = config + self.servers_config
        for p in d.processes:
            if p.child.poll() is None:
                self.up(p)
            p.write_config(d.config)
            if p.child.poll() is None:
                p.child.send_signal(signal.SIGHUP)

    def reload_next(self):
        self.reload(next(self.configs))
