#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""selftest.py ENGAGED GEN_LOAD: what holds the peers to the job is itself held.

expected.py says of a data set what tests/oracle/truth.py says of it; engaged, with job.yaml, and what the
peers in Python share do what expected.py says job.json means; and what is missing, extra or counted wrongly
is seen.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path[:0] = [os.path.join(TESTS, "oracle"), os.path.join(HERE, "python")]
import expected  # noqa: E402
import job as python_job  # noqa: E402
import truth  # noqa: E402

DATA = os.path.join(TESTS, "data", "ibm_care_dev.csv.gz")


def load_job(**changes):
    with open(os.path.join(HERE, "job.json"), encoding="utf-8") as f:
        return expected.Job(json.dumps({**json.load(f), **changes}))


def against_truth():
    """Everything weighs the same, and counts in both directions: the oracle's own settings."""
    job = load_job(weights={"*": 1}, counted=["inbound", "outbound", "peer"], enter=3, exit=1)
    lines = subprocess.run([sys.executable, os.path.join(TESTS, "oracle", "events.py"), DATA],
                           stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    found, _ = expected.expected(job, lines)
    opt = truth.options(["--deadline", "24h", "--half-life", "24h", "--enter", "3", "--exit", "1"])
    facts, *_ = truth.evaluate(truth.load(DATA), opt)
    ups = [c for c in facts["crossings"][opt.key]["crossings"] if c["crossing"] == "up"]
    downs = [c for c in facts["crossings"][opt.key]["crossings"] if c["crossing"] == "down"]
    stalls = facts["stalls"]["24h"]["stalls"]
    for name, edge, rows in (("involved", "fired", ups), ("involved", "cleared", downs),
                             ("unanswered", "fired", stalls)):
        want = sorted((c.get("key") or c["stakeholder"],
                       expected.time_ms(c.get("fires_at") or c["time"])) for c in rows)
        got = sorted((t.stakeholder, t.time_ms) for t in found if (t.rule, t.edge) == (name, edge))
        same = len(want) == len(got) and all(
            a[0] == b[0] and abs(a[1] - b[1]) <= 2 for a, b in zip(want, got))
        assert want and same, f"{name} {edge}: {len(want)} in truth, {len(got)} found"


def against_engaged(engaged, gen_load, folder):
    load, triggers = os.path.join(folder, "load.jsonl"), os.path.join(folder, "triggers.jsonl")
    with open(load, "wb") as f:
        subprocess.run([gen_load, "2000", "60000"], stdout=f, check=True)
    with open(triggers, "wb") as f:
        subprocess.run([engaged, "replay", "--config", os.path.join(HERE, "job.yaml"), load],
                       stdout=f, check=True)
    with open(load, encoding="utf-8") as f:
        want, end = expected.expected(load_job(), f)
    with open(triggers, encoding="utf-8") as f:
        got = [expected.of_peer(line) for line in f]
    return want, got, end  # one stream: all of it can be compared


def of_python(folder, want, end):
    """As one partition, without a library around it."""
    job, due = python_job.Job(os.path.join(HERE, "job.json")), python_job.Due()
    states, found = {}, []
    with open(os.path.join(folder, "load.jsonl"), encoding="utf-8") as f:
        for event in map(json.loads, f):
            who, now_ms = event["subject"], python_job.time_ms(event["time"])
            found += due.pass_to(now_ms)
            found += python_job.apply(job, due, states.setdefault(who, python_job.new_state()), who,
                                      event, now_ms)
    found += due.pass_to(end + 1)
    return expected.compare(want, [expected.of_peer(json.dumps(t)) for t in found], end)


def main():
    against_truth()
    with tempfile.TemporaryDirectory() as folder:
        want, got, end = against_engaged(*sys.argv[1:3], folder)
        python = of_python(folder, want, end)
    said = expected.compare(want, got, end)
    print(json.dumps(said))
    assert not expected.is_wrong(said), "engaged does something else"
    assert not expected.is_wrong(python), f"the peers in Python do something else: {python}"
    kinds = {(t.rule, t.edge) for t in want}
    assert len(kinds) == 4 and said["expected"] > 100, f"too little is compared: {kinds}"
    assert said["counts_given"] > 20, "no counts are compared"
    fired = next(i for i, t in enumerate(got) if t.counts)
    miscounted = got[fired]._replace(counts={**got[fired].counts, "3600": 63})
    for name, broken in (("missing", got[1:]), ("extra", got + [got[0]]),
                         ("counts_wrong", got[:fired] + [miscounted] + got[fired + 1:]),
                         ("missing", [got[0]._replace(time_ms=got[0].time_ms + 5000)] + got[1:])):
        assert expected.compare(want, broken, end)[name] == 1, f"{name} is not seen"
    return 0


if __name__ == "__main__":
    sys.exit(main())
