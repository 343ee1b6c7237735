"""Why weights are not used: one exception, a stable code, a sentence.

>>> error = WeightsError("wrong_hash", {"file": "resnet18-f37072fd.pth", "folder": "/cache", "received": "00aa11bb"})
>>> error.code, error.details["received"]
('wrong_hash', '00aa11bb')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from normviz.coded_error import CodedError

#: The one line that turns a checkpoint of torch.save into a file that is read here: run where the file is trusted.
CONVERT: Final = (
    "import torch; from safetensors.torch import save_file; "
    'state = torch.load("model.pt", map_location="cpu", weights_only=True); state = state.get("state_dict", state); '
    'save_file({key: value.contiguous().clone() for key, value in state.items()}, "model.safetensors")'
)

#: The English sentence of every :attr:`WeightsError.code`; its placeholders are the keys of ``details``.
MESSAGES: Final[Mapping[str, str]] = {
    # A file of the visitor's
    "empty": "The file is empty (0 bytes). Choose a .safetensors file.",
    "too_large": "The file has {megabytes} MB; at most {limit_megabytes} MB of weights are read. Use a "
    "smaller network.",
    "checkpoint": "This is a checkpoint of torch.save (a pickle), which can run code when it is read, so it "
    "is not read here. If you trust it, convert it on your own machine: `{convert}`",
    "torchscript": "This is a TorchScript program, which runs code when it is read, so it is not read here. "
    "Save the state_dict() of the original module as safetensors.",
    "exported": "This is a program of torch.export (.pt2); to read it means to load a pickle, which can run "
    "code, so it is not read here. Save the state_dict() of the original module as safetensors.",
    "other_format": "This is {format}, which is not read here. Save the weights as safetensors, with the "
    "key names of torchvision.",
    "not_safetensors": "The file ({bytes} bytes) is not a safetensors file, which begins with the length of "
    "its header and the header, a JSON object. Save it with safetensors.torch.save_file.",
    "header_too_large": "The file claims a header of {bytes} bytes; at most {limit} are read. Save it again "
    "without its metadata.",
    "truncated": "The file ends too early: {bytes} bytes arrived, but its header describes {promised}. Copy "
    "or download it again.",
    "longer": "The file has {bytes} bytes, but its header describes only {promised}. Save it again with "
    "safetensors.torch.save_file.",
    "header_json": "The header of the file is not JSON from character {position} on. Copy or download the "
    "file again.",
    "header_text": "The header of the file is not UTF-8 from byte {position} on. Copy or download the file "
    "again.",
    "header_deep": "The header of the file is nested too deep. Save it again with "
    "safetensors.torch.save_file.",
    "header_number": "The header of the file has a number that is not an integer of reasonable length. Save "
    "it again with safetensors.torch.save_file.",
    "header_twice": "The header of the file has the same name twice. Save it again with "
    "safetensors.torch.save_file.",
    "header_metadata": "The `__metadata__` in the header of the file is not a table of texts. Save it again "
    "with safetensors.torch.save_file.",
    "header_name": "The name of a tensor does not consist of 1 to {limit} letters, digits and . _ - : / +. "
    "Rename it and save the file again.",
    "header_fields": "The header of the file does not give dtype, shape and data_offsets of `{name}`. Save it "
    "again with safetensors.torch.save_file.",
    "header_shape": "The shape of `{name}` is not a list of at most {limit} lengths. Save it again with "
    "safetensors.torch.save_file.",
    "header_offsets": "The data_offsets of `{name}` are not a beginning and an end. Save it again with "
    "safetensors.torch.save_file.",
    "header_bytes": "The shape of `{name}` needs {wanted} bytes, the header gives it {bytes}. Save it again "
    "with safetensors.torch.save_file.",
    "header_gap": "`{name}` begins at byte {begin}, but what lies before it ends at {end}. Save it again with "
    "safetensors.torch.save_file.",
    "too_many": "The file has {count} tensors; at most {limit} are read. Save the weights alone, without an "
    "optimizer's state.",
    "no_tensors": "The file has no tensors. Save a state_dict() with safetensors.torch.save_file.",
    "dtype": "`{name}` has the dtype {dtype}, which is not read here; these are: {known}. Convert it with "
    ".float() and save again.",
    "damaged": "The file is damaged: its header is sound, but safetensors refuses it. Copy or download it "
    "again.",
    "not_finite": "`{name}` contains values that are NaN or infinite ({count}; tensors with such values: "
    "{tensors}). Nothing can be computed from these. Save the weights of an earlier step of the training.",
    "float32": "`{name}` holds {received}, and float32, in which it is computed here, ends at {limit}. Scale the "
    'weights, or trace your own network instead, with nv.trace(model, x).save("run.json").',
    "not_floating": "`{name}` has the dtype {dtype}: weights are floating numbers, and only Batch Norm's counters are "
    "not. Save the weights before they are quantized, with .float().",
    "negative_variance": "`{name}` has negative variances ({count}, the least is {received}): no root can be taken of "
    "them. Save the weights of an earlier step of the training.",
    "unknown": "The tensors of the file ({count}, the first is `{first}`) fit none of the networks here: "
    '{networks}. Trace your own network instead, with nv.trace(model, x).save("run.json"), and open that '
    "file.",
    "mismatch": "The weights do not fit {network} (norm: {norm}). Missing tensors: {missing}, unknown ones: "
    "{unexpected}, of another shape: {shapes}; the first is `{first}`. Choose the network and the norm they "
    "were trained with.",
    # Weights that come with this project, or are published
    "not_trained": "There are no trained weights of {network} with this norm ({norm}), only those for "
    "{known}. Choose one of these, or random weights.",
    "not_published": "There are no published weights of {network} with this norm ({norm}), only those for "
    "{known}. Choose one of these, or random weights.",
    "never_trained": "There are no trained weights of {network}, whatever its norm. Choose other weights of it "
    "({sources}), or a network with trained ones: {known}.",
    "never_published": "There are no published weights of {network}, whatever its norm. Choose other weights of it "
    "({sources}), or a network with published ones: {known}.",
    "no_own": "There is no weight file yet. Upload a .safetensors file, or choose random weights.",
    "unreachable": "`{file}` could not be downloaded: `{address}` does not answer ({reason}). Try again when "
    "there is a connection, or get `{file}` from `{address}` in another way and put it into `{folder}`.",
    "refused": "`{file}` could not be downloaded: `{address}` answered {status}. Try again later, or get `{file}` "
    "from `{address}` in another way and put it into `{folder}`.",
    "interrupted": "The download of `{file}` from `{address}` broke off after {megabytes} of "
    "{total_megabytes} MB. Try again: it goes on from there; or get `{file}` from `{address}` in another "
    "way and put it into `{folder}`.",
    "oversized": "`{address}` offers {megabytes} MB for `{file}`, which should have {limit_megabytes}; "
    "nothing was kept. Try again later, or get `{file}` from `{address}` in another way and put it into "
    "`{folder}`.",
    "stopped": "The download of `{file}` was stopped after {megabytes} MB. The next try goes on from there.",
    "wrong_hash": "`{file}` in `{folder}` is not the published file: its SHA-256 begins with {received}. Delete "
    "it and try again.",
    "wrong_download": "What `{address}` sent as `{file}` is not the published file: its SHA-256 begins with "
    "{received}. It was deleted. Try again, or get `{file}` from `{address}` in another way and put it into "
    "`{folder}`.",
    "disk_full": "There is no room for `{file}` ({megabytes} MB) in `{folder}`. Make room there, or set "
    "TORCH_HOME to another folder.",
    "unwritable": "`{file}` cannot be kept in, or read from, `{folder}` ({reason}). Set TORCH_HOME to a folder "
    "of your own.",
    "unreadable": "`{file}` in `{folder}` has the right hash but holds no tensors that can be read. Delete it "
    "and try again.",
}


class WeightsError(CodedError):
    """Why weights are not used: a stable ``code`` (a key of ``MESSAGES``) and ``details`` for its placeholders.

    >>> print(WeightsError("empty", {}))
    The file is empty (0 bytes). Choose a .safetensors file.
    """

    messages = MESSAGES


def megabytes(count: int) -> float:
    """Bytes in megabytes with one decimal, rounded up: what is above a limit never reads like the limit.

    >>> megabytes(10 * 1024**2), megabytes(10 * 1024**2 + 1)
    (10.0, 10.1)
    """
    return -(-count * 10 // 1024**2) / 10
