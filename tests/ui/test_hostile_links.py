"""A thousand links that nobody should send: every one is a page, soon."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.hostile import links

ROUTER = Path(__file__).resolve().parents[2] / "bn_ui" / "router.py"
COUNT, PIECES, SEED = 1000, 10, 20_26
LONGEST = 20  # seconds, on any machine: what has no bound takes longer


@pytest.mark.parametrize("piece", range(PIECES))
def test_every_link_is_a_page(piece: int):
    for chapter, parameters in links(COUNT, SEED)[piece::PIECES]:
        app = AppTest.from_file(str(ROUTER), default_timeout=LONGEST)
        app.query_params.update(parameters)
        start = time.monotonic()
        app.switch_page(f"../pages/{chapter}.py").run()
        where = f"/{chapter} {parameters}"
        assert not app.exception, where
        assert time.monotonic() - start < LONGEST, where
        assert app.title, where
        kept = "".join(app.query_params[key] for key in app.query_params)
        assert len(kept) < 3000, where
