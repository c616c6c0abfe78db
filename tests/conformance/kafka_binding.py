#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_binding.py PROBE FEATURE - runs CloudEvents' own scenarios for the Kafka binding.

The feature file is not part of this repository: where it is not there, the test is skipped (77).
Each scenario's message goes through PROBE; attributes and data must be exactly the expected ones.
"""
import json
import os
import subprocess
import sys


def parse_row(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def parse(lines):
    """Yields (title, steps); a step is (text, block): a text in triple quotes, or table rows."""
    scenarios, quoted = [], None
    for line in lines:
        text = line.strip()
        if text == '"""':
            if quoted is None:
                quoted = []
            else:
                scenarios[-1][1][-1][1].append("\n".join(quoted))
                quoted = None
        elif quoted is not None:
            quoted.append(line)
        elif text.startswith("Scenario"):
            scenarios.append((text.split(":", 1)[1].strip(), []))
        elif text.startswith("|"):
            scenarios[-1][1][-1][1].append(parse_row(text))
        elif scenarios and text.split(" ")[0] in ("Given", "And", "When", "Then", "Examples:"):
            scenarios[-1][1].append((text.rstrip(":"), []))
    return scenarios


def instances(title, steps):
    """An outline once per row of its examples, `<name>` replaced; a plain scenario once."""
    examples = next((block for text, block in steps if text == "Examples"), [[], []])
    for values in examples[1:]:
        def fill(text):
            for name, value in zip(examples[0], values):
                text = text.replace(f"<{name}>", value)
            return text
        yield fill(title), [(fill(t), [fill(b) if isinstance(b, str) else [fill(c) for c in b] for b in block])
                            for t, block in steps if t != "Examples"]


def block_of(steps, ending):
    return next(block for text, block in steps if text.endswith(ending))


def check(probe, steps):
    headers = "".join(f"{key}: {value}\n" for key, value in block_of(steps, "Kafka headers")[1:])
    value = block_of(steps, "with payload")[0]
    run = subprocess.run([probe], input=f"{headers}\n{value}", text=True, capture_output=True)
    if run.returncode:
        return f"refused: {run.stderr.strip()}"
    lines, data = run.stdout.split("\n\n", 1)
    got = dict(line.split("\t") for line in lines.split("\n"))
    want = dict(block_of(steps, "the attributes are")[1:])
    if got != want:
        return f"attributes: wanted {want}, got {got}"
    want = json.loads(block_of(steps, "equal to the following JSON")[0])
    return None if json.loads(data) == want else f"data: wanted {want}, got {data}"


def main(probe, feature):
    if not os.path.exists(feature):
        print(f"skipped: no {feature}")
        return 77
    with open(feature, encoding="utf-8") as f:
        scenarios = [i for s in parse(f.read().split("\n")) for i in instances(*s)]
    faults = 0
    for title, steps in scenarios:
        fault = check(probe, steps)
        faults += fault is not None
        print(f"{'ok  ' if fault is None else 'FAIL'} {title}{': ' + fault if fault else ''}")
    print(f"{len(scenarios)} scenarios, {faults} failed")
    return 1 if faults or len(scenarios) < 3 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
