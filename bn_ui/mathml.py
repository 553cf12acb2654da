r"""Formulas of the derivation as MathML, which every browser prints without a script.

Only the LaTeX that `bn_core.derivation` is written in is understood; anything else is a ValueError,
so that a formula is never printed with a part missing.
"""

from __future__ import annotations

import re
from html import escape

_TOKEN = re.compile(r"\\[A-Za-z]+|\\[,;!]|[A-Za-z]|\d+(?:\.\d+)?|[-+=()/|,.^_{}]|\s+|.")
_LETTERS = {
    "mu": "μ",
    "sigma": "σ",
    "epsilon": "ϵ",
    "gamma": "γ",
    "beta": "β",
    "ell": "ℓ",
    "partial": "∂",
}
_SIGNS = {"cdot": "·", "times": "×", "approx": "≈"}
_IGNORED = {r"\Bigl", r"\Bigr", r"\bigl", r"\bigr", r"\displaystyle", r"\!"}


def mathml(tex: str, *, block: bool = False) -> str:
    """A ``<math>`` element."""
    tokens = [token for token in _TOKEN.findall(tex) if not token.isspace()]
    body, rest = _row(tokens)
    if rest:
        raise ValueError(f"unbalanced braces in {tex!r}")
    display = ' display="block"' if block else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display}>{body}</math>'


def _row(tokens: list[str]) -> tuple[str, list[str]]:
    """Everything up to a closing brace or the end, and what comes after."""
    parts: list[str] = []
    while tokens and tokens[0] != "}":
        is_sum = tokens[0] == r"\sum"
        base, tokens = _atom(tokens)
        below = above = ""
        while tokens and tokens[0] in "_^":
            script = tokens[0]
            index, tokens = _atom(tokens[1:])
            if script == "_":
                below = index
            else:
                above = index
        parts.append(_scripted(base, below, above, is_sum=is_sum))
    return "<mrow>" + "".join(parts) + "</mrow>", tokens


def _scripted(base: str, below: str, above: str, *, is_sum: bool) -> str:
    """A symbol with what stands at its foot and head; a sum has both limits below and above it."""
    if below and above:
        name = "munderover" if is_sum else "msubsup"
        return f"<{name}>{base}{below}{above}</{name}>"
    if below:
        return f"<msub>{base}{below}</msub>"
    return f"<msup>{base}{above}</msup>" if above else base


def _atom(tokens: list[str]) -> tuple[str, list[str]]:
    """One symbol, group or command with its arguments."""
    if not tokens:
        raise ValueError("a formula ends where an argument was expected")
    token, rest = tokens[0], tokens[1:]
    if token == "{":
        body, rest = _row(rest)
        if not rest:
            raise ValueError("a brace is not closed")
        return body, rest[1:]
    if token in _IGNORED:
        return "", rest
    if token.startswith("\\"):
        return _command(token[1:], rest)
    if token.isdigit() or re.fullmatch(r"\d+\.\d+", token):
        return f"<mn>{token}</mn>", rest
    if token.isascii() and token.isalpha():
        return f"<mi>{token}</mi>", rest
    if token in "()":  # one that carries a power would stay small beside its stretched partner
        return f'<mo stretchy="false">{token}</mo>', rest
    if token in "-+=/|,":
        return f"<mo>{escape(token.replace('-', '−'))}</mo>", rest
    raise ValueError(f"{token!r} is not LaTeX that this module knows")


def _command(name: str, rest: list[str]) -> tuple[str, list[str]]:
    if name in _LETTERS:
        return f"<mi>{_LETTERS[name]}</mi>", rest
    if name in _SIGNS:
        return f"<mo>{_SIGNS[name]}</mo>", rest
    if name in (",", ";"):
        return '<mspace width="0.2em"></mspace>', rest
    if name == "sum":
        return '<mo movablelimits="false">∑</mo>', rest
    if name == "frac":
        top, rest = _atom(rest)
        bottom, rest = _atom(rest)
        return f"<mfrac>{top}{bottom}</mfrac>", rest
    if name == "sqrt":
        body, rest = _atom(rest)
        return f"<msqrt>{body}</msqrt>", rest
    if name == "hat":
        body, rest = _atom(rest)
        return f'<mover accent="true">{body}<mo stretchy="false">^</mo></mover>', rest
    raise ValueError(f"\\{name} is not LaTeX that this module knows")
