# SPDX-License-Identifier: Apache-2.0
"""Derived values of one stakeholder, each by its definition, from all its events."""

OWED = {"organisation": {"owed.by_us", "owed.oldest"},
        "stakeholder": {"owed.by_them", "owed.oldest_theirs"}}


def value(person, name, t):
    raise KeyError(name)


def shape(person, name, t, value):
    return "still", value


def edges(person, name):
    return []


def changed_by(event):
    return set()


def prefer(preference, event):
    pass
