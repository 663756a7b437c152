#!/usr/bin/env bash
# ctest: merge timeout=60
# The example programs print what the README shows: with an agent on examples/flags.yaml, and
# without any.
set -euo pipefail
work=$(mktemp -d /dev/shm/ffshm-examples.XXXXXX)
agent=''
cleanup() {
    [ -z "$agent" ] || { kill "$agent" && wait "$agent"; } || true
    rm -rf "$work"
}
trap cleanup EXIT
export FFSHM_DIR=$work/store FFSHM_STATE=$work/agent.db
bin=$FFSHM_BUILD_DIR

# expect PROGRAM: what it prints is what this function reads.
expect() {
    "$bin/examples/$1" >"$work/said"
    diff -u --label "expected of $1" --label "$1" - "$work/said"
}

expect hello <<'TEXT'
new_feature is off for user-123
enhanced_meal_planning: basic (ERROR, no snapshot has been published in the store's directory: start ffagent on that directory, or check FFSHM_DIR)
TEXT

"$bin/agent/ffagent" --flags "$FFSHM_SOURCE_DIR/examples/flags.yaml" 2>"$work/agent.log" &
agent=$!
for ((attempt = 0; attempt < 500; attempt++)); do
    "$bin/agent/ffctl" status >/dev/null && break
    sleep 0.02
done

expect hello <<'TEXT'
new_feature is on for user-123
enhanced_meal_planning: advanced (RULE_MATCH, rule 0)
TEXT
expect handle <<'TEXT'
meal_planning_algorithm is v2 for 76 of 1000 users
onboarding_flow          "simplified"
recommendation_weights   {"taste":0.5,"nutrition":0.3,"price":0.2,"exclude":[]}
cache_strategy           "standard"
TEXT
expect migration <<'TEXT'
recipe_storage is at shadow
bread: flour, water, salt (the old store; the other one agrees)
soup: water, salt (the old store; the other one differs)
TEXT
expect hooks <<'TEXT'
audit: ffshm_bool new_feature = true
audit: ffshm_string enhanced_meal_planning = "advanced"
audit: ffshm_int no_such_flag = 3 (FLAG_NOT_FOUND)
3 evaluations were measured
TEXT

kill "$agent"
wait "$agent"
agent=''
expect hello <<'TEXT'
new_feature is on for user-123
enhanced_meal_planning: advanced (RULE_MATCH, rule 0)
TEXT
echo "the examples say what they should"
