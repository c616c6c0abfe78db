#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""operators.py BUILD KAFKA CASE...: what `engaged status` says, and that its advice heals.

Every state in which a partition stops is brought about on real Kafka and Redis; then the command
that status names is run as it stands there, and triggers and state must be right. `engaged rebuild`
is tried under load, on an idle daemon, several at once, and killed in the middle.
Without CASE all of them; their names are those of the functions case_*.
"""
import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from e2e import Expected, show_ms  # noqa: E402
from hard import Deployed, World, finish, metric, replay_of_log, says, thirds  # noqa: E402
from harness import Failed, Kafka, Redis, check, compare_triggers, process  # noqa: E402

SETS = ("ibm_care_dev", "ietf_sdjwt")


# ---------------------------------------------------------------- the commands

def config_of(d):
    """As the processes have it; written here where none was started yet."""
    path = os.path.join(d.folder, "operator.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(d.config)
    return path


def engaged(w, *args, timeout=60):
    done = subprocess.run([w.tools.engaged, *args], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def status(w, d, *more):
    code, out, err = engaged(w, "status", "--config", config_of(d), "--json", *more)
    check(out, f"status says nothing: {err}")
    found = json.loads(out)
    check(code == (1 if found["needs_somebody"] else 0), f"status {code}: {out}")
    return found


def conditions(found):
    return [p["condition"] for p in found["partitions"]]


def expect(w, d, want):
    """All partitions, within some seconds: offsets are committed every few seconds."""
    deadline = time.monotonic() + 15
    while True:
        found = status(w, d)
        if set(conditions(found)) == {want}:
            return found
        check(time.monotonic() < deadline, f"{want} expected: {json.dumps(found, indent=1)}")
        time.sleep(0.3)


def expect_stopped(w, d, reason):
    found = expect(w, d, "stopped")
    for p in found["partitions"]:
        check(p["reason"] == reason, f"{p['reason']} instead of {reason}")
        check(p["command"].split(" --")[0] in p["advice"], f"{p['command']}: {p['advice']}")
    table = engaged(w, "status", "--config", config_of(d))
    check(table[0] == 1 and f"stopped: {reason}" in table[1], table[1])
    return found


def obey(w, found, also=()):
    """Runs each command that status names, to the letter, and one `--yes` for the question."""
    commands = {p["command"]: None for p in found["partitions"]}
    for command in commands:
        words = shlex.split(command)
        check(words.pop(0) == "engaged", command)
        code, _, err = engaged(w, *words, "--yes", *also)
        check(code == 0, f"{command}: {code}: {err}")


def expected_of(w, lines):
    return Expected(w.tools, w.config, lines, process.folder("rest"))


def finish_rest(w, d, before, lines):
    """What was published before, and what the rest of the log implies, each once."""
    rest = expected_of(w, lines)
    d.tick(show_ms(rest.end_ms + 1))
    d.wait_committed()
    d.wait_checkpointed()
    compare_triggers(before + rest.triggers, d.triggers())
    places = {r["key"]: r["partition"] for r in d.consume(d.topic) if r["key"]}
    rest.check_state(places, d.hashes())


def grown(w, d, lines):
    """One process has taken all of these, and has ended."""
    p = d.start_process()
    d.wait_ready()
    d.produce(lines)
    d.wait_committed()
    d.wait_checkpointed()
    return p


# ---------------------------------------------------------------- what status says

def case_status(w):
    lines, expected = w.events(*SETS)
    with Redis() as redis, Deployed(w.deploy(redis, "status", partitions=2)) as d:
        expect(w, d, "never_started")
        p = d.start_process()
        d.wait_ready()
        feed = threading.Thread(target=lambda: [d.produce(lines[i:i + 100])
                                                for i in range(0, len(lines), 100)])
        feed.start()
        n = 0
        while feed.is_alive():  # what is read later is further on: that is no reason for alarm
            found = status(w, d)
            check("stopped" not in conditions(found), json.dumps(found, indent=1))
            n += 1
        d.wait_committed()
        d.wait_checkpointed()
        found = expect(w, d, "current")
        check(not found["needs_somebody"] and found["members"] == 1, json.dumps(found))
        check(sum(x["stakeholders"] for x in found["partitions"]) == len(expected.of), "stakeholders")
        check(all(x["committed"] == x["log_to"] == x["checkpoint"] for x in found["partitions"]),
              json.dumps(found))
        code, out, _ = engaged(w, "status", "--config", config_of(d))
        check(code == 0 and out.count("current") == 2, out)
        check(metric(p, "engaged_replay_records") == 0, "records to replay")
        check(metric(p, "engaged_checkpoint_age_seconds") < 3, "the checkpoint of an idle partition")
        says(p, "msg=live")
        # One half is away: the other is shown, and why.
        for change, error, there in (
                (lambda t: t.replace(w.kafka.bootstrap, "127.0.0.1:1"), "kafka_error", "checkpoint"),
                (lambda t: t.replace(redis.url, "redis://127.0.0.1:1/0"), "redis_error", "committed")):
            config, d.config = d.config, change(d.config)
            began = time.monotonic()
            found = status(w, d, "--timeout", "2s")
            check(time.monotonic() - began < 5, f"{time.monotonic() - began:.1f} s")
            check("127.0.0.1:1" in found[error] and "refused" in found[error], found[error])
            check(found["needs_somebody"], "all is well")
            check([x[there] for x in found["partitions"]] != [None, None], json.dumps(found))
            d.config = config
        redis.pause()  # it accepts, and says nothing
        began = time.monotonic()
        found = status(w, d, "--timeout", "2s")
        redis.resume()
        check(found["redis_error"] and time.monotonic() - began < 5, json.dumps(found))
        d.wait_ready()
        d.stop()
        expect(w, d, "no_owner")
        note = f"{n} times under load"
        redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        check("noeviction" in engaged(w, "status", "--config", config_of(d))[1], "eviction")
        check(engaged(w, "status")[0] == 2, "no usage")
        check(engaged(w, "status", "--config", config_of(d), "--timeout", "soon")[0] == 2, "no usage")
    return note


# ---------------------------------------------------------------- stopped states, and their remedy

def case_offsets_expired(w):
    lines, expected = w.events(*SETS)
    first, second, third = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "expired", partitions=2)) as d:
        p = grown(w, d, first + second)
        d.stop()
        d.run("forget", d.group, d.topic, 2)
        expect_stopped(w, d, "offsets_expired")
        p.start()
        says(p, "reason=offsets_expired")
        check(metric(p, "engaged_partition_stops_total") == 2, "stops")
        found = expect_stopped(w, d, "offsets_expired")
        code, _, err = engaged(w, *shlex.split(found["partitions"][0]["command"])[1:], "--yes")
        check(code == 1 and "stop every engaged" in err, f"a member's offset was set: {err}")
        d.stop()
        d.run("forget", d.group, d.topic, 2)
        obey(w, found)
        check(len(d.hashes()) > 0, "a good checkpoint was dropped")
        p.start()
        d.produce(third)
        finish(d, lines, expected)
        d.stop()


def case_outside_log(w):
    """The log was shortened while nobody ran: what was not processed is lost, the rest is not."""
    lines, _ = w.events(*SETS)
    first, second, third = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "outside", partitions=2)) as d:
        p = grown(w, d, first)
        d.stop()
        before = d.triggers()
        d.produce(second)
        for part in d.offsets():
            d.run("truncate", d.topic, part["partition"], part["high"])
        p.start()
        says(p, "reason=outside_log")
        d.stop()
        obey(w, expect_stopped(w, d, "outside_log"))
        p.start()
        d.produce(third)
        finish_rest(w, d, before, third)
        d.stop()


def case_old_redis_short_log(w):
    """Redis came back older than the log reaches: rebuilt from what there is, by a running daemon."""
    lines, _ = w.events(*SETS)
    first, second, third = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "short", partitions=2)) as d:
        p = grown(w, d, first)
        kept = redis.keep_dump()
        d.produce(second)
        d.wait_checkpointed()
        d.stop()
        before = d.triggers()
        for part in d.offsets():
            d.run("truncate", d.topic, part["partition"], part["offset"])
        redis.restart_from_dump(kept)
        p.start()
        says(p, "reason=outside_log")
        obey(w, expect_stopped(w, d, "outside_log"))
        says(p, "somebody acted on a stopped partition")
        d.produce(third)
        finish_rest(w, d, before, third)
        d.stop()


def case_topic_replaced(w):
    lines, _ = w.events(*SETS)
    first, second, _ = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "replaced", partitions=2)) as d:
        p = grown(w, d, first)
        d.stop()
        before = d.triggers()
        d.run("delete", d.topic)
        d.wait_for("the topic to go", lambda: not exists(d))
        d.run("create", d.topic, 2)
        found = expect_stopped(w, d, "topic_replaced")
        p.start()
        says(p, "reason=topic_replaced")
        d.stop()
        code, _, err = engaged(w, "rebuild", "--config", config_of(d), "--yes")
        check(code == 1 and "--start-over" in err, f"healed without being told to: {err}")
        obey(w, found)
        p.start()
        d.produce(second)
        finish_rest(w, d, before, second)
        d.stop()


def exists(d):
    try:
        return bool(d.offsets())
    except Failed:
        return False


def case_layout(w):
    """By a running daemon: the partition is stopped, and goes on by itself once it is rebuilt."""
    lines, expected = w.events(*SETS)
    first, second, third = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "layout", partitions=2)) as d:
        p = grown(w, d, first)
        d.stop()
        for i in range(2):
            redis.call("HSET", f"{d.prefix}:{{{d.topic}/{i}}}:meta", "layout", 99)
        p.start()
        says(p, "reason=layout")
        d.produce(second)
        obey(w, expect_stopped(w, d, "layout"))
        d.produce(third)
        finish(d, lines, expected)
        d.wait_ready()
        check(metric(p, "engaged_rebuilds_total") == 2, "rebuilds")
        says(p, "msg=\"rebuilding from the log\"")
        d.stop()


def case_partitions(w):
    lines, _ = w.events(*SETS)
    first, second, _ = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "grown", partitions=2)) as d:
        p = grown(w, d, first)
        d.stop()
        d.run("grow", d.topic, 3)
        found = expect_stopped(w, d, "partitions")
        code, _, err = engaged(w, "rebuild", "--config", config_of(d), "--yes")
        check(code == 1 and "--start-over" in err, f"healed without being told to: {err}")
        p.start()
        says(p, "reason=partitions")
        d.stop()
        obey(w, found)
        p.start()
        d.produce(second)
        d.tick(show_ms(w.events(*SETS)[1].end_ms + 1))
        d.wait_committed()
        # Who has moved is in two partitions: each is what its own log implies.
        want = sorted(t["id"] for t in replay_of_log(w, d, w.config))
        check(want == sorted(t["id"] for t in d.triggers()), "triggers")
        d.stop()


# ---------------------------------------------------------------- rebuild

def rebuild(w, d, *more):
    return process.spawn([w.tools.engaged, "rebuild", "--config", config_of(d), "--yes", *more],
                         log=os.path.join(d.folder, "rebuild.log"))


def case_rebuild_under_load(w):
    """Three at once, some of them killed at some moment, while records come in."""
    lines, expected = w.events(*SETS)
    with Redis() as redis, Deployed(w.deploy(redis, "load", partitions=3)) as d:
        p = grown(w, d, lines[:len(lines) // 2])
        rest = lines[len(lines) // 2:]
        for i in range(4):
            d.wait_for("a checkpoint", lambda: all(
                x["checkpoint"] is not None for x in status(w, d)["partitions"]))
            runs = [rebuild(w, d, "--no-wait") for _ in range(3)]
            d.produce(rest[i * len(rest) // 4:(i + 1) * len(rest) // 4])
            for r in runs[:2]:
                time.sleep(w.rng.uniform(0, 0.3))
                r.kill()
            for r in runs:
                r.wait(30)
            check(runs[2].returncode == 0, process.tail(os.path.join(d.folder, "rebuild.log")))
        finish(d, lines, expected)
        check(metric(p, "engaged_outputs_suppressed_total") > 0, "nothing was suppressed")
        check(metric(p, "engaged_rebuilds_total") >= 12, "hardly anything was rebuilt")
        # Nothing comes any more: the daemon hears of it all the same, and rebuild waits for it.
        n = metric(p, "engaged_rebuilds_total")
        code, _, err = engaged(w, "rebuild", "--config", config_of(d), "--yes", timeout=60)
        check(code == 0 and "3 of 3 partitions rebuilt" in err, err)
        check(metric(p, "engaged_rebuilds_total") == n + 3, "rebuilds")
        finish_again(d, expected)
        d.stop()
    return f"{n + 3:.0f} partitions rebuilt"


def finish_again(d, expected):
    d.wait_checkpointed()
    compare_triggers(expected.triggers, d.triggers())
    places = {r["key"]: r["partition"] for r in d.consume(d.topic) if r["key"]}
    expected.check_state(places, d.hashes())


def half_dropped(redis, d, partition):
    """As a rebuild leaves it that was killed after its first step but one."""
    base = f"{d.prefix}:{{{d.topic}/{partition}}}:"
    redis.call("HINCRBY", base + "meta", "epoch", 1)
    redis.call("HSET", base + "meta", "token", "00000000000000ab", "dropping", "00000000000000ab")
    redis.call("HDEL", base + "meta", "seq", "writer_epoch", "writer_token", "offset", "clock",
               "config", "config_text", "topic_id", "life")
    ids = redis.call("ZRANGE", base + "wake", 0, -1)
    for one in ids[:len(ids) // 2]:
        redis.call("DEL", (base + "s:").encode() + one, (base + "b:").encode() + one)
        redis.call("ZREM", base + "wake", one)
    check(len(ids) > 1, "hardly anybody is there")


def case_rebuild_killed(w):
    """What it did not live to finish is finished by the owner; with nobody there, by the next one."""
    lines, expected = w.events(*SETS)
    first, second, third = thirds(lines)
    with Redis() as redis, Deployed(w.deploy(redis, "killed", partitions=2)) as d:
        p = grown(w, d, first)
        half_dropped(redis, d, 0)
        d.produce(second)
        d.wait_checkpointed()
        says(p, "what Redis had of a partition is dropped")
        d.stop()
        half_dropped(redis, d, 1)
        found = status(w, d)
        check(conditions(found) == ["no_owner", "dropping"], json.dumps(found))
        p.start()
        d.produce(third)
        finish(d, lines, expected)
        check(metric(p, "engaged_rebuilds_total") == 1, "rebuilds")
        d.stop()
        # With nobody there only the dropping is done.
        code, _, err = engaged(w, "rebuild", "--config", config_of(d), "--yes", "--partition", "1")
        check(code == 0 and "the next `engaged run` rebuilds" in err, err)
        check(engaged(w, "rebuild", "--config", config_of(d), "--partition", "1")[0] == 1, "no --yes")
        check(engaged(w, "rebuild", "--config", config_of(d), "--partition", "9", "--yes")[0] == 1, "9")
        check(engaged(w, "rebuild", "--start-over", "--partition", "1", "--config",
                      config_of(d))[0] == 2, "no usage")
        p.start()
        finish_again(d, expected)
        d.stop()


# ----------------------------------------------------------------

def cases():
    return {k[5:]: f for k, f in globals().items() if k.startswith("case_")}


def run(opt):
    failed = 0
    print(f"seed {opt.seed}", flush=True)
    with Kafka(opt.kafka) as kafka:
        w = World(opt, kafka)
        for name in opt.case or list(cases()):
            began = time.monotonic()
            try:
                note = cases()[name](w)
                print(f"ok     {name:20s} {time.monotonic() - began:5.1f} s  {note or ''}", flush=True)
            except (Failed, RuntimeError, AssertionError, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"FAILED {name}: {e}", flush=True)
    return 1 if failed else 0


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("build")
    p.add_argument("kafka")
    p.add_argument("case", nargs="*", choices=[[], *cases()])
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    process.end_on_signals()
    try:
        return run(p.parse_args(argv))
    except process.Unavailable as e:
        process.skip(str(e))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
