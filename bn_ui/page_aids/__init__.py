"""What every page needs for ears and keyboard and Streamlit does not give: see page_aids.js."""

from __future__ import annotations

import json
from pathlib import Path

from bn_ui.component import component
from bn_ui.text import TAGS, language

_HERE = Path(__file__).parent


def page_aids() -> None:
    """Nothing to be seen: the browser learns the language, and wide tables get a stop for Tab."""
    told = {"lang": TAGS[language()]}
    component(_HERE, ["page_aids"])(key="page_aids", data=json.dumps(told).encode())
