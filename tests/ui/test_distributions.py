"""The Distributions page, run as Streamlit runs it but without a browser.

What the live chart is sent is read back from its message; what a chart proposes is tested with
``commit`` in test_url.py and in the browser.
"""

import json
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.activations import ACTIVATIONS
from bn_core.datasets import SYNTHETIC_KINDS, synthetic_batch
from bn_ui import own_numbers
from bn_ui.text import LANGUAGES, labels
from tests import direct
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions

ROUTER = Path(__file__).resolve().parents[2] / "bn_ui" / "router.py"
PAGE = definitions("distributions")
FIELDS = {field.key: field for field in PAGE.FIELDS}
DEFAULTS = {field.key: field.default for field in PAGE.FIELDS}
SOURCES = ("digits", "fashion", "synthetic", "own")
VIEWS = ("feature", "pooled", "each")
OWN = PAGE.OWN.key
FEATURE = PAGE.FEATURE.default - 1  # the column that the chapter opens with
# One other valid value for every field.
OTHERS = {
    "dist_gamma": 2.5,
    "dist_beta": -1.5,
    "dist_eps": 0.01,
    "dist_scale": 3.0,
    "dist_source": "synthetic",
    "dist_shape": "outlier",
    "dist_layer": 3,
    "dist_width": "16",
    "dist_activation": "tanh",
    "dist_m": 100,
    "dist_seed": 42,
    "dist_view": "pooled",
    "dist_feature": 3,
    "dist_own": "1, 2\n3, 4\n5, 7",
    "dist_population": "normal",
    "quiz_seed": 7,
}


def opened(locale: str = "en-US", **query: Any) -> AppTest:
    """The chapter, opened with a link."""
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.context = {"locale": locale}
    app.query_params = {key: str(value) for key, value in query.items()}
    app.switch_page("../pages/distributions.py")
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def kept(app: AppTest, key: str) -> Any:
    """A field's value, whether its widget is on the screen or not."""
    return app.session_state["url_kept"][key]


def values(app: AppTest) -> dict[str, Any]:
    return {key: kept(app, key) for key in FIELDS}


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    """What the browser was sent for a live chart."""
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def charts(app: AppTest) -> list[str]:
    return [element.key for element in app.get("bidi_component")]


def pick(app: AppTest, key: str, option: str) -> AppTest:
    return checked(app.button_group(key=key).set_value(option).run())


def frame(message: Decoded, key: str | None, position: int) -> tuple[dict[str, Any], list[float]]:
    """The wide figure with a knob at a position, and its numbers (None: as committed)."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    numbers = apply(figure, message.base, 0)
    if key is not None:
        numbers = apply(figure, message.knobs[key]["changes"], position) or numbers
    return figure, numbers


def shown_counts(figure: dict[str, Any]) -> dict[str, np.ndarray]:
    """Whole numbers behind the four histograms, without the step that is drawn twice."""
    found = {}
    for trace in figure["data"]:
        if "customdata" in trace:
            name = {"x": "x", "x2": "y", "x4": "activation"}[trace["xaxis"]]
            if name == "y" and trace["fill"] == "none":
                name = "x_hat"
            assert trace["customdata"][-1] == trace["customdata"][-2]
            found[name] = np.array(trace["customdata"][:-1])
    return found


# ---- it runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_view_and_activation(lang: str, source: str):
    app = opened(lang=lang, dist_source=source)
    for view, activation in product(VIEWS, ACTIVATIONS):
        pick(app, "dist_view", view)
        pick(app, "dist_activation", activation)
        assert not app.error
        assert [kept(app, k) for k in ("dist_view", "dist_activation")] == [
            view,
            activation,
        ]
        message = chart(app)
        expected = {"dist_gamma", "dist_beta", "dist_eps"}
        assert set(message.knobs) == expected | ({"dist_scale"} & set(HAS_WEIGHTS[source]))
        for layout in ("layout", "narrow"):
            assert message.header["figure"][layout]["height"] > 0
        for key, knob in message.knobs.items():
            assert knob["value"] == kept(app, key)
            assert len(knob["texts"]) == len(knob["values"])
            for change in knob["changes"]:
                assert len(change["rows"]) == len(knob["values"])


HAS_WEIGHTS = {
    "digits": ["dist_scale"],
    "fashion": ["dist_scale"],
    "synthetic": [],
    "own": [],
}


@pytest.mark.parametrize("view", VIEWS)
def test_plotly_takes_every_frame(view: str):
    """Colours apart, which the browser fills in: see test_figures.py."""
    message = chart(opened(dist_view=view))
    for key, knob in message.knobs.items():
        for position in (0, len(knob["values"]) // 3, len(knob["values"]) - 1):
            figure, _ = frame(message, key, position)
            for trace in figure["data"]:
                assert len(trace["x"]) == len(trace["y"])
            go.Figure(without_colours(figure))


def without_colours(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: without_colours(value)
            for key, value in node.items()
            if not (isinstance(value, str) and value.startswith("@"))
        }
    return [without_colours(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("kind", SYNTHETIC_KINDS)
def test_every_synthetic_shape(kind: str):
    app = opened(dist_source="synthetic", dist_shape=kind, dist_feature=1)
    x = synthetic_batch(kind, 256, PAGE.SYNTHETIC_FEATURES, 0)[:, :1]
    assert_numbers(chart(app), x, here())


@pytest.mark.parametrize(
    "query",
    [
        {"dist_m": 1},
        {"dist_m": 1, "dist_view": "each"},
        {"dist_m": 2, "dist_view": "pooled"},
        {"dist_m": 1024, "dist_width": "64", "dist_layer": 10, "dist_view": "pooled"},
        {"dist_gamma": 0, "dist_beta": -6},
        {"dist_eps": 1e-8, "dist_source": "synthetic", "dist_shape": "constant", "dist_feature": 1},
        {"dist_eps": 100, "dist_scale": 0.25, "dist_activation": "relu", "dist_layer": 10},
        {"dist_source": "own", "dist_own": "1_1_1"},
        {"dist_source": "own", "dist_own": "-1e12~1e-12_1e12~-1e-12", "dist_view": "pooled"},
        {"dist_source": "own", "dist_own": "0~1_1~1", "dist_view": "each"},
        {"dist_feature": 64},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    app = opened(**query)
    assert not app.error
    for change in chart(app).all_changes():
        if change["kind"] == "layout":
            assert np.isfinite(change["rows"]).all()
            assert (change["rows"][:, 1] > change["rows"][:, 0]).all(), change["path"]


# ---- what is sent is what the core computes --------------------------------------------------


def here(**changed: Any) -> dict[str, Any]:
    return {"gamma": 1.0, "beta": 0.0, "eps": 1e-5, "activation": "sigmoid"} | changed


def assert_numbers(
    message: Decoded, x: np.ndarray, setting: dict[str, Any], key: str | None = None, at: int = 0
) -> None:
    figure, numbers = frame(message, key, at)
    expected = direct.quantities(x, **setting)
    found = shown_counts(figure)
    for name, counted in direct.counts(expected, setting["activation"]).items():
        np.testing.assert_array_equal(found[name], counted, err_msg=name)
    wanted = direct.table(expected, setting["activation"])
    np.testing.assert_allclose(numbers, wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("view", ["feature", "pooled"])
def test_ten_positions_of_every_knob(view: str, activation: str):
    setting = here(gamma=2.5, beta=-1.5, eps=0.01, activation=activation)
    query = {f"dist_{key}": value for key, value in setting.items()}
    message = chart(opened(**query, dist_view=view))
    columns = slice(FEATURE, FEATURE + 1) if view == "feature" else slice(None)
    x = direct.hidden(activation=activation)[:, columns]
    assert_numbers(message, x, setting)
    rng = np.random.default_rng(0)
    for key, knob in message.knobs.items():
        name = key.removeprefix("dist_")
        for at in rng.choice(len(knob["values"]), 10, replace=False):
            value = knob["values"][at]
            if name == "scale":
                batch = direct.hidden(activation=activation, scale=value)[:, columns]
                assert_numbers(message, batch, setting, key, at)
            else:
                assert_numbers(message, x, setting | {name: value}, key, at)


def test_other_batches():
    app = opened(dist_source="fashion", dist_m=100, dist_layer=2, dist_width="16", dist_seed=9)
    x = direct.hidden("fashion", m=100, layer=2, width=16, seed=9)[:, [FEATURE]]
    assert_numbers(chart(app), x, here())


def test_own_numbers_are_what_is_drawn():
    app = opened(dist_source="own", dist_view="pooled")
    x = own_numbers.parse(PAGE.EXAMPLE).x
    assert_numbers(chart(app), x, here())


def test_ridges_of_small_pictures():
    """Heights of a row are its counts, as 200ths of the row's own largest."""
    message = chart(opened(dist_view="each", dist_gamma=2.5))
    x = direct.hidden()
    rows = PAGE.MOST_SMALL_PICTURES
    first = FEATURE
    figure, _ = frame(message, "dist_beta", 30)
    beta = message.knobs["dist_beta"]["values"][30]
    for i in range(rows):
        values = direct.quantities(x[:, [first + i]], **here(gamma=2.5, beta=beta))
        counts = direct.counts(values, "sigmoid")["y"]
        heights = np.array(figure["data"][rows + i]["customdata"])
        levels = np.rint(200 * counts / max(counts.max(), 1))
        np.testing.assert_array_equal(heights, [0, *levels, levels[-1], 0])


def test_the_core_answers_the_newest_proposal():
    """The token of the last proposal is in the message, 0 before the first."""
    app = opened()
    assert chart(app).header["token"] == 0
    app.session_state[f"{PAGE.CHART}_token"] = 7
    assert chart(checked(app.run())).header["token"] == 7


# ---- language --------------------------------------------------------------------------------


def test_changing_the_language_keeps_everything_but_the_words():
    app = opened(**{key: FIELDS[key].write(value) for key, value in OTHERS.items()})
    before, sent = values(app), chart(app)
    assert before == OTHERS
    for lang in ("zh", "en"):
        pick(app, "lang", lang)
        assert values(app) == before
        assert app.title[0].value == labels(lang)["chapters.distributions"]
        knobs = chart(app).knobs
        assert {knob["label"] for knob in knobs.values()} == {
            labels(lang)[f"knobs.{key}"] for key in knobs
        }
        np.testing.assert_array_equal(chart(app).cells(), sent.cells())


@pytest.mark.parametrize(("locale", "lang"), [("zh-CN", "zh"), ("en-GB", "en"), ("fr", "en")])
def test_the_browser_decides_the_first_language(locale: str, lang: str):
    app = opened(locale)
    assert app.title[0].value == labels(lang)["chapters.distributions"]
    assert "lang" not in app.query_params
    other = next(name for name in LANGUAGES if name != lang)
    pick(app, "lang", other)
    assert app.query_params["lang"] == other
    assert opened(locale, lang=other).title[0].value == labels(other)["chapters.distributions"]


# ---- link and reset --------------------------------------------------------------------------


@pytest.mark.parametrize("key", FIELDS)
def test_the_link_is_honoured_field_by_field(key: str):
    text = FIELDS[key].write(OTHERS[key])
    app = opened(**{key: text})
    assert kept(app, key) == OTHERS[key]
    assert app.query_params == {key: text}


def test_the_link_is_honoured_as_a_whole():
    app = opened(**{key: FIELDS[key].write(value) for key, value in OTHERS.items()})
    assert values(app) == OTHERS


def shared_link(app: AppTest) -> str:
    """The link that the page offers to copy."""
    (panel,) = (e for e in app.get("bidi_component") if (e.key or "").endswith("_copy_link"))
    return json.loads(panel.proto.bytes)["link"]


def test_the_link_to_share_opens_the_same_screen():
    app = opened(dist_gamma=2.5, dist_view="pooled", dist_source="own", dist_own="1~2_3~4.5")
    link = shared_link(app)
    assert urlsplit(link).path == "/distributions"
    query = dict(parse_qsl(urlsplit(link).query))
    assert query.pop("lang") == "en"
    assert query.pop("v") == "1"
    assert query == app.query_params
    other = opened(**query)
    assert values(other) == values(app)
    np.testing.assert_array_equal(chart(other).cells(), chart(app).cells())


HOSTILE = {
    "dist_gamma": ("1e999", 4.0),
    "dist_beta": ("-1e308", -6.0),
    "dist_eps": ("0", 1e-8),
    "dist_scale": ("9" * 400, 64.0),
    "dist_source": ("<script>", "digits"),
    "dist_shape": ("", "two_humps"),
    "dist_layer": ("1000000000", 10),
    "dist_width": ("1000000", "32"),
    "dist_activation": ("exp", "sigmoid"),
    "dist_m": ("-5", 1),
    "dist_seed": ("inf", 9999),
    "dist_view": ("√", "feature"),
    "dist_feature": ("1e9", 32),  # as many as the layer has
    "dist_own": ("1~" * 5000, PAGE.EXAMPLE),
    "dist_population": ("None", "digits"),
    "quiz_seed": ("1e999", 9999),
}


@pytest.mark.parametrize("key", FIELDS)
def test_a_hostile_link_is_made_valid_and_written_again(key: str):
    text, expected = HOSTILE[key]
    app = opened(**{key: text})
    assert kept(app, key) == expected
    written = FIELDS[key].write(expected)
    assert app.query_params == ({} if expected == FIELDS[key].default else {key: written})


def test_a_link_that_is_hostile_throughout():
    app = opened(lang="xx", nobody="1", **{key: text for key, (text, _) in HOSTILE.items()})
    assert values(app) == {key: expected for key, (_, expected) in HOSTILE.items()}
    assert set(app.query_params) <= set(FIELDS)


def test_reset():
    app = opened(**{key: FIELDS[key].write(value) for key, value in OTHERS.items()})
    checked(app.button(key="distributions_reset").click().run())
    assert values(app) == DEFAULTS
    assert app.query_params == {}
    np.testing.assert_array_equal(chart(app).cells(), chart(opened()).cells())


def test_presets_set_a_scene_and_reset_undoes_it():
    app = opened(dist_gamma=3)
    names = [button.key for button in app.button if button.key.startswith("dist_preset_")]
    assert names
    for name in names:
        before = values(app)
        checked(app.button(key=name).click().run())
        assert not app.error
        assert values(app) != before, name
        checked(app.button(key="distributions_reset").click().run())
        assert values(app) == DEFAULTS


def test_another_page_with_the_same_controls_keeps_the_values():
    """Streamlit starts a widget anew on another page, at its minimum or with nothing chosen."""
    app = opened(**{key: FIELDS[key].write(value) for key, value in OTHERS.items()})
    app.switch_page("../pages/distributions.py")
    checked(app.run())
    assert values(app) == OTHERS
    np.testing.assert_array_equal(
        chart(app).cells(),
        chart(opened(**{k: FIELDS[k].write(v) for k, v in OTHERS.items()})).cells(),
    )


def test_controls_that_were_out_of_sight_keep_their_values():
    app = opened(dist_scale=3, dist_m=100, dist_shape="outlier")
    for source in ("own", "synthetic", "digits"):
        checked(app.selectbox(key="dist_source").set_value(source).run())
    assert [kept(app, k) for k in ("dist_scale", "dist_m", "dist_shape")] == [
        3.0,
        100,
        "outlier",
    ]


# ---- own numbers -----------------------------------------------------------------------------


GOOD, RAGGED = "1,2\n3,4\n5,9", "1,2\n3\n5,9"


def own(text: str | None = None) -> AppTest:
    app = opened(dist_source="own", dist_view="pooled")
    return app if text is None else paste(app, text)


def paste(app: AppTest, text: str) -> AppTest:
    return checked(app.text_area(key=OWN).set_value(text).run())


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    return checked(app.file_uploader(key=f"{OWN}_upload").upload(name, data, "text/csv").run())


def warnings_beside_the_link(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


class TestOwnNumbers:
    def test_good_text_is_drawn_and_linked(self):
        app = own(GOOD)
        assert not app.error
        assert_numbers(chart(app), own_numbers.parse(GOOD).x, here())
        assert app.query_params[OWN] == "1~2_3~4_5~9"
        assert not warnings_beside_the_link(app)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (RAGGED, "ragged"),
            ("1,2\n3,x", "text"),
            ("1,2\n3,nan", "not_finite"),
            ("1,2", "one_row"),
            ("", "empty"),
            ("1,2\n3,4e13", "too_big"),
            ("1\n" * 3000, "too_many_rows"),
            ("1," * 70 + "1\n" + "1," * 70 + "1", "too_many_columns"),
        ],
        ids=lambda value: value[:12],
    )
    def test_bad_text_is_explained_and_stays_and_so_does_the_picture(self, text: str, reason: str):
        app = own(GOOD)
        before = chart(app)
        paste(app, text)
        (error,) = app.error
        start = labels("en")[f"own.error_{reason}"].partition("{")[0]
        assert error.value.startswith(start)
        assert app.text_area(key=OWN).value == text
        np.testing.assert_array_equal(chart(app).cells(), before.cells())
        assert app.query_params[OWN] == own_numbers.OMITTED
        assert warnings_beside_the_link(app)
        paste(app, GOOD)
        assert not app.error
        assert not warnings_beside_the_link(app)

    @pytest.mark.parametrize("cell", ["[x](//a.b/c)", "![](//a.b/c)", ":red[*x*]", "$y$ `z`", ""])
    def test_what_the_text_says_is_shown_and_not_obeyed(self, cell: str):
        """A link may hold any text, and Markdown would make links and pictures of it."""
        (error,) = own(f"1,2\n3,{cell}").error
        before, _, after = labels("en")["own.error_text"].partition("{cell}")
        shown = error.value.removeprefix(before.format(line=2, column=2)).removesuffix(after)
        if cell:
            assert shown[0] == shown[-1] == "`"
            assert "`" not in shown[1:-1]
            assert shown[1:-1] == cell.replace("`", " ")
        else:
            assert shown == ""

    def test_a_link_without_the_numbers(self):
        app = opened(dist_source="own", dist_own=own_numbers.OMITTED, dist_view="pooled")
        assert len(app.error) == 1
        assert_numbers(chart(app), own_numbers.parse(PAGE.EXAMPLE).x, here())

    def test_a_small_file_fills_the_box(self):
        app = upload(own(), "mine.csv", GOOD.encode())
        assert app.text_area(key=OWN).value == GOOD
        assert_numbers(chart(app), own_numbers.parse(GOOD).x, here())

    def test_a_large_file_is_drawn_and_the_link_says_that_it_is_not_in_it(self):
        rows = np.random.default_rng(0).standard_normal((1500, 2))
        text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
        assert len(text) > own_numbers.BOX_CHARACTERS
        app = upload(own(), "large.csv", text.encode())
        assert not app.error
        assert_numbers(chart(app), rows, here())
        assert warnings_beside_the_link(app)
        paste(app, GOOD)
        assert_numbers(chart(app), own_numbers.parse(GOOD).x, here())
        assert not warnings_beside_the_link(app)

    def test_a_large_paste_is_kept_aside_like_a_file(self):
        rows = np.random.default_rng(0).standard_normal((1500, 2))
        app = own("\n".join(",".join(map(repr, row)) for row in rows.tolist()))
        assert not app.error
        assert app.text_area(key=OWN).value == ""
        assert_numbers(chart(app), rows, here())
        assert warnings_beside_the_link(app)

    def test_reset_forgets_all_of_it(self):
        rows = np.random.default_rng(0).standard_normal((1500, 2))
        text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
        app = upload(own(), "large.csv", text.encode())
        checked(app.button(key="distributions_reset").click().run())
        checked(app.selectbox(key="dist_source").set_value("own").run())
        pick(app, "dist_view", "pooled")
        assert app.text_area(key=OWN).value == PAGE.EXAMPLE
        assert_numbers(chart(app), own_numbers.parse(PAGE.EXAMPLE).x, here())

    def test_a_large_file_stays_while_other_things_change(self):
        rows = np.random.default_rng(0).standard_normal((1500, 2))
        text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
        app = upload(own(), "large.csv", text.encode())
        checked(app.number_input(key="dist_gamma").set_value(2.0).run())
        pick(app, "lang", "zh")
        assert_numbers(chart(app), rows, here(gamma=2.0))

    @pytest.mark.parametrize(
        ("data", "reason"),
        [(b"\xe9,\xfc\n1,2", "encoding"), (RAGGED.encode(), "ragged"), (b"", "empty")],
    )
    def test_a_bad_file_changes_nothing(self, data: bytes, reason: str):
        app = own(GOOD)
        before = chart(app)
        upload(app, "mine.csv", data)
        (error,) = app.error
        assert labels("en")[f"own.error_{reason}"].partition("{")[0] in error.value
        assert "mine.csv" in error.value
        assert app.text_area(key=OWN).value == GOOD
        np.testing.assert_array_equal(chart(app).cells(), before.cells())

    def test_removing_the_file_forgets_its_error(self):
        app = upload(own(GOOD), "mine.csv", RAGGED.encode())
        assert app.error
        checked(app.file_uploader(key=f"{OWN}_upload").clear().run())
        assert not app.error

    def test_an_error_speaks_the_language_of_the_page(self):
        app = upload(own(GOOD), "mine.csv", RAGGED.encode())
        pick(app, "lang", "zh")
        (error,) = app.error
        assert labels("zh")["own.error_ragged"].partition("{")[0] in error.value

    def test_names_of_columns_are_used(self):
        app = opened(dist_source="own", dist_view="each")
        paste(app, "height,weight\n1,2\n3,4")
        ticks = chart(app).header["figure"]["layout"]["yaxis"]["ticktext"]
        assert ticks == ["height", "weight"]


# ---- predict, noise --------------------------------------------------------------------------


SHAPES_CHART, NOISE_CHART, GUESS = "dist_shapes_chart", "dist_noise_chart", "dist_guess"


class TestPrediction:
    def test_the_picture_is_covered_until_there_is_a_guess(self):
        app = opened()
        assert SHAPES_CHART not in charts(app)
        pick(app, GUESS, "bell")
        assert SHAPES_CHART in charts(app)
        assert len(app.info) == 1
        assert not app.success
        pick(app, GUESS, "same")
        assert len(app.success) == 1
        assert not app.info

    def test_nobody_has_to_guess(self):
        app = opened()
        checked(app.button(key=f"{GUESS}_show").click().run())
        assert SHAPES_CHART in charts(app)
        assert not app.success
        assert not app.info

    def test_the_table_says_what_the_core_computes(self):
        app = pick(opened(), GUESS, "same")
        kinds = [kind for kind in SYNTHETIC_KINDS if kind != "constant"]
        wanted = []
        for k, kind in enumerate(kinds):
            x = synthetic_batch(kind, 256, len(kinds), 0)[:, [k]]
            found = direct.quantities(x, **here())
            numbers = direct.table(found, "sigmoid")
            wanted += [numbers[2], numbers[7], np.abs(found["x_hat"]).max()]
        np.testing.assert_allclose(chart(app, SHAPES_CHART).cells(), wanted, rtol=1e-5)


@pytest.mark.parametrize("population", ["digits", "normal", "heavy_tailed"])
def test_noise_of_a_mini_batch(population: str):
    """Measured from batches drawn here with other dice: the same within their scatter."""
    app = opened(dist_population=population)
    at_8, at_32, ratio, var_8, theory = chart(app, NOISE_CHART).cells()
    assert ratio == pytest.approx(at_8 / at_32, rel=1e-6)
    assert ratio == pytest.approx(2, rel=0.1)
    assert theory == pytest.approx(np.sqrt(2 * 7) / 8, rel=1e-6)
    values = {
        "digits": lambda: direct.hidden(m=1797)[:, FEATURE],
        "normal": lambda: synthetic_batch("normal", 20_000, 1, 0)[:, 0],
        "heavy_tailed": lambda: synthetic_batch("heavy_tailed", 20_000, 1, 0)[:, 0],
    }[population]()
    drawn = np.random.default_rng(1).choice(values, (4000, 8))
    assert at_8 == pytest.approx(drawn.mean(axis=1).std(), rel=0.08)
    if population == "heavy_tailed":  # its fourth moment is infinite: any luck is possible
        assert var_8 > 1.5 * theory
    else:
        assert var_8 == pytest.approx(drawn.var(axis=1).std() / values.var(), rel=0.1)
