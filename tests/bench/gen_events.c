/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen_events EVENTS STAKEHOLDERS: CloudEvents as JSON lines on standard output, about 300 bytes
 * each, a tenth of a second apart, of each stakeholder in turn. The same at every run.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define T0 1767225600LL

static void put_event(uint64_t k, uint64_t who)
{
    static const char *const verbs[] = {"question", "view", "purchase", "reply", "view"};
    time_t t = (time_t)(T0 + (int64_t)(k / 10));
    char at[32];
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
    printf(
        "{\"specversion\":\"1.0\",\"type\":\"io.engaged.interaction.v1\",\"source\":\"/bench\","
        "\"id\":\"event-%llu\",\"subject\":\"customer-%llu\",\"time\":\"%s.%u00Z\",\"data\":{"
        "\"direction\":\"%s\",\"verb\":\"%s\",\"channel\":\"mail\",\"conversation\":\"case-%llu\","
        "\"sentiment\":%.1f}}\n",
        (unsigned long long)k, (unsigned long long)who, at, (unsigned)(k % 10),
        k % 5 == 3 ? "outbound" : "inbound", verbs[k % 5], (unsigned long long)(who % 1000),
        (double)(k % 21) / 10 - 1);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t n_stakeholders = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    if (!n || !n_stakeholders) {
        fprintf(stderr, "usage: gen_events EVENTS STAKEHOLDERS\n");
        return 2;
    }
    for (uint64_t k = 0; k < n; k++)
        put_event(k, k % n_stakeholders);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
