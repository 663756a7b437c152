#include "smaps.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum kind { OTHER, SHARED, TELEMETRY };

static enum kind kind_of(const char *path, const char *store)
{
    if (!path || strncmp(path, store, strlen(store)) != 0) {
        return OTHER;
    }
    const char *name = path + strlen(store);
    const bool own = strncmp(name, "/telemetry/", 11) == 0 && !strstr(name, "acks");
    return own ? TELEMETRY : SHARED;
}

static void add(struct smaps *m, enum kind kind, const char *name, double bytes)
{
    if (strcmp(name, "Anonymous") == 0) {
        m->private += bytes;
    } else if (strcmp(name, "Pss") == 0) {
        m->share += kind == TELEMETRY ? 0 : bytes;
    } else if (strcmp(name, "Rss") == 0) {
        m->resident += bytes;
        m->shared += kind == SHARED ? bytes : 0;
    }
}

/* Its pages are all there from the beginning, whether or not they are mapped yet. */
static void add_own_file(struct smaps *m, const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0) {
        m->telemetry += (double)s.st_blocks * 512;
        m->share += (double)s.st_blocks * 512;
    }
}

bool smaps_read(struct smaps *m, pid_t pid, const char *store)
{
    char line[1024];
    char own[1024] = "";
    enum kind kind = OTHER;
    *m = (struct smaps){.private = 0};
    snprintf(line, sizeof line, "/proc/%d/smaps", (int)pid);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long from;
        unsigned long long to;
        char name[32];
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
            const char *path = strchr(line, '/');
            kind = kind_of(path, store);
            if (kind == TELEMETRY && strcmp(path, own) != 0) {
                snprintf(own, sizeof own, "%s", path);
                add_own_file(m, own);
            }
        } else if (sscanf(line, "%31[A-Za-z_]: %llu kB", name, &from) == 2) {
            add(m, kind, name, (double)from * 1024);
        }
    }
    if (f) {
        fclose(f);
    }
    return m->resident > 0;
}
