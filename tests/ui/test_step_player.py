"""The step player without a browser: its arithmetic as printed, its lesson, and practice.

A line of LaTeX is read back by a small parser of its own and calculated in fifty digits: what is
printed must follow from what is printed.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, localcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bn_ui.step_player as player
from bn_core import backward_train, forward_train
from bn_core.derivation import BACKWARD, FORWARD, QUANTITIES, derive, edges, magnitudes, part_of
from bn_core.mistakes import SLIPS
from bn_ui import palette, small_batch, text, url
from bn_ui.figures import steps as pictures
from bn_ui.live_chart import commit
from bn_ui.numbers import number_tex, number_text, shown
from bn_ui.step_player import formulas, practice
from bn_ui.step_player.formulas import filled
from bn_ui.step_player.lesson import (
    FADING,
    LEVELS,
    PASSES,
    blanks,
    closed_ids,
    hidden,
    lesson,
    open_ids,
)
from bn_ui.text import LANGUAGES, labels

seeds = st.integers(0, 2**32 - 1)
SIZES = [(1, 1), (1, 3), (2, 2), (3, 2), (5, 1), (8, 4)]


def batch(m: int, d: int, seed: int, eps: float = 1e-5, digits: int = 2, power: int = 0):
    """Numbers as a learner types them: few digits, with the sizes mixed by ``power``."""
    rng = np.random.default_rng(seed)

    def typed(*shape: int) -> np.ndarray:
        scale = 10.0 ** rng.integers(-power, power + 1, shape[-1])
        return np.vectorize(lambda v: float(f"{v:.{digits}g}"))(scale * rng.normal(1, 2, shape))

    dy = typed(m, d) * rng.choice([0, 1, 1, 1], (m, d))
    return derive(typed(m, d), typed(d), typed(d), eps=eps, dy=dy)


def steps() -> Iterator[Any]:
    for formula in FORWARD + BACKWARD:
        yield formula.whole
        yield from formula.operations


STEPS = list(steps())


# ---- reading LaTeX -----------------------------------------------------------------------------


def unmarked(tex: str) -> str:
    r"""Without \htmlData{…}{…}, whose second part stays; braces are matched."""
    while (start := tex.find(r"\htmlData{")) >= 0:
        mark = tex.index("}{", start)
        depth, end = 1, mark + 2
        while depth:
            depth += {"{": 1, "}": -1}.get(tex[end], 0)
            end += 1
        tex = tex[:start] + tex[mark + 2 : end - 1] + tex[end:]
    return tex


class Reader:
    """Value of a formula, and the size of the terms in it: a minus only where one may stand."""

    TOKENS = re.compile(
        r"\s*(\\frac|\\sqrt|\\cdot|\\times|\\bigl\(|\\bigr\)|\d+(?:\.\d+)?|[-+^(){}/])"
    )

    def __init__(self, tex: str) -> None:
        self.left: list[str] = []
        position, tex = 0, tex.strip()
        while position < len(tex):
            match = self.TOKENS.match(tex, position)
            assert match, f"cannot read {tex[position:]!r}"
            self.left.append(match[1].replace(r"\bigl", "").replace(r"\bigr", ""))
            position = match.end()

    def all(self) -> Decimal:
        value = self.sum()
        assert not self.left, self.left
        return value

    def take(self, token: str) -> bool:
        if self.left[:1] != [token]:
            return False
        del self.left[0]
        return True

    def must(self, token: str) -> None:
        assert self.take(token), (token, self.left)

    def sum(self) -> Decimal:
        value = -self.product() if self.take("-") else self.product()
        while self.left[:1] in (["+"], ["-"]):
            value = value - self.product() if self.left.pop(0) == "-" else value + self.product()
        return value

    def product(self) -> Decimal:
        value = self.power()
        while self.left and self.left[0] not in ("+", "-", ")", "}"):
            if not self.take(r"\cdot"):
                self.take(r"\times")
            value *= self.power()
        return value

    def power(self) -> Decimal:
        base = self.atom()
        if not self.take("^"):
            return base
        if not self.take("{"):
            return base ** Decimal(self.left.pop(0))
        exponent = self.sum_of_exponent()
        assert self.left[:1] != ["^"], "a power of a power needs brackets"
        return base**exponent

    def sum_of_exponent(self) -> Decimal:
        sign = -1 if self.take("-") else 1
        value = Decimal(self.left.pop(0))
        if self.take("/"):
            value /= Decimal(self.left.pop(0))
        self.must("}")
        return sign * value

    def group(self) -> Decimal:
        self.must("{")
        value = self.sum()
        self.must("}")
        return value

    def atom(self) -> Decimal:
        if self.take(r"\frac"):
            above = self.group()
            return above / self.group()
        if self.take(r"\sqrt"):
            return self.group().sqrt()
        if self.take("("):
            value = self.sum()
            self.must(")")
            return value
        token = self.left.pop(0)
        assert re.fullmatch(r"\d+(\.\d+)?", token), f"{token!r} where a number should be"
        return Decimal(token)


def calculated(tex: str) -> Decimal:
    with localcontext(prec=60):
        return Reader(unmarked(tex)).all()


@pytest.mark.parametrize(
    ("tex", "value"),
    [
        (r"\frac{1}{4} \bigl(1.5 + (-0.5)\bigr)", "0.25"),
        (r"2 (3 - 1) \frac{-1}{2}", "-2"),
        (r"-\bigl(1 + 2\bigr)", "-3"),
        (r"(-3)^2", "9"),
        (r"(0.25)^{-3/2}", "8"),
        (r"2 - (2 \times 10^{-1})", "1.8"),
        (r"\htmlData{q=std}{4}^2 \cdot \htmlData{q=x, i=2}{\frac{1}{\sqrt{16}}}", "4"),
    ],
)
def test_the_reader_reads(tex: str, value: str):
    assert calculated(tex) == pytest.approx(Decimal(value))


@pytest.mark.parametrize(
    "tex",
    ["1 + -2", r"2 \cdot -1", "10^{-5}^2", r"\text{?}", "(1", "1)", "-", r"\frac{1} 2", "1.2.3"],
)
def test_the_reader_refuses(tex: str):
    with pytest.raises((AssertionError, IndexError)):
        calculated(tex)


# ---- printed arithmetic --------------------------------------------------------------------------


LINE = re.compile(r"(.*?) = (.*) (=|\\approx) (.*)", re.S)


def assert_lines_hold(values: dict[str, np.ndarray]) -> None:
    size = magnitudes(values)
    for step in STEPS:
        result, scale = (np.atleast_2d(a[step.name]) for a in (values, size))
        lines = filled(step, values, size)
        assert (len(lines), {len(row) for row in lines}) == (len(result), {result.shape[1]})
        for (i, k), value in np.ndenumerate(result):
            assert_line_holds(step.compute.__name__, lines[i][k], value, scale[i, k])


def assert_line_holds(name: str, line: str, value: float, scale: float) -> None:
    match = LINE.fullmatch(line)
    assert match, (name, line)
    _, right, sign, answer = match.groups()
    found, printed = calculated(right), calculated(answer)
    where = f"{name}: {unmarked(line)}"
    slack = Decimal(scale) * Decimal("1e-12")
    assert abs(printed - Decimal(value)) <= half_a_unit(value) + slack, where
    assert abs(found - printed) <= half_a_unit(printed) + slack, where
    if sign == "=":
        assert abs(found - printed) <= 10 * slack + abs(printed) * Decimal("1e-12"), where
    else:
        least = abs(Decimal(value)) * Decimal("1e-12") if printed else slack
        assert abs(printed - Decimal(value)) > least or abs(found - printed) > least, where


def half_a_unit(value: Decimal | float) -> Decimal:
    """Of the fourth significant digit."""
    if value == 0:
        return Decimal(0)
    unit = Decimal(10) ** (Decimal(value).adjusted() - 3)
    return unit / 2 * (1 + Decimal("1e-9"))


@pytest.mark.parametrize("eps", [1e-5, 1e-2, 0.5])
@pytest.mark.parametrize(("m", "d"), SIZES)
def test_what_is_printed_follows_from_what_is_printed(m: int, d: int, eps: float):
    for seed in range(3):
        assert_lines_hold(batch(m, d, seed, eps))
        assert_lines_hold(batch(m, d, seed, eps, digits=6, power=4))


@pytest.mark.parametrize("preset", ["round", "outlier", "constant", "one", "two"])
def test_the_presets_too(preset: str):
    assert_lines_hold(preset_values(preset))


def preset_values(preset: str) -> dict[str, np.ndarray]:
    found = {field.key: value for field, value in small_batch.PRESETS[preset].items()}
    x, gamma, beta = (
        np.array([[float(n) for n in row.split(",")] for row in found[key].split("\n")])
        for key in ("batch_x", "batch_gamma", "batch_beta")
    )
    gamma, beta = (np.resize(a, x.shape[1]) for a in (gamma, beta))
    dy = np.random.default_rng(0).standard_normal(x.shape)
    return derive(x, gamma, beta, eps=found["batch_eps"], dy=dy)


def test_a_power_of_ten_is_bracketed_before_it_is_raised_again():
    assert_lines_hold(derive([[1e-5], [3e-5]], eps=1e-10, dy=[[1], [2]]))
    assert_lines_hold(derive([[3.0], [3.0]], eps=1e-12, dy=[[1], [2]]))


def test_equal_is_said_only_where_what_is_printed_is_equal():
    """1.5 · 0.6667 is not 1, though 1.5/1.5 is."""
    assert_lines_hold(derive([[0.0], [3.0]], eps=0, dy=[[1], [2]]))


def test_a_constant_column_gives_zeros():
    """... also where its mean is not exactly representable: 0 · 316.2 is not 4·10⁻¹⁵."""
    x = [[0.1, 0.3], [0.1, 0.3], [0.1, 0.3]]
    values = derive(x, dy=[[1, -2], [0.5, 1], [-0.2, 0.3]])
    assert_lines_hold(values)
    found = lesson("backward", values, frozenset(), words())
    for name in ("centred", "squared", "var", "x_hat", "dgamma"):
        assert {cell[0] for row in found["values"][name] for cell in row} == {"0"}, name


def test_numbers_near_each_other_get_the_digits_they_need():
    values = derive([[100000.01], [100000.02], [100000.04]], dy=[[1], [2], [4]])
    assert_lines_hold(values)
    (line,) = filled(FORWARD[1].whole, values, magnitudes(values))[0]
    assert "100000.01" in line


@pytest.mark.parametrize("seed", range(5))
def test_enough_digits_and_no_more(seed: int):
    """One digit less, of all operands of a line, would give another result."""
    values = batch(4, 2, seed, digits=5)
    size = magnitudes(values)
    checked = 0
    for step in STEPS:
        digits, _ = formulas.needed_digits(step, values, size[step.name])
        for index, needed in np.ndenumerate(digits):
            if needed == formulas.DIGITS:
                continue
            fewer = {n: formulas.rounded(values[n], int(needed) - 1) for n in step.inputs}
            one_less = np.broadcast_to(step(fewer), digits.shape)[index]
            scale = np.broadcast_to(size[step.name], digits.shape)[index]
            assert shown(one_less, scale) != shown(np.atleast_1d(values[step.name])[index], scale)
            checked += 1
    assert checked > 5


@given(
    st.floats(-1e300, 1e300).filter(lambda v: abs(v) > 1e-300) | st.just(0.0),
    st.integers(1, 17),
)
def test_number_tex_says_the_number_that_is_shown(value: float, digits: int):
    tex = number_tex(shown(value, digits=digits))
    assert float(calculated(tex)) == pytest.approx(float(f"{value:.{digits}g}"), rel=1e-15)


@pytest.mark.parametrize(
    ("value", "tex"),
    [
        (10.0, "10"),
        (-10.0, "-10"),
        (100.0, "100"),
        (10.5, "10.5"),
        (1e5, "10^{5}"),
        (-1e5, r"-10^{5}"),
        (1e-10, "10^{-10}"),
        (1.5e-7, r"1.5 \times 10^{-7}"),
        (-0.0, "0"),
    ],
)
def test_number_tex_by_hand(value: float, tex: str):
    assert number_tex(shown(value)) == tex


def test_what_is_rounding_error_is_shown_as_zero():
    assert shown(-0.0) == shown(0.0) == shown(1e-17, 1.0) == shown(-1e-12, 1.0) == "0"
    assert shown(2e-12, 1.0) == "2×10⁻¹²"
    assert shown(1e-17) == "10⁻¹⁷"


def test_only_sums_of_a_formula_run_over_the_samples():
    assert (
        unmarked(formulas.general(FORWARD[0].whole)) == r"\mu_k = \frac{1}{m} \sum_{i=1}^{m} x_{ik}"
    )
    assert formulas.indexed("x", 1, 0) == "x_{2,1}"
    assert formulas.indexed("mu", 5, 3) == r"\mu_4"
    for step in STEPS:
        assert "[" not in formulas.plain(step)
        assert "∑" not in formulas.general(step)
        assert r"\htmlData" not in formulas.plain(step)
        assert unmarked(formulas.general(step)) == formulas.plain(step)


# ---- lesson --------------------------------------------------------------------------------------


def words(lang: str = "en") -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"quantities": {}, "why": {}}
    for key, label in labels(lang).items():
        table, _, name = key.partition(".")
        if table in found:
            found[table][name] = label
    return found


def read_back(shown_text: str) -> float:
    return float(calculated(number_tex(shown_text)))


@pytest.mark.parametrize("passage", PASSES)
@pytest.mark.parametrize(("m", "d"), SIZES)
def test_every_number_is_the_fast_paths(passage: str, m: int, d: int):
    values = batch(m, d, seed=1, digits=12)
    fwd = forward_train(values["x"], values["gamma"], values["beta"])
    grads, size = backward_train(values["dy"], fwd), magnitudes(values)
    core = {name: getattr(fwd, name) for name in ("x", "mu", "var", "inv_std", "x_hat", "y")}
    core |= {f"d{name}": getattr(grads, f"d{name}") for name in ("x", "x_hat", "mu", "var")}
    core |= {f"d{name}": getattr(grads, f"d{name}") for name in ("gamma", "beta", "y")}
    found = json.loads(json.dumps(lesson(passage, values, frozenset(), words())))
    assert (found["m"], found["d"]) == (m, d)
    for name, truth in core.items():
        if name not in found["values"]:
            assert passage == "forward"
            continue
        cells = np.array(found["values"][name])
        truth, scale = np.atleast_2d(truth), np.broadcast_to(size[name], truth.shape).reshape(-1)
        assert cells.shape == (*truth.shape, 2), name
        for (eye, full), value, terms in zip(
            cells.reshape(-1, 2), truth.ravel(), scale, strict=True
        ):
            assert full == repr(float(full))
            assert abs(float(full) - value) <= 1e-12 * terms, name
            assert abs(read_back(eye) - value) <= float(half_a_unit(value)) + 1.1e-12 * terms, name


@pytest.mark.parametrize("passage", PASSES)
def test_a_large_lesson_is_still_small(passage: str):
    rng = np.random.default_rng(0)
    x, dy = 1e6 * rng.normal(size=(2, 8, 4))
    values = derive(x, rng.normal(size=4), rng.normal(size=4), dy=dy)
    sizes = {
        lang: len(player._json(lesson(passage, values, frozenset(), words(lang))).encode())
        for lang in LANGUAGES
    }
    print(sizes)
    assert max(sizes.values()) < 400_000


@pytest.mark.parametrize("passage", PASSES)
def test_a_lesson_holds_all_that_its_steps_name(passage: str):
    found = lesson(passage, batch(3, 2, seed=0), frozenset(), words())
    assert list(found["closed"]) == [formula.name for formula in PASSES[passage]]
    assert set(found["steps"]) == {*found["closed"], *found["open"]}
    assert len(found["open"]) == sum(len(f.operations) for f in PASSES[passage])
    nodes = {node["name"] for node in found["graph"]["nodes"]}
    for id_, step in found["steps"].items():
        assert step["formula"] == id_.partition(".")[0]
        assert {*step["inputs"], step["name"], step["main"]} <= set(found["names"])
        assert {*step["inputs"], step["name"]} <= set(found["values"])
        assert step["main"] in step["inputs"]
        assert {node for path in step["paths"] for node in path} <= nodes
        assert step["code"].startswith(f"{step['name']} = ")
        assert step["why"]
        shape = np.shape(np.atleast_2d(found["values"][step["name"]]))[:2]
        assert (len(step["filled"]), len(step["filled"][0])) == shape
        assert len(step["lines"]) == 2
    assert len({step["why"] for step in found["steps"].values()}) == len(found["steps"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_step_and_quantity_has_its_words(lang: str):
    found = words(lang)
    assert set(found["quantities"]) == set(QUANTITIES)
    ids = {id_ for passage in PASSES for id_ in (*closed_ids(passage), *open_ids(passage))}
    assert set(found["why"]) == {id_.replace(".", "_of_") for id_ in ids}
    slips = {f"slips.{quantity}_{slip}" for quantity in SLIPS for slip in SLIPS[quantity]}
    assert {key for key in labels(lang) if key.startswith("slips.")} == slips
    assert set(SLIPS) == {name for passage in PASSES for name in closed_ids(passage)}
    for kind in ("right", "wrong", "unreadable"):
        assert labels(lang)[f"player.answer_{kind}"]
    assert {f"player.levels_{level}" for level in LEVELS} <= set(labels(lang))


@pytest.mark.parametrize("passage", PASSES)
def test_shapes_are_those_of_numpy(passage: str):
    values = batch(3, 2, seed=0)
    found = lesson(passage, values, frozenset(), words())
    for name, quantity in found["names"].items():
        assert quantity["shape"] == (str(values[name].shape) if values[name].ndim else "")
        assert quantity["given"] == (name in ("m", "eps", "x", "gamma", "beta", "dy"))


# ---- nothing gives a blank away ------------------------------------------------------------------


def test_levels_leave_more_and_more_to_the_learner():
    for passage in PASSES:
        sizes = [len(blanks(passage, level)) for level in LEVELS]
        assert sizes == [0, 1, 2, len(PASSES[passage])]
        assert set(FADING[passage]) <= set(closed_ids(passage))
        assert blanks(passage, "nonsense") == ()


def marks(tex: str) -> Iterator[tuple[str, str]]:
    """Name and content of every mark in a line."""
    for match in re.finditer(r"\\htmlData\{q=(\w+)(?:, i=\d+)?\}\{", tex):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(tex[end], 0)
            end += 1
        yield match[1], tex[match.end() : end - 1]


BLANKS = [(passage, blanks(passage, level)) for passage in PASSES for level in LEVELS[1:]]
# What is left when the learner has solved the others first.
BLANKS += [(passage, (name,)) for passage in PASSES for name in closed_ids(passage)]


@pytest.mark.parametrize(("passage", "left"), BLANKS)
def test_a_lesson_does_not_tell_what_is_to_be_found(passage: str, left: tuple[str, ...]):
    values = batch(4, 2, seed=3, digits=15)
    blank = frozenset(left)
    unknown = hidden(passage, blank)
    assert blank <= unknown
    found = lesson(passage, values, blank, words())
    assert not unknown & set(found["values"])
    assert found["blank"] == sorted(blank)
    seen = 0
    for id_, step in found["steps"].items():
        for line in (line for row in step["filled"] for line in row):
            for name, content in marks(line.partition(" = ")[2]):
                assert (content == formulas.HIDDEN) == (name in unknown), (id_, line)
                seen += name in unknown
            if step["name"] in unknown:
                assert line.endswith(rf" = \htmlData{{q={step['name']}}}{{{formulas.HIDDEN}}}")
        assert (step["lines"] is None) == bool({step["main"], step["name"]} & unknown)
    assert seen
    # A part may equal another quantity that is shown (∂c and the straight part of ∂x).
    open_numbers = {v for n in values.keys() - unknown for v in np.ravel(values[n]).tolist()}
    everything = player._json(found)
    for name in unknown:
        for value in set(np.ravel(values[name]).tolist()) - open_numbers:
            digits = re.sub(r"\.|e.*|^-?0\.0*", "", repr(value)).lstrip("-0")
            if len(digits) >= 9:
                assert digits[:8] not in everything.replace(".", ""), (name, value)


def test_a_forward_lesson_has_no_gradients():
    """With t = 0 the gradient that arrives is y itself, which may be what is to be found."""
    x, ones = np.array([[1.0], [4.0]]), np.ones(1)
    here = small_batch.SmallBatch(x, ones, ones, 1e-5, lambda fwd: fwd.y, lambda y: 0.0, ())
    gradients = {"dy", *part_of(BACKWARD)}
    assert not gradients & player.values_of("forward", here).keys()
    assert gradients <= player.values_of("backward", here).keys()


# ---- graph and number lines ----------------------------------------------------------------------


def test_the_graph_is_that_of_the_derivation():
    found = pictures.graph()
    names = [node["name"] for node in found["nodes"]]
    assert [tuple(edge) for edge in found["edges"]] == list(edges())
    assert sorted(names) == sorted({name for edge in edges() for name in edge})
    for layout in ("wide", "narrow"):
        places = [tuple(node[layout]) for node in found["nodes"]]
        assert len(set(places)) == len(places)
        assert all(0 < p < 100 for place in places for p in place)


def test_no_arrow_runs_through_a_third_node():
    places = {node["name"]: node for node in pictures.graph()["nodes"]}
    for layout in ("wide", "narrow"):
        for start, end in edges():
            a, b = (np.array(places[name][layout]) for name in (start, end))
            for name in places.keys() - {start, end}:
                c = np.array(places[name][layout])
                along = np.clip(np.dot(c - a, b - a) / np.dot(b - a, b - a), 0, 1)
                assert np.abs(a + along * (b - a) - c).max() > 0.5, (layout, start, end, name)


def test_gradients_stand_at_the_nodes_they_belong_to():
    nodes = {node["name"] for node in pictures.graph()["nodes"]}
    for node, gradient in pictures.GRADIENT_AT.items():
        assert node in nodes
        assert gradient == f"d{node}" or (node, gradient) == ("scaled", "dy")  # + β passes it on
        assert gradient in QUANTITIES
        assert QUANTITIES[gradient].shape == QUANTITIES[node].shape


def test_every_quantity_has_a_colour_of_the_palette():
    assert set(pictures.COLOUR_OF) == set(QUANTITIES)
    for theme in palette.chart_palette().values():
        assert {c for c in pictures.COLOUR_OF.values() if c != "text"} <= set(theme)
    for name in ("dx", "dvar", "dgamma_parts", "dmu_via_var", "dinv_std"):
        assert pictures.COLOUR_OF[name] in ("x", "var", "gamma", "mu")


def assert_on_scale(line: dict[str, Any], old: np.ndarray, new: np.ndarray) -> None:
    points = [(float(calculated(number_tex(text))), place) for place, text in line["ticks"]]
    points += [(v, dot[0]) for v, dot in zip(old, line["old"], strict=True)]
    points += [(v, dot[0]) for v, dot in zip(new, line["new"], strict=True)]
    values, places = np.array(points).T
    assert places.min() >= 0
    assert places.max() <= 100
    low, high = np.argmin(values), np.argmax(values)
    scale = (places[high] - places[low]) / (values[high] - values[low])
    assert scale > 0
    np.testing.assert_allclose(places - places[low], scale * (values - values[low]), atol=0.03)
    for dots in (line["old"], line["new"]):
        for n, (place, level) in enumerate(dots):
            assert isinstance(level, int)
            assert 0 <= level < len(dots)
            for other_place, other_level in dots[:n]:
                assert level != other_level or abs(place - other_place) >= 4.49


@pytest.mark.parametrize("passage", PASSES)
@pytest.mark.parametrize(("m", "d"), SIZES)
def test_dots_stand_at_their_values(passage: str, m: int, d: int):
    values = batch(m, d, seed=2, digits=4, power=3)
    found = lesson(passage, values, frozenset(), words())
    for step in found["steps"].values():
        for k, line in enumerate(step["lines"]):
            old, new = (
                np.broadcast_to(np.atleast_2d(values[name]), (len(np.atleast_2d(values[name])), d))
                for name in (step["main"], step["name"])
            )
            assert_on_scale(line, old[:, k], new[:, k])


def test_equal_values_are_stacked():
    line = pictures.number_lines(np.full(5, 3.0), np.zeros(1))
    assert sorted(level for _, level in line["old"]) == [0, 1, 2, 3, 4]
    assert len({place for place, _ in line["old"]}) == 1


def test_all_values_zero_still_have_a_line():
    assert_on_scale(pictures.number_lines(np.zeros(3), np.zeros(3)), np.zeros(3), np.zeros(3))


sized = st.builds(lambda m, e: m * 10.0**e, st.floats(-9.99, 9.99), st.integers(-12, 12))


@given(sized, sized)
def test_nice_ticks(one: float, other: float):
    low, high = sorted((one, other))
    ticks = np.array(pictures.nice_ticks(low, high))
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + 1e-8 * step
    assert ticks[-1] >= high - 1e-8 * step
    np.testing.assert_allclose(np.diff(ticks), step, rtol=1e-3)
    assert 2 <= len(ticks) <= 7
    if high > low:
        mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(mantissa - nice) for nice in (1, 2, 2.5, 5, 10)) < 1e-2
        assert ticks[1] > low - 1e-8 * step
        assert ticks[-2] < high + 1e-8 * step
    if low < 0 < high:
        assert 0 in ticks


@pytest.mark.parametrize("value", [5e-324, 1e-320, 1e-310, 1e-300, 1e-160, 1e18, 1e300])
def test_numbers_at_the_ends_of_floating_point(value: float):
    for old in ([0.0, value], [-value, value], [value, value]):
        line = pictures.number_lines(np.array(old), np.zeros(1))
        assert all(0 <= place <= 100 for place, _ in line["ticks"])


# ---- practice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0.33", (0.33, 0.01)),
        (" -0.730 ", (-0.73, 0.001)),
        ("−2", (-2.0, 1.0)),
        ("+5.", (5.0, 1.0)),
        (".5", (0.5, 0.1)),
        ("2.5e-3", (0.0025, 1e-4)),
        ("1E+2", (100.0, 100.0)),
        ("1,5", (1.5, 0.1)),
        ("1，5", (1.5, 0.1)),
        ("1/3", (1 / 3, 0.0)),
        ("−1 / 8.0", (-0.125, 0.0)),
        ("007", (7.0, 1.0)),
    ],
)
def test_read(typed: str, number: tuple[float, float]):
    value, last_digit = practice.read(typed)
    assert value == pytest.approx(number[0], rel=1e-15)
    assert last_digit == pytest.approx(number[1])


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "x",
        "nan",
        "inf",
        "1e999",
        "1e9999",
        "-1e999",
        "1/0",
        "1/0.0",
        "1/-3",
        "--1",
        "1.2.3",
        "1 2",
        "1_000",
        "0x10",
        "√2",
        "1/2/3",
        "e5",
        ".",
        "-",
        "$1$",
        "9" * 39 + "x",
        "\x00",
        "=1+1",
    ],
)
def test_read_refuses(typed: str):
    assert practice.read(typed) is None


@pytest.mark.parametrize("typed", ["9" * 10**6, "1" + " " * 10**6 + "2", "1/" + "9" * 10**6])
def test_a_long_answer_is_cut_and_not_calculated(typed: str):
    assert practice.read(typed) is None or practice.read(typed) == practice.read(typed[:40])


def test_digits_of_other_scripts_are_numbers_or_refused():
    assert practice.read("٣.٥") in (None, (3.5, 0.1))


GENERIC = {"seed": 5, "digits": 12, "eps": 0.3}


@pytest.mark.parametrize("quantity", SLIPS)
def test_a_right_answer_at_any_reasonable_rounding(quantity: str):
    values = batch(5, 3, **GENERIC)
    for i, k in np.ndindex(5, 3):
        truth = np.broadcast_to(values[quantity], (5, 3))[i, k]
        for typed in (repr(float(truth)), f"{truth:.3g}", f"{truth:.4g}", number_text(truth)):
            if "×10" in typed or typed.startswith("10"):
                continue
            assert practice.check(typed, quantity, values, i, k).kind == "right", typed
        # Two digits are enough where they are not too coarse: up to 2.5% of the result.
        coarse = f"{truth:.2g}"
        if "e" not in coarse and abs(float(coarse) - truth) < 0.024 * abs(truth):
            assert practice.check(coarse, quantity, values, i, k).kind == "right", coarse
        kind = practice.check(repr(float(3.7 * truth + 100)), quantity, values, i, k).kind
        assert kind in ("wrong", "slip")


@pytest.mark.parametrize(("quantity", "slip"), [(q, name) for q in SLIPS for name in SLIPS[q]])
def test_a_slip_is_named(quantity: str, slip: str):
    values = batch(5, 3, **GENERIC)
    results = {name: make(values) for name, make in SLIPS[quantity].items()}
    named = 0
    for i, k in np.ndindex(5, 3):
        wrong = {name: np.broadcast_to(a, (5, 3))[i, k] for name, a in results.items()}
        found = practice.check(repr(float(wrong[slip])), quantity, values, i, k)
        if found.kind == "right":
            truth = np.broadcast_to(values[quantity], (5, 3))[i, k]
            assert wrong[slip] == pytest.approx(truth, rel=6e-3)
            continue
        assert found.kind == "slip"
        assert wrong[found.slip] == pytest.approx(wrong[slip], rel=1e-9)
        named += 1
    assert named or slip in ("with_eps",)


def test_other_answers():
    values = batch(5, 3, **GENERIC)
    assert practice.check("abc", "mu", values, 0, 0).kind == "unreadable"
    for coarse in ("1e200", "0e20", "0e300", "0e999", "0"):
        assert practice.check(coarse, "mu", values, 0, 0) == practice.Feedback("wrong"), coarse


def test_zero_is_right_where_the_result_is_zero():
    values = derive([[0.1], [0.1], [0.1]], dy=[[1], [2], [4]])
    assert practice.check("0", "x_hat", values, 1, 0).kind == "right"
    assert practice.check("0", "var", values, 1, 0).kind == "right"


# ---- what the browser says -----------------------------------------------------------------------


FORWARD_PLACE = player.place("forward", "fwd")
KEY = "forward_player"
X = np.array([[1.2, 40.0], [0.4, 55.0], [2.9, 38.0], [-0.5, 61.0]])
Y = forward_train(X, [1.5, 0.8], [0.5, -1.0]).y


class Session:
    """A session without Streamlit, at a level of practice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, level: str = "last") -> None:
        self.state: dict[str, Any] = {"lang": "en"}
        context = SimpleNamespace(locale="en")
        fake = SimpleNamespace(session_state=self.state, context=context)
        for module in (url, commit, player, small_batch, text):
            monkeypatch.setattr(module, "st", fake)
        url.assign(FORWARD_PLACE.level, level)

    def says(self, message: Any) -> None:
        self.state[KEY] = SimpleNamespace(answer=message)
        player._take_answer(FORWARD_PLACE, KEY)

    @property
    def work(self) -> Any:
        return player._Practice(FORWARD_PLACE, small_batch.read())

    def answers(self, value: Any, step: str = "y", i: int = 1, k: int = 1) -> None:
        self.says({"step": step, "i": i, "k": k, "text": str(value)})


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    return Session(monkeypatch)


class TestAnswers:
    def test_a_right_answer_shows_the_formula(self, session: Session):
        assert session.work.blank == ("y",)
        assert session.work.feedback() is None
        session.answers(f"{Y[2, 1]:.4g}", i=3, k=2)
        assert session.work.blank == ()
        words = f"{Y[2, 1]:.4g}: {labels('en')['player.answer_right']}"
        said = {"step": "y", "i": 3, "k": 2, "kind": "right", "text": words}
        assert session.work.feedback() == said

    def test_a_wrong_one_does_not(self, session: Session):
        for typed, kind in (("77777", "wrong"), ("?", "unreadable"), (f"{Y[0, 0]:.4g}", "right")):
            assert session.work.blank == ("y",)
            session.answers(typed)
            assert session.work.feedback()["kind"] == kind
            assert session.work.feedback()["text"] == (
                f"{typed}: {labels('en')[f'player.answer_{kind}']}"
            )

    def test_the_entry_asked_for_is_the_one_checked(self, session: Session):
        session.answers(repr(float(Y[0, 0])), i=2, k=2)
        assert session.work.blank == ("y",)
        session.answers(repr(float(Y[1, 1])), i=2, k=2)
        assert session.work.blank == ()

    def test_a_slip_is_named_in_the_language_of_the_page(self, session: Session):
        typed = repr(float(Y[0, 0] - 0.5))
        session.answers(typed)
        for lang in LANGUAGES:
            session.state["lang"] = lang
            said = session.work.feedback()
            assert said["kind"] == "slip"
            assert said["text"] == f"{typed}: {labels(lang)['slips.y_without_beta']}"

    def test_giving_up_shows_it_without_a_word(self, session: Session):
        session.answers("77777")
        session.says({"step": "y", "give_up": True})
        assert session.work.blank == ()
        assert session.work.feedback() is None

    def test_a_formula_that_is_shown_is_not_asked(self, session: Session):
        session.answers("77777", step="mu")
        session.says({"step": "mu", "give_up": True})
        assert session.work.feedback() is None
        assert session.work.blank == ("y",)
        url.assign(FORWARD_PLACE.level, "all")
        assert session.work.blank == closed_ids("forward")

    def test_another_batch_or_level_starts_afresh(self, session: Session):
        session.answers(f"{Y[0, 0]:.4g}")
        assert session.work.blank == ()
        url.assign(small_batch.X, "1, 2\n3, 5")
        assert session.work.blank == ("y",)
        assert session.work.feedback() is None
        session.says({"step": "y", "give_up": True})
        url.assign(FORWARD_PLACE.level, "two")
        assert set(session.work.blank) == {"x_hat", "y"}
        url.assign(small_batch.EPS, 0.5)
        assert set(session.work.blank) == {"x_hat", "y"}

    def test_the_other_chapter_keeps_its_own_count(self, session: Session):
        session.says({"step": "y", "give_up": True})
        backward = player.place("backward", "bwd")
        url.assign(backward.level, "last")
        assert player._Practice(backward, small_batch.read()).blank == ("dx",)

    @pytest.mark.parametrize(
        "message",
        [
            None,
            [],
            "y",
            7,
            {},
            {"step": None, "text": "1"},
            {"step": ["y"], "text": "1"},
            {"step": {"y": 1}, "text": "1"},
            {"step": "nonsense", "text": "1", "give_up": True},
            {"step": "mu", "text": "1"},
            {"step": "y.scaled", "text": "1"},
            {"step": "y"},
            {"step": "y", "text": None},
            {"step": "y", "text": 1.0},
            {"step": "y", "text": ["1"], "i": 1, "k": 1},
            {"step": "y", "text": {"a": 1}, "give_up": False},
        ],
        ids=str,
    )
    def test_other_messages_are_ignored(self, session: Session, message: Any):
        session.says(message)
        assert session.work.blank == ("y",)
        assert session.work.feedback() is None

    @pytest.mark.parametrize("raw", [None, "x", -3, 0, 99, 1e999, float("nan"), [], {}, True, 1.7])
    def test_whatever_the_place_an_answer_is_checked_somewhere(self, session: Session, raw: Any):
        session.says({"step": "y", "i": raw, "k": raw, "text": "77777"})
        assert session.work.blank == ("y",)
        assert session.work.feedback()["kind"] == "wrong"
        url.assign(small_batch.X, "1\n3")
        session.says({"step": "y", "i": raw, "k": raw, "text": "77777"})
        assert session.work.feedback()["kind"] == "wrong"

    @pytest.mark.parametrize("typed", ["9" * 10**6, "\x00", "1e-999", "{0}", "\ud800"])
    def test_hostile_texts(self, session: Session, typed: str):
        session.says({"step": "y", "i": 1, "k": 1, "text": typed})
        assert session.work.feedback()["kind"] in ("wrong", "unreadable")

    def test_every_formula_can_be_solved(self, session: Session):
        url.assign(FORWARD_PLACE.level, "all")
        fwd = forward_train(X, [1.5, 0.8], [0.5, -1.0])
        left = list(closed_ids("forward"))
        while left:
            assert session.work.blank == tuple(left)
            value = np.atleast_2d(getattr(fwd, left[0]))[0, 1]
            session.answers(f"{value:.3g}", step=left.pop(0), k=2)
        assert session.work.blank == ()
