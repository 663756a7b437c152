#!/usr/bin/env bash
# ctest: quick timeout=120
# ffctl watch follows every publish, over restarts of the agent, until it is interrupted.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.yaml

# save FLAG=JSON...: the file is replaced by one with these flags.
save() {
    flags "$@" >"$file.new"
    mv "$file.new" "$file"
}

# watch NAME ARGUMENT...: in the background; its output is in $work/NAME, its messages in NAME.err.
watch() {
    touch "$work/$1"
    "$bin/ffctl" watch "${@:2}" >"$work/$1" 2>"$work/$1.err" &
    watcher=$!
    pids+=("$watcher")
}

# await_line NAME PATTERN [COUNT]
await_line() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        [ "$(grep -cE -- "$2" "$work/$1")" -ge "${3:-1}" ] && return
        sleep 0.02
    done
    cat "$work/$1"
    fail "$1 has no line with $2"
}

lacks() {
    ! grep -qE -- "$2" "$work/$1" || {
        cat "$work/$1"
        fail "$1 has a line with $2"
    }
}

# interrupt PID SIGNAL: and it ends well.
interrupt() {
    local code=0
    kill -"$2" "$1"
    wait "$1" || code=$?
    [ $code = 0 ] || fail "it ended with $code"
}

step "what cannot be meant, and without an agent"
ctl 2 watch flag
complains "'flag' is one word too many"
ctl 2 watch --kye a
complains "did you mean '--key'?"
ctl 0 watch --help
says 'usage: ffctl watch' 'Exit codes' 'Examples'
ctl 1 watch
complains 'ffctl watch: no agent at' 'start ffagent'

save color='"red"' size=1
start_agent --flags "$file"
await_log event=published

step "a line for every publish: when, which, who, what"
watch text --text
text=$watcher
await_line text '^20[0-9T:.-]+Z  1\.1  2 flags, 0 segments$'
watch json
json=$watcher
await_line json '^\{"event":"snapshot","generation":[0-9]+,"generationText":"1.1",'
watch some --key si
some=$watcher
await_line some '"event":"snapshot"'
save color='"blue"' size=1 third=3
await_line text "Z  1\\.2  file:$file  color 1 -> 2; third added, version 1\$"
await_line json '^\{"event":"publish",.*"changed":\[\{"kind":"flag","key":"color",.*\]\}$'
ctl 0 kill color --reason 'wrong colours'
await_line text "Z  1\\.3  [^ ]+ \\(flag\\.kill: wrong colours\\)  color 2 -> 3, overridden\$"
await_line json '"action":"flag.kill","reason":"wrong colours"'
save color='"blue"' size=2
await_line text 'third removed'
await_line some '^\{"event":"publish",.*"changed":\[\{"kind":"flag","key":"size",[^]]*\]\}$'
lacks some color

step "an agent that comes again is followed again, and what was missed is said"
kill_agent
await_line text.err 'ffctl watch: the agent is gone; waiting for it'
start_agent --flags "$file"
await_line text.err 'ffctl watch: the agent is back'
await_line some.err 'ffctl watch: the agent is back' # else it would not notice this one
stop_agent
await_line text.err 'the agent is gone' 2
save color='"blue"' size=3
start_agent --flags "$file"
await_line text 'Z  3\.[0-9]+  published meanwhile: what changed up to here was not followed$'
await_line json '^\{"event":"gap","generation":[0-9]+,"generationText":"3\.'
await_line text.err 'the agent is back' 2
save color='"blue"' size=4
await_line text '  size 3 -> 4$'

step "interrupted, it ends well; also while there is no agent"
interrupt "$text" INT
interrupt "$json" TERM
lacks json '^[^{]'
await_line some.err 'the agent is back' 2
stop_agent
await_line some.err 'the agent is gone' 3
interrupt "$some" INT

step "an agent that refuses ends it"
start_agent --flags "$file" --admin-peer '*=none' --admin-listen 127.0.0.1:0
await_log 'event=admin-listening address=127.0.0.1:0 port=[0-9]+'
port=$(sed -n 's/.*event=admin-listening .* port=\([0-9]*\) .*/\1/p' "$log")
(
    unset FFSHM_DIR
    export FFSHM_URL=http://127.0.0.1:$port
    ctl 1 watch
    complains 'the role viewer is needed' '(401)'
)
stop_agent
