/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What each target defines, and libFuzzer or standalone.c calls. */
#include "base/err.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
