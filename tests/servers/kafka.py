#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real Apache Kafka brokers for tests, in KRaft mode, from Maven Central's artifacts.

    kafka.py [--kafka 3.9|4|X.Y.Z] [--brokers N] [--set KEY=VALUE]...
    kafka.py --fetch            only fetches the artifacts of the tested versions

The command prints `bootstrap HOST:PORT,...` when the brokers are ready, then runs until Ctrl-C or
SIGTERM; meanwhile it obeys lines on standard input: kill I, pause I, continue I, restart I, stop.
As a module: `with Kafka("3.9", brokers=3) as k: k.bootstrap; k.kill(0); k.restart(0)`.
"""
import argparse
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from servers import kafka_wire, process  # noqa: E402
from servers.process import Unavailable  # noqa: E402
from servers.proxy import Proxies  # noqa: E402

# What the tests run on: the newest of the line that still migrates from ZooKeeper, and the newest.
VERSIONS = {"3.9": "3.9.2", "4": "4.4.0"}
POM = os.path.join(TESTS, "servers", "pom.xml")
CACHE = os.path.join(os.path.dirname(TESTS), ".cache")
CLUSTER = "ZW5nYWdlZC10ZXN0czAwMA"  # any 16 bytes in base64
READY_S = 60


def settings_of(brokers):
    """What differs from shipped defaults, and why: little to create, nothing deleted, no waiting."""
    copies = min(3, brokers)
    return {
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 5,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "transaction.state.log.num.partitions": 5,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": 1,
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "group.initial.rebalance.delay.ms": 0,
        "log.retention.ms": -1,  # events keep their own time, which may be years ago
        "auto.create.topics.enable": "false",
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.enable": "false",
        # A broker that was killed is believed dead, and may come back, after this: 9 s as shipped.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }


def version_of(name):
    return VERSIONS.get(name, name)


def _java():
    java = shutil.which("java")
    if not java:
        raise Unavailable("no java on this machine")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    major = re.search(r'version "(\d+)', said)
    if not major or int(major[1]) < 17:
        raise Unavailable(f"Kafka needs Java 17, this is {said.splitlines()[0] if said else '?'}")
    return java


def class_path(name):
    """The broker's jars, fetched into Maven's own cache once; raises Unavailable if that can't be."""
    version = version_of(name)
    os.makedirs(CACHE, exist_ok=True)
    path = os.path.join(CACHE, f"kafka-{version}.classpath")
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newer = os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(POM)
        if newer:
            with open(path, encoding="utf-8") as f:
                jars = f.read()
            if all(map(os.path.exists, jars.split(":"))):
                return jars
        return _fetch(version, path)


def _fetch(version, path):
    maven = shutil.which("mvn")
    if not maven:
        raise Unavailable("no mvn on this machine")
    done = subprocess.run(
        [maven, "-B", "-q", "-f", POM, f"-Dkafka.version={version}", "dependency:build-classpath",
         "-DincludeScope=runtime", f"-Dmdep.outputFile={path}.new"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        why = next((line for line in done.stdout.splitlines() if "ERROR" in line), "mvn failed")
        raise Unavailable(f"Kafka {version} can't be had from Maven Central: {why[:300]}")
    os.rename(path + ".new", path)
    with open(path, encoding="utf-8") as f:
        return f.read()


def shared_classes(version):
    """Options by which a node finds its classes parsed already, which saves a second of processor time
    at each start; made once, by a node that notes them at its tidy end."""
    path = os.path.join(CACHE, f"kafka-{version}.jsa")
    jars = os.path.join(CACHE, f"kafka-{version}.classpath")
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(jars):
            with Kafka(version, options=[f"-XX:ArchiveClassesAtExit={path}.new"]) as teacher:
                teacher.terminate(0, READY_S)
            os.replace(path + ".new", path)
    return [f"-XX:SharedArchiveFile={path}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def _brokers_known(port):
    """How many brokers this one's metadata names; 0 if it is not up."""
    try:
        return len(kafka_wire.metadata(port)[0])
    except OSError:
        return 0


class Broker:
    """One node, broker and controller at once, with a folder and ports that survive its restarts."""

    def __init__(self, node, folder):
        self.node, self.link = node, None  # the link that clients are told of, if any
        self.folder = os.path.join(folder, f"node{node}")
        self.log = os.path.join(self.folder, "log")
        self.properties = os.path.join(self.folder, "server.properties")
        self.port = process.free_port()
        self.client_port = process.free_port()
        self.controller_port = process.free_port()
        self.child = None
        os.makedirs(self.folder)

    def write_properties(self, voters, settings):
        direct, client = f"PLAINTEXT://127.0.0.1:{self.port}", ""
        told, protocols = direct, "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
        if self.link:
            client = f"CLIENT://127.0.0.1:{self.client_port},"
            told += ",CLIENT://%s:%d" % self.link.address
            protocols += ",CLIENT:PLAINTEXT"
        lines = {
            "process.roles": "broker,controller",
            "node.id": self.node,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": protocols,
            "listeners": f"{direct},{client}CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": told,
            "log.dirs": os.path.join(self.folder, "data"),
            **settings,
        }
        with open(self.properties, "w", encoding="utf-8") as f:
            f.writelines(f"{k}={v}\n" for k, v in lines.items())


class Kafka:
    """A cluster of `brokers` nodes of one version; a context manager that stops them.

    `proxied`: each broker has a second address for clients, behind the link `proxies[i]`; bootstrap
    there, at `client_bootstrap`, and all of a client's connections go through the links. `bootstrap`
    is the direct address, which stays whole whatever happens to the links. `quick`: starts with half
    the processor time, and then runs code that is compiled less well."""

    def __init__(self, version="4", brokers=1, settings=None, heap="512m", proxied=False,
                 quick=False, options=None):
        self.version = version_of(version)
        self.java, self.jars = _java(), class_path(version)
        self.options = [f"-Xmx{heap}", *(options or shared_classes(self.version)),
                        *(["-XX:TieredStopAtLevel=1"] if quick else [])]
        self.folder = process.folder(f"kafka-{self.version}")
        self.brokers = [Broker(i + 1, self.folder) for i in range(brokers)]
        self.bootstrap = ",".join(f"127.0.0.1:{b.port}" for b in self.brokers)
        self.links, self.proxies, self.client_bootstrap = None, [], self.bootstrap
        if proxied:
            self._put_links()
        voters = ",".join(f"{b.node}@127.0.0.1:{b.controller_port}" for b in self.brokers)
        for b in self.brokers:
            b.write_properties(voters, {**settings_of(brokers), **(settings or {})})

    def _put_links(self):
        self.links = Proxies().start()
        for b in self.brokers:
            b.link = self.links.add(("127.0.0.1", b.client_port))
        self.proxies = [b.link for b in self.brokers]
        self.client_bootstrap = ",".join("%s:%d" % p.address for p in self.proxies)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self, broker, main, *args):
        return process.spawn(
            [self.java, *self.options, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
             "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
             "-Dorg.slf4j.simpleLogger.showDateTime=true", f"-Djava.io.tmpdir={broker.folder}",
             "-cp", self.jars, main, *args], log=broker.log, cwd=broker.folder)

    def start(self):
        try:
            self._format()
            for b in self.brokers:
                b.child = self._run(b, "kafka.Kafka", b.properties)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _format(self):
        children = [(b, self._run(b, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c",
                                  b.properties)) for b in self.brokers]
        for b, child in children:
            if child.wait(READY_S):
                raise RuntimeError(f"format of node {b.node} failed\n{process.tail(b.log)}")

    def wait_ready(self, timeout=READY_S):
        """Until every running broker knows of all running ones."""
        running = [b for b in self.brokers if b.child and b.child.poll() is None]
        for b in running:
            process.wait_until(f"Kafka {self.version} node {b.node}",
                               lambda: _brokers_known(b.port) >= len(running), timeout,
                               b.child, b.log)

    def stop(self):
        """All at once: a quorum that loses its majority would wait for it in a tidy shutdown."""
        children = [b.child for b in self.brokers if b.child and b.child.poll() is None]
        for child in children:
            child.kill()
        for child in children:
            child.wait()
        if self.links:
            self.links.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, i):
        self.brokers[i].child.kill()
        self.brokers[i].child.wait()

    def terminate(self, i, grace=30.0):
        """A tidy shutdown, as an operator's restart is."""
        process.end(self.brokers[i].child, grace)

    def pause(self, i):
        self.brokers[i].child.send_signal(signal.SIGSTOP)

    def resume(self, i):
        self.brokers[i].child.send_signal(signal.SIGCONT)

    def restart(self, i, timeout=READY_S):
        """Starts a broker again that was killed or terminated, on its old folder and ports."""
        b = self.brokers[i]
        if b.child.poll() is None:
            self.terminate(i)
        b.child = self._run(b, "kafka.Kafka", b.properties)
        self.wait_ready(timeout)

    # -- who leads, who coordinates, and having another one do it; brokers by their index

    def _ask(self, request, *args):
        """Any broker's answer."""
        error = None
        for b in self.brokers:
            if b.child.poll() is None:
                try:
                    return request(b.port, *args)
                except (OSError, kafka_wire.Refused) as e:
                    error = e
        raise error or ConnectionError("no broker runs")

    def partitions(self):
        """All partitions of all topics, as kafka_wire.Partition; leaders are broker ids."""
        return self._ask(kafka_wire.metadata)[1]

    def _partition(self, topic, index):
        return next(p for p in self.partitions() if p.topic == topic and p.index == index)

    def leader(self, topic, index):
        return self._partition(topic, index).leader - 1

    def coordinator(self, kind, name):
        """Of kind kafka_wire.GROUP or TRANSACTION."""
        return self._ask(kafka_wire.coordinator, kind, name) - 1

    def transactions(self):
        """{transactional.id: (coordinator, state)}, of the brokers that run."""
        found = {}
        for i, b in enumerate(self.brokers):
            if b.child.poll() is None:
                for name, state in kafka_wire.transactions(b.port).items():
                    found[name] = i, state
        return found

    def fence(self, name):
        """Aborts what a transactional.id has open, as its successor would."""
        def fenced():
            try:
                kafka_wire.fence(self.brokers[self.coordinator(kafka_wire.TRANSACTION, name)].port, name)
                return True
            except (kafka_wire.Moved, OSError):
                return False

        process.wait_until(f"fencing of {name}", fenced, 20)

    def move_leader(self, topic, index, to=None, timeout=10):
        """Another replica leads, with nobody killed; returns which one."""
        p = self._partition(topic, index)
        others = [n for n in p.isr if n != p.leader]
        node = others[0] if to is None else to + 1
        self._ask(kafka_wire.reassign, topic, index, [node] + [n for n in p.replicas if n != node])
        self._ask(kafka_wire.elect_preferred, topic, index)
        process.wait_until(f"leader {node} of {topic}/{index}",
                           lambda: self.leader(topic, index) == node - 1, timeout)
        return node - 1

    def move_coordinator(self, kind, name, to=None):
        """As move_leader, for the partition of the internal topic in which this name is kept."""
        topic = "__consumer_offsets" if kind == kafka_wire.GROUP else "__transaction_state"
        n = sum(p.topic == topic for p in self.partitions())
        return self.move_leader(topic, java_hash(name) % n, to)

    def wait_whole(self, timeout=READY_S):
        """Until all brokers know of all, and every replica of every partition is in sync."""
        def whole():
            try:
                answers = [kafka_wire.metadata(b.port) for b in self.brokers]
            except OSError:
                return False
            return all(len(alive) == len(self.brokers) and all(
                p.leader > 0 and sorted(p.isr) == sorted(p.replicas) for p in found)
                for alive, found in answers)

        process.wait_until(f"Kafka {self.version} whole", whole, timeout)


def java_hash(name):
    """Which partition of an internal topic a group or a transactional.id is in, before the modulo."""
    h = 0
    for c in name:
        h = (31 * h + ord(c)) & 0xFFFFFFFF
    return 0 if h == 0x80000000 else abs(h - (1 << 32) if h >> 31 else h)


def _obey(kafka, line):
    verb, *args = line.split()
    verbs = {"kill": kafka.kill, "pause": kafka.pause, "continue": kafka.resume,
             "restart": kafka.restart}
    if verb not in verbs or len(args) != 1 or not args[0].isdigit():
        print(f"not understood: {line.strip()}", flush=True)
        return
    verbs[verb](int(args[0]))
    print("done " + line.strip(), flush=True)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kafka", default="4", metavar="VERSION")
    p.add_argument("--brokers", type=int, default=1)
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    p.add_argument("--fetch", action="store_true")
    opt = p.parse_args(argv)
    process.end_on_signals()
    try:
        if opt.fetch:
            _java()
            for name in VERSIONS:
                class_path(name)
                shared_classes(version_of(name))
                print(f"kafka {version_of(name)} is there")
            return 0
        with Kafka(opt.kafka, opt.brokers, dict(s.split("=", 1) for s in opt.set)) as kafka:
            print("bootstrap", kafka.bootstrap, flush=True)
            for line in sys.stdin:
                if line.strip() == "stop":
                    return 0
                if line.strip():
                    _obey(kafka, line)
            threading.Event().wait()
    except Unavailable as e:
        process.skip(str(e))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
