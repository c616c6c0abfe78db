/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The quick way of selectors: a `where` that is logic between comparisons is decided without its
 * program, once for all selectors that have the same, and a `value` that is one variable or one
 * number is had without its own.
 *
 * The shape of an event is its verb, where that is declared, its direction, and whether it is
 * automatic: a `where` that reads nothing else is decided for all shapes when the model is made.
 */
#include "engine/model_impl.h"

#define SELECTION_SHAPES 6 /* per verb */

/* Once all selectors and verbs are there. */
void selection_prepare(struct model *m);
/* For each selector whether its `where` holds; NULL: to be asked one by one. */
static inline const bool *selection_shape(const struct model *m, const struct event *event,
                                          const struct verb_spec *verb)
{
    size_t shape;

    if (!m->shapes || !verb)
        return NULL;
    shape = (size_t)(verb - m->verbs) * SELECTION_SHAPES + event->direction * 2u + event->automatic;
    return &m->shapes[shape * m->n_selectors];
}
void selection_deinit(struct selector *s);
/* Whether the condition holds; `get` and `ctx` as for cel_eval(). */
bool selection_holds(const struct cel_logic_node *where, cel_get_fn get, void *ctx);
