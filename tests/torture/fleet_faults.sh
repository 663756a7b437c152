#!/usr/bin/env bash
# ctest: merge serial timeout=120
# The faults that the fleet's tests rest on are what they say: a host that is cut off hears nothing, a server that is
# full refuses, an address moves. Agents are there without a fleet, with programs that evaluate.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/faults.py"
