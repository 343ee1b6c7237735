"""Reads the formulas of activations and poolings as a person would and works them out: what is shown is computed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
TOKEN = re.compile(r"\\[a-zA-Z]+|\\\\|\d+\.\d+|\d|[a-zA-Z]|[-+*/^_{}(),&<>]")
#: Only spacing, and delimiters' sizes.
SILENT = re.compile(r"(?<!\\)\\[,; ]|\\(?:big|Big)[lr]|\\left|\\right|\\q?quad")
ENDS = {
    "",
    "+",
    "-",
    "/",
    ")",
    "}",
    ",",
    "&",
    r"\\",
    r"\end",
    "<",
    ">",
    r"\le",
    r"\ge",
    r"\rfloor",
    r"\rceil",
}
COMPARE: Mapping[str, Callable[..., Any]] = {
    "<": np.less,
    ">": np.greater,
    r"\le": np.less_equal,
    r"\ge": np.greater_equal,
}
ROUND: Mapping[str, Callable[..., Any]] = {r"\lfloor": np.floor, r"\lceil": np.ceil}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    r"\tanh": np.tanh,
    r"\ln": np.log,
    r"\max": np.maximum,
    r"\min": np.minimum,
    r"\sigma": lambda x: 1 / (1 + np.exp(-x)),
    r"\Phi": np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), otypes=[float]),
    r"\varphi": lambda x: np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
}


class Reader:
    """A recursive descent over the tokens; writing side by side is multiplying."""

    def __init__(self, tex: str, names: Mapping[str, Any]) -> None:
        tex = SILENT.sub(" ", tex)
        assert not TOKEN.sub("", tex).strip(), TOKEN.sub("", tex)
        self.tokens, self.names = TOKEN.findall(tex), {"e": math.e, r"\pi": math.pi, **names}

    def next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *expected: str) -> str:
        token = self.tokens.pop(0)
        assert not expected or token in expected, (token, self.tokens)
        return token

    def all(self) -> Any:
        value = self.sum()
        assert not self.tokens, self.tokens
        return value

    def sum(self) -> Any:
        value = -self.product() if self.next() == "-" and self.take() else self.product()
        while self.next() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> Any:
        value = self.power()
        while self.next() == "/" or self.next() not in ENDS:
            value = value / self.power() if self.next() == "/" and self.take() else value * self.power()
        return value

    def power(self) -> Any:
        value = self.value()
        return value ** self.value() if self.next() == "^" and self.take() else value

    def value(self) -> Any:
        token = self.take()
        if token in ("(", "{"):
            inner = self.sum()
            self.take(")" if token == "(" else "}")
            return inner
        if token in ROUND:
            inner = self.sum()
            self.take(token.replace("l", "r", 1))
            return ROUND[token](inner)
        if token in (r"\frac", r"\tfrac"):
            return self.value() / self.value()
        if token == r"\sqrt":
            return np.sqrt(self.value())
        if token == r"\begin":
            return self.cases()
        if token in FUNCTIONS:
            exponent = self.value() if self.next() == "^" and self.take() else 1
            return FUNCTIONS[token](*self.arguments()) ** exponent
        if self.next() == "_" and self.take():
            self.take()  # an index: each channel's own
        return self.names[token] if token in self.names else float(token)

    def arguments(self) -> list[Any]:
        if self.next() != "(":
            return [self.power()]
        self.take()
        found = [self.sum()]
        while self.take(",", ")") == ",":
            found.append(self.sum())
        return found

    def word(self) -> str:
        self.take("{")
        letters = ""
        while (letter := self.take()) != "}":
            letters += letter
        return letters

    def cases(self) -> Any:
        assert self.word() == "cases"
        found: list[tuple[Any, Any]] = []
        while not found or self.take(r"\\", r"\end") != r"\end":
            value = self.sum()
            self.take("&")
            found.append((value, self.condition()))
        assert self.word() == "cases"
        conditions = np.array([condition for _, condition in found])
        assert (conditions.sum(axis=0) == 1).all(), "every value has one case"
        return np.select(list(conditions), [np.broadcast_to(v, conditions[0].shape) for v, _ in found])

    def condition(self) -> Any:
        left, holds = self.sum(), True
        while self.next() in COMPARE:
            compare = COMPARE[self.take()]
            right = self.sum()
            holds, left = holds & compare(left, right), right
        return holds


def sides(tex: str, x: Array, **symbols: float) -> list[Array]:
    """What each side of ``f(x) = … = …`` is at x.

    After a quad may stand ``s = …``, a letter of the formula; what stands after two is a remark.
    """
    main, *where = tex.partition(r"\qquad")[0].split(r",\quad")
    names: dict[str, Any] = {"x": x, **symbols}
    for each in where:
        name, definition = each.split(" = ")
        names[name.strip()] = Reader(definition, names).all()
    left, *right = re.split(r" = |\\approx", main)
    assert left.strip() in ("f(x)", "f'(x)") and right
    return [Reader(side, names).all() for side in right]
