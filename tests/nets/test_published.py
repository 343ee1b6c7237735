"""Downloads of published weights against a server of this machine: nothing here reaches the internet."""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from normviz.nets import download, published
from normviz.nets.networks import build
from normviz.nets.published import PUBLISHED, Published
from normviz.nets.weights import fill, training
from normviz.nets.weights_errors import MESSAGES, WeightsError
from normviz.network_runs import Plan, Training
from normviz.networks import NETWORKS
from tests.file_server import Server, serve


def checkpoint(**options: Any) -> bytes:
    """A small checkpoint as torchvision publishes them."""
    file = io.BytesIO()
    torch.save({"weight": torch.arange(60_000.0)}, file, **options)
    return file.getvalue()


FILE = checkpoint()


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(FILE) as running:
        yield running


@pytest.fixture
def entry(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """A published file at that server, and an empty folder to keep it in."""
    monkeypatch.setattr(published, "ADDRESS", f"http://127.0.0.1:{server.server_port}/models/")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(download, "PATIENCE", 5.0)
    return Published("small", "small-00000000.pth", 0.3, 0.5, hashlib.sha256(FILE).hexdigest())


def refused(entry: Published, **options: Any) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        published.load(entry, **options)
    text = str(caught.value)
    assert text == MESSAGES[caught.value.code].format(**caught.value.details)
    assert entry.file in text and "Traceback" not in text
    return caught.value


def part(entry: Published) -> Path:
    return entry.path.with_name(entry.file + ".part")


@pytest.mark.parametrize("how", ["whole", "no length"])
def test_a_file_is_fetched_once_and_told_of(server: Server, entry: Published, how: str) -> None:
    server.how = how
    heard: list[tuple[int, int]] = []
    assert not published.is_here(entry)
    state = published.load(entry, progress=lambda done, total: heard.append((done, total)))
    assert torch.equal(state["weight"], torch.arange(60_000.0))
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1] == (len(FILE), len(FILE) if how == "whole" else 0)
    assert published.is_here(entry) and entry.path.read_bytes() == FILE and not part(entry).exists()
    published.load(entry)
    assert server.asked == [""]


def test_torchs_oldest_format_is_read_too(server: Server, entry: Published) -> None:
    server.body = checkpoint(_use_new_zipfile_serialization=False)
    entry = replace(entry, sha256=hashlib.sha256(server.body).hexdigest()[:8])
    assert published.load(entry)["weight"].shape == (60_000,)


def test_what_broke_off_goes_on_from_there(server: Server, entry: Published) -> None:
    server.how = "cut"
    error = refused(entry)
    assert error.code == "interrupted" and "127.0.0.1" in str(error) and str(published.folder()) in str(error)
    assert part(entry).stat().st_size == len(FILE) // 3
    server.how = "whole"
    published.load(entry)
    assert server.asked == ["", f"bytes={len(FILE) // 3}-"] and entry.path.read_bytes() == FILE


def test_a_server_without_ranges_sends_it_all_again(server: Server, entry: Published) -> None:
    part_file = part(entry)
    part_file.parent.mkdir(parents=True)
    part_file.write_bytes(b"something else")
    server.how = "no ranges"
    published.load(entry)
    assert entry.path.read_bytes() == FILE


def test_a_part_as_long_as_the_file_is_begun_anew(server: Server, entry: Published) -> None:
    part_file = part(entry)
    part_file.parent.mkdir(parents=True)
    part_file.write_bytes(bytes(len(FILE)))
    published.load(entry)
    assert server.asked == [f"bytes={len(FILE)}-", ""] and entry.path.read_bytes() == FILE


class Left(BaseException):
    """Like Streamlit's own, which ends a script when the browser leaves."""


def test_a_slow_download_can_be_stopped_and_goes_on(server: Server, entry: Published) -> None:
    server.how = "slow"
    assert refused(entry, stop=lambda: True).code == "stopped"

    def leave(done: int, total: int) -> None:
        raise Left

    with pytest.raises(Left):
        published.load(entry, progress=leave)
    assert part(entry).stat().st_size > 0 and not entry.path.exists()
    server.go.set()
    assert published.load(entry)["weight"].shape == (60_000,)
    assert server.asked[0] == "" and all(asked for asked in server.asked[1:])


def test_several_sessions_share_one_download(server: Server, entry: Published) -> None:
    server.how = "slow"
    heard = threading.Barrier(3)
    waiting = {0: False, 1: False, 2: False}

    def session(number: int) -> int:
        def progress(done: int, total: int) -> None:
            if not waiting[number]:
                waiting[number] = True
                heard.wait(20)  # all three are at it: now the server may go on
                server.go.set()

        return len(published.load(entry, progress=progress)["weight"])

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(session, range(3))) == [60_000] * 3
    assert len(server.asked) == 1 and not part(entry).exists()


def test_another_file_is_deleted_and_never_read(
    server: Server, entry: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read before its hash was checked"))
    server.body = FILE[:-1] + b"!"
    error = refused(entry)
    assert error.code == "wrong_download"
    assert error.details["received"] == hashlib.sha256(server.body).hexdigest()[:8]
    assert list(published.folder().iterdir()) == []


def test_a_file_in_the_folder_is_checked_again(server: Server, entry: Published) -> None:
    published.load(entry)
    entry.path.write_bytes(FILE[:100])
    error = refused(entry)
    assert error.code == "wrong_hash" and str(published.folder()) in str(error)
    assert server.asked == [""] and entry.path.exists()


def test_its_hash_is_computed_once(entry: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    published.load(entry)
    monkeypatch.setattr(download, "_sha256", lambda path: pytest.fail("hashed again"))
    published.load(entry)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_file_address_and_folder(server: Server, entry: Published, status: int) -> None:
    server.how, server.status = "status", status
    error = refused(entry)
    assert error.code == "refused" and error.details["status"] == status
    address = f"127.0.0.1:{server.server_port}/models/small-00000000.pth"
    assert address in str(error) and str(published.folder()) in str(error)


def test_no_other_protocol_is_followed(server: Server, entry: Published) -> None:
    server.how = "elsewhere"
    assert refused(entry).code == "refused"


def test_without_a_network(server: Server, entry: Published) -> None:
    port = server.server_port
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "ADDRESS", "http://127.0.0.1:9/models/")  # nobody listens there
        assert port != 9
        error = refused(entry)
    assert error.code == "unreachable"
    assert "127.0.0.1:9/models/small-00000000.pth" in str(error) and str(published.folder()) in str(error)


@pytest.mark.parametrize("how", ["whole", "no length"])
def test_more_than_there_should_be_is_not_kept(server: Server, entry: Published, how: str) -> None:
    server.how, server.body = how, bytes(3_000_000)
    assert refused(entry).code == "oversized"
    assert part(entry).stat().st_size == 0


def test_a_full_disk(entry: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_receive", full)
    assert refused(entry).code == "disk_full"
    assert list(published.folder().iterdir()) == []


def test_a_folder_that_cannot_be_written(entry: Published) -> None:
    published.folder().write_text("a file in the place of the folder")
    assert refused(entry).code == "unwritable"


class Executed:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import builtins; builtins.executed_by_a_download = True",)


def test_a_pickle_with_the_right_hash_runs_nothing(server: Server, entry: Published) -> None:
    import builtins

    file = io.BytesIO()
    torch.save({"weight": Executed()}, file)
    for body in (pickle.dumps(Executed(), 2), file.getvalue(), pickle.dumps([1, 2], 2), checkpoint()[:-50]):
        server.body = body
        entry.path.unlink(missing_ok=True)
        assert refused(replace(entry, sha256=hashlib.sha256(body).hexdigest())).code == "unreadable"
    assert not hasattr(builtins, "executed_by_a_download")


def test_the_table_and_the_networks_name_the_same_models() -> None:
    variants = {name for network in NETWORKS.values() for name in network.variants.values()}
    assert variants == set(PUBLISHED)
    for model, row in PUBLISHED.items():
        assert row.model == model and row.url == f"https://download.pytorch.org/models/{row.file}"
        # The name ends in the first digits of the hash; the size is that of the state in float32.
        assert row.file.endswith(f"-{row.sha256[:8]}.pth") and len(row.sha256) in (8, 64)
        assert 0.5 < row.accuracy < 0.8


@pytest.mark.parametrize("network", [key for key, row in NETWORKS.items() if row.variants])
def test_the_published_sizes_are_those_of_the_states(network: str) -> None:
    for norm, model in NETWORKS[network].variants.items():
        state = build(network, norm=norm, device="meta").state_dict()
        size = sum(tensor.numel() * tensor.element_size() for tensor in state.values()) / 1024**2
        assert PUBLISHED[model].megabytes == pytest.approx(size, abs=0.15)


def test_published_weights_fill_a_network(
    server: Server, entry: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in of torchvision's file: its keys, without the counters that old files lack."""
    source = build("resnet18", init="he", seed=5)
    state = {name: tensor for name, tensor in source.state_dict().items() if "num_batches" not in name}
    file = io.BytesIO()
    torch.save(state, file)
    server.body = file.getvalue()
    stand_in = replace(entry, megabytes=45.0, sha256=hashlib.sha256(server.body).hexdigest())
    monkeypatch.setattr(published, "PUBLISHED", {"resnet18": stand_in})
    module = build("resnet18", init="none")
    fill(module, Plan("resnet18", weights="published"))
    assert training("resnet18", "", "published") == Training("relu", 224, stand_in.accuracy)
    for name, tensor in source.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name
