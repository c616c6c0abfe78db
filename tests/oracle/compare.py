#!/usr/bin/env python3
"""compare.py - holds what the program said of a data set against what truth.py says of it.

    python3 compare.py config [oracle options]                    prints the configuration to run with
    python3 compare.py check FILE.csv.gz TRIGGERS.jsonl [--state STATE.jsonl] [oracle options]

The oracle options are these of truth.py: --deadline (repeatable), --half-life, --enter, --exit, --scope, --w-in, --w-out, --w-peer;
others are refused. `config --lateness 30s` is for events that arrive out of order (events.py --shuffle 30s --duplicate 0.05): within
the lateness the result must be that of sorted input.
Typical use, from the project's root, after a build:

    o=tests/oracle
    python3 $o/compare.py config --deadline 6h --half-life 30d > build/c.yaml
    python3 $o/events.py tests/data/ietf_sdjwt.csv.gz > build/e.jsonl
    build/engaged replay --config build/c.yaml --state build/s.jsonl build/e.jsonl > build/t.jsonl
    python3 $o/compare.py check tests/data/ietf_sdjwt.csv.gz build/t.jsonl --state build/s.jsonl \
        --deadline 6h --half-life 30d

What must agree
    stalls       rule overdue-D, edge fired: the set of (id of the event that opened the obligation, time due)
    up           rule involved, edge fired: the set of (stakeholder, id of the event that crossed)
    down         rule involved, edge cleared: per stakeholder in order, each time within one second
    windows      state at END: in_1h, out_1h, in_24h, ... per stakeholder, exact up to 64 in a window, 2 % above
    aggregates   state at END: the least, greatest and latest value, different verbs, conversations and days, and a capped count, as
                 a list of the stakeholder's rows says, exactly; absent where it says nothing
    score        state at END: involvement decayed to END, relative error at most 1e-9
Every trigger id is unique, and a second run gives the same bytes (checked with --again TRIGGERS2.jsonl).
Exit status 0 if all agrees, else 1, with the first differences of each kind.
"""
import collections
import json
import os
import sys

import truth as oracle

HEAD = """\
# Written by compare.py: every interaction weighs the same, and one rule per deadline.
deployment: oracle
organisation: oracle
state: {forget_after: 100000d}
"""


# Metrics that are no plain sums: name, definition, and what they are of the rows (oldest first) that they reach.
INBOUND = "where: 'direction == \"inbound\"'"
AGGREGATES = (
    ("least", "{min: value}", None, lambda rows: min(numbers(rows), default=None)),
    ("greatest_30d", "{max: value, window: 30d}", 30 * 86400, lambda rows: max(numbers(rows), default=None)),
    ("latest_30d", "{last: value, window: 30d}", 30 * 86400, lambda rows: next(reversed(numbers(rows)), None)),
    ("verbs", "{distinct: verb}", None, lambda rows: len({r["type"] for r in rows})),
    ("conversations_30d", "{distinct: conversation, window: 30d}", 30 * 86400,
     lambda rows: min(1024, len({r["conversation"] for r in rows} - {""}))),
    ("days", f"{{distinct_days: true, {INBOUND}}}", None,
     lambda rows: min(1024, len({r["t"] // 86400 for r in rows if r["direction"] == "inbound"}))),
    ("days_7d", "{distinct_days: true, window: 7d}", 7 * 86400, lambda rows: len({r["t"] // 86400 for r in rows})),
    ("three_a_day", "{sum: '1.0', cap: {per: day, at: 3}}", None, lambda rows: capped(rows, lambda t: t // 86400, 3)),
    ("five_a_week", "{sum: '1.0', cap: {per: week, at: 5}}", None,
     lambda rows: capped(rows, lambda t: (t - 4 * 86400) // (7 * 86400), 5)),
)


def numbers(rows):
    return [float(r["value"]) for r in rows if r["value"]]


def capped(rows, bucket, at):
    buckets = collections.Counter(bucket(r["t"]) for r in rows)
    return sum(min(n, at) for n in buckets.values())


def seconds(d):
    return f"{oracle.duration(d) if isinstance(d, str) else int(d)}s"


def config(opt, lateness):
    out = [HEAD, f"time: {{lateness: {seconds(lateness)}, ticks: off}}", "metrics:"]
    weight = f'direction == "inbound" ? {opt.w_in} : direction == "outbound" ? {opt.w_out} : {opt.w_peer}'
    out.append(f"  involvement: {{sum: '{weight}', half_life: {seconds(opt.half_life)}}}")
    for name, width in (("1h", "1h"), ("24h", "24h"), ("7d", "7d")):
        for short, direction in (("in", "inbound"), ("out", "outbound")):
            out.append(f"  {short}_{name}: {{count: true, where: 'direction == \"{direction}\"', window: {width}}}")
    out += [f"  {name}: {definition}" for name, definition, _, _ in AGGREGATES]
    out += ["reciprocity:", f"  answered_by: {opt.scope}", "rules:"]
    for d in opt.deadline:
        out += [f"  - name: overdue-{d}", f"    owed: {{by: organisation, after: {seconds(d)}}}",
                "    severity: warning", "    route: service"]
    out += ["  - name: involved", f"    enter: 'involvement >= {opt.enter}'", f"    exit: 'involvement <= {opt.exit}'",
            "    severity: info", "    route: sales",
            "  - name: several-days", "    enter: days_7d >= 3 && verbs > 1", "    exit: days_7d < 2", "    severity: info"]
    return "\n".join(out) + "\n"


def stamp(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def differ(kind, want, got, faults):
    missing, extra = sorted(want - got), sorted(got - want)
    print(f"{kind:10s} expected {len(want):6d}  found {len(got):6d}  missing {len(missing)}  extra {len(extra)}")
    if missing or extra:
        faults.append(kind)
        for label, some in (("missing", missing), ("extra", extra)):
            for item in some[:3]:
                print(f"           {label}: {item}")


def check(argv, paths, opt):
    rows = oracle.load(paths[0])
    facts, *_ = oracle.evaluate(rows, opt)
    triggers = [json.loads(line) for line in open(paths[1], encoding="utf-8") if line.strip()]
    faults = []
    ids = [t["id"] for t in triggers]
    if len(ids) != len(set(ids)):
        faults.append("trigger ids not unique")
    if len(paths) > 2 and open(paths[1], "rb").read() != open(paths[2], "rb").read():
        faults.append("the second run differs")
    pick = lambda rule, edge: [t for t in triggers if t["data"]["rule"] == rule and t["data"]["edge"] == edge]
    for d in opt.deadline:
        want = {(s["event_id"], int(stamp(s["fires_at"]))) for s in facts["stalls"][d]["stalls"]}
        got = [(t["data"]["cause"]["id"], int(stamp(t["time"]))) for t in pick(f"overdue-{d}", "fired")]
        differ(f"stalls {d}", want, set(got), faults)
        if len(got) != len(set(got)):
            faults.append(f"stalls {d} fired twice")
    crossings = facts["crossings"][opt.key]["crossings"]
    want = {(c["key"], c["event_id"]) for c in crossings if c["crossing"] == "up"}
    differ("up", want, {(t["subject"], t["data"]["cause"]["id"]) for t in pick("involved", "fired")}, faults)
    down, found = {}, {}
    for c in crossings:
        if c["crossing"] == "down":
            down.setdefault(c["key"], []).append(c["epoch"])
    for t in pick("involved", "cleared"):
        found.setdefault(t["subject"], []).append(stamp(t["time"]))
    wrong = [k for k in down.keys() | found.keys()
             if len(down.get(k, [])) != len(found.get(k, []))
             or any(abs(a - b) > 1 for a, b in zip(down.get(k, []), found.get(k, [])))]
    print(f"{'down':10s} expected {sum(map(len, down.values())):6d}  found {sum(map(len, found.values())):6d}"
          f"  stakeholders that differ {len(wrong)} {sorted(wrong)[:3]}")
    if wrong:
        faults.append("down")
    if opt.state:
        check_state(opt, rows, facts, faults)
    print("agrees" if not faults else "DIFFERS: " + ", ".join(faults))
    return 1 if faults else 0


def check_state(opt, rows, facts, faults):
    state = {s["subject"]: s["metrics"] for s in map(json.loads, open(opt.state, encoding="utf-8"))}
    for name in ("1h", "24h", "7d"):
        truth_of, wrong = facts["windows"]["end"]["windows"][name]["per_key"], []
        for key, metrics in state.items():
            for side in ("in", "out"):
                want, got = truth_of.get(key, {}).get(side, 0), metrics[f"{side}_{name}"]
                if abs(want - got) > (0 if want <= 64 else 0.02 * want):
                    wrong.append((key, side, want, got))
        absent = truth_of.keys() - state.keys()
        print(f"{'window ' + name:10s} stakeholders {len(truth_of):6d}  wrong {len(wrong)} {wrong[:3]}  absent {len(absent)}")
        if wrong or absent:
            faults.append("window " + name)
    end = oracle.parse_time(facts["counts"]["end"])
    kept = [r for r in rows if r["t"] <= end and r["stakeholder"] and r["org"]]
    check_aggregates(kept, state, end, faults)
    worst, who = 0.0, None
    for key, steps in oracle.score_rows(kept, opt, opt.key).items():
        r, _, after = steps[-1]
        want = after * 2.0 ** (-(end - r["t"]) / opt.half_life)
        error = abs(state[key]["involvement"] - want) / max(want, 1e-12) if key in state else 1.0
        if error > worst and want > 1e-9:
            worst, who = error, key
    print(f"{'score':10s} worst relative error {worst:.3g} {who or ''}")
    if worst > 1e-9:
        faults.append("score")


def check_aggregates(rows, state, end, faults):
    rows_of = collections.defaultdict(list)
    for r in rows:
        rows_of[r["stakeholder"]].append(r)
    for name, _, width, of in AGGREGATES:
        wrong = []
        for key, all_rows in rows_of.items():
            want = of([r for r in all_rows if width is None or r["t"] > end - width])
            got = state[key].get(name)
            if want != got:
                wrong.append((key, want, got))
        print(f"{name:10s} stakeholders {len(rows_of):6d}  wrong {len(wrong)} {wrong[:3]}")
        if wrong:
            faults.append(name)


def main(argv):
    verb, rest = argv[0] if argv else "", argv[1:]
    if verb not in ("config", "check"):
        raise SystemExit(__doc__)
    state, paths, lateness = None, [], "0s"
    while rest and not rest[0].startswith("--"):
        paths.append(rest.pop(0))
    for flag in ("--key", "--expects", "--no-reply-types", "--end"):
        if flag in rest:
            raise SystemExit(f"compare.py: {flag} has no counterpart in the configuration")
    for flag in ("--state", "--again", "--lateness"):
        if flag in rest:
            at = rest.index(flag)
            value = rest[at + 1]
            del rest[at:at + 2]
            if flag == "--state":
                state = value
            elif flag == "--lateness":
                lateness = value
            else:
                paths.append(value)
    opt = oracle.options(rest)
    opt.state = state
    if verb == "config":
        print(config(opt, lateness), end="")
        return 0
    return check(rest, paths, opt)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
