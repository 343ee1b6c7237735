"""One line about how far a run is: on a terminal always the newest, in a log a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, TextIO

#: How often the line is renewed on a terminal, and how often a log gets one, in seconds.
TERMINAL: Final = 0.2
LOG: Final = 30.0


class Progress:
    """Writes to a stream; what is on the terminal's line goes when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._start = time.monotonic()
        self._last = self._start - TERMINAL if self._terminal else self._start
        self._began = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, done: int, before: int, total: int) -> None:
        """So many files of the total are done, some of them before this run."""
        now = time.monotonic()
        if not self._began:
            # The clock starts with the first batch: how long torch took to load says nothing about the rest.
            self._start, self._began = now, True
        self._write(said(done, before, total, now - self._start), now)

    def fetched(self, done: int, total: int) -> None:
        """So many bytes of the weights have been downloaded."""
        if done < total:
            self._write(f"weights: {done / 1e6:.0f} of {total / 1e6:.0f} MB", time.monotonic())

    def _write(self, line: str, now: float) -> None:
        if now - self._last < (TERMINAL if self._terminal else LOG):
            return
        self._last = now
        self._stream.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        self._stream.flush()


def said(done: int, before: int, total: int, seconds: float) -> str:
    """The line.

    >>> said(300, 100, 1000, 50.0)
    '300 of 1,000 images, 4.0 a second, 2 min 55 s left'
    >>> said(100, 100, 1000, 0.1)
    '100 of 1,000 images'
    """
    line = f"{done:,} of {total:,} images"
    if done <= before or seconds <= 0:
        return line
    rate = (done - before) / seconds
    return f"{line}, {rate:.1f} a second, {_span((total - done) / rate)} left"


def _span(seconds: float) -> str:
    """A span of time, as somebody who waits wants to know it.

    >>> _span(5), _span(90), _span(7300)
    ('5 s', '1 min 30 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
    )
