#include "admin_error.h"

#include <stdarg.h>
#include <stdio.h>

int admin_error_set(struct admin_error *error, unsigned status, const char *code,
                    const char *member, const char *hint, const char *cause_format, ...)
{
    char cause[sizeof error->fault.cause];
    va_list arguments;
    va_start(arguments, cause_format);
    vsnprintf(cause, sizeof cause, cause_format, arguments);
    va_end(arguments);
    *error = (struct admin_error){.status = status, .code = code};
    fault_set(&error->fault, member, hint, "%s", cause);
    return -1;
}

int admin_error_not_stored(struct admin_error *error, const struct fault *fault)
{
    char text[400];
    fault_text(fault, text, sizeof text);
    return admin_error_set(error, 503, "storage_failed", NULL, NULL, "nothing was changed: %s",
                           text);
}

const char *admin_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Unknown";
}
