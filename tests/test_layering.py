"""The walls between the parts, as far as import-linter cannot express them.

Each rule is a function from source text to what is wrong with it, so that the rules themselves are
tested too: one that cannot fail protects nothing.
"""

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LABEL_LENGTH = 60
MATHS_MODULES = {"numpy", "math", "cmath", "statistics", "scipy", "pandas"}
MATHS_CALLS = {"mean", "var", "std", "sum", "sqrt", "exp", "log", "tanh", "dot", "histogram"}
JS_MATHS_ALLOWED = {"abs", "min", "max", "round", "floor", "ceil"}  # places, not statistics
BINARY_SUFFIXES = {".npz", ".png", ".jpg", ".woff2", ".pdf", ".pyc", ".lock"}
HIDDEN_BUT_OURS = {".ci", ".streamlit"}

Rule = Callable[[str], Iterator[str]]


def core_imports(source: str) -> Iterator[str]:
    """bn_core imports NumPy and the standard library only."""
    for module, node in _imports(ast.parse(source)):
        if module.split(".")[0] not in sys.stdlib_module_names | {"numpy", "bn_core"}:
            yield f"line {node.lineno}: imports {module}"


def maths_in_page(source: str) -> Iterator[str]:
    """Pages compute nothing: no numerical module, no np.mean, no powers, no matrix products."""
    tree = ast.parse(source)
    for module, node in _imports(tree):
        if module.split(".")[0] in MATHS_MODULES:
            yield f"line {node.lineno}: imports {module}"
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                if name in MATHS_CALLS:
                    yield f"line {node.lineno}: calls {name}()"
            case ast.BinOp(op=ast.Pow() | ast.MatMult()):
                yield f"line {node.lineno}: computes {ast.unparse(node)}"


def prose_in_page(source: str) -> Iterator[str]:
    """Pages hold no sentence and no Chinese: words live in content/."""
    for node in _strings(ast.parse(source)):
        if len(node.value) > LABEL_LENGTH:
            yield f"line {node.lineno}: {len(node.value)} characters: {node.value[:30]!r}…"
        elif re.search(r"[\u3000-\u9fff\uff00-\uffef]", node.value):
            yield f"line {node.lineno}: Chinese: {node.value!r}"


def reads_content(source: str) -> Iterator[str]:
    """Only bn_ui/text.py names the folder content/."""
    tree = ast.parse(source)
    sizes = {  # Streamlit's width="content" means something else
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in ("width", "height")
    }
    for node in _strings(tree):
        if id(node) not in sizes and re.match(r"(.*/)?content(/|$)", node.value):
            yield f"line {node.lineno}: {node.value!r}"


def white_on_primary(source: str) -> Iterator[str]:
    """No primary buttons: in the dark theme their white text is hard to read (config.toml)."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.keyword(arg="type", value=ast.Constant(value="primary")):
                yield f"line {node.value.lineno}: type='primary'"
            case ast.Attribute(attr="multiselect"):
                yield f"line {node.lineno}: multiselect"


def javascript_maths(source: str) -> Iterator[str]:
    """JavaScript does no mathematics: what it draws was computed by bn_core."""
    for number, line in enumerate(source.splitlines(), start=1):
        for name in re.findall(r"\bMath\.(\w+)", line):
            if name not in JS_MATHS_ALLOWED:
                yield f"line {number}: Math.{name}"
        if re.search(r"[\w)\]]\s*\*\*\s*[\w(]", line):
            yield f"line {number}: power: {line.strip()}"


def machine_paths(source: str) -> Iterator[str]:
    """No file mentions a folder that exists on somebody's own machine only."""
    folders = r"(?<![\w.:/~-])/(?:home|root|Users|work|mnt|tmp)/[\w.-]+"
    for number, line in enumerate(source.splitlines(), start=1):
        for path in re.findall(folders, line):
            yield f"line {number}: {path}"


def _imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node


def _strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Every string literal (and each part of an f-string) that is not a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def _all_text_files() -> list[Path]:
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name
            for name in subfolders
            if name in HIDDEN_BUT_OURS or not name.startswith((".", "__pycache__"))
        ]
        found += [Path(folder, name) for name in names]
    return sorted(path for path in found if path.suffix not in BINARY_SUFFIXES)


SCREEN = _files("bn_ui/**/*.py", "pages/**/*.py", "app.py")
CORE = _files("bn_core/**/*.py")
WALLS: dict[Rule, list[Path]] = {
    core_imports: CORE,
    maths_in_page: _files("pages/**/*.py"),
    prose_in_page: _files("pages/**/*.py"),
    reads_content: [path for path in CORE + SCREEN if path != ROOT / "bn_ui/text.py"],
    white_on_primary: SCREEN,
    javascript_maths: _files("bn_ui/**/*.js"),
    machine_paths: [path for path in _all_text_files() if path != Path(__file__)],
}


@pytest.mark.parametrize("rule", WALLS, ids=lambda rule: rule.__name__)
def test_wall_stands(rule: Rule):
    wrong = [
        f"{path.relative_to(ROOT)}, {complaint}"
        for path in WALLS[rule]
        for complaint in rule(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not wrong, "\n".join([rule.__doc__ or "", *wrong])


@pytest.mark.parametrize("rule", WALLS, ids=lambda rule: rule.__name__)
def test_wall_has_something_to_protect(rule: Rule):
    assert WALLS[rule], "no file matches: has a folder been renamed?"


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (core_imports, "import streamlit as st"),
        (core_imports, "def f():\n    from scipy import stats"),
        (core_imports, "import bn_ui.text"),
        (maths_in_page, "import numpy as np"),
        (maths_in_page, "from math import sqrt"),
        (maths_in_page, "st.write(x.mean())"),
        (maths_in_page, "share = sum(hits)"),
        (maths_in_page, "y = x @ w"),
        (maths_in_page, "y = (x - mu) ** 2"),
        (prose_in_page, f"st.write('{'Batch Normalization standardises. ' * 2}')"),
        (prose_in_page, f"st.write(f'{'Batch Normalization of ' * 3} {{m}} samples')"),
        (prose_in_page, "st.button('重置')"),
        (reads_content, "Path('content/en/forward.md').read_text()"),
        (reads_content, "ROOT / 'content' / 'en'"),
        (reads_content, "open('../content/zh/labels.toml')"),
        (white_on_primary, "st.button('Check', type='primary')"),
        (white_on_primary, "st.multiselect('Norms', names)"),
        (javascript_maths, "const y = Math.exp(-z);"),
        (javascript_maths, "const y = x ** 2;"),
        (machine_paths, "see " + "/home" + "/alice/notes.md"),
        (machine_paths, 'open("' + "/tmp" + '/x.png")'),
    ],
)
def test_rules_find_what_they_forbid(rule: Rule, source: str):
    assert list(rule(source))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (core_imports, "import math\nimport numpy as np\nfrom bn_core.x import y\nfrom . import z"),
        (maths_in_page, "fwd = forward_train(x, gamma)\nst.write(fwd.mu, fwd.var, m / 2)"),
        (prose_in_page, f'"""{"What this page shows. " * 5}"""\nst.button(t("reset"))'),
        (reads_content, "st.title(t('forward.content'), width='content')"),
        (white_on_primary, "st.button('Check', type='secondary')"),
        (javascript_maths, "/** Redraw. **/ const left = Math.round(Math.max(0, x * 2));"),
        (machine_paths, "https://example.org" + "/home" + "/page, see ~" + "/work" + "/notes"),
    ],
)
def test_rules_let_pass_what_is_fine(rule: Rule, source: str):
    assert not list(rule(source))
