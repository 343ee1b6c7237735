"""A file from the network, kept only when its SHA-256 is the expected one.

It is written beside its target as ``<name>.part`` under a lock of the operating system, so that several sessions and
processes share one download, and moved into place when it is whole and its hash is right. Nothing here imports torch.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from normviz.nets.weights_errors import WeightsError, megabytes

try:
    import fcntl
except ImportError:  # Windows: downloads are not shared there, a mixture of two is found out by its hash
    fcntl = None  # type: ignore[assignment]

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

#: Bytes between two calls of ``progress``; seconds without a byte after which a download has broken off.
CHUNK: Final = 256 * 1024
PATIENCE: Final = 10.0
#: (path, size, time of change) of files whose hash was right: hashing 500 MB takes about a second.
_RIGHT: set[tuple[str, int, int]] = set()


def download(
    url: str,
    path: Path,
    sha256: str,
    limit: int,
    *,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> None:
    """Bring ``url`` to ``path``, where its SHA-256 begins with ``sha256``. At most ``limit`` bytes.

    ``progress(done, total)`` counts bytes; when it raises, or ``stop()`` returns True, the download ends and what has
    arrived is kept: the next try goes on from there. Raises WeightsError for everything that may go wrong.
    """
    where = {"file": path.name, "folder": str(path.parent), "address": _address(url)}
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part, path, where, limit, progress, stop) as file:
            if file is None:
                return  # another one has brought it meanwhile
            _receive(url, file, where, limit, progress, stop)
            digest = _sha256(part)
            if not digest.startswith(sha256):
                _close_for_windows(file)
                part.unlink(missing_ok=True)
                raise WeightsError("wrong_download", where | {"received": digest[:8]})
            _close_for_windows(file)
            part.replace(path)
            _RIGHT.add(_version(path))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise WeightsError("disk_full", where | {"megabytes": megabytes(limit)}) from None
        raise WeightsError("unwritable", where | {"reason": error.strerror or type(error).__name__}) from None


def checked(path: Path, sha256: str) -> None:
    """Raise WeightsError where the file is not the expected one. Hashed once, and again whenever it has changed."""
    try:
        version = _version(path)
        if version not in _RIGHT:
            digest = _sha256(path)
            if not digest.startswith(sha256):
                raise WeightsError(
                    "wrong_hash", {"file": path.name, "folder": str(path.parent), "received": digest[:8]}
                )
            _RIGHT.add(version)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(
            "unwritable", {"file": path.name, "folder": str(path.parent), "reason": reason}
        ) from None


@contextmanager
def _alone(
    part: Path, path: Path, where: dict[str, Any], limit: int, progress: Progress | None, stop: Stop | None
) -> Iterator[BinaryIO | None]:
    """The open ``part`` file, of which nobody else has the lock; None where the whole file has come meanwhile."""
    while True:
        with part.open("ab") as file:
            if _lock(file):
                # The one who had the lock may have moved or deleted the file that is open here.
                if part.exists() and os.path.samestat(os.fstat(file.fileno()), part.stat()):
                    if path.is_file():
                        part.unlink()
                        yield None
                    else:
                        yield file
                    return
            else:
                _tell(_size(part), limit, where, progress, stop)
                time.sleep(0.1)


def _close_for_windows(file: BinaryIO) -> None:
    """Windows moves and deletes no open file; elsewhere it stays open, since its lock ends with it."""
    if fcntl is None:
        file.close()


def _lock(file: BinaryIO) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _receive(
    url: str, file: BinaryIO, where: dict[str, Any], limit: int, progress: Progress | None, stop: Stop | None
) -> None:
    """Append to ``file`` what is missing of ``url``."""
    done = file.seek(0, 2)
    with _answer(url, done, where) as answer:
        if done and _continues_at(answer) != done:
            done = 0
            file.truncate(0)
        length = answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else 0
        if total > limit:
            file.truncate(0)
            raise WeightsError("oversized", where | _sizes(total, limit))
        while chunk := _next(answer):
            file.write(chunk)
            file.flush()
            done += len(chunk)
            if done > limit:
                file.truncate(0)
                raise WeightsError("oversized", where | _sizes(done, limit))
            _tell(done, total, where, progress, stop)
        if done < total:
            raise WeightsError(
                "interrupted", where | {"megabytes": megabytes(done), "total_megabytes": megabytes(total)}
            )


def _next(answer: HTTPResponse) -> bytes:
    """What has arrived; nothing at the end, and where the connection broke off."""
    try:
        return answer.read1(CHUNK)
    except (OSError, HTTPException):
        return b""


def _answer(url: str, done: int, where: dict[str, Any]) -> HTTPResponse:
    headers = {"User-Agent": "normviz", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    opener = urllib.request.build_opener(_SameScheme)
    try:
        answer: HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:  # nothing is missing, or the file there is a shorter one: begin anew
            return _answer(url, 0, where)
        raise WeightsError("refused", where | {"status": error.code}) from None
    except (urllib.error.URLError, HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        said = getattr(reason, "strerror", None) or type(reason).__name__
        raise WeightsError("unreachable", where | {"reason": said}) from None
    return answer


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows no redirection from https to anything else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _continues_at(answer: HTTPResponse) -> int:
    """Where the answer begins in the file: 0 for a whole one."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if answer.status == 206 and found else 0


def _tell(done: int, total: int, where: dict[str, Any], progress: Progress | None, stop: Stop | None) -> None:
    if progress is not None:
        progress(done, total)
    if stop is not None and stop():
        raise WeightsError("stopped", where | {"megabytes": megabytes(done)})


def _sizes(received: int, limit: int) -> dict[str, float]:
    return {"megabytes": megabytes(received), "limit_megabytes": megabytes(limit)}


def _address(url: str) -> str:
    """Host and path: ``download.pytorch.org/models/resnet18-f37072fd.pth``."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _version(path: Path) -> tuple[str, int, int]:
    """What changes when the file does."""
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
