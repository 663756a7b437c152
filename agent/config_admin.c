/* What the settings of the HTTP API have to be, each and together. */
#include "config_settings.h"

#include <stdio.h>

#include "admin/admin_peer.h"
#include "admin/admin_server.h"

int config_check_admin_text(enum config_setting setting, const char *text, const char *member,
                            struct fault *fault)
{
    struct admin_peer_rule rule;
    bool loopback;
    const int result = setting == CONFIG_ADMIN_PEERS ? admin_peer_rule_parse(text, &rule, fault)
                       : setting == CONFIG_ADMIN_LISTEN
                           ? admin_address_check(text, &loopback, fault)
                           : 0;
    if (result != 0) {
        snprintf(fault->member, sizeof fault->member, "%s", member);
    }
    return result;
}

void config_check_admin(struct config *c)
{
    const struct config_values *listen = &c->settings[CONFIG_ADMIN_LISTEN];
    const bool certificate = *config_text(c, CONFIG_ADMIN_TLS_CERTIFICATE);
    const bool key = *config_text(c, CONFIG_ADMIN_TLS_KEY);
    struct fault fault = {0};
    if (certificate != key) {
        fault_set(&fault, certificate ? "admin.tls_key" : "admin.tls_certificate",
                  "give both, or neither", "is missing: the other one is given (%.200s)",
                  c->settings[certificate ? CONFIG_ADMIN_TLS_CERTIFICATE : CONFIG_ADMIN_TLS_KEY]
                      .values[0]
                      .origin);
        config_problem(c, &fault);
        return;
    }
    for (size_t i = 0; i < listen->count && !certificate; i++) {
        bool loopback;
        if (admin_address_check(listen->values[i].text, &loopback, &fault) == 0 && !loopback) {
            fault_set(&fault, "admin.listen",
                      "give admin.tls_certificate and admin.tls_key, or listen on 127.0.0.1",
                      "%.64s (%.200s) can be reached from other hosts: tokens would be sent in the "
                      "clear",
                      listen->values[i].text, listen->values[i].origin);
            config_problem(c, &fault);
        }
    }
}
