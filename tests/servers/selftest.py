#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test servers, tested: faults do what they say, and nothing outlives the process that asked.

    selftest.py redis          selftest.py kafka VERSION KAFKATOOL          selftest.py proxy
"""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from servers import kafka_wire, process  # noqa: E402
from servers.kafka import Kafka, Unavailable  # noqa: E402
from servers.proxy import Proxies  # noqa: E402
from servers.redis import Client, Pair, Redis  # noqa: E402


def children_of(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as f:
            found += [int(x) for x in f.read().split()]
    return found


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def dies_with_parent(script, first_word, *args):
    """SIGKILL of the command that runs a server ends the server; SIGTERM also removes its folder."""
    for sig in (signal.SIGKILL, signal.SIGTERM):
        command = subprocess.Popen([sys.executable, os.path.join(TESTS, "servers", script), *args],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = command.stdout.readline()
        assert line.startswith(first_word), line
        servers = children_of(command.pid)
        assert servers, "the command has no child"
        command.send_signal(sig)
        command.wait(30)
        process.wait_until(f"end of the children after {sig.name}",
                           lambda: all(map(gone, servers)), 10)
        left = [d for d in os.listdir(process.tempfile.gettempdir())
                if d.startswith(f"engaged-test-{command.pid}-")]
        assert not left or sig == signal.SIGKILL, left


def through(p):
    """As a client of the pair: through its link."""
    return Client(p.link.address, timeout=2)


def pair():
    with Pair() as p:
        through(p).call("SET", "x", "1")
        p.wait_whole()
        assert p.replica.call("GET", "x") == b"1"
        kept = p.keep_dump()
        p.lag()
        through(p).call("SET", "x", "2")
        old = p.master
        p.fail_over()
        assert through(p).call("GET", "x") == b"1", "the replica was not behind"
        p.wait_whole()
        assert p.replica is old and old.call("GET", "x") == b"1", "the old master kept its own"
        through(p).call("SET", "x", "3")
        time.sleep(1.5)  # the append-only file is written each second
        p.kill()
        p.restart()
        assert through(p).call("GET", "x") == b"3", "append-only data lost"
        p.restart_from_dump(kept)
        assert through(p).call("GET", "x") == b"1", "not the old dump"
        through(p).call("SET", "y", "4")
        p.wait_whole()
        time.sleep(1.5)
        p.kill()
        p.restart()
        assert through(p).pipeline([("GET", "x"), ("GET", "y")]) == [b"1", b"4"]
        p.limit_memory()
        assert "OOM" in str(through(p).pipeline([("SET", "z", "5")])[0]), "written beyond the limit"
        p.lift_limit()
        began = time.monotonic()
        p.sleep(0.5)
        assert time.monotonic() - began >= 0.5
        p.restart_empty()
        assert through(p).call("DBSIZE") == 0
        p.wait_whole()
        assert p.replica.call("DBSIZE") == 1, "the replica kept what its master lost"


def redis():
    with Redis(appendonly=True, settings={"appendfsync": "always"}) as r:
        r.call("HSET", "h", "f", "1")
        assert r.hashes(r.scan("h*")) == {"h": {"f": "1"}}
        r.kill()
        r.restart()
        assert r.call("HGET", "h", "f") == b"1", "append-only data lost"
        kept = r.keep_dump()
        r.call("HSET", "h", "f", "2")
        with Redis(replica_of=r) as replica:
            process.wait_until("replication", lambda: replica.call("HGET", "h", "f") == b"2", 20)
            r.restart_from_dump(kept)
            assert r.call("HGET", "h", "f") == b"1", "not the old dump"
            replica.promote()
            assert replica.call("SET", "x", "1") == b"OK"
        r.pause()
        try:
            Client(r.address, timeout=0.3).call("PING")
            raise AssertionError("a stopped server answered")
        except TimeoutError:
            pass
        r.resume()
        r.restart_empty()
        assert r.call("DBSIZE") == 0
    pair()
    with Redis(unix=True) as r:
        assert r.call("PING") == b"PONG"
    dies_with_parent("redis.py", "redis ")


def moves(cluster, run):
    """Leaders and coordinators elsewhere with nobody killed, and brokers that are cut off."""
    for index in range(3):
        was = cluster.leader("t", index)
        now = cluster.move_leader("t", index)
        assert now == cluster.leader("t", index) != was
    run("offsets", "g", "t")  # makes the group's topic
    was = cluster.coordinator(kafka_wire.GROUP, "g")
    assert cluster.move_coordinator(kafka_wire.GROUP, "g") == cluster.coordinator(
        kafka_wire.GROUP, "g") != was
    run("-b", cluster.client_bootstrap, "offsets", "g", "t")
    process.wait_until("links without connections",
                       lambda: not any(link.carried()[1] for link in cluster.proxies), 20)
    before = [link.carried()[0] for link in cluster.proxies]
    assert any(before), "clients go past the links"  # not all lead something now
    run("offsets", "g", "t")
    assert [link.carried()[0] for link in cluster.proxies] == before, "the direct way has links"


def kafka(version, tool):
    def run(*args, text=""):
        done = subprocess.run([tool, "-b", cluster.bootstrap, *args], input=text, text=True,
                              stdout=subprocess.PIPE, timeout=120, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    with Kafka(version, brokers=3, proxied=True, quick=True) as cluster:
        run("create", "t", "3")
        lines = [json.dumps({"subject": f"s{i % 50}", "n": i}) for i in range(3000)]
        run("produce", "t", "--key-from-subject", text="\n".join(lines[:1000]) + "\n")
        cluster.kill(0)
        run("produce", "t", "--key-from-subject", text="\n".join(lines[1000:2000]) + "\n")
        cluster.restart(0)
        cluster.pause(1)
        time.sleep(1)
        cluster.resume(1)
        cluster.terminate(2)
        run("produce", "t", "--key-from-subject", text="\n".join(lines[2000:]) + "\n")
        cluster.restart(2)
        cluster.wait_whole()
        moves(cluster, run)
        got = run("consume", "t", "--until-end")
        assert sorted(json.loads(r["value"])["n"] for r in got) == list(range(3000)), len(got)
        at = {}
        for r in got:
            assert at.setdefault(r["key"], r["partition"]) == r["partition"], "a key moved"
    dies_with_parent("kafka.py", "bootstrap ", "--kafka", version)


class Echo:
    """A server that gives back what it gets, with a letter of its own in front of each connection."""

    def __init__(self, letter):
        self.letter, self.server = letter, socket.create_server(("127.0.0.1", 0))
        self.address = self.server.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.sendall(self.letter)
            while data := connection.recv(1 << 16):
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        connection.close()


def connected(link, letter):
    s = socket.create_connection(link.address, timeout=5)
    assert s.recv(1) == letter
    return s


def trip(s, data=b"ping"):
    """Seconds until all of it has come back."""
    began, back = time.monotonic(), bytearray()
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    while len(back) < len(data):
        more = s.recv(1 << 16)
        assert more, "closed"
        back += more
    sender.join()
    assert back == data, "bytes were changed"
    return time.monotonic() - began


def is_reset(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def is_reset_at_once(link):
    try:
        return is_reset(socket.create_connection(link.address, timeout=5))
    except ConnectionResetError:
        return True


def is_silent(s):
    s.settimeout(0.3)
    try:
        return not s.recv(1)
    except TimeoutError:
        return True
    finally:
        s.settimeout(5)


def proxy():
    a, b = Echo(b"a"), Echo(b"b")
    with Proxies() as links:
        link, other = links.add(a.address), links.add(a.address)
        many = [connected(link, b"a") for _ in range(50)]
        assert link.carried() == (50, 50), link.carried()
        beside = connected(other, b"a")
        took = trip(many[0], os.urandom(16 << 20))
        assert took < 2.0, f"2 x 16 MB took {took:.1f} s"
        link.cut()
        assert all(map(is_reset, many)), "a connection outlived the cut"
        try:
            socket.create_connection(link.address, timeout=5)
            raise AssertionError("connected though it is cut")
        except ConnectionRefusedError:
            pass
        trip(beside)
        link.heal()
        first, second = connected(link, b"a"), connected(link, b"a")
        link.cut_once()
        assert is_reset(first) and is_reset(second)
        s = connected(link, b"a")
        link.blackhole()
        s.sendall(b"x" * 100)
        assert is_silent(s), "something came through"
        late = socket.create_connection(link.address, timeout=5)
        assert is_silent(late), "a new connection came through"
        link.heal()
        assert late.recv(1) == b"a" and len(s.recv(100)) > 0
        link.heal()  # nothing is cut: nothing happens
        s = connected(link, b"a")
        link.delay(100, 50)
        assert 0.1 <= trip(s) <= 0.6
        link.heal()
        assert trip(s) < 0.1
        link.slow(1 << 20)
        assert trip(s, os.urandom(1 << 20)) > 0.9
        link.heal()
        link.target(b.address)
        assert is_reset(s)
        s = connected(link, b"b")
        s.shutdown(socket.SHUT_WR)  # half closed: the answer still comes, then the end
        assert s.recv(1) == b""
        for gone in (s, late):
            gone.close()
        process.wait_until("end of all connections", lambda: link.carried()[1] == 0, 5)
        b.server.shutdown(socket.SHUT_RDWR)
        assert is_reset_at_once(link), "nobody is there"
        child = links.child
    assert child.returncode == 0, child.returncode


if __name__ == "__main__":
    process.end_on_signals()
    try:
        {"redis": redis, "kafka": kafka, "proxy": proxy}[sys.argv[1]](*sys.argv[2:])
    except Unavailable as e:
        process.skip(str(e))
    print("ok")
