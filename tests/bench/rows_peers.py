# SPDX-License-Identifier: Apache-2.0
"""Rows of the job that peers do too (peers/README.md): engaged's own, and each program that is there."""
import json
import os
import subprocess
import sys
import tempfile
import threading

from kafka_load import deploy, produce_load, run_over
from harness import Redis, check, real_events
from measure import Unmeasured, cpu_s
from table import Row

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
sys.path.insert(0, PEERS)
import expected  # noqa: E402

OF_THEIR_OWN = {"kafka-streams": "kafka_streams_over_engaged", "flink": "flink_over_engaged"}
DELIVERY = "exactly-once"


def names():
    """All peers that are there. Those without a key of their own are Python libraries."""
    return sorted(name for name in os.listdir(PEERS)
                  if os.access(os.path.join(PEERS, name, "run"), os.X_OK))


def key_of(peer):
    return f"job_{peer.replace('-', '_')}_cpu_us"


def extra_rows():
    return [Row("job_redis_cpu_us", "the peers' job: redis-server beside engaged, CPU per event", "µs"),
            *(Row(key_of(p), f"the peers' job: {p}, CPU per event", "µs") for p in names())]


def n_records(b):
    return b.size.job_stakeholders * 20 + b.size.job_more


def job_topic(b, name):
    """Two with the same load: engaged notes its configuration in the one that it reads."""
    if name not in b.job_topics:
        b.job_topics.add(b.create_topic(name))
        produce_load(b, name, b.size.job_stakeholders, n_records(b))
    return name


def the_job():
    with open(os.path.join(PEERS, "job.json"), encoding="utf-8") as f:
        return expected.Job(f.read())


def right_of_load(b):
    """The triggers that the job has over the load, calculated by other means: once. And until when
    they can be compared: each partition has an event in the last hour."""
    if "load" not in b.job_right:
        source = subprocess.Popen([b.program("gen_load"), str(b.size.job_stakeholders),
                                   str(n_records(b))], stdout=subprocess.PIPE)
        want, end = expected.expected(the_job(), source.stdout)
        check(source.wait() == 0, "gen_load failed")
        b.job_right["load"] = want, end - 3600 * 1000
    return b.job_right["load"]


def real_topic(b, name):
    """Likewise with the data sets as one stream: how many records, and what is right until the
    earliest end of a partition."""
    if "events" not in b.job_right:
        b.job_right["events"] = real_events()
    events = b.job_right["events"]
    if name not in b.job_topics:
        b.job_topics.add(b.create_topic(name))
        b.tools.kafka(b.kafka.bootstrap, "produce", name, "--key-from-subject", "--header",
                      "content-type=application/cloudevents+json",
                      text="".join(line + "\n" for line in events).encode())
    if "real" not in b.job_right:
        last = {}
        for record in b.tools.kafka(b.kafka.bootstrap, "consume", name, "--until-end"):
            last[record["partition"]] = expected.time_ms(json.loads(record["value"])["time"])
        b.job_right["real"] = expected.expected(the_job(), events)[0], min(last.values())
    return len(events), b.job_right["real"]


def hold(b, topic, right):
    """How the triggers there differ from what is right: a text, and whether they do."""
    records = b.tools.kafka(b.kafka.bootstrap, "consume", topic, "--until-end", "--isolation",
                            "read_committed")
    said = expected.compare(right[0], [expected.of_peer(r["value"]) for r in records], right[1])
    if not expected.is_wrong(said):
        return f"its {said['expected']} triggers are right", False
    return (f"WRONG: of {said['expected']} triggers {said['missing']} missing, {said['extra']} extra, "
            f"{said['counts_wrong']} with wrong counts, such as {said['examples'][:2]}"), True


def run_engaged(b, topic, n):
    """Over that topic; what it took, and where its triggers are."""
    with open(os.path.join(PEERS, "job.yaml"), encoding="utf-8") as f:
        config = f.read()
    with Redis() as redis:
        d = deploy(b, redis, config, b.name("job"), topic, DELIVERY)
        try:
            cost = run_over(b, redis, d, 1, n).cost(0, n)
            d.stop()
        finally:
            d.abandon()
    return cost, d.trigger_topic


def engaged_job(b):
    n, right = real_topic(b, "job-engaged-real")
    real, is_wrong = hold(b, run_engaged(b, "job-engaged-real", n)[1], right)
    check(not is_wrong, f"engaged, on the real data: {real}")
    n = n_records(b)
    cost, triggers = run_engaged(b, job_topic(b, "job-engaged"), n)
    engaged, of_redis, of_kafka, seconds = cost
    text, is_wrong = hold(b, triggers, right_of_load(b))
    check(not is_wrong, f"engaged: {text}")
    b.figures.add("job_engaged_cpu_us", engaged * 1e6 / n)
    b.figures.add("job_redis_cpu_us", of_redis * 1e6 / n)
    b.figures.note("job_engaged_cpu_us", f"{n} events, {n / seconds:,.0f} a second; {text}; of the "
                   f"real data {real}; the broker takes {of_kafka * 1e6 / n:.2f} µs of each")


def run_peer(b, name, topic, n):
    """Over that topic; what it says, and where its triggers are."""
    triggers = b.create_topic(b.name(f"{name}-triggers"))
    run = os.path.join(PEERS, name, "run")
    with tempfile.TemporaryDirectory(dir=b.folder) as state:
        out = call([run, "--bootstrap", b.kafka.bootstrap, "--events", topic, "--triggers", triggers,
                    "--job", os.path.join(PEERS, "job.json"), "--until", str(n), "--delivery",
                    DELIVERY, "--threads", "1", "--state", state], b.size.peer_timeout_s)
    said = json.loads(out.splitlines()[-1])
    check(said["events"] == n, f"{name} read {said['events']} of {n} events")
    return said, triggers


def peer(b, name):
    """One run of it; what it says is taken for what it took, its triggers are looked at. First one
    over the real data, of which its triggers alone matter."""
    build(os.path.join(PEERS, name, "run"), name)
    n, right = real_topic(b, "job-real")
    real, is_wrong_of_real = hold(b, run_peer(b, name, "job-real", n)[1], right)
    topic, n, broker = job_topic(b, "job"), n_records(b), b.kafka.brokers[0].child.pid
    before = cpu_s(broker)
    said, triggers = run_peer(b, name, topic, n)
    of_kafka = cpu_s(broker) - before
    text, is_wrong = hold(b, triggers, right_of_load(b))
    b.wrong_peers[name] = is_wrong or is_wrong_of_real
    b.figures.add(key_of(name), said["cpu_s"] * 1e6 / n)
    b.figures.note(key_of(name), (
        f"{said['version']}; {n / said['wall_s']:,.0f} events/s, {said['peak_rss_mib']:.0f} MiB, "
        f"{said['cpu_startup_s']:.1f} s to start; {text}; of the real data {real}; the broker takes "
        f"{of_kafka * 1e6 / n:.2f} µs of each" + "".join(f"; cannot: {x}" for x in said["cannot"])))


def build(run, name):
    done = subprocess.run([run, "--build-only"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Unmeasured(f"{name} can't be built here: {done.stdout.strip()[-300:]}")


def call(command, timeout):
    """Its standard output. A session of its own, so that all its processes end with it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    timer = threading.Timer(timeout, os.killpg, (child.pid, 9))
    timer.start()
    try:
        out, err = child.communicate()
    finally:
        timer.cancel()
        end_session(child.pid)
    check(child.returncode == 0, f"{' '.join(command)}: status {child.returncode}, at most "
          f"{timeout} s\n{err[-2000:]}")
    return out


def end_session(pid):
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        pass


def ratios(b):
    """Of the medians of runs that alternate; the Python libraries by the better one that is right."""
    f = b.figures
    if not f.has("job_engaged_cpu_us"):
        return
    for name, key in OF_THEIR_OWN.items():
        add_ratio(b, key, name)
    python = [n for n in names() if n not in OF_THEIR_OWN and f.has(key_of(n))]
    right = [n for n in python if not b.wrong_peers[n]] or python
    if right:
        best = min(right, key=lambda n: f.median(key_of(n)))
        add_ratio(b, "python_over_engaged", best)
    else:
        f.note("python_over_engaged", "no peer of that kind ran")


def add_ratio(b, key, name):
    f = b.figures
    if not f.has(key_of(name)):
        f.note(key, f.notes.get(key_of(name), "no such peer ran"))
        return
    f.add_ratios(key, key_of(name), "job_engaged_cpu_us")
    both = f.median("job_engaged_cpu_us") + f.median("job_redis_cpu_us")
    f.note(key, f"{name}; over engaged and its redis-server {f.median(key_of(name)) / both:.1f}"
           + ("; its triggers are wrong" if b.wrong_peers[name] else ""))
