#!/usr/bin/env bash
# ctest: quick
# Kill switches by ffctl: killed and revived, pinned, for a time, over a restart, and all of it told.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.json
state=$work/state.db
everything >"$file"

# start: the agent, until it answers.
start() {
    local attempt
    start_agent --flags "$file" --state "$state"
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        "$bin/ffctl" whoami >/dev/null 2>&1 && "$bin/ffctl" status >/dev/null && return
        sleep 0.02
    done
    fail "the agent does not answer"
}

# serves FLAG JSON REASON: in another process, at once.
serves() {
    ctl 0 eval "$1" --key vip --json
    says "\"value\":$2,"
    says "\"reason\":{\"kind\":\"$3\""
}

generation() {
    status generation
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 kill
complains 'ffctl kill: which flag?' "Try 'ffctl kill --help'"
ctl 2 kill gate
complains 'ffctl kill: --reason TEXT is needed'
ctl 2 kill gate --reason ' '
complains '--reason TEXT is needed'
ctl 2 kill gate --reason $'two\nlines'
complains '--reason: one line'
for duration in '' 5 0s m 5y -5m '5m ' 1.5h 3661d 99999999999999999999s 3000d3000d; do
    ctl 2 kill gate --reason r --for "$duration"
    complains "--for '$duration': write a duration, as 90s"
done
ctl 2 kill gate --reason r --variant ''
complains '--variant needs the key of a variant'
ctl 2 kill gate shop --reason r
complains "'shop' is one word too many"
ctl 2 kill gate --reson r
complains "did you mean '--reason'?"
ctl 2 revive
complains 'ffctl revive: which flag?'
ctl 2 revive gate --for 5m
complains "unknown option '--for'"
ctl 2 overrides gate
complains "'gate' is one word too many"
ctl 2 audit verfy
complains "did you mean 'verify'?"
ctl 2 audit --limit 0
complains "--limit '0': write a number from 1 on"
ctl 2 audit verify --actor ann
complains '--actor goes with list'
for command in kill revive overrides audit; do
    ctl 0 "$command" --help
    says "usage: ffctl $command" 'Exit codes' 'Examples'
    ctl 0 help
    says "  $command "
done

step "without an agent they say so"
for words in 'kill gate --reason r' 'revive gate' overrides audit 'audit verify'; do
    # shellcheck disable=SC2086
    ctl 1 $words
    complains 'no agent at' 'start ffagent'
done

start

step "nothing is overridden yet"
ctl 0 overrides --text
prints 'no flag is overridden'
ctl 0 overrides
says '"items":[]'
ctl 1 revive gate
complains 'ffctl revive: ' '(404)'
serves gate true FALLTHROUGH

step "--dry-run changes nothing"
before=$(generation)
ctl 0 kill gate --reason 'only asking' --dry-run --text
says 'gate: would be killed' 'nothing is stored'
ctl 0 kill gate --reason 'only asking' --dry-run
says '"dryRun":true' '"kind":"kill"'
serves gate true FALLTHROUGH
ctl 0 overrides
says '"items":[]'
[ "$(generation)" = "$before" ] || fail "a dry run has published"

step "a killed flag is off in every process, and what is told says by whom and why"
ctl 0 kill gate --reason 'wrong prices' --text
says 'gate: killed; generation 1.'
serves gate false OFF
says '"override":"override: kill by ' ': wrong prices"'
[ "$(generation)" != "$before" ] || fail "nothing was published"
ctl 0 explain gate --key vip --text
says 'the flag is killed' ': wrong prices'
ctl 0 explain shop --key vip --text
says 'prerequisite 0: gate: fails: the flag is off'
ctl 0 status --text
says 'overridden   1 flag: gate'
ctl 0 overrides --text
says 'FLAG' 'REASON' 'gate' 'kill' 'revived' 'wrong prices'
ctl 0 overrides
says '"flag":"gate"' '"kind":"kill"' '"reason":"wrong prices"' '"expiresMs":null' '"exists":true'

step "it is killed also after a restart, and after a kill of the agent"
stop_agent
serves gate false OFF
start
serves gate false OFF
kill_agent
start
serves gate false OFF
ctl 0 overrides
says '"reason":"wrong prices"'

step "another reason replaces the first"
ctl 0 kill gate --reason 'wrong taxes'
says '"changed":true' '"reason":"wrong taxes"'
ctl 0 eval gate --key vip --json
says ': wrong taxes"'

step "revived it is what its definition says"
ctl 0 revive gate --dry-run --text
says 'gate: would be revived'
serves gate false OFF
ctl 0 revive gate --reason 'right again' --text
says 'gate: revived; generation '
serves gate true FALLTHROUGH
silent_on override
ctl 0 status --text
silent_on overridden
ctl 1 revive gate
complains '(404)'

step "--variant serves that one, to everybody"
ctl 0 kill shop --reason launch --variant 1
says '"kind":"pin"' '"variant":"1"'
serves shop '"green"' FALLTHROUGH
ctl 0 overrides --text
says 'pin to 1' launch
ctl 0 revive shop
says '"override":null'
serves shop '{"b":[1,2.5]}' TARGET_MATCH

ctl 1 kill shop --reason launch --variant no-such-variant
complains 'ffctl kill: ' 'no-such-variant' '(422, line 1)'
serves shop '{"b":[1,2.5]}' TARGET_MATCH

step "--for ends by itself"
ctl 0 kill gate --reason 'for a moment' --for 1s
says '"kind":"kill"' '"expiresMs":1'
await_value gate true
ctl 0 overrides
says '"items":[]'
ctl 0 kill gate --reason 'for long' --for 1h30m --text
says 'gate: killed until 2'
stop_agent
start
serves gate false OFF
ctl 0 revive gate

step "one that ends while no agent runs is over when one starts"
ctl 0 kill gate --reason 'for a moment' --for 1s
kill_agent
sleep 1.1
start
await_value gate true

step "a key that no flag has is told, and waits for the flag"
ctl 0 kill later/on --reason 'not ready' --text
says 'later/on: killed'
complains 'there is no flag of this key yet: the override waits for it'
ctl 0 overrides --text
says 'later/on' 'kill (no such flag yet)'
sed 's|"gate": {"key": "gate"|"later/on": {"key": "later/on"|; s|"key": "gate", "var|"key": "later/on", "var|' \
    "$file" >"$work/new.json"
mv "$work/new.json" "$file"
await_value later/on false
ctl 0 overrides
says '"exists":true'
ctl 0 revive later/on
serves later/on true FALLTHROUGH

step "the trail tells all of it, and is whole"
ctl 0 audit --limit 100 --text
says ENTRY ACTOR 'wrong prices' 'wrong taxes' 'right again' launch 'for a moment' 'not ready'
silent_on 'only asking'
ctl 0 audit list --limit 1
says '"number":' '"hash":"' '"actor":"' '"next":'
silent_on '"next":null'
after=$(sed 's/.*"next":\([0-9]*\).*/\1/' "$out")
ctl 0 audit --limit 1 --after "$after"
says '"number":'"$((after - 1))"
ctl 0 audit --target shop --text
says launch
silent_on 'wrong prices'
ctl 0 audit --actor 'nobody at all' --text
prints 'no entry'
ctl 0 audit verify --text
says 'OK: ' ' entries; head '
ctl 0 audit verify
says '"bad":null'

step "who may only look kills nothing"
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --no-new-privs "$@"
}
chmod 755 "$work"
if [ "$(id -u)" != 0 ] || ! as_nobody "$bin/ffctl" --version >/dev/null 2>&1; then
    echo "  left out: it needs root, setpriv, and programs that others may run"
else
    ctl_of_nobody() {
        local code=0
        as_nobody "$bin/ffctl" "${@:2}" >"$out" 2>"$err" || code=$?
        [ $code = "$1" ] || {
            cat "$out" "$err"
            fail "ffctl ${*:2} of nobody ended with $code, not $1"
        }
    }
    ctl_of_nobody 0 whoami --text
    says 'role         viewer'
    before=$(generation)
    ctl_of_nobody 1 kill shop --reason 'because I can'
    complains 'ffctl kill: ' '(403)'
    ctl 0 overrides
    says '"items":[]'
    [ "$(generation)" = "$before" ] || fail "a viewer has published"
    ctl 0 kill shop --reason 'because I may'
    ctl_of_nobody 1 revive shop
    complains '(403)'
    ctl_of_nobody 0 overrides --text
    says 'because I may'
    ctl_of_nobody 0 audit --target shop --text
    says 'because I may'
    ctl 0 audit verify
    says '"bad":null'
fi
stop_agent

step "a trail that somebody has edited is found"
python3 - "$state" <<'PYTHON' || fail "the trail cannot be edited"
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
guard = "FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_changed'"
with store:
    (sql,) = store.execute(f"SELECT sql {guard}").fetchone()
    store.execute("DROP TRIGGER audit_changed")
    changed = store.execute("UPDATE audit SET actor = 'somebody else' WHERE number = 2").rowcount
    store.execute(sql)
sys.exit(changed != 1)
PYTHON
start
ctl 1 audit verify --text
says 'DAMAGED at entry 2'
ctl 1 audit verify
says '"bad":2'
stop_agent
