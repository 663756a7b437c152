#include "bench_report.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "quantile.h"

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

/* Of the tree that this was built from, as it is now; "+" when it has other changes. Where that is
   part of somebody else's repository there is none. */
static void read_commit(void)
{
    FILE *f = popen("cd '" FFBENCH_SOURCE_DIR "' && "
                    "[ \"$(git rev-parse --show-toplevel 2>/dev/null)\" = \"$(pwd -P)\" ] && "
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

static void print_string(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ') {
            printf("\\u%04x", (unsigned char)*c);
        } else {
            printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        }
    }
    putchar('"');
}

static void print_member(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    print_string(text);
}

/* JSON has no other numbers. */
static void print_finite(double number)
{
    if (isfinite(number)) {
        printf("%.10g", number);
    } else {
        printf("null");
    }
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
            print_string(f->text);
        } else {
            print_finite(f->number);
        }
    }
    print_member("cpu", report.cpu);
    print_member("kernel", report.kernel.release);
    print_member("compiler", __VERSION__);
    print_member("commit", report.commit);
    printf(",\"snapshot_bytes\":%llu", (unsigned long long)report.snapshot_bytes);
    print_member("telemetry", report.telemetry);
    printf("}\n");
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

struct quantile {
    const char *name;
    double fraction;
    size_t least; /* of times: fewer do not tell it */
};

static void add_times(const char *unit, double *times, size_t count, const struct quantile *all,
                      size_t quantile_count)
{
    static char kept[8][32]; /* until bench_end */
    quantile_sort(times, count);
    for (size_t i = 0; i < quantile_count; i++) {
        if (count >= all[i].least) {
            snprintf(kept[i], sizeof kept[i], "%s_%s", all[i].name, unit);
            bench_number(kept[i], quantile_of(times, count, all[i].fraction));
        }
    }
    bench_number("rounds", (double)count);
}

void bench_spread(const char *unit, double *times, size_t count)
{
    static const struct quantile all[] = {
        {"median", 0.5, 1}, {"min", 0, 1}, {"p10", 0.1, 1}, {"p90", 0.9, 1}};
    add_times(unit, times, count, all, sizeof all / sizeof all[0]);
}

void bench_tail(const char *unit, double *times, size_t count)
{
    static const struct quantile all[] = {
        {"median", 0.5, 1}, {"min", 0, 1}, {"p90", 0.9, 1}, {"p99", 0.99, 100}, {"max", 1, 1}};
    add_times(unit, times, count, all, sizeof all / sizeof all[0]);
}
