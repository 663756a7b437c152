#include "bench_report.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define FIELDS 48

struct field {
    const char *name;
    const char *text; /* NULL: a number, or points */
    double number;
    const double *x, *y;
    size_t count;
};

static struct {
    bool json;
    char cpu[128];
    char commit[64];
    struct utsname kernel;
    uint64_t snapshot_bytes;
    const char *telemetry;
    const char *line;
    struct field fields[FIELDS];
    size_t count;
} report = {.telemetry = "off"};

/* ---- what every line carries --------------------------------------------------------------- */

static void read_cpu(void)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(report.cpu, sizeof report.cpu, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "model name : %127[^\n]", report.cpu) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
}

/* Of the tree that this was built from, as it is now; "+" when it has other changes. */
static void read_commit(void)
{
    FILE *f = popen("cd '" FFBENCH_SOURCE_DIR "' && "
                    "git describe --always --exclude='*' --dirty=+ 2>/dev/null",
                    "re");
    if (!f || !fgets(report.commit, sizeof report.commit, f)) {
        snprintf(report.commit, sizeof report.commit, "unknown");
    }
    report.commit[strcspn(report.commit, "\n")] = '\0';
    if (f) {
        pclose(f);
    }
}

void bench_report_json(bool json)
{
    report.json = json;
    if (json) {
        setvbuf(stdout, NULL, _IOLBF, 0);
        read_cpu();
        read_commit();
        uname(&report.kernel);
    }
}

uint64_t bench_report_snapshot(const char *store)
{
    DIR *directory = store ? opendir(store) : NULL;
    const struct dirent *entry;
    report.snapshot_bytes = 0;
    while (directory && (entry = readdir(directory))) {
        struct stat s;
        if ((strncmp(entry->d_name, "s.", 2) == 0 || strncmp(entry->d_name, "x.", 2) == 0) &&
            fstatat(dirfd(directory), entry->d_name, &s, 0) == 0) {
            report.snapshot_bytes += (uint64_t)s.st_size;
        }
    }
    if (directory) {
        closedir(directory);
    }
    return report.snapshot_bytes;
}

void bench_report_telemetry(const char *telemetry)
{
    report.telemetry = telemetry;
}

/* ---- a line -------------------------------------------------------------------------------- */

void bench_line(const char *name)
{
    report.line = name;
    report.count = 0;
}

static struct field *add(const char *name)
{
    if (report.count == FIELDS) {
        fprintf(stderr, "ffbench: a line has too many fields\n");
        exit(1);
    }
    struct field *f = &report.fields[report.count++];
    *f = (struct field){.name = name};
    return f;
}

void bench_text(const char *name, const char *value)
{
    add(name)->text = value;
}

void bench_number(const char *name, double value)
{
    add(name)->number = value;
}

void bench_points(const char *name, const double *x, const double *y, size_t count)
{
    struct field *f = add(name);
    f->x = x;
    f->y = y;
    f->count = count;
}

static void print_points(const struct field *f)
{
    printf("[");
    for (size_t i = 0; i < f->count; i++) {
        printf("%s[%.6g,%.8g]", i ? "," : "", f->x[i], f->y[i]);
    }
    printf("]");
}

static void print_json(void)
{
    printf("{\"bench\":\"%s\"", report.line);
    for (size_t i = 0; i < report.count; i++) {
        const struct field *f = &report.fields[i];
        printf(",\"%s\":", f->name);
        if (f->x) {
            print_points(f);
        } else if (f->text) {
            printf("\"%s\"", f->text);
        } else {
            printf("%.10g", f->number);
        }
    }
    printf(",\"cpu\":\"%s\",\"kernel\":\"%s\",\"compiler\":\"%s\",\"commit\":\"%s\","
           "\"snapshot_bytes\":%llu,\"telemetry\":\"%s\"}\n",
           report.cpu, report.kernel.release, __VERSION__, report.commit,
           (unsigned long long)report.snapshot_bytes, report.telemetry);
}

/* "median_ns" 5.2 -> "median 5.2 ns" */
static void print_number(const struct field *f)
{
    static const char *const units[] = {"per_s", "bytes", "ns", "us", "ms", "s"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t name = strlen(f->name);
        const size_t unit = strlen(units[i]);
        if (name > unit + 1 && f->name[name - unit - 1] == '_' &&
            strcmp(f->name + name - unit, units[i]) == 0) {
            const char *shown = i == 0 ? "/s" : units[i];
            printf(f->number < 10000 ? "  %.*s %.4g %s" : "  %.*s %.0f %s", (int)(name - unit - 1),
                   f->name, f->number, shown);
            return;
        }
    }
    printf("  %s %.6g", f->name, f->number);
}

static void print_text(void)
{
    int column = printf("%-8s", report.line);
    for (size_t i = 0; i < report.count; i++) {
        if (report.fields[i].text) {
            column += printf(" %s", report.fields[i].text);
        }
    }
    if (strcmp(report.telemetry, "off") != 0) {
        column += printf(" %s", report.telemetry);
    }
    printf("%*s", column < 56 ? 56 - column : 0, "");
    for (size_t i = 0; i < report.count; i++) {
        if (!report.fields[i].text && !report.fields[i].x) {
            print_number(&report.fields[i]);
        }
    }
    printf("\n");
}

void bench_end(void)
{
    if (report.json) {
        print_json();
    } else {
        print_text();
    }
    fflush(stdout);
}

/* ---- many times ---------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_times(const char *unit, const double *times, size_t count, const char *const *names,
                      const double *quantiles, size_t quantile_count)
{
    static char kept[8][32]; /* until bench_end */
    for (size_t i = 0; i < quantile_count; i++) {
        const size_t at = (size_t)(quantiles[i] * (double)count);
        snprintf(kept[i], sizeof kept[i], "%s_%s", names[i], unit);
        bench_number(kept[i], times[at < count ? at : count - 1]);
    }
    bench_number("rounds", (double)count);
}

void bench_spread(const char *unit, double *times, size_t count)
{
    static const char *const names[] = {"median", "min", "p10", "p90"};
    static const double quantiles[] = {0.5, 0, 0.1, 0.9};
    qsort(times, count, sizeof times[0], ascending);
    add_times(unit, times, count, names, quantiles, 4);
}

void bench_tail(const char *unit, double *times, size_t count)
{
    static const char *const names[] = {"median", "min", "p90", "p99", "max"};
    static const double quantiles[] = {0.5, 0, 0.9, 0.99, 1};
    qsort(times, count, sizeof times[0], ascending);
    add_times(unit, times, count, names, quantiles, 5);
}
