"""What binaries say: machine, C library, version of Python."""

from __future__ import annotations

import struct
import sys
import sysconfig
from pathlib import Path

import pytest

from hivebase.layers.wheels.elf import glibc_version, machine, musl_version, python_version


def _elf(number, order=1):
    head = b"\x7fELF\2" + bytes([order]) + bytes(10)
    return head + struct.pack("<HH" if order == 1 else ">HH", 2, number)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_elf(62), "x86_64"),
        (_elf(183), "aarch64"),
        (_elf(22, 2), "s390x"),
        (_elf(9999), ""),
        (b"#!/bin/sh\n", ""),
        (_elf(62)[:19], ""),
    ],
)
def test_machine(data, expected):
    """By its number, in the byte order of the file."""
    assert machine(data) == expected


def test_the_interpreter_of_these_tests():
    """A real binary, and a real library where it has one."""
    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME") or "none")
    binary = library if library.is_file() else Path(sys.executable).resolve()
    minor = f"3.{sys.version_info.minor}"
    assert python_version(binary.read_bytes(), minor) == sys.version.split()[0].rstrip("+")
    assert machine(Path(sys.executable).resolve().read_bytes()) == sysconfig.get_platform().rpartition("-")[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\x003.11.2\x00", "3.11.2"),
        (b"\x003.11.0rc1\x00", "3.11.0rc1"),
        (b"\x003.11.2+\x00", "3.11.2"),
        (b"\x003.11.2 (main\x003.11.2\x00", "3.11.2"),
        (b"\x003.11.2\x003.11.9\x00", ""),
        (b"\x0013.11.2\x00 x3.11.2\x00", ""),
        (b"\x003.12.2\x00", ""),
    ],
)
def test_version_of_python(text, expected):
    """It stands alone; where two are there, none is believed."""
    assert python_version(text, "3.11") == expected


def test_versions_of_c_libraries():
    """As they say it themselves."""
    assert (
        glibc_version(b"\0GNU C Library (Debian GLIBC 2.36-9+deb12u4) stable release version 2.36.\n")
        == "2.36"
    )
    assert glibc_version(b"\0libc\0") == ""
    assert musl_version(b"musl libc\x001.2.4\x00") == "1.2"
    assert musl_version(b"\x0011.2.4\x00") == ""
