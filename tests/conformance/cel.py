#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the public CEL conformance cases through cel_conformance.

    cel.py PROGRAM [DIRECTORY] [-v]

Prints per file: passed, failed, left out. Exit 0: nothing failed but what KNOWN lists, and each of
the files that GATED names passes at least 90 % of the cases that are not left out. Exit 77: no
conformance files here.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GATED = ["basic", "comparisons", "fp_math", "integer_math", "lists", "logic", "macros", "string",
         "timestamps"]
LEAST = 0.9

# Cases that need nothing outside the subset and still fail, with the reason.
EXACT = "ints and doubles are compared exactly; the case rounds the int to a double first"
KNOWN = {
    ("comparisons", "lt_literal", "not_lt_dyn_int_big_lossy_double"): EXACT,
    ("comparisons", "gt_literal", "not_gt_dyn_big_double_int"): EXACT,
    ("comparisons", "lte_literal", "lte_dyn_big_double_int"): EXACT,
    ("comparisons", "gte_literal", "gte_dyn_int_big_lossy_double"): EXACT,
}


# --- Text protos -------------------------------------------------------------------------------

TOKEN = re.compile(rb"""
    (?P<space>[\s]+|\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<word>\[[\w./]+\]|[-+]?[\w.][\w.+-]*|-inf)
  | (?P<mark>[{}<>\[\]:,;])
""", re.X | re.S)
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})"
                    rb"|U([0-9a-fA-F]{8})|(.))", re.S)
SIMPLE = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
          b"v": b"\v"}


def unescape(m):
    octal, hexa, short, long, simple = m.groups()
    if octal:
        return bytes([int(octal, 8)])
    if hexa:
        return bytes([int(hexa, 16)])
    if short or long:
        return chr(int(short or long, 16)).encode()
    return SIMPLE.get(simple, simple)


def tokens(text):
    at = 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise ValueError("bad text proto at %r" % text[at:at + 40])
        at = m.end()
        if m.lastgroup == "string":
            yield "string", ESCAPE.sub(unescape, m.group()[1:-1])
        elif m.lastgroup != "space":
            yield m.lastgroup, m.group().decode()


class Reader:
    def __init__(self, text):
        self.all = list(tokens(text)) + [("end", "")]
        self.at = 0

    def take(self):
        self.at += 1
        return self.all[self.at - 1]

    def peek(self):
        return self.all[self.at]

    def message(self, close):
        """{field: [values]}, until the closing mark."""
        fields = {}
        while self.peek()[1] != close:
            kind, name = self.take()
            if kind != "word":
                raise ValueError("field expected, not %r" % (name,))
            if self.peek()[1] == ":":
                self.take()
            fields.setdefault(name, []).append(self.value())
            if self.peek()[1] in (",", ";"):
                self.take()
        self.take()
        return fields

    def value(self):
        kind, text = self.take()
        if text == "{":
            return self.message("}")
        if kind == "string":
            while self.peek()[0] == "string":
                text += self.take()[1]
        return text


# --- Values ------------------------------------------------------------------------------------

class LeftOut(Exception):
    """What the case needs is outside the subset."""


def time_value(letter, fields):
    seconds, nanos = int(fields.get("seconds", ["0"])[0]), int(fields.get("nanos", ["0"])[0])
    total = seconds * 10**9 + nanos
    return "%s%d:%d" % (letter, total // 10**6, total % 10**6)


def encode(value):
    """A proto Value in the program's notation."""
    (name, (body, *_)), = value.items()
    if name == "null_value":
        return "n"
    if name == "bool_value":
        return "b%d" % (body == "true")
    if name == "int64_value":
        return "i%d" % int(body, 0)
    if name == "double_value":
        return "d" + float(body).hex()
    if name == "string_value":
        return "s" + body.hex()
    if name == "type_value":
        return "t" + body.hex()
    if name == "list_value":
        return "[" + " ".join(encode(v) for v in body.get("values", [])) + "]"
    if name == "object_value":
        for kind, letter in (("Duration", "D"), ("Timestamp", "T")):
            key = "[type.googleapis.com/google.protobuf.%s]" % kind
            if key in body:
                return time_value(letter, body[key][0])
        raise LeftOut("messages")
    raise LeftOut({"uint64_value": "unsigned integers", "bytes_value": "bytes",
                   "map_value": "maps"}.get(name, name))


def same(got, wanted):
    if got[:1] == "d" and wanted[:1] == "d":
        a, b = float.fromhex(got[1:]), float.fromhex(wanted[1:])
        return a.hex() == b.hex() or (a != a and b != b)
    return got == wanted


# --- Cases -------------------------------------------------------------------------------------

LITERAL = re.compile(r"""[rR]?(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""",
                     re.S)
BYTES = re.compile(r"""(?<![\w'"])(?:[bB][rR]?|[rR][bB])['"]|\bbytes\b""")


def check_subset(expr):
    bare = LITERAL.sub('""', re.sub(BYTES, "bytes ''", expr) if BYTES.search(expr) else expr)
    if BYTES.search(expr):
        raise LeftOut("bytes")
    if re.search(r"[\w.]\s*\{", bare):
        raise LeftOut("messages")
    if "{" in bare:
        raise LeftOut("maps")
    if re.search(r"\b(0x[0-9a-fA-F]+|\d+)[uU]\b|\buint\b", bare):
        raise LeftOut("unsigned integers")
    if ".matches(" in bare:
        raise LeftOut("matches")
    if re.search(r"\boptional\.|\.\?|\[\?", bare):
        raise LeftOut("optional values")
    if bare.strip() == "map":
        raise LeftOut("maps")


def declared(case):
    """Names and types; only what the subset has."""
    for env in case.get("type_env", []):
        if "function" in env:
            raise LeftOut("functions declared by the case")
        kind = str(env["ident"][0])
        for word, reason in (("map_type", "maps"), ("UINT64", "unsigned integers"),
                             ("BYTES", "bytes"), ("WRAPPER", "messages"),
                             ("wrapper", "messages")):
            if word in kind:
                raise LeftOut(reason)
        if "message_type" in kind and "Duration" not in kind and "Timestamp" not in kind:
            raise LeftOut("messages")


def expectation(case):
    if "eval_error" in case:
        return "error"
    if "value" in case:
        return encode(case["value"][0])
    if "typed_result" in case:
        result = case["typed_result"][0].get("result")
        if not result:
            raise LeftOut("only the deduced type is tested")
        return encode(result[0])
    if "any_eval_errors" in case or "unknown" in case or "any_unknowns" in case:
        raise LeftOut("unknowns")
    return "b1"


def line_of(case):
    expr = case["expr"][0].decode()
    if "container" in case:
        raise LeftOut("messages")
    check_subset(expr)
    declared(case)
    if case.get("check_only", ["false"])[0] == "true":
        raise LeftOut("only the deduced type is tested")
    checked = case.get("disable_check", ["false"])[0] != "true"
    fields = ["checked" if checked else "unchecked", expr.encode().hex()]
    for binding in case.get("bindings", []):
        name = binding["key"][0].decode()
        fields += [name, encode(binding["value"][0]["value"][0])]
    return "\t".join(fields)


class Program:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("the program died on: %s" % line)
        return answer.rstrip("\n")


def run_file(program, path, verbose):
    name = os.path.basename(path)[:-len(".textproto")]
    with open(path, "rb") as f:
        reader = Reader(f.read())
    n_passed, failed, left_out = 0, [], {}
    for section in reader.message("")["section"]:
        for case in section["test"]:
            key = (name, section["name"][0].decode(), case["name"][0].decode())
            try:
                wanted, line = expectation(case), line_of(case)
            except LeftOut as reason:
                left_out[str(reason)] = left_out.get(str(reason), 0) + 1
                continue
            got = program.ask(line)
            if same(got, wanted) or (wanted == "error" and got.startswith("refused")):
                n_passed += 1
                if key in KNOWN:
                    failed.append((key, "is listed in KNOWN, and passes"))
            else:
                failed.append((key, "%s: %s, not %s" % (case["expr"][0].decode(), got, wanted)))
    return name, n_passed, failed, left_out


def report(name, n_passed, failed, left_out):
    """Prints one file's figures; whether they are as they must be."""
    n = n_passed + len(failed)
    print("%-16s passed %3d  failed %3d  left out %3d%s" % (
        name, n_passed, len(failed), sum(left_out.values()),
        "".join("  (%s: %d)" % item for item in sorted(left_out.items()))))
    unexpected = [f for f in failed if f[0] not in KNOWN or "KNOWN" in f[1]]
    for key, what in unexpected:
        print("  FAILED %s/%s: %s" % (key[1], key[2], what))
    for key, what in failed:
        if (key, what) not in unexpected:
            print("  known  %s/%s: %s" % (key[1], key[2], KNOWN[key]))
    if name in GATED and (not n or n_passed < LEAST * n):
        print("  FAILED: less than %d %% passed" % (100 * LEAST))
        return False
    return not unexpected


def main():
    args = [a for a in sys.argv[1:] if a != "-v"]
    directory = args[1] if len(args) > 1 else os.environ.get(
        "CEL_CONFORMANCE", os.path.join(ROOT, "..", "shared", "conformance", "cel"))
    if not os.path.isdir(directory):
        print("no conformance files in %s" % directory)
        return 77
    program = Program(args[0])
    names = sorted(f for f in os.listdir(directory) if f.endswith(".textproto"))
    results = [run_file(program, os.path.join(directory, f), "-v" in sys.argv) for f in names]
    good = [report(*result) for result in results]
    seen = {result[0] for result in results}
    print("total passed %d failed %d left out %d" % (
        sum(r[1] for r in results), sum(len(r[2]) for r in results),
        sum(sum(r[3].values()) for r in results)))
    return 0 if all(good) and seen.issuperset(GATED) else 1


if __name__ == "__main__":
    sys.exit(main())
