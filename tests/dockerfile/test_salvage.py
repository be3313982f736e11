import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.dockerfile.ast import Copy, Run
from hivebase.dockerfile.parser import parse
from hivebase.dockerfile.salvage import salvage


def test_what_is_right_is_read_as_ever():
    """A file without mistakes comes out as ``parse`` reads it, warnings aside."""
    text = "# escape=`\nARG A=1\nFROM x:$A AS one\nRUN a `\n b\nFROM one\nCOPY <<E /e\nbody\nE\n"
    parsed, found = parse(text, "f"), salvage(text, "f")
    assert found is not None
    assert (parsed.meta_args, parsed.stages, parsed.escape) == (found.meta_args, found.stages, found.escape)


def test_wrong_lines_are_left_out():
    """Before the first FROM and after it; stages keep their numbers."""
    found = salvage("%YAML\nRUN x\nARG A\nFROM a\nBOGUS\nENV\nFROM b AS Two\nWORKDIR\nUSER me\n", "f")
    assert found is not None
    assert len(found.meta_args) == 1
    assert [(stage.index, stage.from_.image, stage.from_.alias) for stage in found.stages] == [
        (0, "a", ""),
        (1, "b", "two"),
    ]
    assert [type(instruction).__name__ for instruction in found.stages[1].instructions] == ["User"]


def test_wrong_lines_still_name_their_images():
    """FROM, COPY, ADD and RUN with something in them that only another builder knows."""
    found = salvage(
        "FROM a AS x/y\nCOPY --from=b --user=me / /\nADD --from=c / /\n"
        "RUN --mount=type=bind,from=d,z --mount=type=cache,From=e,target=/x,U --mount true\nFROM f g h i\n",
        "f",
    )
    assert found is not None
    assert [(stage.from_.image, stage.from_.alias) for stage in found.stages] == [("a", "x/y"), ("f", "")]
    copy, add, run = found.stages[0].instructions
    assert isinstance(copy, Copy)
    assert isinstance(add, Copy)
    assert isinstance(run, Run)
    assert (copy.from_, add.from_) == ("b", "c")
    assert [mount.get("from") for mount in run.mounts] == ["d", "e"]
    assert (copy.span.line, run.span.line) == (2, 4)


@pytest.mark.parametrize("text", ["", "# only\n", "RUN x\n", "FROM\n", "#escape=x\nFROM a\n"])
def test_nothing_to_read(text):
    """No stage, or directives that leave the language open."""
    assert salvage(text, "f") is None


@given(st.text(alphabet="FROM \n\\#=-,<EASCOPYU.$\"'[]{}", max_size=120))
def test_no_text_is_an_error(text):
    """Whatever the file holds, looking at it does not fail."""
    found = salvage(text, "f")
    assert found is None or found.stages
