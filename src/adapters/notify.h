/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Tells the service manager how we are (systemd's notification protocol). Without NOTIFY_SOCKET
 * every call does nothing. */
#include "base/err.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *text);
void notify_watchdog(void);
/* How often notify_watchdog is to be called (half of what the manager waits); 0: not asked for. */
int64_t notify_watchdog_period_ms(void);
