#!/usr/bin/env bash
# ctest: merge timeout=300
# A kill on a host that is cut off: in force there at once, also after kill -9 of the agent; in force everywhere when the
# host is back; never in between not in force where it was. What two sides have done is brought together.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/kill_switch.py"
