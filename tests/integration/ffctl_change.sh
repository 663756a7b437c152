#!/usr/bin/env bash
# ctest: quick
# What all commands that change something share: the question at a terminal, --reason, --dry-run and
# --yes on their way to the agent, and its answer in words. The agent here is a pretender: it writes
# down what it is asked, and answers what the test wants.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}
answer=$work/answer
request=$work/request
mkdir "$store"

cat >"$work/pretend.py" <<'PYTHON'
import http.server, socketserver, sys
answer, request, path = sys.argv[1:]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with open(request, "w") as file:
            file.write(f"{self.command} {self.path}\nX-Reason: {self.headers.get('X-Reason')}\n{body}\n")
        with open(answer, "rb") as file:
            status, text = file.read().split(b"\n", 1)
        self.send_response(int(status))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def address_string(self):
        return ""
    def log_message(self, *words):
        pass
socketserver.UnixStreamServer(path, Handler).serve_forever()
PYTHON
python3 "$work/pretend.py" "$answer" "$request" "$store/agent.sock" &
pids+=($!)

# answers STATUS: the pretender does from now on, with stdin's text.
answers() {
    rm -f "$request"
    {
        echo "$1"
        cat
    } >"$answer"
}

# asked TEXT...: the last request has each of the texts in it.
asked() {
    local text
    for text in "$@"; do
        grep -qF -e "$text" "$request" || {
            cat "$request"
            fail "the agent is not asked: $text"
        }
    done
}

not_asked() {
    [ ! -e "$request" ] || fail "the agent is asked: $(cat "$request")"
}

for ((attempt = 0; attempt < patience_ms / 20; attempt++)); do
    [ -S "$store/agent.sock" ] && break
    sleep 0.02
done

step "the options are on the request"
answers 200 <<<'{"flag":"gate","override":null,"generation":8589934597,"changed":true,"dryRun":false}'
ctl 0 revive gate --text
prints 'gate: revived; generation 2.5'
asked 'POST /api/v1/flags/gate/revive' 'X-Reason: None'
ctl 0 revive gate --reason ' right  again ' --dry-run --yes
says '{"flag":"gate","override":null,'
asked 'POST /api/v1/flags/gate/revive?dryRun=true' 'X-Reason: right  again'
ctl 0 revive 'a/b c' --reason $' \t'
asked 'POST /api/v1/flags/a%2Fb%20c/revive' 'X-Reason: None'
ctl 0 kill gate --reason why --variant old --for 1h
asked 'POST /api/v1/flags/gate/kill' 'X-Reason: why' '"variant":"old"' '"expiresMs":1'
ctl 2 revive gate --reason $'two\nlines'
complains '--reason: one line'

step "a script is not asked back, who sits at a terminal is"
answers 200 <<<'{"flag":"gate","generation":8589934597,"changed":true}'
ctl 0 kill gate --reason why --text
silent_on '[y/N]'
for line in n '' no maybe 'yes please'; do
    answers 200 <<<'{"flag":"gate","generation":8589934597,"changed":true}'
    at_terminal 1 "$line" kill gate --reason why
    says 'Kill gate for everybody on this host? [y/N]' 'not confirmed; nothing is changed'
    not_asked
done
for line in y Y yes YES; do
    at_terminal 0 "$line" kill gate --reason why --variant $'o\tld'
    says 'Pin gate to o\x09ld for everybody on this host? [y/N]' 'gate: pinned to o\x09ld; generation 2.5'
    asked POST
done
at_terminal 0 n kill gate --reason why --yes
silent_on '[y/N]'
at_terminal 0 n kill gate --reason why --dry-run
silent_on '[y/N]'
at_terminal 0 y revive gate
says 'Revive gate for everybody on this host? [y/N]' 'gate: revived'

step "an answer in words: version, generation, what is affected, what differs"
answers 200 <<'JSON'
{"key": "shop\u001b[2J", "version": 8, "changed": true, "generation": 12884901893, "dryRun": false,
 "affected": {"flags": 12, "keys": ["a", "b\u0007", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]},
 "diff": [{"path": "/enabled", "before": false, "after": true},
  {"path": "/tags/2", "after": "be\u001bta"}, {"path": "/rules/0", "before": {"id": [1, null]}},
  {"path": "", "before": 1, "after": 2.5}]}
JSON
ctl 0 revive shop --text
# The escapes of control characters are what it prints.
prints 'shop\x1b[2J: revived; version 8; generation 3.5
  affects 12 flags: a, b\x07, c, d, e, f, g, h, i, j, ...
  /enabled: false -> true
  /tags/2: + "be\u001Bta"
  /rules/0: - {"id":[1,null]}
  /: 1 -> 2.5'
at_terminal 0 y revive shop
says '/enabled: false -> true'
ctl 0 revive shop --dry-run --text
says 'shop\x1b[2J: would be revived; nothing is stored' '/enabled: false -> true'
answers 200 <<<'{"key": "shop", "changed": false, "affected": {"flags": 1, "keys": ["shop"]}, "diff": []}'
ctl 0 revive shop --text
prints 'shop: revived; no change: it was so already'
ctl 0 revive shop --dry-run --text
prints 'shop: would be revived; no change: it is so already; nothing is stored'
answers 200 <<<'{"generation": 4294967297, "affected": {"flags": 1, "keys": ["shop"]}}'
ctl 0 revive shop --text
prints 'revived; generation 1.1
  affects 1 flag: shop'

step "what is long is cut, and says so"
python3 - >"$work/long" <<'PYTHON'
import json
diff = [{"path": f"/{i}", "before": "\u00e9" * 150, "after": 1} for i in range(60)]
print(json.dumps({"key": "shop", "diff": diff}))
PYTHON
answers 200 <"$work/long"
ctl 0 revive shop --text
says 'é... -> 1' '/49: ' 'and 10 more: --json has them all'
silent_on '/50: '
iconv -f UTF-8 -t UTF-8 "$out" >/dev/null || fail "a character is cut in two"

step "what makes no sense is no reason to stumble"
for body in '{}' '{"key":1,"version":"x","affected":[],"diff":[1,{"path":[]}]}' '[1]' 'nonsense' ''; do
    answers 200 <<<"$body"
    ctl 0 revive shop --text
done

step "a refusal is told"
answers 409 <<<'{"code":"conflict","message":"shop has version 9\u001b","details":{}}'
ctl 1 revive shop
complains 'ffctl revive: shop has version 9\x1b (409)'
