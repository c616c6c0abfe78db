/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stakeholder's packed state, as a store that somebody else wrote to may hold: they
 * are refused, or the engine lives on with them, and packs them so that it can read them again.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "engaged/engine.h"

#define T0      1767225600000LL
#define HOUR_MS 3600000LL

static const struct metric_spec metrics[] = {
    {.name = {"involvement", 11},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .where = {"direction == \"inbound\"", 22},
     .reach = REACH_HALF_LIFE,
     .reach_ms = HOUR_MS},
    {.name = {"recent", 6},
     .aggregate = AGGREGATE_COUNT,
     .reach = REACH_WINDOW,
     .reach_ms = HOUR_MS},
    {.name = {"worth", 5},
     .aggregate = AGGREGATE_MEAN,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = HOUR_MS},
};

static const struct rule_spec rules[] = {
    {.name = {"warm", 4},
     .enter = {"involvement >= 1.5", 18},
     .exit = {"involvement < 0.5", 17},
     .for_ms = 60000,
     .cooldown_ms = HOUR_MS,
     .severity = {"info", 4}},
    {.name = {"quiet", 5}, .enter = {"recent == 0 || worth < 0.0", 26}, .severity = {"info", 4}},
    {.name = {"overdue", 7},
     .kind = RULE_OWED,
     .owed_after_ms = HOUR_MS,
     .action = {"{{waiting}} of {{stakeholder}} on {{channel}} since {{since}}", 61},
     .severity = {"info", 4}},
};

static void on_fault(void *ctx, const struct model_fault *fault)
{
    (void)ctx;
    (void)fault;
    ENSURE(!"the fuzzer's own model");
}

static void on_trigger(void *ctx, const struct trigger *t)
{
    (void)ctx;
    ENSURE(t->rule.len && t->reason.len);
}

static const struct model *the_model(void)
{
    static struct model *model;
    const struct model_spec spec = {.deployment = STR("fuzz"),
                                    .lateness_ms = 1000,
                                    .dedup_events = 8,
                                    .answered_by = ANSWERED_BY_CONVERSATION,
                                    .metrics = metrics,
                                    .n_metrics = ARRAY_SIZE(metrics),
                                    .rules = rules,
                                    .n_rules = ARRAY_SIZE(rules)};

    if (!model)
        ENSURE(model_new(&spec, on_fault, NULL, &model) == 0);
    return model;
}

static struct engine *new_engine(void)
{
    const struct engine_opts opts = {.on_trigger = on_trigger};

    return engine_new(the_model(), &opts);
}

static void live_on(struct engine *e)
{
    for (int i = 0; i < 6; i++) {
        struct event event = {.id = STR("z"),
                              .source = STR("fuzz"),
                              .subject = STR("ann"),
                              .conversation = STR("c"),
                              .time_ms = T0 + i * HOUR_MS / 3,
                              .offset = INT64_MAX,
                              .direction = i % 2 ? DIRECTION_OUTBOUND : DIRECTION_INBOUND,
                              .has_expects_reply = true,
                              .expects_reply = true};
        int r = engine_apply(e, &event);

        ENSURE(r == 0 || r == ENGINE_E_DUPLICATE);
    }
}

static void on_view(void *ctx, const struct stakeholder_view *view)
{
    (void)ctx;
    ENSURE(str_eq(view->subject, STR("ann")));
}

static void pack_again(struct engine *e)
{
    struct engine *other = new_engine();
    struct checkpoint_entry entry;

    (void)engine_cut(e, INT64_MAX);
    while (engine_cut_next(e, &entry))
        ENSURE(engine_restore(other, entry.id, entry.packed) == 0);
    engine_cut_done(e);
    engine_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct engine *e = new_engine();

    engine_set_clock(e, T0);
    if (engine_restore(e, STR("ann"), (struct str){(const char *)bytes, n}) == 0) {
        live_on(e);
        engine_each(e, on_view, NULL);
        pack_again(e);
    }
    engine_free(e);
    return 0;
}
