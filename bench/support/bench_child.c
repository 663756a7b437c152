#include "bench_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench_fail.h"

pid_t bench_child(void)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        bench_fail_errno("fork");
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) { /* it ended before */
            _exit(1);
        }
    }
    return pid;
}
