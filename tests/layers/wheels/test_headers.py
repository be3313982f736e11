"""Fields of METADATA and WHEEL are those that Python's own parser finds."""

from __future__ import annotations

from email.parser import Parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.layers.wheels.headers import Fields

TEXT = (
    "Name: x\r\nVersion:1\nKeywords: a,\n  b\n\tc\n"
    "Requires-Dist: y\nrequires-dist:  z ; extra == 'q' \n\nName: body\n"
)


def test_fields():
    """Names have no case, values no white space around them, and the description is not looked at."""
    fields = Fields(TEXT)
    assert fields.one("name") == "x"
    assert fields.one("VERSION") == "1"
    assert fields.all("Requires-Dist") == ("y", "z ; extra == 'q'")
    assert fields.one("Requires-Dist") is None
    assert fields.one("Keywords") == "a,\n  b\n\tc"
    assert fields.one("Author") is None
    assert fields.all("Author") == ()


@pytest.mark.parametrize("stop", ["", "no field", "Na me: y", "é: y"])
def test_fields_end_where_they_end(stop):
    """At an empty line, or at the first that is none."""
    assert Fields(f"Name: x\n{stop}\nVersion: 1\n").one("Version") is None


@given(
    st.lists(
        st.sampled_from(
            ["Name: x", "name:y", "Name : z", " folded", "\tfolded", "", "text", "A-B: ", "A-B:c:d"]
        )
        | st.text("aN:- \té", max_size=5),
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_the_email_parser_and_we_agree(lines, ending):
    """About every field, whatever comes between them."""
    text = ending.join(["Name: first", *lines])
    expected = Parser().parsestr(text)
    fields = Fields(text)
    for name in {key.lower() for key in expected}:
        assert fields.all(name) == tuple(
            "\n".join(value.splitlines()).strip() for value in expected.get_all(name, [])
        )


def test_a_field_of_many_lines():
    """Takes time for each line once: a file of 64 MiB may be nothing else."""
    value = Fields("Name: x\n" + " y\n" * 2_000_000).one("Name")
    assert value is not None
    assert len(value) == 6_000_001
