# SPDX-License-Identifier: Apache-2.0
"""The metrics of one stakeholder, by their definitions: sums over all events, at any instant."""
import math

MONDAY = 4 * 86_400_000  # 1970-01-05, the first Monday
PERIODS = {"hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
DAY = 86_400_000


class Metric:
    """What is declared: an aggregate of `of` over events for which `where` holds.

    of(event), where(event): functions of an event; None stands for no value. reach: ("window", ms),
    ("half_life", ms) or None. cap: (period, at) with a period in ms or a name of PERIODS.
    """

    def __init__(self, name, kind, of=None, where=None, reach=None, cap=None, yaml=None):
        self.name, self.kind, self.of, self.where = name, kind, of, where
        self.reach, self.cap, self.yaml = reach, cap, yaml

    def type(self):
        return "int" if self.kind in ("count", "distinct", "distinct_days") else "double"


def bucket_of(time, period):
    if period == "week":
        return (time - MONDAY) // PERIODS["week"]
    return time // PERIODS.get(period, period)


class Series:
    """One metric of one stakeholder: (time, value) of each event that counted, as they came."""

    def __init__(self, metric):
        self.metric, self.counted = metric, []
        self.bucket, self.added = None, 0.0

    def apply(self, event):
        """Returns whether the event counted; 0 where a cap left nothing of it."""
        m = self.metric
        if m.where and m.where(event) is not True:
            return False
        value = 1 if m.of is None else m.of(event)
        if value is None:
            return False
        if m.cap:
            value = self.capped(event["ms"], value)
        self.counted.append((event["ms"], value))
        return 0 if m.cap and value == 0 else True

    def capped(self, time, value):
        period, at = self.metric.cap
        bucket = bucket_of(time, period)
        if self.bucket is not None and bucket < self.bucket:
            return min(value, at)  # of a bucket that is no longer kept: alone
        if bucket != self.bucket:
            self.bucket, self.added = bucket, 0.0
        if value >= 0:
            value = max(0.0, min(value, at - self.added))
        self.added += value
        return value

    def within(self, t):
        reach = self.metric.reach
        if reach and reach[0] == "window":
            return [(at, v) for at, v in self.counted if t - reach[1] < at <= t]
        return self.counted

    def value(self, t):
        kind, reach = self.metric.kind, self.metric.reach
        if reach and reach[0] == "half_life":
            return self.decayed(kind, t, reach[1])
        inside = self.within(t)
        if kind == "count":
            return len(inside)
        if kind == "sum":
            return math.fsum(v for _, v in inside)
        if kind == "distinct":
            return len({v for _, v in inside})
        if kind == "distinct_days":
            return len({at // DAY for at, _ in inside})
        if not inside:
            return None
        if kind == "mean":
            return math.fsum(v for _, v in inside) / len(inside)
        if kind == "last":
            return max(enumerate(inside), key=lambda e: (e[1][0], e[0]))[1][1]
        return (min if kind == "min" else max)(v for _, v in inside)

    def decayed(self, kind, t, half_life):
        if kind == "mean":  # both sums decay alike: seen from the latest event, it does not move
            if not self.counted:
                return None
            t = max(at for at, _ in self.counted)
        weights = [2.0 ** (-(t - at) / half_life) for at, _ in self.counted]
        total = math.fsum(w * v for w, (_, v) in zip(weights, self.counted))
        return total / math.fsum(weights) if kind == "mean" else total

    def shape(self, t):
        """How the value goes on from t while nothing happens and nothing leaves a window."""
        value, reach = self.value(t), self.metric.reach
        if value is None:
            return None
        if reach and reach[0] == "half_life" and self.metric.kind != "mean":
            return "decay", value, reach[1]
        return "still", value

    def edges(self):
        """The instants at which an event leaves the window."""
        reach = self.metric.reach
        if not reach or reach[0] != "window":
            return []
        return [at + reach[1] for at, _ in self.counted]
