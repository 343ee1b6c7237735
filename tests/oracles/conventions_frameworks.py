"""Freezes what Keras, Flax and ONNX's reference compute by default into ``tests/data/conventions_frameworks.json``.

An oracle that is nobody's of ours for ``normviz/convention_table.py``: momentum, running variance, eps, axes, Local
Response Norm's alpha and Weight Norm's start. None of the three is a dependency of this project, and the tests do not
need them; to make the file again:

    python -m venv frameworks-venv
    frameworks-venv/bin/pip install keras==3.15.1 torch flax==0.12.8 onnx==1.23.2
    KERAS_BACKEND=torch frameworks-venv/bin/python tests/oracles/conventions_frameworks.py

Everything is float64 but ONNX's attributes, which are float32. The inputs are rounded to three decimals and stand in
the file.

ONNX's reference for LRN (1.23) runs over as many channels as there are samples, so it is asked with N = C.
"""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parents[1] / "data" / "conventions_frameworks.json"
SHAPE, STEPS = (4, 4, 2, 3), 5


def inputs() -> tuple[np.ndarray, np.ndarray]:
    """Batches (steps, N, C, H, W) of channels with a mean and spread of their own, and a kernel (O, I)."""
    rng = np.random.default_rng(7)
    shift = np.array([0.5, -2.0, 4.0, 0.0]).reshape(1, 1, 4, 1, 1)
    spread = np.array([0.03, 0.1, 1.0, 2.0]).reshape(1, 1, 4, 1, 1)
    return (shift + spread * rng.standard_normal((STEPS, *SHAPE))).round(3), rng.standard_normal(
        (3, 5)
    ).round(3)


def keras(batches: np.ndarray) -> dict[str, Any]:
    """Keras, channels last."""
    library = import_module("keras")
    library.config.set_floatx("float64")
    library.config.set_epsilon(1e-7)
    layers = library.layers
    last = np.moveaxis(batches, 2, -1)

    def out(layer: Any, x: np.ndarray, **more: Any) -> np.ndarray:
        return np.moveaxis(np.asarray(library.ops.convert_to_numpy(layer(x, **more))), -1, 1)

    batch = layers.BatchNormalization(dtype="float64")
    trained = [out(batch, x, training=True) for x in last][-1]
    single = {
        "layer": layers.LayerNormalization(dtype="float64"),
        "group": layers.GroupNormalization(groups=2, dtype="float64"),
        "instance": layers.GroupNormalization(groups=-1, dtype="float64"),
        "rms": layers.RMSNormalization(dtype="float64"),
        "l2": layers.UnitNormalization(dtype="float64"),
    }
    return {
        "defaults": {"momentum": batch.momentum, "batch": batch.epsilon}
        | {name: layer.epsilon for name, layer in single.items() if hasattr(layer, "epsilon")},
        "mean": library.ops.convert_to_numpy(batch.moving_mean),
        "var": library.ops.convert_to_numpy(batch.moving_variance),
        "batch": trained,
        "evaluated": out(batch, last[-1], training=False),
    } | {name: out(layer, last[-1]) for name, layer in single.items()}


def flax(batches: np.ndarray, kernel: np.ndarray) -> dict[str, Any]:
    """Flax (linen), channels last; its Dense has the kernel as (I, O)."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    nn = import_module("flax.linen")
    double = {"dtype": np.float64, "param_dtype": np.float64}
    last = np.moveaxis(batches, 2, -1)
    key = jax.random.key(0)

    def out(layer: Any, x: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.asarray(layer.apply(layer.init(key, x), x)), -1, 1)

    batch = nn.BatchNorm(use_running_average=False, use_fast_variance=False, **double)
    state = batch.init(key, last[0])
    for x in last:
        y, changed = batch.apply(state, x, mutable=["batch_stats"])
        state = {"params": state["params"], **changed}
    reading = nn.BatchNorm(use_running_average=True, **double)
    single = {
        "layer": nn.LayerNorm(use_fast_variance=False, **double),
        "group": nn.GroupNorm(num_groups=2, use_fast_variance=False, **double),
        "instance": nn.InstanceNorm(use_fast_variance=False, **double),
        "rms": nn.RMSNorm(**double),
    }
    weighted = nn.WeightNorm(nn.Dense(kernel.shape[0], use_bias=False, **double), param_dtype=np.float64)
    unit = np.eye(kernel.shape[1])
    params = weighted.init(key, unit)
    (name,) = [n for n, v in params["params"].items() if isinstance(v, dict) and "kernel" in v]
    params["params"][name]["kernel"] = kernel.T
    return {
        "defaults": {"momentum": batch.momentum, "batch": batch.epsilon}
        | {name: layer.epsilon for name, layer in single.items()},
        "mean": state["batch_stats"]["mean"],
        "var": state["batch_stats"]["var"],
        "batch": np.moveaxis(np.asarray(y), -1, 1),
        "evaluated": np.moveaxis(np.asarray(reading.apply(state, last[-1])), -1, 1),
        "weight": np.asarray(weighted.apply(params, unit)).T,
    } | {name: out(layer, last[-1]) for name, layer in single.items()}


def onnx(batches: np.ndarray) -> dict[str, Any]:
    """ONNX's own reference implementation, channels first."""
    helper, reference = import_module("onnx.helper"), import_module("onnx.reference")
    defs, protos = import_module("onnx.defs"), import_module("onnx")
    channels = SHAPE[1]
    ones, zeros = np.ones(channels), np.zeros(channels)

    def run(name: str, given: list[np.ndarray], outputs: int = 1, **attributes: Any) -> list[np.ndarray]:
        names = [f"i{k}" for k in range(len(given))]
        out = [f"o{k}" for k in range(outputs)]
        node = helper.make_node(name, names, out, **attributes)
        graph = helper.make_graph(
            [node],
            "g",
            [
                helper.make_tensor_value_info(n, protos.TensorProto.DOUBLE, v.shape)
                for n, v in zip(names, given, strict=True)
            ],
            [helper.make_tensor_value_info(n, protos.TensorProto.DOUBLE, None) for n in out],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)])
        found: list[np.ndarray] = reference.ReferenceEvaluator(model).run(
            None, dict(zip(names, given, strict=True))
        )
        return found

    mean, var = zeros, ones
    for x in batches:
        y, mean, var = run("BatchNormalization", [x, ones, zeros, mean, var], 3, training_mode=1)
    last = batches[-1]
    width = SHAPE[-1]
    schema = {
        "batch": "BatchNormalization",
        "layer": "LayerNormalization",
        "group": "GroupNormalization",
        "instance": "InstanceNormalization",
        "rms": "RMSNormalization",
    }
    return {
        "defaults": {"momentum": defs.get_schema("BatchNormalization").attributes["momentum"].default_value.f}
        | {k: defs.get_schema(n).attributes["epsilon"].default_value.f for k, n in schema.items()},
        "response_defaults": {
            k: defs.get_schema("LRN").attributes[k].default_value.f for k in ("alpha", "beta", "bias")
        },
        "mean": mean,
        "var": var,
        "batch": y,
        "evaluated": run("BatchNormalization", [last, ones, zeros, mean, var])[0],
        "layer": run("LayerNormalization", [last, np.ones(width), np.zeros(width)])[0],
        "group": run("GroupNormalization", [last, ones, zeros], num_groups=2)[0],
        "instance": run("InstanceNormalization", [last, ones, zeros])[0],
        "rms": run("RMSNormalization", [last, np.ones(width)])[0],
        "response": run("LRN", [last], size=3, alpha=0.5, beta=0.75, bias=2.0)[0],
        "response_even": run("LRN", [last], size=2, alpha=0.5, beta=0.75, bias=2.0)[0],
    }


def plain(value: Any) -> Any:
    """Arrays as nested lists of 12 digits."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return np.vectorize(lambda v: float(f"{v:.12g}"))(np.asarray(value, np.float64)).tolist()


def main() -> None:
    """Write the file."""
    batches, kernel = inputs()
    versions = {name: import_module(name).__version__ for name in ("keras", "flax", "onnx")}
    found = {"keras": keras(batches), "flax": flax(batches, kernel), "onnx": onnx(batches)}
    said = inspect.cleandoc(__doc__ or "").partition("\n")[0]
    content = {
        "about": said,
        "versions": versions,
        "batches": plain(batches),
        "kernel": plain(kernel),
        **plain(found),
    }
    TARGET.write_text(json.dumps(content, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
