"""The widgets for the learner's own numbers: a box to paste into, a file to upload.

The box is the truth as long as the numbers fit into it. A larger batch is kept aside, on the
server, until the box is edited, another file comes or the page is reset. A text that cannot be
read is explained beside the box and stays there; the picture keeps the last batch that could be.
"""

from __future__ import annotations

import streamlit as st

from bn_ui import controls, own_numbers, url
from bn_ui.own_numbers import OwnBatch, OwnNumbersError
from bn_ui.text import t
from bn_ui.url import Field


def own_batch(field: Field) -> OwnBatch:
    """Draw the widgets; return the batch to show."""
    controls.settle(field, url.value(field))
    st.text_area(t("own.box"), key=field.key, height=150, on_change=_take_box, args=(field,))
    upload = f"{field.key}_upload"
    st.file_uploader(
        t("own.upload"),
        ["csv", "txt", "tsv"],
        key=upload,
        max_upload_size=1,
        on_change=_take_file,
        args=(field,),
    )
    st.caption(_limits())
    return _read(field)


def forget(field: Field) -> None:
    """Nothing set aside, no complaint, no last good batch: for Reset."""
    for part in ("file", "file_error", "good"):
        st.session_state.pop(f"{field.key}_{part}", None)


def link_warning(field: Field) -> str:
    """What to say beside a link that cannot carry the numbers."""
    omitted = _aside(field.key) in st.session_state or (
        url.value(field) != field.default and field.write(url.value(field)) == own_numbers.OMITTED
    )
    return t("own.not_in_link") if omitted else ""


def _limits() -> str:
    return t(
        "own.limits",
        rows=own_numbers.MAX_ROWS,
        columns=own_numbers.MAX_COLUMNS,
        kilobytes=own_numbers.MAX_BYTES // 1000,
    )


def _read(field: Field) -> OwnBatch:
    """Parse what there is; on an error say so and fall back on the last batch that was good."""
    good = f"{field.key}_good"
    if refused := st.session_state.get(f"{field.key}_file_error"):
        filename, error = refused
        st.error(f"{_quoted(filename)}: {explain(error)}", icon=":material/error:")
    try:
        batch = own_numbers.parse(st.session_state.get(_aside(field.key), url.value(field)))
    except OwnNumbersError as error:
        st.error(explain(error), icon=":material/error:")
        batch = st.session_state.get(good) or own_numbers.parse(field.default)
        st.caption(t("own.still_shown", m=batch.x.shape[0], d=batch.x.shape[1]))
    else:
        st.caption(t("own.shown", m=batch.x.shape[0], d=batch.x.shape[1]))
    st.session_state[good] = batch
    return batch


def explain(error: OwnNumbersError) -> str:
    """What is wrong with a text, and what to do about it."""
    values = {k: _quoted(v) if isinstance(v, str) else v for k, v in error.values.items()}
    return t(f"own.error_{error.reason}", **values)


def _quoted(text: str) -> str:
    """Text from outside, to be shown as it stands: as Markdown it could be a link or a picture."""
    return f"`{text.replace('`', ' ')}`" if text.strip() else ""


def _aside(key: str) -> str:
    return f"{key}_file"


def _forget_file(key: str) -> None:
    st.session_state.pop(_aside(key), None)
    st.session_state.pop(f"{key}_file_error", None)


def _take_box(field: Field) -> None:
    """What is typed replaces a file. A large paste that can be read moves aside like one."""
    _forget_file(field.key)
    text = url.value(field)
    if len(text) <= own_numbers.BOX_CHARACTERS:
        return
    try:
        own_numbers.parse(text)
    except OwnNumbersError:
        return  # it stays in the box, and is explained beside it
    _take(field, text)


def _take_file(field: Field) -> None:
    """An uploaded file replaces the numbers only if it can be read."""
    file = st.session_state[f"{field.key}_upload"]
    if file is None:
        _forget_file(field.key)
        return
    try:
        text = own_numbers.decode(file.getvalue())
        own_numbers.parse(text)
    except OwnNumbersError as error:
        st.session_state[f"{field.key}_file_error"] = (file.name, error)
        return
    _forget_file(field.key)
    _take(field, text)


def _take(field: Field, text: str) -> None:
    """Put numbers that can be read where they belong: into the box, or aside."""
    if len(text) <= own_numbers.BOX_CHARACTERS:
        url.assign(field, text)
    else:
        st.session_state[_aside(field.key)] = text
        url.assign(field, "")
