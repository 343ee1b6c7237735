"""Freezes what Keras' ``BatchNormalization(renorm=True)`` computes into ``tests/data/batch_renorm_keras.json``.

An oracle that is nobody's of ours: ``tests/nets/test_batch_renorm.py`` holds our reference and our layer against
the file. Keras is not a dependency of this project, and the tests do not need it; to make the file again:

    python -m venv keras-venv
    keras-venv/bin/pip install keras==3.15.1 tensorflow-cpu==2.21.0
    KERAS_BACKEND=tensorflow keras-venv/bin/python tests/oracles/batch_renorm_keras.py

The backend is TensorFlow because there Keras computes the layer in float64; on its others it is float32 whatever the
input. The inputs are rounded to three decimals and stand in the file: no generator has to be the same one for ever.

What Keras 3.15 computes (``keras/src/layers/normalization/batch_normalization.py``), with its names:

    stddev = sqrt(variance of the batch + epsilon)                              the biased variance
    r = clip(stddev / renorm_stddev, rmin, rmax)                                of the buffers before this batch
    d = clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)
    y = (x - mean) / stddev * r + d                                             no gradient through r and d
    renorm_mean   <- renorm_momentum * renorm_mean   + (1 - renorm_momentum) * mean
    renorm_stddev <- renorm_momentum * renorm_stddev + (1 - renorm_momentum) * stddev

and, evaluating, with the like averages of ``momentum``: (x - moving_mean) / moving_stddev. This is algorithm 1 of
S. Ioffe, "Batch Renormalization" (2017), which averages sigma, not its square.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parents[1] / "data" / "batch_renorm_keras.json"
SHAPE = (2, 3, 2, 2)
STEPS = 12
#: Keras' momentum weighs the old value.
MOMENTUM = 0.8
#: Large enough to tell sqrt(var + eps) from sqrt(var) + eps in every digit shown.
EPS = 1e-3


def batches() -> np.ndarray:
    """Batches (steps, N, C, H, W) of three channels with their own mean and spread, which drift a little."""
    rng = np.random.default_rng(2017)
    shift = np.array([0.5, -2.0, 4.0]).reshape(1, 1, 3, 1, 1)
    spread = np.array([0.3, 1.0, 4.0]).reshape(1, 1, 3, 1, 1)
    drift = np.linspace(0, 1, STEPS).reshape(-1, 1, 1, 1, 1)
    z = rng.standard_normal((STEPS, *SHAPE)) + 0.5 * rng.standard_normal((STEPS, SHAPE[0], SHAPE[1], 1, 1))
    return (shift + drift + spread * z).round(3)


def schedule(step: int) -> dict[str, float]:
    """The paper's schedule, pressed into 12 steps: r_max 1 -> 3 over steps 2-9, d_max 0 -> 5 over steps 2-6."""
    r_max = 1 + 2 * min(max((step - 2) / 7, 0), 1)
    d_max = 5 * min(max((step - 2) / 4, 0), 1)
    return {"rmax": r_max, "rmin": 1 / r_max, "dmax": d_max}


Clipping = Callable[[int], dict[str, float]]

RUNS: dict[str, Clipping] = {
    "unclipped": lambda step: {},
    "fixed": lambda step: {"rmax": 1.3, "rmin": 1 / 1.3, "dmax": 0.6},
    "schedule": schedule,
}


def watched(keras: Any) -> Any:
    """A fresh layer as it is, which also remembers r and d."""

    class Watched(keras.layers.BatchNormalization):
        def _renorm_correction_and_moments(self, mean: Any, variance: Any) -> Any:
            found = super()._renorm_correction_and_moments(mean, variance)
            self.seen = [numbers(keras, value) for value in found[:2]]
            return found

    layer = Watched(
        axis=1,
        epsilon=EPS,
        momentum=MOMENTUM,
        renorm=True,
        renorm_momentum=MOMENTUM,
        scale=False,
        center=False,
        dtype="float64",
    )
    layer.build(SHAPE)
    return layer


def run(keras: Any, tf: Any, x: np.ndarray, clipping: Clipping) -> dict[str, Any]:
    """One layer over all batches in training mode, and then once over the last batch in evaluation."""
    layer = watched(keras)

    def buffers() -> dict[str, Any]:
        return {
            "mean": numbers(keras, layer.renorm_mean),
            "stddev": numbers(keras, layer.renorm_stddev),
            "moving_variance": numbers(keras, layer.moving_variance),
        }

    steps = []
    for step, batch in enumerate(x):
        layer.renorm_clipping = clipping(step)
        before = buffers()
        x_now = tf.constant(batch)
        with tf.GradientTape() as tape:
            tape.watch(x_now)
            y = layer(x_now, training=True)
            # Any constant that is no multiple of x: the batch after this one.
            loss = tf.reduce_sum(y * x[(step + 1) % len(x)])
        found = {"y": numbers(keras, y), "x_grad": numbers(keras, tape.gradient(loss, x_now))}
        r, d = layer.seen
        steps.append({"clipping": clipping(step), **before, "r": r, "d": d, **found})
    evaluated = numbers(keras, layer(tf.constant(x[-1]), training=False))
    return {"steps": steps, **buffers(), "evaluated": evaluated}


def numbers(keras: Any, tensor: Any) -> Any:
    """Fifteen digits: the last one or two of float64 are the backend's rounding."""
    array = keras.ops.convert_to_numpy(tensor)
    assert array.dtype == np.float64
    return np.vectorize(lambda value: float(f"{value:.15g}"), otypes=[float])(array).tolist()


def main() -> None:
    # Here alone: what collects the tests must not need them.
    import keras  # type: ignore[import-not-found]
    import tensorflow as tf  # type: ignore[import-untyped]

    if keras.backend.backend() != "tensorflow":
        raise SystemExit(f"KERAS_BACKEND is {keras.backend.backend()}: only on tensorflow is this float64.")
    keras.backend.set_floatx("float64")
    x = batches()
    found = {
        "made_by": f"keras {keras.__version__} on tensorflow {tf.__version__}, float64",
        "eps": EPS,
        "momentum": MOMENTUM,
        "x": x.tolist(),
        "runs": {name: run(keras, tf, x, clipping) for name, clipping in RUNS.items()},
    }
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {found['made_by']}")


if __name__ == "__main__":
    main()
