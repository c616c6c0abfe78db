/* SPDX-License-Identifier: Apache-2.0 */
/* URLs to their parts, and what is refused without telling the secret. */
#include "../unit.h"

#include "adapters/redis_url.h"

static const struct {
    const char *text;
    const char *host;
    int port;
    const char *path;
    const char *user;
    const char *password;
    int db;
    bool has_tls;
    const char *shown;
} good[] = {
    {"redis://localhost", "localhost", 6379, NULL, NULL, NULL, 0, false,
     "redis://localhost:6379/0"},
    {"redis://10.0.0.1:7/3", "10.0.0.1", 7, NULL, NULL, NULL, 3, false, "redis://10.0.0.1:7/3"},
    {"redis://[::1]:7/", "::1", 7, NULL, NULL, NULL, 0, false, "redis://[::1]:7/0"},
    {"redis://[::1]", "::1", 6379, NULL, NULL, NULL, 0, false, "redis://[::1]:6379/0"},
    {"rediss://h/15", "h", 6379, NULL, NULL, NULL, 15, true, "rediss://h:6379/15"},
    {"redis://:secret@h", "h", 6379, NULL, NULL, "secret", 0, false, "redis://h:6379/0"},
    {"redis://u:p%40%3a@h", "h", 6379, NULL, "u", "p@:", 0, false, "redis://h:6379/0"},
    {"redis://u:a@b:c@h:1/2", "h", 1, NULL, "u", "a@b:c", 2, false, "redis://h:1/2"},
    {"redis://u:%4a@h", "h", 6379, NULL, "u", "J", 0, false, "redis://h:6379/0"},
    {"unix:///run/r.sock", NULL, 0, "/run/r.sock", NULL, NULL, 0, false, "unix:///run/r.sock?db=0"},
    {"unix:///r?db=4", NULL, 0, "/r", NULL, NULL, 4, false, "unix:///r?db=4"},
    {"unix://u:p@/r%20s", NULL, 0, "/r s", "u", "p", 0, false, "unix:///r s?db=0"},
};

static void same(const char *a, const char *b)
{
    if (!b)
        assert_null(a);
    else
        assert_string_equal(a, b);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct redis_url u;
        struct buf detail = BUF_INIT, shown = BUF_INIT;

        assert_int_equal(redis_url_parse(str_of(good[i].text), &u, &detail), 0);
        same(u.host, good[i].host);
        assert_int_equal(u.port, good[i].port);
        same(u.path, good[i].path);
        same(u.user, good[i].user);
        same(u.password, good[i].password);
        assert_int_equal(u.db, good[i].db);
        assert_int_equal(u.has_tls, good[i].has_tls);
        redis_url_show(&u, &shown);
        assert_string_equal(shown.ptr, good[i].shown);
        redis_url_deinit(&u);
        buf_deinit(&shown);
        buf_deinit(&detail);
    }
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "http://h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h:",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1/2",
        "redis://[::1",
        "redis://[::1]x",
        "redis://h?db=1",
        "redis://sesame@h",
        "redis://u:sesame%4@h",
        "redis://u:sesame%zz@h",
        "redis://u:sesame%00@h",
        "redis://u:sesame@h:no",
        "unix://relative",
        "unix://",
        "unix:///p?x=1",
        "unix:///p?db=x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct redis_url u;
        struct buf detail = BUF_INIT;

        assert_int_equal(redis_url_parse(str_of(bad[i]), &u, &detail), REDIS_URL_E_MALFORMED);
        assert_true(detail.len > 0);
        assert_null(strstr(detail.ptr, "sesame"));
        buf_deinit(&detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
