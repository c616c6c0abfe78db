#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""readme.py facts BUILD             what README.md states is so: examples, names, codes, offline commands
readme.py walk BUILD KAFKA        its first deployment, command by command, on real servers
readme.py facts|walk ... --update writes the commands' real output into README.md

Commands are the lines of ```console blocks that begin with "$ "; what follows them is their output.
What differs from run to run (as_of, and offsets behind ticks) is not compared.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from servers import process  # noqa: E402
from servers.kafka import Kafka  # noqa: E402
from servers.redis import Redis  # noqa: E402

README = os.path.join(ROOT, "README.md")
WALK = "## A first deployment"
KAFKA, REDIS = "localhost:9092", "redis://localhost:6379/0"
READS = ("kcat -C", "redis-cli", "curl")  # asked again until the answer is the one written
WAIT_S = 60.0
# Codes that need headers, a key, a record's timestamp or an empty value, which a file of lines has not.
PRESET = """
presets:
  p:
    match: {has: [/n]}
    fields: {n: {pointer: /n, type: int}}
    when: 1 / n > 0
    type: '"t"'
    id: /id
    source: '"/p"'
    subject: string(1 / (n - 1))
"""
ONLY_KAFKA = {"key.mismatch", "time.future", "content-type.unsupported", "configuration.invalid",
              "value.missing", "configuration.source"}


class Wrong(Exception):
    """The README says what is not so."""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def check(holds, text):
    if not holds:
        raise Wrong(text)


def same(what, stated, real):
    check(stated == real, f"{what}: only in README.md {sorted(stated - real)}, "
          f"not in README.md {sorted(real - stated)}")


# ---- what is in the file

def prose(text):
    """The text with what is in fences made unreadable, at the same places."""
    return re.sub(r"^```.*?^```$", lambda m: "x" * len(m[0]), text, flags=re.MULTILINE | re.DOTALL)


def section(text, title):
    """From that heading to the next one of its level or above."""
    level = title.split(" ")[0]
    start = text.index(title + "\n")
    end = re.search(rf"^#{{1,{len(level)}}} ", prose(text)[start + len(title):], re.MULTILINE)
    return text[start:start + len(title) + end.start()] if end else text[start:]


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(block):
    """[(command, output)]"""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        else:
            found[-1][1].append(line)
    return [(c, "\n".join(out)) for c, out in found]


def first_words(text):
    """The backticked words of the first column of a section's tables."""
    return [re.findall(r"`([^`]+)`", row) for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)]


# ---- facts

def check_yaml(build, text, folder):
    found = blocks(text, "yaml")
    check(len(found) >= 4, "hardly any YAML example")
    for i, block in enumerate(found):
        path = os.path.join(folder, f"example{i}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(block)
        done = subprocess.run([os.path.join(build, "engaged"), "check", "--config", path],
                              capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, f"YAML example {i + 1}: {done.stdout}{done.stderr}\n{block}")


def metric_names():
    """What src/app/web.c and ingest.c write, with the suffix of its type."""
    source = read("src/app/web.c") + read("src/app/ingest.c")
    suffix = {"counter": "_total", "info": "_info", "gauge": ""}
    names = {f"engaged_{n}" for n in re.findall(r'\bgauge\(b, "(\w+)"', source)}
    names |= {f"engaged_{n}_total" for n in re.findall(r'\bcounter\(b, "(\w+)"', source)}
    names |= {f"engaged_{n}_total" for n in re.findall(r'\bper_partition\(d, b, "(\w+)"', source)}
    names |= {f"engaged_{n}{suffix[t]}"
              for n, t in re.findall(r'\bfamily\(b, "(\w+)", "(\w+)"', source)}
    return names


def check_metrics(text):
    table = section(text, "### Metrics")
    stated = [w[0] for w in first_words(table)]
    check(len(stated) == len(set(stated)), "a metric is listed twice")
    same("metrics", set(stated), metric_names())
    mentioned = set(re.findall(r"`(engaged_[a-z_]+)", text))
    check(mentioned <= metric_names(), f"no metrics: {mentioned - metric_names()}")


def check_layout(text):
    picture = blocks(section(text, "## How it works"), "text")[0]
    named = set(re.findall(r"^    ((?:src|include)/\S+|config|deploy|tests)  ?", picture, re.MULTILINE))
    for path in named | set(re.findall(r"`((?:config|deploy|src|tests)/[\w./-]+)`", text)):
        check(os.path.exists(os.path.join(ROOT, path)), f"there is no {path}")
    rooms = {f"src/{d}" for d in os.listdir(os.path.join(ROOT, "src"))}
    same("rooms of src", {n for n in named if n.startswith("src/")}, rooms)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        check(link.startswith("https://") or os.path.exists(os.path.join(ROOT, link)),
              f"a link leads nowhere: {link}")
    titles = {re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-")
              for t in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)}
    for link in re.findall(r"\]\(#([^)]+)\)", text):
        check(link in titles, f"a link leads nowhere: #{link}")


def check_commands(build, text):
    """Each command of the usage is in the table, with options that the usage has."""
    usage = subprocess.run([os.path.join(build, "engaged"), "help"], capture_output=True, text=True,
                           check=True, timeout=10).stdout
    stated = [w[0].removeprefix("engaged ") for w in first_words(section(text, "## Two commands"))
              if w[0].startswith("engaged ")]
    same("commands", {s.split(" ")[0] for s in stated} | {"version", "help"},
         set(re.findall(r"engaged (\w+)", usage)) | set(re.findall(r"\| (\w+)$", usage, re.MULTILINE)))
    for option in re.findall(r"--[a-z-]+", " ".join(stated)):
        check(option in re.findall(r"--[a-z-]+", usage), f"there is no option {option}")


def check_routes(text):
    stated = {tuple(r.split(" ")) for words in first_words(section(text, "## Operations"))
              for r in words if r.startswith(("GET /", "POST /"))}
    same("routes", stated, set(re.findall(r'\{"(GET|POST)", "([^"]+)"', read("src/app/web.c"))))


def check_keys(text):
    """Keys of the layout, and fields of meta: as the scripts have them."""
    table = section(text, "## State in Redis")
    stated = {re.sub(r":ID$", "", w[0].split("}:")[1]) for w in first_words(table)}
    source = read("src/app/scripts.c")
    same("Redis keys", stated, set(re.findall(r'(?:call_key|list_add_key)\([^;]*?"(\w+)"', source)))
    row = next(r for r in table.splitlines() if r.startswith("| `P:{T/p}:meta`"))
    fields = set(re.findall(r"'(\w+)'", " ".join(re.findall(
        r"'HMGET', KEYS\[1\],[^;]*?\)|'HSET(?:NX)?', KEYS\[1\], '[^;]*?\)|names = \{.*?\}",
        read("src/app/scripts_lua.c"), re.DOTALL)))) - {"HMGET", "HSET", "HSETNX"}
    same("fields of meta", set(re.findall(r"`(\w+)`", row)), fields)


def check_fields(text):
    table = section(text, "## Events")
    source = read("src/codec/event_data.c")
    known = re.search(r"interaction_fields\[\] = \{(.*?)^\};", source, re.DOTALL | re.MULTILINE)
    known = set(re.findall(r'\{"(\w+)"', known[1]))
    interaction, _, others = table.split("`io.engaged.interaction.v1` says")[1].partition("### Other types")
    stated = {w for words in first_words(interaction) for w in words}
    same("fields of an interaction", stated, known)
    others = re.findall(r"^\| `io\.engaged\.(\w+)\.v1` \| (.*) \|$", others, re.MULTILINE)
    check(len(others) == 7, "not every other type is told")
    for kind, fields in others:
        schema = json.loads(read(f"config/schemas/{kind}.schema.json"))
        real = schema["properties"].get("data", {}).get("properties", {})
        nested = {n for field in real.values() for n in field.get("properties", {})}
        same(f"fields of a {kind}", set(re.findall(r"`(\w+)`", fields)) - ({"source"} if not real else set()),
             set(real) | nested)


def line(data=None, **more):
    event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "io.engaged.interaction.v1",
             "subject": "ann", "time": "2024-05-01T08:00:00Z",
             "data": {"direction": "inbound", "verb": "question", **(data or {})}}
    event.update(more)
    return json.dumps({k: v for k, v in event.items() if v is not None})


REFUSED = {
    "json.malformed": "{", "json.not_object": "[]", "utf8.invalid": b'{"id":"\xff"}',
    "text.nul": '{"id":"\\u0000"}', "json.too_large": line({"note": "x" * 2**20}),
    "json.too_deep": "[" * 80 + "]" * 80,
    **{f"{a}.missing": line(**{a: None})
       for a in ("specversion", "id", "source", "type", "subject", "time")},
    "id.too_long": line(id="x" * 1025), "id.type": line(id=1),
    "specversion.unsupported": line(specversion="0.3"),
    "datacontenttype.unsupported": line(datacontenttype="text/plain"),
    "data_base64.unsupported": line(data_base64="AA=="), "time.malformed": line(time="noon"),
    "data.missing": json.dumps({k: v for k, v in json.loads(line()).items() if k != "data"}),
    "data.type": json.dumps({**json.loads(line()), "data": 1}),
    "data.direction.missing": line({"direction": ""}),
    "data.direction.invalid": line({"direction": "up"}), "data.verb.type": line({"verb": 1}),
    "data.sentiment.out_of_range": line({"sentiment": 2}),
    "data.channel.too_long": line({"channel": "x" * 257}),
    "preset.field.type": '{"n":"x"}', "preset.when.error": '{"n":0}', "preset.output.error": '{"n":1,"id":"1"}',
    "preset.output.type": '{"n":1,"id":{}}',
}


def check_codes(build, text, folder):
    stated = {w for words in first_words(section(text, "## Dead letters")) for w in words
              if not w.startswith("__")}
    same("codes", stated, set(REFUSED) | ONLY_KAFKA)
    source = "".join(read(f"src/{p}") for p in ("codec/envelope.c", "codec/event_decode.c",
                                                "app/partition.c", "app/copier_record.c"))
    for code in ONLY_KAFKA:
        pieces = re.escape(code).replace(r"\.", r'(?:\.|", ")')
        check(re.search(f'"{pieces}"', source), f"nothing refuses with {code}")
    config, letters = os.path.join(folder, "codes.yaml"), os.path.join(folder, "letters.jsonl")
    with open(config, "w", encoding="utf-8") as f:
        f.write("deployment: codes" + PRESET)
    lines = [v if isinstance(v, bytes) else v.encode() for v in REFUSED.values()]
    subprocess.run([os.path.join(build, "engaged"), "replay", "--config", config,
                    "--dead-letters", letters, "-"], input=b"\n".join(lines) + b"\n",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=30)
    with open(letters, encoding="utf-8") as f:
        got = [json.loads(each)["code"] for each in f]
    check(got == list(REFUSED), f"codes expected {list(REFUSED)}, got {got}")
    headers = {h for words in first_words(section(text, "## Dead letters")) for h in words
               if h.startswith("__")}
    same("headers", headers, set(re.findall(r'"(__connect\.[\w.]+)"', read("src/codec/dead_letter.c"))))


def shape(value):
    """The keys of an object, all the way down."""
    return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else type(value).__name__


def check_trigger(build, text, folder):
    """The example is what replay prints of the same event and rules, but for its place in Kafka."""
    walk = section(text, WALK)
    config, events = os.path.join(folder, "first.yaml"), os.path.join(folder, "first.jsonl")
    with open(config, "w", encoding="utf-8") as f:
        f.write(next(b for b in blocks(walk, "yaml") if b.startswith("# first.yaml\n")))
    event = re.search(r"echo '(\{\"specversion.*?\})' \|", walk)[1]
    with open(events, "w", encoding="utf-8") as f:
        f.write(event + "\n")
    done = subprocess.run([os.path.join(build, "engaged"), "replay", "--config", config, "--until",
                           "2025-01-01T00:00:00Z", events], capture_output=True, check=True, timeout=30)
    stated = next(json.loads(out) for b in blocks(walk, "console") for _, out in commands(b)
                  if out.startswith("{"))
    for place in ("topic", "partition", "offset"):
        stated["data"]["cause"].pop(place)
    real = json.loads(done.stdout)
    check(stated == real, f"the example trigger is not what replay prints: {json.dumps(real)}")
    fields = {w for words in first_words(section(text, "## Triggers")) for w in words}
    written = set(re.findall(r'json_write_(?:text|i64|open|values)\(b, "(\w+)"', re.search(
        r"static void write_data.*?^}", read("src/codec/trigger_json.c"), re.DOTALL | re.MULTILINE)[0]))
    same("fields of a trigger's data", fields, (written | {"stakeholder", "cause", "contributions"}) - {"data"})


def check_missing(build, text, folder):
    """What it says is not supported, `check` refuses in those words; what it does not, is there."""
    path = os.path.join(folder, "later.yaml")
    for key in ("groups", "boards", "accounts"):
        refused(build, path, f"{key}: {{}}\n")
    refused(build, path, "metrics: {m: {count: on, board: 10}}\nrules: []\n")


def refused(build, path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    done = subprocess.run([os.path.join(build, "engaged"), "check", "--config", path],
                          capture_output=True, text=True, timeout=30)
    check(done.returncode == 1 and "not supported by this version" in done.stdout + done.stderr,
          f"check takes {text!r}, or says something else: {done.stdout}{done.stderr}")


def check_units(text):
    """The unit and the container do what the README says of them."""
    unit, container = read("deploy/engaged.service"), read("deploy/Containerfile")
    for path in ("/usr/local/bin/engaged", "/etc/engaged/engaged.yaml", "/etc/engaged/environment"):
        check(path in unit, f"deploy/engaged.service does not name {path}")
    check("/etc/engaged/engaged.yaml" in container, "deploy/Containerfile: another configuration")
    grace = int(re.search(r"GRACE_MS +(\d+)", read("src/app/daemon.c"))[1]) // 1000
    check(f"After {grace} s it gives up" in text, f"the grace period is {grace} s")
    check(int(re.search(r"TimeoutStopSec=(\d+)s", unit)[1]) > grace, "systemd kills before the end")
    reasons = re.findall(r'\[COMMIT_STOP_\w+\] = "(\w+)"', read("src/app/commit_stop.c"))
    stated = re.search(r"whose `reason`\nis one of: (.*?);", text)[1]
    same("reasons to stop", set(re.findall(r"`(\w+)`", stated)), set(reasons) - {"none"})


# ---- commands

def normal(output):
    return re.sub(r"(?<=\bas_of\n)\S+|(?<=\berrors\.offset=)\d+", "...", output).rstrip()


class Shell:
    """Runs commands of the README in a folder of their own, on other ports."""

    def __init__(self, build, folder, kafka=None, redis=None):
        self.folder, self.kafka, self.redis, self.child = folder, kafka, redis, None
        for name in ("config", "deploy"):
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
        os.symlink(os.path.abspath(build), os.path.join(folder, "build"))

    def local(self, text):
        if not self.kafka:
            return text
        host, port = self.redis.url.split("/")[2].split(":")
        return (text.replace(KAFKA, self.kafka.bootstrap).replace(REDIS, self.redis.url)
                .replace("-h localhost -p 6379", f"-h {host} -p {port}"))

    def once(self, command):
        done = subprocess.run(["bash", "-o", "pipefail", "-c", self.local(command)], cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def serve(self, command):
        self.child = process.spawn(self.local(command).split(" "), cwd=self.folder,
                                   log=os.path.join(self.folder, "engaged.log"))

    def run(self, command, stated, is_update):
        """The real output; it must come to be what is stated."""
        deadline = time.monotonic() + (10.0 if is_update else WAIT_S)
        while True:
            status, out, err = self.once(command)
            is_read = command.startswith(READS)
            if not is_update and status == 0 and normal(out) == normal(stated):
                return out
            if not is_read or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        if is_update and status == 0:
            return out
        raise Wrong(f"$ {command}\nstatus {status}, {err}\n-- stated\n{stated}\n-- real\n{out}")


def run_blocks(shell, text, is_update):
    """Every console block of that part of the text; the text with real outputs."""
    for block in blocks(text, "console"):
        real = ""
        for command, stated in commands(block):
            if "engaged run" in command:
                shell.serve(command)
                out = ""
            else:
                out = shell.run(command, stated, is_update)
            real += f"$ {command}\n{out}"
        if is_update:
            text = text.replace(f"```console\n{block}```", f"```console\n{real.rstrip()}\n```")
    return text


def facts(build, text, is_update):
    folder = process.folder("readme")
    check_yaml(build, text, folder)
    check_layout(text)
    check_metrics(text)
    check_routes(text)
    check_commands(build, text)
    check_keys(text)
    check_fields(text)
    check_codes(build, text, folder)
    check_missing(build, text, folder)
    check_units(text)
    rest = text.replace(section(text, WALK), "")
    shell = Shell(build, process.folder("readme-shell"))
    for block in blocks(rest, "console"):
        text = text.replace(block, run_blocks(shell, f"```console\n{block}```", is_update)
                            .removeprefix("```console\n").removesuffix("```"))
    check_trigger(build, text, folder)
    return text


def walk(build, kafka, text, is_update):
    part = section(text, WALK)
    for program in ("kcat", "redis-cli"):
        if not shutil.which(program):
            raise process.Unavailable(f"no {program} on this machine")
    shell = Shell(build, process.folder("readme-walk"), kafka, None)
    with Redis() as shell.redis:
        for topic, n in (("interactions", 12), ("engagement-triggers", 3),
                         ("engagement-dead-letters", 1)):
            subprocess.run([os.path.join(build, "kafkatool"), "-b", kafka.bootstrap, "create", topic,
                            str(n)], check=True, timeout=60, stdout=subprocess.DEVNULL)
        config = next(b for b in blocks(part, "yaml") if b.startswith("# first.yaml\n"))
        with open(os.path.join(shell.folder, "first.yaml"), "w", encoding="utf-8") as f:
            f.write(shell.local(config) + 'http: {listen: "127.0.0.1:0"}\n')
        try:
            real = run_blocks(shell, part, is_update)
        except Wrong:
            print(process.tail(os.path.join(shell.folder, "engaged.log")))
            raise
        finally:
            if shell.child:
                shell.child.terminate()
                check(shell.child.wait(30) == 0, "engaged did not end in order")
    return text.replace(part, real)


def main(argv):
    is_update = "--update" in argv
    argv = [a for a in argv if a != "--update"]
    text = read("README.md")
    process.end_on_signals()
    try:
        if argv[0] == "facts":
            real = facts(argv[1], text, is_update)
        else:
            with Kafka(argv[2]) as kafka:
                real = walk(argv[1], kafka, text, is_update)
    except Wrong as e:
        print(f"README.md: {e}", flush=True)
        return 1
    except process.Unavailable as e:
        process.skip(str(e))
    if is_update:
        with open(README, "w", encoding="utf-8") as f:
            f.write(real)
    print("README.md holds", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
