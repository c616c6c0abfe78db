# SPDX-License-Identifier: Apache-2.0
"""Business time and quiet hours, minute by minute, by Python's own time zones."""
import bisect
import datetime
import functools
import zoneinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP = 900_000  # the hours begin and end on quarters
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")


@functools.lru_cache(maxsize=None)
def zone_of(name):
    return zoneinfo.ZoneInfo(name)


@functools.lru_cache(maxsize=200_000)
def wall(zone, ms):
    """(weekday, minute of the day) there, at an instant."""
    at = datetime.datetime.fromtimestamp(ms / 1000, zone_of(zone))
    return at.weekday(), at.hour * 60 + at.minute


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


class Calendar:
    """hours: {day: [(from, to)]} in minutes after midnight."""

    def __init__(self, zone, hours, start, days):
        self.zone, self.hours = zone, hours
        self.starts = []  # of the quarters that are business time
        for at in range(start, start + days * 96 * STEP, STEP):
            day, minute = wall(zone, at)
            if any(a <= minute < b for a, b in hours.get(DAYS[day], ())):
                self.starts.append(at)

    def yaml(self):
        return {"zone": self.zone,
                "hours": {day: [f"{clock(a)}-{clock(b)}" for a, b in spans]
                          for day, spans in self.hours.items()}}

    def add(self, at, span):
        """The first instant by which `span` of business time has passed since `at`."""
        i = bisect.bisect_right(self.starts, at) - 1
        if i >= 0 and at < self.starts[i] + STEP:
            here = self.starts[i] + STEP - at
            if span <= here:
                return at + span
            span -= here
        i += 1
        whole = (span - 1) // STEP
        return self.starts[i + whole] + span - whole * STEP


def is_quiet(hours, ms):
    start, end, zone = hours
    minute = wall(zone, ms // 60_000 * 60_000)[1]
    return start <= minute < end if start <= end else minute >= start or minute < end


def quiet_until(hours, ms):
    """The first instant from ms on that is not quiet."""
    while is_quiet(hours, ms):
        ms = ms // 60_000 * 60_000 + 60_000
    return ms
