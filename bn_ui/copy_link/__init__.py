"""A link as selectable text with a button that copies it, also where there is no clipboard."""

from __future__ import annotations

import json
from pathlib import Path

from bn_ui.component import component
from bn_ui.text import t

_HERE = Path(__file__).parent


def copy_link(link: str, key: str) -> None:
    """Draw the link with its button."""
    words = {
        "link": link,
        "name": t("frame.link"),
        "copy": t("frame.copy_link"),
        "copied": t("frame.copied"),
        "by_hand": t("frame.copy_by_hand"),
    }
    component(_HERE, ["copy_link"])(key=key, data=json.dumps(words, ensure_ascii=False).encode())
