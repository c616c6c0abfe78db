#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Private redis-servers for tests, and just enough of a client to look into them.

    redis.py [--unix] [--appendonly] [--replica] [--set KEY=VALUE]...

The command prints `redis URL` (and `replica URL`) when ready, then runs until Ctrl-C or SIGTERM.
As a module: `with Redis(appendonly=True) as r: r.url; r.call("GET", "k"); r.kill(); r.restart()`.
The machine's own Redis service is never touched.
"""
import argparse
import os
import shutil
import signal
import socket
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from servers import process  # noqa: E402
from servers.process import Unavailable  # noqa: E402
from servers.proxy import Proxies  # noqa: E402

READY_S = 60  # an append-only file of a gigabyte is read on a busy machine


class Refused(Exception):
    """Redis answered with an error."""


class Client:
    """One connection, RESP2; replies as bytes, ints, lists and None."""

    def __init__(self, address, timeout=10.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.reader = self.socket.makefile("rb")

    def close(self):
        self.reader.close()
        self.socket.close()

    def pipeline(self, commands):
        """Sends all, then reads all replies; an error reply is returned, not raised."""
        out = bytearray()
        for command in commands:
            out += b"*%d\r\n" % len(command)
            for arg in command:
                raw = arg if isinstance(arg, bytes) else str(arg).encode()
                out += b"$%d\r\n%s\r\n" % (len(raw), raw)
        self.socket.sendall(out)
        return [self._reply() for _ in commands]

    def call(self, *command):
        reply = self.pipeline([command])[0]
        if isinstance(reply, Refused):
            raise reply
        return reply

    def _reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refused(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.reader.read(n + 2)[:-2]
        if kind == b"*":
            n = int(rest)
            return None if n < 0 else [self._reply() for _ in range(n)]
        raise ConnectionError(f"redis said {line!r}")


class Redis:
    """One server with a folder of its own; with `replica_of` it follows another one."""

    def __init__(self, unix=False, appendonly=False, settings=None, replica_of=None):
        self.binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if not self.binary:
            raise Unavailable("no redis-server on this machine")
        self.folder = process.folder("redis")
        self.log = os.path.join(self.folder, "log")
        self.data = os.path.join(self.folder, "data")
        os.makedirs(self.data)
        self.port = 0 if unix else process.free_port()
        self.address = os.path.join(self.folder, "socket") if unix else ("127.0.0.1", self.port)
        self.url = f"unix://{self.address}" if unix else f"redis://127.0.0.1:{self.port}/0"
        self.client_url = self.url  # where clients are told to go
        self.settings = {
            "port": self.port, "bind": "127.0.0.1", "dir": self.data, "save": "", "daemonize": "no",
            "maxmemory-policy": "noeviction", "appendonly": "yes" if appendonly else "no",
            "repl-diskless-sync-delay": 0,
            **({"unixsocket": self.address} if unix else {}),
            **({"replicaof": f"127.0.0.1 {replica_of.port}"} if replica_of else {}),
            **(settings or {}),
        }
        self.child = self.client = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [self.binary]
        for key, value in self.settings.items():
            command += [f"--{key}", *(str(value).split(" ") if key == "replicaof" else [str(value)])]
        self.child = process.spawn(command, log=self.log)
        try:
            process.wait_until("redis-server", self._answers, READY_S, self.child, self.log)
        except BaseException:
            self.stop()
            raise
        return self

    def _answers(self):
        try:
            self._disconnect()
            self.client = Client(self.address)
            return self.client.call("PING") == b"PONG"  # an error while it loads its data
        except (OSError, Refused):
            return False

    def _disconnect(self):
        if self.client:
            self.client.close()
        self.client = None

    def call(self, *command):
        return self.client.call(*command)

    def pipeline(self, commands):
        return self.client.pipeline(commands)

    def scan(self, pattern):
        """All keys that match."""
        cursor, found = b"0", set()
        while True:
            cursor, keys = self.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found.update(keys)
            if cursor == b"0":
                return sorted(found)

    def hashes(self, keys):
        """HGETALL of each key, as {key: {field: value}} in text."""
        got = {}
        for at in range(0, len(keys), 1000):
            part = keys[at:at + 1000]
            for key, flat in zip(part, self.pipeline([("HGETALL", k) for k in part])):
                text = [x.decode("utf-8") for x in flat]
                got[key.decode("utf-8")] = dict(zip(text[::2], text[1::2]))
        return got

    def stop(self):
        self._disconnect()
        process.end(self.child)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        self._disconnect()
        self.child.kill()
        self.child.wait()

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def restart(self):
        """After kill(): with what its append-only file or last dump holds."""
        return self.start()

    def restart_empty(self):
        if self.child.poll() is None:
            self.kill()
        shutil.rmtree(self.data)
        os.makedirs(self.data)
        return self.start()

    def keep_dump(self):
        """Remembers the data as they are now; restart_from_dump() goes back to them."""
        self.call("SAVE")
        kept = os.path.join(self.folder, "kept.rdb")
        shutil.copyfile(os.path.join(self.data, "dump.rdb"), kept)
        return kept

    def restart_from_dump(self, kept):
        """Comes back with old data, as after a restore from a backup; the append-only file is off,
        since Redis would read that instead."""
        if self.child.poll() is None:
            self.kill()
        shutil.rmtree(self.data)
        os.makedirs(self.data)
        shutil.copyfile(kept, os.path.join(self.data, "dump.rdb"))
        self.settings["appendonly"] = "no"
        return self.start()

    def become_replica(self, address):
        """Empty, and following the master at (host, port)."""
        if self.child.poll() is None:
            self.kill()
        self.settings["replicaof"] = "%s %d" % address
        return self.restart_empty()

    def promote(self):
        """A replica becomes a master, with what has reached it."""
        self.settings.pop("replicaof", None)  # and stays one when it is started again
        self.call("REPLICAOF", "NO", "ONE")


class Pair:
    """A master with an append-only file, its replica, and links: `link` from the clients to whoever is
    the master, `replication` from the replica to the master. What a Redis does, the pair does with its
    master; keys of one and of the other are looked at by `master` and `replica`."""

    def __init__(self, settings=None):
        self.links = Proxies()
        # Without rewriting, half an hour of a small working set leaves 7 GB to be read at each start.
        self.settings = {"enable-debug-command": "yes", "appendfsync": "everysec",
                         "auto-aof-rewrite-min-size": "256mb", **(settings or {})}
        self.master = self.replica = self.link = self.replication = self.client_url = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.links.start()
        try:
            self.master = Redis(appendonly=True, settings=self.settings).start()
            self.link = self.links.add(self.master.address)
            self.replication = self.links.add(self.master.address)
            self.client_url = "redis://%s:%d/0" % self.link.address
            self.replica = Redis(appendonly=True, settings={
                **self.settings, "replicaof": "%s %d" % self.replication.address}).start()
            self.wait_whole()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for server in (self.replica, self.master):
            if server:
                server.stop()
        self.links.stop()

    @property
    def url(self):
        return self.master.url

    def __getattr__(self, name):
        """call, pipeline, scan, hashes, kill, pause, resume, restart, restart_empty, keep_dump."""
        if name.startswith("_") or self.__dict__.get("master") is None:
            raise AttributeError(name)
        return getattr(self.master, name)

    def lag(self):
        """From here on the replica does not hear of what is written."""
        self.replication.blackhole()

    def fail_over(self):
        """The replica is the master, with what had reached it; the clients are cut off and sent there,
        and the old master becomes a fresh replica."""
        old, new = self.master, self.replica
        self.link.cut()
        self.replication.cut()
        new.promote()
        self.master, self.replica = new, old
        self.link.target(new.address)
        self.link.heal()
        self.replication.target(new.address)
        self.replication.heal()
        old.become_replica(self.replication.address)

    def restart_from_dump(self, kept):
        """With old data, and an append-only file again, made from them."""
        self.master.restart_from_dump(kept)
        self.master.call("CONFIG", "SET", "appendonly", "yes")
        self.master.settings["appendonly"] = "yes"

    def sleep(self, seconds):
        """The master answers nobody for so long; comes back when it does again."""
        client = Client(self.master.address, timeout=seconds + READY_S)
        client.call("DEBUG", "SLEEP", seconds)
        client.close()

    def info(self, section, field):
        for line in self.master.call("INFO", section).decode().split("\r\n"):
            if line.startswith(field + ":"):
                return line.partition(":")[2]
        raise KeyError(field)

    def limit_memory(self, beyond=-100000):
        """`maxmemory` so far beyond what is used now: writes are refused."""
        used = int(self.info("memory", "used_memory"))
        self.master.call("CONFIG", "SET", "maxmemory", max(1, used + beyond))

    def lift_limit(self):
        self.master.call("CONFIG", "SET", "maxmemory", 0)

    def wait_whole(self, timeout=READY_S):
        """Until the master answers, with its append-only file written, and the replica has everything."""
        mark = os.urandom(8).hex().encode()

        def whole():
            try:
                if self.info("persistence", "aof_rewrite_in_progress") != "0":
                    return False
                return self.replica.call("GET", "pair:mark") == mark
            except (OSError, Refused):
                return False

        self.master.call("SET", "pair:mark", mark)
        process.wait_until("replication", whole, timeout, None, self.replica.log)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--unix", action="store_true")
    p.add_argument("--appendonly", action="store_true")
    p.add_argument("--replica", action="store_true")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    opt = p.parse_args(argv)
    if opt.unix and opt.replica:
        p.error("a replica follows a port: leave out --unix")
    process.end_on_signals()
    try:
        with Redis(opt.unix, opt.appendonly, dict(s.split("=", 1) for s in opt.set)) as redis:
            print("redis", redis.url, flush=True)
            if not opt.replica:
                threading.Event().wait()
            with Redis(replica_of=redis) as replica:
                print("replica", replica.url, flush=True)
                threading.Event().wait()
    except Unavailable as e:
        process.skip(str(e))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
