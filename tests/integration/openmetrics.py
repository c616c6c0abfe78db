# SPDX-License-Identifier: Apache-2.0
"""A strict reader of OpenMetrics text: what deviates from the standard is an error."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)(?: (\S+))?$")
SUFFIXES = {"counter": ("_total", "_created"), "gauge": ("",), "info": ("_info",),
            "stateset": ("",), "unknown": ("",)}


class Malformed(AssertionError):
    pass


def must(holds, text):
    if not holds:
        raise Malformed(text)


def parse(text):
    """{family: {"type", "help", "samples": [(name, labels, value)]}}"""
    must(text.endswith("# EOF\n"), "it does not end in # EOF")
    families, current, seen = {}, None, set()
    for line in text[:-len("# EOF\n")].splitlines():
        must(line and line == line.strip(), f"blank or padded line: {line!r}")
        if line.startswith("#"):
            m = re.fullmatch(rf"# (TYPE|HELP|UNIT) ({NAME}) (.+)", line)
            must(m, f"comment: {line}")
            kind, name, rest = m.groups()
            if name not in families:
                families[name] = {"samples": []}
            else:
                must(name == current, f"family {name} is torn apart")
            current = name
            family = families[name]
            must(kind.lower() not in family, f"{kind} of {name} twice")
            must(not family["samples"], f"{kind} of {name} after its samples")
            must(kind != "TYPE" or rest in SUFFIXES, f"type {rest}")
            family[kind.lower()] = rest
            continue
        m = SAMPLE.fullmatch(line)
        must(m, f"sample: {line}")
        name, labels, value, _ = m.groups()
        must(current, f"sample before any family: {line}")
        family = families[current]
        must("type" in family and "help" in family, f"{current} lacks TYPE or HELP")
        must(name in [current + s for s in SUFFIXES[family["type"]]],
             f"{name} in the {family['type']} family {current}")
        must(not current.endswith("_total"), f"family {current} ends in _total")
        must((name, labels) not in seen, f"{name}{{{labels}}} twice")
        seen.add((name, labels))
        number = float(value)
        must(family["type"] != "counter" or number >= 0, f"counter below 0: {line}")
        must(family["type"] != "info" or number == 1, f"info that is not 1: {line}")
        family["samples"].append((name, labels, number))
    return families


def total(text, name):
    """The sum of a metric over its labels."""
    found = [v for f in parse(text).values() for n, _, v in f["samples"] if n == name]
    must(found, f"no sample of {name}")
    return sum(found)
