/* SPDX-License-Identifier: Apache-2.0 */
/* A row per variable; the dimensions' own are made when the model is. */
#include "engine/derived.h"

#include "base/hash.h"
#include "base/mem.h"

#define DAY_MS         86400000LL
#define DIMENSIONS_MAX 64
#define KINDS_MAX      64
#define NAME_BYTES_MAX 64
#define NONE           UINT16_MAX
#define GROUP(name)    (1u << DERIVED_##name)

static const struct str default_dimensions[] = {
    {"advocacy", 8}, {"understanding", 13}, {"delight", 7},     {"loyalty", 7},
    {"vigor", 5},    {"dedication", 10},    {"absorption", 10}, {"satisfaction", 12}};

const struct derived_spec derived_defaults = {
    .half_life_ms = 90 * DAY_MS,
    .pressure_window_ms = 7 * DAY_MS,
    .cadence_floor_ms = 3600000,
    .cadence_prior_ms = 7 * DAY_MS,
    .cadence_weight = 2,
    .dimensions = default_dimensions,
    .n_dimensions = ARRAY_SIZE(default_dimensions),
};

const char *const derived_group_names[N_DERIVED_GROUPS + 1] = {
    [DERIVED_REPLY] = "reply",       [DERIVED_BALANCE] = "balance", [DERIVED_PRESSURE] = "pressure",
    [DERIVED_CADENCE] = "cadence",   [DERIVED_TRUST] = "trust",     [DERIVED_MEASURE] = "measure",
    [DERIVED_ADVOCACY] = "advocacy", [DERIVED_TIE] = "tie",         [DERIVED_TURNS] = "turns",
    [DERIVED_SILENT] = "silent",
};

static const struct {
    struct cel_var var;
    uint32_t groups;
    enum derived_motion motion;
} rows[N_DERIVED_VARS] = {
    [DERIVED_VAR_OURS_IN_TIME] = {{"reply.ours.in_time", CEL_DOUBLE, CEL_DYN},
                                  GROUP(REPLY),
                                  MOTION_OTHER},
    [DERIVED_VAR_OURS_MEDIAN] = {{"reply.ours.median", CEL_DURATION, CEL_DYN},
                                 GROUP(REPLY),
                                 MOTION_NONE},
    [DERIVED_VAR_OURS_P90] = {{"reply.ours.p90", CEL_DURATION, CEL_DYN}, GROUP(REPLY), MOTION_NONE},
    [DERIVED_VAR_THEIRS_IN_TIME] = {{"reply.theirs.in_time", CEL_DOUBLE, CEL_DYN},
                                    GROUP(REPLY),
                                    MOTION_OTHER},
    [DERIVED_VAR_THEIRS_MEDIAN] = {{"reply.theirs.median", CEL_DURATION, CEL_DYN},
                                   GROUP(REPLY),
                                   MOTION_NONE},
    [DERIVED_VAR_THEIRS_P90] = {{"reply.theirs.p90", CEL_DURATION, CEL_DYN},
                                GROUP(REPLY),
                                MOTION_NONE},
    [DERIVED_VAR_BALANCE] = {{"balance", CEL_DOUBLE, CEL_DYN}, GROUP(BALANCE), MOTION_NONE},
    [DERIVED_VAR_PRESSURE] = {{"pressure", CEL_INT, CEL_DYN}, GROUP(PRESSURE), MOTION_NONE},
    [DERIVED_VAR_PRESSURE_RECENT] = {{"pressure.recent", CEL_INT, CEL_DYN},
                                     GROUP(PRESSURE),
                                     MOTION_OTHER},
    [DERIVED_VAR_PRESSURE_EXCESS] = {{"pressure.excess", CEL_INT, CEL_DYN},
                                     GROUP(PRESSURE),
                                     MOTION_OTHER},
    [DERIVED_VAR_CADENCE_GAP] = {{"cadence.gap", CEL_DURATION, CEL_DYN},
                                 GROUP(CADENCE),
                                 MOTION_OTHER},
    [DERIVED_VAR_CADENCE_SPREAD] = {{"cadence.spread", CEL_DOUBLE, CEL_DYN},
                                    GROUP(CADENCE),
                                    MOTION_OTHER},
    [DERIVED_VAR_CADENCE_SILENCE] = {{"cadence.silence", CEL_DURATION, CEL_DYN},
                                     GROUP(CADENCE),
                                     MOTION_RISES},
    [DERIVED_VAR_CADENCE_RATIO] = {{"cadence.ratio", CEL_DOUBLE, CEL_DYN},
                                   GROUP(CADENCE),
                                   MOTION_OTHER},
    [DERIVED_VAR_CADENCE_LAST_GAP] = {{"cadence.last_gap", CEL_DURATION, CEL_DYN},
                                      GROUP(CADENCE),
                                      MOTION_NONE},
    [DERIVED_VAR_TRUST] = {{"trust", CEL_DOUBLE, CEL_DYN}, GROUP(TRUST), MOTION_OTHER},
    [DERIVED_VAR_COMMITMENT_OPEN] = {{"commitment.open", CEL_INT, CEL_DYN},
                                     GROUP(TRUST),
                                     MOTION_NONE},
    [DERIVED_VAR_COMMITMENT_OVERDUE] = {{"commitment.overdue", CEL_INT, CEL_DYN},
                                        GROUP(TRUST),
                                        MOTION_OTHER},
    [DERIVED_VAR_COMMITMENT_DUE] = {{"commitment.due", CEL_DURATION, CEL_DYN},
                                    GROUP(TRUST),
                                    MOTION_FALLS},
    [DERIVED_VAR_ADVOCACY] = {{"advocacy", CEL_DOUBLE, CEL_DYN},
                              GROUP(ADVOCACY) | GROUP(MEASURE),
                              MOTION_NONE},
    [DERIVED_VAR_REFERRALS] = {{"advocacy.referrals", CEL_INT, CEL_DYN},
                               GROUP(ADVOCACY),
                               MOTION_NONE},
    [DERIVED_VAR_TIE] = {{"tie", CEL_DOUBLE, CEL_DYN}, GROUP(TIE), MOTION_OTHER},
    [DERIVED_VAR_TURNS] = {{"turns.unresolved", CEL_INT, CEL_DYN}, GROUP(TURNS), MOTION_NONE},
    [DERIVED_VAR_SILENT] = {{"silent", CEL_DURATION, CEL_DYN}, GROUP(SILENT), MOTION_RISES},
};

/* ---------------------------------------------------------------- making it */

struct build {
    struct derived *d;
    derived_fault_fn on_fault;
    void *ctx;
    bool has_faults;
};

static void fault(struct build *b, const char *field, size_t index, const char *text)
{
    const struct derived_fault f = {index, field, text};

    b->has_faults = true;
    b->on_fault(b->ctx, &f);
}

static void check_span(struct build *b, const char *field, int64_t ms, int64_t least_ms)
{
    if (ms < least_ms || ms > 100000 * DAY_MS)
        fault(b, field, 0,
              least_ms == 1000 ? "must be between 1s and 100000d"
                               : "must be between 1h and 100000d");
}

static bool is_dimension_name(struct str name)
{
    if (!name.len || name.len > NAME_BYTES_MAX || (name.ptr[0] >= '0' && name.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

/* measure.D.last is measure_D_last in Redis, where another dimension must not be the same. */
static bool ends_in_last(struct str name)
{
    return name.len >= 5 && memcmp(name.ptr + name.len - 5, "_last", 5) == 0;
}

static void check_dimension(struct build *b, const struct derived_spec *spec, size_t i)
{
    struct str name = spec->dimensions[i];

    if (!is_dimension_name(name) || ends_in_last(name))
        fault(b, "dimensions", i,
              "a dimension's name has lower-case letters, digits and underscores, and does not end "
              "in _last: write it as in delight");
    for (size_t k = 0; k < i; k++) {
        if (str_eq(spec->dimensions[k], name))
            fault(b, "dimensions", i, "there is a dimension of this name already: leave it out");
    }
}

static void check(struct build *b, const struct derived_spec *spec)
{
    check_span(b, "half_life", spec->half_life_ms, 3600000);
    check_span(b, "pressure_window", spec->pressure_window_ms, 1000);
    check_span(b, "floor", spec->cadence_floor_ms, 1000);
    check_span(b, "prior", spec->cadence_prior_ms, 1000);
    if (!(spec->cadence_weight >= 1 && spec->cadence_weight <= 1000))
        fault(b, "weight", 0, "must be between 1 and 1000");
    if (spec->n_dimensions > DIMENSIONS_MAX)
        fault(b, "dimensions", DIMENSIONS_MAX, "at most 64 dimensions");
    if (spec->n_kinds > KINDS_MAX)
        fault(b, "kinds", KINDS_MAX, "at most 64 kinds");
    for (size_t i = 0; i < spec->n_dimensions; i++)
        check_dimension(b, spec, i);
    for (size_t i = 0; i < spec->n_kinds; i++)
        check_span(b, "kinds", spec->kinds[i].prior_ms, 1000);
}

static uint32_t tag_of(struct str text)
{
    return (uint32_t)hash64(text.ptr, text.len, 0);
}

static void set_dimensions(struct derived *d, const struct derived_spec *spec)
{
    size_t n = spec->n_dimensions;

    d->dimensions = mem_calloc(n + 1, sizeof(*d->dimensions));
    d->tags = mem_calloc(n + 1, sizeof(*d->tags));
    for (; d->n_dimensions < n; d->n_dimensions++) {
        struct str name = spec->dimensions[d->n_dimensions];

        d->dimensions[d->n_dimensions] = mem_strndup(name.ptr, name.len);
        d->tags[d->n_dimensions] = tag_of(name);
    }
    d->advocacy = derived_find_dimension(d, STR("advocacy"));
}

static void set_vars(struct derived *d)
{
    d->vars = mem_calloc(derived_n_vars(d), sizeof(*d->vars));
    d->names = mem_calloc(2 * d->n_dimensions + 1, sizeof(*d->names));
    for (size_t i = 0; i < N_DERIVED_VARS; i++)
        d->vars[i] = rows[i].var;
    for (size_t i = 0; i < 2 * d->n_dimensions; i++) {
        struct buf name = BUF_INIT;

        buf_addf(&name, "measure.%s%s", d->dimensions[i / 2], i % 2 ? ".last" : "");
        d->names[i] = name.ptr;
        d->vars[N_DERIVED_VARS + i] = (struct cel_var){name.ptr, CEL_DOUBLE, CEL_DYN};
    }
}

static void set_kinds(struct derived *d, const struct derived_spec *spec)
{
    d->kinds = mem_calloc(spec->n_kinds + 1, sizeof(*d->kinds));
    for (; d->n_kinds < spec->n_kinds; d->n_kinds++) {
        const struct cadence_kind_spec *kind = &spec->kinds[d->n_kinds];

        d->kinds[d->n_kinds] =
            (struct cadence_kind){.name = mem_strndup(kind->kind.ptr, kind->kind.len),
                                  .prior_x = log2_of((double)kind->prior_ms)};
    }
}

bool derived_init(struct derived *ret, const struct derived_spec *spec, derived_fault_fn on_fault,
                  void *ctx)
{
    struct build b = {.d = ret, .on_fault = on_fault, .ctx = ctx};

    *ret = (struct derived){.kept = 0};
    spec = spec ? spec : &derived_defaults;
    check(&b, spec);
    if (b.has_faults)
        return false;
    ret->kept = spec->keep & ((1u << N_DERIVED_GROUPS) - 1);
    ret->half_life_ms = spec->half_life_ms;
    ret->pressure_window_ms = spec->pressure_window_ms;
    ret->cadence = (struct cadence_def){.half_life_ms = spec->half_life_ms,
                                        .floor_ms = spec->cadence_floor_ms,
                                        .weight = spec->cadence_weight};
    ret->prior_x = log2_of((double)spec->cadence_prior_ms);
    set_dimensions(ret, spec);
    set_kinds(ret, spec);
    set_vars(ret);
    if (ret->kept & GROUP(ADVOCACY))
        ret->kept |= GROUP(MEASURE);
    return true;
}

void derived_deinit(struct derived *d)
{
    for (size_t i = 0; d->names && i < 2 * d->n_dimensions; i++)
        mem_free(d->names[i]);
    for (size_t i = 0; i < d->n_dimensions; i++)
        mem_free(d->dimensions[i]);
    for (size_t i = 0; i < d->n_kinds; i++)
        mem_free(d->kinds[i].name);
    mem_free(d->names);
    mem_free(d->vars);
    mem_free(d->dimensions);
    mem_free(d->tags);
    mem_free(d->kinds);
}

/* ---------------------------------------------------------------- asking it */

uint32_t derived_groups_of(size_t var)
{
    return var < N_DERIVED_VARS ? rows[var].groups : GROUP(MEASURE);
}

enum derived_motion derived_motion_of(size_t var)
{
    return var < N_DERIVED_VARS ? rows[var].motion : MOTION_NONE;
}

/* What the kept state itself was computed by: with another one it starts anew. */
static void add_basis(const struct derived *d, enum derived_group group, struct buf *out)
{
    switch (group) {
    case DERIVED_BALANCE:
    case DERIVED_TRUST:
    case DERIVED_MEASURE:
    case DERIVED_TIE:
        buf_addf(out, "half_life=%lld", (long long)d->half_life_ms);
        return;
    case DERIVED_CADENCE:
        buf_addf(out, "half_life=%lld|floor=%lld", (long long)d->half_life_ms,
                 (long long)d->cadence.floor_ms);
        return;
    default:
        return;
    }
}

uint32_t derived_tag(const struct derived *d, enum derived_group group)
{
    struct buf text = BUF_INIT;
    uint32_t tag;

    buf_addf(&text, "%s|", derived_group_names[group]);
    add_basis(d, group, &text);
    tag = tag_of(buf_str(&text));
    buf_deinit(&text);
    return tag;
}

void derived_canonical(const struct derived *d, size_t var, struct buf *out)
{
    uint32_t groups = derived_groups_of(var);

    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (groups >> g & 1)
            add_basis(d, (enum derived_group)g, out);
    }
    if (var == DERIVED_VAR_PRESSURE_RECENT)
        buf_addf(out, "window=%lld", (long long)d->pressure_window_ms);
    if (!(groups & GROUP(CADENCE)))
        return;
    buf_addf(out, "|weight=%.17g|prior=%.17g", d->cadence.weight, d->prior_x);
    for (size_t i = 0; i < d->n_kinds; i++)
        buf_addf(out, "|%zu:%s=%.17g", strlen(d->kinds[i].name), d->kinds[i].name,
                 d->kinds[i].prior_x);
}

void derived_field_name(const struct derived *d, size_t var, struct buf *out)
{
    for (const char *c = d->vars[var].name; *c; c++)
        buf_add_char(out, *c == '.' ? '_' : *c);
}

bool derived_takes_name(const struct derived *d, struct str name)
{
    struct buf field = BUF_INIT;
    bool takes = false;

    for (size_t i = 0; i < derived_n_vars(d) && !takes; i++) {
        buf_reset(&field);
        derived_field_name(d, i, &field);
        takes = str_eq(buf_str(&field), name);
    }
    buf_deinit(&field);
    return takes;
}

uint16_t derived_find_dimension(const struct derived *d, struct str name)
{
    for (size_t i = 0; i < d->n_dimensions; i++) {
        if (str_eq(name, str_of(d->dimensions[i])))
            return (uint16_t)i;
    }
    return NONE;
}

double derived_prior_x(const struct derived *d, const char *kind)
{
    for (size_t i = 0; kind && i < d->n_kinds; i++) {
        if (strcmp(d->kinds[i].name, kind) == 0)
            return d->kinds[i].prior_x;
    }
    return d->prior_x;
}
