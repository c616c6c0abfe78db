# SPDX-License-Identifier: Apache-2.0
# For the `run` of a peer in Java to source: build_peer makes the classes where they are older than their
# sources, start_peer MAIN runs them. `here` is the peer's folder, `options` the JVM's.
out="${XDG_CACHE_HOME:-$HOME/.cache}/engaged-bench/$(basename "$here")"

is_fresh() {
    [ -s "$out/classpath" ] && [ -z "$(find "$here" "$here/../jvm" -newer "$out/built" -type f -print -quit)" ]
}

build_peer() {
    mkdir -p "$out"
    exec 9> "$out/lock"
    flock 9
    if ! is_fresh; then
        rm -rf "$out/classes" "$out/maven-status"
        touch "$out/begun"
        mvn -q -B -o -f "$here/pom.xml" -Dout="$out" compile > "$out/offline.log" 2>&1 ||
            mvn -q -B -f "$here/pom.xml" -Dout="$out" compile >&2
        mv "$out/begun" "$out/built"
    fi
    exec 9>&-
}

start_peer() {
    local main=$1
    shift
    exec java "${options[@]}" -cp "$out/classes:$(cat "$out/classpath")" "$main" "$@"
}
