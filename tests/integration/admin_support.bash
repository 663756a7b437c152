#!/usr/bin/env bash
# What tests of the HTTP API share. Sourced.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

command -v curl >/dev/null || {
    echo "skipped: curl is not installed"
    exit 77
}

socket=$store/agent.sock

# api PATH CURL_OPTION...: the answer in $out, its status in $status.
api() {
    status=$(curl -sS --max-time 20 -o "$out" -w '%{http_code}' --unix-socket "$socket" \
        "http://agent/api/v1$1" "${@:2}" 2>"$err") || {
        cat "$err"
        fail "no answer to $1"
    }
}

# answered STATUS TEXT...: of the last one.
answered() {
    [ "$status" = "$1" ] || {
        cat "$out"
        fail "the status is $status, not $1"
    }
    says "${@:2}"
}

# await_socket: until the agent answers on it.
await_socket() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        curl -s --max-time 5 --unix-socket "$socket" http://agent/api/v1/health >/dev/null && return
        sleep 0.02
    done
    fail "nobody answers on $socket"
}

# send METHOD PATH BODY CURL_OPTION...: the ETag of the answer in $etag.
send() {
    local data=()
    [ -z "$3" ] || data=(-H 'Content-Type: application/json' -d "$3")
    api "$2" -X "$1" "${data[@]}" -D "$work/head" "${@:4}"
    # shellcheck disable=SC2034 # for whoever sources this
    etag=$(sed -n 's/^etag: *\(.*\)\r$/\1/Ip' "$work/head")
}

# serves FLAG JSON REASON: in another process, at once.
serves() {
    ctl 0 eval "$1" --key vip --json
    says "\"value\":$2," "\"reason\":{\"kind\":\"$3\""
}
