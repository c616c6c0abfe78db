#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py BUILD [--quick] [--json OUT] [--plot OUT.png] [--only KEY,...]: what it all costs.

One table: what each figure is, its median, least and greatest of runs that alternate, and whether it
is what it must be. CPU seconds per event are user and system time of all threads of the process. With
--quick everything is small, and takes three minutes; the figures then only show that they can be had.
Status 1: a row could not be measured though its means are there. A missed target is no failure here.
"""
import argparse
import collections
import functools
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
from harness import Failed, Kafka, Tools, process  # noqa: E402
from servers.kafka import version_of  # noqa: E402
import measure  # noqa: E402
import rows_kafka  # noqa: E402
import rows_local  # noqa: E402
import rows_peers  # noqa: E402
import table  # noqa: E402

Size = collections.namedtuple("Size", (
    "rounds stakeholders first more bytes_stakeholders repeat engine_stakeholders engine_events "
    "partitions backlog_s latency_s restart_stakeholders evict_stakeholders evict_more "
    "job_stakeholders job_more peer_timeout_s"))
FULL = Size(3, 100_000, 2_000_000, 1_000_000, 100_000, 20, 10_000_000, 2_000_000, 8, 3, 30, 1_000_000,
            1_000_000, 500_000, 100_000, 1_000_000, 3600)
QUICK = Size(1, 5_000, 100_000, 100_000, 5_000, 1, 100_000, 200_000, 8, 1, 5, 20_000, 20_000, 60_000,
             2_000, 20_000, 120)
PLOTTED = ("floor_cpu_us", "replay_cpu_us", "run_alo_1_cpu_us", "run_eos_1_cpu_us",
           "job_engaged_cpu_us")


class Bench:
    """What the rows share: programs, sizes, figures, and one broker that starts when it is needed."""

    def __init__(self, build, size):
        self.tools, self.build, self.size = Tools(build), build, size
        self.engaged = self.tools.engaged
        self.figures, self.wrong_peers = measure.Figures(), {}
        self.folder = process.folder("bench")
        self.shipped = os.path.join(self.folder, "shipped.yaml")
        with open(self.shipped, "w", encoding="utf-8") as f:
            f.write("deployment: bench\n")
        self.load_records = self.n_names = 0
        self.job_topics, self.job_right, self._kafka = set(), {}, None

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def tool(self, name):
        return os.path.join(self.build, name)

    @property
    def kafka(self):
        if not self._kafka:
            self._kafka = Kafka("4").start()
        return self._kafka

    def name(self, text):
        """One that no other run of this broker has."""
        self.n_names += 1
        return f"{text}-{self.n_names}"

    def create_topic(self, name):
        self.tools.kafka(self.kafka.bootstrap, "create", name, self.size.partitions)
        return name

    def close(self):
        if self._kafka:
            self._kafka.stop()


Step = collections.namedtuple("Step", "run gives")


def groups():
    """The steps of a group alternate, round by round."""
    local, kafka, peers = rows_local, rows_kafka, rows_peers
    run = functools.partial
    return (
        (Step(local.replay_made, ["replay_cpu_us"]), Step(local.replay_real, ["replay_real_cpu_us"])),
        (Step(local.bytes_hot, ["bytes_hot", "bytes_hot_counted"]),),
        (Step(local.cost_many, ["cost_1e7_over_1e3"]),
         Step(local.cost_rules, ["cost_200_over_10_rules"])),
        (Step(kafka.bytes_redis, ["bytes_redis"]),),
        (Step(kafka.floor, ["floor_cpu_us", "run_over_floor"]),
         Step(run(kafka.run, short="eos", n_processes=1),
              ["run_eos_1_cpu_us", "run_redis_cpu_us", "run_over_floor"]),
         Step(run(kafka.run, short="alo", n_processes=1), ["run_alo_1_cpu_us"]),
         Step(run(kafka.run, short="eos", n_processes=2), ["run_eos_2_cpu_us"]),
         Step(run(kafka.run, short="alo", n_processes=2), ["run_alo_2_cpu_us"])),
        (Step(run(kafka.latency, short="alo"), ["latency_alo_p99_ms"]),
         Step(run(kafka.latency, short="eos"), ["latency_eos_p99_ms"])),
        (Step(kafka.restart, ["restart_first_trigger_s", "restart_every_partition_s"]),),
        (Step(kafka.evicting, ["evicting_over_hot", "evicting_rate"]),),
        (Step(peers.engaged_job, ["job_engaged_cpu_us", "job_redis_cpu_us", *peer_keys()]),
         *(Step(run(peers.peer, name=name), [peers.key_of(name), peers.OF_THEIR_OWN.get(
             name, "python_over_engaged")]) for name in peers.names())),
    )


def peer_keys():
    return ["kafka_streams_over_engaged", "flink_over_engaged", "python_over_engaged",
            *(rows_peers.key_of(n) for n in rows_peers.names())]


# Measured once: they take long, and are ratios or bytes that do not wander.
ONCE = {"bytes_hot", "bytes_redis", "cost_1e7_over_1e3", "evicting_over_hot"}


def run_step(b, step, wanted):
    """True: it could be measured, or it was said why it can't be had on this machine."""
    began = time.monotonic()
    try:
        step.run(b)
    except (measure.Unmeasured, process.Unavailable) as e:
        for key in step.gives:
            b.figures.note(key, str(e))
    except Exception as e:  # any fault of one row; the others are measured all the same
        if not isinstance(e, Failed):
            traceback.print_exc()
        print(f"FAILED {', '.join(step.gives)}: {e}", file=sys.stderr, flush=True)
        for key in step.gives:
            b.figures.note(key, "failed: " + str(e).partition("\n")[0])
        return False
    got = [k for k in step.gives if b.figures.has(k) and k in wanted]
    print(f"{time.monotonic() - began:7.1f} s  " + ", ".join(
        f"{k} {b.figures.values[k][-1]:.4g}" for k in got), file=sys.stderr, flush=True)
    return True


def measure_all(b, wanted, rounds):
    is_good = True
    for steps in groups():
        chosen = [s for s in steps if wanted.intersection(s.gives)]
        for i in range(rounds):
            for step in chosen:
                if i == 0 or not ONCE.intersection(step.gives):
                    is_good = run_step(b, step, wanted) and is_good
    rows_kafka.run_over_floor(b)
    rows_peers.ratios(b)
    return is_good


def plot(b, path):
    """Bars of CPU per event, engaged's and its peers'."""
    try:
        import matplotlib
    except ImportError:
        print(f"no plot: matplotlib is not installed; {path} is not written", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    keys = [k for k in (*PLOTTED, *map(rows_peers.key_of, rows_peers.names())) if b.figures.has(k)]
    figure, axes = pyplot.subplots(figsize=(9, 1 + len(keys) * 0.5))
    axes.barh(keys, [b.figures.median(k) for k in keys])
    axes.set_xscale("log")
    axes.set_xlabel("CPU per event, µs")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("build", type=os.path.abspath)
    p.add_argument("--quick", action="store_true", help="everything small, in three minutes")
    p.add_argument("--json", metavar="OUT")
    p.add_argument("--plot", metavar="OUT.png")
    p.add_argument("--only", metavar="KEY,...", type=lambda text: text.split(","))
    p.add_argument("--rounds", type=int, help="how often each row is measured")
    p.add_argument("--set", action="append", default=[], metavar="SIZE=N",
                   help="another size: " + " ".join(Size._fields))
    opt = p.parse_args(argv)
    size = QUICK if opt.quick else FULL
    for text in opt.set:
        name, _, value = text.partition("=")
        if name not in Size._fields or not value.isdigit():
            p.error(f"--set {text}: there is no such size, or it is no number")
        size = size._replace(**{name: int(value)})
    extra = rows_peers.extra_rows()
    known = {*table.KEYS, *(row.key for row in extra)}
    if set(opt.only or ()) - known:
        p.error(f"--only: the keys are {', '.join(sorted(known))}")
    process.end_on_signals()
    b = Bench(opt.build, size)
    try:
        said = measure.machine(version_of("4"), b.program("floor"))
        is_good = measure_all(b, set(opt.only or known), opt.rounds or size.rounds)
    finally:
        b.close()
    wanted = set(opt.only or known)
    print("{cpu}, {cores} cores, {memory_gib} GiB; Linux {kernel}; Kafka {kafka}, Redis {redis}, "
          "librdkafka {librdkafka}; load average {load_average} at the beginning, niceness {niceness}"
          .format(**said))
    if opt.quick:
        print("QUICK: the sizes are too small for the figures to mean much")
    print("\n".join(table.lines(b.figures, wanted, [row for row in extra if row.key in wanted])))
    if opt.json:
        with open(opt.json, "w", encoding="utf-8") as f:
            json.dump(table.as_json(b.figures, said, {"quick": opt.quick, **size._asdict()}, extra), f,
                      indent=1, ensure_ascii=False)
            f.write("\n")
    if opt.plot:
        plot(b, opt.plot)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
