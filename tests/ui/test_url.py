"""Whatever a link, a widget or a hand-made message holds, a field's value is valid."""

import ast
import math
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_ui import own_numbers, url
from bn_ui.live_chart import commit
from bn_ui.url import Field
from tests.page_definitions import definitions

PAGE = definitions("distributions")
FIELDS: dict[str, Field] = {field.key: field for field in PAGE.FIELDS}
HOSTILE = [
    "1e999",
    "-1e999",
    "nan",
    "-inf",
    "",
    " ",
    "-1",
    "1_0",
    "٣",
    "十二",
    "0x10",
    "9" * 5000,
    "a" * 100_000,
    "' OR 1=1; DROP TABLE users; --",
    "<script>alert(1)</script>",
    "![x](https://example.org/x.png)",
    "../../etc/passwd",
    "\x00",
    "\ud800",
    "{0.__class__}",
    "~" * 4000,
    "_~_~",
    "1~2_3",
]
HOSTILE_OBJECTS = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    10**400,
    -(10**400),
    True,
    [],
    ["digits"],
    [[1, 2], [3]],
    {},
    {"digits": 1},
    b"digits",
    object(),
    1 + 2j,
    np.array([1.0, 2.0]),
]
REAL = [field for field in FIELDS.values() if isinstance(field.default, float)]
WHOLE = [field for field in FIELDS.values() if isinstance(field.default, int)]


def ends(field: Field) -> tuple[float, float]:
    return field.valid(-math.inf), field.valid(math.inf)


def options(field: Field) -> list[str]:
    """The options of a choice, from its own refusal."""
    with pytest.raises(ValueError, match="must be one of") as refusal:
        field.clean("no such option")
    return ast.literal_eval(
        str(refusal.value).partition("must be one of ")[2].rpartition(", got")[0]
    )


def assert_valid(field: Field, value: Any) -> None:
    assert type(value) is type(field.default)
    if isinstance(value, (int, float)):
        low, high = ends(field)
        assert low <= value <= high
    assert field.valid(value) == value
    assert len(field.write(value)) <= own_numbers.LINK_CHARACTERS


class Screen:
    """A session and a link without Streamlit, as ``url`` sees them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, query: dict[str, str] | None = None):
        self.state: dict[str, Any] = {}
        self.context = SimpleNamespace(is_history_navigation=False, page_script_hash="one")
        self.query = dict(query or {})
        params = SimpleNamespace(
            get=lambda key: self.query.get(key),
            to_dict=lambda: dict(self.query),
            from_dict=self._write,
        )
        self.writes = 0
        fake = SimpleNamespace(session_state=self.state, query_params=params)
        for module in (url, commit):
            monkeypatch.setattr(module, "st", fake)
        monkeypatch.setattr(url, "browser_language", lambda: "en")
        monkeypatch.setattr(url, "get_script_run_ctx", lambda: self.context)

    def _write(self, parameters: dict[str, str]) -> None:
        self.query = dict(parameters)
        self.writes += 1


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    return Screen(monkeypatch)


# ---- fields ----------------------------------------------------------------------------------


class TestNumber:
    field = url.number("k", 1.0, -2.0, 4.0)

    @pytest.mark.parametrize(
        ("raw", "expected"), [(2.5, 2.5), ("2.5", 2.5), (-9, -2.0), (9, 4.0), (math.inf, 4.0)]
    )
    def test_moves_into_its_interval(self, raw: Any, expected: float):
        assert self.field.valid(raw) == expected

    @pytest.mark.parametrize("raw", [math.nan, "nan", "x", None, [], 10**400])
    def test_falls_back_on_the_default(self, raw: Any):
        assert self.field.valid(raw) == 1.0

    def test_writes_what_it_shows(self):
        assert self.field.write(0.1 + 0.2) == "0.3"


class TestInteger:
    field = url.integer("k", 5, 1, 10)

    @pytest.mark.parametrize(
        ("raw", "expected"), [(3, 3), ("3", 3), (3.9, 3), (0, 1), (99, 10), (math.inf, 10)]
    )
    def test_moves_into_its_interval(self, raw: Any, expected: int):
        assert self.field.valid(raw) == expected
        assert type(self.field.valid(raw)) is int

    @pytest.mark.parametrize("raw", [math.nan, "x", None, [], 10**400])
    def test_falls_back_on_the_default(self, raw: Any):
        assert self.field.valid(raw) == 5


class TestChoice:
    field = url.choice("k", "a", ("a", "b"))

    def test_takes_its_options_and_nothing_else(self):
        assert self.field.valid("b") == "b"
        for raw in ("c", "A", "", "ab", None, 0, ["b"], {"b": 1}):
            assert self.field.valid(raw) == "a"


class TestText:
    def test_is_cut(self):
        assert url.text("k", "", 5).valid("123456789") == "12345"


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
class TestFieldsOfTheChapter:
    def test_default_is_valid_and_not_written(self, field: Field, screen: Screen):
        assert_valid(field, field.default)
        assert url.link_parameters([field]) == {}

    @pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
    def test_hostile_link(self, field: Field, text: str):
        assert_valid(field, field.from_link(text))

    @pytest.mark.parametrize("raw", HOSTILE_OBJECTS, ids=lambda raw: type(raw).__name__)
    def test_hostile_message(self, field: Field, raw: Any):
        assert_valid(field, field.valid(raw))

    @given(st.text(max_size=60))
    def test_any_text(self, field: Field, text: str):
        assert_valid(field, field.from_link(text))

    def test_missing_means_default(self, field: Field):
        assert field.from_link(None) == field.default


class TestRoundTrip:
    @pytest.mark.parametrize("field", REAL, ids=lambda field: field.key)
    def test_real_numbers(self, field: Field):
        low, high = ends(field)
        for value in np.random.default_rng(0).uniform(low, high, 200):
            back = field.from_link(field.write(value))
            assert back == pytest.approx(value, rel=1e-11)
            assert field.from_link(field.write(back)) == back, "the link of a link is the same"

    @pytest.mark.parametrize("field", WHOLE, ids=lambda field: field.key)
    def test_whole_numbers(self, field: Field):
        low, high = ends(field)
        for value in np.random.default_rng(0).integers(low, high + 1, 100):
            assert field.from_link(field.write(int(value))) == value

    @pytest.mark.parametrize(
        "field",
        [f for f in FIELDS.values() if isinstance(f.default, str) and f.key != PAGE.OWN.key],
        ids=lambda field: field.key,
    )
    def test_choices(self, field: Field):
        assert len(options(field)) > 1
        for name in options(field):
            assert field.from_link(field.write(name)) == name

    @pytest.mark.parametrize("seed", range(5))
    def test_own_numbers(self, seed: int):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((rng.integers(2, 20), rng.integers(1, 5))) * 10.0 ** rng.integers(
            -6, 7
        )
        text = "\n".join(", ".join(map(repr, row)) for row in x.tolist())
        link = PAGE.OWN.write(text)
        assert set(link) <= set("0123456789.~_-+e"), "no character that a link would have to escape"
        np.testing.assert_allclose(own_numbers.parse(PAGE.OWN.from_link(link)).x, x, rtol=1e-11)

    def test_own_numbers_too_large_for_a_link(self):
        text = "\n".join(f"{i}.5, {i}.25" for i in range(400))
        assert PAGE.OWN.write(text) == own_numbers.OMITTED
        assert PAGE.OWN.from_link(own_numbers.OMITTED) == ""

    @pytest.mark.parametrize("seed", range(10))
    def test_a_whole_screen(self, monkeypatch: pytest.MonkeyPatch, seed: int):
        """Random valid values into a link, and that link opened in a new session."""
        rng = np.random.default_rng(seed)
        here = Screen(monkeypatch)
        url.load(PAGE.FIELDS)
        for field in PAGE.FIELDS:
            low_high = ends(field) if not isinstance(field.default, str) else None
            if field is PAGE.OWN:
                value = "1.5, 2\n-3, 4\n0.25, 1e-05"
            elif low_high is None:
                value = str(rng.choice(options(field)))
            else:
                value = field.valid(rng.uniform(*low_high))
                value = field.from_link(field.write(value))
            here.state[field.key] = value
        url.save(PAGE.FIELDS)
        wanted = {field.key: url.value(field) for field in PAGE.FIELDS}
        query = {key: values[0] for key, values in parse_qs(urlencode(here.query)).items()}

        Screen(monkeypatch, query)
        url.load(PAGE.FIELDS)
        assert {field.key: url.value(field) for field in PAGE.FIELDS} == wanted


# ---- loading and saving ----------------------------------------------------------------------


class TestLoadAndSave:
    gamma, beta = PAGE.GAMMA, PAGE.BETA
    fields = (PAGE.GAMMA, PAGE.BETA)

    def test_the_link_decides_the_first_run_and_the_session_the_others(self, screen: Screen):
        screen.query = {self.gamma.key: "2.5"}
        url.load(self.fields)
        assert url.value(self.gamma) == 2.5
        screen.state[self.gamma.key] = 3.0
        url.load(self.fields)
        assert url.value(self.gamma) == 3.0

    def test_on_back_and_forward_the_link_decides(self, screen: Screen):
        url.load(self.fields)
        screen.state[self.gamma.key] = 3.0
        screen.query = {self.gamma.key: "2"}
        screen.context.is_history_navigation = True
        url.load(self.fields)
        assert url.value(self.gamma) == 2.0

    def test_a_field_that_was_not_drawn_comes_back(self, screen: Screen):
        url.load(self.fields)
        screen.state[self.gamma.key] = 3.0
        url.save(self.fields)
        del screen.state[self.gamma.key]  # as Streamlit does
        url.load(self.fields)
        assert url.value(self.gamma) == 3.0

    def test_a_widget_is_told_only_if_it_must_be(self, screen: Screen):
        """Telling it sends its value to the browser, where somebody may be typing."""
        gamma, beta = self.gamma.key, self.beta.key
        url.load(self.fields)
        screen.state |= {gamma: 3.0, beta: 0.0}  # as their widgets are drawn
        url.load(self.fields)
        assert (screen.state[gamma], screen.state[beta]) == (3.0, 0.0)
        # A menu sends the label of the language before, which is no value: the last one holds.
        screen.state[gamma] = "nonsense"
        url.load(self.fields)
        assert gamma not in screen.state
        assert url.value(self.gamma) == 3.0
        # On another page a widget of the same key starts at its own minimum.
        screen.context.page_script_hash = "two"
        url.load(self.fields)
        assert beta not in screen.state

    def test_a_widget_out_of_sight_is_not_told(self, screen: Screen):
        """Told before it is drawn, it would come up at its minimum."""
        url.load(self.fields)
        url.assign(self.gamma, 3.0)
        assert self.gamma.key not in screen.state
        assert url.value(self.gamma) == 3.0

    def test_the_link_names_what_differs_and_is_written_once(self, screen: Screen):
        url.load(self.fields)
        url.save(self.fields)
        assert (screen.query, screen.writes) == ({}, 0)
        screen.state[self.gamma.key] = 3.0
        url.save(self.fields)
        url.save(self.fields)
        assert (screen.query, screen.writes) == ({self.gamma.key: "3"}, 1)

    def test_parameters_of_nobody_are_dropped(self, screen: Screen):
        screen.query = {"utm_source": "x", self.gamma.key: "nonsense"}
        url.load(self.fields)
        url.save(self.fields)
        assert screen.query == {}

    def test_reset(self, screen: Screen):
        screen.query = {self.gamma.key: "3", self.beta.key: "-1"}
        url.load(self.fields)
        url.reset(self.fields)
        url.save(self.fields)
        assert [url.value(field) for field in self.fields] == [1.0, 0.0]
        assert screen.query == {}

    def test_language_is_named_if_the_browser_would_not_get_it(self, screen: Screen):
        url.load([url.language_field()])
        assert url.link_parameters(()) == {}
        assert url.link_parameters((), to_share=True) == {"lang": "en"}
        screen.state["lang"] = "zh"
        assert url.link_parameters(()) == {"lang": "zh"}


# ---- what the chart proposes -----------------------------------------------------------------


class TestProposal:
    def propose(self, screen: Screen, proposal: Any) -> None:
        url.load(PAGE.KNOBS)
        screen.state["chart"] = SimpleNamespace(commit=proposal)
        commit.take(PAGE.KNOBS, "chart")()

    def test_values_are_taken_and_the_token_answered(self, screen: Screen):
        self.propose(screen, {"token": 4, "values": {PAGE.GAMMA.key: 2.5, PAGE.BETA.key: -1}})
        assert (url.value(PAGE.GAMMA), url.value(PAGE.BETA)) == (2.5, -1.0)
        assert url.value(PAGE.EPS) == PAGE.EPS.default
        assert commit.token("chart") == 4

    def test_values_are_clamped(self, screen: Screen):
        self.propose(screen, {"token": 1, "values": {PAGE.GAMMA.key: 1e9, PAGE.SCALE.key: -1e9}})
        assert url.value(PAGE.GAMMA) == 4.0
        assert url.value(PAGE.SCALE) == 0.25

    @pytest.mark.parametrize("raw", HOSTILE_OBJECTS, ids=lambda raw: type(raw).__name__)
    def test_hostile_values_leave_valid_ones(self, screen: Screen, raw: Any):
        screen.query = {PAGE.GAMMA.key: "2"}
        self.propose(screen, {"token": raw, "values": {field.key: raw for field in PAGE.KNOBS}})
        for field in PAGE.KNOBS:
            assert_valid(field, url.value(field))
        assert 0 <= commit.token("chart") < 2**53

    def test_what_is_no_number_leaves_the_value_where_it_was(self, screen: Screen):
        screen.query = {PAGE.GAMMA.key: "2"}
        self.propose(screen, {"token": 1, "values": {PAGE.GAMMA.key: "nonsense"}})
        assert url.value(PAGE.GAMMA) == 2.0

    @pytest.mark.parametrize(
        "proposal", [None, [], "x", {}, {"values": []}, {"values": {"lang": 1}}]
    )
    def test_other_shapes_are_ignored(self, screen: Screen, proposal: Any):
        self.propose(screen, proposal)
        assert [url.value(field) for field in PAGE.KNOBS] == [f.default for f in PAGE.KNOBS]
        assert screen.state.get("lang") is None
