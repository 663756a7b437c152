#!/usr/bin/env bash
# ctest: quick dev
# The C sources are as .clang-format says.
exec "$FFSHM_SOURCE_DIR/scripts/lint" format
