#!/usr/bin/env bash
# The torture tests can fail: the same programs with one guarantee taken away must be caught.
# ctest: merge release serial timeout=300
set -euo pipefail

work=$(mktemp -d "${TMPDIR:-/tmp}/ffshm-controls.XXXXXX")
trap 'rm -rf "$work"' EXIT
tests="$FFSHM_BUILD_DIR/tests"
failed=0

# control NAME PROGRAM ENVIRONMENT... < C source that is preloaded
control() {
    local name=$1 program=$2
    shift 2
    cat >"$work/$name.c"
    "${CC:-cc}" -shared -fPIC -o "$work/$name.so" "$work/$name.c"
    if env LD_PRELOAD="$work/$name.so" "$@" timeout -s KILL 60 "$tests/$program" >"$work/$name.log" 2>&1; then
        echo "not caught: $name"
        cat "$work/$name.log"
        failed=$((failed + 1))
    else
        echo "caught: $name"
    fi
}

# Reclaim without a grace period: readers must fault.
control no_grace_period test_reads FFSHM_READS=200000000 <<'EOF'
void urcu_bp_synchronize_rcu(void) {}
EOF

# Fork without liburcu's hooks: children must hang.
control no_fork_hooks test_fork FFSHM_FORKS=100 <<'EOF'
void urcu_bp_before_fork(void) {}
void urcu_bp_after_fork_parent(void) {}
void urcu_bp_after_fork_child(void) {}
EOF

# Files of which only the first half is written: the publisher's own verification must refuse them.
control half_written_files test_reads FFSHM_READS=20000000 <<'EOF'
#define _GNU_SOURCE
#include <unistd.h>
#include <sys/syscall.h>
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    syscall(SYS_pwrite64, fd, bytes, n / 2, at);
    return (ssize_t)n;
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) { return pwrite(fd, bytes, n, at); }
EOF

pkill -KILL -f "$tests/test_fork" 2>/dev/null || true
rm -rf /dev/shm/ffshm-test.* 
echo "$((3 - failed)) passed, $failed failed"
exit "$failed"
