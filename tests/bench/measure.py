# SPDX-License-Identifier: Apache-2.0
"""What a benchmark measures with: processor time and memory of processes, figures and their spread.

Processor time is user and system time of all threads; wall-clock time of a shared machine says
little, and is never quoted alone.
"""
import fcntl
import os
import platform
import re
import shutil
import statistics
import struct
import subprocess
import termios
import time

TICK = os.sysconf("SC_CLK_TCK")


class Unmeasured(Exception):
    """A figure can't be had here; the text says why."""


def cpu_s(pid):
    """Processor seconds that a process has taken by now, its threads included."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def free_mib():
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(r"MemAvailable:\s+(\d+)", f.read()).group(1)) // 1024


def need_memory(mib, what):
    if free_mib() < mib:
        raise Unmeasured(f"{what} needs {mib / 1024:.0f} GiB of memory, {free_mib() / 1024:.0f} are free")


def is_asleep(pid):
    """It waits for something, and does not wait for its turn."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rpartition(")")[2].split()[0] == "S"


def unread(pipe):
    """Bytes in it."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


def run_child(command):
    """Runs it to its end; its CPU seconds."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def output_of(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                          text=True)
    return done.stdout


class Figures:
    """Every measured value by its key, in the order in which the keys came."""

    def __init__(self):
        self.values, self.notes = {}, {}

    def add(self, key, value):
        self.values.setdefault(key, []).append(value)

    def note(self, key, text):
        """What the table says beside the figure; with no figure, why there is none."""
        self.notes[key] = text

    def has(self, key):
        return key in self.values

    def median(self, key):
        return statistics.median(self.values[key])

    def spread(self, key):
        return min(self.values[key]), max(self.values[key])

    def add_ratios(self, key, over, under):
        """Of what ran side by side, round by round."""
        for a, b in zip(self.values.get(over, []), self.values.get(under, [])):
            self.add(key, a / b)


def _version(command, pattern):
    if not shutil.which(command[0]):
        return "absent"
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    found = re.search(pattern, done.stdout)
    return found.group(1) if found else "?"


def machine(kafka_version, librdkafka_of):
    """What it was measured on; `librdkafka_of`: a program that is linked with it."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    linked = re.search(r"(/\S*librdkafka\S*)", output_of(["ldd", librdkafka_of]))
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "kafka": kafka_version,
        "redis": _version(["redis-server", "--version"], r"v=(\S+)"),
        "librdkafka": _librdkafka_version(linked.group(1) if linked else ""),
        "python": platform.python_version(),
        "java": _version(["java", "-version"], r'version "([^"]+)"'),
        "load_average": round(os.getloadavg()[0], 1),
        "niceness": os.nice(0),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _librdkafka_version(path):
    import ctypes
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return "?"
    library.rd_kafka_version_str.restype = ctypes.c_char_p
    return library.rd_kafka_version_str().decode()
