import codecs
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_ui import own_numbers
from bn_ui.export import batch_rows, csv_bytes
from bn_ui.own_numbers import OwnNumbersError, decode, from_link, parse, to_link


def why_not(text: str) -> tuple[str, dict[str, Any]]:
    with pytest.raises(OwnNumbersError) as error:
        parse(text)
    return error.value.reason, error.value.values


class TestParse:
    @pytest.mark.parametrize(
        "text",
        [
            "1,2\n3,4",
            "1, 2\n3, 4\n",
            "1;2\n3;4",
            "1\t2\n3\t4",
            "1 2\n3 4",
            "  1   2 \n\n  3   4  \n\n",
            "1，2\n3，4",
            "1；2\n3；4",
            "1,2\r\n3,4\r\n",
            "1,2\r3,4",
            '"1","2"\n"3","4"',
            "1.0,2e0\n+3,.4e1",
            ",\n1,2\n;\n3,4",
            "１,２\n３,４",
        ],
    )
    def test_ways_to_write_a_batch(self, text: str):
        np.testing.assert_array_equal(parse(text).x, [[1, 2], [3, 4]])
        assert parse(text).names == ("", "")

    @pytest.mark.parametrize("text", ['"1"\n"2"', "v\n1\n2"])
    def test_one_column_of_a_spreadsheet(self, text: str):
        np.testing.assert_array_equal(parse(text).x, [[1], [2]])

    def test_one_column(self):
        np.testing.assert_array_equal(parse("1\n-2.5\n3e2").x, [[1], [-2.5], [300]])

    @pytest.mark.parametrize("text", ["a,b\n1,2\n3,4", "\n a , b\n1,2\n3,4", '"a";"b"\n1;2\n3;4'])
    def test_header(self, text: str):
        assert parse(text).names == ("a", "b")
        assert parse(text).x.shape == (2, 2)

    def test_header_in_chinese(self):
        assert parse("身高，体重\n1，2\n3，4").names == ("身高", "体重")

    def test_a_title_above_the_numbers_names_no_column(self):
        assert parse("what I measured today\n1,2\n3,4").names == ("", "")

    def test_one_header_only(self):
        assert why_not("a,b\nc,d\n1,2\n3,4")[0] == "text"

    @given(
        st.integers(2, 8).flatmap(
            lambda d: st.lists(
                st.lists(st.floats(-1e12, 1e12), min_size=d, max_size=d), min_size=2, max_size=20
            )
        )
    )
    def test_round_trip(self, rows: list[list[float]]):
        """Written in full and read again: the same bits."""
        text = "\n".join(",".join(map(repr, row)) for row in rows)
        np.testing.assert_array_equal(parse(text).x, rows)

    def test_reads_what_the_csv_download_writes(self):
        x = np.random.default_rng(0).standard_normal((5, 1))
        data = csv_bytes(["sample", "feature", "x"], batch_rows(["7"], x))
        np.testing.assert_array_equal(parse(decode(data)).x[:, 2:], x)


class TestWhyNot:
    @pytest.mark.parametrize("text", ["", "\n \n\t\n", ",;\n", "a,b", "a,b\n"])
    def test_empty(self, text: str):
        assert why_not(text) == ("empty", {})

    @pytest.mark.parametrize("text", ["1,2", "a,b\n1,2", "1\n\n\n"])
    def test_one_row(self, text: str):
        assert why_not(text) == ("one_row", {})

    def test_text_cell(self):
        values = {"line": 3, "column": 2, "cell": "n/a"}
        assert why_not("1,2\n3,4\n5,n/a") == ("text", values)

    def test_lines_are_counted_as_in_the_box(self):
        assert why_not("a,b\n\n1,2\n\n\n3,x\n")[1]["line"] == 6

    @pytest.mark.parametrize(
        "cell", ["1_000", "0x10", "1.2.3", "--1", "1e", "½", "1 000", "$5", "5%"]
    )
    def test_what_is_no_number(self, cell: str):
        assert why_not(f"1,2\n3,{cell}") == ("text", {"line": 2, "column": 2, "cell": cell})

    def test_an_empty_cell(self):
        assert why_not("1,2\n3,") == ("text", {"line": 2, "column": 2, "cell": ""})

    def test_a_long_cell_is_quoted_in_part(self):
        assert why_not("1,2\n3," + "x" * 5000)[1]["cell"] == "x" * 20

    @pytest.mark.parametrize(
        "text", ["1,5;2,5\n3,5;4,5", "1,5\t2,5\n3,5\t4,5", "1,5；2,5\n3,5；4,5"]
    )
    def test_decimal_commas_are_not_taken_for_separators(self, text: str):
        """Where spreadsheets write 1,5 they separate by semicolons or tabs."""
        assert why_not(text) == ("text", {"line": 1, "column": 1, "cell": "1,5"})

    def test_quoted_decimal_commas_are_not_taken_for_separators(self):
        text = '"1,5","2,5"\n"3,5","4,5"'
        assert why_not(text) == ("text", {"line": 1, "column": 1, "cell": '"1'})

    @pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e999"])
    def test_not_finite(self, cell: str):
        assert why_not(f"1,2\n{cell},4") == ("not_finite", {"line": 2, "column": 1, "cell": cell})

    def test_too_big(self):
        wrong = {"line": 2, "column": 2, "cell": "-1.1e12", "power": 12}
        assert why_not("1,2\n3,-1.1e12") == ("too_big", wrong)
        assert parse("1,2\n3,1e12").x[1, 1] == 1e12

    @pytest.mark.parametrize("row", ["3", "3,4,5", "3,4,"])
    def test_ragged(self, row: str):
        reason, values = why_not(f"1,2\n{row}")
        assert (reason, values["line"], values["width"]) == ("ragged", 2, 2)
        assert values["cells"] == row.count(",") + 1

    def test_too_many_rows(self):
        most = own_numbers.MAX_ROWS
        assert parse("1\n" * most).x.shape == (most, 1)
        assert why_not("1\n" * (most + 1)) == ("too_many_rows", {"rows": most + 1, "most": most})

    def test_too_many_columns(self):
        most = own_numbers.MAX_COLUMNS
        row = "1," * (most - 1) + "1\n"
        assert parse(row * 2).x.shape == (2, most)
        values = {"columns": most + 1, "most": most}
        assert why_not(("1," + row) * 2) == ("too_many_columns", values)

    def test_too_many_bytes(self):
        reason, values = why_not("1\n" * own_numbers.MAX_BYTES)
        assert (reason, values) == ("too_many_bytes", {"kilobytes": 1000})


class TestDecode:
    text = "身高,b\n1,2\n3,4"

    @pytest.mark.parametrize(
        "data",
        [
            text.encode(),
            text.encode("utf-8-sig"),
            text.encode("utf-16"),
            codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        ],
        ids=["utf-8", "utf-8 with a mark", "utf-16", "utf-16, big end first"],
    )
    def test_encodings_of_spreadsheets(self, data: bytes):
        assert decode(data) == self.text

    @pytest.mark.parametrize(
        "data",
        ["é,ü\n1,2".encode("latin-1"), text.encode("gbk"), b"\xff\xfe1", b"\x89PNG\r\n\x1a\n"],
        ids=["latin-1", "gbk", "half a utf-16", "a picture"],
    )
    def test_other_encodings(self, data: bytes):
        with pytest.raises(OwnNumbersError) as error:
            decode(data)
        assert error.value.reason == "encoding"

    def test_too_many_bytes(self):
        assert decode(b"1" * own_numbers.MAX_BYTES)
        with pytest.raises(OwnNumbersError) as error:
            decode(b"1" * (own_numbers.MAX_BYTES + 1))
        assert error.value.reason == "too_many_bytes"

    @given(st.binary(max_size=200))
    def test_no_bytes_whatever_raise_anything_else(self, data: bytes):
        with suppress(OwnNumbersError):
            parse(decode(data))


class TestLink:
    def test_by_hand(self):
        assert to_link("a,b\n1, 2.50\n-3 ,4e-7") == "1~2.5_-3~4e-07"
        assert from_link("1~2.5_-3~4e-07") == "1, 2.5\n-3, 4e-07"

    @pytest.mark.parametrize("text", ["", "1,2", "1,2\n3", "1,2\n3,x"])
    def test_what_cannot_be_read_is_not_linked(self, text: str):
        assert to_link(text) == own_numbers.OMITTED

    def test_what_is_too_long_is_not_linked(self):
        rows = own_numbers.LINK_CHARACTERS // 2
        longest = "\n".join("1" for _ in range(rows))
        assert len(to_link(longest)) <= own_numbers.LINK_CHARACTERS
        assert to_link(longest) != own_numbers.OMITTED
        assert to_link(longest + "\n1\n1") == own_numbers.OMITTED

    def test_a_longer_link_is_refused(self):
        with pytest.raises(ValueError, match="longer"):
            from_link("1_" * own_numbers.LINK_CHARACTERS)
