# SPDX-License-Identifier: Apache-2.0
"""Which fault when: rounds of all kinds in random order, random pauses, sometimes two at once.

All that is random comes from the seed; what happened is printed as it happens.
"""
import collections
import queue
import threading
import time

from faults.kill_points import NotThere

WANTED, WANTED_WAITS, WANTED_POINT = 10, 5, 2
CUT_MINUTES = 10  # shorter runs do what fits
CUT_WAITS = 2
MISSED_MAX = 5  # in a row: then the point cannot be reached
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
            self.done.put(self.attempt(*self.work.get()))

    @staticmethod
    def attempt(kind, world, rng):
        """The note, and what went wrong."""
        began = time.monotonic()
        try:
            note = kind.run(world, rng) or ""
            return f"{time.monotonic() - began:.1f} s  {note}", None
        except BaseException as e:  # told by the main thread
            return f"{time.monotonic() - began:.1f} s", e


class Schedule:
    def __init__(self, world, kinds, rng, say, is_cut):
        self.world, self.kinds, self.rng, self.say, self.is_cut = world, kinds, rng, say, is_cut
        self.counts = collections.Counter()
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
        results = [(kind, "", *Hand.attempt(kind, self.world, self.rng))]
        if other:
            results.append((other, "together with it: ", *self.hand.done.get()))
        for result in results:
            self._note(*result)
        time.sleep(self.rng.uniform(min(0.5, pause), pause))

    def _note(self, kind, prefix, note, error):
        at = f"{time.monotonic() - self.began:8.1f} s  {prefix}{kind.name}"
        if isinstance(error, NotThere):
            self.missed[kind.name] += 1
            self.say(f"{at}  not there in time, {note}")
            if self.missed[kind.name] < MISSED_MAX:
                return
        if error:
            self.say(f"{at}  FAILED {note}")
            raise error
        self.counts[kind.name] += 1
        self.missed[kind.name] = 0
        self.say(f"{at}  {note}")

    def table(self):
        return [f"{k.name:36s} {self.counts[k.name]:4d}" for k in sorted(self.kinds, key=lambda k: k.name)]

