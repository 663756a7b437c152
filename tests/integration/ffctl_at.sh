#!/usr/bin/env bash
# ctest: merge timeout=120
# ffctl eval and explain --at: the past, by generation and by time, with and without an agent.
# shellcheck source=tests/integration/ffctl_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/ffctl_support.bash"

file=$work/flags.yaml

# publish VALUE: and until readers have it. Appends its generation to generations, a time at which it
# was in force to times.
generations=()
times=()
publish() {
    flags color="\"$1\"" >"$file"
    await_value color "\"$1\""
    generations+=("$("$bin/ffctl" eval color --key u1 --json | sed 's/.*"generation":\([0-9]*\).*/\1/')")
    sleep 0.01 # times are of milliseconds
    times+=("$(date +%s%3N)")
    sleep 0.01
}

name() {
    echo "$(($1 >> 32)).$(($1 & 0xffffffff))"
}

flags color='"red"' >"$file"
before=$(date +%s%3N)
sleep 0.01
start_agent --flags "$file" --retain 4
publish red
publish green
publish blue

# each of the three, by every name that it has
check_all() {
    local i value values=(red green blue) when
    for i in 0 1 2; do
        value=${values[i]}
        for when in "${generations[i]}" "$(name "${generations[i]}")" \
            "$(printf '0x%x' "${generations[i]}")" "${times[i]}" \
            "$(date -u -d "@$((times[i] / 1000)).$(printf %03d $((times[i] % 1000)))" +%Y-%m-%dT%H:%M:%S.%3NZ)" \
            "$(date -d "@$((times[i] / 1000)).$(printf %03d $((times[i] % 1000)))" +%Y-%m-%dT%H:%M:%S.%3N%:z)"; do
            ctl 0 eval color --key u1 --raw --at "$when"
            prints "$value"
            ctl 0 explain color --key u1 --json --at "$when"
            says "\"value\":\"$value\"" "\"generation\":${generations[i]}," '"step":"serve"'
        done
        printf '{"flag":"color","context":{"kind":"user","key":"u1"}}\n' |
            ctl 0 eval --batch --at "${times[i]}"
        says "\"value\":\"$value\""
    done
}

step "eval and explain answer as it was, by generation and time"
check_all
ctl 0 explain color --key u1 --text --at "$(name "${generations[0]}")"
says "generation $(name "${generations[0]}")" '"red"'
ctl 0 eval color --key u1 --raw
prints blue

step "a time as people write it, too"
ctl 1 eval color --key u1 --at '2001-02-03 04:05'
complains 'what was in force at 2001-02-0' 'is not retained'
ctl 1 explain color --key u1 --at 'in 1d'
complains 'is still to come; retained are '

step "what is not there is said, with what is"
ctl 1 eval color --key u1 --at "$before"
complains 'what was in force at ' 'is not retained; retained are ' \
    "to $(name "${generations[2]}"), since "
ctl 1 explain color --key u1 --at 99.1
complains 'generation 99.1 is not retained; retained are '
ctl 1 explain color --key u1 --at 2100-01-01T00:00:00Z
complains 'is still to come; retained are '
ctl 1 eval --batch --at 99.1 </dev/null
complains 'generation 99.1 is not retained'

step "what cannot be meant is wrong usage"
ctl 2 eval color --key u1 --at yesterday
complains "--at 'yesterday' is no generation (as 3.5) and is no time: write"
ctl 2 explain color --key u1 --at ''
ctl 2 explain color --key u1 --at 3.5 --flags "$file"
complains '--at asks for a published snapshot'
ctl 2 flags-state --key u1 --at 3.5
ctl 0 explain --help
says '--at WHEN'

step "without an agent it is the same"
stop_agent
check_all

step "a generation that was let go is not retained"
start_agent --flags "$file" --retain 2
for value in white black; do
    flags color="\"$value\"" >"$file"
    await_value color "\"$value\""
done
ctl 1 eval color --key u1 --at "$(name "${generations[0]}")"
complains "generation $(name "${generations[0]}") is not retained; retained are 2, from "
ctl 1 eval color --key u1 --at "${times[0]}"
complains 'is not retained'

step "a damaged one is refused with the reason"
stop_agent
ctl 0 snapshot list
oldest=$(head -n 1 "$out" | sed 's/.*"generation":\([0-9]*\).*/\1/')
head_file=$store/s.$(printf '%016x' "$oldest")
chmod u+w "$head_file"
printf X | dd of="$head_file" bs=1 seek=$(($(stat -c %s "$head_file") - 1)) conv=notrunc status=none
ctl 1 eval color --key u1 --at "$oldest"
complains "generation $(name "$oldest"): "
ctl 0 eval color --key u1 --raw
prints black
