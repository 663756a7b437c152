/*
 * readers_dir.h - whether programs find the store's directory by themselves, and what is slow
 * there.
 */
#ifndef FFSHM_AGENT_READERS_DIR_H
#define FFSHM_AGENT_READERS_DIR_H

/* One line of the log for each thing that whoever runs programs should know. */
void readers_dir_log(const char *dir);

#endif
