#!/usr/bin/env bash
# ctest: merge timeout=200
# Redis has no memory left: changes are refused with the reason, a kill holds on its host, and when there is room again it
# holds everywhere.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/full.py"
