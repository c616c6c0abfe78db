#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""presets.py BUILD: the daemon maps payloads that others define, as replay does.

`engaged dev` feeds them to a toy broker: tickets of a desk, one answered too late, one never; notes
among agents and a change of status are dropped, and move the clock.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = f"""
deployment: presets
include: [{ROOT}/config/presets/support-desk.yaml]
time: {{idle_after: 1s}}
rules:
  - name: overdue
    owed: {{by: organisation, after: 1h}}
    route: service
"""


def payload(n, time, kind, who, ticket, **event):
    return {"id": f"w{n}", "time": f"2024-05-01T{time}Z", "type": f"zen:event-type:ticket.{kind}",
            "detail": {"id": ticket, "requester_id": who, "via": {"channel": "email"}}, "event": event}


PAYLOADS = [
    payload(1, "08:00:00", "created", 844, "5158"),
    payload(2, "08:10:00", "comment_added", 844, "5158", comment={"is_public": False, "author": {"is_staff": True}}),
    payload(3, "08:30:00", "created", 845, "5159"),
    payload(4, "12:00:00", "comment_added", 844, "5158", comment={"author": {"is_staff": True}}),
    payload(5, "12:00:01", "created", 846, None),
    payload(6, "13:00:00", "status_changed", 9, "1", current="OPEN"),
]
WANTED = [("2024-05-01T09:00:00Z", "fired", "844"), ("2024-05-01T09:30:00Z", "fired", "845"),
          ("2024-05-01T12:00:00Z", "cleared", None)]


def main(build):
    engaged = os.path.join(build, "engaged")
    with tempfile.TemporaryDirectory() as folder:
        config, events = os.path.join(folder, "c.yaml"), os.path.join(folder, "e.jsonl")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG)
        with open(events, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(p) + "\n" for p in PAYLOADS)
        done = subprocess.run([engaged, "dev", "--config", config, "--once", events], capture_output=True,
                              text=True, timeout=50, check=False)
        replayed = subprocess.run([engaged, "replay", "--config", config, events], capture_output=True, text=True,
                                  timeout=20, check=True).stdout
    said = done.stdout + done.stderr
    if "no redis-server in PATH" in said:
        print("skipped: no redis-server")
        return 77
    seen = [(time, edge, re.sub(r".*not answered (\d+) on.*", r"\1", rest) if edge == "fired" else None)
            for time, edge, rest in re.findall(r"^(\S+Z)  (fired|cleared) +(.*)$", done.stdout, re.MULTILINE)]
    assert done.returncode == 0 and sorted(map(str, seen)) == sorted(map(str, WANTED)), said
    assert "2 triggers fired, 1 cleared, 0 dead letters." in said, said
    triggers = [(t["time"], t["data"]["edge"], t["subject"]) for t in map(json.loads, replayed.splitlines())]
    assert [(t, e, s if e == "fired" else None) for t, e, s in triggers] == WANTED, triggers
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
