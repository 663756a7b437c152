/* error.c - what the numbers of the public API are called, generated from the one list in ffshm.h.
 */
#include "ffshm.h"

struct error_entry {
    int number;
    const char *name;
    const char *text;
    const char *hint;
};

static const struct error_entry errors[] = {
#define ENTRY(name, number, text, hint) {(number), #name, (text), (hint)},
    FFSHM_ERRORS(ENTRY)
#undef ENTRY
};

static const struct error_entry unknown = {-1, "UNKNOWN", "unknown error",
                                           "run libraries and tools of the same version"};

static const struct error_entry *find(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].number == error) {
            return &errors[i];
        }
    }
    return &unknown;
}

const char *ffshm_error_text(int error)
{
    return find(error)->text;
}

const char *ffshm_error_hint(int error)
{
    return find(error)->hint;
}

const char *ffshm_error_name(int error)
{
    return find(error)->name;
}

const char *ffshm_reason_name(int reason)
{
    switch (reason) {
    case FFSHM_REASON_OFF:
        return "OFF";
    case FFSHM_REASON_FALLTHROUGH:
        return "FALLTHROUGH";
    case FFSHM_REASON_TARGET_MATCH:
        return "TARGET_MATCH";
    case FFSHM_REASON_RULE_MATCH:
        return "RULE_MATCH";
    case FFSHM_REASON_PREREQUISITE_FAILED:
        return "PREREQUISITE_FAILED";
    default:
        return "ERROR";
    }
}

const char *ffshm_error_kind(int error)
{
    switch (error) {
    case FFSHM_NOT_READY:
        return "CLIENT_NOT_READY";
    case FFSHM_FLAG_NOT_FOUND:
        return "FLAG_NOT_FOUND";
    case FFSHM_MALFORMED_FLAG:
        return "MALFORMED_FLAG";
    case FFSHM_INVALID_CONTEXT:
        return "USER_NOT_SPECIFIED";
    case FFSHM_WRONG_TYPE:
        return "WRONG_TYPE";
    case FFSHM_EXCEPTION:
        return "EXCEPTION";
    default:
        return "";
    }
}

const char *ffshm_big_segments_name(int status)
{
    switch (status) {
    case FFSHM_BIG_SEGMENTS_HEALTHY:
        return "HEALTHY";
    case FFSHM_BIG_SEGMENTS_STALE:
        return "STALE";
    case FFSHM_BIG_SEGMENTS_STORE_ERROR:
        return "STORE_ERROR";
    case FFSHM_BIG_SEGMENTS_NOT_CONFIGURED:
        return "NOT_CONFIGURED";
    default:
        return "";
    }
}

const char *ffshm_source_error_name(int error)
{
    switch (error) {
    case FFSHM_SOURCE_NO_ERROR:
        return "";
    case FFSHM_SOURCE_NETWORK_ERROR:
        return "NETWORK_ERROR";
    case FFSHM_SOURCE_ERROR_RESPONSE:
        return "ERROR_RESPONSE";
    case FFSHM_SOURCE_INVALID_DATA:
        return "INVALID_DATA";
    case FFSHM_SOURCE_STORE_ERROR:
        return "STORE_ERROR";
    default:
        return "UNKNOWN";
    }
}
