#include "config_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/document.h"

#define LARGEST_FILE (1 << 20)

/* The configuration file while it is read. */
struct reading {
    struct config *c;
    const char *path;
    const char *text;
    size_t length;
};

static void report(const struct reading *r, struct fault *fault)
{
    document_locate(r->text, r->length, r->path, fault);
    config_problem(r->c, fault);
}

/* "FILE:3:5", the place of a member. */
static char *origin_of(const struct reading *r, const char *member)
{
    struct fault place = {0};
    char origin[600];
    fault_set(&place, member, "", "%s", "");
    document_locate(r->text, r->length, r->path, &place);
    snprintf(origin, sizeof origin, "%s:%u:%u", r->path, place.line, place.column);
    return config_copy(r->c, origin);
}

/* A path is relative to the configuration file that names it. */
static char *beside_file(const struct reading *r, const char *path)
{
    const char *slash = strrchr(r->path, '/');
    if (path[0] == '/' || !slash) {
        return config_copy(r->c, path);
    }
    char *joined;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - r->path), r->path, path) < 0) {
        r->c->no_memory = true;
        return NULL;
    }
    return joined;
}

static bool is_secret(enum config_setting setting)
{
    const enum config_type type = config_settings[setting].type;
    return type == CONFIG_SECRET || type == CONFIG_REDIS;
}

static void set_text(const struct reading *r, enum config_setting setting, const char *member,
                     const char *text)
{
    struct fault fault = {0};
    const bool none = setting == CONFIG_STATE && strcmp(text, CONFIG_NO_STATE) == 0;
    const bool path = config_settings[setting].type == CONFIG_PATH && *text && !none;
    char *value = path ? beside_file(r, text) : config_copy(r->c, text);
    char *origin = origin_of(r, member);
    if (value && origin &&
        config_set(r->c, setting, CONFIG_BY_FILE, value, origin, member, &fault) != 0) {
        report(r, &fault);
    }
    if (value && is_secret(setting)) {
        secret_wipe(value, strlen(value));
    }
    free(value);
    free(origin);
}

static void wrong_type(const struct reading *r, const char *member, const char *wanted,
                       const char *example, const json_t *got)
{
    struct fault fault = {0};
    fault_set(&fault, member, example, "must be %s, not %s", wanted, document_type_name(got));
    report(r, &fault);
}

/* What an element of a list is, and what a list looks like. */
static const char *element_of(enum config_setting setting)
{
    switch (setting) {
    case CONFIG_FLAGS:
        return "the path of a flag file";
    case CONFIG_ADMIN_LISTEN:
        return "an address, as \"127.0.0.1:8080\"";
    case CONFIG_ADMIN_PEERS:
        return "a rule, as \"alice=editor\"";
    default:
        return "an attribute";
    }
}

static const char *list_of(enum config_setting setting)
{
    switch (setting) {
    case CONFIG_FLAGS:
        return "for example: flags: [flags.yaml]";
    case CONFIG_ADMIN_LISTEN:
        return "for example: [\"127.0.0.1:8080\"]";
    case CONFIG_ADMIN_PEERS:
        return "for example: [\"alice=editor\", \"@staff=viewer\"]";
    default:
        return "for example: [name, /address/street]";
    }
}

static void read_list(const struct reading *r, enum config_setting setting, const json_t *list)
{
    const char *name = config_settings[setting].member;
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        char member[64];
        snprintf(member, sizeof member, "%s[%zu]", name, i);
        if (json_is_string(value)) {
            set_text(r, setting, member, json_string_value(value));
        } else {
            wrong_type(r, member, "a string", element_of(setting), value);
        }
    }
}

/* A scalar of another type than string, as the text that the other layers give; false: it is not of
   the setting's type. */
static bool scalar_text(enum config_setting setting, const json_t *value, char text[24])
{
    const enum config_type type = config_settings[setting].type;
    if (type == CONFIG_NUMBER && json_is_integer(value)) {
        snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return true;
    }
    if (type == CONFIG_BOOL && json_is_boolean(value)) {
        snprintf(text, 24, "%s", json_is_true(value) ? "true" : "false");
        return true;
    }
    return false;
}

static void wrong_scalar(const struct reading *r, enum config_setting setting, const json_t *value)
{
    const struct config_setting_info *s = &config_settings[setting];
    const char *last = strrchr(s->member, '.');
    char example[128];
    switch (s->type) {
    case CONFIG_NUMBER:
        snprintf(example, sizeof example, "for example: %s: %s", last ? last + 1 : s->member,
                 s->standard);
        wrong_type(r, s->member, "a whole number", example, value);
        break;
    case CONFIG_BOOL:
        wrong_type(r, s->member, "true or false", "without quotes", value);
        break;
    default:
        if (s->list) {
            wrong_type(r, s->member, "a string or a list of strings", list_of(setting), value);
        } else {
            wrong_type(r, s->member, "a string", "put the value in quotes", value);
        }
    }
}

static void read_member(const struct reading *r, enum config_setting setting, const json_t *value)
{
    const struct config_setting_info *s = &config_settings[setting];
    const bool is_string = s->type != CONFIG_NUMBER && s->type != CONFIG_BOOL;
    char text[24];
    if (s->list && json_is_array(value)) {
        read_list(r, setting, value);
    } else if (is_string && json_is_string(value)) {
        set_text(r, setting, s->member, json_string_value(value));
        if (is_secret(setting) && value->refcount == 1) { /* equal short texts are one object */
            secret_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
        }
    } else if (scalar_text(setting, value, text)) {
        set_text(r, setting, s->member, text);
    } else {
        wrong_scalar(r, setting, value);
    }
}

static void unknown_member(const struct reading *r, const char *name)
{
    const char *names[CONFIG_SETTINGS];
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        names[i] = config_settings[i].member;
    }
    char hint[128];
    config_suggest(hint, sizeof hint, name, names, CONFIG_SETTINGS,
                   "ffagent --help lists the members");
    struct fault fault = {0};
    fault_set(&fault, name, hint, "unknown member");
    report(r, &fault);
}

/* Is it the first half of some "group.member"? */
static bool is_group(const char *name)
{
    const size_t length = strlen(name);
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        const char *member = config_settings[i].member;
        if (strncmp(member, name, length) == 0 && member[length] == '.') {
            return true;
        }
    }
    return false;
}

static void read_group(const struct reading *r, const char *group, const json_t *members);

static void read_one(const struct reading *r, const char *group, const char *name,
                     const json_t *value)
{
    char member[128];
    snprintf(member, sizeof member, "%.60s%s%.60s", group, *group ? "." : "", name);
    const enum config_setting setting =
        *group || !strchr(name, '.') ? config_setting_named(member) : CONFIG_SETTINGS;
    if (setting < CONFIG_SETTINGS) {
        read_member(r, setting, value);
    } else if (!*group && is_group(name) && json_is_object(value)) {
        read_group(r, name, value);
    } else if (!*group && is_group(name)) {
        wrong_type(r, name, "a mapping of settings", "ffagent --help lists its members", value);
    } else {
        unknown_member(r, member);
    }
}

/* Once within itself: a group has no groups. */
static void read_group(const struct reading *r, const char *group, const json_t *members)
{
    json_t *object = (json_t *)(uintptr_t)members; /* iterating does not change it */
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        read_one(r, group, name, value);
    }
}

/* Also what a file is in which every line is still commented out. */
static bool is_blank(const char *text, size_t length)
{
    bool comment = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            comment = false;
        } else if (text[i] == '#') {
            comment = true;
        } else if (!comment && text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

static void parse(struct config *c, const char *path, const char *text, size_t length)
{
    const struct reading r = {c, path, text, length};
    if (is_blank(text, length)) {
        return;
    }
    struct fault fault = {0};
    json_t *document = document_parse(text, length, path, &fault);
    if (!document) {
        config_problem(c, &fault);
    } else if (!json_is_object(document)) {
        wrong_type(&r, "", "a mapping of settings", "for example: flags: [flags.yaml]", document);
    } else {
        read_group(&r, "", document);
    }
    json_decref(document);
}

/* The whole text, malloc'ed; NULL and errno. */
static char *read_text(const char *path, size_t *length)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* nor wait for a fifo's writer */
    if (fd < 0) {
        return NULL;
    }
    char *text = malloc(LARGEST_FILE + 1);
    size_t filled = 0;
    ssize_t got = text ? 1 : -1;
    while (text && filled <= LARGEST_FILE &&
           ((got = read(fd, text + filled, LARGEST_FILE + 1 - filled)) > 0 ||
            (got < 0 && errno == EINTR))) {
        filled += got > 0 ? (size_t)got : 0;
    }
    const int error = got < 0 ? errno : filled > LARGEST_FILE ? EFBIG : 0;
    close(fd);
    if (error) {
        free(text);
        errno = error;
        return NULL;
    }
    *length = filled;
    return text;
}

void config_read_file(struct config *c, const char *path, bool must_exist)
{
    c->file = config_copy(c, path);
    size_t length = 0;
    char *text = read_text(path, &length);
    if (!text && (must_exist || errno != ENOENT)) {
        struct fault fault = {0};
        const int error = errno;
        fault_set(&fault, "", "check the path given with --config or FFSHM_CONFIG",
                  "cannot read the configuration file: %s", strerror(error));
        snprintf(fault.file, sizeof fault.file, "%s", path);
        config_problem(c, &fault);
    }
    if (text) {
        c->file_read = true;
        parse(c, path, text, length);
        secret_wipe(text, length); /* the SDK key may be in it */
    }
    free(text);
}
