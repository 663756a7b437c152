#!/usr/bin/env bash
# ctest: quick timeout=120
# Every publish as an event: several clients, limited ones, slow ones, too many.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}

file=$work/flags.yaml

# save COLOR SIZE [MORE]: the file is replaced; color has the tag web. MORE other flags.
save() {
    local i
    {
        flags color="$1"
        printf '    tags: [web]\n'
        flags size="$2" | tail -n +3
        for ((i = 0; i < ${3:-0}; i++)); do
            flags "filler-of-some-length-to-make-an-event-large-$i=$2" | tail -n +3
        done
    } >"$file.new"
    mv "$file.new" "$file"
}

# follow NAME CURL_OPTION...: a client in the background; what it is sent is in $work/NAME.
follow() {
    touch "$work/$1"
    curl -sSN --unix-socket "$socket" "${@:2}" http://agent/api/v1/changes >"$work/$1" 2>&1 &
    pids+=("$!")
    client=$!
    await_event "$1" '^event: snapshot$'
}

# await_event NAME PATTERN [COUNT]: until so many lines match.
await_event() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
        [ "$(grep -cE -- "$2" "$work/$1")" -ge "${3:-1}" ] && return
        sleep 0.02
    done
    cut -c -400 "$work/$1"
    fail "$1 is not sent $2"
}

lacks() {
    ! grep -qE -- "$2" "$work/$1" || {
        cut -c -400 "$work/$1"
        fail "$1 is sent $2"
    }
}

# kill_it FLAG REASON
kill_it() {
    api "/flags/$1/kill" -X POST -H 'Content-Type: application/json' -d "{\"comment\": \"$2\"}"
    answered 200
}

# token NAME LIMITS: its text in $token, its id in $id.
token() {
    api /tokens -H 'Content-Type: application/json' \
        -d "{\"name\": \"$1\", \"role\": \"viewer\", \"limits\": $2}"
    answered 201
    token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$out")
    id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$out")
}

save '"red"' 1
start_agent --flags "$file"
await_socket
await_log event=published

step "what is published, then every publish, to all who follow"
for name in a b c; do
    follow $name
    grep -q '"generationText":"1.1","digest":"[0-9a-f]\{32\}","publishedMs":[0-9]*,"flags":2' \
        "$work/$name" || fail "the snapshot is not told"
done
token web '{"tags": ["web"]}'
follow tagged -H "Authorization: Bearer $token"
token some '{"prefixes": ["si"]}'
follow prefixed -H "Authorization: Bearer $token"
prefixed=$client
save '"blue"' 1
for name in a b c tagged; do
    await_event $name '^id: 1\.2$'
    await_event $name "\"compaction\":false,\"more\":0,\"by\":null,\"changed\":\[\{\"kind\":\"flag\",\"key\":\"color\",\"change\":\"changed\",\"source\":\"file:$file\",\"before\":1,\"after\":2\}\]"
done
await_event prefixed '"generationText":"1.2",.*"changed":\[\]'

step "who did it, and why, where an operator did; to those who may see what he changed"
kill_it color 'wrong colours'
for name in a tagged; do
    await_event $name '"generationText":"1.3",.*"by":\{"audit":[0-9]+,"actor":"[^"]+","action":"flag.kill","reason":"wrong colours"\}'
    await_event $name '"key":"color",.*"before":2,"after":3,"overridden":true'
done
await_event prefixed '"generationText":"1.3",.*"by":null,"changed":\[\]'
lacks prefixed colours
save '"blue"' 2
await_event prefixed '"key":"size"'
await_event a '"key":"size"'
lacks tagged '"key":"size"'

step "what was removed is told to those who could see it"
flags size=2 >"$file.new"
mv "$file.new" "$file"
await_event a '"key":"color","change":"removed"'
await_event tagged '"key":"color","change":"removed"'
lacks prefixed '"key":"color"'

step "a token that is revoked is told nothing more"
api "/tokens/$id/revoke" -X POST
answered 200
save '"red"' 3
await_event a '"key":"size","change":"changed".*"after":3'
wait "$prefixed" || fail "its stream ended badly"
lacks prefixed '"after":3'

step "who comes back knows whether he has missed something"
last=$(grep '^id: ' "$work/a" | tail -n 1)
follow same -H "Last-Event-ID: ${last#id: }"
save '"red"' 4
await_event same '^event: publish$'
lacks same '^event: gap$'
follow other -H "Last-Event-ID: ${last#id: }"
await_event other '^event: gap$'
await_event other '"generationText":"1.[0-9]+","digest":"[0-9a-f]{32}","publishedMs":[0-9]+\}$'
api /changes -I
answered 200

step "as many as can follow, and no more; who reads nothing is dropped, others are not"
save '"red"' 5 400
await_event a '"more":[0-9]+'
python3 - "$socket" "$file" <<'PYTHON' || fail "clients are not told right"
import os, re, socket, sys, time

path, flags = sys.argv[1:]


def client():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    s.sendall(b"GET /api/v1/changes HTTP/1.1\r\nHost: agent\r\n\r\n")
    return s


def hear(s, until):
    got = b""
    while until not in got:
        more = s.recv(65536)
        assert more, "the stream has ended"
        got += more
    return got


# Some follow already (a, b, c, tagged, same, other).
clients = [client() for _ in range(58)]
for c in clients:
    assert b" 200 OK" in hear(c, b"\n\n")
refused = client()
answer = hear(refused, b"too_many_streams")
assert b" 503 " in answer, answer
refused.close()

slow, reader = clients[0], clients[1]
for c in clients[2:]:
    c.close()


def publish(value):
    text = re.sub(r"value: \d+", f"value: {value}", open(flags).read())
    open(flags + ".new", "w").write(text)
    os.rename(flags + ".new", flags)


heard = b""
for round in range(12):  # each event has some 64 KiB: more than may wait for one client
    publish(100 + round)
    while heard.count(b"event: publish") <= round or not heard.endswith(b"}]}\n\n\r\n"):
        heard += reader.recv(65536)
try:
    while slow.recv(65536):
        pass
except ConnectionResetError:
    pass
again = client()  # there is a place again
hear(again, b"\n\n")
PYTHON
await_event a '^event: publish$' $(($(grep -c event=published "$log") - 1))

step "the agent's end is theirs"
for name in a b; do
    lacks $name '^event: gap$'
done
stop_agent
for pid in "${pids[@]}"; do
    wait "$pid" 2>/dev/null || true
done
