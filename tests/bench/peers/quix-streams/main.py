# SPDX-License-Identifier: Apache-2.0
"""Quix Streams: a streaming dataframe with one stateful function; see README.md."""
import collections
import importlib.metadata
import os

from quixstreams import Application, message_context

from job import Due, Job, apply, new_state, time_ms
from peer import Meter, fresh, options

COMMIT_S = float(os.environ.get("PEER_COMMIT_S", "1"))
CANNOT = [
    "timers: the library has none, so they are kept by hand in memory; after a restart those of a "
    "stakeholder come back with the next event",
]


def main():
    opt = options()
    job, meter, due = Job(opt.job), Meter(), collections.defaultdict(Due)
    app = Application(
        broker_address=opt.bootstrap, consumer_group=fresh("quix"), auto_offset_reset="earliest",
        processing_guarantee=opt.delivery, commit_interval=COMMIT_S, state_dir=opt.state,
        loglevel="ERROR", producer_extra_config={"linger.ms": 50},
        on_message_processed=lambda *_: app.stop() if meter.n_events == opt.until else None)

    def count(_value, key, _timestamp, _headers):
        meter.event()
        return key is not None

    def step(event, key, _timestamp, _headers, state):
        kept = state.get("s")
        if kept is None:
            kept = new_state()
        timers, now_ms = due[message_context().partition], time_ms(event["time"])
        found = timers.pass_to(now_ms) + apply(job, timers, kept, key, event, now_ms)
        state.set("s", kept)
        meter.n_triggers += len(found)
        return found

    events = app.topic(opt.events, key_deserializer="str", value_deserializer="json")
    triggers = app.topic(opt.triggers, key_serializer="str", value_serializer="json")
    sdf = app.dataframe(events).filter(count, metadata=True)
    sdf = sdf.apply(step, stateful=True, expand=True, metadata=True)
    sdf.to_topic(triggers, key=lambda found: found["stakeholder"])
    app.run()
    meter.say("quix-streams", importlib.metadata.version("quixstreams"), CANNOT + (
        ["two threads: a process has one, and a second process a group"] if opt.threads > 1 else []))


if __name__ == "__main__":
    main()
