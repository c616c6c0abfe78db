#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""notify.py BUILD: what the service manager hears while neither Kafka nor Redis can be reached.

The daemon waits for both, alive: its watchdog is fed, it is not ready, and SIGTERM ends it in order.
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Failed, Process, check, process  # noqa: E402

CONFIG = """\
kafka: {properties: {bootstrap.servers: "127.0.0.1:PORT"}}
redis: {url: "redis://127.0.0.1:PORT/0"}
log: {level: error}
"""


class Build:
    def __init__(self, folder):
        self.engaged = os.path.join(folder, "engaged")


def hear(ear, seconds):
    """All that is said within that time, a list of messages."""
    heard, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        ear.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            heard.append(ear.recv(4096).decode())
        except TimeoutError:
            break
    return heard


def run_case(build):
    folder = process.folder("notify")
    path = os.path.join(folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        os.environ["NOTIFY_SOCKET"] = path
        p = Process(Build(build), CONFIG.replace("PORT", str(process.free_port())), folder, 0)
        p.start()
        heard = hear(ear, 5)
        check("READY=1" in heard, f"not heard that it started: {heard}")
        check(heard.count("WATCHDOG=1") >= 3, f"the watchdog is not fed: {heard}")
        check(p.http("/-/healthy")[0] == 200, "not healthy")
        check(p.http("/-/ready")[0] == 503, "ready, without Kafka and Redis")
        p.stop()
        check("STOPPING=1" in hear(ear, 1), "not heard that it stops")


def main(argv):
    process.end_on_signals()
    try:
        run_case(argv[0])
    except Failed as e:
        print(f"FAILED {e}", flush=True)
        return 1
    print("ok", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
