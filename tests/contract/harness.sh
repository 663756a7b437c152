#!/usr/bin/env bash
# ctest: merge serial timeout=900
# LaunchDarkly's public test harness against our service: its server-side suites, whole; what we do
# not claim is in README.md. It is a Go program; scripts/setup installs it where it can,
# FFSHM_HARNESS names another one. Exit code 77: the harness is not here.
set -euo pipefail

tools=$FFSHM_SOURCE_DIR/build/tools
harness=${FFSHM_HARNESS:-$tools/bin/sdk-test-harness}
if [ ! -x "$harness" ]; then
    why=$(cat "$tools/sdk-test-harness.why" 2>/dev/null || echo "scripts/setup has not tried yet")
    echo "skipped: LaunchDarkly's sdk-test-harness is not installed: $why"
    exit 77
fi

work=$(mktemp -d)
service=
clean_up() {
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

# With any free port: it says which one.
"$FFSHM_BUILD_DIR/tests/contract_service" --agent "$FFSHM_BUILD_DIR/agent/ffagent" \
    >"$work/service.out" </dev/null &
service=$!
for ((attempt = 0; attempt < 500; attempt++)); do
    url=$(sed -n 's/.*listening on //p' "$work/service.out")
    [ -z "$url" ] || break
    sleep 0.02
done
[ -n "$url" ] || {
    echo "FAILED: the service does not start"
    exit 1
}

# Nobody else's port: the harness takes this one, and the next one for TLS.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$harness" -url "$url" -port "$port" -stop-service-at-end
