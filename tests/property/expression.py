# SPDX-License-Identifier: Apache-2.0
"""Conditions as small trees: they are written as CEL for the program, and decided here by hand.

A value that is absent makes what reads it an error (None); `a || true` is true all the same, and
`a && false` false: CEL's logic. A condition that comes to None does not hold.
"""
import math
import operator

OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
             "==": operator.eq, "!=": operator.ne}


def literal(value, kind):
    if kind == "duration":
        return f'duration("{value}ms")'
    if kind == "double":
        return repr(float(value))
    if kind == "string":
        return f'"{value}"'
    return str(value)


class Compare:
    """first [+|- second] OP constant; `kind` is the type of both sides."""

    def __init__(self, first, op, constant, kind, second=None, sign=1):
        self.first, self.op, self.constant, self.kind = first, op, constant, kind
        self.second, self.sign = second, sign

    def cel(self):
        left = self.first
        if self.second:
            left += f" {'+' if self.sign > 0 else '-'} {self.second}"
        return f"{left} {self.op} {literal(self.constant, self.kind)}"

    def names(self):
        return {self.first} | ({self.second} if self.second else set())

    def value(self, env):
        value = env(self.first)
        if self.second and value is not None:
            other = env(self.second)
            value = None if other is None else value + self.sign * other
        return value

    def holds(self, env):
        value = self.value(env)
        return None if value is None else OPERATORS[self.op](value, self.constant)

    def flips(self, shape, now, end):
        """Instants in (now, end) at which time alone may change what this comes to."""
        if self.kind in ("string", "bool"):
            return []
        parts = [(1, shape(self.first))]
        if self.second:
            parts.append((self.sign, shape(self.second)))
        if any(s is None for _, s in parts):
            return []
        return roots(parts, self.constant, now, end)


class Is:
    """A variable that is a bool itself."""

    def __init__(self, name):
        self.first = name

    def cel(self):
        return self.first

    def names(self):
        return {self.first}

    def holds(self, env):
        return env(self.first)

    def flips(self, shape, now, end):
        return []


class Not:
    def __init__(self, inner):
        self.inner = inner

    def cel(self):
        return f"!({self.inner.cel()})"

    def names(self):
        return self.inner.names()

    def holds(self, env):
        holds = self.inner.holds(env)
        return None if holds is None else not holds

    def flips(self, shape, now, end):
        return self.inner.flips(shape, now, end)


class Join:
    """`a && b` or `a || b`."""

    def __init__(self, is_and, left, right):
        self.is_and, self.left, self.right = is_and, left, right

    def cel(self):
        return f"({self.left.cel()} {'&&' if self.is_and else '||'} {self.right.cel()})"

    def names(self):
        return self.left.names() | self.right.names()

    def holds(self, env):
        sides = self.left.holds(env), self.right.holds(env)
        decides = not self.is_and
        if decides in sides:
            return decides
        return None if None in sides else self.is_and

    def flips(self, shape, now, end):
        return self.left.flips(shape, now, end) + self.right.flips(shape, now, end)


# How a value goes on when only time passes, from `now`: a shape is one of
#   ("still", v)            it stays
#   ("decay", v, H)         v * 2^(-dt / H)
#   ("line", v, slope)      v + slope * dt
#   ("curve", f, steps)     f(t), smooth enough that `steps` samples see each root
def roots(parts, constant, now, end):
    level, decays, slope, curves = -float(constant), [], 0, []
    for sign, shape in parts:
        if shape[0] == "still":
            level += sign * shape[1]
        elif shape[0] == "decay":
            decays.append((sign * shape[1], shape[2]))
        elif shape[0] == "line":
            level += sign * shape[1]
            slope += sign * shape[2]
        else:
            curves.append((sign, shape[1]))
    if not curves and not slope and not decays:
        return []
    if curves or (slope and decays):
        return searched(parts, constant, now, end)
    if slope:
        at = [-level / slope]
    elif len(decays) == 1:
        at = decay_roots(level, decays[0])
    else:
        at = two_decays(level, decays, end - now)
    return instants(at, now, end)


def instants(offsets, now, end):
    """The whole milliseconds around each offset from now."""
    out = []
    for offset in offsets:
        if math.isfinite(offset) and -2 < offset < end - now + 2:
            low = math.floor(offset)
            out += [t for t in range(now + low - 1, now + low + 3) if now < t < end]
    return out


def decay_roots(level, decay):
    coefficient, half_life = decay
    if coefficient == 0 or level == 0 or (level > 0) == (coefficient > 0):
        return []
    share = -level / coefficient
    return [-half_life * math.log2(share)] if 0 < share <= 1 else []


def two_decays(level, decays, span):
    (a, h), (b, k) = decays
    if h == k:
        return decay_roots(level, (a + b, h))

    def f(x):
        return level + a * 2 ** (-x / h) + b * 2 ** (-x / k)

    # One extremum at most: where (a/h) 2^(-x/h) = -(b/k) 2^(-x/k).
    cuts = [0.0, float(span)]
    if a and b and (a > 0) != (b > 0):
        x = math.log2(-(a / h) / (b / k)) / (1 / h - 1 / k)
        if 0 < x < span:
            cuts = [0.0, x, float(span)]
    return [bisect(f, low, high) for low, high in zip(cuts, cuts[1:]) if f(low) * f(high) < 0]


def bisect(f, low, high):
    sign = f(low) > 0
    while high - low > 0.25:
        middle = (low + high) / 2
        if (f(middle) > 0) == sign:
            low = middle
        else:
            high = middle
    return low


def searched(parts, constant, now, end):
    def f(offset):
        t, total = now + round(offset), -float(constant)
        for sign, shape in parts:
            if shape[0] == "still":
                total += sign * shape[1]
            elif shape[0] == "decay":
                total += sign * shape[1] * 2 ** (-(t - now) / shape[2])
            elif shape[0] == "line":
                total += sign * (shape[1] + shape[2] * (t - now))
            else:
                total += sign * shape[1](t)
        return total

    steps = max([s[2] for _, s in parts if s[0] == "curve"] or [16])
    span, grid = end - now, [0.0]
    for i in range(1, steps + 1):
        grid.append(span * (i / steps) ** 3)  # denser where things still move
    values = [f(x) for x in grid]
    found = []
    for is_beyond in (lambda y: y > 0, lambda y: y >= 0):  # it may stay on the constant for a while
        for i in range(steps):
            if is_beyond(values[i]) != is_beyond(values[i + 1]):
                found.append(bisect_ms(lambda x: is_beyond(f(x)), grid[i], grid[i + 1]))
    return instants(found, now, end)


def bisect_ms(holds, low, high):
    at_first = holds(low)
    low, high = math.floor(low), math.ceil(high)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle) == at_first:
            low = middle
        else:
            high = middle
    return low
