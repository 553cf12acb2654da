"""Which other sites may show the book inside a page of theirs, as a school's course page does."""

from __future__ import annotations

import os
import re

VARIABLE = "BN_FRAME_ANCESTORS"
_SOURCE = re.compile(r"'self'|https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d+)?")


def frame_ancestors() -> str:
    """The directive of the Content-Security-Policy: sites named by the environment, or only this.

    Raises
    ------
    ValueError
        If the variable holds anything but addresses, ``'self'`` or ``'none'``, separated by spaces.
    """
    sites = os.environ.get(VARIABLE, "").split() or ["'self'"]
    wrong = [site for site in sites if not _SOURCE.fullmatch(site)]
    if wrong and sites != ["'none'"]:
        raise ValueError(
            f"{VARIABLE} must be addresses such as https://moodle.example.edu or 'self', separated "
            f"by spaces, or 'none' alone, these two with their quotes; got {wrong[0]}"
        )
    return " ".join(("frame-ancestors", *sites))
