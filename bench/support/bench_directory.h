/*
 * bench_directory.h - the bench's directories, which it does not leave behind, however it ends.
 *
 * A process of its own, `ffbench guard`, knows of each from the moment that it is made. It waits
 * for the end of this process and of all that this one has started, and removes what is left then.
 * So who measures is the process that was started, without handlers of signals, and even SIGKILL
 * leaves nothing.
 *
 * What goes wrong is told on stderr; where it says so, it ends the program.
 */
#ifndef FFSHM_BENCH_DIRECTORY_H
#define FFSHM_BENCH_DIRECTORY_H

#include <stdbool.h>

#define BENCH_PATH 256u

/* A new one in `parent`, "ffbench.XXXXXX"; that there is none ends the program. */
void bench_directory_make(char path[BENCH_PATH], const char *parent);
/* false: some of it stays. */
bool bench_directory_remove(const char *path);

/* Any directory, with what is in it; also where there is none. */
bool bench_tree_remove(const char *path);

/* The guard: reads from standard input what the others write. */
int bench_guard_main(void);

#endif
