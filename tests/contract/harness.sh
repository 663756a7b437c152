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
redis=
clean_up() {
    local pid
    for pid in $service $redis; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

# The harness wants its Redis at localhost:6379, and empties it. So it is one of ours, or none:
# where that port is taken it does not start, and what needs it is left out.
start_redis() {
    local attempt
    command -v redis-server >/dev/null && command -v redis-cli >/dev/null || return 1
    redis-server --port 6379 --bind 127.0.0.1 -::1 --dir "$work" --save '' --appendonly no \
        >"$work/redis.out" 2>&1 </dev/null &
    redis=$!
    for ((attempt = 0; attempt < 250; attempt++)); do
        kill -0 "$redis" 2>/dev/null || break
        if redis-cli -p 6379 info server 2>/dev/null | grep -q "^process_id:${redis}[^0-9]*$"; then
            return
        fi
        sleep 0.02
    done
    return 1
}
persistence=()
if start_redis; then
    persistence=(-enable-persistence-tests)
else
    echo "without persistence tests: no redis-server can be started at localhost:6379"
fi

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
"$harness" -url "$url" -port "$port" -stop-service-at-end "${persistence[@]}"
