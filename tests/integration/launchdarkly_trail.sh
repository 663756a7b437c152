#!/usr/bin/env bash
# ctest: quick timeout=120
# What LaunchDarkly brings is in the trail: each generation came of entries that name it.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

# entered TEXT...: the newest entry of a source has each of them, soon.
entered() {
    local attempt text
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        api '/audit?action=source.change&limit=1'
        for text in "$@"; do
            grep -qF -e "$text" "$out" || {
                sleep 0.05
                continue 2
            }
        done
        return
    done
    cat "$out"
    fail "this is not entered: $*"
}

explained() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 100; attempt++)); do
        python3 "$FFSHM_SOURCE_DIR/tests/support/check_trail.py" "$socket" "$log" \
            >"$out" 2>"$err" && return
        sleep 0.1
    done
    cat "$out" "$err"
    fail "not every generation is explained"
}

start_launchdarkly
ld flag color 1 '"red"'
ld flag size 5 1
flags other=1 >"$work/flags.yaml"
start_ld_agent --flags "$work/flags.yaml"
await_socket
await_value color '"red"'
await_value other 1

step "a whole state, a change, a removal"
explained
api '/audit?action=source.change'
answered 200 '"key":"color","change":"added","source":"launchdarkly","before":null,"after":1' \
    "\"source\":\"file:$work/flags.yaml\""
ld flag color 2 '"blue"'
await_value color '"blue"'
entered '"actor":"launchdarkly"' '"target":"color"' '"change":"changed"' '"before":1,"after":2'
ld delete /flags/size 6
entered '"target":"size"' '"change":"removed","source":"launchdarkly","before":5,"after":null'
explained

step "many changes have few entries, and every generation has its own row"
for ((version = 3; version <= 40; version++)); do
    ld flag color $version "$version"
    await_value color $version
done
entered '"after":40'
explained
read -r snapshots _ entries _ <"$out"
[ "$entries" -lt "$snapshots" ] || fail "as many entries as generations: $(cat "$out")"
stop_agent
