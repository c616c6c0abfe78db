# SPDX-License-Identifier: Apache-2.0
"""Six requests of Kafka's protocol, for what tests ask of brokers: who leads, who coordinates, move it.

A Java tool takes two seconds of processor time for each of them. Versions are ones that Kafka 3.9 and
4.x both have; `flexible` ones have compact arrays and tags (KIP-482). https://kafka.apache.org/protocol
"""
import collections
import socket
import struct

TIMEOUT_S = 5.0
GROUP, TRANSACTION = 0, 1  # key types of FindCoordinator
PREFERRED = 0  # election type of ElectLeaders

Partition = collections.namedtuple("Partition", "topic index leader replicas isr")


class Refused(Exception):
    """The broker answered with an error code."""


class Moved(Refused):
    """Another broker is the coordinator by now, or this one is about to be: it is to be asked for anew."""


COORDINATOR_MOVES = (14, 15, 16)  # loading, not available, not the coordinator


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        value = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return value[0]

    def raw(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def text(self):
        n = self.take("h")
        return None if n < 0 else self.raw(n).decode("utf-8")

    def array(self, item):
        return [item() for _ in range(max(0, self.take("i")))]

    def varint(self):
        value = shift = 0
        while True:
            b = self.take("B")
            value |= (b & 0x7F) << shift
            if b < 0x80:
                return value
            shift += 7

    def compact_text(self):
        n = self.varint()
        return None if n == 0 else self.raw(n - 1).decode("utf-8")

    def compact_array(self, item):
        return [item() for _ in range(max(0, self.varint() - 1))]

    def tags(self):
        for _ in range(self.varint()):
            self.varint()
            self.raw(self.varint())


def i32(n):
    return struct.pack(">i", n)


def text(s):
    raw = s.encode("utf-8")
    return struct.pack(">h", len(raw)) + raw


def array(items):
    return i32(len(items)) + b"".join(items)


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes((n,))


def compact_text(s):
    raw = s.encode("utf-8")
    return varint(len(raw) + 1) + raw


def compact_array(items):
    return varint(len(items) + 1) + b"".join(items)


NO_TAGS = b"\0"


def _exactly(s, n):
    out = bytearray()
    while len(out) < n:
        more = s.recv(n - len(out))
        if not more:
            raise ConnectionError("the broker closed the connection")
        out += more
    return bytes(out)


def ask(port, key, version, body, flexible=False):
    """One request on a connection of its own; the answer's body. OSError if there is none."""
    head = struct.pack(">hhi", key, version, 7) + text("tests") + (NO_TAGS if flexible else b"")
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as s:
        s.sendall(i32(len(head) + len(body)) + head + body)
        size = struct.unpack(">i", _exactly(s, 4))[0]
        r = Reader(_exactly(s, size))
    r.take("i")
    if flexible:
        r.tags()
    return r


def _ok(code, what):
    if code:
        raise Refused(f"{what}: error {code}")


def metadata(port):
    """The ids of the brokers that are alive, and all partitions of all topics."""
    r = ask(port, 3, 1, i32(-1))
    alive = r.array(lambda: (r.take("i"), r.text(), r.take("i"), r.text())[0])
    r.take("i")
    found = []

    def partition(topic):
        r.take("h")
        index, leader = r.take("i"), r.take("i")
        found.append(Partition(topic, index, leader, r.array(lambda: r.take("i")),
                               r.array(lambda: r.take("i"))))

    def topic():
        r.take("h")
        name = r.text()
        r.take("b")
        r.array(lambda: partition(name))

    r.array(topic)
    return alive, found


def coordinator(port, kind, name):
    """The id of the broker that coordinates a group or a transactional.id."""
    r = ask(port, 10, 1, text(name) + struct.pack(">b", kind))
    r.take("i")
    _ok(r.take("h"), f"coordinator of {name}")
    r.text()
    return r.take("i")


def elect_preferred(port, topic, index):
    """Has the first of the replicas lead."""
    r = ask(port, 43, 1, struct.pack(">b", PREFERRED)
            + array([text(topic) + array([i32(index)])]) + i32(5000))
    r.take("i")
    _ok(r.take("h"), "election")
    codes = []
    r.array(lambda: (r.text(), r.array(
        lambda: (r.take("i"), codes.append(r.take("h")), r.text()))))
    for code in codes:
        _ok(0 if code == 84 else code, f"election for {topic}/{index}")  # 84: it leads already


def reassign(port, topic, index, replicas):
    """The replicas of a partition, in the order of preference."""
    one = i32(index) + compact_array([i32(n) for n in replicas]) + NO_TAGS
    r = ask(port, 45, 0, i32(5000) + compact_array(
        [compact_text(topic) + compact_array([one]) + NO_TAGS]) + NO_TAGS, flexible=True)
    r.take("i")
    _ok(r.take("h"), "reassignment")
    r.compact_text()
    codes = []

    def partition():
        r.take("i")
        codes.append(r.take("h"))
        r.compact_text()
        r.tags()

    r.compact_array(lambda: (r.compact_text(), r.compact_array(partition), r.tags()))
    for code in codes:
        _ok(code, f"reassignment of {topic}/{index}")


def fence(port, name):
    """What a successor does to a transactional.id: its transaction is aborted, its producer is old."""
    r = ask(port, 22, 0, text(name) + i32(10000))
    r.take("i")
    code = r.take("h")
    if code in COORDINATOR_MOVES:
        raise Moved(f"initialisation of {name}: error {code}")
    _ok(0 if code == 51 else code, f"initialisation of {name}")  # 51: the abort is under way


def transactions(port):
    """{transactional.id: state} of those that this broker coordinates."""
    r = ask(port, 66, 0, compact_array([]) + compact_array([]) + NO_TAGS, flexible=True)
    r.take("i")
    _ok(r.take("h"), "list of transactions")
    r.compact_array(r.compact_text)
    found = {}

    def transaction():
        name = r.compact_text()
        r.take("q")
        found[name] = r.compact_text()
        r.tags()

    r.compact_array(transaction)
    return found
