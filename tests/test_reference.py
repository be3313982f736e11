"""References: what Docker accepts, with Docker's defaults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.reference import Reference

DIGEST = Digest.of(b"")

COMPONENT = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
REPOSITORY = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)
REGISTRY = st.sampled_from(
    ["", "localhost", "localhost:5000", "ghcr.io", "10.0.0.1:443", "[::1]:5000", "a.B:1"]
)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("python", "", "python", ""),
        ("python:3.11-slim", "", "python", "3.11-slim"),
        ("neural-hive-mind/python-ml-base:1.0.0", "", "neural-hive-mind/python-ml-base", "1.0.0"),
        ("localhost/x", "localhost", "x", ""),
        ("localhost:5000/x:y", "localhost:5000", "x", "y"),
        ("ghcr.io/a/b/c:1", "ghcr.io", "a/b/c", "1"),
        ("[::1]:5000/x", "[::1]:5000", "x", ""),
    ],
)
def test_parts(text, registry, repository, tag) -> None:
    """The first component is a registry only with a dot, a colon, or as localhost."""
    assert Reference(registry, repository, tag) == Reference.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "@",
        "x@",
        "x@sha256:abc",
        "X",
        "x:",
        "x:a b",
        "x:" + "a" * 129,
        "a//b",
        "/a",
        "a/",
        "a..b",
        "-a",
        "a_",
        "../a",
        "ghcr.io/",
        "gh cr.io/a",
        "gh.io:123456/a",
        "a" * 256,
        "a\n",
        "a:1\n",
        "https://ghcr.io/a",
        "pyth\u03bfn",
    ],
)
def test_what_is_no_reference(text) -> None:
    """Text outside the grammar is refused with the expected form."""
    with pytest.raises(UsageError) as raised:
        Reference.parse(text)
    assert raised.value.hint


@given(REGISTRY, REPOSITORY, st.one_of(st.just(""), TAG), st.sampled_from([None, DIGEST]))
def test_what_is_written_is_read_back(registry, repository, tag, digest) -> None:
    """A reference survives being written, and its tag is then explicit."""
    if registry == "" and "." in repository.partition("/")[0] and "/" in repository:
        return  # reads as a registry
    if registry == "" and repository.startswith("localhost/"):
        return
    reference = Reference(registry, repository, tag, digest)
    again = Reference.parse(reference.familiar)
    assert (registry, repository, digest) == (again.registry, again.repository, again.digest)
    assert (tag or ("" if digest else "latest")) == again.tag
    assert again.familiar == reference.familiar == str(reference)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text) -> None:
    """No text makes the parser fail in another way, and what it accepts is stable."""
    try:
        reference = Reference.parse(text)
    except UsageError:
        return
    assert Reference.parse(reference.familiar).canonical == reference.canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("python", "docker.io/library/python:latest"),
        ("index.docker.io/python", "docker.io/library/python:latest"),
        ("docker.io/library/python:latest", "docker.io/library/python:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("ghcr.io/b:1", "ghcr.io/b:1"),
        (f"b@{DIGEST}", f"docker.io/library/b@{DIGEST}"),
        (f"b:1@{DIGEST}", f"docker.io/library/b:1@{DIGEST}"),
    ],
)
def test_canonical(text, canonical) -> None:
    """Docker's defaults are spelled out."""
    assert canonical == Reference.parse(text).canonical


def test_name_is_the_last_component() -> None:
    """Images of a hive are matched by the last component, whatever precedes it."""
    assert Reference.parse("ghcr.io/team/python-ml-base:1.0.0").name == "python-ml-base"
