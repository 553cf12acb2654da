"""The page on why BN works, run as Streamlit runs it but without a browser and without workers."""

import csv
import io
import re
import warnings
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.along_gradient import LENGTHS, look_along, ranges, smoother
from bn_core.at_initialisation import DEPTHS, KINDS, gradient_norms, ratio_span
from bn_core.inference import evaluated
from bn_core.noisy import NETWORKS, RaceConfig, Stretch
from bn_core.scale_invariance import one_layer, rescaled, with_and_without
from bn_core.shifted_input import mixed_batches
from bn_core.training import trained
from bn_core.training_data import training_data
from bn_ui import evidence_runs, prepare
from bn_ui.evidence_runs import LINE, LINE_MOMENTS, RACE_SEEDS, SHIFTED
from bn_ui.export import csv_bytes
from bn_ui.figures import why as figures
from bn_ui.numbers import number_text
from bn_ui.runs import state
from bn_ui.runs.state import Limits
from bn_ui.text import LANGUAGES, labels, sections
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions
from tests.ui.pool_in_process import PoolInProcess, Run
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "why")  # the page as a link opens it: covered
PAGE = definitions("why")
ALWAYS = ("why_chart", "why_depth_chart")
TRAINED = ("why_decay", "why_race", "why_line", "why_shift")


@pytest.fixture(autouse=True)
def pool(pool: PoolInProcess, monkeypatch: pytest.MonkeyPatch) -> PoolInProcess:
    # Trainings as the page has them, but short.
    shorter = {"LINE": {"steps": 20, "moments": 6}, "DECAY": {"steps": 60, "moments": 8}}
    for name, settings in shorter.items():
        base = getattr(evidence_runs, name)
        monkeypatch.setattr(evidence_runs, name, shortened(base, **settings))
    return pool


def shortened(config: Any, **settings: Any) -> Any:
    return type(config).from_dict(config.to_dict() | settings)


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="why_guess_show").click().run())


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component") if e.key.endswith("_chart")]


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def numbers(message: Decoded, knob: str = "", position: int = 0) -> tuple[list[float], dict]:
    """The numbers of a chart, and its figure, as committed or with a knob at a position."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    found = apply(figure, message.base, 0)
    if knob:
        found = apply(figure, message.knobs[knob]["changes"], position)
    return found, figure


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def results(app: AppTest, lang: str = "en") -> list[str]:
    start = labels(lang)["evidence.result"].split("{")[0]
    return [m.value for m in app.markdown if m.value.startswith(start)]


# ---- predict -------------------------------------------------------------------------------------


def test_everything_is_covered_until_there_is_a_guess(pool: PoolInProcess):
    app = arrived(why_a=5)
    assert charts(app) == []
    assert "Santurkar" not in texts(app)
    assert app.query_params["why_a"] == "5"
    pick(app, "why_guess", "both")
    assert len(app.info) == 1 + len(TRAINED)  # the others invite to compute
    assert charts(app) == list(ALWAYS)
    assert not pool.asked, "nothing is trained until somebody asks for it"
    pick(app, "why_guess", "halved")
    assert len(app.success) == 1


def before_marks(text: str) -> str:
    """As far as it stands on the page as it stands in the file."""
    return re.split(r"{{|\[", text)[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_card_says_what_it_does_not_show(lang: str):
    app = opened(lang=lang)
    said = texts(app)
    prose = sections(lang, "why")
    cards = [name.removesuffix("_limits") for name in prose if name.endswith("_limits")]
    assert cards == ["scale", "decay", "race", "line", "shift", "depth"]
    headings = [heading.value for heading in app.header]
    for card in cards:
        assert labels(lang)[f"evidence.{card}_title"] in headings
        assert before_marks(prose[f"{card}_claim"]) in said
        assert before_marks(prose[f"{card}_limits"]) in said
    assert before_marks(prose["verdict"]) in said
    assert sections(lang, "references")["list"] in said


# ---- weights on any scale ------------------------------------------------------------------------


@pytest.mark.parametrize("eps", ["1e-05", "0"])
def test_every_position_is_a_layer_with_these_weights(eps: str):
    message = chart(opened(why_eps=eps, why_seed=4))
    positions = message.knobs["why_a"]["values"]
    assert 2 in positions
    at = figures.scale_places()
    for position in (0, 40, len(positions) - 1):
        found, figure = numbers(message, "why_a", position)
        for name, layer in (("bn", one_layer(4)), ("plain", one_layer(4).without())):
            right = rescaled(layer, [positions[position], 1.0], eps=float(eps))
            assert found[at[f"loss_{name}"]] == pytest.approx(right.loss[0])
            assert found[at[f"gradient_{name}"]] == pytest.approx(right.gradient[0])
            assert found[at[f"ratio_{name}"]] == pytest.approx(
                right.gradient[0] / right.gradient[1]
            )
        markers = [t for t in figure["data"] if t["mode"] == "markers"]
        assert {marker["x"][0] for marker in markers} == {positions[position]}
        heights = [found[at[f"{r}_{n}"]] for r in ("gradient", "loss") for n in ("plain", "bn")]
        assert [marker["y"][0] for marker in markers] == pytest.approx(heights)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_left_over_is_said(lang: str):
    words = labels(lang)
    some, zero = (words[f"evidence.scale_eps_{kind}"] for kind in ("some", "zero"))
    assert some in results(opened(lang=lang), lang)[0]
    exact = results(press(opened(lang=lang), "why_scale_exact"), lang)[0]
    assert zero in exact
    assert some not in exact


@pytest.mark.parametrize("name", PAGE.SCALE_PRESETS)
def test_presets_of_the_scale(name: str):
    app = press(opened(), f"why_scale_{name}")
    for field, value in PAGE.SCALE_PRESETS[name].items():
        assert kept(app, field.key) == value


def test_rows_of_the_file():
    swept = with_and_without(one_layer(1), figures.FACTORS, eps=0.0)
    header = [labels("en")[key] for key in labels("en") if key.startswith("why_scale_csv.")]
    text = csv_bytes(header, figures.scale_rows(swept)).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + 2 * len(figures.FACTORS)
    assert {len(row) for row in rows} == {len(header)}
    network, factor, loss, *_ = rows[1]
    assert (network, float(factor)) == ("bn", figures.FACTORS[0])
    assert float(loss) == swept["bn"].loss[0]


# ---- weight decay --------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_decay_table_and_sentence(lang: str, pool: PoolInProcess):
    app = press(opened(lang=lang, why_layer=1), "why_decay_start")
    decays = [config.weight_decay for config in pool.asked]
    assert decays == list(PAGE.DECAYS)
    table = app.table[0].value
    for row, config in enumerate(pool.asked):
        norms = [s.weight_norms[0] for s in trained(config).snapshots]
        assert table.iloc[row, 1] == number_text(norms[0], 3)
        assert table.iloc[row, 2] == number_text(norms[-1], 3)
        assert table.iloc[row, 3] == number_text((norms[0] / norms[-1]) ** 2, 3)
    assert labels(lang)["evidence.decay_shrank"] in results(app, lang)[1]
    assert "why_decay_chart" in charts(app)


# ---- noise ---------------------------------------------------------------------------------------


def stretch(losses: list[float]) -> Stretch:
    rng = np.random.default_rng(0)
    return Stretch(600, np.array(losses), *rng.uniform(size=(3, 3, 600)))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("losses", "verdict"),
    [([2.0, 0.1, 0.3], "ahead"), ([0.1, 0.05, 0.3], "behind"), ([np.nan, 0.1, 0.3], "ahead")],
)
def test_the_race_is_judged_by_its_losses(
    lang: str, losses: list[float], verdict: str, pool: PoolInProcess
):
    pool.compute = lambda _: [stretch(losses)]
    app = press(opened(lang=lang), "why_race_start")
    assert [config.seed for config in pool.asked] == list(RACE_SEEDS)
    said = results(app, lang)[1]
    words = labels(lang)
    assert words[f"evidence.race_{verdict}"] in said
    for loss in losses:
        assert (number_text(loss, 3) if np.isfinite(loss) else words["evidence.diverged"]) in said


def test_seeds_that_disagree(pool: PoolInProcess):
    app = opened()
    jobs = evidence_runs.race_jobs("digits", "sigmoid", 0.1)
    for job, plain in zip(jobs.values(), (0.2, 0.4, 0.4), strict=True):
        pool.runs[job.identity] = Run([stretch([plain, 0.1, 0.3])])
    app = checked(app.run())
    assert labels("en")["evidence.race_mixed"] in results(app)[1]


def test_what_is_raced_is_what_is_set(pool: PoolInProcess):
    pool.compute = lambda _: [stretch([1.0, 0.5, 0.7])]
    press(opened(why_data="spirals", why_f="relu", why_rate=1), "why_race_start")
    assert pool.asked[0] == RaceConfig("spirals", "relu", 1.0, seed=0)
    (first, *_) = evidence_runs.race_jobs("spirals", "relu", 1.0).values()
    assert 0 < first.cost < 5


# ---- along the gradient --------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_walk_along_the_gradient(lang: str, pool: PoolInProcess):
    app = press(opened(lang=lang), "why_line_start")
    without, with_bn = (ranges(list(look_along(config))) for config in pool.asked)
    message = chart(app, "why_line_chart")
    at = figures.line_places()
    for position in (0, 15, 30):
        found, figure = numbers(message, "why_eta", position)
        assert found[at["length"]] == LENGTHS[position]
        widths = (with_bn.high - with_bn.low)[position]
        assert found[at["range_with"]] == pytest.approx(np.median(widths))
        np.testing.assert_allclose(figure["data"][4]["y"], with_bn.high[position], rtol=1e-5)
        changes = np.clip(without.change[position], 1e-3, 1e4)
        np.testing.assert_allclose(figure["data"][2]["y"], changes, rtol=1e-5)
    counts = smoother(with_bn, without)
    here = int(np.abs(LENGTHS - 1).argmin())
    sentence = labels(lang)["evidence.line_result"].format(
        length="1", all=len(with_bn.steps), loss=counts["loss"][here],
        gradient=counts["gradient"][here],
    )  # fmt: skip
    assert sentence in results(app, lang)[1]


def test_as_many_moments_as_the_page_says():
    assert LINE_MOMENTS == 23
    assert LINE.steps == 300


# ---- other data at test time ---------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_accuracies_on_other_data(lang: str):
    app = press(opened(lang=lang, why_ones=16, why_shift=0.25), "why_shift_start")
    message = chart(app, "why_shift_chart")
    end, data = trained(SHIFTED).finished, training_data("spirals")
    size = {"size": PAGE.SIZE, "count": PAGE.BATCHES, "seed": 0}
    at = figures.shift_places()
    for knob, position, ones, shift in (
        ("", 0, 16, 0.25),
        ("why_shift", 12, 16, 0.6),
        ("why_ones", 64, 64, 0.25),
    ):
        found, figure = numbers(message, knob, position)
        batches = mixed_batches(data.held_out_x, data.held_out_labels, ones, **size)
        x, right = batches.shifted(shift), batches.labels.ravel()
        running = evaluated(end.network, x.reshape(-1, 2), right, end.running).accuracy
        batch = evaluated(end.network, x.reshape(-1, 2), right, batch_size=PAGE.SIZE).accuracy
        assert found[at["running"]] == pytest.approx(100 * running)
        assert found[at["batch"]] == pytest.approx(100 * batch)
        assert figure["data"][2]["y"] == pytest.approx([0, 100 * running, 100 * running, 0])
        of_b = np.array(figure["data"][1]["x"])
        assert (of_b < 50).sum() == ones
        np.testing.assert_allclose(of_b[of_b < 50], x[0][batches.labels[0] == 1, 0], atol=1e-5)
    said = results(app, lang)[1]
    for name in ("shifted_batch", "one_class_running"):
        assert labels(lang)[f"evidence.{name}"].split("{")[0] in said


@pytest.mark.parametrize("name", PAGE.SHIFT_PRESETS)
def test_presets_of_the_shift(name: str):
    app = press(press(opened(), "why_shift_start"), f"why_shift_{name}")
    for field, value in PAGE.SHIFT_PRESETS[name].items():
        assert kept(app, field.key) == value


# ---- depth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_gradients_by_depth(lang: str):
    app = opened(lang=lang, why_depth=10, why_depth_data="spirals")
    data = chart(app, "why_depth_chart").header["figure"]["data"]
    for n, kind in enumerate(KINDS):
        norms = gradient_norms("spirals", kind, 10, PAGE.SEEDS)
        bold = data[n * (PAGE.SEEDS + 1) + PAGE.SEEDS]
        assert bold["y"] == pytest.approx(np.median(norms[:, :-1], axis=0).tolist())
        assert number_text(ratio_span(norms)[1], 3) in results(app, lang)[-1]
    table = app.table[-1].value
    assert list(table.iloc[:, 0]) == [str(depth) for depth in DEPTHS]
    low, _, high = ratio_span(gradient_norms("spirals", "bn", 40, PAGE.SEEDS))
    assert number_text(low, 4) in table.iloc[3, 2]
    assert number_text(high, 4) in table.iloc[3, 2]


# ---- runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
def test_while_it_trains_and_when_it_fails(pool: PoolInProcess, name: str):
    pool.compute = lambda _: []
    pool.stand(state.RUNNING)
    app = press(opened(), f"{name}_start")
    assert charts(app) == list(ALWAYS)
    assert app.button(key=f"{name}_start").disabled
    assert app.get("progress")
    pool.stand(state.FAILED, reason=state.ERROR)
    app = checked(app.run())
    assert len(app.warning) == 1
    assert charts(app) == list(ALWAYS)


@pytest.mark.parametrize("name", TRAINED)
def test_a_full_queue_is_said(pool: PoolInProcess, name: str):
    pool.limits = Limits(waiting=0)
    app = press(opened(), f"{name}_start")
    assert len(app.warning) == 1


def test_what_the_page_opens_with_is_prepared():
    prepared = {job.identity for job in prepare.jobs()}
    assert {job.identity for job in evidence_runs.jobs()} <= prepared
    assert len(evidence_runs.jobs()) == 3 + len(RACE_SEEDS) + 2 + 1
    assert len(NETWORKS) == 3


# ---- links ---------------------------------------------------------------------------------------

QUERY = {
    "why_a": "0.5",
    "why_eps": "0",
    "why_seed": "3",
    "why_decay_rate": "1",
    "why_layer": "3",
    "why_decay_seed": "2",
    "why_data": "spirals",
    "why_f": "tanh",
    "why_rate": "1",
    "why_race_seed": "2",
    "why_eta": "0.2",
    "why_line_f": "tanh",
    "why_line_seed": "4",
    "why_shift": "0.3",
    "why_ones": "60",
    "why_shift_seed": "1",
    "why_depth": "40",
    "why_depth_data": "spirals",
}
HOSTILE = {
    "why_a": ("nan", 2.0),
    "why_eps": ("-1", "1e-05"),
    "why_seed": ("1e99", 9999),
    "why_decay_rate": ("1e9", "0.3"),
    "why_layer": ("4", "2"),
    "why_decay_seed": ("-3", 0),
    "why_data": ("fashion_mnist", "digits"),
    "why_f": ("<script>", "sigmoid"),
    "why_rate": ("", "0.1"),
    "why_race_seed": ("3", "0"),
    "why_eta": ("0", 0.01),
    "why_line_f": ("__import__", "relu"),
    "why_line_seed": ("1e99", 99),
    "why_shift": ("-5", 0.0),
    "why_ones": ("65", 64),
    "why_shift_seed": ("100000", 99),
    "why_depth": ("4000", "20"),
    "why_depth_data": ("../..", "digits"),
}


def test_a_link_brings_everything_and_reset_takes_it_back():
    assert set(QUERY) == {field.key for field in PAGE.FIELDS} - {"quiz_seed"}
    app = opened(**QUERY)
    assert app.query_params == QUERY
    press(app, "why_reset")
    assert app.query_params == {}


def test_changing_the_language_keeps_the_numbers():
    app = opened(**QUERY)
    before = chart(app).cells()
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        np.testing.assert_array_equal(chart(app).cells(), before)
        assert all(app.query_params[key] == value for key, value in QUERY.items())


def test_a_hostile_link_is_made_valid():
    assert set(HOSTILE) == set(QUERY)
    app = opened(**{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, expected) in HOSTILE.items():
        assert kept(app, key) == expected, key


@pytest.mark.parametrize(
    "query",
    [
        {"why_a": 0.05, "why_eps": "1e-05"},
        {"why_a": 20, "why_eps": "0", "why_seed": 9999},
        {"why_shift": 1.2, "why_ones": 0, "why_eta": 10},
        {"why_shift": 0.123, "why_ones": 64, "why_eta": 0.01},
        {"why_depth": 5, "why_depth_data": "spirals"},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(**query)
        press(app, "why_shift_start")
    assert set(charts(app)) == {*ALWAYS, "why_shift_chart"}
