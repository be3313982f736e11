"""File names of wheels are read as packaging reads them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels import names
from hivebase.plan.pythons import Python

PYTHON = Python("3.11.2", "glibc", (2, 36), "x86_64", "")
MUSL = Python("3.11.2", "musl", (1, 2), "x86_64", "")


def test_all_parts():
    """Name and version in normal form, tags in lower case, the build tag split."""
    parsed = names.parse(
        "Foo.Bar_baz-1.0.RC1+CPU-12b-cp311.CP312-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    )
    assert (parsed.name, parsed.version, parsed.build) == ("foo-bar-baz", "1.0rc1+cpu", (12, "b"))
    assert (parsed.pythons, parsed.abis) == (("cp311", "cp312"), ("abi3",))
    assert parsed.platforms == ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
    assert names.parse("x-1-py3-none-any.whl").build == (0, "")


@pytest.mark.parametrize(
    "file",
    [
        "x__y-1-py3-none-any.whl",
        "_x-1-py3-none-any.whl",
        "x_-1-py3-none-any.whl",
        "é-1-py3-none-any.whl",
        "x-1-py3-none-any.zip",
        "x-one-py3-none-any.whl",
        "x-1-b1-py3-none-any.whl",
        "x-1-1!-py3-none-any.whl",
        "x-1--none-any.whl",
        "x-1-py3-none-any..linux_x86_64.whl",
        "x-1-py3-none.whl",
    ],
)
def test_what_is_no_file_name(file):
    """Each part has its own grammar."""
    with pytest.raises(CorruptContentError, match="rename the file"):
        names.parse(file)


PART = st.text("aA1._+!-é", min_size=0, max_size=6)
TAG = st.sampled_from(["py3", "cp311", "none", "any", "py2.py3", "Linux_x86_64"])


@given(
    name=PART,
    version=PART | st.sampled_from(["1", "1.0.post1", "v1", "01.0", "1.0_1"]),
    build=st.none() | PART,
    tag=TAG,
)
def test_packaging_and_we_agree(name, version, build, tag):
    """About what is a file name and what it means."""
    parts = [name, version, *([] if build is None else [build]), tag, "none", "any"]
    file = "-".join(parts) + ".whl"
    try:
        expected = parse_wheel_filename(file)
    except InvalidWheelFilename:
        expected = None
    try:
        parsed = names.parse(file)
    except CorruptContentError:
        # packaging lets more through: letters outside ASCII, names that begin or end with a separator.
        assert (
            expected is None
            or not file.isascii()
            or not name[:1].isalnum()
            or not name[-1:].isalnum()
            or build
        )
        return
    assert expected is not None
    assert (parsed.name, parsed.version) == (expected[0], str(expected[1]))
    assert parsed.build == (expected[2] or (0, ""))
    combined = {f"{p}-{a}-{m}" for p in parsed.pythons for a in parsed.abis for m in parsed.platforms}
    assert combined == {str(tag) for tag in expected[3]}


@given(st.text("aB1-_.", min_size=1, max_size=8))
def test_names_are_normalised_as_packaging_does(name):
    """PEP 503."""
    assert names.normal_name(name) == canonicalize_name(name)


@given(one=st.text("01.abrcv+-_ ", max_size=6), other=st.text("01.abrcv+-_ ", max_size=6))
def test_versions_are_compared_as_packaging_does(one, other):
    """PEP 440; what is no version equals only itself."""
    try:
        assert names.normal_version(one) == str(Version(one))
        assert names.same_version(one, other) == (Version(one) == Version(other))
    except InvalidVersion:
        assert one == other or not names.same_version(one, other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0", "1.0.0", True),
        ("1.0", "v1", True),
        ("1.0rc1", "1.0.rc-1", True),
        ("1.0", "1.0.1", False),
        ("1.0+cpu", "1.0+CPU", True),
        ("1.0+cpu", "1.0", False),
        ("x", "x", True),
        ("x", "y", False),
    ],
)
def test_versions_that_are_the_same(one, other, same):
    """Leading v, trailing zeros and spelling do not count; a local label does."""
    assert names.same_version(one, other) is same


def test_fitting_wheels():
    """By tags alone; how tags are ordered is a matter of the plan."""
    best = names.parse("x-1-cp311-cp311-manylinux_2_36_x86_64.whl")
    good = names.parse("x-1-py2.py3-none-any.whl")
    ranks = best.rank(PYTHON), good.rank(PYTHON)
    assert ranks[0] == 0
    assert ranks[1] is not None
    assert ranks[1] > 0
    assert best.fits(PYTHON)
    assert good.fits(MUSL)
    for tag in (
        "cp312-cp312-manylinux_2_36_x86_64",
        "cp311-cp311-manylinux_2_37_x86_64",
        "py3-none-win_amd64",
        "cp311-cp311-manylinux2014_aarch64",
        "cp311-cp311-musllinux_1_2_x86_64",
        "py2-none-any",
    ):
        assert not names.parse(f"x-1-{tag}.whl").fits(PYTHON)
    assert names.parse("x-1-cp311-cp311-musllinux_1_2_x86_64.whl").fits(MUSL)
    assert names.parse("x-1-cp38-abi3-manylinux2014_x86_64.whl").fits(PYTHON)


def test_plain_versions_need_no_packaging():
    """Its import costs as much as reading several wheels."""
    code = (
        "import sys; from hivebase.layers.wheels import names; names.parse('a-1.20.3-py3-none-any.whl');"
        "names.same_version('1.0', '1.0'); sys.exit('packaging' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
