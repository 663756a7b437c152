#!/usr/bin/env bash
# ctest: quick dev
# The shell scripts are clean under shellcheck.
exec "$FFSHM_SOURCE_DIR/scripts/lint" shell
