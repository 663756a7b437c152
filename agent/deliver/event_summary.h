/*
 * event_summary.h - what the summary event says: how often each flag gave which value.
 *
 * Changes since the last commit can be taken back. A flag's last default and context kinds are
 * remembered for a while after it was last counted, because processes tell them only now and then.
 */
#ifndef FFSHM_AGENT_EVENT_SUMMARY_H
#define FFSHM_AGENT_EVENT_SUMMARY_H

#include "deliver.h"
#include "launchdarkly_events.h"

#define EVENT_SUMMARY_FLAGS 100000u  /* remembered at once */
#define EVENT_SUMMARY_COUNTERS 8192u /* of one flag */
#define EVENT_SUMMARY_ALL 1000000u   /* counters of all flags */
#define EVENT_SUMMARY_KINDS 64u      /* of contexts, of one flag */

struct event_summary;

/* value may be NULL. NULL: no memory. */
struct event_summary *event_summary_new(deliver_value_fn *value, void *arg);
void event_summary_free(struct event_summary *s);

/* now_ms: CLOCK_MONOTONIC. 0; -1: no memory. What is past the limits is counted in *lost. */
int event_summary_count(struct event_summary *s, const struct deliver_count *count, int64_t now_ms,
                        uint64_t *lost);
int event_summary_seen(struct event_summary *s, const struct deliver_seen *seen, int64_t now_ms);

/* The summary event of all that is counted, and starts counting anew. *text: malloc'ed; NULL:
   nothing is counted. 0; -1: no memory. */
int event_summary_take(struct event_summary *s, int64_t start_ms, int64_t end_ms, char **text);

/* What changed since the last call, for the spool: JSON that event_summary_load takes, malloc'ed;
   NULL: nothing. Later ones replace earlier ones. 0; -1: no memory. */
int event_summary_keep(struct event_summary *s, char **text);
/* 0; -1: no memory; 1: not such a text. */
int event_summary_load(struct event_summary *s, const char *text, size_t length, int64_t now_ms);

/* Flags that were not counted since then are forgotten. Between transactions only. */
void event_summary_forget(struct event_summary *s, int64_t before_ms);
size_t event_summary_flags(const struct event_summary *s);

void event_summary_commit(struct event_summary *s);
void event_summary_revert(struct event_summary *s);

#endif
