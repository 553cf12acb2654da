"""What a page defines, without running it: a page is a script that draws when it is imported."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import SimpleNamespace

PAGES = Path(__file__).resolve().parent.parent / "pages"


@cache
def definitions(chapter: str) -> SimpleNamespace:
    """The constants, classes and functions of ``pages/<chapter>.py``."""
    path = PAGES / f"{chapter}.py"
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if not isinstance(node, ast.Expr)]
    names = {"__name__": f"pages.{chapter}"}
    exec(compile(tree, str(path), "exec"), names)
    return SimpleNamespace(**names)
