# SPDX-License-Identifier: Apache-2.0
"""A read-committed consumer that runs beside the faults, and what it has seen.

It reads the trigger and dead-letter topics from their beginning, straight from the brokers, and
says at once when something comes a second time. What is missing is known only at the end, from the
log (verdict.py).
"""
import collections
import hashlib
import json
import os
import subprocess
import threading

# What of a trigger must be as in a replay; places in Kafka are not known there.
ATTRIBUTES = ("type", "source", "subject", "time")
DATA = ("rule", "edge", "rule_version", "severity", "route", "reason", "values")


def digest_of(trigger):
    """Two triggers of one id say the same."""
    said = [trigger.get(a) for a in ATTRIBUTES] + [trigger["data"].get(d) for d in DATA]
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12).digest()


def identity_of(trigger, partition):
    """The id; of a trigger about nobody, which each partition may well bring, also where it is from; of
    one about an obligation also which, since one answer may clear several."""
    if not trigger.get("subject"):
        return f"{trigger['id']} of partition {partition}"
    opened_by = trigger["data"].get("obligation", {}).get("opened_by", {}).get("id")
    return f"{trigger['id']} {opened_by}" if opened_by else trigger["id"]


class Topic:
    """What one topic has brought, each identity with the place where it came first."""

    def __init__(self, say):
        self.say = say
        self.place = {}  # identity: (partition, offset)
        self.last = {}  # partition: highest offset seen
        self.n = self.n_repeated = self.n_read_again = 0

    def take(self, record, identity):
        """True: it is new."""
        partition, offset = record["partition"], record["offset"]
        if offset <= self.last.get(partition, -1):
            self.n_read_again += 1  # the consumer's doing, not the daemon's
            return False
        self.last[partition] = offset
        self.n += 1
        if identity in self.place:
            self.n_repeated += 1
            self.say(f"REPEATED {identity}: at {self.place[identity]}, again at {(partition, offset)}")
            return False
        self.place[identity] = partition, offset
        return True


def letter_of(record):
    """Where the record of a dead letter was."""
    h = record["headers"]
    return (h["__connect.errors.topic"], int(h["__connect.errors.partition"]),
            int(h["__connect.errors.offset"]))


class Seen:
    """Everything that a consumer of triggers must care about."""

    def __init__(self, say=print):
        self.triggers = Topic(say)
        self.letters = Topic(say)
        self.order = collections.defaultdict(list)  # stakeholder: ids as they came
        self.digest, self.wrong = {}, []
        self.on_fired = lambda trigger, who: None

    def take_trigger(self, record):
        t = json.loads(record["value"])
        i, who = identity_of(t, t["data"]["cause"].get("partition")), t.get("subject")
        if not self.triggers.take(record, i):
            return
        if (record["key"] or None) != who:
            self.wrong.append(f"the trigger {t['id']} of {who} has the key {record['key']}")
        if who:  # those of nobody have no key, and so no order
            self.order[who].append(i)
            if t["data"]["edge"] == "fired":
                self.on_fired(i, who)
        self.digest[i] = digest_of(t)

    def take_letter(self, record):
        self.letters.take(record, letter_of(record))


class Reader(threading.Thread):
    """`kafkatool consume --follow` of one topic, record by record, until it is ended. What it reads is
    kept in the folder."""

    def __init__(self, tools, bootstrap, topic, take, folder):
        super().__init__(daemon=True)
        self.topic, self.take, self.wrong, self.is_ended = topic, take, None, False
        self.kept = os.path.join(folder, f"seen-{topic}.jsonl")
        with open(os.path.join(folder, "readers.log"), "ab") as err:
            self.child = subprocess.Popen(
                [tools.kafkatool, "-b", bootstrap, "consume", topic, "--follow"],
                stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True)
        self.start()

    def run(self):
        try:
            with open(self.kept, "wb") as out:
                for line in self.child.stdout:
                    out.write(line)
                    self.take(json.loads(line))
        except Exception as e:  # the main thread tells it
            self.wrong = f"the reader of {self.topic}: {e!r}"
        if not self.is_ended and not self.wrong:
            self.wrong = f"the reader of {self.topic} ended with {self.child.wait()}"

    def end(self):
        self.is_ended = True
        self.child.terminate()
        self.join(30)
        self.child.wait()
