/* What the texts of some settings have to be: what would go wrong later, and quietly, is an error
   of the configuration. No message shows what may be a secret. */
#include "config_settings.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "deliver/event_context.h"

/* Without a scheme libcurl would take http: the SDK key would go out in clear. */
static int check_url(const char *text, const char *member, struct fault *fault)
{
    const char *host = strncasecmp(text, "https://", 8) == 0  ? text + 8
                       : strncasecmp(text, "http://", 7) == 0 ? text + 7
                                                              : "";
    bool good = *host && *host != '/' && !strpbrk(text, "?#");
    for (const char *c = text; *c; c++) {
        good = good && isgraph((unsigned char)*c);
    }
    if (good) {
        return 0;
    }
    fault_set(fault, member, "for example https://relay.example:8443",
              "must be a URL that begins with https:// (or http://), without query");
    return -1;
}

/* One that names nothing would let the attribute out. */
static int check_reference(const char *text, const char *member, struct fault *fault)
{
    struct event_references references = {0};
    const bool bad = event_references_add(&references, text) == 0 && references.count == 0;
    event_references_free(&references);
    if (!bad) {
        return 0;
    }
    fault_set(fault, member, "a '/' in a name is written ~1, a '~' is written ~0",
              "must be the name of an attribute, or a path like /address/street without empty "
              "parts, not \"%.64s\"",
              text);
    return -1;
}

/* "sdk-" and a UUID, where a file is asked for. */
static bool is_key(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strncmp(name, "sdk-", 4) == 0 && strlen(name) == 40 &&
           strspn(name + 4, "0123456789abcdefABCDEF-") == 36;
}

static int check_key_file(const char *text, const char *member, struct fault *fault)
{
    if (!is_key(text)) {
        return 0;
    }
    fault_set(fault, member, "put the key into a file, and name that file; it is not shown here",
              "is the SDK key itself, not a file that has it");
    return -1;
}

int config_check_text(enum config_setting setting, const char *text, const char *member,
                      struct fault *fault)
{
    switch (setting) {
    case CONFIG_LD_STREAM_URI:
    case CONFIG_LD_POLL_URI:
    case CONFIG_LD_EVENTS_URI:
        return check_url(text, member, fault);
    case CONFIG_EVENTS_PRIVATE_ATTRIBUTES:
        return check_reference(text, member, fault);
    case CONFIG_SDK_KEY_FILE:
        return check_key_file(text, member, fault);
    case CONFIG_ADMIN_LISTEN:
    case CONFIG_ADMIN_PEERS:
        return config_check_admin_text(setting, text, member, fault);
    case CONFIG_LD_STORE_PREFIX:
        return config_check_store_prefix(text, member, fault);
    default:
        return setting == CONFIG_REDIS_PREFIX || config_settings[setting].type == CONFIG_REDIS
                   ? config_check_redis_text(setting, text, member, fault)
                   : 0;
    }
}
