"""Worksheet and answer key of a small batch: pages to print, complete in one file.

Both come from one list of quantities and differ in what stands in the cells: room to write, or the
numbers of `bn_core.derivation`. Black on white, A4, no script, and nothing fetched from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

import numpy as np

from bn_core.derivation import BACKWARD, FORWARD, QUANTITIES, Formula, Values, derive, magnitudes
from bn_ui.mathml import mathml
from bn_ui.numbers import number_text, rounded, shown
from bn_ui.small_batch import SmallBatch
from bn_ui.step_player.formulas import plain
from bn_ui.text import labels

GIVEN_DIGITS = 12  # of numbers that somebody typed: as many as the link keeps
DRAWN_DIGITS = 4  # of numbers that were drawn at random, and need no more
# Upstream gradients that are worked out from y: printed, they would tell it.
_FROM_Y = {"target": r"y_{ik} - t_{ik}", "x_hat": r"\hat{x}_{ik}"}


@dataclass(frozen=True)
class Sheet:
    """A batch as it is printed. Its answers follow from the printed numbers.

    source : where ∂ℓ/∂y comes from, a name of `bn_ui.small_batch.UPSTREAMS`
    seed : what it was drawn with, if it was
    """

    batch: SmallBatch
    source: str
    seed: int | None
    dy: np.ndarray

    @property
    def values(self) -> Values:
        b = self.batch
        return derive(b.x, b.gamma, b.beta, eps=b.eps, dy=self.dy)

    @property
    def code(self) -> str:
        """Six characters that only this batch has: what is printed on both pages."""
        b = self.batch
        target = b"" if b.target is None else b.target.tobytes()
        parts = (str(b.x.shape), b.x, b.gamma, b.beta, repr(b.eps), self.source, self.dy, target)
        data = b"|".join(
            part.encode() if isinstance(part, str) else np.asarray(part).tobytes() for part in parts
        )
        return sha256(data).hexdigest()[:6].upper()


def sheet(batch: SmallBatch) -> Sheet:
    """The sheet of a batch; random numbers are rounded first, so that what is printed is used."""
    source, seed = str(batch.source[0]), None
    dy = batch.dy
    if source == "random":
        seed = int(str(batch.source[1]))
        dy = rounded(dy, DRAWN_DIGITS)
    return Sheet(batch, source, seed, dy)


def page(printed: Sheet, lang: str, *, answers: bool) -> str:
    """The worksheet in a language, or with ``answers`` its key, as one HTML document."""
    words = {
        key.removeprefix("worksheet."): text
        for key, text in labels(lang).items()
        if key.startswith("worksheet.")
    }
    kind = "key" if answers else "sheet"
    m, d = printed.batch.x.shape
    title = words[f"title_{kind}"]
    seed = words["seed"].format(seed=printed.seed) if printed.seed is not None else ""
    identity = words["identity"].format(code=printed.code, m=m, d=d) + seed
    body = [
        f"<header><h1>{escape(title)}</h1>",
        f'<p class="identity">{escape(identity)}</p>',
        f"<p>{escape(words[f'intro_{kind}'])}</p>",
        "" if answers else f'<p class="name">{escape(words["name"])}</p>',
        "</header>",
        *_given(printed, words),
        *_pass(printed, "forward", FORWARD, words, answers=answers),
        *_pass(printed, "backward", BACKWARD, words, answers=answers),
    ]
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} {escape(printed.code)}</title><style>{STYLE}</style>"
    )
    html_lang = {"zh": "zh-CN"}.get(lang, lang)
    document = "\n".join(part for part in body if part)
    return (
        f'<!DOCTYPE html>\n<html lang="{html_lang}">\n<head>{head}</head>\n'
        f'<body class="{kind}">\n{document}\n</body>\n</html>\n'
    )


def filename(printed: Sheet, lang: str, *, answers: bool) -> str:
    kind = "answers" if answers else "worksheet"
    return f"batch-normalization-{kind}-{printed.code}-{lang}.html"


# ---- parts of the page ---------------------------------------------------------------------------


def _given(printed: Sheet, words: dict[str, str]) -> Iterator[str]:
    """What the learner starts from."""
    b = printed.batch
    yield f'<section class="given"><h2>{escape(words["given"])}</h2><div class="tables">'
    yield _table("x_{ik}", _texts(b.x, GIVEN_DIGITS), words)
    if b.target is not None:
        yield _table("t_{ik}", _texts(b.target, GIVEN_DIGITS), words)
    elif printed.source not in _FROM_Y:
        yield _table(QUANTITIES["dy"].tex, _texts(printed.dy, GIVEN_DIGITS), words)
    yield _table(r"\gamma_k", _texts(b.gamma[np.newaxis], GIVEN_DIGITS), words)
    yield _table(r"\beta_k", _texts(b.beta[np.newaxis], GIVEN_DIGITS), words)
    yield f"<p>{mathml('m')} = {len(b.x)}<br>{mathml(QUANTITIES['eps'].tex)} = "
    yield f"{escape(number_text(b.eps, GIVEN_DIGITS))}</p></div></section>"


def _pass(
    printed: Sheet,
    name: str,
    formulas: Sequence[Formula],
    words: dict[str, str],
    *,
    answers: bool,
) -> Iterator[str]:
    values = printed.values
    size = magnitudes(values)
    yield f'<section class="{name}"><h2>{escape(words[name])}</h2>'
    asked = [(formula.name, plain(formula.whole)) for formula in formulas]
    if name == "backward" and printed.source in _FROM_Y:
        dy = QUANTITIES["dy"].tex
        asked.insert(0, ("dy", f"{dy} = {_FROM_Y[printed.source]}"))
        if printed.source == "target":
            yield f"<p>{escape(words['loss'])} {mathml(LOSS)}</p>"
    for n, (quantity, formula) in enumerate(asked, 1):
        value = np.atleast_2d(values[quantity])
        scale = np.broadcast_to(np.atleast_2d(size.get(quantity, 0.0)), value.shape)
        texts = _answers(value, scale) if answers else _blanks(value.shape)
        yield f'<div class="step"><p class="formula"><span class="n">{n}</span>'
        yield f"{mathml(formula, block=True)}</p>"
        yield _table(QUANTITIES[quantity].tex, texts, words) + "</div>"
    yield f'<p class="check">{escape(words[f"check_{name}"])}</p></section>'


def _answers(value: np.ndarray, scale: np.ndarray) -> list[list[str | None]]:
    """A quantity's numbers; what is rounding error beside its ``scale`` is printed as 0."""
    return [
        [shown(v, s) for v, s in zip(row, sizes, strict=True)]
        for row, sizes in zip(value.tolist(), scale.tolist(), strict=True)
    ]


def _blanks(shape: tuple[int, ...]) -> list[list[str | None]]:
    """As many cells, to be filled in by hand."""
    return [[None] * shape[1] for _ in range(shape[0])]


LOSS = r"\ell = \frac{1}{2} \sum_{i,k} (y_{ik} - t_{ik})^2"


def _texts(a: np.ndarray, digits: int) -> list[list[str | None]]:
    return [[number_text(0.0 if v == 0 else v, digits) for v in row] for row in a.tolist()]


def _table(tex: str, rows: Sequence[Sequence[str | None]], words: dict[str, str]) -> str:
    """A quantity by sample and feature; a statistic has one row, and no sample. None: a blank."""
    statistic = "_{ik}" not in tex and len(rows) == 1
    heads = "".join(
        f'<th scope="col">{escape(words["feature"].format(k=k))}</th>'
        for k in range(1, len(rows[0]) + 1)
    )
    body = []
    for i, row in enumerate(rows, 1):
        cells = "".join(
            '<td class="blank"></td>' if text is None else f"<td>{escape(text)}</td>"
            for text in row
        )
        name = "" if statistic else escape(words["sample"].format(i=i))
        body.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (
        f"<table><thead><tr><td>{mathml(tex)}</td>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


STYLE = """
@page { size: A4; margin: 14mm 15mm }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 180mm; padding: 4mm; background: #fff; color: #000;
  font: 11pt/1.4 "Noto Serif CJK SC", "Songti SC", "SimSun", Georgia, "Times New Roman", serif }
h1 { font-size: 17pt; margin: 0 0 1mm } h2 { font-size: 13pt; margin: 6mm 0 2mm }
p { margin: 1.5mm 0 }
math { font-size: 12pt; font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math",
  "Times New Roman", serif }
math[display=block] { margin: 0; text-align: left }
msub > :last-child { padding-top: .35em } /* fonts without a table for formulas set it too high */
.identity { font-weight: bold } .name { margin: 5mm 0 2mm; white-space: pre-wrap }
.tables { display: flex; flex-wrap: wrap; gap: 4mm 8mm; align-items: flex-start }
.step { display: flex; flex-wrap: wrap; gap: 2mm 8mm; justify-content: space-between;
  align-items: center; padding: 1.5mm 0; border-top: .3pt solid #000; break-inside: avoid }
.formula { display: flex; gap: 3mm; align-items: center; margin: 0 }
.n { font-weight: bold; min-width: 5mm }
table { border-collapse: collapse; break-inside: avoid }
th, td { border: .5pt solid #000; padding: .8mm 2mm; text-align: right; font-weight: normal;
  font-variant-numeric: tabular-nums; white-space: nowrap }
th { font-size: 9pt } thead th, thead td { text-align: center }
td.blank { width: 22mm; height: 7mm }
.key .step td { font-weight: bold; min-width: 18mm } .key .step thead td { font-weight: normal }
.check { border-top: .3pt solid #000; padding-top: 2mm }
@media print { body { padding: 0; max-width: none } .backward { break-before: page } }
"""
