/* SPDX-License-Identifier: Apache-2.0 */
/* What ships: no place to die at. */
#include "base/kill_point.h"

void kill_point(const char *name)
{
    (void)name;
}
