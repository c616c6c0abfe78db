#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory.py ENGAGED GEN_EVENTS [STAKEHOLDERS [LIMIT]]: peak memory of `engaged replay` per stakeholder.

As many events as stakeholders, one of each, with the shipped metrics and rules; what as many events
of one stakeholder take is taken off. Fails where it is more than LIMIT bytes (1024).
"""
import os
import subprocess
import sys
import tempfile


def peak_bytes(engaged, gen_events, events, stakeholders, config):
    with open(os.devnull, "w") as null:
        source = subprocess.Popen([gen_events, str(events), str(stakeholders)],
                                  stdout=subprocess.PIPE)
        replay = subprocess.Popen([engaged, "replay", "--config", config, "-"],
                                  stdin=source.stdout, stdout=null)
        source.stdout.close()
        _, status, usage = os.wait4(replay.pid, 0)
        replay.returncode = os.waitstatus_to_exitcode(status)
    if source.wait() or replay.returncode:
        sys.exit(f"status {source.returncode} of gen_events, {replay.returncode} of engaged")
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def main():
    engaged, gen_events = sys.argv[1:3]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 1000000
    limit = float(sys.argv[4]) if len(sys.argv) > 4 else 1024
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write("deployment: bench\n")
        config.flush()
        few, _ = peak_bytes(engaged, gen_events, 1000, 1, config.name)
        many, seconds = peak_bytes(engaged, gen_events, n, n, config.name)
    each = (many - few) / n
    print(f"{n} events of {n} stakeholders: {many / 2**20:.1f} MiB at the peak, {few / 2**20:.1f} MiB "
          f"of it for any; {each:.0f} bytes per stakeholder; {seconds * 1e6 / n:.1f} us CPU per event")
    return each > limit


if __name__ == "__main__":
    sys.exit(main())
