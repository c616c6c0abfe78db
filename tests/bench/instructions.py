#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""instructions.py ENGAGED GEN_LOAD COMPILER [--update]: instructions of `replay` per event.

With the shipped configuration, counted by callgrind: unlike time, they do not depend on what else the
machine does, and differ by a hundred-thousandth between runs. The events counted are those behind
20 of each of 300 stakeholders. Fails where they are more than 5 % above what instructions.json has for
COMPILER (such as "GNU 12"); --update writes down what is counted. For a compiler that is not in it the
limit is 25 % above the nearest one. Status 77: valgrind is not installed.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
STAKEHOLDERS, FIRST, ALL = 300, 6000, 12000


def counted(engaged, folder, events):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out", engaged,
         "replay", "--config", os.path.join(folder, "shipped.yaml"), events],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"replay under valgrind ended with {done.returncode}\n{done.stderr[-2000:]}")
    return int(re.search(r"refs:\s+([0-9,]+)", done.stderr).group(1).replace(",", ""))


def per_event(engaged, gen_load):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "shipped.yaml"), "w", encoding="utf-8") as f:
            f.write("deployment: bench\n")
        counts = []
        for n in (FIRST, ALL):
            path = os.path.join(folder, f"{n}.jsonl")
            with open(path, "wb") as f:
                subprocess.run([gen_load, str(STAKEHOLDERS), str(n)], stdout=f, check=True)
            counts.append(counted(engaged, folder, path))
    return round((counts[1] - counts[0]) / (ALL - FIRST))


def limit_of(record, compiler):
    """What it may be, and what is written down."""
    if compiler in record:
        return record[compiler] * 1.05, record[compiler]
    nearest = max(record.values())
    return nearest * 1.25, nearest


def main(argv):
    is_update = argv[-1:] == ["--update"]
    if len(argv) != 3 + is_update:
        sys.exit(__doc__)
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        return 77
    engaged, gen_load, compiler = argv[:3]
    with open(RECORD, encoding="utf-8") as f:
        record = json.load(f)
    n = per_event(engaged, gen_load)
    if is_update:
        record[compiler] = n
        with open(RECORD, "w", encoding="utf-8") as f:
            f.write(json.dumps(record, indent=1, sort_keys=True) + "\n")
        print(f"{compiler}: {n} instructions per event are written down in {RECORD}")
        return 0
    limit, written = limit_of(record, compiler)
    print(f"{compiler}: {n} instructions per event, {(n / written - 1) * 100:+.1f} % to the {written} "
          f"written down, at most {limit:.0f}")
    if n > limit or n < written * 0.95:
        print("Where that is meant, or is a gain to be kept, write it down with\n    "
              f"{sys.argv[0]} {engaged} {gen_load} '{compiler}' --update")
    return n > limit


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
