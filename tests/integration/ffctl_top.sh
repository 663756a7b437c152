#!/usr/bin/env bash
# ctest: merge timeout=120
# ffctl top: rates of programs that evaluate, from the store's files and from the agent.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"

# hold EXPRESSION...: each of them, of each JSON line that is in $out? Else it says which does not.
hold() {
    python3 -c 'import json, sys
for line in open(sys.argv[1]):
    rates = json.loads(line)
    flags = {item["flag"]: item for item in rates["items"]}
    for expression in sys.argv[2:]:
        if eval(expression) is not True:
            sys.exit("it does not hold: " + expression + "\n" + line)' "$out" "$@"
}

# await_rates EXPRESSION ARGUMENT...: until it holds for an interval of `ffctl top ARGUMENT...`
await_rates() {
    local attempt
    for ((attempt = 0; attempt < 40; attempt++)); do
        ctl 0 top --interval 0.2 --count 1 --json "${@:2}"
        hold "$1" 2>"$err" && return
    done
    fail "$(cat "$err")"
}

step "where nobody counts it says so"
ctl 1 top
complains "$store: no such directory; start ffagent"
flags color='"red"' >"$work/flags.yaml"
start_agent --flags "$work/flags.yaml" --state none --events false
await_value color '"red"'
ctl 1 top --count 1
complains 'nobody counts what programs evaluate: the agent does unless events.enabled is false'
stop_agent
rm -r "$store"

step "without LaunchDarkly it counts as well; whole events are not kept"
start_agent --flags "$work/flags.yaml" --state none
await_value color '"red"'
FFSHM_DIR=$store "$FFSHM_BUILD_DIR/examples/follow" color u1 >/dev/null &
plain=$!
pids+=("$plain")
await_rates 'flags["color"]["rate"] > 100'
ctl 0 status --text
says 'telemetry    collected'
curl -sS --max-time 20 --unix-socket "$store/agent.sock" http://agent/api/v1/status >"$out"
says '"telemetry":{' '"records":0,'
kill "$plain"
stop_agent
rm -r "$store"

step "wrong usage is told"
for wrong in '--interval 0' '--interval x' '--interval 1s' '--interval nan' '--interval 3601' '--count 0' \
    '--count -1' '--count 1e3' '--limit x' '--sort name' 'shop' '--prefix'; do
    # shellcheck disable=SC2086  # options of several words
    ctl 2 top $wrong
done
ctl 0 top --help
says 'usage: ffctl top'

start_launchdarkly
ld_load_flags
start_ld_agent --events-flush-ms 1000
await_source 1

step "rates of processes that evaluate, by flag and variation"
FFSHM_DIR=$store "$FFSHM_BUILD_DIR/examples/follow" plain u1 >"$work/plain" &
plain=$!
FFSHM_DIR=$store "$FFSHM_BUILD_DIR/examples/follow" not-there u1 >/dev/null &
missing=$!
pids+=("$plain" "$missing")
await_rates '"plain" in flags and "not-there" in flags and rates["processes"] == 2'
ctl 0 top --interval 0.5 --count 3 --json
[ "$(wc -l <"$out")" = 3 ] || fail "not three intervals"
hold '400 <= rates["intervalMs"] <= 20000' 'flags["plain"]["rate"] > 100' \
    'flags["plain"]["variations"] == [{"variation": 1, "variant": None, "count":
        flags["plain"]["count"], "rate": flags["plain"]["rate"], "share": 1.0}]' \
    'flags["not-there"]["unknown"] > 100 and flags["not-there"]["variations"] == []' \
    'abs(rates["rate"] - sum(f["rate"] for f in flags.values())) < 1' \
    'abs(flags["plain"]["rate"] * rates["intervalMs"] / 1000 - flags["plain"]["count"]) < 1' \
    'rates["unreadable"] == 0 and rates["cut"] is False' || fail "the rates are odd"

step "of some flags, in an order, so many"
await_rates 'list(flags) == ["plain"]' --prefix pl
await_rates 'list(flags) == ["not-there", "plain"]' --sort flag
await_rates 'list(flags) == ["not-there"]' --sort flag --limit 1
ctl 0 top --interval 0.2 --count 2 --text
says ' evaluations/s of ' 'FLAG ' 'EVALS/S  VARIANTS' '#1 100.0%' '(no such flag)'
if grep -q $'\033' "$out"; then
    fail "there are escapes in a pipe"
fi

step "shares are those of a rollout"
start_load 600000 60 2 0
await_rates 'len(flags.get("rollout", {"variations": []})["variations"]) == 2'
await_rates 'sum(v["share"] for v in flags["rollout"]["variations"]) > 0.99' --prefix rollout
kill "$load"
wait "$load" || fail "the load failed: $(cat "$work/load.out")"

step "on a terminal it fits, and leaves everything as it was"
python3 "$FFSHM_SOURCE_DIR/tests/support/watch_top.py" "$bin/ffctl" plain ||
    fail "it is not drawn as it should be"

step "the agent tells the same, to who may not read the files, and elsewhere"
socket=$store/agent.sock
ask() {
    curl -sS --max-time 20 --unix-socket "$socket" "http://agent/api/v1$1" >"$out"
}
ask /rates
says '"collecting":true' '"elapsedMs":0,' '"items":[]'
sleep 0.3
ask '/rates?prefix=plain'
says '"flag":"plain"' '"unreadable":0'
ask '/rates?prefix=none'
says '"items":[]'
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$bin/ffctl"; then
        setpriv --reuid=65534 --regid=65534 --clear-groups env FFSHM_DIR="$store" "$bin/ffctl" top \
            --interval 0.5 --count 2 --json >"$out"
        hold 'flags["plain"]["rate"] > 100 and rates["processes"] == 2' || fail "the agent differs"
    fi
fi

step "without an agent the files tell on; collection was not disturbed"
for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
    ctl 0 readers --json
    grep -qF '"counted":2' "$out" && break
    sleep 0.05
done
says '"counted":2'
kill_agent
await_rates '"plain" in flags and rates["processes"] == 2'
start_ld_agent
await_source 1
kill "$plain" "$missing"
wait "$plain" "$missing" || fail "follow ended badly"
followed=$(tail -n 1 "$work/plain" | sed -n 's/.* evaluations=\([0-9]*\) .*/\1/p')
loaded=$(sed -n 's/^count plain //p' "$work/load.out")
for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
    counted=$(count_of "$(ld counts)" flags plain total)
    [ "$counted" = $((followed + loaded)) ] && break
    sleep 0.05
done
[ "$counted" = $((followed + loaded)) ] ||
    fail "$counted evaluations were delivered, not $followed and $loaded"
stop_agent
stop_launchdarkly
