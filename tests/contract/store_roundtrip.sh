#!/usr/bin/env bash
# ctest: merge timeout=900
# LaunchDarkly's own SDK for Node reads the store that the agent writes, and writes the store that it
# reads: every flag of the evaluation cases, for the contexts of its cases, with equal results.
# The SDK comes from npm's registry when this runs, in the versions of roundtrip/package.json.
set -euo pipefail

skip() {
    echo "skipped: $*"
    exit 77
}

folder=$FFSHM_SOURCE_DIR/tests/contract/roundtrip
packages=$FFSHM_BUILD_DIR/tests/roundtrip
for program in npm node redis-server redis-cli python3; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done

mkdir -p "$packages"
if ! cmp -s "$folder/package.json" "$packages/installed.json"; then
    cp "$folder/package.json" "$packages/package.json"
    (cd "$packages" && timeout 120 npm install --no-audit --no-fund --ignore-scripts) \
        >"$packages/npm.log" 2>&1 || skip "npm cannot get the SDK: $(tail -n 3 "$packages/npm.log")"
    cp "$packages/package.json" "$packages/installed.json"
fi

cases=("$FFSHM_SOURCE_DIR/tests/data/cases")
corpus=${FFSHM_CORPUS:-$FFSHM_SOURCE_DIR/../shared/data/ld-eval-cases}
[ ! -d "$corpus" ] || cases+=("$corpus")

exec python3 "$folder/roundtrip.py" "$FFSHM_BUILD_DIR" "$packages/node_modules" "${cases[@]}"
