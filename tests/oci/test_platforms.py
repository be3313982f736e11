"""Platforms: parsing, matching, choosing."""

from __future__ import annotations

import pytest

from hivebase.digest import Digest
from hivebase.errors import NotFoundError, UsageError
from hivebase.oci.model import MANIFEST, Descriptor, Index, Platform
from hivebase.oci.platforms import host_platform, matches, parse_platform, select

AMD = Platform("amd64", "linux")


def _index(*platforms: Platform | None) -> Index:
    entries = (
        Descriptor(MANIFEST, Digest.of(b"%d" % n), n, platform=platform)
        for n, platform in enumerate(platforms)
    )
    return Index(schema_version=2, manifests=tuple(entries))


def test_this_machine_runs_linux() -> None:
    """The host's platform is a Linux one with an architecture in Go's words."""
    assert host_platform().os == "linux"
    assert host_platform().architecture not in {"", "x86_64", "aarch64"}


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm/v7", "windows/amd64"])
def test_platforms_are_read_as_written(text) -> None:
    """Writing gives back what was read."""
    assert text == str(parse_platform(text))


@pytest.mark.parametrize("text", ["", "linux", "linux/", "linux/a/b/c", "linux/../x", "linux amd64"])
def test_what_is_no_platform(text) -> None:
    """Other forms are refused."""
    with pytest.raises(UsageError):
        parse_platform(text)


@pytest.mark.parametrize(
    ("wanted", "offered", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/arm64", False),
    ],
)
def test_matching(wanted, offered, expected) -> None:
    """No variant means the usual one."""
    assert expected == matches(parse_platform(wanted), parse_platform(offered))


def test_the_first_that_fits_is_chosen() -> None:
    """Order decides between equals; entries for other platforms are passed over."""
    index = _index(Platform("arm64", "linux"), AMD, AMD)
    assert index.manifests[1] == select(index, AMD, what="it")


def test_a_single_entry_without_platform_is_taken() -> None:
    """An index that names no platform has nothing to choose from."""
    assert _index(None).manifests[0] == select(_index(None), AMD, what="it")


def test_nothing_fits() -> None:
    """The error names what there is."""
    with pytest.raises(NotFoundError) as raised:
        select(_index(Platform("arm64", "linux"), Platform("unknown", "unknown")), AMD, what="x:1")
    assert "linux/arm64" in raised.value.why
