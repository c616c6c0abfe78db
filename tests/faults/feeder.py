#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""feeder.py KAFKATOOL BOOTSTRAP TOPIC --partitions P --rate R --seed S

Feeds the story at a steady rate, straight to the brokers, and knows nothing of faults: what a
broker cannot take now waits in the idempotent producer. Standard input brings triggers that were
seen, `ID STAKEHOLDER` a line. SIGTERM ends it tidily: exit status 0 means that every record was
acknowledged by all replicas. Once a second, and at the end, it prints how many it has made.
"""
import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from faults.story import Story  # noqa: E402


class Hearing:
    """Lines of standard input, without waiting for them."""

    def __init__(self):
        self.rest, self.is_open = b"", True

    def lines(self):
        while self.is_open and select.select([0], [], [], 0)[0]:
            part = os.read(0, 65536)
            self.is_open = bool(part)
            *whole, self.rest = (self.rest + part).split(b"\n")
            yield from whole


def feed(opt, out, is_ended):
    story, hearing = Story(random.Random(f"feed {opt.seed}"), opt.partitions), Hearing()
    began, n, told = time.monotonic(), 0, 0.0
    while not is_ended():
        now = time.monotonic() - began
        while n < now * opt.rate:
            for r in story.next(round(time.time() * 1000)):
                out.write(json.dumps(r).encode() + b"\n")
                n += 1
        out.flush()
        for line in hearing.lines():
            story.tell_fired(*line.decode().split(" ", 1))
        if now - told >= 1:
            told = now
            print(n, flush=True)
        time.sleep(0.02)
    return n


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("kafkatool")
    p.add_argument("bootstrap")
    p.add_argument("topic")
    p.add_argument("--partitions", type=int, default=8)
    p.add_argument("--rate", type=float, default=500)
    p.add_argument("--seed", default="1")
    opt = p.parse_args(argv)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    # In a session of its own, so that only this program's end ends it.
    producer = subprocess.Popen([opt.kafkatool, "-b", opt.bootstrap, "-X", "acks=all", "-X",
                                 "message.timeout.ms=600000", "produce", opt.topic, "--records"],
                                stdin=subprocess.PIPE, start_new_session=True)
    n = feed(opt, producer.stdin, lambda: ended or producer.poll() is not None)
    producer.stdin.close()
    print(n, flush=True)
    return producer.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
