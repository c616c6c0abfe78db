/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Two stakeholders are one. */
#include "engine/engine_impl.h"

/*
 * Brings what `from` has into `into`, as if all had always been of one: what decays is brought to
 * the same instant and added, windows and duplicates are those of both, obligations join those of
 * their group, rules stand where the one that stands further does. Kind and account are `into`'s
 * unless it has none. `from` may be read no more, only freed. Where the two have seen parts of one
 * conversation, what is kept of each decides: see ledger_is_answered() and due_merge().
 * Puts what an answer of the other has brought further into `ret_advances`, which takes
 * LEDGER_OPEN_MAX; what is closed is the caller's to free. Returns how many.
 */
size_t profile_merge(struct engine *e, struct profile *into, struct profile *from,
                     struct advance *ret_advances);
