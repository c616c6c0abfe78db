/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a stakeholder has asked of us. */
#include <stdbool.h>
#include <stdint.h>

struct profile;

/* At most *ret_n outbound interactions in any span of *ret_per_ms. False: not stated. */
bool preference_max_contacts(const struct profile *p, uint32_t *ret_n, int64_t *ret_per_ms);
