#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Do includes and links point down only? One line per fault, exit status 1 if there is any.
#
#     tests/layers.sh [ROOT [BUILD]]     includes under ROOT; with BUILD also libraries and unit tests
#     tests/layers.sh --selftest         every kind of upward include and link must be found
#
# base < engine < codec < conf; adapters know only base; app knows all; main app, conf and base.
# include/engaged is the engine's contract, which is all that codec and conf see of it, but for the
# expressions of presets.
set -euo pipefail
export LC_ALL=C

declare -A sees=(
    [base]="base"
    [contract]="base engaged"
    [engine]="base engaged engine"
    [codec]="base engaged codec engine/cel.h" # presets have expressions
    [conf]="base engaged conf codec/preset.h codec/json_pointer.h"
    [adapters]="base adapters"
    [app]="base engaged engine codec conf adapters app"
    [main]="base app conf/conf.h" # every command is a room of app
)
# Headers of libraries: who may include them. What is not named here is libc's.
declare -A library=(
    [sha2.h]="base app" [sha256.h]="base app" [md5.h]="base app" [xxhash.h]="base app"
    [jansson.h]="codec conf app"
    [simdjson.h]="codec app" [yyjson.h]="codec app"
    [yaml.h]="conf app"
    [uv.h]="adapters app"
    [librdkafka/rdkafka.h]="adapters app" [librdkafka/rdkafka_mock.h]="adapters app"
    [hiredis/hiredis.h]="adapters app" [hiredis/async.h]="adapters app" [hiredis/sds.h]=""
    [hiredis/read.h]="adapters app" [hiredis/hiredis_ssl.h]="adapters app"
    [http_parser.h]="adapters app"
    [zlib.h]="adapters app"
)
silent="base/log.h" # engine, codec and the contract have nothing to say
declare -A links=(
    [base]="" [engine]="base" [codec]="base engine" [conf]="base engine codec" [adapters]="base"
    [app]="base engine codec conf adapters"
)
# What a pure engine has no use for: clocks, files, sockets, chance, and libm, whose last bit varies.
impure='^(clock_gettime|gettimeofday|time|fopen|fwrite|fputs|printf|puts|open|read|write|socket|send|recv|getenv|rand|random|getrandom|exp|exp2|log|log2|log10|pow|sin|cos|uv_.*|rd_kafka_.*|redis.*|json_.*|yaml_.*|log_write)$'

n_faults=0
fault() {
    echo "layers: $*"
    n_faults=$((n_faults + 1))
}

has() { [[ " $2 " == *" $1 "* ]]; }

layer_of() { # path below the root
    case $1 in
    include/engaged/*) echo contract ;;
    src/main.c) echo main ;;
    src/*/*) local rest=${1#src/} && echo "${rest%%/*}" ;;
    *) echo unknown ;;
    esac
}

check_include() { # layer, file:line, quote or angle, header
    local layer=$1 where=$2 form=$3 header=$4 room=${4%%/*}
    if [[ $form == '<' ]]; then
        if [[ -v library[$header] ]]; then
            has "$layer" "${library[$header]}" || fault "$where: $layer may not include <$header>"
        elif [[ $header =~ ^(librdkafka|hiredis|uv|simdjson)/ ]]; then
            fault "$where: <$header> is not in the table of $0"
        elif [[ $header =~ ^(engaged|base|engine|codec|conf|adapters|app)/ ]]; then
            fault "$where: our own <$header> is included in quotes"
        fi
        return 0
    fi
    if [[ $header != */* || $header == *..* ]]; then
        fault "$where: \"$header\" is not written from the root"
    elif ! has "$room" "${sees[$layer]}" && ! has "$header" "${sees[$layer]}"; then
        fault "$where: $layer may not include \"$header\""
    elif [[ $header == "$silent" && $layer =~ ^(engine|codec|contract)$ ]]; then
        fault "$where: $layer does not log"
    fi
}

check_includes() { # root
    local file line form header
    while IFS=: read -r file line text; do
        local layer && layer=$(layer_of "${file#"$1"/}")
        if [[ ! -v sees[$layer] ]]; then
            fault "$file: no such layer"
        elif [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*([\<\"])([^\>\"]+) ]]; then
            form=${BASH_REMATCH[1]} header=${BASH_REMATCH[2]}
            check_include "$layer" "${file#"$1"/}:$line" "$form" "$header"
        else
            fault "${file#"$1"/}:$line: an include that cannot be read"
        fi
    done < <(find "$1/src" "$1/include" -name '*.[ch]' -exec \
        grep -HnE '^[[:space:]]*#[[:space:]]*include' {} + 2>/dev/null)
}

defined() { nm --defined-only -g "$@" 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBRVW]/ {print $3}' | sort -u; }
undefined() { nm -u "$1" 2>/dev/null | awk 'NF == 2 {print $2}' | sort -u; }

check_links() { # build
    local layer other lib symbols
    for layer in "${!links[@]}"; do
        lib=$1/src/$layer/lib$layer.a
        [[ -f $lib ]] || continue
        for other in "${!links[@]}"; do
            [[ $other == "$layer" || ! -f $1/src/$other/lib$other.a ]] && continue
            has "$other" "${links[$layer]}" && continue
            symbols=$(comm -12 <(undefined "$lib") <(defined "$1/src/$other/lib$other.a"))
            [[ -z $symbols ]] || fault "lib$layer.a needs lib$other.a:" $symbols
        done
    done
    lib=$1/src/engine/libengine.a
    if [[ -f $lib ]]; then
        symbols=$(undefined "$lib" | grep -E "$impure" || true)
        [[ -z $symbols ]] || fault "libengine.a is not pure:" $symbols
    fi
    check_unit_tests "$1"
}

# A unit test has its own layer and those below it inside, and nothing else.
check_unit_tests() { # build
    local test layer other symbols
    for test in "$1"/tests/test_*; do
        [[ -f $test && -x $test ]] || continue
        layer=${test##*/test_} && layer=${layer%%_*}
        [[ -v links[$layer] ]] || { fault "$test: of which layer?"; continue; }
        for other in "${!links[@]}"; do
            [[ $other == "$layer" || ! -f $1/src/$other/lib$other.a ]] && continue
            has "$other" "${links[$layer]}" && continue
            symbols=$(comm -12 <(nm "$test" | awk '$2 ~ /[TDBR]/ {print $3}' | sort -u) \
                <(defined "$1/src/$other/lib$other.a"))
            [[ -z $symbols ]] || fault "${test##*/} has lib$other.a inside:" $symbols
        done
    done
}

selftest() {
    local dir n=0 && dir=$(mktemp -d) && trap 'rm -rf "$dir"' RETURN
    try() { # expected status, file, include line
        rm -rf "${dir:?}/"*
        mkdir -p "$dir/$(dirname "$2")" "$dir/src" "$dir/include"
        printf '%s\n' "$3" >"$dir/$2"
        local status=0
        "$0" "$dir" >"$dir/out" || status=$?
        n=$((n + 1))
        [[ $status == "$1" ]] || { echo "selftest: $2 with $3: status $status"; cat "$dir/out"; exit 1; }
    }
    try 0 src/base/a.c '#include "base/b.h"'
    try 1 src/base/a.c '#include "engine/b.h"'
    try 1 src/base/a.c '#include "engaged/event.h"'
    try 1 src/base/a.c '#include <uv.h>'
    try 0 src/engine/a.c '#include "engaged/event.h"'
    try 1 src/engine/a.c '#include "codec/b.h"'
    try 1 src/engine/a.c '#include "base/log.h"'
    try 1 src/engine/a.c '#include <jansson.h>'
    try 0 src/codec/a.c '#include <jansson.h>'
    try 1 src/codec/a.c '#include "engine/b.h"'
    try 1 src/codec/a.c '  #  include "base/log.h"'
    try 0 src/conf/a.h '#include "engaged/rule.h"'
    try 1 src/conf/a.h '#include "engine/rule.h"'
    try 1 src/conf/a.h '#include "adapters/b.h"'
    try 0 src/adapters/a.c '#include <librdkafka/rdkafka.h>'
    try 1 src/adapters/a.c '#include <librdkafka/rdkafka_other.h>'
    try 1 src/adapters/a.c '#include "engaged/event.h"'
    try 1 src/adapters/a.c '#include "conf/conf.h"'
    try 0 src/app/a.c '#include "adapters/b.h"'
    try 0 src/app/a.c '#include <yaml.h>'
    try 1 src/conf/a.c '#include <hiredis/hiredis.h>'
    try 1 src/conf/a.c '#include "codec/b.h"'
    try 0 src/main.c '#include "app/app.h"'
    try 1 src/main.c '#include "adapters/http.h"'
    try 1 src/main.c '#include "conf/conf_tree.h"'
    try 1 include/engaged/a.h '#include "engine/b.h"'
    try 1 include/engaged/a.h '#include "base/log.h"'
    try 1 src/app/a.c '#include "b.h"'
    try 1 src/app/a.c '#include "app/../base/b.h"'
    try 1 src/app/a.c '#include <base/b.h>'
    try 1 src/app/a.c '#include HEADER'
    try 1 src/other/a.c '#include "base/b.h"'
    selftest_links
    echo "selftest: $n includes and 4 links as expected"
}

selftest_links() { # in the caller's $dir
    local status
    make_lib() { # layer, C text
        mkdir -p "$dir/build/src/$1" "$dir/build/tests"
        echo "$2" | ${CC:-cc} -c -x c -o "$dir/build/src/$1/x.o" -
        rm -f "$dir/build/src/$1/lib$1.a"
        ar rc "$dir/build/src/$1/lib$1.a" "$dir/build/src/$1/x.o"
    }
    try_links() { # expected status
        status=0
        "$0" "$dir" "$dir/build" >"$dir/out" || status=$?
        [[ $status == "$1" ]] || { echo "selftest: links: status $status"; cat "$dir/out"; exit 1; }
    }
    rm -rf "${dir:?}/"* && mkdir -p "$dir/src" "$dir/include"
    make_lib base 'void base_f(void) {}'
    make_lib engine 'void base_f(void); void engine_f(void) { base_f(); }'
    try_links 0
    make_lib base 'void engine_f(void); void base_f(void) { engine_f(); }'
    try_links 1
    make_lib base 'void base_f(void) {}'
    make_lib engine 'double exp2(double); double engine_f(double x) { return exp2(x); }'
    try_links 1
    make_lib engine 'void engine_f(void) {}'
    echo 'void engine_f(void); int main(void) { engine_f(); return 0; }' |
        ${CC:-cc} -x c -o "$dir/build/tests/test_base_x" - -x none "$dir/build/src/engine/libengine.a"
    try_links 1
}

if [[ ${1:-} == --selftest ]]; then
    selftest
    exit
fi
root=${1:-$(cd "$(dirname "$0")/.." && pwd)}
check_includes "$root"
[[ -z ${2:-} ]] || check_links "$2"
[[ $n_faults == 0 ]] || { echo "layers: $n_faults faults"; exit 1; }
echo "layers: all includes${2:+ and links} point down"
