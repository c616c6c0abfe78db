# SPDX-License-Identifier: Apache-2.0
# For the `run` of a peer in Java to source: build_peer makes its classes, start_peer MAIN runs them. `here`
# is the peer's folder, `options` are the JVM's.

# What is built lies beside what other sources have built, by their hash: no run loses its classes to another.
sources=$(find "$here" "$here/../jvm" -type f \( -name '*.java' -o -name pom.xml \) | LC_ALL=C sort | xargs cat |
    sha256sum | cut -c1-16)
out="${XDG_CACHE_HOME:-$HOME/.cache}/engaged-bench/$(basename "$here")/$sources"

is_built() {
    local jar
    [ -e "$out/built" ] || return 1
    while IFS= read -r -d : jar; do
        [ -e "$jar" ] || return 1
    done <<< "$(cat "$out/classpath"):"
}

build_peer() {
    mkdir -p "$out"
    exec 9> "$out/lock"
    flock 9
    if ! is_built; then
        mvn -q -B -o -f "$here/pom.xml" -Dout="$out" compile > "$out/offline.log" 2>&1 ||
            mvn -q -B -f "$here/pom.xml" -Dout="$out" compile >&2
        touch "$out/built"
    fi
    exec 9>&-
}

start_peer() {
    local main=$1
    shift
    exec java "${options[@]}" -cp "$out/classes:$(cat "$out/classpath")" "$main" "$@"
}
