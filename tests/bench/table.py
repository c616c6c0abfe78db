# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark's table: what each figure is, what it must reach, and what is aimed at."""
import collections

Row = collections.namedtuple("Row", "key text unit must aim at_least", defaults=(None, None, False))

ROWS = (
    Row("floor_cpu_us", "floor: consume and decode, CPU per event", "µs"),
    Row("replay_cpu_us", "replay, shipped configuration, CPU per event", "µs", 1.2, 0.7),
    Row("replay_real_cpu_us", "likewise, the three data sets repeated", "µs"),
    Row("run_alo_1_cpu_us", "run, at-least-once, one process, CPU per event", "µs"),
    Row("run_alo_2_cpu_us", "likewise, two processes", "µs"),
    Row("run_eos_1_cpu_us", "run, exactly-once, one process, CPU per event", "µs"),
    Row("run_eos_2_cpu_us", "likewise, two processes", "µs"),
    Row("run_over_floor", "run, exactly-once, one process, over the floor", "x", 3, 1.8),
    Row("run_redis_cpu_us", "redis-server's CPU per event meanwhile", "µs"),
    Row("job_engaged_cpu_us", "the peers' job: engaged, CPU per event", "µs"),
    Row("kafka_streams_over_engaged", "Kafka Streams over engaged", "x", 8, 20, True),
    Row("flink_over_engaged", "Flink over engaged", "x", 8, 20, True),
    Row("python_over_engaged", "the better Python library over engaged", "x", 50, 200, True),
    Row("latency_alo_p99_ms", "event appended to trigger visible, half load, at-least-once, p99",
        "ms", 20, 5),
    Row("latency_eos_p99_ms", "likewise, exactly-once", "ms", 100, 60),
    Row("bytes_hot", "memory per stakeholder with 20 events: growth of the process", "B", 900, 500),
    Row("bytes_hot_counted", "likewise, as the engine counts it", "B"),
    Row("bytes_redis", "Redis per stakeholder with 20 events, all keys", "B", 1600, 1000),
    Row("cost_1e7_over_1e3", "engine's cost per event, 10^7 over 10^3 stakeholders", "x", 4, 2),
    Row("cost_200_over_10_rules", "engine's cost per event, 200 over 10 rules", "x", 4, 2),
    Row("restart_first_trigger_s", "restart with 10^6 stakeholders in Redis: first trigger", "s", 3, 1),
    Row("restart_every_partition_s", "likewise: a trigger of every partition", "s"),
    Row("evicting_over_hot", "CPU per event with memory for a tenth, over memory for all", "x"),
    Row("evicting_rate", "events a second with memory for a tenth, over memory for all", "x"),
)
KEYS = [row.key for row in ROWS]


def verdict(row, value):
    """'', 'reaches 2', or 'misses 3'."""
    if row.must is None:
        return ""
    def holds(limit):
        return value >= limit if row.at_least else value <= limit
    if holds(row.aim):
        return f"reaches the aim, {row.aim:g}"
    return f"reaches {row.must:g}" if holds(row.must) else f"MISSES {row.must:g}"


def show(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def lines(figures, wanted, extra=()):
    """The table as text: rows of the contract, and behind them `extra` ones."""
    yield f"{'figure':68s} {'median':>9s} {'min':>9s} {'max':>9s}  n"
    for row in (*ROWS, *extra):
        if row.key not in wanted and row not in extra:
            continue
        note = figures.notes.get(row.key, "")
        if not figures.has(row.key):
            yield f"{row.text:68s} not measured: {note or 'nothing was to be compared with'}"
            continue
        value, (low, high) = figures.median(row.key), figures.spread(row.key)
        said = "; ".join(x for x in (verdict(row, value), note) if x)
        yield (f"{row.text:68s} {show(value) + ' ' + row.unit:>9s} {show(low):>9s} {show(high):>9s}  "
               f"{len(figures.values[row.key])}  {said}").rstrip()


def as_json(figures, machine, options, extra=()):
    """The medians by key, with what stands behind them in `rows`."""
    out = {key: figures.median(key) if figures.has(key) else None for key in KEYS}
    rows = {}
    for row in (*ROWS, *extra):
        if not figures.has(row.key):
            rows[row.key] = {"text": row.text, "unmeasured": figures.notes.get(row.key, "")}
            continue
        low, high = figures.spread(row.key)
        rows[row.key] = {
            "text": row.text, "unit": row.unit, "median": figures.median(row.key), "min": low,
            "max": high, "values": figures.values[row.key],
            **({"must": row.must, "aim": row.aim,
                "misses": verdict(row, figures.median(row.key)).startswith("MISSES")}
               if row.must is not None else {}),
            **({"note": figures.notes[row.key]} if row.key in figures.notes else {})}
    return {**out, "rows": rows, "machine": machine, "options": options}
