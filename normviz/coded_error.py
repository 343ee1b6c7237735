"""A refusal that a page can say in the visitor's language: a code, and the numbers of its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CodedError(ValueError):
    """Why something is refused: a stable ``code``, a key of ``messages``, and ``details`` for its placeholders.

    >>> class Refused(CodedError):
    ...     messages = {"too_many": "{count} were given; at most 3 are read. Give fewer."}
    >>> print(Refused("too_many", {"count": 5}))
    5 were given; at most 3 are read. Give fewer.
    """

    #: The English sentence of every code.
    messages: ClassVar[Mapping[str, str]] = {}

    def __init__(self, code: str, details: Mapping[str, int | float | str] | None = None) -> None:
        super().__init__(code, dict(details or {}))  # both in args: the error survives pickling
        self.code = code
        self.details = dict(details or {})

    def __str__(self) -> str:
        return self.messages[self.code].format(**self.details)
