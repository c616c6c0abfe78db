# SPDX-License-Identifier: Apache-2.0
"""Which fault when: rounds of all kinds in random order, random pauses, sometimes two at once.

All that is random comes from the seed; what happened is printed as it happens.
"""
import collections
import queue
import threading
import time

WANTED, WANTED_WAITS, WANTED_POINT = 10, 5, 2
CUT_MINUTES = 10  # shorter runs do what fits
CUT_WAITS = 2
TOGETHER = 0.15  # share of faults that another one joins


def is_point(kind):
    return kind.name.startswith("kill_point")


def wanted(kind):
    if is_point(kind):
        return WANTED_POINT
    return WANTED_WAITS if kind.waits else WANTED


class Hand(threading.Thread):
    """Does faults beside the main thread. It lives as long as the run: what it starts would be killed
    with it (servers/process.py)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.work, self.done = queue.Queue(), queue.Queue()
        self.start()

    def run(self):
        while True:
            self.done.put(self._do(*self.work.get()))

    @staticmethod
    def _do(kind, world, rng):
        try:
            return kind.run(world, rng), None
        except BaseException as e:  # told by the main thread
            return None, e


class Schedule:
    def __init__(self, world, kinds, rng, say, is_cut):
        self.world, self.kinds, self.rng, self.say, self.is_cut = world, kinds, rng, say, is_cut
        self.counts, self.seconds = collections.Counter(), collections.Counter()
        self.missed = collections.Counter()  # in a row
        self.began, self.hand, self.round = time.monotonic(), Hand(), []

    def is_complete(self):
        return all(self.counts[k.name] >= wanted(k) for k in self.kinds)

    def _next(self):
        if not self.round:
            self.round = self._new_round()
        return self.round.pop()

    def _new_round(self):
        lacking = [k for k in self.kinds if self.counts[k.name] < wanted(k)] or list(self.kinds)
        self.rng.shuffle(lacking)
        if not self.is_cut:
            return lacking
        # Few of those that wait, and few of the many kill points, spread over what time there is.
        slow = [k for k in lacking if k.waits][:CUT_WAITS]
        points = [k for k in lacking if is_point(k) and not k.waits]
        others = [k for k in lacking if not k.waits and not is_point(k)]
        found = others + points[:max(1, len(others) // 3)] + slow
        self.rng.shuffle(found)
        return found

    def _companion(self, kind):
        """Another one of this round that touches something else."""
        if self.rng.random() >= TOGETHER:
            return None
        for other in self.round:
            if kind.goes_with(other) and not other.waits:
                self.round.remove(other)
                return other
        return None

    def step(self, pause=4.0):
        """One fault, or two at once, and a pause of up to so many seconds."""
        kind = self._next()
        other = self._companion(kind)
        if other:
            self.hand.work.put((other, self.world, type(self.rng)(self.rng.random())))
        try:
            self._run(kind, "")
        finally:
            if other:
                note, error = self.hand.done.get()
        if other:
            self._note(other, "together with it: ", note)
            if error:
                raise error
        time.sleep(self.rng.uniform(min(0.5, pause), pause))

    def _run(self, kind, prefix):
        began = time.monotonic()
        try:
            note = kind.run(self.world, self.rng)
        except BaseException:
            self.say(f"{began - self.began:8.1f} s  {kind.name} FAILED")
            raise
        self.seconds[kind.name] += time.monotonic() - began
        self._note(kind, prefix, f"{time.monotonic() - began:.1f} s  {note or ''}")

    def _note(self, kind, prefix, note):
        self.counts[kind.name] += 1
        self.say(f"{time.monotonic() - self.began:8.1f} s  {prefix}{kind.name}  {note or ''}")

    def table(self):
        return [f"{k.name:28s} {self.counts[k.name]:4d}  "
                + (f"{self.seconds[k.name] / self.counts[k.name]:6.1f} s" if self.counts[k.name] else "")
                for k in sorted(self.kinds, key=lambda k: k.name)]

