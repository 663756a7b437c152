#!/usr/bin/env bash
# ctest: quick
# What the peers' drivers rely on: the small LaunchDarkly of bench/peers gives flags and counts
# events, and ffbench answers as their protocol says. The peers themselves are not fetched here.
set -euo pipefail
bench=$FFSHM_BUILD_DIR/bench/ffbench
peers=$FFSHM_SOURCE_DIR/bench/peers
[ -x "$bench" ] || {
    echo "skipped: the benchmark programs are not built"
    exit 77
}
command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}
if grep -l '"resolved"' "$peers"/*/package-lock.json; then
    echo "these name a registry: npm install --package-lock-only --omit-lockfile-registry-resolved"
    exit 1
fi
work=$(mktemp -d /var/tmp/ffshm-peers-XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 -B - "$bench" "$peers/launchdarkly_server.py" "$work" <<'PYTHON'
import gzip, http.client, json, pathlib, subprocess, sys

BENCH, SERVER, WORK = sys.argv[1:]
FLAGS = {
    "flags": {"a": {"key": "a", "version": 1, "rules": [{"id": "r", "variation": 0, "clauses": []}]},
              "b": {"key": "b", "version": 2, "targets": [{"variation": 0, "values": ["x"]}]}},
    "segments": {"s": {"key": "s", "version": 3, "included": ["x", "y"]}},
}
EVENTS = [
    {"kind": "summary", "features": {"a": {"counters": [{"count": 3}, {"count": 4}]},
                                     "b": {"counters": [{"count": 5}]}}},
    {"kind": "feature", "key": "a"}, {"kind": "index"}, {"kind": "identify"},
]
wrong = 0


def expect(what, got, wanted):
    global wrong
    if got != wanted:
        wrong += 1
        print(f"{what}: {got!r} instead of {wanted!r}")


def ask(port, method, path, body=None, headers={}, chunked=False):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request(method, path, body, headers, encode_chunked=chunked)
    answer = link.getresponse()
    text = answer.read()
    link.close()
    return answer.status, text


def put_of(port):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", "/all", headers={"Authorization": "any"})
    answer = link.getresponse()
    expect("type of the stream", answer.headers.get_content_type(), "text/event-stream")
    event, data, end = answer.readline(), answer.readline(), answer.readline()
    expect("event", (event, data[:6], end), (b"event: put\n", b"data: ", b"\n"))
    link.close()
    return json.loads(data[6:])


def check_flags(port):
    put = put_of(port)
    expect("path", put["path"], "/")
    expect("polled", json.loads(ask(port, "GET", "/sdk/latest-all")[1]), put["data"])
    for kind in ("flags", "segments"):
        for key, given in FLAGS[kind].items():
            item = put["data"][kind][key]
            expect(key, {name: item.get(name) for name in given if name != "rules"},
                   {name: given[name] for name in given if name != "rules"})
    # What the Rust SDK cannot do without.
    expect("lists of a flag", [put["data"]["flags"]["a"][n] for n in ("prerequisites", "targets")], [[], []])
    expect("of a rule", put["data"]["flags"]["a"]["rules"][0]["trackEvents"], False)
    expect("lists of a segment", [put["data"]["segments"]["s"][n] for n in ("excluded", "rules")], [[], []])


def check_events(port):
    plain = json.dumps(EVENTS).encode()
    packed = gzip.compress(plain)

    def post(key, payload, body, chunked=False, **headers):
        more = {"Authorization": key, "X-LaunchDarkly-Payload-ID": payload}
        more |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = iter([body[:10], body[10:]]) if chunked else body
        return ask(port, "POST", "/bulk", body, more, chunked)[0]

    expect("plain", post("one", "1", plain), 202)
    expect("sent again", post("one", "1", plain), 202)
    expect("gzip", post("two", "2", packed, Content_Encoding="gzip"), 202)
    expect("chunked", post("two", "3", packed, True, Content_Encoding="gzip", Transfer_Encoding="chunked"), 202)
    for bad in (b"", b"{}", b"[7]", b'[{"kind":"summary"}]'):
        expect(bad, post("bad", "4", bad), 400)
    expect("not gzip", post("bad", "5", plain, Content_Encoding="gzip"), 400)
    expect("diagnostic", ask(port, "POST", "/diagnostic", b"{}")[0], 202)
    expect("elsewhere", ask(port, "POST", "/else", b"{}")[0], 404)
    one, two = (json.loads(ask(port, "GET", f"/counts?key={key}")[1]) for key in ("one", "two"))
    every = json.loads(ask(port, "GET", "/counts")[1])
    expect("counts of one", one, {"summaries": 12, "feature": 1, "other": 2, "posts": 2,
                                  "bytes": 2 * len(plain), "flags": {"a": 7, "b": 5}})
    expect("counts of two", two, {"summaries": 24, "feature": 2, "other": 4, "posts": 2,
                                  "bytes": 2 * len(packed), "flags": {"a": 14, "b": 10}})
    expect("counts of all", every["flags"], {"a": 21, "b": 15})


def check_server():
    path = pathlib.Path(WORK, "few.json")
    path.write_text(json.dumps(FLAGS, indent=1))
    server = subprocess.Popen([sys.executable, "-B", SERVER, path], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline())
        check_flags(port)
        check_events(port)
    finally:
        server.kill()
        server.wait()


def check_ffbench():
    subprocess.run([BENCH, "cases", "--directory", WORK], check=True)
    cases = json.loads(pathlib.Path(WORK, "cases.json").read_text())["cases"]
    names = [case["name"] for case in cases]
    decided = {case["name"] for case in cases if case["type"] == "boolean" and case["value"] is None}
    asked = [f"{name} 3" for name in names] + ["nothing 3", "bool-off 0", "bool-off -1", "bool-off 9999999999", "bool-off", ""]
    told = subprocess.run([BENCH, "serve", "--telemetry", "counting"], input="\n".join(asked) + "\n",
                          stdout=subprocess.PIPE, text=True, check=True)
    ready, *answers = map(json.loads, told.stdout.splitlines())
    expect("ready", [ready["ready"], ready["cases"], ready["absent"]], [True, names, {}])
    expect("decided by bucketing", {type(value) for value in ready["values"].values()}, {bool})
    expect("decided by bucketing", set(ready["values"]), decided)
    expect("answers", [list(answer) for answer in answers], [["ns"]] * len(names) + [["error"]] * 6)
    expect("times", [answer for answer in answers if answer.get("ns", 1) <= 0], [])


check_server()
check_ffbench()
print(f"{wrong} wrong")
sys.exit(1 if wrong else 0)
PYTHON
