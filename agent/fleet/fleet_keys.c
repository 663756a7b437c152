#include "fleet_keys.h"

#include <stdio.h>
#include <stdlib.h>

/* The log comes first: a server that is full, or a log that is ahead of the head, refuses that, and
   nothing has changed. */
const char fleet_script_commit[] =
    "local h = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'chain', 'calm')\n"
    "if not h[1] then return {'empty'} end\n"
    "if h[1] ~= ARGV[1] then return {'foreign', h[1]} end\n"
    "if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] then return {'behind', h[2], h[3]} end\n"
    "if h[4] and ARGV[7] == 'change' then\n"
    "  local now = redis.call('TIME')\n"
    "  local left = tonumber(h[4]) - now[1] * 1000 - math.floor(now[2] / 1000)\n"
    "  if left > 0 then return {'wait', tostring(math.min(left, 10000))} end\n"
    "end\n"
    "local seq = string.format('%.0f', tonumber(h[2]) + 1)\n"
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], seq .. '-0', 'r', ARGV[6], 'c', ARGV[4])\n"
    "for i = 8, #ARGV, 3 do\n"
    "  local key = KEYS[tonumber(ARGV[i])]\n"
    "  if ARGV[i + 2] == '' then redis.call('HDEL', key, ARGV[i + 1])\n"
    "  else redis.call('HSET', key, ARGV[i + 1], ARGV[i + 2]) end\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'seq', seq, 'chain', ARGV[4])\n"
    "return {'ok', seq}\n";

const char fleet_script_restore[] =
    "local h = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'chain')\n"
    "local tables = (#KEYS - 2) / 2\n"
    "if (h[1] or '') ~= ARGV[4] or (h[2] or '') ~= ARGV[5] or (h[3] or '') ~= ARGV[6] then\n"
    "  for i = 1, tables do redis.call('DEL', KEYS[2 + tables + i]) end\n"
    "  return {'taken'}\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], 'chain', ARGV[3], 'state', "
    "ARGV[7])\n"
    "local now = redis.call('TIME')\n"
    "local calm = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[8]\n"
    "redis.call('HSET', KEYS[1], 'calm', string.format('%.0f', calm))\n"
    "redis.call('DEL', KEYS[2])\n"
    "for i = 1, tables do\n"
    "  redis.call('DEL', KEYS[2 + i])\n"
    "  if redis.call('EXISTS', KEYS[2 + tables + i]) == 1 then\n"
    "    redis.call('RENAME', KEYS[2 + tables + i], KEYS[2 + i])\n"
    "    redis.call('PERSIST', KEYS[2 + i])\n"
    "  end\n"
    "end\n"
    "return {'ok', ARGV[2]}\n";

const char fleet_script_lease[] = "local holder = redis.call('GET', KEYS[1])\n"
                                  "if holder and holder ~= ARGV[1] then return 0 end\n"
                                  "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                  "return 1\n";

static char *key(const char *prefix, const char *environment, const char *rest, const char *more,
                 const char *last)
{
    char *text;
    return asprintf(&text, "{%s:%s}:%s%s%s", prefix, environment, rest, more, last) < 0 ? NULL
                                                                                        : text;
}

int fleet_keys_make(struct fleet_keys *keys, const char *prefix, const char *environment,
                    const char *id)
{
    char staged[64];
    snprintf(staged, sizeof staged, "%.40s:", id);
    *keys = (struct fleet_keys){
        .head = key(prefix, environment, "head", "", ""),
        .log = key(prefix, environment, "log", "", ""),
        .lease = key(prefix, environment, "lease", "", ""),
    };
    bool all = keys->head && keys->log && keys->lease;
    for (unsigned i = 0; i < ROWS_TABLES; i++) {
        keys->rows[i] = key(prefix, environment, "t:", rows_table_names[i], "");
        keys->staged[i] = key(prefix, environment, "new:", staged, rows_table_names[i]);
        all = all && keys->rows[i] && keys->staged[i];
    }
    if (!all) {
        fleet_keys_free(keys);
    }
    return all ? 0 : -1;
}

void fleet_keys_free(struct fleet_keys *keys)
{
    free(keys->head);
    free(keys->log);
    free(keys->lease);
    for (unsigned i = 0; i < ROWS_TABLES; i++) {
        free(keys->rows[i]);
        free(keys->staged[i]);
    }
    *keys = (struct fleet_keys){.head = NULL};
}
