# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests: each on free loopback ports, in a folder of its own, gone with the test."""
