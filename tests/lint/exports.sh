#!/usr/bin/env bash
# ctest: quick release
# The shared library exports the functions that the public header declares, and nothing else, in the
# version node that lib/ffshm.map names; and it is what its dependants rely on: its soname, never
# unloaded, no text relocations, no executable stack.
set -euo pipefail
cd "$FFSHM_SOURCE_DIR"
library=$FFSHM_BUILD_DIR/lib/libffshm.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gcc -fpreprocessed -dD -E -P -x c include/ffshm.h 2>/dev/null | tr '\n' ' ' | tr ';' '\n' |
    grep -E '\bFFSHM_API\b' | grep -oE '\bffshm_[a-z_0-9]+ *\(' | tr -d ' (' | sort -u \
    >"$work/declared"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u \
    >"$work/exported"
grep -oE '^ +ffshm_[a-z_0-9]+;' lib/ffshm.map | tr -d ' ;' | sort -u >"$work/mapped"

[ -s "$work/declared" ] || { echo "found no declaration in include/ffshm.h"; exit 1; }
failed=0
diff -u --label include/ffshm.h --label "$library" "$work/declared" "$work/exported" || failed=1
diff -u --label include/ffshm.h --label lib/ffshm.map "$work/declared" "$work/mapped" || failed=1

dynamic=$(readelf --wide --dynamic "$library")
major=$(sed -n 's/^#define FFSHM_VERSION_MAJOR //p' include/ffshm.h)
require() {
    grep -q "$1" <<<"$dynamic" || { echo "$library: $2"; failed=1; }
}
require "SONAME.*\[libffshm\.so\.$major\]" "the soname is not libffshm.so.$major"
require 'FLAGS_1.*NODELETE' "may be unloaded: -z nodelete is missing"
require 'FLAGS.*BIND_NOW' "is not bound at load time"
if grep -q TEXTREL <<<"$dynamic"; then
    echo "$library: has text relocations"
    failed=1
fi
if readelf --wide --segments "$library" | grep -E 'GNU_STACK.* RWE'; then
    echo "$library: has an executable stack"
    failed=1
fi
# What the static library calls its own functions is seen by whoever links it, the agent first: a
# name that a library beside it has, too, would take that one's place.
nm --defined-only "$FFSHM_BUILD_DIR/lib/libffshm.a" 2>/dev/null | awk '$2 ~ /[TDBR]/ { print $3 }' |
    sort -u >"$work/inside"
ldd "$FFSHM_BUILD_DIR/agent/ffagent" | awk '$3 ~ /^\// { print $3 }' |
    xargs -r nm -D --defined-only 2>/dev/null | awk 'NF == 3 { sub(/@.*/, "", $3); print $3 }' |
    sort -u >"$work/beside"
if comm -12 "$work/inside" "$work/beside" | grep .; then
    echo "libffshm.a: these names are also those of a library that the agent links"
    failed=1
fi
[ $failed = 0 ] && echo "$(wc -l <"$work/declared") functions, all of the header and no other"
exit $failed
