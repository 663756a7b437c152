/* Secrets from files of their own, the SDK key and the password of Redis: what secret managers
   mount, and what need not be in the file that everybody may read. */
#include "config_settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_LINE (CONFIG_KEY_MOST + 256) /* what is longer is no key, whatever is cut off */
#define PATIENCE_MS 10000                    /* with who writes it into a pipe */

/* Up to `capacity` bytes; -1 and errno. Of a pipe, too, whose writer may need a while. */
static ssize_t read_bytes(int fd, char *bytes, size_t capacity)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    size_t done = 0;
    while (done < capacity && !memchr(bytes, '\n', done)) {
        const int waited = poll(&ready, 1, PATIENCE_MS);
        const ssize_t got = waited > 0 ? read(fd, bytes + done, capacity - done) : waited;
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

/* Up to the end of the first line. -1 and errno. */
static ssize_t read_line(const char *path, char *line, size_t capacity)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    const ssize_t got = read_bytes(fd, line, capacity - 1);
    const int error = errno;
    close(fd);
    errno = error;
    if (got < 0) {
        return -1;
    }
    line[got] = '\0';
    size_t length = strcspn(line, "\r\n");
    while (length > 0 && isspace((unsigned char)line[length - 1])) {
        length--;
    }
    line[length] = '\0';
    return (ssize_t)length;
}

static void problem(struct config *c, enum config_setting setting, const char *hint,
                    const char *cause)
{
    const char *path = c->settings[setting].values[0].text;
    struct fault fault = {0};
    fault_set(&fault, config_settings[setting].member, hint, "%s", cause);
    snprintf(fault.file, sizeof fault.file, "%s", path);
    config_problem(c, &fault);
}

void config_read_key_file(struct config *c)
{
    const struct config_values *file = &c->settings[CONFIG_SDK_KEY_FILE];
    const struct config_values *key = &c->settings[CONFIG_SDK_KEY];
    if (!file->count || (key->count && key->layer >= file->layer)) {
        return;
    }
    const char *path = file->values[0].text;
    char line[LONGEST_LINE];
    const ssize_t length = read_line(path, line, sizeof line);
    if (length < 0) {
        char cause[128];
        snprintf(cause, sizeof cause, "cannot read the SDK key: %s", strerror(errno));
        problem(c, CONFIG_SDK_KEY_FILE, "check the path and who may read the file", cause);
    } else if (length == 0) {
        problem(c, CONFIG_SDK_KEY_FILE, "put the SDK key into its first line",
                "the file has no SDK key");
    } else {
        struct fault fault = {0};
        char origin[600];
        snprintf(origin, sizeof origin, "file %s", path);
        if (config_set(c, CONFIG_SDK_KEY, file->layer, line, origin, "sdk_key_file", &fault) != 0) {
            snprintf(fault.file, sizeof fault.file, "%s", path);
            config_problem(c, &fault);
        }
    }
    secret_wipe(line, sizeof line);
}

void config_read_password_file(struct config *c)
{
    const struct config_values *file = &c->settings[CONFIG_REDIS_PASSWORD_FILE];
    if (!file->count) {
        return;
    }
    char line[LONGEST_LINE];
    const ssize_t length = read_line(file->values[0].text, line, sizeof line);
    if (length < 0) {
        char cause[128];
        snprintf(cause, sizeof cause, "cannot read the password: %s", strerror(errno));
        problem(c, CONFIG_REDIS_PASSWORD_FILE, "check the path and who may read the file", cause);
    } else if (length == 0) {
        problem(c, CONFIG_REDIS_PASSWORD_FILE, "put the password into its first line",
                "the file has no password");
    } else {
        c->redis_password = secret_new(line, (size_t)length);
        c->no_memory = c->no_memory || !c->redis_password;
    }
    secret_wipe(line, sizeof line);
}
