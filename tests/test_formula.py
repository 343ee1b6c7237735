"""The LaTeX: well formed everywhere, and the numbers in it those that torch computes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from normviz.catalogue import METHODS
from normviz.formula import Lines, latex, lines, number, whole
from normviz.worked import worked, worked_lines
from tests.strategies import EVERYWHERE, cases, cells, examples, seeds, values


def balanced(tex: str) -> bool:
    """Braces close in order, and every environment and sized delimiter that opens closes."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", tex.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    opened: list[str] = []
    for what, name in re.findall(r"\\(begin|end)\{(\w+)\}", tex):
        if what == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    sized = [len(re.findall(side, tex)) for side in (r"\\[bB]igg?l(?![a-z])", r"\\[bB]igg?r(?![a-z])")]
    sets = [tex.count(r"\{"), tex.count(r"\}")]
    return depth == 0 and not opened and sized[0] == sized[1] and sets[0] == sets[1]


def read(tex: str) -> float:
    """The number that ``number`` wrote."""
    plain = tex.replace("{-}", "-").replace(r"\infty", "inf").replace(r"\mathrm{NaN}", "nan")
    return float(re.sub(r"\\times10\^\{(-?\d+)\}", r"e\1", plain))


def test_the_checker_itself_sees_what_is_wrong() -> None:
    assert balanced(r"\{\frac{1}{2}\}")
    for wrong in (
        r"\frac{1}{2",
        "}{",
        r"\begin{a}",
        r"\begin{a}\begin{b}\end{a}\end{b}",
        r"\Bigl( x",
        r"\{ x",
    ):
        assert not balanced(wrong)


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(10)
@given(data=st.data())
def test_every_formula_is_well_formed(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    symbols = lines(case.spec, layout=layout)
    for line in (symbols.gather, symbols.mean, symbols.spread, symbols.result):
        assert balanced(line), line
    block = latex(case.spec, layout=layout)
    assert balanced(block) and r"\begin{aligned}" in block and block.count("&") == block.count(r"\\[") + 1
    assert set(re.findall(r"k_(\w)", symbols.gather)) <= set(layout)


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(20)
@given(data=st.data())
def test_the_worked_numbers_are_torchs(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout, least=2))
    x = values(case.shape, data.draw(seeds))
    cell = data.draw(cells(case.shape))
    spec = case.spec
    steps = worked_lines(x, spec, cell, **case.given)
    assert all(balanced(line) for line in (steps.gather, steps.mean, steps.spread, steps.result))
    assert balanced(steps.aligned()) and worked(x, spec, cell, **case.given) == steps.aligned()
    assert number(x[cell]) in steps.result
    assert ",".join(map(str, cell)) in steps.gather
    if len(spec.sets) == 1:
        members = torch.from_numpy(x[spec.sets[0].mask(case.shape, cell)])
        assert f"|S_i|={whole(len(members))}" == steps.size
        if spec.centred:
            assert math.isclose(read(after_equals(steps.mean)), members.mean(), rel_tol=1e-3, abs_tol=1e-9)
            spread = members.var(correction=0)
        else:
            squares = members.square()
            spread = {
                "rms_norm": squares.mean(),
                "l2_norm": members.norm(),
                "weight_norm": members.norm(),
                "local_response_norm": squares.sum(),
            }[key]
        assert math.isclose(read(after_equals(steps.spread)), spread, rel_tol=1e-3, abs_tol=1e-9)
    if not case.alone:  # torch refuses
        with torch.no_grad():
            module = case.method.module(nn, case.shape, **case.knobs).double()
            y = case.through(module, torch.from_numpy(x))
        last = steps.scaled or steps.result
        assert math.isclose(read(after_equals(last)), y[cell], rel_tol=1e-3, abs_tol=1e-9)


@examples(20)
@given(data=st.data())
def test_a_mixture_is_worked_out_set_by_set(data: st.DataObject) -> None:
    case = data.draw(cases("switchable_norm", "NCHW", least=2))
    x = values(case.shape, data.draw(seeds))
    cell = data.draw(cells(case.shape))
    steps = worked_lines(x, case.spec, cell)
    n, c = cell[:2]
    members = [torch.from_numpy(part) for part in (x[n, c], x[n], x[:, c])]
    for line, what, found in (
        (steps.mean, "mean", [m.mean() for m in members]),
        (steps.spread, "var", [m.var(correction=0) for m in members]),
    ):
        logits = torch.tensor([case.knobs[f"{what}_{norm}"] for norm in ("in", "ln", "bn")]).double()
        total = (logits.softmax(0) * torch.stack(found)).sum()
        assert math.isclose(read(after_equals(line)), total, rel_tol=1e-3, abs_tol=1e-9)
        assert line.count(r"\cdot") == 3
    assert steps.gather.count("S^{(") == 3 and steps.size == ""


def test_batch_renorm_is_worked_out_with_r_and_d() -> None:
    x = np.array([[1.0], [5.0]])  # mean 3, std 2; the buffers' are 1 and 0.5
    spec = METHODS["batch_renorm"].spec(r_max=3.0, d_max=2.5, eps=1e-12)
    steps = worked_lines(x, spec, (1, 0), running=([1.0], [0.25]))
    assert steps.correction == "r_i=3.000\nd_i=2.500"  # 4 and 4 before they were clipped
    assert steps.result == r"y_i=3.000\cdot \frac{5.000-3.000}{2.000}+2.500=5.500"
    assert "r_i" in lines(spec).correction and lines(METHODS["batch_norm"].spec()).correction == ""


def test_weight_norm_starts_at_the_length() -> None:
    v = np.array([[3.0, 4.0]])
    spec = METHODS["weight_norm"].spec()
    assert worked_lines(v, spec, (0, 0)).scaled == r"y_i=5.000\cdot 0.6000=3.000"
    assert worked_lines(v, spec, (0, 0), weight=[2.0]).scaled == r"y_i=2.000\cdot 0.6000=1.200"


def after_equals(line: str) -> str:
    return line.rpartition("=")[2]


def test_running_buffers_and_affine_reach_the_worked_formula() -> None:
    x = values((4, 3, 2, 2), 0)
    mean, var = np.array([0.5, -2.0, 3.0]), np.array([1.0, 4.0, 9.0])
    weight, bias = np.array([2.0, 3.0, 0.5]), np.array([0.0, 10.0, 1.0])
    spec = METHODS["batch_norm_eval"].spec()
    steps = worked_lines(x, spec, (0, 1, 1, 0), running=(mean, var), weight=weight, bias=bias)
    bare = (x[0, 1, 1, 0] + 2) / math.sqrt(4 + 1e-5)
    assert steps.mean.endswith(number(-2.0)) and steps.spread.endswith(number(4.0))
    assert steps.result.endswith(f"={number(bare)}")
    assert steps.scaled == rf"y_i=3.000\cdot {number(bare)}+10.000={number(3 * bare + 10)}"


def test_an_empty_step_leaves_no_line() -> None:
    assert Lines("S=1", "", "", "y=2").aligned().count(r"\\[") == 1


def test_layouts_have_formulas_of_their_own() -> None:
    spec = METHODS["batch_norm"].spec()
    assert lines(spec).gather == lines(spec, layout="NCHW").gather == r"S_i=\{\,k : k_C=i_C\,\}"
    assert lines(METHODS["layer_norm"].spec(), layout="NLC").gather == r"S_i=\{\,k : k_N=i_N,\ k_L=i_L\,\}"
    assert "i_C" in lines(METHODS["group_norm"].spec(num_groups=3)).gather


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
def test_what_is_not_finite_is_written_too(key: str, layout: str, bad: float) -> None:
    shape = {"NC": (4, 8), "NLC": (4, 3, 8), "NCHW": (4, 8, 2, 2), "OI": (4, 8), "OIHW": (4, 8, 2, 2)}[layout]
    x = values(shape, 0)
    x[(0,) * len(shape)] = bad
    text = worked(x, METHODS[key].spec(), (0,) * len(shape))
    assert balanced(text) and "nan" not in text.lower().replace(r"\mathrm{nan}", "")


@examples(300)
@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_a_number_reads_back_to_four_digits(v: float) -> None:
    text = number(v)
    assert balanced(text) and "e" not in text.replace("times", "") and not text.startswith("-")
    assert math.isclose(read(text), v, rel_tol=5.1e-4)


@pytest.mark.parametrize(
    ("v", "text"),
    [
        (0.0, "0.000"),
        (-0.0, "0.000"),
        (1.2344, "1.234"),
        (-12.3456, "{-}12.346"),
        (123.456, "123.5"),
        (0.0012344, "0.001234"),
        (1e5, r"1.000\times10^{5}"),
        (math.nan, r"\mathrm{NaN}"),
        (-math.inf, r"{-}\infty"),
    ],
)
def test_numbers(v: float, text: str) -> None:
    assert number(v) == text


def test_whole_numbers_stand_in_thousands() -> None:
    assert (whole(12), whole(1234567)) == ("12", "1{,}234{,}567")


def test_a_cell_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cell \(9, 0\) is not in a tensor of shape \(3, 4\).*\(2, 3\)"):
        worked(values((3, 4), 0), METHODS["layer_norm"].spec(), (9, 0))
