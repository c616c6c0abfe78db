#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""decode.py DECODE_COST [LIMIT]: what decoding an event costs, by the reference and by the fast way.

Nanoseconds on events of 325 bytes and on the three data sets, which both ways must read alike; and
instructions per event, counted by callgrind where it is installed, which do not depend on what else
the machine does. Fails where the fast way takes more than LIMIT of them (5000).
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETS = ("ibm_care_dev", "ietf_sdjwt", "online_retail")
MADE_EVENTS = 4000  # by decode_cost


def instructions(decode_cost, way, folder):
    """Per event, within event_decode()."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=event_decode",
         f"--callgrind-out-file={folder}/callgrind.out", decode_cost, way, "--rounds", "1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    total = re.search(rb"refs:\s+([0-9,]+)", done.stderr).group(1)
    return int(total.replace(b",", b"")) / MADE_EVENTS


def main():
    decode_cost = sys.argv[1]
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else 5000
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name in SETS:
            files.append(os.path.join(folder, name + ".jsonl"))
            with open(files[-1], "wb") as out:
                subprocess.run([sys.executable, os.path.join(TESTS, "oracle", "events.py"),
                                os.path.join(TESTS, "data", name + ".csv.gz")],
                               stdout=out, check=True)
        subprocess.run([decode_cost], check=True)
        subprocess.run([decode_cost, "--rounds", "5", *files], check=True)
        if not shutil.which("valgrind"):
            print("valgrind is not installed: instructions are not counted")
            return 0
        reference = instructions(decode_cost, "--reference", folder)
        fast = instructions(decode_cost, "--fast", folder)
    print(f"instructions per event: reference {reference:.0f}, fast {fast:.0f}")
    return fast > limit


if __name__ == "__main__":
    sys.exit(main())
