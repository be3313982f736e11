import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.evaluating import DEBIAN, stage
from tests.plan.memory import MemoryListing, base

from hivebase.digest import Digest
from hivebase.oci.model import Health, ImageConfig, RunConfig
from hivebase.plan.keys import fingerprint, image_key, start_key, step_key, tree_content
from hivebase.plan.steps import CONTEXT, CopyStep, ImageSource, InlineFile, MountSpec, RunStep, WorkdirStep
from hivebase.values import replace

ZERO = Digest.of(b"0")
RUN = RunStep(ZERO, "RUN x", "RUN x", 1, ("/bin/sh", "-c", "x"), (("A", "1"),), "", "/")
COPY = CopyStep(ZERO, "COPY a /", "COPY a /", 1, CONTEXT, ("a",), "/")
WORKDIR = WorkdirStep(ZERO, "WORKDIR /x", "WORKDIR /x", 1, "/x", "")

CHANGES: dict[str, object] = {
    "argv": ("/bin/sh", "-c", "y"),
    "env": (("A", "2"),),
    "user": "u",
    "workdir": "/w",
    "mounts": (MountSpec("tmpfs", "/t"),),
    "network": "none",
    "privileged": True,
    "inline": (InlineFile("n", b"c"),),
    "secrets": ("A",),
    "source": ImageSource("stage", "0"),
    "sources": ("b",),
    "destination": "/d/",
    "chown": "1:1",
    "chmod": "755",
    "link": True,
    "parents": True,
    "exclude": ("*.md",),
    "add": True,
    "unpack": False,
    "checksum": "sha256:1",
    "keep_git_dir": True,
    "path": "/y",
}
UNKEYED = {"key", "created_by", "text", "line", "proxies", "why"}
FIELDS = [
    (step, name) for step in (RUN, COPY, WORKDIR) for name in step.__struct_fields__ if name not in UNKEYED
]


@pytest.mark.parametrize(("step", "name"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_b7_every_field_of_a_step_is_in_its_key(step, name):
    """A field that is added later is in the key as well, and this test asks for a value to try it with."""
    changed = replace(step, **{name: CHANGES[name]})
    assert step_key(ZERO, step, None) != step_key(ZERO, changed, None)


@pytest.mark.parametrize("step", [RUN, COPY, WORKDIR])
def test_b7_what_is_only_told_to_people_is_not_in_the_key(step):
    """Line numbers and wording move without anything being rebuilt."""
    changed = replace(step, key=Digest.of(b"1"), created_by="other", text="other", line=99)
    assert step_key(ZERO, step, None) == step_key(ZERO, changed, None)


def test_b7_keys_depend_on_what_came_before_and_on_content():
    """The same step elsewhere, or on other content, is another one."""
    keys = {
        step_key(ZERO, RUN, None),
        step_key(Digest.of(b"1"), RUN, None),
        step_key(ZERO, RUN, ["x"]),
        step_key(ZERO, COPY, None),
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    "changes",
    [{"kind": "image"}, {"content": "b"}, {"platform": "linux/arm64"}, {"layer_time": 1}],
)
def test_b7_the_start_of_a_stage_is_in_its_keys(changes):
    """Kind, content, platform and the time given to files."""
    start: dict[str, Any] = {"kind": "external", "content": "a", "platform": "linux/amd64", "layer_time": 0}
    assert start_key(**start) != start_key(**{**start, **changes})


@pytest.mark.parametrize(
    "line",
    [
        "LABEL a=b", "USER u", "CMD x", "ENTRYPOINT x",
        'SHELL ["/x"]', "EXPOSE 1", "VOLUME /v", "STOPSIGNAL 9",
        "HEALTHCHECK NONE", "HEALTHCHECK CMD x", "HEALTHCHECK --retries=2 CMD x", "ONBUILD RUN x",
        "MAINTAINER x", "ENV A=1", "ARG A=1", "WORKDIR /",
    ],
)  # fmt: skip
def test_b7_configuration_is_in_the_image_key_and_not_in_the_tree_key(line):
    """HEALTHCHECK and ONBUILD make another image, and no layer anew."""
    plain, changed = stage("FROM debian:12"), stage(f"FROM debian:12\n{line}")
    assert plain.key != changed.key
    assert plain.tree_key == changed.tree_key


@pytest.mark.parametrize(
    "field",
    [
        {"user": "u"}, {"env": ("PATH=/x",)}, {"labels": {"a": "b"}}, {"healthcheck": Health(test=("NONE",))},
        {"on_build": ("RUN x",)}, {"shell": ("/x",)}, {"stop_signal": "9"}, {"volumes": {"/v": {}}},
        {"exposed_ports": {"1/tcp": {}}}, {"entrypoint": ("x",)}, {"cmd": ("x",)}, {"working_dir": "/w"},
    ],
)  # fmt: skip
def test_b7_every_field_of_the_configuration_is_in_the_image_key(field):
    """Whatever a container is started with."""
    plain = ImageConfig(architecture="amd64", os="linux")
    changed = ImageConfig(architecture="amd64", os="linux", config=RunConfig(**field))
    assert image_key(ZERO, plain, [], 0) != image_key(ZERO, changed, [], 0)


@pytest.mark.parametrize("line", ["USER u", 'SHELL ["/x"]', "ENV A=1", "ARG A=1", "WORKDIR /w"])
def test_b7_what_a_run_sees_is_in_its_key(line):
    """User, shell, environment, declared args and directory decide what a command does."""
    plain, changed = stage("FROM debian:12\nRUN x"), stage(f"FROM debian:12\n{line}\nRUN x")
    assert plain.tree_key != changed.tree_key


def test_b7_undeclared_arguments_do_not_matter():
    """A build arg that no ARG names changes nothing."""
    text = "FROM debian:12\nARG A=1\nRUN x"
    assert stage(text).key == stage(text, args={"B": "2"}).key
    assert stage(text).key != stage(text, args={"A": "2"}).key


def test_b7_an_argument_after_the_last_run_repeats_nothing():
    """Which is why Dockerfiles declare VERSION last."""
    text = "FROM debian:12\nRUN x\nARG VERSION=1\nLABEL v=$VERSION"
    one, two = stage(text), stage(text, args={"VERSION": "2"})
    assert one.tree_key == two.tree_key
    assert one.key != two.key


FILES = {"d/f": ("content", 0o644), "d/x": ("#!", 0o755), "d/l": "-> f", "other": "o"}


@pytest.mark.parametrize(
    "change",
    [
        {"d/f": ("changed", 0o644)}, {"d/f": ("content", 0o600)}, {"d/x": ("#!", 0o644)}, {"d/l": "-> x"},
        {"d/new": "n"}, {"d/empty": None}, {"d/f": "-> x"},
    ],
)  # fmt: skip
def test_b7_content_mode_and_link_are_in_the_key(change):
    """Every fact of a copied file."""
    text = "FROM debian:12\nCOPY d /d"
    assert stage(text, files=FILES).tree_key != stage(text, files={**FILES, **change}).tree_key


def test_b7_a_file_that_is_not_copied_is_not_in_the_key():
    """Other files of the context come and go."""
    text = "FROM debian:12\nCOPY d /d"
    assert stage(text, files=FILES).key == stage(text, files={**FILES, "other": "changed", "more": ""}).key


def test_b7_the_content_behind_a_bind_mount_is_in_the_key():
    """A RUN that mounts the context depends on what is mounted, and on nothing else of it."""
    text = "FROM debian:12\nRUN --mount=type=bind,source=d,target=/d x"
    plain = stage(text, files=FILES).key
    assert plain != stage(text, files={**FILES, "d/f": ("changed", 0o644)}).key
    assert plain == stage(text, files={**FILES, "other": "changed"}).key


def test_b7_a_secret_and_a_cache_are_in_the_key_by_name_only():
    """Their content is nobody's business; which ones are mounted is."""
    texts = [
        "FROM debian:12\nRUN --mount=type=secret,id=a x",
        "FROM debian:12\nRUN --mount=type=secret,id=b x",
        "FROM debian:12\nRUN --mount=type=cache,target=/c x",
        "FROM debian:12\nRUN x",
    ]
    assert len({stage(text).tree_key for text in texts}) == 4


@pytest.mark.parametrize("quoted", ["EOF", "'EOF'"])
def test_b7_the_body_of_a_heredoc_is_in_the_key(quoted):
    """For RUN and for COPY."""
    for keyword, target in (("RUN", ""), ("COPY", " /x")):
        one, two = (stage(f"FROM debian:12\n{keyword} <<{quoted}{target}\n{body}\nEOF\n") for body in "ab")
        assert one.tree_key != two.tree_key


def test_b7_another_base_is_another_key():
    """By its content, not by its name."""
    one = stage("FROM debian:12\nRUN x", bases={DEBIAN: base("one")})
    two = stage("FROM debian:12\nRUN x", bases={DEBIAN: base("two")})
    assert one.tree_key != two.tree_key
    assert one.tree_key != stage("FROM scratch\nRUN x").tree_key


def test_b7_a_stage_is_in_the_key_of_what_copies_from_it():
    """By its tree: a label of the other stage does not matter."""
    text = "FROM debian:12 AS t\n{}\nFROM scratch\nCOPY --from=t /x /x"
    plain = stage(text.format("RUN x")).key
    assert plain != stage(text.format("RUN y")).key
    assert plain == stage(text.format("RUN x\nLABEL a=b")).key


def test_b7_a_label_of_a_parent_makes_another_child_and_no_new_layer():
    """The child inherits the label, and its installations stay."""
    fact = base("p", labels={"v": "1"})
    other = replace(base("p", labels={"v": "2"}), image=Digest.of(b"2"))
    text = "FROM x/p\nRUN x"
    one, two = (stage(text, images={"p": parent}) for parent in (fact, other))
    assert one.tree_key == two.tree_key
    assert one.key != two.key


def test_b7_times_are_in_no_key(tmp_path):
    """A context on disk that is touched gives the same key."""
    from hivebase.fs import Directory  # noqa: PLC0415 -- the one test here that needs a disk
    from hivebase.layers.context import Context  # noqa: PLC0415

    (tmp_path / "f").write_text("x", encoding="utf-8")
    keys = set()
    for when in (0, 10**9):
        os.utime(tmp_path / "f", (when, when))
        with Directory.open(tmp_path) as directory:
            keys.add(fingerprint(tree_content(Context(directory), "")))
    assert len(keys) == 1


def test_the_epoch_is_in_the_image_key_and_the_layer_time_in_the_tree_key():
    """Both are part of the bytes that come out."""
    text = "FROM debian:12\nRUN x"
    plain = stage(text, epoch=1, layer_time=1)
    later = stage(text, epoch=2, layer_time=1)
    assert (plain.tree_key, True) == (later.tree_key, plain.key != later.key)
    assert plain.tree_key != stage(text, epoch=1, layer_time=2).tree_key
    assert stage(text, epoch=7).tree_key == stage(text, epoch=7, layer_time=7).tree_key


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def shape(value: object) -> object:
    """Return something that tells True from 1, and a list from its text."""
    if isinstance(value, dict):
        return ("d", tuple((key, shape(value[key])) for key in sorted(value)))
    if isinstance(value, list | tuple):
        return ("l", tuple(shape(item) for item in value))
    return (type(value).__name__, value)


@given(plain_values, plain_values)
def test_b7_fingerprints_differ_exactly_when_values_do(one, two):
    """No two values share an encoding, and equal values share theirs."""
    assert (shape(one) == shape(two)) == (fingerprint(one) == fingerprint(two))


def test_fingerprints_take_names_that_are_not_utf8():
    """Lone surrogates of both kinds are told apart."""
    assert len({fingerprint("\udce9"), fingerprint("\ud800"), fingerprint("é")}) == 3


def test_fingerprints_refuse_what_they_do_not_know():
    """An object without a stable encoding is a mistake of the program."""
    with pytest.raises(TypeError):
        fingerprint(object())


def test_the_content_of_a_missing_path_is_nothing():
    """So that the caller can say what is missing."""
    assert tree_content(MemoryListing({}), "x") is None
    assert list(tree_content(MemoryListing({"f": ""}), "f") or ()) == ["f"]
