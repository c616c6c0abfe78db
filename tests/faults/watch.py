# SPDX-License-Identifier: Apache-2.0
"""Once a second: memory, descriptors and threads of each daemon, and the protocol's counters.

A counter begins anew with each life of a process; what is told at the end is the sum over lives.
"""
import collections
import os
import threading
import time
import urllib.error
import urllib.request

COUNTERS = ("takeovers", "replays", "rebuilds", "outputs_suppressed", "transactions_committed",
            "transactions_aborted", "transactions_uncertain", "transactions_fenced",
            "redis_writes_fenced", "checkpoints_redone", "leftovers_aborted")
GAUGES = ("rss KiB", "descriptors", "threads")
LIFE_S = 60  # shorter lives say nothing about growth
WARM_S = 20  # at the beginning of a life memory is taken, not lost


def slope(points):
    """Least squares, per hour; points are (seconds, value)."""
    n = len(points)
    if n < 2:
        return 0.0
    mean_t, mean_v = (sum(p[i] for p in points) / n for i in (0, 1))
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in points) / spread if spread else 0.0


def of_process(pid):
    """RSS in KiB, descriptors, threads; None if it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            status = dict(line.split(":", 1) for line in f)
        return (int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]))
    except (OSError, KeyError, ValueError):
        return None


def counters_of(port):
    """{counter: value}; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=0.5) as answer:
            text = answer.read().decode("utf-8")
    except (OSError, urllib.error.URLError, ValueError):
        return {}
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith("engaged_") and name.endswith("_total") and "{" not in name:
            found[name[len("engaged_"):-len("_total")]] = int(float(value))
    return found


class Watch(threading.Thread):
    def __init__(self, processes):
        super().__init__(daemon=True)
        self.processes, self.ends, self.began = processes, threading.Event(), time.monotonic()
        self.lives = collections.defaultdict(list)  # pid: [(seconds, rss, descriptors, threads)]
        self.counters = {}  # pid: as last scraped
        self.start()

    def run(self):
        while not self.ends.wait(1.0):
            for p in self.processes():
                self.look(p)

    def look(self, p):
        child = p.child
        if child is None or child.poll() is not None:
            return
        figures = of_process(child.pid)
        if figures:
            self.lives[child.pid].append((time.monotonic() - self.began, *figures))
        counters = counters_of(p.port)
        if counters:
            self.counters[child.pid] = counters

    def end(self):
        self.ends.set()
        self.join()

    def totals(self):
        return {c: sum(life.get(c, 0) for life in self.counters.values()) for c in COUNTERS}

    def _per_minute(self, gauge):
        """The highest of all processes in each minute."""
        highest = collections.defaultdict(int)
        for life in self.lives.values():
            for sample in life:
                minute = int(sample[0] // 60)
                highest[minute] = max(highest[minute], sample[1 + gauge])
        return [(60 * m, v) for m, v in sorted(highest.items())]

    @staticmethod
    def _of_life(life, gauge):
        warm = life[0][0] + max(WARM_S, (life[-1][0] - life[0][0]) / 10) if life else 0
        return slope([(s[0], s[1 + gauge]) for s in life if s[0] >= warm])

    def slopes(self):
        """Per gauge: over the run, of each minute's maximum; the steepest life; the longest. And the
        longest life itself."""
        lives = [life for life in self.lives.values() if life[-1][0] - life[0][0] >= LIFE_S]
        longest = max(self.lives.values(), key=lambda life: life[-1][0] - life[0][0], default=[])
        return [(slope(self._per_minute(gauge)[1:]),
                 max((self._of_life(life, gauge) for life in lives), default=0.0),
                 self._of_life(longest, gauge)) for gauge in range(len(GAUGES))], longest

    def text(self):
        (rss, descriptors, threads), longest = self.slopes()
        seconds = longest[-1][0] - longest[0][0] if longest else 0
        highest = [max((s[1 + g] for life in self.lives.values() for s in life), default=0)
                   for g in range(len(GAUGES))]
        return (f"rss slope {rss[0]:.0f} KiB/h, descriptors {descriptors[0]:.1f}/h, "
                f"threads {threads[0]:.1f}/h; steepest life longer than {LIFE_S} s: {rss[1]:.0f} KiB/h, "
                f"{descriptors[1]:.1f}/h, {threads[1]:.1f}/h; the longest life, {seconds:.0f} s: "
                f"{rss[2]:.0f} KiB/h, {descriptors[2]:.1f}/h, {threads[2]:.1f}/h; at most {highest[0]} KiB, "
                f"{highest[1]} descriptors, {highest[2]} threads")
