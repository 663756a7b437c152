#!/usr/bin/env bash
# ctest: merge timeout=300
# Agents are killed with -9 in the middle of changes, and start again: with Redis, without it, all of them at once.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/agents_killed.py"
