/* SPDX-License-Identifier: Apache-2.0 */
/* A stakeholder's state as JSON. */
#include "codec/state_json.h"

#include "codec/json_write.h"

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
    json_write_close(b);
}
