from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.memory import make_hive

from hivebase.errors import UsageError
from hivebase.plan.graph import Graph, build_graph


def graph(args: dict[str, str] | None = None, /, **files: str) -> Graph:
    """Return the graph of images given as name=text."""
    return build_graph(make_hive({f"{n.replace('_', '-')}/Dockerfile": t for n, t in files.items()}), args)


def edges(found: Graph) -> set[tuple[str, str, str]]:
    return {(edge.child, edge.parent, edge.via) for edge in found.edges}


def refs(found: Graph, name: str) -> tuple[str, ...]:
    return next(node.refs for node in found.nodes if node.name == name)


def test_from_copy_and_mount_make_edges():
    """Every way in which one image uses another is an edge of its own kind."""
    found = graph(
        base="FROM debian:12",
        tools="FROM scratch",
        data="FROM scratch",
        app="FROM x/base:1\nCOPY --from=reg.example.com/tools:2 /a /a\nRUN --mount=from=data,target=/d true",
    )
    assert {("app", "base", "from"), ("app", "tools", "copy"), ("app", "data", "mount")} == edges(found)
    assert found.external == ("debian:12",)
    assert refs(found, "app") == ("x/base:1",)


def test_stages_and_indices_are_no_images():
    """An alias hides an image of that name, in any case of its letters; numbers are stages."""
    found = graph(
        base="FROM debian:12",
        app="FROM debian AS Base\nFROM BASE AS final\nCOPY --from=base /a /a\nCOPY --from=0 /b /b\n"
        "RUN --mount=from=base,target=/m true",
    )
    assert set() == edges(found)
    assert found.external == ("debian", "debian:12")
    assert found.diagnostics == ()


def test_an_alias_is_no_stage_before_it_exists():
    """``FROM base`` above ``FROM x AS base`` is the image."""
    found = graph(base="FROM debian:12", app="FROM base AS one\nFROM debian AS base\n")
    assert {("app", "base", "from")} == edges(found)


def test_arguments_are_expanded_as_buildkit_does():
    """Chains, defaults, modifiers, and build args over all."""
    text = (
        "ARG REGISTRY=quay.example.com\nARG OWNER=jupyter\nARG IMAGE=$REGISTRY/$OWNER/base\nARG TAG\n"
        "FROM ${IMAGE}:${TAG:-latest}\n"
    )
    found = graph(base="FROM debian:12", app=text)
    assert {("app", "base", "from")} == edges(found)
    assert refs(found, "app") == ("quay.example.com/jupyter/base:latest",)
    changed = graph({"OWNER": "me", "TAG": "9", "UNKNOWN": "x"}, base="FROM debian:12", app=text)
    assert refs(changed, "app") == ("quay.example.com/me/base:9",)


def test_platform_arguments_are_known():
    """TARGETARCH has a value without any declaration in a FROM line."""
    found = graph(app="FROM tools-${TARGETARCH}:1", tools_amd64="FROM scratch")
    assert {("app", "tools-amd64", "from")} == edges(found)


def test_the_version_of_a_hive_is_not_needed_to_see_its_edges():
    """The tag has no part in whom a reference means."""
    text = "ARG BASE_IMAGE_VERSION=1.0.0\nFROM neural-hive-mind/python-ml-base:${BASE_IMAGE_VERSION}"
    found = graph(python_ml_base="FROM python:3.11-slim", python_grpc_base=text)
    assert {("python-grpc-base", "python-ml-base", "from")} == edges(found)


def test_a_missing_variable_is_named():
    """FROM that comes to nothing says which variable it lacks, and the graph goes on."""
    found = graph(app="ARG BASE\nFROM ${BASE}", other="FROM debian")
    assert found.external == ("debian",)
    (remark,) = found.diagnostics
    assert (remark.severity, remark.line) == ("error", 2)
    assert "BASE has no value" in remark.message


def test_an_edge_survives_a_registry_that_only_the_user_knows():
    """``FROM ${REGISTRY}/base:${TAG}`` still says base."""
    found = graph(base="FROM debian", app="ARG REGISTRY\nARG TAG\nFROM ${REGISTRY}/base:${TAG}")
    assert {("app", "base", "from")} == edges(found)
    assert "REGISTRY and TAG have no value" in found.diagnostics[0].message
    assert found.external == ("debian",)


def test_what_is_no_reference_is_told():
    """A template's braces are not looked up anywhere."""
    found = graph(app="FROM {{base}}", two="FROM Debian:12")
    assert [remark.severity for remark in found.diagnostics] == ["error", "error"]
    assert found.external == ()


def test_onbuild_uses_count():
    """A trigger that copies from an image is a use of it."""
    found = graph(tools="FROM scratch", app="FROM debian\nONBUILD COPY --from=tools /t /t")
    assert {("app", "tools", "copy")} == edges(found)


def test_variables_in_from_of_copy_are_understood_for_the_graph():
    """BuildKit refuses them and other builders do not, so the edge is shown."""
    found = graph(tools="FROM scratch", app="FROM debian\nARG T=tools\nCOPY --from=$T /t /t")
    assert {("app", "tools", "copy")} == edges(found)
    above = graph(tools="FROM scratch", app="ARG T=tools\nFROM debian\nCOPY --from=${T}:1 /t /t")
    assert {("app", "tools", "copy")} == edges(above)


def test_unneeded_stages_count():
    """The graph tells of the file, not of one target in it."""
    found = graph(tools="FROM scratch", app="FROM tools AS unused\nFROM debian")
    assert {("app", "tools", "from")} == edges(found)


def test_scratch_is_no_image_to_fetch():
    """It is shown as written, and is neither an edge nor external."""
    found = graph(app="FROM scratch")
    assert (found.external, refs(found, "app")) == ((), ("scratch",))


def test_heredocs_hold_no_from_lines():
    """Text in a body is text."""
    found = graph(base="FROM debian", app="FROM debian\nRUN <<EOF\nFROM base\nEOF\n")
    assert set() == edges(found)


def test_d15_a_circle_is_told_as_a_path():
    """The message walks the circle from its first name."""
    with pytest.raises(UsageError, match=r"a -> b -> c -> a"):
        graph(c="FROM x/a", a="FROM x/b", b="FROM debian\nCOPY --from=x/c / /")


@pytest.mark.parametrize("reference", ["me", "me:1.0", "tree/me:1"])
def test_d15_a_self_reference_is_told_as_a_path(reference):
    """An image of the hive's own namespace cannot stand on itself."""
    with pytest.raises(UsageError, match=r"me -> me"):
        graph(me=f"FROM {reference}")


def test_d15_a_self_reference_in_the_namespace_of_the_others():
    """A namespace by which the images call each other is the hive's own."""
    with pytest.raises(UsageError, match=r"me -> me"):
        graph(me="FROM acme/me:1", other="FROM acme/third", third="FROM debian")


@pytest.mark.parametrize("reference", ["grafana/grafana:10", "quay.io/x/grafana"])
def test_an_image_built_on_its_publishers_image_is_no_circle(reference):
    """``grafana/Dockerfile`` with FROM grafana/grafana customises the publisher's image."""
    found = graph(grafana=f"FROM {reference}")
    assert (reference,) == found.external
    assert "another publisher" in found.diagnostics[0].message


def test_an_image_called_like_an_official_one_may_stand_on_it():
    """``python/Dockerfile`` with FROM python is the rule, not a slip."""
    found = graph(python="FROM python:3.11", app="FROM python:3.11")
    assert {("app", "python", "from")} == edges(found)
    assert found.external == ("python:3.11",)


def test_d15_ten_thousand_stages():
    """A long chain of stages neither recurses nor takes quadratic time."""
    lines = ["FROM debian AS s0", *(f"FROM s{i} AS s{i + 1}" for i in range(10_000))]
    found = graph(app="\n".join(lines))
    assert found.external == ("debian",)


def test_d15_a_look_alike_is_another_name():
    """A Cyrillic letter does not match a Latin one."""
    found = graph(base="FROM debian", app="FROM b\u0430se")
    assert set() == edges(found)
    assert found.diagnostics[0].severity == "error"


def test_ancestors_come_before_what_needs_them():
    """A selection brings what it stands on, parents first."""
    found = graph(a="FROM debian", b="FROM a", c="FROM b", d="FROM a")
    assert found.with_ancestors(["c"]) == ("a", "b", "c")
    assert tuple(node.name for node in found.nodes) == ("a", "b", "d", "c")


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_d15_every_graph_has_an_order_or_a_true_circle(pairs):
    """Either parents come first, or the message's path exists edge by edge."""
    texts = {f"i{n}": "FROM debian\n" for n in range(8)}
    wanted = {(f"i{child}", f"i{parent}") for child, parent in pairs}
    for child, parent in sorted(wanted):
        texts[child] += f"COPY --from={parent} / /\n"
    try:
        found = graph(**texts)
    except UsageError as error:
        for circle in error.what.rpartition(": ")[2].split("; "):
            path = circle.split(" -> ")
            assert path[0] == path[-1]
            assert set(pairwise(path)) <= wanted
    else:
        place = {node.name: position for position, node in enumerate(found.nodes)}
        assert wanted == {(edge.child, edge.parent) for edge in found.edges}
        assert all(place[parent] < place[child] for child, parent in wanted)
