# SPDX-License-Identifier: Apache-2.0
"""Child processes that cannot outlive the test: what kafka.py, redis.py and the tests start.

A child is killed by the kernel when the thread that started it dies (PR_SET_PDEATHSIG): all are
started by one thread that lives as long as the test, whoever asks. A child runs in a session of its own: Ctrl-C reaches the test alone, which
then stops its children in the order it wants. Folders carry their owner's process id and are swept
by the next run if the owner was killed.
"""
import atexit
import concurrent.futures
import ctypes
import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_starter = concurrent.futures.ThreadPoolExecutor(1)


class Unavailable(Exception):
    """A server can't be had on this machine; the text says why. Tests exit with SKIPPED."""


SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def skip(reason):
    """Ends the test as skipped; tests/run prints the reason."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIPPED)


def _die_with(parent):
    def before_exec():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    return before_exec


def spawn(command, log=None, **more):
    """Starts a child; its output goes to the file `log` (appended) unless told otherwise."""
    out = open(log, "ab") if log else subprocess.DEVNULL
    more.setdefault("stdout", out)
    more.setdefault("stderr", out)
    more.setdefault("stdin", subprocess.DEVNULL)
    try:
        return _starter.submit(subprocess.Popen, command, preexec_fn=_die_with(os.getpid()),
                               start_new_session=True, **more).result()
    finally:
        if log:
            out.close()


def end(child, grace=10.0):
    """SIGTERM (SIGCONT first, should it be stopped), then SIGKILL after `grace` seconds."""
    if child is None or child.poll() is not None:
        return
    for sig in (signal.SIGCONT, signal.SIGTERM):
        child.send_signal(sig)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def tail(path, lines=25):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except FileNotFoundError:
        return ""


def wait_until(what, check, timeout, child=None, log=None):
    """Calls `check` until it says yes; a time-out or a dead child is an error with its last lines."""
    deadline = time.monotonic() + timeout
    while True:
        if check():
            return
        dead = child is not None and child.poll() is not None
        if dead or time.monotonic() > deadline:
            how = f"exited with {child.returncode}" if dead else f"not within {timeout:.0f} s"
            raise RuntimeError(f"{what}: {how}\n{tail(log) if log else ''}")
        time.sleep(0.05)


_given = set()


def free_port():
    """A loopback port below the ephemeral range, so that no client's connection takes it meanwhile."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(15000, 32000)
        if port in _given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError as e:
                if e.errno != errno.EADDRINUSE:
                    raise
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def folder(name):
    """A temporary folder, removed at exit; what killed runs left behind goes too."""
    root = tempfile.gettempdir()
    for entry in os.listdir(root):
        old = re.fullmatch(r"engaged-test-(\d+)-.*", entry)
        if old and not _alive(int(old[1])):
            shutil.rmtree(os.path.join(root, entry), ignore_errors=True)
    path = tempfile.mkdtemp(prefix=f"engaged-test-{os.getpid()}-{name}-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def end_on_signals():
    """SIGTERM and SIGHUP end the test through its `finally` blocks, as Ctrl-C does."""
    def on_signal(number, _):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
