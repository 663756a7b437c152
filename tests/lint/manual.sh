#!/usr/bin/env bash
# ctest: quick dev
# The manual pages are clean under mandoc and groff.
exec "$FFSHM_SOURCE_DIR/scripts/lint" manual
