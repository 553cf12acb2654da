"""The page of small batches and other norms, run as Streamlit runs it but without a browser."""

import csv
import io
import warnings
from copy import deepcopy
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import forward_train
from bn_core.few_samples import EXAMPLE
from bn_core.norm_facts import SAMPLE
from bn_core.norm_race import DIVERGED, Raced, Underway
from bn_core.norms import SHARES, layer_norm, rms_norm, shared_cells
from bn_ui import norm_race
from bn_ui.experiment_runs import jobs, race_config, race_job, race_jobs
from bn_ui.figures import other_norms as figures
from bn_ui.text import LANGUAGES, labels, questions
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "other_norms")  # the page as a link opens it: covered
PAGE = definitions("other_norms")
CHARTS = ("norms_few_chart", "norms_block_chart", "norms_beside_chart", "norms_race_chart")
FEW, BLOCK, BESIDE, RACE = CHARTS


pytestmark = pytest.mark.usefixtures("pool")  # no workers


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="norms_guess_show").click().run())


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component") if e.key in CHARTS]


def chart(app: AppTest, key: str) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def numbers(message: Decoded, places: dict[str, int], knob: str = "", at: int = 0) -> Any:
    """The numbers of table and caption by name, with a knob at a position; and the figure then."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    found = apply(figure, message.base, 0)
    if knob:
        found = apply(figure, message.knobs[knob]["changes"], at)
    return {name: found[place] for name, place in places.items()} | {"figure": figure}


few = partial(numbers, places=figures.few_places())


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


# ---- predict -------------------------------------------------------------------------------------


def test_everything_is_covered_until_there_is_a_guess():
    app = arrived(norms_shift=3)
    assert charts(app) == []
    assert "MoCo" not in texts(app)
    assert app.query_params["norms_shift"] == "3"
    pick(app, "norms_guess", "further")
    assert len(app.info) == 2, "what is so, and the invitation to train"
    assert charts(app) == list(CHARTS)
    pick(app, "norms_guess", "same")
    assert len(app.success) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answer_is_what_the_picture_shows(lang: str):
    """7 becomes 17: the knob's last position."""
    message = chart(opened(lang=lang), FEW)
    before, after = few(message), few(message, knob="norms_shift", at=100)
    assert [before["x"], after["x"]] == [7, 17]
    for found in (before, after):
        assert [found["now_batch"], found["last"]] == pytest.approx([-1, 1], abs=1e-5)
        assert found["dx"] < 1e-6
    assert questions("other_norms", lang)["two"].answer == "same"


# ---- few samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 4, 8])
def test_every_position_is_what_the_norms_compute(m: int):
    message = chart(opened(norms_m=m, norms_shift=-2.2), FEW)
    positions = message.knobs["norms_shift"]["values"]
    for at in range(0, len(positions), 20):
        found = few(message, knob="norms_shift", at=at)
        x = EXAMPLE[:m].copy()
        x[-1, 0] += positions[at]
        expected = {
            "batch": forward_train(x).x_hat[:, 0],
            "layer": layer_norm(x).x_hat[:, 0],
            "rms": rms_norm(x).x_hat[:, 0],
        }
        data = found["figure"]["data"]
        np.testing.assert_allclose(data[0]["x"], x[:, 0], rtol=1e-6)
        for trace, (norm, y) in enumerate(expected.items(), 1):
            np.testing.assert_allclose(data[trace]["x"], y, atol=1e-6)
            assert found[f"now_{norm}"] == pytest.approx(y[0])
    assert ("norms_stretch" in message.knobs) == (m > 1)


def test_moving_the_last_example_moves_the_first_in_batch_norm_only():
    app = press(opened(), "norms_preset_leak")
    found = few(chart(app, FEW))
    assert found["change_batch"] == pytest.approx(found["now_batch"] - found["before_batch"])
    assert abs(found["change_batch"]) > 0.2
    assert found["change_layer"] == found["change_rms"] == 0
    assert found["open"] == 2


def test_the_gap_of_two():
    message = chart(opened(norms_m=2), FEW)
    knob = message.knobs["norms_stretch"]
    gaps = [few(message, knob="norms_stretch", at=at) for at in range(len(knob["values"]))]
    for found in gaps:
        expected = np.sqrt(found["gap"] ** 2 / 4 / (found["gap"] ** 2 / 4 + 1e-5))
        assert found["last"] == pytest.approx(expected, rel=1e-6)
    assert few(message)["dx"] == pytest.approx(7.4e-7, rel=0.01)
    assert gaps[0]["dx"] > 100, "and where ε takes over the gradient is large"


def test_bars_are_the_jacobian():
    """Each bar's height, as a share of the tallest, is ∂yᵢ/∂xⱼ·√(σ²+ε)."""
    found = few(chart(opened(norms_m=3, norms_shift=1), FEW))
    heights = np.array(found["figure"]["data"][7]["y"], float).reshape(3, 3, 5)
    x = EXAMPLE[:3].copy()
    x[-1, 0] += 1
    x_hat = forward_train(x).x_hat[:, 0]
    expected = np.eye(3) - 1 / 3 - np.outer(x_hat, x_hat) / 3
    drawn = (np.arange(1, 4)[:, None] - heights[:, :, 1]) / figures._TALLEST
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    assert np.isnan(heights[:, :, 4]).all()


@pytest.mark.parametrize("name", PAGE.PRESETS)
def test_presets(name: str):
    app = press(opened(norms_shift=-7), f"norms_preset_{name}")
    for field, value in PAGE.PRESETS[name].items():
        assert kept(app, field.key) == value


def test_rows_of_the_file():
    text = PAGE.few_csv(["i", "x", "bn", "ln", "rms", "dx"], EXAMPLE[:3], 1.0, 2.0)
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert [float(row[1]) for row in rows[1:]] == [1, 7, -1]
    x = EXAMPLE[:3].copy()
    x[2, 0] += 2
    assert float(rows[1][3]) == layer_norm(x).x_hat[0, 0]


# ---- the block -----------------------------------------------------------------------------------


def inside(figure: dict[str, Any], shape: tuple[int, ...], trace: int) -> np.ndarray:
    """Which cells have their middle within a rectangle of a trace."""
    x, y = (np.array(figure["data"][trace][letter], float) for letter in "xy")
    boxes = [(x[i : i + 5], y[i : i + 5]) for i in range(0, len(x), 6)]
    found = np.zeros(shape, bool)
    for n, c, h, w in np.ndindex(*shape):
        part = 1 - figures._GAP
        middle = (
            figures._tile(c) + part * (w + 0.5) / shape[3],
            figures._tile(n) + part * (h + 0.5) / shape[2],
        )
        found[n, c, h, w] = any(
            bx.min() < middle[0] < bx.max() and by.min() < middle[1] < by.max() for bx, by in boxes
        )
    return found


@pytest.mark.parametrize("norm", SHARES)
@pytest.mark.parametrize("name", ["4x6x3x3", "2x8x4x4", "6x12x1x1"])
def test_what_is_coloured_shares_a_mean(norm: str, name: str):
    shape = PAGE.SHAPES[name]
    app = opened(norms_norm=norm, norms_shape=name, norms_groups=2, norms_n=2, norms_c=5)
    message = chart(app, BLOCK)
    cell = (1, 4, 0, 0)
    for axis, letter in enumerate("nchw"):
        knob = message.knobs.get(f"norms_{letter}")
        assert (knob is not None) == (shape[axis] > 1)
        for at in range(shape[axis] if knob else 0):
            figure = deepcopy(message.header["figure"])
            apply(figure, message.base, 0)
            found = apply(figure, knob["changes"], at)
            there = (*cell[:axis], at, *cell[axis + 1 :])
            assert tuple(np.array(found) - 1) == there
            np.testing.assert_array_equal(
                inside(figure, shape, 1), shared_cells(norm, shape, there, 2)
            )
            assert np.argwhere(inside(figure, shape, 3)).tolist() == [list(there)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_counts_are_those_of_the_notes(lang: str):
    app = opened(lang=lang)
    table = app.table[0].value
    assert list(table.iloc[:, 2]) == ["128", "256", "16", "64"]
    assert list(table.iloc[:, 3]) == ["16", "8", "128", "32"]
    assert list(table.iloc[:, 1]) == ["N, H, W", "C, H, W", "H, W", "C / 4, H, W"]
    assert "127" in chart(app, BLOCK).header["caption"]
    pick(app, "norms_norm", "layer")
    assert "255" in chart(app, BLOCK).header["caption"]
    assert [text.startswith("▶") for text in app.table[0].value.iloc[:, 0]] == [0, 1, 0, 0]


def test_groups_divide_the_channels():
    app = opened(norms_shape="4x3x5x6", norms_groups=4, norms_norm="group")
    assert kept(app, "norms_groups") == 3
    assert app.table[0].value.iloc[3, 2] == "30"
    assert app.query_params["norms_groups"] == "3"


def test_a_smaller_block_holds_the_cell():
    app = opened(norms_c=16, norms_n=8)
    app.selectbox(key="norms_shape").select("4x3x5x6")
    checked(app.run())
    assert kept(app, "norms_c") == 3
    assert kept(app, "norms_n") == 4


# ---- RMSNorm beside layer normalization ----------------------------------------------------------


def test_an_offset_is_seen_by_one_of_them_and_a_factor_by_neither():
    message = chart(opened(), BESIDE)
    read = partial(numbers, message, figures.offset_places())
    for at in (0, 30, 100):
        found = read("norms_offset", at)
        assert found["change_layer"] < 1e-10
        assert found["change_rms"] > 0.1
        data = found["figure"]["data"]
        np.testing.assert_allclose(data[0]["y"], SAMPLE + found["offset"], rtol=1e-5)
        np.testing.assert_allclose(
            data[4]["y"], rms_norm([SAMPLE + found["offset"]]).y[0], atol=1e-6
        )
    for at in (0, 40, 80):
        found = read("norms_factor", at)
        assert max(found["change_layer"], found["change_rms"]) < 1e-3


# ---- training at small batch sizes ---------------------------------------------------------------

# Accuracies by norm, batch size and seed, such that BN is far behind at 2 and ahead at 32.
MADE = np.full((3, 5, 4, 3), 0.9) + 0.001 * np.arange(3)
MADE[0, 1, 0], MADE[1, 1, 0], MADE[2, 1, 0] = 0.25, 0.2, 0.3
MADE[:, 1, 3] += 0.05
MADE[:, 2, 1] -= 0.05  # LN at 4
MADE[:, 0, 2, 0] = DIVERGED  # one seed without a norm at 8


def race_events(results: np.ndarray = MADE) -> list[Raced]:
    config = race_config()
    return [
        Raced(n + 1, norm, config.batch_sizes[size], seed, *map(float, results[:, row, size, seed]))
        for n, (row, size, seed) in enumerate(np.ndindex(*config.shape))
        for norm in [config.norms[row]]
    ]


def start(app: AppTest) -> AppTest:
    return press(app, "norm_race_start")


def test_nothing_is_trained_before_it_is_asked_for(pool: PoolInProcess):
    app = opened()
    assert pool.asked == []
    assert "60" in app.info[0].value


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_said_is_what_the_trainings_show(pool: PoolInProcess, lang: str):
    pool.compute = lambda _: race_events()
    app = start(opened(lang=lang))
    assert pool.asked == [race_config()]
    words = labels(lang)
    comma = words["norm_race.comma"]
    others = [words[f"norm_race.named_{norm}"] for norm in ("none", "layer", "group", "rms")]
    alt = chart(app, RACE).header["alt"]
    for sentence in (
        words["norm_race.behind"].format(m=2, norms=comma.join(others)),
        words["norm_race.leader"].format(m=32, norm="BN"),
        words["norm_race.ahead"].format(m=4, norms=others[1]),
        words["norm_race.no_leader"].format(sizes=comma.join("248")),
        words["norm_race.fallen"].format(count=1),
        words["norm_race.statistics"].format(
            m=2, in_use="25.0\u00a0%", by_batch="20.0\u00a0%", recomputed="30.0\u00a0%"
        ),
    ):
        assert sentence in texts(app)
        assert sentence in alt
    assert words["norm_race.ahead"].format(m=32, norms=comma.join(others)) not in texts(app)
    budget = words["norm_race.budget_steps"].format(
        steps=600, few="1,200", many="19,200", small=2, large=32
    )
    assert budget in texts(app)
    table = app.table[1].value
    assert list(table.iloc[1, 1:]) == ["25.0\u00a0%", "90.1\u00a0%", "90.1\u00a0%", "95.1\u00a0%"]
    assert [table.iloc[row, 1] for row in (2, 3)] == ["20.0\u00a0%", "30.0\u00a0%"]


def test_as_long_as_a_seed_is_missing_nobody_is_ahead(pool: PoolInProcess):
    pool.compute = lambda _: race_events()[::2]
    said = texts(start(opened()))
    assert labels("en")["norm_race.nothing"] in said
    assert "is ahead of all others in every seed" not in said


@pytest.mark.parametrize("name", norm_race.PRESETS)
def test_presets_are_prepared(pool: PoolInProcess, name: str):
    """What the buttons invite to is what `make warm` trains."""
    pool.compute = lambda _: race_events()
    app = press(opened(norms_data="spirals", norms_equal="examples"), f"norms_race_{name}")
    for field, value in norm_race.PRESETS[name].items():
        assert kept(app, field.key) == value
    start(app)
    prepared = {job.identity for job in race_jobs()}
    assert set(pool.runs) <= prepared
    assert prepared <= {job.identity for job in jobs()}


def test_every_race_that_can_be_asked_for_is_affordable():
    fields = ("data", "activation", "bias", "equal")
    values = (("digits", "spirals"), ("relu", "sigmoid"), (True, False), ("steps", "examples"))
    configs = [race_config(**dict(zip(fields, each, strict=True))) for each in product(*values)]
    assert len({race_job(config).identity for config in configs}) == 16
    assert max(config.cost for config in configs) < 60


def test_equal_examples_say_so(pool: PoolInProcess):
    pool.compute = lambda _: race_events()
    app = start(opened(norms_equal="examples", norms_bias=0, norms_activation="sigmoid"))
    (config,) = pool.asked
    assert (config.base.bias, config.base.activation) == (False, "sigmoid")
    assert {config.examples(m) for m in config.batch_sizes} == {9600}
    assert "every network saw 9,600 of them, in 4,800 steps at m = 2 and 300" in texts(app)


def test_a_race_survives_the_disk():
    work = race_job(race_config()).work
    events = race_events()
    arrays = work.encode([*events, Underway(3)])
    assert work.decode(arrays) == events
    assert work.progress(events[-1], race_config()) == 1


def test_rows_of_the_races_file():
    rows = norm_race._csv(race_config(), MADE).decode("utf-8-sig").splitlines()
    assert len(rows) == 61
    assert rows[1].startswith("none,2,600,1200,0,0.9,")
    assert rows[7] == "none,8,600,4800,0,,,"


# ---- links ---------------------------------------------------------------------------------------

QUERY = {
    "norms_m": "4",
    "norms_shift": "2.5",
    "norms_stretch": "0.5",
    "norms_norm": "group",
    "norms_shape": "4x6x3x3",
    "norms_groups": "3",
    "norms_n": "2",
    "norms_c": "5",
    "norms_h": "3",
    "norms_w": "2",
    "norms_offset": "-1.5",
    "norms_factor": "2",
    "norms_data": "spirals",
    "norms_activation": "sigmoid",
    "norms_bias": "0",
    "norms_equal": "examples",
}


def test_a_link_brings_everything_and_reset_takes_it_back():
    app = opened(**QUERY)
    assert {key: app.query_params[key] for key in QUERY} == QUERY
    press(app, "other_norms_reset")
    assert app.query_params == {}
    fresh = opened()
    for key in CHARTS:
        assert chart(app, key).header["caption"] == chart(fresh, key).header["caption"]


def test_changing_the_language_keeps_the_numbers():
    app = opened(**QUERY)
    before = chart(app, FEW).cells()
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        np.testing.assert_array_equal(chart(app, FEW).cells(), before)
        assert all(app.query_params[key] == value for key, value in QUERY.items())


HOSTILE = {
    "norms_m": ("7", "2"),
    "norms_shift": ("1e99", 10.0),
    "norms_stretch": ("nan", 1.0),
    "norms_norm": ("<script>", "batch"),
    "norms_shape": ("99999x9", "8x16x4x4"),
    "norms_groups": ("-3", 1),
    "norms_n": ("1e99", 8),
    "norms_c": ("0", 1),
    "norms_h": ("77", 4),
    "norms_w": ("__import__", 1),
    "norms_offset": ("-inf", -5.0),
    "norms_factor": ("0", 0.2),
    "norms_data": ("fashion", "digits"),
    "norms_activation": ("tanh", "relu"),
    "norms_bias": ("2", True),
    "norms_equal": ("epochs", "steps"),
}


def test_a_hostile_link_is_made_valid():
    assert set(HOSTILE) == set(QUERY)
    app = opened(**{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, expected) in HOSTILE.items():
        assert kept(app, key) == expected, key


@pytest.mark.parametrize(
    "query",
    [
        {"norms_m": 1, "norms_shift": 10, "norms_stretch": 1e-4},
        {"norms_m": 8, "norms_shift": -10, "norms_stretch": 1e-4},
        {"norms_m": 2, "norms_shift": -6},  # both are the same
        {"norms_shape": "6x12x1x1", "norms_norm": "instance", "norms_c": 12},
        {"norms_offset": 5, "norms_factor": 5},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(**query)
    assert charts(app) == list(CHARTS)
