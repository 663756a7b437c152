#!/usr/bin/env bash
# ctest: quick
# Tokens by ffctl: made, used, limited, rotated with an overlap, revoked; and their secret is told
# once, so that a script can take it.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.json
everything >"$file"

start() {
    local attempt
    start_agent --flags "$file" --state "$work/state.db"
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        "$bin/ffctl" whoami >/dev/null 2>&1 && "$bin/ffctl" status >/dev/null && return
        sleep 0.02
    done
    fail "the agent does not answer"
}

# with TOKEN CODE ARGUMENT...: as ctl, by the token.
with() {
    export FFSHM_TOKEN=$1
    ctl "${@:2}"
    unset FFSHM_TOKEN
}

# id_of NAME: of the active token of that name.
id_of() {
    "$bin/ffctl" tokens list --text | awk -v name="$1" '$2 == name && / active / { print $1 }'
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 tokens
complains 'ffctl tokens: a command is needed' "Try 'ffctl tokens --help'"
ctl 2 tokens creat
complains "unknown command 'creat'; did you mean 'create'?"
ctl 2 tokens list x
complains "ffctl tokens list: 'x' is one word too many" "Try 'ffctl tokens list --help'"
for command in show rotate revoke; do
    ctl 2 tokens $command
    complains "ffctl tokens $command: which token?"
    ctl 2 tokens $command a b
    complains "'b' is one word too many"
done
ctl 2 tokens create --name ci
complains '--name and --role are needed'
ctl 2 tokens create --role editor
complains '--name and --role are needed'
ctl 2 tokens create ci --role editor
complains "'ci' is one word too many"
for duration in '' 0 30 x -1d 3661d; do
    ctl 2 tokens create --name ci --role editor --expires "$duration"
    complains "--expires '$duration': write a duration"
done
ctl 2 tokens rotate a --overlap 5
complains "--overlap '5': write a duration"
ctl 2 tokens create --name ci --role editor --quiet --json
complains 'either --quiet or --json'
ctl 1 tokens list
complains 'no agent at'
for command in '' list show create rotate revoke; do
    # shellcheck disable=SC2086
    ctl 0 tokens $command --help
    says "usage: ffctl tokens${command:+ $command}" 'Exit codes' Examples
done
ctl 0 help tokens rotate
says 'usage: ffctl tokens rotate'

start

step "no token, and a dry run makes none"
ctl 0 tokens list --text
prints 'no token'
ctl 0 tokens create --name ci --role editor --dry-run --text
prints 'ci: would be created; nothing is stored'
ctl 0 tokens create --name ci --role editor --dry-run
says '"dryRun":true'
ctl 0 tokens create --name ci --role editor --dry-run --quiet
prints ''
ctl 0 tokens list
says '"items":[]'

step "what the agent refuses is told"
ctl 1 tokens create --name ci --role king
complains 'ffctl tokens create: ' 'must be viewer, editor or admin' '(422'
ctl 1 tokens show 0123456789ab
complains 'ffctl tokens show: ' '(404)'
ctl 1 tokens revoke no/such
complains '(404)'

step "one is made, and a script has it alone"
token=$("$bin/ffctl" tokens create --name ci --role editor --expires 30d --reason 'for the build' --quiet)
[[ $token =~ ^ffs_[0-9a-f]{12}_[^[:space:]]+$ ]] || fail "no token: $token"
id=${token:4:12}
[ "$(id_of ci)" = "$id" ] || fail "the id is not $id"
with "$token" 0 whoami --text
says 'you are' 'editor' "$id"
with "$token" 1 tokens list
complains '(403)'
with "${token}x" 1 whoami
complains '(401)'

step "it is listed and shown, without its secret"
ctl 0 tokens list --text
says 'TOKEN         NAME  ROLE    STATE   EXPIRES' "$id  ci    editor  active  2"
silent_on "$token"
ctl 0 tokens list
says '"name":"ci"' '"role":"editor"' '"state":"active"'
silent_on "$token"
ctl 0 tokens show "$id" --text
says "id           $id" 'name         ci' 'role         editor' 'state        active' 'created      2' \
    'by           ' 'expires      2' 'last used    2'
silent_on limits
silent_on ffs_
ctl 0 tokens show "$id"
says '"expiresMs":1'
ctl 0 audit --action token.create --text
says 'for the build' "$id"
"$bin/ffctl" audit >"$out"
silent_on "${token:17}"

step "limited to tags and prefixes"
ctl 0 tokens create --name web --role editor --tag web --tag 'two words' --prefix gate --text
says 'token        ffs_' 'role         editor' 'Keep the token' \
    'limits       {"tags":["web","two words"],"prefixes":["gate"]}' 'expires      never'
ctl 0 tokens list --text
says 'editor, limited'
token_of_gate=$("$bin/ffctl" tokens create --name gate --role editor --prefix ga --prefix x --quiet)
with "$token_of_gate" 0 kill gate --reason 'because I may'
with "$token_of_gate" 1 kill shop --reason 'because I may not'
complains '(403)'
ctl 0 revive gate

step "rotated, the old one goes on for the overlap"
ctl 0 tokens rotate "$id" --dry-run --text
prints "$id: would be rotated; nothing is stored"
new=$("$bin/ffctl" tokens rotate "$id" --overlap 1h --reason monthly --quiet)
[ "$new" != "$token" ] || fail "it is the same token"
with "$new" 0 whoami --text
says editor "${new:4:12}"
with "$token" 0 whoami
ctl 0 tokens show "$id" --text
says 'state        rotated' "successor    ${new:4:12}"
ctl 0 tokens rotate "${new:4:12}" --overlap 0
says '"token":"ffs_'
with "$new" 1 whoami
complains '(401)'
ctl 1 tokens rotate "$id" --overlap 31d
complains '(422'

step "revoked, it is refused at once, and after a restart"
ctl 0 tokens revoke "$id" --dry-run --text
prints "$id: would be revoked; nothing is stored"
with "$token" 0 whoami
ctl 0 tokens revoke "$id" --reason 'it was in a log' --text
prints "$id (ci): revoked"
with "$token" 1 whoami
complains '(401)'
ctl 0 tokens show "$id" --text
says 'state        revoked' 'revoked      2'
ctl 0 audit --action token.revoke --text
says 'it was in a log'
stop_agent
start
with "$token" 1 whoami
complains '(401)'
with "$token_of_gate" 0 whoami

step "their ids are completed"
ctl 0 __complete tokens revoke "${token_of_gate:4:4}"
says $'words\n'"${token_of_gate:4:12}"$'\tgate, editor, active'
ctl 0 __complete tokens ''
says create list revoke rotate show
ctl 0 __complete tokens create --role ''
says viewer editor admin
stop_agent
