"""Whatever somebody writes, planning answers with a value or with an error that can be shown."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plan.evaluating import run
from tests.plan.memory import make_hive

from hivebase.errors import HivebaseError, UsageError
from hivebase.plan.graph import build_graph
from hivebase.plan.render import FORMATS

word = st.sampled_from(
    [
        "$A", "${A:-b}", "${A", "a", "a/b", "base", "BASE:1", "0", "7", "/x/", ".", "..", "*", "[", "''",
        '"', "<<E", "E", "--from=base", "--from=0", "--from=$A", "--mount=type=bind,target=/t",
        "--mount=from=base,target=$A", "--chown=$A", "--platform=$A", "AS", "x=$A", "x=y", "[]", '["a"]',
        '["$A", "b"]', "#", "\\", "`", "NONE", "CMD", "80", "80-90/udp", "é", "\udce9", "\x00", "http://h/x",
        "git@h:x.git",
    ]
)  # fmt: skip
keyword = st.sampled_from(
    ["FROM", "FROM base", "FROM debian:12", "FROM scratch AS base", "ARG", "ENV", "RUN", "COPY", "ADD", "LABEL", "USER",
     "WORKDIR", "EXPOSE", "VOLUME", "CMD", "ENTRYPOINT", "SHELL", "HEALTHCHECK", "ONBUILD", "ONBUILD COPY",
     "STOPSIGNAL", "MAINTAINER", "#", ""]
)  # fmt: skip
line = st.tuples(keyword, st.lists(word, max_size=4)).map(lambda parts: " ".join([parts[0], *parts[1]]))
dockerfile = st.lists(line, max_size=12).map(
    lambda lines: "\n".join(["ARG A=base", "FROM debian:12 AS base", *lines])
)


@given(st.lists(dockerfile, min_size=1, max_size=3))
def test_d16_any_tree_has_a_graph_or_an_error(texts):
    """No Dockerfile makes the graph fail with anything but a message."""
    with contextlib.suppress(UsageError):
        graph = build_graph(make_hive({f"i{n}/Dockerfile": text for n, text in enumerate(texts)}))
        for form in FORMATS.values():
            form(graph)


@settings(max_examples=300)
@given(dockerfile, st.dictionaries(st.sampled_from(["A", "x"]), word, max_size=2))
def test_d16_any_dockerfile_has_a_plan_or_an_error(text, args):
    """No Dockerfile and no build arg makes evaluation fail with anything but a message."""
    with contextlib.suppress(HivebaseError):
        run(text, files={"a": "1", "x/y": "2"}, args=args)


@given(dockerfile)
def test_b7_evaluation_is_a_function(text):
    """The same Dockerfile gives the same stages, key for key."""
    with contextlib.suppress(HivebaseError):
        # The rest of an evaluation holds what reads files, and two of these are never equal.
        assert run(text, files={"a": "1"}).stages == run(text, files={"a": "1"}).stages


@given(st.text(max_size=200))
def test_d16_any_text_at_all(text):
    """Not even something that was never meant to be a Dockerfile."""
    with contextlib.suppress(UsageError):
        build_graph(make_hive({"i/Dockerfile": text}))
