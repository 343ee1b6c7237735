"""The activations: one row each, with its formula, its derivative, torch's layer and its knobs.

Everything else is derived from the row: the range, the regions where it is dead or saturated, the curve, the widgets.

>>> import numpy as np
>>> ACTIVATIONS["leaky_relu"](np.array([-2.0, 0.0, 3.0]), negative_slope=0.1).tolist()
[-0.2, 0.0, 3.0]
>>> ACTIVATIONS["sigmoid"].derivative(np.array([0.0])).tolist()
[0.25]
"""

from __future__ import annotations

import math

import numpy as np

from normviz.activation import Activation
from normviz.methods import Knob, Paper
from normviz.reference import FloatArray

GELU_PAPER = Paper(
    "Gaussian Error Linear Units (GELUs)", "D. Hendrycks, K. Gimpel", 2016, "https://arxiv.org/abs/1606.08415"
)
#: SELU's two constants, which make mean 0 and variance 1 a fixed point. Source: Klambauer et al. 2017, equation 14.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
#: sqrt(2 / pi) and the cubic term of GELU's tanh form. Source: Hendrycks and Gimpel 2016, section 2.
GELU_SCALE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715

_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: FloatArray) -> FloatArray:
    """The error function, to the last digits: numpy has none."""
    return np.asarray(_erf(x), np.float64)


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow, and without rounding small values to 0."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


def softplus(x: FloatArray) -> FloatArray:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(0.0, x)


def bent(x: FloatArray, below: FloatArray | float) -> FloatArray:
    """x above 0, ``below`` times x elsewhere."""
    return np.where(x > 0, x, below * x)


def bent_slope(x: FloatArray, below: FloatArray | float) -> FloatArray:
    """1 above 0, ``below`` elsewhere; at 0 as torch has it."""
    return np.where(np.isnan(x), np.nan, np.where(x > 0, 1.0, below))


def elu(x: FloatArray, alpha: float, scale: float = 1.0) -> FloatArray:
    """scale * x above 0, scale * alpha * (exp(x) - 1) elsewhere."""
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def elu_slope(x: FloatArray, alpha: float, scale: float = 1.0) -> FloatArray:
    """The derivative of ``elu``; at 0 as torch has it."""
    return scale * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def gelu(x: FloatArray, approximate: str) -> FloatArray:
    """x times the normal distribution function, or its form with tanh."""
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2)))


def gelu_slope(x: FloatArray, approximate: str) -> FloatArray:
    """The derivative of ``gelu``."""
    if approximate == "tanh":
        inner = np.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3))
        within = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * x**2)
        return 0.5 * (1.0 + inner) + 0.5 * x * (1.0 - inner**2) * within
    bell = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return 0.5 * (1.0 + erf(x / math.sqrt(2))) + x * bell


def mish_slope(x: FloatArray) -> FloatArray:
    """The derivative of x tanh(softplus(x))."""
    gate = np.tanh(softplus(x))
    return gate + x * (1.0 - gate**2) * sigmoid(x)


def hardswish_slope(x: FloatArray) -> FloatArray:
    """0 up to -3, x/3 + 1/2 up to 3, then 1; at both kinks as torch has it."""
    return np.where(np.isnan(x), np.nan, np.where(x <= -3.0, 0.0, np.where(x < 3.0, x / 3.0 + 0.5, 1.0)))


def softplus_knobbed(x: FloatArray, beta: float, threshold: float) -> FloatArray:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold, as torch has it."""
    return np.where(beta * x > threshold, x, softplus(beta * x) / beta)


def softplus_slope(x: FloatArray, beta: float, threshold: float) -> FloatArray:
    """The derivative of ``softplus_knobbed``."""
    return np.where(beta * x > threshold, 1.0, sigmoid(beta * x))


GELU_INNER = rf"u = \sqrt{{2/\pi}}\,(x + {GELU_CUBIC}\,x^3)"
#: GELU and its derivative as formulas, for both values of ``approximate``.
GELU_LATEX = {
    "none": (
        r"f(x) = x\,\Phi(x)",
        r"f'(x) = \Phi(x) + x\,\varphi(x)\qquad \varphi = \Phi'",
    ),
    "tanh": (
        rf"f(x) = \tfrac12\,x\,(1 + \tanh u),\quad {GELU_INNER}",
        rf"f'(x) = \tfrac12\,(1 + \tanh u) + \tfrac12\,x\,(1 - \tanh^2 u)\,v,\quad {GELU_INNER},\quad "
        rf"v = \sqrt{{2/\pi}}\,(1 + {3 * GELU_CUBIC:g}\,x^2)",
    ),
}
SOFTPLUS_LATEX = (
    r"f(x) = \frac{1}{\beta}\,\ln\bigl(1 + e^{\beta x}\bigr)",
    r"f'(x) = \sigma(\beta x)",
)
#: From here on softplus is x to better than a float32's rounding, and torch's threshold needs no mention.
SOFTPLUS_FAR = 17.0


def softplus_latex(beta: float, threshold: float) -> tuple[str, str]:
    """The formulas of ``softplus_knobbed``; the threshold is in them where it can be seen."""
    if threshold >= SOFTPLUS_FAR:
        return SOFTPLUS_LATEX
    (f, smooth), (slope, steep) = (formula.split(" = ") for formula in SOFTPLUS_LATEX)

    def cases(name: str, below: str, above: str) -> str:
        first, second = (rf"\beta x {sign} {threshold:g}" for sign in (r"\le", ">"))
        return rf"{name} = \begin{{cases}} {below} & {first} \\ {above} & {second} \end{{cases}}"

    return cases(f, smooth, "x"), cases(slope, steep, "1")


ENTRIES = (
    Activation(
        "relu",
        Paper(
            "Rectified Linear Units Improve Restricted Boltzmann Machines",
            "V. Nair, G. E. Hinton",
            2010,
            "https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf",
        ),
        "ReLU",
        rule=lambda x: np.maximum(x, 0.0),
        slope=lambda x: bent_slope(x, 0.0),
        latex=r"f(x) = \max(0,\ x)",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}",
        kinks=lambda: (0.0,),
    ),
    Activation(
        "leaky_relu",
        Paper(
            "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
            "A. L. Maas, A. Y. Hannun, A. Y. Ng",
            2013,
            "https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
        ),
        "LeakyReLU",
        rule=lambda x, negative_slope: bent(x, negative_slope),
        slope=lambda x, negative_slope: bent_slope(x, negative_slope),
        latex=r"f(x) = \begin{cases} x & x > 0 \\ a\,x & x \le 0 \end{cases}",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ a & x \le 0 \end{cases}",
        kinks=lambda negative_slope: (0.0,),
        knobs=(Knob("negative_slope", 0.01, "a", low=-100.0, high=100.0),),
    ),
    Activation(
        "prelu",
        Paper(
            "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification",
            "K. He, X. Zhang, S. Ren, J. Sun",
            2015,
            "https://arxiv.org/abs/1502.01852",
        ),
        "PReLU",
        rule=lambda x, weight: bent(x, weight),
        slope=lambda x, weight: bent_slope(x, weight),
        latex=r"f(x) = \begin{cases} x & x > 0 \\ a_c\,x & x \le 0 \end{cases}",
        derivative_latex=(
            r"f'(x) = \begin{cases} 1 & x > 0 \\ a_c & x \le 0 \end{cases}\qquad"
            r"\frac{\partial f}{\partial a_c} = \min(0,\ x)"
        ),
        kinks=lambda weight: (0.0,),
        knobs=(
            Knob("init", 0.25, "a", low=-100.0, high=100.0),
            Knob("num_parameters", 1, low=1, high=65536, shown=False),
        ),
        learned="weight",
        counted="num_parameters",
    ),
    Activation(
        "sigmoid",
        Paper(
            "Learning representations by back-propagating errors",
            "D. E. Rumelhart, G. E. Hinton, R. J. Williams",
            1986,
            "https://doi.org/10.1038/323533a0",
        ),
        "Sigmoid",
        rule=sigmoid,
        slope=lambda x: sigmoid(x) * sigmoid(-x),
        latex=r"f(x) = \sigma(x) = \frac{1}{1 + e^{-x}}",
        derivative_latex=r"f'(x) = \sigma(x)\,(1 - \sigma(x))",
    ),
    Activation(
        "tanh",
        Paper(
            "Efficient BackProp",
            "Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller",
            1998,
            "https://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
        ),
        "Tanh",
        rule=np.tanh,
        slope=lambda x: 4.0 * sigmoid(2.0 * x) * sigmoid(-2.0 * x),
        latex=r"f(x) = \tanh x = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}",
        derivative_latex=r"f'(x) = 1 - \tanh^2 x",
    ),
    Activation(
        "silu",
        Paper(
            "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in Reinforcement Learning",
            "S. Elfwing, E. Uchibe, K. Doya",
            2018,
            "https://arxiv.org/abs/1702.03118",
        ),
        "SiLU",
        rule=lambda x: x * sigmoid(x),
        slope=lambda x: sigmoid(x) * (1.0 + x * sigmoid(-x)),
        latex=r"f(x) = x\,\sigma(x)",
        derivative_latex=r"f'(x) = \sigma(x)\,\bigl(1 + x\,(1 - \sigma(x))\bigr)",
    ),
    Activation(
        "gelu",
        GELU_PAPER,
        "GELU",
        rule=gelu,
        slope=gelu_slope,
        latex=GELU_LATEX["none"][0],
        derivative_latex=GELU_LATEX["none"][1],
        knobs=(Knob("approximate", "none", options=("none", "tanh")),),
        written=lambda approximate: GELU_LATEX[approximate],
    ),
    Activation(
        "elu",
        Paper(
            "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
            "D.-A. Clevert, T. Unterthiner, S. Hochreiter",
            2016,
            "https://arxiv.org/abs/1511.07289",
        ),
        "ELU",
        rule=elu,
        slope=elu_slope,
        latex=r"f(x) = \begin{cases} x & x > 0 \\ \alpha\,(e^{x} - 1) & x \le 0 \end{cases}",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ \alpha\,e^{x} & x \le 0 \end{cases}",
        kinks=lambda alpha: (0.0,),
        knobs=(Knob("alpha", 1.0, r"\alpha", low=0.0, high=100.0),),
    ),
    Activation(
        "selu",
        Paper(
            "Self-Normalizing Neural Networks",
            "G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter",
            2017,
            "https://arxiv.org/abs/1706.02515",
        ),
        "SELU",
        rule=lambda x: elu(x, SELU_ALPHA, SELU_SCALE),
        slope=lambda x: elu_slope(x, SELU_ALPHA, SELU_SCALE),
        latex=(
            r"f(x) = \lambda\begin{cases} x & x > 0 \\ \alpha\,(e^{x} - 1) & x \le 0 \end{cases}"
            rf"\qquad \lambda \approx {SELU_SCALE:.4f},\ \alpha \approx {SELU_ALPHA:.4f}"
        ),
        derivative_latex=r"f'(x) = \lambda\begin{cases} 1 & x > 0 \\ \alpha\,e^{x} & x \le 0 \end{cases}",
        kinks=lambda: (0.0,),
    ),
    Activation(
        "mish",
        Paper(
            "Mish: A Self Regularized Non-Monotonic Activation Function",
            "D. Misra",
            2019,
            "https://arxiv.org/abs/1908.08681",
        ),
        "Mish",
        rule=lambda x: x * np.tanh(softplus(x)),
        slope=mish_slope,
        latex=r"f(x) = x \tanh\bigl(\ln(1 + e^{x})\bigr)",
        derivative_latex=r"f'(x) = \tanh s + x\,(1 - \tanh^2 s)\,\sigma(x),\quad s = \ln(1 + e^{x})",
    ),
    Activation(
        "hardswish",
        Paper("Searching for MobileNetV3", "A. Howard et al.", 2019, "https://arxiv.org/abs/1905.02244"),
        "Hardswish",
        rule=lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
        slope=hardswish_slope,
        latex=r"f(x) = x\,\frac{\min(\max(x + 3,\ 0),\ 6)}{6}",
        derivative_latex=(
            r"f'(x) = \begin{cases} 0 & x \le -3 \\ \tfrac{x}{3} + \tfrac12 & -3 < x < 3 \\ 1 & x \ge 3 \end{cases}"
        ),
        kinks=lambda: (-3.0, 3.0),
    ),
    Activation(
        "softplus",
        Paper(
            "Incorporating Second-Order Functional Knowledge for Better Option Pricing",
            "C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia",
            2001,
            "https://papers.nips.cc/paper/1920-incorporating-second-order-functional-knowledge-for-better-option-pricing",
        ),
        "Softplus",
        rule=softplus_knobbed,
        slope=softplus_slope,
        latex=SOFTPLUS_LATEX[0],
        derivative_latex=SOFTPLUS_LATEX[1],
        kinks=lambda beta, threshold: (threshold / beta,),
        knobs=(
            Knob("beta", 1.0, r"\beta", low=0.01, high=100.0),
            Knob("threshold", 20.0, low=0.0, high=1000.0, shown=False),
        ),
        written=softplus_latex,
    ),
)


class Activations(dict[str, Activation]):
    """Activations by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Activation:
        raise ValueError(f"There is no activation {key!r}: the activations are {', '.join(self)}.")


#: Every activation by its key, in the order in which they are offered.
ACTIVATIONS = Activations({entry.key: entry for entry in ENTRIES})


def activation(key: str | Activation) -> Activation:
    """The entry of that key."""
    return key if isinstance(key, Activation) else ACTIVATIONS[key]
