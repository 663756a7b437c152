#!/usr/bin/env bash
# ctest: nightly release timeout=1200
# Everything that can happen to a fleet, at random and at the same time, for minutes: fleet_nemesis.sh takes SECONDS and
# SEED. Nothing acknowledged is lost, nobody sees an error or an old value, and at the end all hosts are the same.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/nemesis.py" "$@"
