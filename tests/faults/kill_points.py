# SPDX-License-Identifier: Apache-2.0
"""The places in the protocol at which a process is made to die, and what has it come by each of them.

A process ends tidily, comes back as one that will die at the N-th time, meets the occasion until it
has died there and nowhere else, and is started again as it ships.
"""
import glob
import os
import re
import time

from faults.world import TESTS
from harness import Failed, check, process

DIES_S = 120.0
SESSION_S = 6.0


class NotThere(Failed):
    """The occasion did not bring the process there in time: nothing is wrong with it."""


class Died(Exception):
    """Before its occasion had come, as it may."""


def ready(p):
    try:
        p.wait_ready()
    except RuntimeError:
        if p.child.poll() is None:
            raise
        raise Died from None


def nothing(world, rng, p):
    """Load alone brings it there."""


def in_session(world, rng, p):
    """Another member leaves and comes back: the group asks for the partitions twice."""
    ready(p)
    q = rng.choice(world.others(p))
    world.up(q)
    q.stop()
    q.start()


def predecessor_dies(world, rng, p):
    """What another process left open is found by this one."""
    ready(p)
    q = rng.choice(world.others(p))
    q.wait_ready()
    time.sleep(rng.uniform(0.2, 1.0))
    q.kill()
    wait_death(p, SESSION_S * 2.5)
    q.start()


def zombie(world, rng, p):
    """Stopped until the group has given its partitions to others."""
    ready(p)
    p.pause()
    time.sleep(SESSION_S + rng.uniform(0.7, 1.5))
    p.resume()
    wait_death(p, 3.0)


def cut_off(world, rng, p):
    """Its transaction waits for the brokers until the group has given it up."""
    ready(p)
    for link in world.links.brokers:
        link.blackhole()
    time.sleep(SESSION_S + rng.uniform(0.7, 1.5))
    for link in world.links.brokers:
        link.heal()
    wait_death(p, 8.0)


def transactional_id(p):
    """As its log has it: another one from each start."""
    with open(p.log, encoding="utf-8", errors="replace") as f:
        return re.findall(r"transactional_id=(\S+)", f.read())[-1]


def is_stopped(p):
    try:
        with open(f"/proc/{p.child.pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def fenced(world, rng, p):
    """Somebody initialises its transactional.id just before it commits (STOPS): what became of that
    cannot be known from the answer."""
    wait_death(p, 10.0, is_stopped)
    if is_stopped(p):
        world.kafka.fence(transactional_id(p))
        p.resume()


def reload(world, rng, p):
    ready(p)
    world.reload_next()
    wait_death(p, 5.0)


def redis_forgets(world, rng, p):
    """Redis goes back by some seconds, and what was published since is replayed."""
    ready(p)
    world.redis.lag()
    time.sleep(rng.uniform(1.5, 2.5))
    world.redis.fail_over()
    world.redis.wait_whole()
    wait_death(p, 5.0)


def terminated(world, rng, p):
    ready(p)
    p.child.terminate()
    wait_death(p, 20.0)


def many_chunks(world, rng, p):
    """A checkpoint of several scripts is interrupted between them."""
    ready(p)
    mine = re.findall(r'partition="(\d+)",state="running"', p.http("/metrics")[1])
    if not mine:
        return
    world.links.redis.slow(500_000)
    world.burst(int(rng.choice(mine)))
    for _ in range(10):
        wait_death(p, rng.uniform(0.7, 2.0))
        if p.child.poll() is not None:
            break
        world.links.redis.cut_once()
    world.links.redis.heal()


def redis_flaps(world, rng, p):
    """Scripts are on their way when the link to Redis is cut."""
    ready(p)
    world.links.redis.delay(60, 40)
    for _ in range(20):
        wait_death(p, rng.uniform(0.3, 0.8))
        if p.child.poll() is not None:
            break
        world.links.redis.cut_once()
    world.links.redis.heal()


# name: (occasion, the highest N, whether it waits for time-outs)
POINTS = {
    # 1: records are applied in order
    "record_applied": (nothing, 300, False),
    "state_loaded": (nothing, 20, False),
    "output_buffered": (nothing, 50, False),
    "configuration_applied": (reload, 2, False),
    # 2: transactions
    "batch_handed_over": (nothing, 10, False),
    "transaction_begun": (nothing, 10, False),
    "record_produced": (nothing, 50, False),
    "batch_produced": (nothing, 10, False),
    "offsets_sent": (nothing, 10, False),
    "end_txn_sent": (nothing, 10, False),
    "end_txn_answered": (nothing, 10, False),
    "transaction_committed": (nothing, 10, False),
    "outcome_told": (nothing, 10, False),
    "transaction_aborted": (cut_off, 1, True),
    "producer_replaced": (fenced, 1, False),
    # 3: checkpoint
    "cut_taken": (nothing, 10, False),
    "chunk_sent": (nothing, 10, False),
    "redis_commands_written": (nothing, 30, False),
    "chunk_answered": (nothing, 10, False),
    "cut_written": (nothing, 10, False),
    # 4: takeover
    "assignment_told": (nothing, 1, False),
    "epoch_taken": (nothing, 2, False),
    "leftover_aborted": (predecessor_dies, 1, True),
    "committed_offset_read": (nothing, 2, False),
    "partition_opened": (nothing, 2, False),
    "sought": (redis_forgets, 1, False),
    "fetching_started": (nothing, 1, False),
    "output_suppressed": (redis_forgets, 3, False),
    # 5: doubt
    "chunk_in_doubt": (redis_flaps, 1, False),
    "redo_sent": (many_chunks, 1, False),
    # 6: the group takes partitions away
    "revocation_told": (in_session, 1, False),
    "partitions_released": (in_session, 1, False),
    "loss_told": (zombie, 1, True),
    "state_dropped": (redis_forgets, 1, False),
    "drained": (terminated, 1, False),
    # ticks and control records
    "record_appended": (reload, 2, False),
}
# Where it is stopped before, by the point: for the occasion to be met at just that moment.
STOPS = {"producer_replaced": "offsets_sent"}
# Not in the exactly-once mode.
ELSEWHERE = {"plain_offsets_committed"}


def in_sources():
    """Every place that there is."""
    found = set()
    for path in glob.glob(os.path.join(os.path.dirname(TESTS), "src", "**", "*.c"), recursive=True):
        with open(path, encoding="utf-8") as f:
            found.update(re.findall(r'\bkill_point\("(\w+)"\)', f.read()))
    return found


def wait_death(p, seconds, or_else=lambda p: False):
    deadline = time.monotonic() + seconds
    while p.child.poll() is None and not or_else(p) and time.monotonic() < deadline:
        time.sleep(0.05)


def die_at(world, rng, point):
    """Has one process die there; which, and at which N, is the note."""
    occasion, highest, _ = POINTS[point]
    p, n = rng.choice(world.regulars), rng.randint(1, highest)
    world.up(p)
    p.stop()
    size = os.path.getsize(p.log)
    p.start_to_die(point, n, STOPS.get(point))
    try:
        meet(world, rng, p, occasion)
        with open(p.log, "rb") as f:
            f.seek(size)
            said = f.read()
        check(p.child.returncode == -9 and f"killed at {point}\n".encode() in said,
              f"{point}:{n}: ended with {p.child.returncode}\n{process.tail(p.log)}")
    finally:
        if p.child.poll() is None:
            p.kill()
        p.start()
    return f"process {world.regulars.index(p)} at its {n}."


def meet(world, rng, p, occasion):
    deadline = time.monotonic() + DIES_S
    while p.child.poll() is None:
        try:
            occasion(world, rng, p)
        except Died:
            return
        wait_death(p, 2.0)
        if p.child.poll() is None and time.monotonic() > deadline:
            raise NotThere(f"not there within {DIES_S:.0f} s\n{process.tail(p.log)}")
