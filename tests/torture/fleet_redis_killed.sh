#!/usr/bin/env bash
# ctest: merge timeout=300
# Redis is killed with -9 and started again: with all that it had, without its last second, again and again while people
# change flags. Nothing acknowledged is lost.
exec python3 "$FFSHM_SOURCE_DIR/tests/torture/fleet/redis_killed.py"
