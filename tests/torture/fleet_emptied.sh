#!/usr/bin/env bash
# ctest: merge timeout=300
# Redis comes back with nothing, is emptied under the agents, or is another fleet's: nobody publishes the void, programs
# go on, the fleet's state is restored from the hosts, and what is another fleet's stays so.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/emptied.py"
