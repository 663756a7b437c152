#!/usr/bin/env bash
# ctest: merge timeout=300
# A replica that lags takes the place of Redis, and its address: what it does not have comes back from the hosts.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/failover.py"
