#!/usr/bin/env bash
# ctest: merge release timeout=300
# Dated changes come due while the host that runs them is cut off, dies, or Redis fails over: each is made once in the
# whole fleet.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/schedule.py"
