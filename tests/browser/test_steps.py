"""The step by step chapters as a learner meets them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from bn_core.derivation import BACKWARD, FORWARD, derive, magnitudes, operations
from bn_core.upstream import half_squared_error
from bn_ui import own_numbers, small_batch
from bn_ui.numbers import shown
from bn_ui.step_player.lesson import closed_ids, open_ids
from bn_ui.text import LANGUAGES, labels
from tests.browser.player import BETA, GAMMA, TARGET, Player, X, opening
from tests.browser.serving import Server

pytestmark = pytest.mark.browser
Open = Callable[..., Player]

CHAPTERS = {"forward": (FORWARD, "fwd"), "backward": (BACKWARD, "bwd")}


def text(a: np.ndarray) -> str:
    return "\n".join(", ".join(map(repr, row)) for row in np.atleast_2d(a).tolist())


class TestNumbers:
    """Every number of a step is the core's: in full on hover, to four digits for the eye."""

    def assert_all_shown(self, tab: Player, passage: str, values: dict[str, np.ndarray]) -> None:
        size, seen = magnitudes(values), set()
        prefix = CHAPTERS[passage][1]
        for step in (*closed_ids(passage), *open_ids(passage)):
            if ("." in step) != tab.part("open").is_checked():
                tab.part("open").click()
            tab.root.locator(f".bn-rail [data-go='{step}']").click()
            tab.at(step)
            cells = tab.cells()
            for name, places in cells.items():
                seen.add(name)
                for (i, k), (short, full) in places.items():
                    value = float(np.atleast_2d(values[name])[i, k])
                    scale = float(
                        np.atleast_2d(np.broadcast_to(size[name], values[name].shape))[i, k]
                    )
                    np.testing.assert_allclose(float(full), value, rtol=1e-13, atol=1e-13 * scale)
                    assert short == shown(value, scale), (step, name, i, k)
        assert {operation.name for _, operation in operations(CHAPTERS[passage][0])} <= seen
        tab.at(step, **{f"{prefix}_step": step})

    @pytest.mark.parametrize("passage", CHAPTERS)
    def test_as_the_chapter_opens(self, player: Open, passage: str):
        self.assert_all_shown(player(f"/{passage}?lang=en"), passage, opening())

    def test_of_a_random_batch_that_was_typed(self, player: Open):
        rng = np.random.default_rng(5)
        x, dy = rng.normal(3, 2, (5, 3)).round(3), rng.normal(size=(5, 3)).round(3)
        gamma, beta = rng.normal(size=(2, 3)).round(2)
        tab = player("/backward?lang=en&batch_dy_from=own")
        for key, a in (("x", x), ("gamma", gamma), ("beta", beta), ("dy", dy)):
            tab.write(f"batch_{key}", text(a))
            tab.until("new URLSearchParams(location.search).has(given)", f"batch_{key}")
        tab.until("document.querySelectorAll('.bn-sample option').length === 5").ready()
        self.assert_all_shown(tab, "backward", derive(x, gamma, beta, dy=dy))

    def test_the_formula_shows_the_pointed_sample_and_feature(self, player: Open):
        tab = player("/forward?lang=en&fwd_step=x_hat.x_hat&fwd_i=3&fwd_k=2")
        values = opening()
        result = tab.part("filled").locator(".katex-html [data-q=x_hat]").last.inner_text()
        assert result.replace("−", "-") == f"{values['x_hat'][2, 1]:.4g}"
        assert tab.part("filled").locator(".katex-html [data-q=centred]").get_attribute(
            "data-i"
        ) == str(2)


class TestWalking:
    @pytest.mark.parametrize("lang", LANGUAGES)
    @pytest.mark.parametrize("passage", CHAPTERS)
    def test_next_alone_gets_through(self, player: Open, passage: str, lang: str):
        """... and each step names, explains and computes what it shows."""
        tab = player(f"/{passage}?lang={lang}")
        tab.part("open").check()
        ids = open_ids(passage)
        codes = {f"{f.name}.{o.name}": o.code for f, o in operations(CHAPTERS[passage][0])}
        for n, step in enumerate(ids):
            assert tab.step() == step
            words = labels(lang)
            name = step.split(".")[1]
            assert words[f"quantities.{name}"] in tab.part("heading").inner_text()
            assert str(n + 1) in tab.part("heading").inner_text()
            said = tab.part("why").inner_text()
            for part in words[f"why.{step.replace('.', '_of_')}"].split("$")[::2]:
                assert part.strip() in said  # between them stand formulas
            assert tab.part("code").inner_text() == codes[step]
            symbols = (
                tab.part("general")
                .locator(".katex-html [data-q]")
                .evaluate_all("all => all.map((e) => e.dataset.q)")
            )
            explained = (
                tab.part("legend")
                .locator("> [data-q]")
                .evaluate_all("all => all.map((e) => e.dataset.q)")
            )
            assert set(symbols) <= set(explained)
            assert tab.part("lines").locator(".bn-dot").count() >= 2
            if n + 1 < len(ids):
                tab.next()
        assert tab.part("next").get_attribute("aria-disabled") == "true"

    def test_keys_step_and_the_link_follows(self, player: Open):
        tab = player("/forward?lang=en")
        tab.press("ArrowRight", "ArrowRight")
        tab.at("x_hat", fwd_step="x_hat")
        tab.press("ArrowLeft")
        tab.at("var", fwd_step="var")
        tab.page.reload()
        assert tab.ready().step() == "var"

    def test_keys_are_left_to_those_who_need_them(self, player: Open):
        tab = player("/forward?lang=en")
        tab.page.locator(".st-key-batch_gamma_box input").focus()
        tab.press("ArrowRight")
        tab.part("sample").focus()
        tab.press("ArrowRight")
        assert tab.step() == "mu"

    def test_back_goes_one_commit_at_a_time(self, player: Open):
        tab = player("/forward?lang=en")
        for step in ("var", "x_hat"):
            tab.next()
            tab.at(step, fwd_step=step)
        tab.page.go_back()
        tab.at("var", fwd_step="var")
        tab.page.go_forward()
        tab.at("x_hat", fwd_step="x_hat")

    def test_single_operations_open_and_close_in_place(self, player: Open):
        tab = player("/backward?lang=en&bwd_step=dx")
        tab.part("open").check()
        assert tab.step() == "dx.dx_via_x_hat"
        tab.next()
        tab.part("open").uncheck()
        assert tab.step() == "dx"
        tab.part("open").check()
        assert tab.step() == "dx.dx_via_var"

    def test_play_goes_on_by_itself_and_stops(self, player: Open):
        tab = player("/forward?lang=en")
        tab.choose("pace", "fast")
        tab.part("play").click()
        for step in closed_ids("forward")[1:]:
            tab.at(step)
        tab.until("document.querySelector('.bn-play').textContent === given", "Play")
        tab.part("play").click()
        tab.at("mu")
        tab.part("back").click()
        assert tab.part("play").inner_text() == "Play"

    def test_next_redraws_in_place(self, player: Open):
        """No flash of an empty page, and the page stays where it was scrolled to."""
        tab = player("/backward?lang=en")
        tab.page.evaluate(
            """() => {
                const main = document.querySelector('[data-testid=stMain]');
                main.scrollTo(0, 200);
                window.seen = [];
                const look = () => {
                    const root = document.querySelector('.bn-step');
                    seen.push([Boolean(root?.querySelector('.bn-filled').textContent),
                        Boolean(root?.querySelector('.bn-tables td')), main.scrollTop,
                        document.querySelectorAll('.bn-live').length]);
                    requestAnimationFrame(look);
                };
                look();
            }"""
        )
        tab.press("ArrowRight", "ArrowRight", "ArrowRight")
        tab.at("dx", bwd_step="dx").ready()
        seen = {tuple(frame) for frame in tab.page.evaluate("seen")}
        assert seen == {(True, True, 200, 3)}

    def test_values_move_from_their_old_to_their_new_place(self, player: Open):
        tab = player("/forward?lang=en&fwd_step=x_hat.inv_std")
        tab.page.evaluate(
            """() => {
                window.places = new Set();
                const look = () => {
                    const dot = document.querySelectorAll('.bn-dot.bn-new')[3];
                    if (dot) places.add(getComputedStyle(dot).top);
                    requestAnimationFrame(look);
                };
                look();
            }"""
        )
        tab.next()
        tab.at("x_hat.x_hat", fwd_step="x_hat.x_hat")
        tab.until("document.getAnimations().length === 0")
        assert tab.page.evaluate("places.size") > 3


class TestFocus:
    def test_one_focus_everywhere(self, player: Open):
        tab = player("/forward?lang=en&fwd_step=var.squared")
        tab.choose("sample", "3")
        tab.choose("feature", "2")
        tab.choose("quantity", "centred")
        found = tab.marked()
        assert "centred 2" in found["formula"]
        assert found["table"] == ["centred 2 1", "squared 2 1"]
        assert found["quantity"] == ["centred 2 1"]
        assert found["picture"] == ["dot centred 2"]
        assert found["title"] == ["centred"]
        assert found["graph"] == ["node centred"]
        tab.until("location.search.includes('fwd_q=centred')")
        tab.page.reload()
        assert tab.ready().marked() == found

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            (".bn-dot.bn-old >> nth=3", {"fwd_i": "4"}),
            (".bn-line-name >> nth=1", {"fwd_q": "centred"}),
            ("td[data-cell='x 1 1']", {"fwd_i": "2", "fwd_k": "2"}),
            (".bn-node[data-q=beta]", {"fwd_q": "beta"}),
            (".bn-general .katex-html [data-q=mu]", {"fwd_q": "mu"}),
            (".bn-legend > [data-q=x]", {"fwd_q": "x"}),
        ],
        ids=["dot", "line", "cell", "node", "symbol", "legend"],
    )
    def test_pointing_with_the_mouse(self, player: Open, target: str, expected: dict[str, str]):
        tab = player("/forward?lang=en&fwd_step=var.centred")
        tab.root.locator(target).click()
        for key, value in expected.items():
            tab.at("var.centred", **{key: value})

    def test_with_the_keyboard_alone(self, player: Open):
        """Every control is reached by Tab, and what is pressed keeps the focus."""
        tab = player("/forward?lang=en")
        reached = []
        for _ in range(60):
            tab.press("Tab")
            reached.append(
                tab.page.evaluate(
                    """() => { const e = document.activeElement;
                        return e.closest('.bn-step') ? (e.dataset.key ?? e.className) : '' }"""
                )
            )
        for part in (
            "bn-next",
            "bn-open",
            "bn-sample",
            "bn-feature",
            "bn-quantity",
            "mu",
            "node mu",
        ):
            assert part in reached
        assert "var" not in reached  # one stop for the rail; arrow keys go on from there
        tab.root.locator("[data-key='node mu']").focus()
        tab.press("Enter")
        tab.until("location.search.includes('fwd_q=mu') && bn.idle()")
        assert tab.page.evaluate("document.activeElement.dataset.key") == "node mu"
        tab.press("ArrowRight")
        tab.at("var")


def test_all_paths_of_a_gradient_are_bold(player: Open):
    tab = player("/backward?lang=en&bwd_step=dx")
    bold = tab.root.locator(".bn-node.bn-current").evaluate_all(
        "all => all.map((n) => n.dataset.q)"
    )
    assert set(bold) == {"x_hat", "centred", "x", "var", "squared", "mu"}
    assert tab.root.locator(".bn-graph-picture line.bn-flow").count() == 2 * 5


@pytest.mark.parametrize("path", ["/forward?fwd_step=x_hat&batch_x=1_2_0_1_3_2_1_50", "/forward"])
def test_dots_stay_in_their_picture(player: Open, path: str):
    """... also where many would cover each other."""
    tab = player(path)
    apart = tab.part("lines-picture").evaluate(
        """(box) => { const frame = box.getBoundingClientRect();
            return [...box.querySelectorAll('.bn-dot')].map((dot) => {
                const at = dot.getBoundingClientRect();
                return [at.top - frame.top, frame.bottom - at.bottom];
            }) }"""
    )
    assert np.min(apart) >= -2


class TestPractice:
    def test_from_slip_to_right_answer(self, player: Open):
        tab = player("/forward?lang=en&fwd_practice=last&fwd_step=y")
        values = opening()
        y = values["y"][0, 0]
        assert shown(y) not in tab.root.inner_text()
        assert repr(float(y)) not in tab.page.content()
        tab.answer("what?")
        tab.until("document.querySelector('.bn-feedback').textContent")
        said = f"what?: {labels('en')['player.answer_unreadable']}"
        assert tab.part("feedback").inner_text() == said
        slip = f"{values['scaled'][0, 0]:.4f}"
        tab.answer(slip)
        hint = f"{slip}: {labels('en')['slips.y_without_beta']}"
        tab.until("document.querySelector('.bn-feedback').textContent === given", hint)
        tab.choose("feature", "2")  # another entry, to which nothing has been said yet
        assert tab.part("feedback").inner_text() == ""
        tab.choose("feature", "1")
        assert tab.part("feedback").inner_text() == hint
        tab.answer(f"{y:.2f}")
        tab.until("!document.querySelector('.bn-answer').firstChild")
        assert (
            tab.part("feedback").inner_text() == f"{y:.2f}: {labels('en')['player.answer_right']}"
        )
        assert tab.page.evaluate("document.activeElement.className") == "bn-heading"
        assert tab.cells()["y"][0, 0][0] == shown(y)

    def test_the_worked_step_on_request(self, player: Open):
        tab = player("/backward?lang=zh&bwd_practice=all")
        assert tab.cells()["dx_hat"][0, 0] == ("?", "")
        everything, read = (
            tab.page.content(),
            tab.page.locator("[data-testid=stMain]").inner_text(),
        )
        for name in ("dx_hat", "dvar", "dmu", "dx", "dgamma"):
            for value in opening()[name].ravel():
                assert repr(float(value)) not in everything
                assert shown(float(value)) not in read
        tab.part("answer").get_by_text(labels("zh")["player.show_worked"]).click()
        tab.until("!document.querySelector('.bn-answer').firstChild")
        assert tab.cells()["dx_hat"][0, 0][0] == shown(opening()["dx_hat"][0, 0])
        tab.next()
        assert tab.cells()["dvar"][0, 0] == ("?", "")

    def test_the_hint_follows_the_language(self, player: Open):
        tab = player("/forward?lang=en&fwd_practice=last&fwd_step=y")
        tab.answer("77")
        tab.until("document.querySelector('.bn-feedback').textContent")
        tab.page.locator(".st-key-lang [role=radio]").first.click()
        tab.until(
            "document.querySelector('.bn-feedback').textContent === given",
            f"77: {labels('zh')['player.answer_wrong']}",
        )
        assert tab.part("answer").locator("input").input_value() == "77"


class TestBatch:
    def test_a_bad_entry_is_explained_and_loses_nothing(self, player: Open):
        tab = player("/forward?lang=en")
        before = tab.cells()
        tab.write("batch_x", "1, 2\n3, four")
        tab.page.locator("[data-testid=stAlert]").wait_for()
        said = tab.page.locator("[data-testid=stAlert]").inner_text()
        assert "Line 2, column 2" in said
        assert tab.cells() == before
        assert tab.page.locator(".st-key-batch_x_box textarea").input_value() == "1, 2\n3, four"
        assert "batch_x" not in tab.query()

    def test_presets_undo_and_reset(self, player: Open):
        tab = player("/forward?lang=en")
        before = tab.cells()
        tab.page.locator(".st-key-batch_round button").click()
        tab.until("document.querySelector('[data-cell=\"x 3 1\"]').textContent === '17'").ready()
        tab.page.locator(".st-key-batch_undo button").click()
        tab.until("document.querySelector('[data-cell=\"x 3 1\"]').textContent === '61'").ready()
        assert tab.cells() == before
        tab.page.locator(".st-key-batch_two button").click()
        tab.until("document.querySelectorAll('.bn-sample option').length === 2")
        tab.page.locator(".st-key-forward_reset button").click()
        tab.until("document.querySelectorAll('.bn-sample option').length === 4").ready()
        assert tab.cells() == before

    def test_numbers_go_along_to_the_next_chapter(self, player: Open):
        tab = player("/forward?lang=en&batch_x=1_2_4")
        tab.page.get_by_text(labels("en")["sections.work"]).click()
        tab.page.get_by_role("menuitem", name=labels("en")["chapters.backward"]).click()
        tab.until("location.pathname === '/backward'").ready()
        assert tab.query()["batch_x"] == "1_2_4"
        assert tab.part("sample").locator("option").count() == 3

    @pytest.mark.parametrize("name", small_batch.PRESETS)
    def test_every_preset_is_shown_as_the_core_computes_it(self, player: Open, name: str):
        tab = player("/backward?lang=en&bwd_step=dx")
        tab.page.locator(f".st-key-batch_{name} button").click()
        first = repr(
            own_numbers.parse(small_batch.PRESETS[name][small_batch.X], small_batch.LIMITS)
            .x[0, 0]
            .item()
        )
        tab.until("document.querySelector('[data-cell=\"x 0 0\"]').title === given", first).ready()
        given = {key: tab.table(key) for key in ("x", "var", "eps", "dx_hat")}
        values = derive(given["x"], eps=float(given["eps"].item()), dy=given["dx_hat"])
        np.testing.assert_allclose(tab.table("dx"), values["dx"], rtol=1e-9, atol=1e-12)


class TestBackwardPictures:
    def test_they_follow_the_player(self, player: Open):
        tab = player("/backward?lang=en")
        tab.choose("sample", "3")
        tab.choose("feature", "2")
        words = labels("en")["backward.paths_alt"].format(i=3, k=2, moved="", sums="")
        words = words.partition("{")[0]
        tab.until(
            "[...document.querySelectorAll('.bn-figure')]"
            ".some((e) => e.getAttribute('aria-label')?.startsWith(given))",
            words,
        )

    def test_moving_one_sample_moves_every_gradient(self, player: Open):
        tab = player("/backward?lang=en")
        read = """() => document.querySelector('.bn-live:has([data-knob=bwd_nudge]) .bn-figure')
            .data[3].y.slice()"""
        before = tab.page.evaluate(read)
        np.testing.assert_allclose(before, opening()["dx"][:, 0])
        knob = tab.page.locator("[data-knob=bwd_nudge] input")
        knob.focus()
        tab.press(*["ArrowRight"] * 4)
        tab.until("location.search.includes('bwd_nudge=0.2')")
        tab.until(SETTLED_CHARTS)
        after = tab.page.evaluate(read)
        x = X.copy()
        x[0, 0] += 0.2 * opening()["std"][0]
        y = derive(x, GAMMA, BETA)["y"]
        wanted = derive(x, GAMMA, BETA, dy=half_squared_error(y, TARGET)[1])["dx"][:, 0]
        np.testing.assert_allclose(after, wanted, rtol=1e-9)
        assert all(a != b for a, b in itertools.zip_longest(before, after))

    def test_the_misprint_is_covered_until_a_guess(self, player: Open):
        tab = player("/backward?lang=en")
        assert tab.page.locator(".st-key-bwd_repair").count() == 0
        tab.page.get_by_text("The sign in the first term").click()
        tab.page.locator(".st-key-bwd_repair").wait_for()
        tab.page.get_by_text(labels("en")["repairs.both"], exact=True).first.wait_for()


SETTLED_CHARTS = "[...document.querySelectorAll('.bn-live')].every((c) => c.dataset.shown === '{}')"


class TestLook:
    def test_formulas_are_typeset_by_the_page_s_own_style(self, player: Open):
        """Streamlit's typesetter and style sheet must be of one make: an index is smaller."""
        tab = player("/forward?lang=en")
        sizes = tab.part("general").evaluate(
            """(box) => ['.mathnormal', '.sizing .mathnormal']
                .map((part) => parseFloat(getComputedStyle(box.querySelector(part)).fontSize))"""
        )
        assert sizes[1] < 0.8 * sizes[0]

    def test_a_page_without_the_typesetter_shows_the_source(
        self, new_context: Callable, server: Server
    ):
        page = new_context().new_page()
        page.route("**/rehype-katex*.js", lambda route: route.abort())
        page.goto(f"{server.url}/forward?lang=en")
        page.locator(".bn-step .bn-error").get_by_text("LaTeX").wait_for()
        assert r"\frac" in page.locator(".bn-general").inner_text()

    @pytest.mark.parametrize("lang", LANGUAGES)
    @pytest.mark.parametrize("passage", CHAPTERS)
    def test_nothing_is_wider_than_a_phone(self, player: Open, passage: str, lang: str):
        step = {"forward": "fwd_step=x_hat", "backward": "bwd_step=dx.dx"}[passage]
        tab = player(f"/{passage}?lang={lang}&{step}", phone=True)
        wide = tab.page.evaluate(
            """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-step')]
                .filter((e) => e.scrollWidth > e.clientWidth + 1)
                .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
        )
        assert not wide
        tab.page.evaluate("document.querySelector('.bn-graph').scrollIntoView()")
        assert tab.part("next").bounding_box()["y"] > 0

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_each_quantity_has_one_colour(self, player: Open, theme: str):
        tab = player("/forward?lang=en&fwd_step=var.centred", theme=theme)
        colours = tab.root.evaluate(
            """(root) => ['.bn-general .katex-html [data-q=mu]', '.bn-node[data-q=mu]',
                'td[data-cell="mu 0 0"]', '.bn-legend > [data-q=mu]']
                .map((part) => getComputedStyle(root.querySelector(part)).color)"""
        )
        assert len(set(colours)) == 1

    def test_the_language_changes_in_place(self, player: Open):
        tab = player("/backward?lang=en&bwd_step=dmu&bwd_i=2")
        numbers = tab.cells()
        tab.page.locator(".st-key-lang [role=radio]").first.click()
        words = labels("zh")
        why = words["why.dmu"].partition("$")[0]
        tab.until("document.querySelector('.bn-why').textContent.startsWith(given)", why)
        assert tab.cells() == numbers
        tab.until("document.documentElement.lang === 'zh-CN'")
