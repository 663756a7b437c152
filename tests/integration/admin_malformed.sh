#!/usr/bin/env bash
# ctest: quick timeout=120
# Some hundred malformed requests (tests/data/malformed_requests.txt) against a running agent.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

everything >"$work/flags.json"
start_agent --flags "$work/flags.json" --state "$work/state/agent.db" --admin-listen 127.0.0.1:0
await_socket
await_log 'event=(published|unchanged)'
port=$(sed -n 's/.*event=admin-listening .* port=\([0-9]*\) .*/\1/p' "$log")
PYTHONDONTWRITEBYTECODE=1 python3 "$FFSHM_SOURCE_DIR/tests/support/malformed_requests.py" \
    "$FFSHM_SOURCE_DIR/tests/data/malformed_requests.txt" "$socket" "$port"
stop_agent
