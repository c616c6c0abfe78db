# SPDX-License-Identifier: Apache-2.0
"""What the peers in Python share beside the job: their command line, and what they say at the end."""
import argparse
import json
import resource
import time
import uuid


def options():
    p = argparse.ArgumentParser()
    for name in ("bootstrap", "events", "triggers", "job", "delivery", "state"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--until", type=int, required=True)
    p.add_argument("--threads", type=int, required=True)
    return p.parse_args()


def fresh(name):
    """For groups and the like: no run finds anything of another."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def cpu_s():
    me = resource.getrusage(resource.RUSAGE_SELF)
    return me.ru_utime + me.ru_stime


class Meter:
    """Begun with the first record; counts records and triggers."""

    def __init__(self):
        self.n_events = self.n_triggers = 0
        self.cpu = self.since = None

    def event(self):
        if not self.n_events:
            self.cpu, self.since = cpu_s(), time.monotonic()
        self.n_events += 1

    def say(self, peer, version, cannot):
        print(json.dumps({
            "peer": peer, "version": version, "events": self.n_events, "triggers": self.n_triggers,
            "cpu_s": cpu_s() - self.cpu, "cpu_startup_s": self.cpu,
            "wall_s": time.monotonic() - self.since, "cannot": cannot,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
