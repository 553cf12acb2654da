"""The Batch Normalization Lab: ``streamlit run app.py``.

The entry is an ASGI app around ``bn_ui/router.py`` and not a script beside ``pages/``: Streamlit
would take that folder for its own and answer a cold deep link without the router.
"""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from bn_ui.server import SecurityHeaders, StrayUploads, plotly_route, report_error


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    # What start-up loaded stays for good: let no later collection walk through it.
    gc.collect()
    gc.freeze()
    yield


app = st.App(
    Path(__file__).parent / "bn_ui" / "router.py",
    lifespan=lifespan,
    routes=[plotly_route()],
    middleware=[Middleware(SecurityHeaders), Middleware(StrayUploads)],
    on_script_error=report_error,
)
