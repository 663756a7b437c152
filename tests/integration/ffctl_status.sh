#!/usr/bin/env bash
# ctest: merge timeout=120
# ffctl when all is not well: what status, eval and verify say of the agent and of the store's files.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.yaml

# await_status TEXT ARGUMENT...: until `ffctl status --text ARGUMENT...` says so.
await_status() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 100; attempt++)); do
        "$bin/ffctl" status --text "${@:2}" >"$out" 2>"$err" || true
        grep -qF -e "$1" "$out" && return
        sleep 0.1
    done
    cat "$out"
    fail "status does not come to say: $1"
}

step "no directory, and nothing in it, are told apart"
ctl 1 status --json --dir "$work/nope"
says '"last_error":"NOT_READY"' "\"cause\":\"$work/nope: no such directory\"" '"hint":"check --dir'
ctl 1 eval x --key u1 --dir "$work/nope"
complains "$work/nope: no such directory; check"
[ "$(wc -l <"$err")" = 1 ] || fail "more than the cause is told"
for action in list verify dump 'verify 3.5'; do
    # shellcheck disable=SC2086
    ctl 1 snapshot $action --text --dir "$work/nope"
    complains "$work/nope: no such directory"
done
mkdir "$work/bare"
ctl 1 status --json --dir "$work/bare"
says '"last_error":"NOT_READY"' "$work/bare: no snapshot has been published in it" 'start ffagent'
ctl 1 snapshot verify --text --dir "$work/bare"
complains "$work/bare: no snapshot has been published in it"
ctl 1 status --text --dir "$0"
says 'Not a directory'

step "an agent that could publish nothing yet says why to look at its log"
printf 'ffshm: 1\nflags: 7\n' >"$file"
start_agent --flags "$file"
await_log 'flags'
await_status "the agent (pid $agent) runs but has published nothing yet: its flag files are missing or wrong; see its log, or run ffctl lint"
ctl 1 eval color --key u1
complains "the agent (pid $agent) runs but has published nothing yet"
ctl 1 status --json
says '"last_error":"NOT_READY"' 'run ffctl lint'

step "all is well: no cause and no hint"
flags color='"red"' >"$file"
await_value color '"red"'
await_status 'source       valid'
ctl 0 status --json --max-silence 60
says '"last_error":"OK","cause":null,"hint":null'

step "a load that failed is told, with what stays in force"
printf 'ffshm: 1\nflags: 7\n' >"$file"
await_status 'source       interrupted: the last load failed; the last good definitions stay in force; see the agent'
ctl 0 status --json
says '"hint":"the last load failed'
flags color='"red"' >"$file"
await_status 'source       valid'

step "an agent that hangs is silent"
kill -STOP "$agent"
sleep 3.2
await_status 'alive but silent for '
ctl 0 status
ctl 1 status --max-silence 2.5
ctl 0 status --max-silence 3600
kill -CONT "$agent"
await_status "alive, pid $agent"

step "an agent that was killed has ended without stopping, one that was told to has stopped"
kill_agent
await_status 'agent        not running (ended without stopping), last heard '
ctl 1 status --max-silence 3600
start_agent --flags "$file"
await_status "alive, pid $agent, ready"
stop_agent
await_status 'agent        stopped, last heard '
ctl 0 status
for seconds in -1 '' 1x . 1e3 nan; do
    ctl 2 status --max-silence "$seconds"
done

# spoilt COMMAND...: copies the store to $spoilt and does that to it.
spoilt() {
    spoilt=$work/spoilt
    rm -rf "$spoilt"
    cp -r "$store" "$spoilt"
    chmod -R u+w "$spoilt"
    "$@"
}
current() { # the head that is current, in $spoilt
    find "$spoilt" -name 's.*' | sort | tail -n 1
}
punch() {
    truncate -s 0 "$1"
    truncate -s "$2" "$1"
}
refuses() { # CAUSE: verify, status and eval, with that cause and nothing else
    ctl 1 snapshot verify --text --dir "$spoilt"
    complains "$1"
    ctl 1 status --text --dir "$spoilt"
    says "$1"
    ctl 1 eval color --key u1 --dir "$spoilt"
    complains "$1"
    [ "$(wc -l <"$err")" = 1 ] || {
        cat "$err"
        fail "more than the cause is told"
    }
}

# poke OFFSET BYTES: into $spoilt's control page; BYTES as printf writes them.
poke() {
    # shellcheck disable=SC2059
    printf "$2" | dd of="$spoilt/ctl" bs=1 seek="$1" conv=notrunc status=none
}
le64() { # NUMBER: as printf writes its eight bytes, the least significant first
    local i
    for ((i = 0; i < 8; i++)); do
        printf '\\x%02x' $((($1 >> 8 * i) & 255))
    done
}

step "what the agent says about its sources and of telemetry is told"
spoilt true
now=$(date +%s000)
poke 268 '\x02'
poke 332 '\x02\0\0\0\xf7\x01'
poke 344 "$(le64 $((now - 3600000)))"
poke 352 "$(le64 $((now - 300000)))"
poke 360 "$(le64 $((now - 7200000)))"
poke 368 'no "answer"\033[2J\0'
ctl 0 status --text --dir "$spoilt"
says 'source       interrupted: the last good definitions stay in force; the source' \
    'since        60 min' 'source error ERROR_RESPONSE 503, 5 min ago: no "answer"\x1b[2J' \
    'data         last known good, received 2.0 h ago' 'telemetry    collected'
ctl 0 status --json --dir "$spoilt"
says "\"source\":\"interrupted\",\"source_since_ms\":$((now - 3600000))" \
    "\"source_error\":{\"kind\":\"ERROR_RESPONSE\",\"status\":503,\"at_ms\":$((now - 300000))," \
    '"text":"no \"answer\"\u001b[2J"}' "\"data_as_of_ms\":$((now - 7200000)),\"telemetry\":true"
poke 332 '\x01'
ctl 0 status --json --dir "$spoilt"
says '"source_error":{"kind":"NETWORK_ERROR","status":null,'
spoilt true
ctl 0 status --json --dir "$spoilt"
says '"source_error":null,"data_as_of_ms":null,"telemetry":true'
poke 136 '\0\0\0\0\0\0\0\0'
ctl 0 status --json --dir "$spoilt"
says '"telemetry":false'

step "files that readers refuse are refused by verify, with the file and what is wrong with it"
spoilt true
ctl 0 snapshot verify --dir "$spoilt"
spoilt
chmod 0666 "$spoilt/ctl"
refuses "$spoilt/ctl: mode 0666, must not be writable by others"
spoilt
chmod 0620 "$(current)"
refuses "$(current): mode 0620, must not be writable by others"
spoilt
for extent in "$spoilt"/x.*; do
    punch "$extent" "$(stat -c %s "$extent")"
done
refuses 'it has a hole: 0 of its '
spoilt
truncate -s 100 "$(current)"
refuses "$(current): its size, 100 bytes, is out of range"
spoilt
mv "$(current)" "$work/head"
head=$spoilt/$(basename "$(find "$store" -name 's.*' | sort | tail -n 1)")
ln -s "$work/head" "$head"
refuses "$head: a symbolic link"
spoilt
printf X | dd of="$spoilt/ctl" bs=1 seek=24 conv=notrunc status=none
refuses 'belongs to another store'
if [ "$(id -u)" = 0 ]; then
    spoilt
    chown 4321 "$(current)"
    refuses "$(current): owner 4321, must be root or the directory's owner, 0"
fi
