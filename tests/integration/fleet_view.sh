#!/usr/bin/env bash
# ctest: merge timeout=240
# Hosts of a fleet, seen together: who serves what, how often each flag is evaluated on all of them,
# who reads there; and the totals are exact, whatever is killed.
# shellcheck disable=SC2119  # start_redis takes options
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"
# shellcheck source=tests/support/redis.bash
. "$FFSHM_SOURCE_DIR/tests/support/redis.bash"

out=$work/out
declare -A agents

# start_host N ARGUMENT...
start_host() {
    "$bin/ffagent" --dir "$work/store$1" --state "$work/state$1/host.db" --storage "$redis_url" \
        --environment view "${@:2}" >>"$work/agent$1.log" 2>&1 </dev/null &
    agents[$1]=$!
    pids+=("${agents[$1]}")
}

end_host() {
    kill "-${2:-TERM}" "${agents[$1]}"
    wait "${agents[$1]}" 2>/dev/null || true
}

# on N COMMAND...: ffctl at that host; what it says in $out.
on() {
    FFSHM_DIR=$work/store$1 timeout 60 "$bin/ffctl" "${@:2}" >"$out" 2>&1
}

# holds N EXPRESSION COMMAND...: of the JSON that ffctl prints, as `it`.
holds() {
    on "$1" "${@:3}" --json && python3 -c 'import json, sys
it = json.loads(open(sys.argv[1]).readlines()[-1])
sys.exit(0 if eval("(" + sys.argv[2] + ")") is True else 1)' "$out" "$2"
}

await_holds() {
    local attempt
    for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
        holds "$@" && return
        sleep 0.05
    done
    tail -n 20 "$work"/agent*.log
    fail "$2 does not hold of $(cat "$out")"
}

says() {
    grep -q -- "$1" "$out" || fail "it does not say \"$1\": $(cat "$out")"
}

# Two of an agent's own, for what the fleet does not decide.
color() {
    printf 'ffshm: 1\nflags: {color: {variants: [{key: red, value: red}, {key: blue, value: blue}], default_variant: %s}}\n' "$1"
}

step "without a fleet it says so"
color red >"$work/color.yaml"
start_agent --flags "$work/color.yaml" --state none
await_log event=published
for command in hosts 'readers --fleet' 'top --fleet --count 1'; do
    # shellcheck disable=SC2086  # words
    FFSHM_DIR=$store "$bin/ffctl" $command >"$out" 2>&1 && fail "$command knows of a fleet"
    says 'this host is not one of a fleet'
done
stop_agent

start_redis
step "each host tells of itself, and all serve the same"
for host in 1 2 3; do
    start_host "$host" --flags "$work/color.yaml"
done
await_holds 1 'len(it["items"]) == 3 and it["differing"] == 0 and it["silent"] == 0' hosts
await_holds 3 'all(h["fleet"]["state"] == "connected" and h["flags"] == 1 for h in it["items"])' hosts
await_holds 2 '[h["self"] for h in it["items"]].count(True) == 1' hosts
on 2 hosts --text
says '^HOST  *GENERATION  *AGE  *DIGEST  *SOURCES  *STATE'
says '^3 hosts, with the same$'

step "a host that serves something else is one look"
color blue >"$work/own.yaml"
end_host 3
start_host 3 --flags "$work/own.yaml"
await_holds 1 'it["differing"] == 1 and len(it["items"]) == 3' hosts
holds 3 '[h["same"] for h in it["items"] if h["self"]] == [False]' hosts || fail "the wrong one: $(cat "$out")"
on 1 hosts --text
says 'differs'
says '^3 hosts, 1 of them with something else than most$'

step "one that is gone is silent after a while, and comes back as the same"
end_host 3 KILL
await_holds 1 'it["silent"] == 1 and it["differing"] == 0' hosts
on 1 hosts --text
says 'silent for '
says '^2 hosts, with the same; 1 silent$'
start_host 3 --flags "$work/color.yaml"
await_holds 1 'len(it["items"]) == 3 and it["silent"] == 0 and it["differing"] == 0' hosts

step "readers of all hosts, and who of them is behind"
for host in 1 2; do
    FFSHM_DIR=$work/store$host "$FFSHM_BUILD_DIR/examples/follow" color u1 >/dev/null &
    readers[host]=$!
    pids+=("$!")
done
await_holds 3 'sum(h["readers"]["processes"] for h in it["items"]) == 2' readers --fleet
kill -STOP "${readers[2]}"
on 1 flags create fresh --variants on=true,off=false ||
    on 1 flags create fresh || fail "$(cat "$out")"
await_holds 1 'sum(h["readers"]["behind"] for h in it["items"]) == 1 and
    sum(h["readers"]["current"] for h in it["items"]) == 1' readers --fleet
on 2 readers --fleet --text
says '^HOST  *GENERATION  *READERS  *CURRENT  *BEHIND  *STATE'
says '^2 processes read on 3 hosts.$'
says "${readers[2]} .*follow color u1"
kill -CONT "${readers[2]}"

step "a rate of the fleet is that of its hosts together"
await_holds 3 'it["hosts"] == 3 and it["processes"] == 2 and
    [i["flag"] for i in it["items"]] == ["color"] and it["items"][0]["rate"] > 100 and
    it["items"][0]["variations"][0]["variant"] == "red"' top --fleet --interval 2 --count 1
on 1 top --fleet --interval 1 --count 1 --text
says ' evaluations/s of 1 flag by 2 processes on 3 hosts'
await_holds 1 'it["items"] == []' top --fleet --interval 0.2 --count 1 --prefix colour
kill "${readers[@]}"
wait "${readers[@]}" 2>/dev/null || true

step "totals are exact, with agents and Redis killed meanwhile"
redis FLUSHALL >/dev/null
for host in 1 2; do
    "$FFSHM_BUILD_DIR/tests/telemetry_load" "$work/store$host" 40000 12 6 0 \
        >"$work/load$host" 2>&1 </dev/null &
    loads[host]=$!
    pids+=("$!")
done
sleep 2
end_host 1 KILL
start_host 1 --flags "$work/color.yaml"
sleep 1
stop_redis
sleep 2
end_host 2 KILL
start_host 2 --flags "$work/color.yaml"
sleep 1
start_redis
sleep 2
kill -STOP "$redis_pid"
sleep 1
end_host 1 KILL
kill -CONT "$redis_pid"
start_host 1 --flags "$work/color.yaml"
for host in 1 2; do
    wait "${loads[host]}" || [ -n "$(sed -n 's/^total //p' "$work/load$host")" ] ||
        fail "no load: $(tail -n 5 "$work/load$host")"
done

# What Redis has, by flag, against what the processes did.
exact() {
    redis --json EVAL "local all = {}
for _, key in ipairs(redis.call('KEYS', '{ffshm:view}:count:*')) do
  local cells = redis.call('HGETALL', key)
  for i = 1, #cells, 2 do
    local flag = string.gsub(cells[i], '^[^:]*:', '')
    all[flag] = (all[flag] or 0) + cells[i + 1]
  end
end
return cjson.encode(all)" 0 >"$work/totals"
    python3 -c 'import json, sys
totals = json.loads(json.load(open(sys.argv[1])))
wanted = {}
for path in sys.argv[2:]:
    for line in open(path):
        word, *rest = line.split()
        if word == "count":
            wanted[rest[0]] = wanted.get(rest[0], 0) + int(rest[1])
wrong = {f: (totals.get(f, 0), n) for f, n in wanted.items() if totals.get(f, 0) != n}
print(wrong)
sys.exit(1 if wrong else 0)' "$work/totals" "$work/load1" "$work/load2" >"$out"
}
for ((attempt = 0; attempt < patience_ms / 100; attempt++)); do
    exact && break
    sleep 0.1
done
exact || fail "the totals do not add up: $(cat "$out")"
sleep 3
exact || fail "something was counted twice: $(cat "$out")"

for host in 1 2 3; do
    end_host "$host"
done
