/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is local to one process: where Redis is and with which secrets, where HTTP listens. Secrets
 * are read from files and the environment only for the daemon, and never repeated in a message.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "base/parse.h"

#include <stdio.h>
#include <stdlib.h>

#define SECRET_MAX_BYTES 4096

const struct conf_key conf_keys_redis[] = {
    {.name = "url",
     .type = CONF_SECRET,
     .offset = offsetof(struct conf_private, conf.redis.url),
     .min = 1,
     .max = 1024,
     .def = "redis://localhost:6379/0",
     .help = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"},
    {.name = "prefix",
     .type = CONF_NAME,
     .offset = offsetof(struct conf_private, conf.redis.prefix),
     .min = 1,
     .max = 64,
     .chars = "A0._:-",
     .def = "",
     .help = "letters, digits, '.', '_', ':' and '-'"},
    {.name = "user",
     .type = CONF_TEXT,
     .offset = offsetof(struct conf_private, conf.redis.user),
     .min = 1,
     .max = 256,
     .def = "",
     .help = "of Redis' access lists"},
    {.name = "password",
     .type = CONF_SECRET,
     .offset = offsetof(struct conf_private, password),
     .min = 1,
     .max = SECRET_MAX_BYTES,
     .def = "",
     .help = "$NAME takes it from the environment; $$ stands for a $ at the beginning"},
    {.name = "password_file",
     .type = CONF_TEXT,
     .offset = offsetof(struct conf_private, password_file),
     .min = 1,
     .max = 4096,
     .def = "",
     .help = "its first line is the password"},
    CONF_KEY_END,
};

const struct conf_key conf_keys_http[] = {
    {.name = "listen",
     .type = CONF_TEXT,
     .offset = offsetof(struct conf_private, listen),
     .min = 1,
     .max = 256,
     .def = "127.0.0.1:9464",
     .help = "HOST:PORT; port 0 takes a free one"},
    CONF_KEY_END,
};

static void check_url(struct conf_reader *reader, const struct conf_private *p,
                      const struct conf_node *redis)
{
    static const char *const schemes[] = {"redis://", "rediss://", "unix://"};
    struct str url = p->conf.redis.url;

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (str_starts(url, str_of(schemes[i])) && url.len > strlen(schemes[i]))
            return;
    conf_fault_node(reader, conf_map_get(redis, "url"),
                    "url: must begin with redis://, rediss:// or unix://, as in "
                    "redis://localhost:6379/0");
}

/* HOST:PORT, [IPV6]:PORT. */
static bool split_listen(struct str listen, struct str *ret_host, int *ret_port)
{
    size_t colon = listen.len;
    struct str host;
    int64_t port;

    while (colon && listen.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2 || parse_i64((struct str){listen.ptr + colon, listen.len - colon}, &port) ||
        port < 0 || port > 65535)
        return false;
    host = (struct str){listen.ptr, colon - 1};
    if (host.ptr[0] == '[' && host.len > 2 && host.ptr[host.len - 1] == ']')
        host = (struct str){host.ptr + 1, host.len - 2};
    else if (memchr(host.ptr, ':', host.len) || memchr(host.ptr, '[', host.len))
        return false;
    *ret_host = host;
    *ret_port = (int)port;
    return true;
}

void conf_local_check(struct conf_reader *reader, struct conf_private *p)
{
    const struct conf_section *redis = conf_section_get(p, "redis");
    const struct conf_section *http = conf_section_get(p, "http");

    p->conf.redis.is_given = redis->name != NULL;
    if (!p->conf.redis.prefix.len)
        p->conf.redis.prefix = p->conf.deployment;
    if (redis->name && conf_map_get(redis->value, "url"))
        check_url(reader, p, redis->value);
    if (p->password.len && p->password_file.len)
        conf_fault_node(reader, conf_map_get(redis->value, "password_file"),
                        "password_file: there is a password too: leave one of them");
    if (!split_listen(p->listen, &p->conf.http_host, &p->conf.http_port))
        conf_fault_node(reader, conf_map_get(http->value, "listen"),
                        "listen: expected HOST:PORT such as 127.0.0.1:9464, or 0.0.0.0:9464 for "
                        "all addresses");
}

/* ---- secrets ---- */

static const struct conf_node *section_key(const struct conf_private *p, const char *key)
{
    return conf_map_get(conf_section_get(p, "redis")->value, key);
}

static bool resolve_text(struct conf_reader *reader, struct conf_private *p,
                         const struct conf_node *at, struct str text, struct str *ret_secret)
{
    const char *value;
    char *name;

    if (!text.len || text.ptr[0] != '$') {
        *ret_secret = text;
        return true;
    }
    if (text.len > 1 && text.ptr[1] == '$') {
        *ret_secret = (struct str){text.ptr + 1, text.len - 1};
        return true;
    }
    name = conf_keep(p, mem_strndup(text.ptr + 1, text.len - 1));
    value = getenv(name);
    if (!value || !*value) {
        conf_fault_node(reader, at,
                        "the environment has no such variable: set it, or write $$ for a secret "
                        "that begins with $");
        return false;
    }
    *ret_secret = str_of(conf_keep(p, mem_strndup(value, strlen(value))));
    return true;
}

static void resolve_file(struct conf_reader *reader, struct conf_private *p)
{
    const struct conf_node *at = section_key(p, "password_file");
    char *path = conf_keep(p, mem_strndup(p->password_file.ptr, p->password_file.len));
    char *secret = conf_keep(p, mem_calloc(1, SECRET_MAX_BYTES + 2));
    FILE *f = fopen(path, "re");
    struct str line;

    if (!f || !fgets(secret, SECRET_MAX_BYTES + 2, f)) {
        conf_fault_node(reader, at, "password_file: %.200s cannot be read: %s", path,
                        f && !ferror(f) ? "it is empty" : strerror(errno));
        if (f)
            fclose(f);
        return;
    }
    fclose(f);
    line = str_of(secret);
    while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    secret[line.len] = '\0';
    if (!line.len || line.len > SECRET_MAX_BYTES)
        conf_fault_node(reader, at,
                        "password_file: the first line of %.200s must have 1 to %d bytes", path,
                        SECRET_MAX_BYTES);
    else
        p->conf.redis.password = line;
}

static void resolve_properties(struct conf_reader *reader, struct conf_private *p)
{
    const struct conf_node *map = conf_map_get(conf_section_get(p, "kafka")->value, "properties");

    for (size_t i = 0; i < p->conf.kafka.n_properties; i++) {
        struct conf_property *property = &p->properties[i];
        char *key = mem_strndup(property->key.ptr, property->key.len);

        if (conf_kafka_is_secret(property->key))
            (void)resolve_text(reader, p, conf_map_get(map, key), property->value,
                               &property->value);
        mem_free(key);
    }
}

static void require_section(const struct conf *conf, struct conf_faults *faults, bool is_given,
                            const char *name, const char *example)
{
    char *path = mem_strndup(conf->path.ptr, conf->path.len);

    if (!is_given)
        conf_fault_add(faults, path, 0, 0, "no `%s` section, which `engaged run` needs: write %s",
                       name, example);
    mem_free(path);
}

int conf_require_daemon(struct conf *conf, struct conf_faults *faults)
{
    struct conf_private *p = conf->private;
    struct conf_reader reader = {.conf = conf, .faults = faults};
    size_t n_before = faults->n;

    require_section(conf, faults, conf->kafka.is_given, "kafka",
                    "kafka: {properties: {bootstrap.servers: \"localhost:9092\"}}");
    require_section(conf, faults, conf->redis.is_given, "redis",
                    "redis: {url: \"redis://localhost:6379/0\"}");
    if (p->password_file.len)
        resolve_file(&reader, p);
    else if (p->password.len)
        (void)resolve_text(&reader, p, section_key(p, "password"), p->password,
                           &conf->redis.password);
    resolve_properties(&reader, p);
    conf_faults_sort(faults);
    return faults->n > n_before ? CONF_E_FAULTS : 0;
}
