# SPDX-License-Identifier: Apache-2.0
"""The job of ../README.md per stakeholder, for the peers in Python: what the library that runs it has
no word for. The state is a plain list, so that each library may keep it as it likes best:

    [value, at_ms, out_ms, open, times]

value and at_ms are involvement and when it was so; out_ms is when it will have sunk to `exit`, None
while it is not fired; open is {conversation: [due_ms, event id]}; times are those of the counted
interactions within the widest window.
"""
import bisect
import heapq
import json
import math
from datetime import datetime

VALUE, AT, OUT, OPEN, TIMES = range(5)


class Job:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            job = json.load(f)
        self.half_life_ms = job["half_life_s"] * 1000
        self.weights, self.other = job["weights"], job["weights"]["*"]
        self.counted = frozenset(job["counted"])
        self.enter, self.exit = job["enter"], job["exit"]
        self.opens, self.closes = frozenset(job["obligation_opens"]), frozenset(job["obligation_closes"])
        self.opening = frozenset(pair.partition(":")[0] for pair in self.opens)
        self.after_ms = job["obligation_after_s"] * 1000
        self.windows = [(str(s), s * 1000) for s in job["windows_s"]]
        self.widest_ms = max(width for _, width in self.windows)

    def is_opening(self, direction, verb, expects):
        if expects is True or expects is False:
            return expects and direction in self.opening
        return is_among(self.opens, direction, verb)


def is_among(pairs, direction, verb):
    return f"{direction}:{verb}" in pairs or f"{direction}:*" in pairs


def time_ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def trigger(rule, edge, who, at_ms, **more):
    return {"rule": rule, "edge": edge, "stakeholder": who, "time": at_ms, **more}


class Due:
    """What time alone will do in one partition, the next of it first. In memory: it is made again of
    each stakeholder's state when their next event comes."""

    def __init__(self):
        self.heap, self.outs, self.open, self.known = [], {}, {}, set()

    def pass_to(self, now_ms):
        """The triggers of all that the stream's time has passed. Every event until then was applied."""
        found = []
        while self.heap and self.heap[0][0] < now_ms:
            due_ms, who, conversation, event = heapq.heappop(self.heap)
            if conversation is None:
                if self.outs.get(who) == due_ms:
                    del self.outs[who]
                    found.append(trigger("involved", "cleared", who, round(due_ms)))
            elif self.open.get((who, conversation)) == due_ms:
                del self.open[who, conversation]
                found.append(trigger("unanswered", "fired", who, due_ms, obligation=event))
        return found

    def remember(self, who, state):
        """After a restart: of somebody whose state is there already."""
        self.known.add(who)
        if state[OUT] is not None:
            self.clear_at(who, state[OUT])
        for conversation, (due_ms, event) in state[OPEN].items():
            self.fire_at(who, conversation, due_ms, event)

    def clear_at(self, who, out_ms):
        self.outs[who] = out_ms
        heapq.heappush(self.heap, (out_ms, who, None, None))

    def fire_at(self, who, conversation, due_ms, event):
        self.open[who, conversation] = due_ms
        heapq.heappush(self.heap, (due_ms, who, conversation, event))


def new_state():
    return [0.0, 0, None, {}, []]


def apply(job, due, state, who, event, now_ms):
    """Changes the state; returns the stakeholder's triggers that this event brings about, or that time
    has since the last one and that were not told yet."""
    data, found = event["data"], []
    if who not in due.known:
        due.remember(who, state)
    if state[OUT] is not None and state[OUT] < now_ms:
        if due.outs.pop(who, None) is not None:
            found.append(trigger("involved", "cleared", who, round(state[OUT])))
        state[OUT] = None
    direction, verb, conversation = data.get("direction"), data.get("verb"), data.get("conversation")
    if conversation:
        obligation(job, due, state, who, event["id"], now_ms, found, conversation, direction, verb,
                   data.get("expects_reply"))
    if direction in job.counted:
        involvement(job, due, state, who, now_ms, found, job.weights.get(verb, job.other))
    return found


def obligation(job, due, state, who, event, now_ms, found, conversation, direction, verb, expects):
    if is_among(job.closes, direction, verb):
        since = state[OPEN].pop(conversation, None)
        if since is None:
            return
        is_to_come = due.open.pop((who, conversation), None) is not None
        if now_ms <= since[0]:
            return
        if is_to_come:
            found.append(trigger("unanswered", "fired", who, since[0], obligation=since[1]))
        found.append(trigger("unanswered", "cleared", who, now_ms, obligation=since[1]))
    elif conversation not in state[OPEN] and job.is_opening(direction, verb, expects):
        state[OPEN][conversation] = [now_ms + job.after_ms, event]
        due.fire_at(who, conversation, now_ms + job.after_ms, event)


def involvement(job, due, state, who, now_ms, found, weight):
    value = state[VALUE] * 2.0 ** ((state[AT] - now_ms) / job.half_life_ms) + weight
    times = state[TIMES]
    times.append(now_ms)
    if times[0] <= now_ms - job.widest_ms:
        del times[:bisect.bisect_right(times, now_ms - job.widest_ms)]
    if state[OUT] is None and value >= job.enter:
        found.append(trigger("involved", "fired", who, now_ms, counts={
            name: len(times) - bisect.bisect_right(times, now_ms - width)
            for name, width in job.windows}))
        state[OUT] = now_ms
    if state[OUT] is not None:
        state[OUT] = now_ms + job.half_life_ms * math.log2(value / job.exit)
        due.clear_at(who, state[OUT])
    state[VALUE], state[AT] = value, now_ms
