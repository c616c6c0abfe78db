#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""feeder.py KAFKATOOL BOOTSTRAP TOPIC --partitions P --rate R --seed S

Feeds the story at a steady rate, straight to the brokers, and knows nothing of faults: what a
broker cannot take now waits in the idempotent producer. One that gives up (librdkafka does, when
leaders move at the wrong moment) is replaced: what it had not delivered has not happened, since the log
alone says what has. Standard input brings triggers that were seen, `ID STAKEHOLDER` a line. SIGTERM
ends it tidily. Once a second, and at the end, it prints how many it has made.
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


class Producer:
    def __init__(self, opt):
        self.command = [opt.kafkatool, "-b", opt.bootstrap, "-X", "acks=all", "-X", "message.timeout.ms=600000",
                        "-X", "max.in.flight.requests.per.connection=1", "produce", opt.topic, "--records"]
        self.start()

    def start(self):
        # In a session of its own, so that only this program's end ends it.
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, start_new_session=True)

    def write(self, lines):
        try:
            self.child.stdin.write(lines)
            self.child.stdin.flush()
        except BrokenPipeError:
            print(f"a new producer after status {self.child.wait()}", file=sys.stderr, flush=True)
            self.start()

    def end(self):
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass
        return self.child.wait()


def feed(opt, producer, is_ended):
    story, hearing = Story(random.Random(f"feed {opt.seed}"), opt.partitions), Hearing()
    began, n, told = time.monotonic(), 0, 0.0
    while not is_ended():
        now, lines = time.monotonic() - began, []
        while n < now * opt.rate:
            made = [json.dumps(r).encode() + b"\n" for r in story.next(round(time.time() * 1000))]
            lines += made
            n += max(1, len(made))
        producer.write(b"".join(lines))
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
    producer = Producer(opt)
    print(feed(opt, producer, lambda: ended), flush=True)
    return producer.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
