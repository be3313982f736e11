"""Two configurations and histories."""

from __future__ import annotations

import pytest

from hivebase.inspect.comparison.configuration import compare_configurations, words
from hivebase.oci.model import History, ImageConfig, RunConfig


def _config(*history, **fields):
    return ImageConfig(
        architecture="amd64",
        os="linux",
        config=RunConfig(**fields),
        history=tuple(History(created_by=text) for text in history),
    )


def _found(ours, theirs):
    return [str(item) for item in compare_configurations(ours, theirs)]


def test_equal_configurations_are_equal():
    """An absent and an empty list are the same to a runtime; times are left out."""
    assert _found(_config(env=("A=1",), cmd=()), _config(env=("A=1",))) == []


def test_fields_and_members_are_told():
    """Of a mapping the member that differs."""
    ours = _config(env=("A=1", "B=2"), user="app", labels={"x": "1"}, cmd=("a",))
    theirs = _config(env=("A=1", "B=3"), labels={"x": "1", "y": "2"}, cmd=("a",))
    assert _found(ours, theirs) == [
        'env.B: configuration "2" ours, "3" theirs',
        'labels.y: configuration none ours, "2" theirs',
        'user: configuration "app" ours, none theirs',
    ]


def test_an_order_of_variables_is_a_difference_of_its_own():
    """It is in the document, so it is told; whether it matters is decided elsewhere."""
    assert len(_found(_config(env=("A=1", "B=2")), _config(env=("B=2", "A=1")))) == 1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("RUN /bin/sh -c true # buildkit", "/bin/sh -c true"),
        ("RUN |1 A=b /bin/sh -c true # buildkit", "|1 A=b /bin/sh -c true"),
        ("COPY a /b # buildkit", "/bin/sh -c #(nop) COPY file:0011 in /b "),
        ("ENV A=1", '/bin/sh -c #(nop) ENV A="1"'),
        ("WORKDIR /x", "/bin/sh -c #(nop) WORKDIR /x"),
    ],
)
def test_builders_word_one_step_differently(ours, theirs):
    """The same step, however it is written down."""
    assert words(ours) == words(theirs)


def test_another_command_is_another_step():
    """What the words say of the step counts."""
    found = _found(_config("RUN /bin/sh -c true"), _config("RUN /bin/sh -c false"))
    assert found == ["line 1: history RUN /bin/sh -c true ours, RUN /bin/sh -c false theirs"]


def test_the_layers_of_one_installation_are_one_step():
    """A composed installation leaves several layers, each with a line of its own."""
    ours = _config("hivebase: numpy 1.0", "hivebase: scipy 1.0", "RUN /bin/sh -c pip install scipy")
    assert _found(ours, _config("RUN /bin/sh -c pip install scipy")) == []
