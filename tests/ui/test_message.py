import json
import re
from pathlib import Path

import numpy as np
import pytest

import bn_ui.live_chart
from bn_ui.figures import distributions as figures
from bn_ui.figures.changes import cells, layout, trace
from bn_ui.live_chart.message import Knob, encode, nearest
from tests.decoded import decode
from tests.page_definitions import definitions

EIGHT = 8  # bytes of the largest number, where JavaScript lets an array of them start
SCRIPT = Path(bn_ui.live_chart.__file__).with_name("live_chart.js")


def knob(key: str = "knob", values: tuple[float, ...] = (0.0, 0.5, 1.0), **more: object) -> Knob:
    given = {
        "label": "γ",
        "reset": "Reset γ",
        "texts": [f"{value:g}" for value in values],
        "value": values[0],
        "text": f"{values[0]:g}",
        "default": values[-1],
    }
    return Knob(key=key, values=np.array(values), **given | more)


def rows_of(array: np.ndarray) -> np.ndarray:
    return decode(encode({}, [cells(array)], [])).base[0]["rows"]


class TestEncode:
    def test_header_comes_back(self):
        header = {"token": 3, "alt": "直方图 “x̂” ∂ℓ/∂μ", "figure": {"data": [], "none": None}}
        found = decode(encode(header, [], [])).header
        assert {key: found[key] for key in header} == header

    @pytest.mark.parametrize("length", range(2 * EIGHT))
    def test_arrays_start_where_a_typed_array_may_start(self, length: int):
        """JavaScript refuses a Float64Array that does not start at a multiple of eight bytes."""
        changes = [
            cells(np.arange(5, dtype=np.uint8)),
            cells(np.arange(7, dtype=np.float64) / 3),
            trace(0, "y", np.arange(6).reshape(2, 3)),
            layout("xaxis", "range", np.array([[0.0, 1.0]], np.float32)),
        ]
        message = decode(encode({"padding": "×" * length}, changes, [knob(changes=changes)]))
        end = 0
        for change in message.all_changes():
            array = change["array"]
            assert (message.header_end + array["start"]) % EIGHT == 0
            assert array["start"] == end, "no gap and no overlap"
            end = array["start"] + change["rows"].nbytes
            end += -end % EIGHT
        assert message.header_end + end == message.size
        for sent, found in zip(changes + changes, message.all_changes(), strict=True):
            np.testing.assert_array_equal(found["rows"], np.atleast_2d(sent.rows))

    @pytest.mark.parametrize(
        ("largest", "dtype"),
        [(0, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")],
    )
    def test_whole_numbers_travel_as_the_smallest_type(self, largest: int, dtype: str):
        counts = np.array([[0, largest]], np.int64)
        change = decode(encode({}, [cells(counts)], [])).base[0]
        assert change["array"]["dtype"] == dtype
        assert change["rows"].tolist() == counts.tolist()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_real_numbers_keep_their_type_and_their_bits(self, dtype: type):
        values = np.array([[np.pi, -0.0, 1e-30, np.nan, np.inf]], dtype)
        found = rows_of(values)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values)

    def test_an_array_that_is_not_contiguous(self):
        values = np.arange(12.0).reshape(3, 4)[:, ::2]
        np.testing.assert_array_equal(rows_of(values), values)

    def test_no_rows(self):
        assert rows_of(np.empty((0, 4), np.int64)).shape == (0, 4)

    def test_unit_and_offset_turn_counts_into_heights(self):
        counts = np.array([[1, 2, 3]])
        (change,) = decode(encode({}, [trace(4, "y", counts, 12.5, 0.25)], [])).base
        assert (change["trace"], change["attribute"]) == (4, "y")
        assert (change["unit"], change["offset"]) == (12.5, 0.25)
        assert change["rows"].tolist() == [[1, 2, 3]]

    def test_where_a_change_goes(self):
        changes = [cells(np.ones(2)), layout("yaxis2", "range", np.ones((1, 2)))]
        first, second = decode(encode({}, changes, [])).base
        assert first["kind"] == "cells"
        assert (second["kind"], second["path"]) == ("layout", ["yaxis2", "range"])
        assert first["unit"] is None

    def test_the_script_knows_every_type_that_is_sent(self):
        (listed,) = re.findall(r"const ARRAYS = \{(.*?)\};", SCRIPT.read_text("utf-8"))
        known = set(re.findall(r"(\w+):", listed))
        assert known >= {"u1", "u2", "u4", "f4", "f8"}

    def test_the_header_is_json(self):
        data = encode({"figure": {}}, [], [knob()])
        length = int.from_bytes(data[:4], "little")
        assert json.loads(data[4 : 4 + length])["knobs"][0]["key"] == "knob"


class TestKnob:
    def test_header(self):
        (found,) = decode(encode({}, [], [knob(value=0.45, text="0.45")])).header["knobs"]
        assert found["values"] == [0.0, 0.5, 1.0]
        assert (found["value"], found["text"]) == (0.45, "0.45"), "a typed value stays as typed"
        assert found["at"] == 1
        assert found["reset_at"] == 2

    @pytest.mark.parametrize(
        ("value", "position"), [(-9.0, 0), (0.0, 0), (0.24, 0), (0.26, 1), (0.8, 2), (9.0, 2)]
    )
    def test_nearest(self, value: float, position: int):
        assert nearest(np.array([0.0, 0.5, 1.0]), value) == position


KNOBS = {field.key.removeprefix("dist_"): field for field in definitions("distributions").KNOBS}


class TestPositions:
    """The grids of the Distributions chapter."""

    @pytest.mark.parametrize("view", ["feature", "pooled", "each"])
    @pytest.mark.parametrize("name", KNOBS)
    def test_default_is_a_position(self, view: str, name: str):
        """Otherwise reset could not get there, and the link would never lose the parameter."""
        grid = getattr(figures.positions(view), name)
        assert np.sum(grid == KNOBS[name].default) == 1

    @pytest.mark.parametrize("view", ["feature", "pooled", "each"])
    @pytest.mark.parametrize("name", KNOBS)
    def test_grid_rises_and_every_position_is_a_valid_value(self, view: str, name: str):
        grid = getattr(figures.positions(view), name)
        field = KNOBS[name]
        assert (np.diff(grid) > 0).all()
        assert [field.valid(value) for value in grid] == grid.tolist()
        assert [field.from_link(field.write(value)) for value in grid] == grid.tolist()

    def test_zero_is_a_position_of_gamma_and_beta(self):
        for view in ("feature", "pooled", "each"):
            grid = figures.positions(view)
            assert 0 in grid.gamma
            assert 0 in grid.beta
