"""Which wheels an interpreter takes, compared with the reference implementation."""

from __future__ import annotations

import pytest
from packaging import _manylinux, _musllinux, tags

from hivebase.plan.pythons import Python
from hivebase.plan.wheel_tags import _order, build_number, rank

BOOKWORM = Python("3.11.2", "glibc", (2, 36), "x86_64", "")
ALPINE = Python("3.12.1", "musl", (1, 2), "aarch64", "")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "s390x"])
@pytest.mark.parametrize(
    ("version", "libc", "libc_version"),
    [
        ("3.11.2", "glibc", (2, 36)),
        ("3.8.20", "glibc", (2, 17)),
        ("3.14.0", "glibc", (2, 41)),
        ("3.12.1", "musl", (1, 2)),
    ],
)
def test_the_order_of_tags_is_that_of_packaging(monkeypatch, machine, version, libc, libc_version):
    """Every tag, at its place."""
    monkeypatch.setattr(_manylinux, "_have_compatible_abi", lambda *_: True)
    monkeypatch.setattr(_manylinux, "_get_glibc_version", lambda: libc_version)
    monkeypatch.setattr(_musllinux, "_get_musl_version", lambda _: _musllinux._MuslVersion(*libc_version))
    module = _manylinux if libc == "glibc" else _musllinux
    platforms = [*module.platform_tags([machine]), f"linux_{machine}"]
    python = (3, int(version.split(".")[1]))
    own = f"cp3{python[1]}"
    expected = [
        *tags.cpython_tags(python, [own], platforms),
        *tags.compatible_tags(python, own, platforms),
    ]
    found = _order(Python(version, libc, libc_version, machine, "").minor, libc, libc_version, machine)
    assert [str(tag) for tag in expected] == list(found)


@pytest.mark.parametrize(
    ("file", "python", "fits"),
    [
        ("six-1.16.0-py2.py3-none-any.whl", BOOKWORM, True),
        ("numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", BOOKWORM, True),
        ("numpy-1.26.4-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", BOOKWORM, False),
        ("numpy-1.26.4-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", BOOKWORM, False),
        ("numpy-1.26.4-cp311-cp311-musllinux_1_1_x86_64.whl", BOOKWORM, False),
        ("new-1.0-cp311-cp311-manylinux_2_37_x86_64.whl", BOOKWORM, False),
        ("x-1.0-cp38-abi3-manylinux_2_28_x86_64.whl", BOOKWORM, True),
        ("x-1.0-cp312-abi3-manylinux_2_28_x86_64.whl", BOOKWORM, False),
        ("x-1.0-2-py3-none-any.whl", BOOKWORM, True),
        ("x-1.0-cp312-cp312-musllinux_1_2_aarch64.whl", ALPINE, True),
        ("x-1.0-cp312-cp312-musllinux_1_3_aarch64.whl", ALPINE, False),
        ("x-1.0-py3-none-macosx_11_0_arm64.whl", ALPINE, False),
        ("x-1.0.tar.gz", BOOKWORM, False),
        ("x-1.0-none-any.whl", BOOKWORM, False),
    ],
)
def test_a_wheel_fits_the_interpreter_of_the_image(file, python, fits):
    """Version, ABI, libc and machine of the image count, never those of the host."""
    assert fits == (rank(file, python) is not None)


def test_the_more_special_wheel_is_better():
    """As pip chooses: own ABI, then the stable one, then pure Python; a newer platform before an older one."""
    names = [
        "x-1-cp311-cp311-manylinux_2_34_x86_64.whl",
        "x-1-cp311-cp311-manylinux2014_x86_64.whl",
        "x-1-cp311-abi3-manylinux_2_34_x86_64.whl",
        "x-1-cp39-abi3-manylinux_2_34_x86_64.whl",
        "x-1-py3-none-manylinux_2_34_x86_64.whl",
        "x-1-py3-none-any.whl",
    ]
    assert names == sorted(names, key=lambda name: rank(name, BOOKWORM) or 0)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("x-1-py3-none-any.whl", (0, "")),
        ("x-1-2-py3-none-any.whl", (2, "")),
        ("x-1-10b-py3-none-any.whl", (10, "b")),
        ("x.zip", (0, "")),
    ],
)
def test_build_numbers_are_numbers(file, expected):
    """Ten is more than two."""
    assert expected == build_number(file)
