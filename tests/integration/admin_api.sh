#!/usr/bin/env bash
# ctest: quick timeout=60
# The HTTP API of a running agent, by curl and by ffctl: on its socket, by TCP, over restarts.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

file=$work/flags.yaml
state=$work/state/agent.db
flags color='"red"' >"$file"

step "without an agent ffctl says so"
ctl 1 whoami
complains "ffctl whoami: no agent at $socket: there is no such socket; start ffagent"

step "the socket is there by default, for everybody; TCP only where it is asked for"
start_agent --flags "$file" --state "$state" --admin-listen 127.0.0.1:0 --admin-peer '*=none'
await_socket
await_log 'event=admin-listening address=127.0.0.1:0 port=[0-9]+ tls=no'
port=$(sed -n 's/.*event=admin-listening .* port=\([0-9]*\) .*/\1/p' "$log")
[ "$(stat -c %a "$socket")" = 666 ] || fail "the socket's mode is $(stat -c %a "$socket")"
api /health
answered 200 '{"status":"ok"}'
api /ready
answered 200 '"ready"'
api /status
answered 200 '"flags":1' '"sources":[{"name":"files","state":"valid"' '"keepsTokens":true' \
    "\"dir\":\"$store\"" "\"pid\":$agent"
api /openapi.json
answered 200 '"openapi":"3.1.0"' '/api/v1/tokens/{id}/rotate'
api /helth
answered 404 'did you mean /api/v1/health?'

step "who asks is known by the kernel"
ctl 0 whoami --json
says '"role":"admin"' "unix uid $(id -u) pid"
ctl 0 whoami --text
says 'role         admin'

step "by TCP, who asks is known by a token"
api /tokens -H 'Content-Type: application/json' -H 'X-Reason: a test' \
    -d '{"name": "deploy", "role": "editor", "limits": {"tags": ["web"]}}'
answered 201 '"state":"active"'
token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$out")
url=http://127.0.0.1:$port
(
    unset FFSHM_DIR
    export FFSHM_URL=$url FFSHM_TOKEN=$token
    ctl 0 whoami --json
    says '"actor":"deploy"' '"role":"editor"' '"limits":{"tags":["web"]}'
    FFSHM_TOKEN='' ctl 0 whoami --json
    says '"actor":"nobody"' '"role":"none"'
    FFSHM_TOKEN=ffs_wrong ctl 1 whoami
    complains 'this is not a token' '(401)'
    FFSHM_URL=http://192.0.2.1:1 ctl 2 whoami
    FFSHM_URL=http://localhost:1@192.0.2.1:1 ctl 2 whoami
    complains 'write https://HOST:PORT'
    FFSHM_URL=http://127.0.0.1:1 ctl 1 whoami
    complains 'no answer from http://127.0.0.1:1'
)
code=$(curl -sS -o "$out" -w '%{http_code}' "$url/api/v1/status")
[ "$code" = 401 ] || fail "nobody was told the status: $code"
code=$(curl -sS -o "$out" -w '%{http_code}' -H "Authorization: Bearer $token" "$url/api/v1/tokens")
[ "$code" = 403 ] || fail "an editor was told of tokens: $code"
await_log 'event=admin-refused source=127.0.0.1 actor=deploy .*status=403'
! grep -q "${token#ffs_*_}" "$log" || fail "the secret is in the log"

step "what is kept outlives the agent, killed or stopped; a stale socket is replaced"
kill_agent
[ -S "$socket" ] || fail "the killed agent has removed its socket"
ctl 1 whoami
complains 'nobody listens there any more; start ffagent'
start_agent --flags "$file" --state "$state" --admin-listen 127.0.0.1:"$port"
await_socket
code=$(curl -sS -o "$out" -w '%{http_code}' -H "Authorization: Bearer $token" "$url/api/v1/status")
[ "$code" = 200 ] || fail "the token is lost: $code"
api "/tokens/$id/revoke" -X POST
answered 200 '"state":"revoked"'
code=$(curl -sS -o "$out" -w '%{http_code}' -H "Authorization: Bearer $token" "$url/api/v1/status")
[ "$code" = 401 ] || fail "a revoked token is good: $code"
stop_agent
[ ! -e "$socket" ] || fail "the stopped agent has left its socket"
! grep -q "${token#ffs_*_}" "$state"* || fail "the secret is in the state file"

step "an agent without the API, and one whose socket's place is taken, go on without"
start_agent --flags "$file" --state none --admin no
await_log 'event=published|event=started'
"$bin/ffctl" status >/dev/null || fail "no snapshot"
[ ! -e "$socket" ] || fail "there is a socket"
stop_agent
touch "$socket"
start_agent --flags "$file" --state none
await_log 'event=admin-failed .*file=.*agent.sock.*is not a socket'
stop_agent
rm "$socket"

step "what cannot be is refused at the start, with the reason"
refused() {
    local code=0
    timeout 20 "$bin/ffagent" --dir "$store" --flags "$file" --state none "${@:2}" \
        >"$out" 2>"$err" </dev/null || code=$?
    [ $code = 2 ] || fail "ffagent ${*:2} ended with $code, not 2"
    complains "$1"
}
refused 'tokens would be sent in the clear; give admin.tls_certificate' --admin-listen 0.0.0.0:0
refused 'is not an address and a port; for example 127.0.0.1:8080' --admin-listen localhost
refused 'admin.tls_key: is missing' --admin-listen 0.0.0.0:0 --admin-tls-certificate "$file"
refused 'gives no role to a user or group; write user=role' --admin-peer root
refused 'this host has no user "no-such-user"' --admin-peer no-such-user=admin
FFSHM_ADMIN_LISTEN='127.0.0.1:0,[::]:0' refused '[::]:0 (environment FFSHM_ADMIN_LISTEN) can be'
