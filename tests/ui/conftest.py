"""What every page test wants of Streamlit: quiet, and quick."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from streamlit.components.v2 import manifest_scanner

from bn_ui.runs import shared
from tests.ui.pool_in_process import PoolInProcess


@pytest.fixture(autouse=True)
def _no_warning_about_a_missing_browser() -> Iterator[None]:
    """Streamlit complains of calls outside of a session, which is what a test is."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def _no_search_for_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """At every run of a test, Streamlit looks through all packages for components: 0.08 s."""
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", list)


@pytest.fixture(autouse=True)
def _no_workers_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A page that trains has real workers, unless a test gives it others; they end with the test,
    and what they have found is not kept beside the code."""
    monkeypatch.setenv("BN_RUNS_DIR", str(tmp_path_factory.getbasetemp() / "runs"))
    clear = shared.pool.clear
    yield
    clear()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> PoolInProcess:
    """What pages have then instead of the server's pool."""
    made = PoolInProcess()
    monkeypatch.setattr(shared, "pool", lambda: made)
    return made
