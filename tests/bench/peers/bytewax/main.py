# SPDX-License-Identifier: Apache-2.0
"""Bytewax: Kafka in, one stateful operator keyed by stakeholder, Kafka out; see README.md."""
import collections
import datetime
import importlib.metadata
import os
import threading

import bytewax.connectors.kafka.operators as kop
import bytewax.operators as op
import orjson
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka import OFFSET_BEGINNING

from job import Due, Job, apply, new_state, time_ms
from peer import Meter, options

EPOCH_S = float(os.environ.get("PEER_EPOCH_S", "5"))
CANNOT = [
    "timers: those of the library are of the wall clock, so the stream's are kept by hand in memory; "
    "after a restart those of a stakeholder come back with the next event",
    "exactly-once: triggers are not in transactions, and come twice after a crash",
    "offsets in Kafka: they are in the recovery store alone",
]
CANNOT_WITH_TWO = ("timers of the last batches, with two threads: each looks at its queue with its own "
                   "records alone")


class UnderWay:
    """Until when the events of a partition were all applied. A stateful operator takes those of a batch
    key by key: what comes later in the stream may come earlier here, but not by more than a batch."""

    def __init__(self):
        self.batches, self.passed_ms = collections.deque(), 0  # [of, events to come, latest time]

    def add(self, of, now_ms):
        if not self.batches or self.batches[-1][0] is not of:
            self.batches.append([of, 0, 0])
        batch = self.batches[-1]
        batch[1] += 1
        batch[2] = now_ms
        return batch

    def done(self, batch):
        batch[1] -= 1
        while self.batches and not self.batches[0][1]:
            self.passed_ms = self.batches.popleft()[2]
        return self.passed_ms


def main():
    opt = options()
    job, meter, lock = Job(opt.job), Meter(), threading.Lock()
    due = collections.defaultdict(Due)  # by thread and partition
    under_way = collections.defaultdict(UnderWay)  # by partition

    def read(messages):
        found = []
        with lock:
            for message in messages:
                meter.event()
                if message.key is None:
                    continue
                event = orjson.loads(message.value)
                now_ms, partition = time_ms(event["time"]), message.partition
                found.append((event["subject"], (partition, event, now_ms,
                                                 under_way[partition].add(messages, now_ms))))
        return found

    def step(state, item):
        partition, event, now_ms, batch = item
        if state is None:
            state = new_state()
        timers = due[threading.get_ident(), partition]
        found = apply(job, timers, state, event["subject"], event, now_ms)
        with lock:
            passed_ms = under_way[partition].done(batch)
        return state, found + timers.pass_to(passed_ms)

    def write(keyed):
        found = keyed[1]
        meter.n_triggers += 1
        return KafkaSinkMessage(found["stakeholder"].encode(), orjson.dumps(found))

    flow = Dataflow("peer")
    records = kop.input("in", flow, brokers=[opt.bootstrap], topics=[opt.events], tail=False,
                        starting_offset=OFFSET_BEGINNING, batch_size=1000)
    keyed = op.flat_map_batch("read", records.oks, read)
    found = op.stateful_flat_map("job", keyed, step)
    kop.output("out", op.map("write", found, write), brokers=[opt.bootstrap], topic=opt.triggers,
               add_config={"linger.ms": "50"})
    init_db_dir(opt.state, 1)
    cli_main(flow, workers_per_process=opt.threads,
             epoch_interval=datetime.timedelta(seconds=EPOCH_S),
             recovery_config=RecoveryConfig(opt.state))
    if meter.n_events != opt.until:
        raise SystemExit(f"the topic had {meter.n_events} records, not {opt.until}")
    meter.say("bytewax", importlib.metadata.version("bytewax"),
              CANNOT + ([CANNOT_WITH_TWO] if opt.threads > 1 else []))


if __name__ == "__main__":
    main()
