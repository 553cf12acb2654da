"""A thousand links that nobody should send: every one is a page, soon."""

import pytest

from tests.hostile import complaint, links, visit

COUNT, PIECES, SEED = 1000, 10, 20_26


@pytest.mark.parametrize("piece", range(PIECES))
def test_every_link_is_a_page(piece: int):
    for chapter, parameters in links(COUNT, SEED)[piece::PIECES]:
        assert not complaint(visit(chapter, parameters)), f"/{chapter} {parameters}"
