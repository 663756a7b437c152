#!/usr/bin/env bash
# ctest: quick timeout=120
# Every generation is explained: files that change, kill switches, agents that are killed and come
# again; each publish as an event, to clients of all kinds.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}

file=$work/flags.json
state=$work/state/agent.db

# start ARGUMENT...: the agent; the log of the one before it is kept. killed: how that ended.
start() {
    if [ -e "$log" ]; then
        cp "$log" "$work/$((++agents)).log"
        logs+=("$killed$work/$agents.log")
    fi
    start_agent --flags "$file" "$@"
    await_socket
    await_log 'event=(published|unchanged)'
}
agents=0
killed=''
logs=()

# save FLAG=JSON...: the file is replaced by one with these flags.
save() {
    flags "$@" >"$file.new"
    mv "$file.new" "$file"
}

kill_it() {
    api "/flags/$1/kill" -X POST -H 'Content-Type: application/json' -d "{\"comment\": \"$2\"}"
    answered 200
}

# explained: all that was published so far, within the second that entries of sources may take.
explained() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 100; attempt++)); do
        python3 "$FFSHM_SOURCE_DIR/tests/support/check_trail.py" "$socket" "$log" \
            "${logs[@]}" >"$out" 2>"$err" && return
        sleep 0.1
    done
    cat "$out" "$err"
    fail "not every generation is explained"
}

step "what a file brings is entered as the files'"
save color='"red"' size=1
start --state "$state"
explained
api /audit
answered 200 '"number":1,' '"actor":"files"' '"authenticated":"source"' '"action":"source.change"' \
    '"target":"2 flags"' "\"source\":\"file:$file\"" '"change":"added"' '"more":0'
api /snapshots
answered 200 '"generationText":"1.1"' '"firstAudit":1' '"lastAudit":1' '"current":true' '"next":null'

step "what is changed, added and removed; with what an operator does between"
save color='"blue"' size=1
await_value color '"blue"'
kill_it size 'too large'
save color='"green"' third=3
await_value color '"green"'
await_value third 3
explained
api '/audit?target=color'
answered 200 '"change":"changed"' '"before":1,"after":2'
api '/audit?action=source.change&limit=1'
answered 200 '"key":"size","change":"removed"' "\"source\":\"file:$file\"" '"key":"third"'

step "a page of snapshots, and what is asked wrongly"
api '/snapshots?limit=2'
answered 200 '"items":[{' '"next":'
before=$(sed -n 's/.*"next":\([0-9]*\)}$/\1/p' "$out")
api "/snapshots?limit=1&before=$before"
answered 200 "\"number\":$((before - 1)),"
api '/snapshots?limit=0'
answered 400 '"member":"limit"'
api '/snapshots?from=1'
answered 400
api /snapshots -X POST
answered 405

step "an agent that is stopped and started again publishes nothing, and enters nothing"
api '/audit?limit=1'
number=$(sed -n 's/.*"items":\[{"number":\([0-9]*\),.*/\1/p' "$out")
stop_agent
start --state "$state"
explained
api '/audit?limit=1'
answered 200 "\"number\":$number,"

step "one that is killed in the middle of it all is explained by the next"
for ((round = 1; round <= 5; round++)); do
    save color="$round" third="$round"
    await_value color "$round"
    kill_it color "round $round"
    save color="$round" third="1$round"
    await_value third "1$round"
    kill_agent
    killed=killed:
    start --state "$state"
    killed=''
done
explained
api '/audit?action=agent.adopt'
answered 200 '"actor":"ffagent"' '"digest":"'
stop_agent
python3 "$FFSHM_SOURCE_DIR/tests/support/verify_audit.py" "$state" >"$out" ||
    fail "the chain is broken: $(cat "$out")"

step "another store's generations are there, but not their files"
rm -rf "$store"
logs=() # generations begin anew
rm "$log"
start --state "$state"
explained
api '/snapshots?limit=2'
answered 200 '"retained":true' '"retained":false'
stop_agent

step "nobody asks: no file is made; nothing is kept: nothing is told"
start_agent --flags "$file" --state "$work/unasked/agent.db" --admin no
await_log 'event=(published|unchanged)'
save color=77 third=1
await_value color 77
stop_agent
[ ! -e "$work/unasked" ] || fail "a state file was made, and nobody asks for it"
start --state none
save color=78 third=1
await_value color 78
api /snapshots
answered 200 '{"items":[],"next":null}'
stop_agent

step "a file that cannot be made is told once, and the agent goes on"
start --state "$file/agent.db"
save color=79 third=1
await_value color 79
await_log 'event=trail-failed .*is not a directory'
save color=80 third=1
await_value color 80
[ "$(grep -c event=trail-failed "$log")" = 1 ] || fail "it is told more than once"
stop_agent
