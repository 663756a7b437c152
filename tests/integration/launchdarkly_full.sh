#!/usr/bin/env bash
# ctest: quick timeout=120
# The state file's filesystem is full: flags are served, one line says so, and what is kept is of one
# time.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

mkdir "$work/kept"
mount -t tmpfs -o size=3m,mode=0700 none "$work/kept" 2>/dev/null || {
    echo "skipped: it needs a filesystem of its own, which only root can mount"
    exit 77
}
# shellcheck disable=SC2154  # code: of the test
trap 'code=$?; set +e; umount -l "$work/kept"; (exit $code); clean_up' EXIT

start_launchdarkly
ld flag color 1 '"old"'
ld flag size 1 1
start_ld_agent --events false
await_value size 1

step "no room: what comes is in force, and one line says that it is not kept"
dd if=/dev/zero of="$work/kept/filler" bs=64k 2>/dev/null || true
# flag KEY VERSION VALUE: as JSON.
flag() {
    printf '"%s": {"key": "%s", "version": %s, "on": true, "variations": [%s], "offVariation": 0,
        "fallthrough": {"variation": 0}}' "$1" "$1" "$2" "$3" | tr -d '\n'
}
ld set "{\"flags\": {$(flag color 2 '"new"'), $(flag size 1 1)}}"
ld many 20000
ld put
await_value color '"new"'
await_log event=state-not-kept
for version in $(seq 2 30); do
    ld flag size "$version" "$version"
    await_value size "$version"
    [ "$version" = 20 ] && rm "$work/kept/filler"
done
[ "$(grep -c event=state-not-kept "$log")" = 1 ] || fail "it says it more than once"

step "a restart serves what was kept, not a mixture of times"
kill_agent
ld refuse
rm -r "$store"
start_ld_agent --events false
await_value color '"old"'
[ "$(value size)" = 1 ] || fail "color is of one time, and size of another"
ld listen
await_value size 30
await_log event=received
stop_agent

echo "all as expected"
