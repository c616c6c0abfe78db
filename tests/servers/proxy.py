# SPDX-License-Identifier: Apache-2.0
"""TCP links that a test can cut, stop, slow down and turn elsewhere.

    with Proxies() as links:
        redis = links.add(("127.0.0.1", 6379)); redis.address
        redis.cut(); redis.heal(); redis.blackhole(); redis.heal(); redis.delay(50, 20)

All links live in one child process with a loop of its own, so that they carry bytes whatever the
test itself is busy with; it is told what to do by JSON lines and ends when the test does. A link
keeps its port whatever happens to it. Calls come back when they have been obeyed.
"""
import asyncio
import collections
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from servers import process  # noqa: E402

HELD_MAX = 1 << 20  # bytes under way in one direction of one connection; beyond it the sender waits
READY_S = 10


# ---------------------------------------------------------------- in the test

class Link:
    """One port of the proxy. What is set holds for all connections, old and new, until heal()."""

    def __init__(self, proxies, number, address):
        self.proxies, self.number, self.address = proxies, number, address

    def _tell(self, verb, *args):
        self.proxies.tell(self.number, verb, *args)

    def cut(self):
        """Resets all connections, and refuses new ones."""
        self._tell("cut")

    def cut_once(self):
        """Resets all connections; new ones are welcome."""
        self._tell("cut_once")

    def blackhole(self):
        """Keeps connections and takes new ones, and forwards nothing; heal() forwards what waited."""
        self._tell("blackhole")

    def delay(self, ms, jitter=0):
        """Each piece arrives `ms` +- `jitter` later, in its order."""
        self._tell("delay", ms, jitter)

    def slow(self, bytes_per_s):
        """No faster than that, each direction of each connection by itself."""
        self._tell("slow", bytes_per_s)

    def target(self, address):
        """New connections go to another (host, port); those that exist are reset."""
        self._tell("target", *address)

    def heal(self):
        """As new: nothing cut, held, late or slow. The target stays."""
        self._tell("heal")

    def carried(self):
        """Bytes forwarded so far, both directions, and how many connections there are now."""
        return tuple(self.proxies.tell(self.number, "carried"))


class Proxies:
    """The child process with its links; a context manager that ends it. Threads may share it."""

    def __init__(self):
        self.child, self.lock, self.n = None, threading.Lock(), 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.child = process.spawn([sys.executable, os.path.abspath(__file__)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
        return self

    def stop(self):
        if self.child:
            self.child.stdin.close()
            self.child.wait(READY_S)
            self.child.stdout.close()
        self.child = None

    def tell(self, *order):
        with self.lock:
            self.child.stdin.write(json.dumps(order).encode() + b"\n")
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError(f"the proxy died of {order}")
        done, value = json.loads(answer)
        if not done:
            raise RuntimeError(f"the proxy refused {order}: {value}")
        return value

    def add(self, target):
        """A new link to (host, port)."""
        port = process.free_port()
        self.tell(None, "add", port, *target)
        self.n += 1
        return Link(self, self.n - 1, ("127.0.0.1", port))


# ---------------------------------------------------------------- in the child

class Half(asyncio.Protocol):
    """One end of a connection: what it reads goes to its peer, late or slowly if the link says so."""

    def __init__(self, port):
        self.port, self.peer, self.transport = port, None, None
        self.held, self.n_held, self.due = collections.deque(), 0, 0.0
        self.timer, self.is_peer_full, self.ends, self.is_done = None, False, False, False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        loop, port = asyncio.get_running_loop(), self.port
        late = port.delay + port.jitter * random.uniform(-1, 1)
        began = max(self.due, loop.time() + max(0.0, late))
        self.due = began + (len(data) / port.rate if port.rate else 0.0)
        self.held.append((self.due, data))
        self.n_held += len(data)
        self.forward()

    def eof_received(self):
        self.ends = True
        self.forward()
        return True  # the other direction may go on

    def connection_lost(self, _):
        if self.timer:
            self.timer.cancel()
        self.port.halves.discard(self)
        if self.peer and self.peer.transport:
            self.peer.reset()

    def pause_writing(self):
        self.peer.is_peer_full = True
        self.peer.settle()

    def resume_writing(self):
        self.peer.is_peer_full = False
        self.peer.forward()

    def forward(self):
        """Hands over what is due, and comes back for the rest."""
        if self.timer:
            self.timer.cancel()
            self.timer = None
        if not self.peer or not self.peer.transport or self.port.is_hole:
            self.settle()
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self.held and self.held[0][0] <= now and not self.is_peer_full:
            data = self.held.popleft()[1]
            self.n_held -= len(data)
            self.port.n_carried += len(data)
            self.peer.transport.write(data)
        if self.held and not self.is_peer_full:
            self.timer = loop.call_at(self.held[0][0], self.forward)
        if self.ends and not self.held and not self.is_done:
            self.is_done = True
            try:
                self.peer.transport.write_eof()
            except OSError:  # reset meanwhile
                self.peer.reset()
            if self.peer.is_done:  # both ways
                self.transport.close()
                self.peer.transport.close()
        self.settle()

    def settle(self):
        """Reads on only if there is room and the link forwards."""
        if not self.transport or self.transport.is_closing():
            return
        if self.port.is_hole or self.n_held >= HELD_MAX or self.is_peer_full or not self.peer:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def hurry(self):
        """After heal(): what waited goes at once."""
        self.due = 0.0
        self.held = collections.deque((0.0, data) for _, data in self.held)
        self.forward()

    def reset(self):
        if not self.transport or self.transport.is_closing():
            return
        s = self.transport.get_extra_info("socket")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Port:
    """A link as the child knows it."""

    def __init__(self, port, host, target_port):
        self.to, self.halves, self.n_carried = (host, target_port), set(), 0
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", port))
        self.is_open = False
        self.heal()

    # -- orders

    def heal(self):
        self.delay, self.jitter, self.rate, self.is_hole = 0.0, 0.0, 0.0, False
        if not self.is_open:
            self.socket.listen(256)
            asyncio.get_running_loop().add_reader(self.socket, self._accept)
            self.is_open = True
        for half in list(self.halves):
            half.hurry()

    def cut(self):
        if self.is_open:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.shutdown(socket.SHUT_RDWR)  # listens no more, and keeps the port
            self.is_open = False
        self.cut_once()

    def cut_once(self):
        for half in list(self.halves):
            half.reset()

    def blackhole(self):
        self.is_hole = True
        for half in list(self.halves):
            half.forward()

    def set_delay(self, ms, jitter):
        self.delay, self.jitter = ms / 1000, jitter / 1000

    def slow(self, bytes_per_s):
        self.rate = bytes_per_s

    def target(self, host, port):
        self.to = (host, port)
        self.cut_once()

    def carried(self):
        return self.n_carried, len(self.halves) // 2

    # -- connections

    def _accept(self):
        try:
            client, _ = self.socket.accept()
        except OSError:
            return  # gone again
        task = asyncio.get_running_loop().create_task(self._connect(client))
        task.add_done_callback(lambda t: t.exception())

    async def _connect(self, client):
        loop = asyncio.get_running_loop()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near, far = Half(self), Half(self)
        self.halves.add(near)
        await loop.connect_accepted_socket(lambda: near, client)
        near.settle()  # nothing is read before there is somebody to hand it to
        try:
            await loop.create_connection(lambda: far, *self.to)
        except OSError:
            near.reset()
            return
        if near not in self.halves:  # cut meanwhile
            far.reset()
            return
        self.halves.add(far)
        near.peer, far.peer = far, near
        for half in (near, far):
            half.forward()


class Child:
    """Obeys the lines on standard input; its end is the end."""

    def __init__(self):
        self.ports = []

    def _add(self, *args):
        self.ports.append(Port(*args))

    def obey(self, number, verb, *args):
        verbs = ("heal", "cut", "cut_once", "blackhole", "slow", "target", "carried")
        if verb == "add":
            return self._add(*args)
        if verb == "delay":
            return self.ports[number].set_delay(*args)
        if verb not in verbs:
            raise ValueError("not understood")
        return getattr(self.ports[number], verb)(*args)

    async def run(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                answer = [True, self.obey(*json.loads(line))]
            except (OSError, ValueError, TypeError, IndexError) as e:
                answer = [False, str(e)]
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(Child().run())
