/*
 * http_file.h - a server on this host that answers every GET with one file, which it reads anew
 * each time: all that an agent needs that polls LaunchDarkly.
 *
 * What goes wrong is told on stderr and ends the program.
 */
#ifndef FFSHM_BENCH_HTTP_FILE_H
#define FFSHM_BENCH_HTTP_FILE_H

#include <sys/types.h>

/* A process of its own, which ends with this one; *port is where it listens. */
pid_t http_file_serve(const char *path, unsigned *port);
void http_file_end(pid_t pid);

#endif
