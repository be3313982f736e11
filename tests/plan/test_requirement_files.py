"""What pip would read in a requirement file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.plan.requirement_files import RequirementFile, parse, split_hashes

ONE, TWO = "1" * 64, "2" * 64

TEXT = f"""\
# a comment
--index-url https://one.example/simple
--extra-index-url=https://two.example/simple --pre
-f ./wheels
numpy >= 1.26 , <2   # why
six==1.16.0 \\
    --hash=sha256:{ONE} \\
    --hash sha256:{TWO}

-r more.txt
--constraint limits.txt
-rjoined.txt
-e ./src
./local/x-1.0-py3-none-any.whl --hash=sha256:{ONE}
uvicorn[standard]==0.24 ; python_version < "3.12"
torch @ https://three.example/torch.whl#sha256={ONE}
"""


def test_a_file_is_read_as_pip_reads_it():
    """Every kind of line, in several spellings."""
    assert RequirementFile(
        requirements=(
            "numpy >= 1.26 , <2",
            f"six==1.16.0 --hash=sha256:{ONE} --hash=sha256:{TWO}",
            'uvicorn[standard]==0.24 ; python_version < "3.12"',
            f"torch @ https://three.example/torch.whl#sha256={ONE}",
        ),
        lines=(5, 6, 15, 16),
        paths=(f"./local/x-1.0-py3-none-any.whl --hash=sha256:{ONE}",),
        editables=("./src",),
        files=("more.txt", "joined.txt"),
        constraints=("limits.txt",),
        index_url="https://one.example/simple",
        extra_index_urls=("https://two.example/simple",),
        find_links=("./wheels",),
        pre=True,
    ) == parse(TEXT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\\\nb", ("ab",)),
        ("a \\\n# comment\nb", ("a", "b")),
        ("a==1 # x \\\nb", ("a==1 # x b".partition(" #")[0],)),
        ("a \\\n# comment \\\nb", ("a", "b")),
        ("a#b", ("a#b",)),
        ("a\r\nb\r\n", ("a", "b")),
        ("\ufeffa", ("a",)),
        ("a \\", ("a",)),
        ("", ()),
        ("  a  ", ("a",)),
    ],
)
def test_lines_and_comments_are_pips(text, expected):
    """A comment needs a blank before it, and ends a continuation."""
    assert expected == parse(text).requirements


@pytest.mark.parametrize(
    ("text", "paths", "requirements"),
    [
        ("x-1-py3-none-any.whl", ("x-1-py3-none-any.whl",), ()),
        ("./dir[extra]", ("./dir[extra]",), ()),
        ("https://one.example/x.whl", ("https://one.example/x.whl",), ()),
        ("file:///x.whl", ("file:///x.whl",), ()),
        ("x @ file:///x.whl", (), ("x @ file:///x.whl",)),
        ("x@https://one.example/x.whl", (), ("x@https://one.example/x.whl",)),
        ("zope.interface", (), ("zope.interface",)),
        ('x; platform_machine == "a/b"', (), ('x; platform_machine == "a/b"',)),
    ],
)
def test_places_are_told_from_names(text, paths, requirements):
    """A path and a bare URL say no name."""
    found = parse(text)
    assert (paths, requirements, "") == (found.paths, found.requirements, found.impure)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x==${VERSION}", "line 1: the value of an environment variable is not known here"),
        ("a\n--no-binary :all:", "line 2: --no-binary asks for source archives"),
        ("--use-feature x", "line 1: the option --use-feature is not known here"),
        ("git+https://one.example/x", "line 1: a repository is checked out and built"),
        ("x @ git+ssh://git@one.example/x", "line 1: a repository is checked out and built"),
        ("-e git+https://one.example/x", "line 1: a repository is checked out and built"),
        (
            "x --config-settings a=b",
            "line 1: the option --config-settings of a requirement is not known here",
        ),
        ("x --hash=md5:00", "line 1: only hashes of the kind sha256 are compared here"),
        ("x --hash=nonsense", "line 1: not a hash: --hash=sha256:… is expected"),
        ("-r", "line 1: the option -r lacks its value"),
        ("--pre 'x", "line 1: cannot be split into words: No closing quotation"),
    ],
)
def test_what_is_not_understood_is_named(text, why):
    """One line for people, and nothing is guessed."""
    assert why == parse(text).impure


def test_of_several_options_the_later_counts():
    """:none: takes back what was said before it."""
    found = parse("--only-binary :all:\n--only-binary=:none:,x\n--no-binary :none:\n-i a\n-i b")
    assert (found.only_binary, found.index_url, found.impure) == (("x",), "b", "")


def test_a_hash_of_another_kind_beside_sha256_is_left_out():
    """One that can be compared is enough."""
    found = parse(f"x==1 --hash=sha512:00 --hash=sha256:{ONE.upper()}")
    assert ("x==1", (f"sha256:{ONE}",)) == split_hashes(found.requirements[0])
    assert not found.impure


@given(st.text())
def test_any_text_is_read(text):
    """Nothing that people write is an exception."""
    assert isinstance(parse(text), RequirementFile)
