#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py ENGAGED: what `engaged replay` says of the real data sets, held against the oracle.

For each data set and each set of parameters: in file order the result is what truth.py says, and a
second run gives the same bytes; shuffled within time.lateness and with duplicates, the triggers (as
a set, apart from where in the input they lay) and the state are exactly those of file order.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORACLE = os.path.join(TESTS, "oracle")
SETS = ("ibm_care_dev", "ietf_sdjwt", "online_retail")
PARAMETERS = (
    "",
    "--deadline 6h --deadline 61088s --half-life 30d --enter 8 --exit 2",
    "--scope stakeholder",
    "--scope conversation",
)
LATENESS = ("30s", "1h")


class Differs(Exception):
    pass


def run(*command, stdout=None):
    done = subprocess.run([str(c) for c in command], stdout=stdout or subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        said = (done.stdout or b"") + done.stderr
        raise Differs(f"{' '.join(map(str, command))}: status {done.returncode}\n"
                      + said.decode("utf-8", "replace")[-3000:])
    return (done.stdout or b"").decode("utf-8")


def python(script, *args, stdout=None):
    return run(sys.executable, os.path.join(ORACLE, script), *args, stdout=stdout)


def data(name):
    return os.path.join(TESTS, "data", name + ".csv.gz")


class Case:
    """One data set with one set of parameters, in a folder of its own."""

    def __init__(self, engaged, events, root, name, parameters):
        self.engaged, self.events, self.name = engaged, events, name
        self.options = parameters.split()
        self.folder = tempfile.mkdtemp(dir=root, prefix=name + "-")

    def path(self, *parts):
        return os.path.join(self.folder, "-".join(parts))

    def config(self, lateness):
        path = self.path("config", lateness)
        with open(path, "wb") as f:
            python("compare.py", "config", "--lateness", lateness, *self.options, stdout=f)
        return path

    def replay(self, run_name, config, events):
        triggers, state = self.path(run_name, "triggers"), self.path(run_name, "state")
        with open(triggers, "wb") as f:
            run(self.engaged, "replay", "--config", config, "--state", state, events, stdout=f)
        return triggers, state

    def in_file_order(self):
        config = self.config("0s")
        self.triggers, self.state = self.replay("first", config, self.events[self.name, "0s"])
        again, state_again = self.replay("second", config, self.events[self.name, "0s"])
        python("compare.py", "check", data(self.name), self.triggers, "--state", self.state,
               "--again", again, *self.options)
        if read(self.state) != read(state_again):
            raise Differs("the state of the second run differs")

    def shuffled(self, lateness):
        triggers, state = self.replay(lateness, self.config(lateness),
                                      self.events[self.name, lateness])
        same("triggers", placeless(self.triggers), placeless(triggers))
        same("state", sorted(read(self.state).splitlines()), sorted(read(state).splitlines()))

    def check(self):
        self.in_file_order()
        for lateness in LATENESS:
            try:
                self.shuffled(lateness)
            except Differs as e:
                raise Differs(f"shuffled by {lateness}: {e}") from None


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def without_place(value):
    """A shuffled input has its records elsewhere: offsets are all that may differ."""
    if isinstance(value, dict):
        return {k: without_place(v) for k, v in value.items() if k != "offset"}
    if isinstance(value, list):
        return [without_place(v) for v in value]
    return value


def placeless(path):
    return sorted(json.dumps(without_place(json.loads(line)), sort_keys=True)
                  for line in read(path).splitlines())


def same(what, want, got):
    if want == got:
        return
    missing, extra = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    raise Differs(f"{what}: {len(want)} in file order, {len(got)} now, missing {len(missing)}, "
                  f"extra {len(extra)}\n  missing {missing[:2]}\n  extra   {extra[:2]}")


def write_events(root, name, lateness):
    path = os.path.join(root, f"{name}-{lateness}.jsonl")
    options = [] if lateness == "0s" else ["--shuffle", lateness, "--duplicate", "0.05"]
    with open(path, "wb") as f:
        python("events.py", data(name), *options, stdout=f)
    return path


def attempt(case):
    label = f"{case.name} {' '.join(case.options) or 'default parameters'}"
    try:
        case.check()
    except Differs as e:
        return f"DIFFERS {label}\n{e}"
    return f"agrees  {label}"


def main(argv):
    if len(argv) != 1:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory(prefix="engaged-differential-") as root, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        python("truth.py", "--selftest")
        wanted = [(name, late) for name in SETS for late in ("0s", *LATENESS)]
        events = dict(zip(wanted, pool.map(lambda w: write_events(root, *w), wanted)))
        cases = [Case(os.path.abspath(argv[0]), events, root, name, parameters)
                 for parameters in PARAMETERS for name in reversed(SETS)]
        results = []
        for result in pool.map(attempt, cases):
            print(result, flush=True)
            results.append(result)
    n_agree = sum(r.startswith("agrees") for r in results)
    print(f"{n_agree} of {len(results)} agree, each in file order twice and shuffled by "
          + " and ".join(LATENESS))
    return 0 if n_agree == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
