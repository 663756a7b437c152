#include "ctl_top_screen.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl_output.h"
#include "inspect/inspect_shown.h"

#define ROWS_BESIDE 3 /* lines around the flags: the sum, the heads, and where the cursor is */
#define RATE_WIDE 10

struct window {
    size_t rows, columns; /* SIZE_MAX: no limit */
};

/* A line that is being written: what does not fit is cut. */
struct line {
    size_t left; /* columns */
};

static size_t number(const json_t *object, const char *name)
{
    return (size_t)json_integer_value(json_object_get(object, name));
}

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* ---- the terminal --------------------------------------------------------------------------- */

void top_screen_begin(bool terminal)
{
    if (terminal) { /* the other screen, without a cursor */
        output_text("\033[?1049h\033[?25l");
        fflush(stdout);
    }
}

void top_screen_end(bool terminal)
{
    if (terminal) {
        output_text("\033[?25h\033[?1049l");
        fflush(stdout);
    }
}

static struct window window_of(bool terminal)
{
    struct winsize size;
    if (!terminal) {
        return (struct window){SIZE_MAX, SIZE_MAX};
    }
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
        return (struct window){24, 80};
    }
    return (struct window){size.ws_row, size.ws_col};
}

/* ---- a line --------------------------------------------------------------------------------- */

static void put(struct line *l, const char *text)
{
    unsigned columns;
    const char *end = text + strlen(text);
    while (text < end) {
        const size_t length = shown_next(text, end, &columns);
        if (columns > l->left) {
            l->left = 0;
            return;
        }
        output_plain(text, length);
        l->left -= columns;
        text += length;
    }
}

static void pad(struct line *l, size_t columns)
{
    for (; columns > 0; columns--) {
        put(l, " ");
    }
}

static void end_line(bool terminal)
{
    output_text(terminal ? "\033[K\n" : "\n"); /* what was there before is gone */
}

/* "12.3", "4.56k": four characters or so. */
static const char *rate_text(double rate, char text[OUTPUT_SHORT])
{
    static const char letters[] = " kMGT";
    unsigned at = 0;
    while (rate >= 999.95 && letters[at + 1]) {
        rate /= 1000;
        at++;
    }
    snprintf(text, OUTPUT_SHORT, "%.1f%.*s", rate, at > 0 ? 1 : 0, &letters[at]);
    return text;
}

/* ---- a flag --------------------------------------------------------------------------------- */

/* "on 75.0%, off 25.0%". */
static void put_variations(struct line *l, const json_t *item)
{
    size_t at;
    const json_t *one;
    const char *between = "";
    char text[OUTPUT_SHORT];
    json_array_foreach(json_object_get(item, "variations"), at, one)
    {
        const json_t *const variation = json_object_get(one, "variation");
        const char *variant = json_string_value(json_object_get(one, "variant"));
        snprintf(text, sizeof text, "#%lld", (long long)json_integer_value(variation));
        put(l, between);
        put(l, json_is_null(variation) ? "(default)" : variant ? variant : text);
        snprintf(text, sizeof text, " %.1f%%", real(one, "share") * 100);
        put(l, text);
        between = ", ";
    }
    if (real(item, "unknown") > 0) {
        put(l, between);
        put(l, "(no such flag)");
    }
}

static void draw_flag(const json_t *item, size_t key_wide, const struct window *window,
                      bool terminal)
{
    char rate[OUTPUT_SHORT];
    const char *const key = json_string_value(json_object_get(item, "flag"));
    struct line flag = {key_wide};
    put(&flag, key);
    pad(&flag, flag.left);
    struct line rest = {window->columns > key_wide ? window->columns - key_wide : 0};
    rate_text(real(item, "rate"), rate);
    pad(&rest, RATE_WIDE - strlen(rate));
    put(&rest, rate);
    put(&rest, "  ");
    put_variations(&rest, item);
    end_line(terminal);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void draw_sum(const json_t *rates, const struct window *window, bool terminal)
{
    char text[256];
    char rate[OUTPUT_SHORT];
    struct line l = {window->columns};
    const size_t flags = json_array_size(json_object_get(rates, "items"));
    const size_t processes = number(rates, "processes");
    const size_t unreadable = number(rates, "unreadable");
    snprintf(text, sizeof text, "%s evaluations/s of %zu flag%s by %zu process%s",
             rate_text(real(rates, "rate"), rate), flags, output_plural(flags), processes,
             processes == 1 ? "" : "es");
    put(&l, text);
    if (json_is_integer(json_object_get(rates, "hosts"))) {
        const size_t hosts = number(rates, "hosts");
        snprintf(text, sizeof text, " on %zu host%s", hosts, output_plural(hosts));
        put(&l, text);
    }
    if (unreadable > 0) {
        snprintf(text, sizeof text, "; %zu cannot be read: root can", unreadable);
        put(&l, text);
    }
    if (json_is_true(json_object_get(rates, "cut"))) {
        put(&l, "; there are more than are counted here");
    }
    end_line(terminal);
}

static void draw_heads(const struct ctl *ctl, size_t key_wide, const struct window *window,
                       bool terminal)
{
    struct line l = {window->columns};
    output_colour(ctl, "1");
    put(&l, "FLAG");
    pad(&l, key_wide > 4 ? key_wide - 4 : 0);
    pad(&l, RATE_WIDE - 7);
    put(&l, "EVALS/S  VARIANTS");
    output_plainly(ctl);
    end_line(terminal);
}

/* As wide as the longest key that is shown, and at most half of the window. */
static size_t key_width(const json_t *items, size_t rows, const struct window *window)
{
    size_t wide = 4;
    for (size_t i = 0; i < rows; i++) {
        const json_t *const key = json_object_get(json_array_get(items, i), "flag");
        const size_t wanted = shown_width(json_string_value(key));
        wide = wanted > wide ? wanted : wide;
    }
    const size_t most = window->columns / 2 > 4 ? window->columns / 2 : 4;
    return wide < most ? wide : most;
}

void top_screen_draw(const struct ctl *ctl, const json_t *rates, bool terminal, size_t rows)
{
    const struct window window = window_of(terminal);
    const json_t *const items = json_object_get(rates, "items");
    const size_t room = window.rows > ROWS_BESIDE ? window.rows - ROWS_BESIDE : 1;
    size_t count = json_array_size(items);
    count = rows > 0 && rows < count ? rows : count;
    count = count < room ? count : room;
    const size_t wide = key_width(items, count, &window);
    output_text(terminal ? "\033[H" : ""); /* from the window's corner on */
    draw_sum(rates, &window, terminal);
    draw_heads(ctl, wide, &window, terminal);
    for (size_t i = 0; i < count; i++) {
        draw_flag(json_array_get(items, i), wide, &window, terminal);
    }
    output_text(terminal ? "\033[J" : "\n");
    fflush(stdout);
}
