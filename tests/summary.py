#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""summary.py JUNIT.xml...: what the runs of ctest came to, with the reason of every skip.

Exit status 1 if a test failed or did not run, or if nothing ran at all; with CI=true in the
environment, also if one was skipped.
"""
import os
import re
import sys
import xml.etree.ElementTree as xml


def reason(case):
    said = case.findtext("system-out") or ""
    found = re.search(r"^skipped: (.*)$", said, re.MULTILINE)
    return found[1] if found else "no reason given"


def main(paths):
    passed, skipped, failed = 0, [], []
    for path in filter(os.path.exists, paths):
        for case in xml.parse(path).getroot().iter("testcase"):
            name = f"{case.get('name')} ({os.path.dirname(path)})"
            status = case.get("status")
            if status == "run":
                passed += 1
            elif case.find("skipped") is not None and "SKIP" in case.find("skipped").get("message", ""):
                skipped.append((name, reason(case)))
            elif status != "disabled":
                failed.append(name)
    strict = os.environ.get("CI") == "true"
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    for name in failed:
        print(f"FAILED: {name}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped"
          + (" (a skipped test is a failure in CI)" if strict and skipped else ""))
    if passed + len(failed) + len(skipped) == 0:
        print("no test ran")
        return 1
    return 1 if failed or (strict and skipped) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
