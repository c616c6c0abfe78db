# SPDX-License-Identifier: Apache-2.0
"""Rows with real Kafka and real Redis: the floor, run, latency, Redis' memory, restart, eviction."""
import json
import os
import subprocess
import time

from kafka_load import TESTS, deploy, produce_load, run_over
from harness import Redis, check, process
from measure import need_memory, output_of

# One more rule on top of what ships: loadtool's marks make it fire and clear.
MARK_METRIC = "  level: {last: value, where: 'verb == \"mark\"'}\n"
MARK_RULE = "  - {name: high, enter: level > 0.5, severity: info, route: test}\n"
DELIVERIES = {"alo": "at-least-once", "eos": "exactly-once"}


def shipped():
    """Nothing is said, so the shipped rules hold."""
    return "deployment: bench\n"


def shipped_and_mark():
    with open(os.path.join(os.path.dirname(TESTS), "config", "defaults.yaml"), encoding="utf-8") as f:
        text = f.read()
    for section, line in (("\nmetrics:\n", MARK_METRIC), ("\nrules:\n", MARK_RULE)):
        check(section in text, f"no section {section.strip()} in config/defaults.yaml")
        text = text.replace(section, section + line)
    return "deployment: bench\n" + text


def load_topic(b):
    """The topic of the run rows: made with the first events, grown by the others at need."""
    if not b.load_records:
        b.create_topic("load")
        produce_load(b, "load", b.size.stakeholders, b.size.first)
        b.load_records = b.size.first
    return "load"


def whole_load_topic(b):
    load_topic(b)
    n = b.size.first + b.size.more
    if b.load_records < n:
        produce_load(b, "load", b.size.stakeholders, n, "--from", b.load_records)
        b.load_records = n
    return "load"


def floor(b):
    topic, n = whole_load_topic(b), b.size.first + b.size.more
    said = json.loads(output_of([b.program("floor"), "-b", b.kafka.bootstrap, "--topic", topic,
                                 "--skip", str(b.size.first), str(n)]))
    check(said["refused"] == 0, f"the floor refused {said['refused']} events")
    b.figures.add("floor_cpu_us", said["cpu_us"])


def run(b, short, n_processes):
    topic, n = whole_load_topic(b), b.size.first + b.size.more
    key = f"run_{short}_{n_processes}_cpu_us"
    with Redis() as redis:
        d = deploy(b, redis, shipped(), b.name(f"run-{short}{n_processes}"), topic,
                   DELIVERIES[short])
        try:
            watch = run_over(b, redis, d, n_processes, n)
            engaged, of_redis, _, seconds = watch.cost(b.size.first, n)
            d.stop()
        finally:
            d.abandon()
    b.figures.add(key, engaged * 1e6 / b.size.more)
    b.figures.note(key, f"{b.size.more / seconds:,.0f} events/s")
    if (short, n_processes) == ("eos", 1):
        b.figures.add("run_redis_cpu_us", of_redis * 1e6 / b.size.more)


def run_over_floor(b):
    b.figures.add_ratios("run_over_floor", "run_eos_1_cpu_us", "floor_cpu_us")


def marked(b, redis, text, short):
    """A deployment whose triggers are told apart, with a topic of its own."""
    name = b.name(f"{text}-{short}")
    return deploy(b, redis, shipped_and_mark(), name, b.create_topic(f"{name}-events"),
                  DELIVERIES[short])


def feed(b, d, rate, seconds, *options):
    return process.spawn(
        [b.tool("loadtool"), "-b", b.kafka.bootstrap, "--events", d.topic, "--triggers",
         d.trigger_topic, "--rate", str(rate), "--seconds", str(seconds), "--stakeholders",
         str(b.size.stakeholders), "--rule", "high", *options], stdout=subprocess.PIPE)


def end_of(d, child):
    """What the feed says at its end, when all its triggers have been seen."""
    said = json.loads(child.communicate()[0].splitlines()[-1])
    check(child.returncode == 0, f"loadtool did not see all its triggers: {said}\n{d.logs()}")
    return said


def sustained(b, short):
    """Events a second that one process takes of a backlog of this load, to its last trigger."""
    with Redis() as redis:
        d = marked(b, redis, "sustained", short)
        try:
            p = d.start_process()
            d.wait_ready()
            p.pause()  # for less than the session's time-out
            child = feed(b, d, 100000, b.size.backlog_s, "--quiet")
            time.sleep(b.size.backlog_s + 0.5)
            began = time.monotonic()
            p.resume()
            events = end_of(d, child)["events"]
            took = time.monotonic() - began
            d.stop()
        finally:
            d.abandon()
    return events / took


def latency(b, short):
    """Under half of what one process takes of that load in that mode, measured just before; of what
    comes behind the first five seconds, when everybody is known and connections are made."""
    rate = int(sustained(b, short) / 2)
    with Redis() as redis:
        d = marked(b, redis, "latency", short)
        try:
            d.start_process()
            d.wait_ready()
            said = end_of(d, feed(b, d, rate, 5 + b.size.latency_s, "--warm", "5", "--quiet"))
            d.stop()
        finally:
            d.abandon()
    key, ms = f"latency_{short}_p99_ms", said["latency_ms"]
    b.figures.add(key, ms["p99"])
    b.figures.note(key, f"{rate:,} events/s, {said['triggers']} triggers, p50 {ms['p50']:.1f} ms, max "
                   f"{ms['max']:.0f} ms" + ("; IT FELL BEHIND" if ms["p50"] > 1000 else ""))


def bytes_redis(b):
    """Of stakeholders with 20 events each: all that Redis has more than before."""
    topic, n = load_topic(b), b.size.stakeholders
    check(b.load_records == b.size.first, "the topic holds more than 20 events each")
    with Redis() as redis:
        before = used_memory(redis)
        d = deploy(b, redis, shipped(), b.name("bytes"), topic, "exactly-once")
        try:
            run_over(b, redis, d, 1, b.size.first)
            d.wait_checkpointed()
            total = used_memory(redis) - before
            parts = sample_keys(redis, d.prefix)
            d.stop()
        finally:
            d.abandon()
    b.figures.add("bytes_redis", total / n)
    b.figures.note("bytes_redis", f"{n} stakeholders; " + ", ".join(
        f"{name} {each:.0f}" for name, each in parts.items()))


def used_memory(redis):
    text = redis.call("INFO", "memory").decode()
    return int(text.partition("used_memory:")[2].split()[0])


def sample_keys(redis, prefix, most=2000):
    """MEMORY USAGE by kind of key, in bytes per key, or in all where there is one per partition."""
    kinds = {}
    for key in redis.scan(f"{prefix}:*"):
        tag, _, rest = key.decode("utf-8", "replace")[len(prefix) + 1:].partition("}:")
        kinds.setdefault(rest.partition(":")[0], []).append(key)
    sizes = {}
    for kind, keys in sorted(kinds.items()):
        some = keys[::max(1, len(keys) // most)]
        used = redis.pipeline([("MEMORY", "USAGE", key, "SAMPLES", 0) for key in some])
        name = f"{kind}: of {len(keys)}"
        sizes[name] = sum(used) / len(some)
    return sizes


def restart(b):
    """SIGTERM, start, and the first triggers of a feed that goes on; stakeholders are in Redis."""
    n = b.size.restart_stakeholders
    need_memory(n * 6000 >> 20, f"{n} stakeholders in memory and in Redis")
    name = b.name("restart")
    topic = b.create_topic(f"{name}-events")
    produce_load(b, topic, n, 2 * n, "--each", 2, "--end", int(time.time()))
    with Redis() as redis:
        d = deploy(b, redis, shipped_and_mark(), name, topic, "exactly-once")
        try:
            run_over(b, redis, d, 1, 2 * n)
            d.wait_checkpointed(300)
            d.stop()
            n_keys = redis.call("DBSIZE")
            child = feed(b, d, 2000, 15, "--every", "20", "--stakeholders", str(n))
            time.sleep(2)
            began = time.time()
            d.start_process()
            first = first_triggers(child, began)
            d.stop()
        finally:
            d.abandon()
    check(len(first) == b.size.partitions, f"triggers of {len(first)} partitions only\n{d.logs()}")
    b.figures.add("restart_first_trigger_s", min(first.values()))
    b.figures.add("restart_every_partition_s", max(first.values()))
    b.figures.note("restart_first_trigger_s", f"{n} stakeholders, {n_keys} keys")


def first_triggers(child, began):
    """By partition: seconds from `began` to its first trigger."""
    first = {}
    for line in child.stdout:
        if not line.startswith(b"{"):
            at, partition, _ = map(int, line.split())
            first.setdefault(partition, at / 1e6 - began)
    child.wait()
    return first


def evicting(b):
    """More stakeholders than memory holds: the same load with memory for all, and for a tenth.
    Everybody has come once before what is measured."""
    n, more = b.size.evict_stakeholders, b.size.evict_more
    need_memory(n * 6000 >> 20, f"{n} stakeholders in memory and in Redis")
    first, name = n, b.name("evict")
    topic = b.create_topic(f"{name}-events")
    produce_load(b, topic, n, first + more, "--each", 1)
    costs, limit = [], "16GiB"
    for how in ("hot", "cold"):
        with Redis() as redis:
            d = deploy(b, redis, shipped(), f"{name}-{how}", topic, "exactly-once", limit)
            try:
                watch = run_over(b, redis, d, 1, first + more, 3600)
                engaged, _, _, seconds = watch.cost(first, first + more)
                costs.append((engaged / more, more / seconds))
                used, evicted = watch.peak_bytes, watch.sum("stakeholders_evicted")
                loaded = watch.sum("stakeholders_loaded_total")
                d.stop()
            finally:
                d.abandon()
        limit = f"{max(1, int(used / 10) >> 20)}MiB" if how == "hot" else limit
    b.figures.add("evicting_over_hot", costs[1][0] / costs[0][0])
    b.figures.add("evicting_rate", costs[1][1] / costs[0][1])
    b.figures.note("evicting_over_hot", f"{n} stakeholders, {limit}: {evicted:.0f} evicted, "
                   f"{loaded:.0f} loaded, {used / 2**20:.1f} MiB at the most")
    b.figures.note("evicting_rate", f"{costs[0][1]:,.0f} and {costs[1][1]:,.0f} events/s")
