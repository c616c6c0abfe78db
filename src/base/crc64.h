/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* CRC-64/Redis: polynomial ad93d23594c935a9 (Jones), reflected, from 0; "123456789" is
 * e9c6d914c4b8d9ca. What Redis expects at the end of a serialized value. */
#include "base/str.h"

uint64_t crc64(struct str bytes);
