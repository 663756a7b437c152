#!/usr/bin/env bash
# ctest: merge timeout=120
# The agent's OpenAPI document is one, and the agent does what it says; and no role can do what a
# lower one may not: every route that the document has, by every kind of caller.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

cat >"$work/flags.yaml" <<'YAML'
ffshm: 1
flags:
  shop-cart: {tags: [web], variants: [{key: only, value: true}], default_variant: only}
  gate: {variants: [{key: only, value: true}], default_variant: only}
YAML
chmod 755 "$work" # for the other users' sake
start_agent --flags "$work/flags.yaml" --state "$work/state/agent.db" --admin-listen 127.0.0.1:0 \
    --admin-peer 61001=viewer --admin-peer @61002=editor --admin-peer 61003=admin \
    --admin-peer '*=none'
await_socket
await_log 'event=(published|unchanged)'
port=$(sed -n 's/.*event=admin-listening .* port=\([0-9]*\) .*/\1/p' "$log")
export PYTHONDONTWRITEBYTECODE=1
python3 "$FFSHM_SOURCE_DIR/tests/support/admin_openapi.py" "$socket"
api /audit
! grep -q '"authenticated":"unix' "$out" || fail "something was changed"
python3 "$FFSHM_SOURCE_DIR/tests/support/admin_roles.py" "$socket" "$port"
stop_agent
