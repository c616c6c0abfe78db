#!/usr/bin/env python3
"""events.py - turns a data set of ../data into interaction events, one JSON CloudEvent a line.

    python3 events.py FILE.csv.gz > events.jsonl
    python3 events.py FILE.csv.gz --shuffle 30s --seed 7      arrival out of order, by at most 30 s
    python3 events.py FILE.csv.gz --duplicate 0.05            5 % of the events arrive twice
    python3 events.py FILE.csv.gz --repeat 50                 50 copies side by side, other stakeholders

Python 3.11 standard library only.

How a row becomes an event
    id, time, sequence (the row's number: file order counts within a second), subject (= stakeholder), data.org, data.direction, data.channel, data.verb (= type),
    data.conversation, data.in_reply_to, data.actor, data.value: as in the row; an empty cell is left out.
    data.expects_reply: true for an inbound row that belongs to a conversation and is no purchase,
    cancellation or mention (definition D1 of truth.py), else false.
    data.sentiment: -1, 0 or 1 times the annotators' confidence, only where people labelled the row.
A row without a stakeholder has no subject: it is not a valid interaction, and belongs in the dead letters.
"""
import argparse
import csv
import gzip
import json
import random
import signal
import sys

from truth import duration, parse_time

LABELS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
REPLY_FREE = {"purchase", "cancellation", "mention"}


def event(row, n, copy):
    suffix = f"~{copy}" if copy else ""
    data = {"org": row["org"], "direction": row["direction"], "channel": row["channel"], "verb": row["type"],
            "conversation": row["conversation"] and row["conversation"] + suffix,
            "in_reply_to": row["in_reply_to"] and row["in_reply_to"] + suffix, "actor": row["actor"]}
    data = {k: v for k, v in data.items() if v}
    data["expects_reply"] = (row["direction"] == "inbound" and bool(row["conversation"])
                             and row["type"] not in REPLY_FREE)
    if row["sentiment"]:
        data["sentiment"] = LABELS[row["sentiment"]] * float(row["sentiment_confidence"] or 1)
    if row["value"]:
        data["value"] = float(row["value"])
    made = {"specversion": "1.0", "id": row["event_id"] + suffix, "source": "/data/" + (row["channel"] or "unknown"),
            "type": "io.engaged.interaction.v1", "time": row["time"], "sequence": f"{n:09d}"}
    if row["stakeholder"]:
        made["subject"] = row["stakeholder"] + suffix
    return made | {"data": data}


def main(argv):
    p = argparse.ArgumentParser()
    p.add_argument("file")
    p.add_argument("--shuffle", default="0s", type=duration)
    p.add_argument("--duplicate", default=0.0, type=float)
    p.add_argument("--repeat", default=1, type=int)
    p.add_argument("--seed", default=1, type=int)
    opt = p.parse_args(argv)
    rng = random.Random(opt.seed)
    with gzip.open(opt.file, "rt", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    arrivals = []
    for n, row in enumerate(rows):
        t = parse_time(row["time"])
        for copy in range(opt.repeat):
            line = json.dumps(event(row, n, copy), ensure_ascii=False, separators=(",", ":"))
            times = 1 + (rng.random() < opt.duplicate)
            for again in range(times):
                arrivals.append((t + (rng.random() * opt.shuffle if opt.shuffle or again else 0), n, line))
    if opt.shuffle or opt.duplicate:
        arrivals.sort(key=lambda a: a[:2])
    sys.stdout.writelines(line + "\n" for _, _, line in arrivals)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main(sys.argv[1:])
