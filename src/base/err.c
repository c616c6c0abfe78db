/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when an invariant is broken: say which, and end. */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void err_ensure_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expr);
    abort();
}
