/*
 * notify.h - tells the service manager how it goes: sd_notify(3) without libsystemd.
 *
 * Without NOTIFY_SOCKET everything here does nothing.
 */
#ifndef FFSHM_AGENT_NOTIFY_H
#define FFSHM_AGENT_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1", "STATUS=...", ...; several assignments are separated by newlines. The socket is
   a path or, with a leading '@', an abstract name. Does not wait: a manager that does not read
   loses the message. 0 when sent or when there is nobody to tell, else a negative errno. */
int notify_send(const char *state);

/* "RELOADING=1" with the time stamp that Type=notify-reload asks for. */
int notify_reloading(void);

/* Microseconds within which the manager expects WATCHDOG=1 from this process; 0: it does not. */
uint64_t notify_watchdog_us(void);

#endif
