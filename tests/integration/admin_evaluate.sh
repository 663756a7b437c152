#!/usr/bin/env bash
# ctest: merge timeout=180
# POST /evaluate and /explain of a running agent: byte for byte what ffctl prints, for all of
# tests/data/cases; killed flags, the past, and an agent that nobody asks any more.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.json
everything >"$file"
start_agent --flags "$file" --state "$work/agent.db"
await_socket
await_source 1

# ask ROUTE BODY
ask() {
    api "$1" -H 'Content-Type: application/json' -d "$2"
}

# same: the API's last answer is what ffctl has printed.
same() {
    [ "$(cat "$work/answer")" = "$(cat "$out")" ] || {
        diff "$work/answer" "$out" || true
        fail "the API and ffctl differ"
    }
}

step "one flag, and why"
question='{"flag":"shop","context":{"kind":"user","key":"u5","country":"US","plan":"pro"},"default":"x"}'
ask /evaluate "$question"
answered 200 '"value":"green"'
cp "$out" "$work/answer"
ctl 0 eval shop --key u5 --attr country=US --attr plan=pro --default '"x"' --json
same
ask /explain "$question"
answered 200 '"step":"segmentRuleDone"'
cp "$out" "$work/answer"
ctl 0 explain shop --key u5 --attr country=US --attr plan=pro --default '"x"' --json
same
ask /evaluate '{"context":{"kind":"user","key":"u5"}}'
answered 200 '{"items":[{"flag":"dark",' '{"flag":"shop",' '"next":null}'

step "a killed flag says so, and what it was before"
generation=$("$bin/ffctl" eval shop --key vip --json | sed 's/.*"generation":\([0-9]*\).*/\1/')
ctl 0 kill shop --reason 'wrong prices'
ask /evaluate '{"flag":"shop","context":{"kind":"user","key":"vip"}}'
answered 200 '"value":"red"' '"override":"override: kill by ' 'wrong prices"}'
cp "$out" "$work/answer"
ctl 0 eval shop --key vip --json
same
ask /explain "{\"flag\":\"shop\",\"context\":{\"kind\":\"user\",\"key\":\"vip\"},\"at\":$generation}"
answered 200 '"value":{"b":[1,2.5]}' "\"generation\":$generation,"
cp "$out" "$work/answer"
ctl 0 explain shop --key vip --at "$generation" --json
same
ctl 0 revive shop --reason over

step "what is asked for here is not counted, and the snapshot is let go afterwards"
maps() {
    grep -c " $store/s\." "/proc/$agent/maps" || true
}
ask /evaluate '{"flag":"gate","context":{"kind":"user","key":"vip"}}'
answered 200 '"value":true'
asked=$(maps)
for ((attempt = 0; attempt < 150; attempt++)); do
    [ "$(maps)" -lt "$asked" ] && break
    sleep 0.1
done
[ "$(maps)" -lt "$asked" ] || fail "the agent still maps $asked snapshots"
ask /evaluate '{"flag":"gate","context":{"kind":"user","key":"vip"}}'
answered 200 '"value":true'

step "all cases, byte for byte"
python3 "$FFSHM_SOURCE_DIR/tests/support/ask_evaluations.py" "$bin/ffctl" "$store" "$file" \
    "$FFSHM_SOURCE_DIR"/tests/data/cases/*.json || fail "the API and ffctl differ"
stop_agent
