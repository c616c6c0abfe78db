/* SPDX-License-Identifier: Apache-2.0 */
/* Preferences are not kept by this version: nobody has stated any. */
#include "engine/preference.h"

bool preference_max_contacts(const struct profile *p, uint32_t *ret_n, int64_t *ret_per_ms)
{
    (void)p;
    (void)ret_n;
    (void)ret_per_ms;
    return false;
}
