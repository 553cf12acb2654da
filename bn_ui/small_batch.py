"""The small batch that ``forward``, ``backward`` and ``gradient_check`` share, and its controls.

A student who has put numbers in on one page finds them on the next. The fields hold only what
could be read: a box whose text cannot be is explained beside the box and keeps its text, while
picture and link stay with the last good state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import streamlit as st

from bn_core import ForwardTrain, forward_train
from bn_core.upstream import UPSTREAM, half_squared_error, linear_loss, random_gradient
from bn_ui import controls, own_numbers, url
from bn_ui.batches import network_layer
from bn_ui.own_batch import explain
from bn_ui.own_numbers import OwnNumbersError
from bn_ui.text import group, t
from bn_ui.url import Field

MOST_SAMPLES, MOST_FEATURES = 8, 4
LIMITS = own_numbers.Limits(MOST_SAMPLES, MOST_FEATURES, least_rows=1, magnitude=1e6)
ROW = own_numbers.Limits(1, MOST_FEATURES, least_rows=1, magnitude=1e6)
MOST_CHARACTERS = 2000
EPS_RANGE = (0.0, 100.0)
UNDO_STEPS = 50


def _numbers(key: str, default: str, limits: own_numbers.Limits) -> Field:
    """Text that can be read as numbers; anything else is refused, and the value before stays."""

    def clean(raw: object) -> str:
        text = str(raw)[:MOST_CHARACTERS]
        own_numbers.parse(text, limits)
        return text

    return Field(key, default, clean, own_numbers.from_link, partial(_link, limits=limits))


def _link(text: str, limits: own_numbers.Limits) -> str:
    return own_numbers.to_link(text, limits)


X = _numbers("batch_x", "1.2, 40\n0.4, 55\n2.9, 38\n-0.5, 61", LIMITS)
GAMMA = _numbers("batch_gamma", "1.5, 0.8", ROW)
BETA = _numbers("batch_beta", "0.5, -1", ROW)
EPS = url.number("batch_eps", 1e-5, *EPS_RANGE)
UPSTREAMS = ("target", *UPSTREAM, "own")
DY_FROM = url.choice("batch_dy_from", "target", UPSTREAMS)
DY = _numbers("batch_dy", "1, 0\n-1, 2\n0, -1\n0.5, 1", LIMITS)
TARGET = _numbers("batch_target", "1, 0\n0, -1\n1, 0\n-1, 1", LIMITS)
SEED = url.integer("batch_seed", 0, 0, 9999)
BATCH = (X, GAMMA, BETA, EPS)
BACKWARD_BATCH = (*BATCH, DY_FROM, DY, TARGET, SEED)


@dataclass(frozen=True)
class SmallBatch:
    """What the learner set.

    x : (m, d); gamma, beta : (d,)
    upstream : ∂ℓ/∂y for a forward pass
    loss : a loss ℓ of y with that gradient
    source : what decides the last two, to be compared and remembered
    target : (m, d), if the loss has one
    """

    x: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    eps: float
    upstream: Callable[[ForwardTrain], np.ndarray]
    loss: Callable[[np.ndarray], float]
    source: tuple[object, ...]
    target: np.ndarray | None = None

    @cached_property
    def fwd(self) -> ForwardTrain:
        return forward_train(self.x, self.gamma, self.beta, eps=self.eps)

    @cached_property
    def dy(self) -> np.ndarray:
        return self.upstream(self.fwd)

    @property
    def key(self) -> tuple[object, ...]:
        """What decides everything that is computed from it."""
        arrays = (self.x, self.gamma, self.beta)
        return (self.x.shape, self.eps, *(a.tobytes() for a in arrays), *self.source)


def read() -> SmallBatch:
    """The batch that the fields describe.

    γ, β, ∂y and t may have other sizes than x for a moment, while somebody adds a column: what is
    missing is 1 for γ and 0 for the rest, what is too much is not used.
    """
    x = _parsed(X)
    m, d = x.shape
    gamma = _fitted(GAMMA, (1, d), 1.0)[0]
    beta = _fitted(BETA, (1, d), 0.0)[0]
    eps = url.value(EPS)
    if eps == 0 and has_constant_column(x):
        eps = EPS.default  # without ε it has no x̂; ``_warnings`` says so
    name = url.value(DY_FROM)
    if name == "target":
        target = _fitted(TARGET, (m, d), 0.0)
        return SmallBatch(
            x,
            gamma,
            beta,
            eps,
            upstream=lambda fwd: half_squared_error(fwd.y, target)[1],
            loss=lambda y: half_squared_error(y, target)[0],
            source=(name, target.tobytes()),
            target=target,
        )
    source: tuple[object, ...] = (name,)
    if name == "own":
        own = _fitted(DY, (m, d), 0.0)
        upstream, source = (lambda fwd: own), (name, own.tobytes())
    elif name == "random":
        seed = url.value(SEED)
        upstream, source = (lambda fwd: random_gradient(fwd, seed)), (name, seed)
    else:
        upstream = UPSTREAM[name]
    dy = upstream(forward_train(x, gamma, beta, eps=eps))
    return SmallBatch(
        x, gamma, beta, eps, upstream, loss=lambda y: linear_loss(y, dy), source=source
    )


def has_constant_column(x: np.ndarray) -> bool:
    return bool((forward_train(x).var < 1e-100).any())  # so small that powers of it overflow


def _limits(field: Field) -> own_numbers.Limits:
    return ROW if field in (GAMMA, BETA) else LIMITS


def _parsed(field: Field) -> np.ndarray:
    return own_numbers.parse(url.value(field), _limits(field)).x


def _fitted(field: Field, shape: tuple[int, int], fill: float) -> np.ndarray:
    given = _parsed(field)
    result = np.full(shape, fill)
    rows, columns = (min(a, b) for a, b in zip(shape, given.shape, strict=True))
    result[:rows, :columns] = given[:rows, :columns]
    return result


# ---- controls ----------------------------------------------------------------------------------


def batch_controls(fields: tuple[Field, ...]) -> SmallBatch:
    """Boxes for the batch (and ∂y, if ``fields`` has it), presets, undo; returns what is set."""
    _remember()
    _box(X, t("batch.x"), rows=True)
    with st.container(horizontal=True):
        _box(GAMMA, t("batch.gamma"), width=120)
        _box(BETA, t("batch.beta"), width=120)
        controls.number(EPS, "ε", *EPS_RANGE, step=1e-5, format="%.3g", width=108)
    if DY in fields:
        _upstream_controls()
    _warnings(fields)
    _presets()
    return read()


def _upstream_controls() -> None:
    source = controls.select(DY_FROM, t("batch.dy_from"), group("upstream"))
    if source == "target":
        _box(TARGET, t("batch.target"), rows=True)
    elif source == "own":
        _box(DY, t("batch.dy"), rows=True)
    elif source == "random":
        controls.number(SEED, t("batch.seed"), 0, 9999)


def _box(field: Field, label: str, *, rows: bool = False, width: int | str = "stretch") -> None:
    """A box whose text becomes the field's value as soon as it can be read."""
    key, refused = f"{field.key}_box", st.session_state.get(f"{field.key}_refused")
    shown = refused[0] if refused else url.value(field)
    told = f"{key}_page"
    if st.session_state.get(told) != url.this_page() or st.session_state.get(key) != shown:
        st.session_state[key] = shown
    st.session_state[told] = url.this_page()
    if rows:
        lines = shown.count("\n") + 1
        height = min(max(32 + 24 * lines, 80), 232)
        st.text_area(label, key=key, height=height, on_change=_take, args=(field,))
    else:
        st.text_input(label, key=key, width=width, on_change=_take, args=(field,))
    if refused:
        st.error(_explain(refused[1]) + " " + t("batch.still_shown"), icon=":material/error:")


def _take(field: Field) -> None:
    text = str(st.session_state.get(f"{field.key}_box", ""))[:MOST_CHARACTERS]
    st.session_state.pop(f"{field.key}_refused", None)
    try:
        own_numbers.parse(text, _limits(field))
    except OwnNumbersError as error:
        st.session_state[f"{field.key}_refused"] = (text, error)
    else:
        url.assign(field, text)


def _explain(error: OwnNumbersError) -> str:
    return t("batch.empty") if error.reason == "empty" else explain(error)


def _warnings(fields: tuple[Field, ...]) -> None:
    """What the page did with numbers that do not fit together."""
    x = _parsed(X)
    expected: dict[Field, tuple[int, ...]] = {GAMMA: x.shape[1:], BETA: x.shape[1:]}
    if DY in fields:
        boxes: Mapping[str, Field] = {"target": TARGET, "own": DY}
        if box := boxes.get(url.value(DY_FROM)):
            expected[box] = x.shape
    names = {GAMMA: "γ", BETA: "β", DY: "∂ℓ/∂y", TARGET: "t"}
    for field, shape in expected.items():
        given = _parsed(field).shape
        if given[-len(shape) :] != shape:
            st.caption(
                t(
                    "batch.fitted",
                    name=names[field],
                    given=_size(given[-len(shape) :]),
                    wanted=_size(shape),
                    fill=1 if field is GAMMA else 0,
                )
            )
    if url.value(EPS) == 0 and has_constant_column(x):
        st.warning(t("batch.eps_needed"), icon=":material/warning:")


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


# ---- presets, undo, reset ------------------------------------------------------------------------

# A random upstream gradient fits a batch of any size, and hides nothing.
_PLAIN = {GAMMA: "1", BETA: "0", EPS: EPS.default, DY_FROM: "random"}
PRESETS: Mapping[str, Mapping[Field, object]] = {
    "round": {
        X: "1, 3\n5, 9\n1, 11\n5, 17",
        GAMMA: "2, 10",
        BETA: "1, 0",
        EPS: 0.0,
        DY_FROM: "own",
        DY: "1, 5\n2, 0\n0, -5\n-1, 10",
    },
    "outlier": {X: "1\n2\n0\n1\n3\n2\n1\n50", **_PLAIN},
    "constant": {X: "3, 1\n3, 2\n3, 4\n3, 8", **_PLAIN, GAMMA: "2, 1", BETA: "1, 0"},
    "one": {X: "2, -7", **_PLAIN, GAMMA: "2, 3", BETA: "1, 5"},
    "two": {X: "1, 0.001\n7, 0.002", **_PLAIN, GAMMA: "1, 1", BETA: "0, 0"},
}


def _presets() -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(t("presets.label"), width="content")
        for name, values in PRESETS.items():
            st.button(
                t(f"batch_presets.{name}"), key=f"batch_{name}", on_click=_set, args=(values,)
            )
        st.button(t("batch_presets.network"), key="batch_network", on_click=_set_network)
    st.button(
        t("batch.undo"),
        key="batch_undo",
        icon=":material/undo:",
        disabled=not st.session_state.get("batch_history"),
        on_click=_undo,
    )


def _set(values: Mapping[Field, object]) -> None:
    forget()
    url.assign_all(values)


def _set_network() -> None:
    """A layer of a real network on real digits: its pre-activations and what comes back to it."""
    x, dy = network_layer(MOST_SAMPLES, MOST_FEATURES)
    _set({**_PLAIN, X: _text(x), GAMMA: "1, 1, 1, 1", BETA: "0, 0, 0, 0"})
    url.assign(DY_FROM, "own")
    url.assign(DY, _text(dy))


def _text(a: np.ndarray) -> str:
    return "\n".join(", ".join(f"{v:.5g}" for v in row) for row in a)


def forget() -> None:
    """No complaint about a text that is not there any more."""
    for field in (X, GAMMA, BETA, DY, TARGET):
        st.session_state.pop(f"{field.key}_refused", None)


def _remember() -> None:
    """Keep the state before this one, if something has changed since the last run."""
    now = {field.key: url.value(field) for field in BACKWARD_BATCH}
    last = st.session_state.get("batch_last", now)
    if now != last and not st.session_state.pop("batch_undoing", False):
        history = st.session_state.setdefault("batch_history", [])
        history.append(last)
        del history[:-UNDO_STEPS]
    st.session_state["batch_last"] = now


def _undo() -> None:
    history = st.session_state.get("batch_history")
    if not history:
        return
    before = history.pop()
    forget()
    for field in BACKWARD_BATCH:
        url.assign(field, before[field.key])
    st.session_state["batch_undoing"] = True


def reset_with(fields: tuple[Field, ...]) -> Callable[[], None]:
    """Everything on the page back to how it opened; undo brings the batch back."""

    def reset() -> None:
        url.reset(fields)
        forget()

    return reset
