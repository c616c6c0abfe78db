# SPDX-License-Identifier: Apache-2.0
"""Where the program is known to do otherwise: names of found/*.json, set by run.py, which asks the
program first."""

KNOWN = set()
