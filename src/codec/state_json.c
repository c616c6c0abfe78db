/* SPDX-License-Identifier: Apache-2.0 */
/* A stakeholder's state as JSON. */
#include "codec/state_json.h"

#include "codec/json_write.h"

/* Triggers that are held back; left out where there are none. */
static void write_held(struct buf *b, const struct stakeholder_view *view)
{
    if (!view->n_held)
        return;
    json_write_name(b, STR("held"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < view->n_held; i++) {
        const struct held_view *h = &view->held[i];

        json_write_item(b);
        json_write_open(b, NULL);
        json_write_text(b, "rule", h->rule);
        json_write_text(b, "by", str_of(obstacle_name(h->by)));
        json_write_text(b, "because", h->because);
        json_write_text(b, "author", h->author);
        json_write_instant(b, "since", h->since_ms);
        if (h->until_ms != INT64_MAX)
            json_write_instant(b, "until", h->until_ms);
        json_write_close(b);
    }
    buf_add_char(b, ']');
}

void state_json_write(struct buf *b, const struct stakeholder_view *view)
{
    json_write_open(b, NULL);
    json_write_text(b, "subject", view->subject);
    json_write_instant(b, "as_of", view->as_of_ms);
    json_write_name(b, STR("stage"));
    if (view->stage.len)
        buf_add_json_str(b, view->stage);
    else
        buf_add_str(b, STR("null"));
    if (view->stage.len)
        json_write_instant(b, "stage_since", view->stage_since_ms);
    json_write_values(b, "metrics", view->metrics, view->n_metrics);
    if (view->n_derived)
        json_write_values(b, "derived", view->derived, view->n_derived);
    json_write_name(b, STR("obligations"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < view->n_obligations; i++) {
        json_write_item(b);
        json_write_open(b, NULL);
        json_write_obligation(b, &view->obligations[i]);
        json_write_close(b);
    }
    buf_add_char(b, ']');
    write_held(b, view);
    json_write_close(b);
}
