# SPDX-License-Identifier: Apache-2.0
# For the `run` of a peer in Python to source: build_peer makes its environment of requirements.txt,
# start_peer runs its main.py there. `here` is the peer's folder.

out="${XDG_CACHE_HOME:-$HOME/.cache}/engaged-bench/$(basename "$here")/$(sha256sum "$here/requirements.txt" | cut -c1-16)"

build_peer() {
    mkdir -p "$out"
    exec 9> "$out/lock"
    flock 9
    if [ ! -e "$out/built" ]; then
        python3 -m venv --clear "$out/venv" >&2
        "$out/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" >&2
        touch "$out/built"
    fi
    exec 9>&-
}

start_peer() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/../python" exec "$out/venv/bin/python" "$here/main.py" "$@"
}
