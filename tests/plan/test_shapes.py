"""Trees shaped like the ones that people publish: what is an image there, and what stands on what."""

import pytest
from tests.plan.memory import make_hive

from hivebase.errors import UsageError
from hivebase.plan.graph import Graph, build_graph, read_graph
from hivebase.reference import Reference


def graph(files: dict[str, str], *, root: str = "tree", config: str = "") -> Graph:
    return build_graph(make_hive(files, root=root, config=config))


def edges(found: Graph) -> set[tuple[str, str, str]]:
    """Return the edges by the paths of their Dockerfiles, so that names do not matter."""
    files = {node.name: node.dockerfile for node in found.nodes}
    return {(files[edge.child], files[edge.parent], edge.via) for edge in found.edges}


def test_a_stack_of_notebooks():
    """Registry, owner and base are arguments of each other; sub-directories are variants of an image."""

    def on(base: str) -> str:
        return (
            f"ARG REGISTRY=quay.io\nARG OWNER=acme\nARG BASE=$REGISTRY/$OWNER/{base}\nFROM $BASE\nUSER root\n"
        )

    found = graph(
        {
            "images/foundation/Dockerfile": "ARG ROOT=ubuntu:24.04\nFROM $ROOT\n",
            "images/base-notebook/Dockerfile": on("foundation"),
            "images/torch/Dockerfile": on("base-notebook"),
            "images/torch/cuda12/Dockerfile": on("base-notebook"),
            "images/flow/cuda12/Dockerfile": on("torch"),
            "docs/recipes/extra.dockerfile": "ARG BASE=quay.io/acme/torch\nFROM $BASE\n",
        }
    )
    assert found.external == ("ubuntu:24.04",)
    assert edges(found) == {
        ("images/base-notebook/Dockerfile", "images/foundation/Dockerfile", "from"),
        ("images/torch/Dockerfile", "images/base-notebook/Dockerfile", "from"),
        ("images/torch/cuda12/Dockerfile", "images/base-notebook/Dockerfile", "from"),
        ("images/flow/cuda12/Dockerfile", "images/torch/Dockerfile", "from"),
        ("docs/recipes/extra.dockerfile", "images/torch/Dockerfile", "from"),
    }


def test_directories_in_camel_case():
    """NodeBase is published as node-base: a repository has no capital letters."""
    found = graph(
        {
            "Base/Dockerfile": "FROM ubuntu:24.04",
            "NodeBase/Dockerfile": "ARG NAMESPACE=acme\nARG VERSION=1\nFROM ${NAMESPACE}/base:${VERSION}",
            "NodeChrome/Dockerfile": "ARG NAMESPACE=acme\nFROM ${NAMESPACE}/node-base",
        }
    )
    assert edges(found) == {
        ("NodeBase/Dockerfile", "Base/Dockerfile", "from"),
        ("NodeChrome/Dockerfile", "NodeBase/Dockerfile", "from"),
    }


def test_files_of_a_test_suite_in_one_directory():
    """Underscores in the file's name are dashes in the reference; one bad file is one bad file."""
    found = graph(
        {
            "cases/Dockerfile_link_base": "FROM debian\nRUN ln a b",
            "cases/Dockerfile_test_link": "FROM registry.example.com/cases/link-base:latest\n",
            "cases/Dockerfile_test_alpine": "FROM alpine:3",
            "cases/Dockerfile.alpine": "FROM alpine:3",
            "cases/Dockerfile.bad": "FROM debian\nBOGUS\n",
            "cases/Dockerfile.empty": "",
            "cases/Dockerfile_test_link.dockerignore": "*",
        }
    )
    assert edges(found) == {("cases/Dockerfile_test_link", "cases/Dockerfile_link_base", "from")}
    assert found.external == ("alpine:3", "debian")
    assert [remark.path for remark in found.diagnostics] == ["cases/Dockerfile.bad", "cases/Dockerfile.empty"]
    assert len(found.nodes) == 6


@pytest.mark.parametrize(
    "text",
    [
        "FROM {0}/base:1\nCROSS_COPY qemu /usr/bin\n",
        "%YAML 1.2\n--- |\n  FROM {0}/base:1\n",
        "{{% if x %}}\nFROM {0}/base:1\n{{% endif %}}\n",
        '#include "common"\nFROM {0}/base:1\nSHELL ["/bin/sh"]  # not JSON\n',
        "FROM {0}/base:1 AS not/a/name\n",
        "FROM {0}/base:1\nRUN <<NEVER\nclosed\n",
        "COPY x /\nFROM {0}/base:1\n",
        "FROM debian\nADD --from={0}/base:1 /a /b\n",
        "FROM debian\nRUN --mount=type=bind,from={0}/base:1,target=/m,z true\n",
        "FROM debian\nCOPY --from={0}/base:1 --user=me /a /b\n",
    ],
)
def test_what_is_wrong_with_a_file_does_not_hide_its_edges(text):
    """Templates, other builders' dialects and test cases still say what they stand on."""
    files = {"base/Dockerfile": "FROM debian", "odd/Dockerfile": text.format("quay.io/acme")}
    found = graph(files)
    assert {("odd/Dockerfile", "base/Dockerfile")} == {edge[:2] for edge in edges(found)}
    assert [remark.severity for remark in found.diagnostics] == ["error"]
    with pytest.raises(UsageError):
        make_hive(files).image("odd").parsed()


def test_a_line_that_cannot_be_expanded_costs_itself_alone():
    """An open quote in ENV, a required ARG without a value: what follows is still read."""
    found = graph(
        {
            "base/Dockerfile": "FROM debian",
            "odd/Dockerfile": "ARG A=${NEEDED:?give it}\nARG B=base\nFROM $B\nENV x='a\nCOPY --from=base / /\n",
        }
    )
    assert edges(found) == {
        ("odd/Dockerfile", "base/Dockerfile", "from"),
        ("odd/Dockerfile", "base/Dockerfile", "copy"),
    }
    assert [remark.line for remark in found.diagnostics] == [1, 4]


def test_a_tree_of_patched_official_images():
    """Official names are the hive's where a directory has them, and each one stands on the true one."""
    found = graph(
        {
            "debian/Dockerfile": "FROM docker.io/library/debian:12",
            "python/Dockerfile": "FROM debian:12\nCOPY --from=arm64v8/python:3 / /",
            "app/Dockerfile": "FROM registry.example.com/mirror/python:3.11",
        }
    )
    assert edges(found) == {
        ("python/Dockerfile", "debian/Dockerfile", "from"),
        ("app/Dockerfile", "python/Dockerfile", "from"),
    }
    assert found.external == ("arm64v8/python:3", "docker.io/library/debian:12")


def test_files_called_after_official_images():
    """``ci/ubuntu.dockerfile`` is for ubuntu; it is not what everybody means by it."""
    found = graph(
        {
            "ci/ubuntu.dockerfile": "FROM ubuntu:24.04",
            "ci/Dockerfile.node": "FROM amd64/node:22",
            "web/Dockerfile": "FROM node:22",
            "Dockerfile.alpine": "FROM alpine",
        },
        root="shop",
    )
    assert set() == edges(found)
    assert {"ci.ubuntu", "ci.node", "web", "shop.alpine"} == {node.name for node in found.nodes}


def test_official_images_close_no_circle():
    """``php`` copies from composer:2, ``composer`` stands on php: the copied one is Docker's."""
    files = {
        "php/Dockerfile": "FROM acme/base\nCOPY --from=composer:2 /usr/bin/composer /usr/bin/\n",
        "composer/Dockerfile": "FROM acme/php\n",
        "base/Dockerfile": "FROM debian",
        "site/Dockerfile": "FROM composer:2",
    }
    found = graph(files)
    assert edges(found) == {
        ("php/Dockerfile", "base/Dockerfile", "from"),
        ("composer/Dockerfile", "php/Dockerfile", "from"),
        ("site/Dockerfile", "composer/Dockerfile", "from"),
    }
    assert found.external == ("composer:2", "debian")
    assert "official image" in found.diagnostics[0].message
    assert {("php", "composer")} == set(found.apart)


def test_d15_a_circle_that_is_meant_is_an_error_whatever_else_is_written():
    """One use that can only be the hive's image is enough."""
    with pytest.raises(UsageError, match="composer -> php -> composer"):
        graph(
            {
                "php/Dockerfile": "FROM acme/composer\nCOPY --from=composer:2 / /\n",
                "composer/Dockerfile": "FROM acme/php\n",
            }
        )


def test_a_publishers_image_in_a_checkout_of_the_same_name():
    """The directory that a tree was cloned into says nothing of the namespace grafana."""
    found = graph({"Dockerfile": "FROM grafana/grafana:11"}, root="grafana")
    assert found.external == ("grafana/grafana:11",)
    with pytest.raises(UsageError, match="grafana -> grafana"):
        graph({"Dockerfile": "FROM grafana/grafana:11"}, config='[hive]\nname = "grafana"\n', root="grafana")


@pytest.mark.parametrize(
    "reference",
    [
        "thing",
        "thing:2",
        "localhost:5000/thing",
        "registry.example.com/team/thing:1",
        "hub.corp.internal/thing",
    ],
)
def test_d15_a_self_reference_that_can_mean_nobody_else(reference):
    """No namespace, or a registry that no publisher has."""
    with pytest.raises(UsageError, match=r"thing -> thing") as raised:
        graph({"thing/Dockerfile": f"# comment\nFROM {reference}"})
    assert raised.value.where == "thing/Dockerfile:2"
    assert raised.value.why == "an image cannot stand on itself"


@pytest.mark.parametrize("reference", ["thing", "acme/thing", "quay.io/acme/thing:3"])
def test_a_file_may_extend_what_it_is_called_after(reference):
    """``Dockerfile.thing`` says what it is for; it is not the thing."""
    found = graph({"cases/Dockerfile.thing": f"FROM {reference}"})
    assert (reference,) == found.external


def test_what_others_take_for_the_image_does_not_make_its_base_a_slip():
    """Only a namespace with other images of the hive is the hive's."""
    base = "quay.io/fedora-project/shell:40"
    found = graph({"shell/Dockerfile": f"FROM {base}", "app/Dockerfile": f"FROM {base}"})
    assert {("app/Dockerfile", "shell/Dockerfile", "from")} == edges(found)
    assert found.external == (base,)


def test_d15_all_circles_are_told_with_their_places():
    """One message names every circle, by its shortest way, and where each step is written."""
    files = {
        "a/Dockerfile": "FROM x/b:1",
        "b/Dockerfile": "FROM debian\nCOPY --from=x/a /a /a\nCOPY --from=x/c /c /c",
        "c/Dockerfile": "FROM x/b",
        "d/Dockerfile": "FROM d",
        "e/Dockerfile": "FROM x/a",
    }
    found = read_graph(make_hive(files))
    assert found.problem is not None
    assert found.problem.what == "images use each other in a circle: a -> b -> a; d -> d"
    assert found.problem.where == "a/Dockerfile:1, b/Dockerfile:2, d/Dockerfile:1"
    assert len(found.edges) == 6
    assert {"a", "b", "c", "d", "e"} == {node.name for node in found.nodes}
    with pytest.raises(UsageError, match="in a circle"):
        build_graph(make_hive(files))


def test_versions_of_a_tree_side_by_side():
    """A name that several images share is the one nearest to who says it."""
    files = {
        "v1/base/Dockerfile": "FROM debian:11",
        "v1/app/Dockerfile": "FROM acme/base:1",
        "v2/base/Dockerfile": "FROM debian:12",
        "v2/teams/app/Dockerfile": "FROM acme/base:2",
        "v2/Dockerfile.tool": "FROM acme/v1/base",
        "other/Dockerfile": "FROM acme/base",
    }
    found = graph(files)
    assert edges(found) == {
        ("v1/app/Dockerfile", "v1/base/Dockerfile", "from"),
        ("v2/teams/app/Dockerfile", "v2/base/Dockerfile", "from"),
        ("v2/Dockerfile.tool", "v1/base/Dockerfile", "from"),
    }
    assert found.external == ("acme/base", "debian:11", "debian:12")
    hive = make_hive(files)
    assert hive.find(Reference.parse("base"), "v1/app") == "v1/base"
    assert hive.find(Reference.parse("base"), "other") is None


def test_examples_that_share_the_names_of_official_images():
    """Two examples with a proxy called nginx: whoever says nginx means the official one."""
    found = graph(
        {
            "one/nginx/Dockerfile": "FROM nginx:1.27",
            "one/web/Dockerfile": "FROM nginx:1.27",
            "two/nginx/Dockerfile": "FROM nginx",
        }
    )
    assert set() == edges(found)


def test_modifiers_of_variables():
    """All that BuildKit knows in FROM, an empty registry included."""
    text = 'ARG CUDA=\nARG NAME="base"\nARG OWNER\nFROM ${OWNER:-acme}/${NAME}${CUDA:+-cuda}:${CUDA:-cpu}'
    found = graph({"base/Dockerfile": "FROM debian", "app/Dockerfile": text})
    assert {("app/Dockerfile", "base/Dockerfile", "from")} == edges(found)
    assert next(node.refs for node in found.nodes if node.name == "app") == ("acme/base:cpu",)


def test_files_of_editors_are_no_images():
    """Rules for colouring Dockerfiles are called like Dockerfiles."""
    names = ["Dockerfile.nanorc", "Dockerfile.tmLanguage", "Dockerfile.tmPreferences"]
    assert graph({f"syntax/{name}": "<xml/>" for name in names}).nodes == ()
