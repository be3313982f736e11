import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.plan.names import NameIndex, classify, is_official, name_images, slug
from hivebase.reference import Reference


def names(*paths: str, root: str = "tree") -> dict[str, str]:
    return {item.path: item.name for item in name_images(paths, root)}


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("Dockerfile", ""),
        ("dockerfile", ""),
        ("Containerfile", ""),
        ("Dockerfile.dev", "dev"),
        ("Dockerfile.go", "go"),
        ("Dockerfile-alpine", "alpine"),
        ("Dockerfile_test_add", "test_add"),
        ("Containerfile.web", "web"),
        ("Dockerfile2", "2"),
        ("DockerfileBase", "Base"),
        ("web.Dockerfile", "web"),
        ("web.dockerfile", "web"),
        ("a.b.Dockerfile", "a.b"),
        ("Dockerfile.ubuntu-22.04", "ubuntu-22.04"),
    ],
)
def test_names_of_dockerfiles(name, variant):
    """Every customary name is recognised, and what it says of the image."""
    parsed = classify(name)
    assert parsed is not None
    assert variant == parsed.variant


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile.dockerignore",
        "web.Dockerfile.dockerignore",
        "dockerfile.go",
        "Dockerfile_test.go",
        "Dockerfile-lint.py",
        "Dockerfile.orig",
        "Dockerfile.md",
        "Dockerfile~",
        "Dockerfiles",
        "DockerfileParser.java",
        "dockerfile2",
        "MyDockerfile",
        ".Dockerfile",
        "README.md",
    ],
)
def test_names_of_other_files(name):
    """Ignore files, leftovers of editors and programs about Dockerfiles are no images."""
    assert classify(name) is None


def test_a_directory_gives_its_name_and_the_root_its_own():
    """The directory is the name; a Dockerfile at the root is called as the root is."""
    expected = {"Dockerfile": "tree", "web/Dockerfile": "web", "deep/down/api/Dockerfile": "api"}
    assert expected == names(*expected)


def test_shared_names_take_the_shortest_path_that_tells_them_apart():
    """Only those that would clash grow, and only as far as needed."""
    expected = {
        "a/web/Dockerfile": "a/web",
        "b/web/Dockerfile": "b/web",
        "x/one/api/Dockerfile": "x/one/api",
        "y/one/api/Dockerfile": "y/one/api",
        "db/Dockerfile": "db",
    }
    assert expected == names(*expected)


def test_a_shorter_path_keeps_its_name_beside_a_longer_one():
    """``web`` and ``a/web`` are told apart already."""
    assert names("web/Dockerfile", "a/web/Dockerfile") == {
        "web/Dockerfile": "web",
        "a/web/Dockerfile": "a/web",
    }


def test_a_variant_beside_a_plain_file_carries_the_directory():
    """``web/Dockerfile.dev`` is a variant of ``web`` when that exists, else an image of its own."""
    expected = {
        "web/Dockerfile": "web",
        "web/Dockerfile.dev": "web.dev",
        "docker/Dockerfile.api": "api",
        "docker/worker.Dockerfile": "worker",
    }
    assert expected == names(*expected)


def test_every_form_of_one_name_in_one_directory_stays_apart():
    """Three files that all say x get three names."""
    found = names("d/Dockerfile.x", "d/x.Dockerfile", "d/x/Dockerfile", "d/Containerfile", "d/Dockerfile")
    assert len(set(found.values())) == 5
    assert found["d/x/Dockerfile"] == "x"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("base", "base"),
        ("base:1.0", "base"),
        ("hive/base:1.0", "base"),
        ("registry.example.com:5000/team/x/base@sha256:" + "0" * 64, "base"),
        ("a/web", "a/web"),
        ("registry.example.com/a/web:2", "a/web"),
        ("other/web", None),
        ("web", None),
        ("basement", None),
        ("my-base", None),
        ("hive/api-dev", "api.dev"),
        ("hive/under-score", "under_score"),
        ("hive/only", "prod"),
    ],
)
def test_a_reference_means_the_image_that_ends_its_repository(reference, expected):
    """Registry, namespace, tag and digest do not matter; a part of a name does not match."""
    paths = [
        "base/Dockerfile",
        "a/web/Dockerfile",
        "b/web/Dockerfile",
        "api/Dockerfile",
        "api/Dockerfile.dev",
        "under_score/Dockerfile",
        "only/Dockerfile.prod",
    ]
    index = NameIndex(name_images(paths, "tree"))
    assert expected == index.find(Reference.parse(reference))


def test_the_longest_name_wins():
    """``a/web`` is meant where both ``web`` and ``a/web`` exist."""
    index = NameIndex(name_images(["web/Dockerfile", "a/web/Dockerfile"], "tree"))
    assert index.find(Reference.parse("hub.example.com/a/web")) == "a/web"
    assert index.find(Reference.parse("hub.example.com/b/web")) == "web"


def test_an_official_name_after_a_file_name_stays_official():
    """``Dockerfile.alpine`` does not turn every ``FROM alpine`` into an edge."""
    index = NameIndex(name_images(["docker/Dockerfile.alpine", "docker/Dockerfile.tools"], "tree"))
    assert index.find(Reference.parse("alpine:3.20")) is None
    assert index.find(Reference.parse("me/docker-alpine:3.20")) == "docker.alpine"
    assert index.find(Reference.parse("tools")) == "tools"
    alone = NameIndex(name_images(["python/Dockerfile.prod"], "tree"))
    assert alone.find(Reference.parse("python:3.11")) is None
    assert alone.find(Reference.parse("me/python:3.11")) == "prod"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Web", "web"),
        ("My App", "my-app"),
        ("a__b", "a__b"),
        ("a___b", "a-b"),
        ("-x-", "x"),
        ("Ω", "image-e3c622e5"),
        ("café", "cafe"),
        ("c++", "cpp"),
        ("C#", "csharp"),
        ("第一章web", "web-59801985"),
        ("a..b", "a-b"),
    ],
)
def test_slugs(text, expected):
    """Names become components of a repository."""
    assert expected == slug(text)


def test_names_in_other_scripts_stay_apart():
    """What a repository cannot spell is told apart by its digest; the name itself is shown as it is."""
    directories = ["第一章", "第二章", "一web", "二web", "c", "c++", "c#"]
    assert len({slug(name) for name in directories}) == len(directories)
    expected = {f"{name}/Dockerfile": name for name in directories}
    assert expected == names(*expected)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("python:3.11", True),
        ("library/python", True),
        ("docker.io/python", True),
        ("index.docker.io/library/python:3", True),
        ("arm64v8/python", True),
        ("me/python", False),
        ("quay.io/library/python", False),
        ("eclipse-mosquitto", True),
        ("ibm-semeru-runtimes", True),
        ("tools", False),
    ],
)
def test_official_images(reference, expected):
    """Docker's own, whichever way they are written."""
    assert expected == is_official(Reference.parse(reference))


@given(st.text())
def test_every_slug_is_a_repository(text):
    """Whatever the directory is called, the reference can be parsed."""
    assert slug(text) == Reference.parse(slug(text)).repository


segment = st.text(alphabet=string.ascii_lowercase[:3], min_size=1, max_size=2)


@given(st.sets(st.lists(segment, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12))
def test_names_are_unique_shortest_suffixes(directories):
    """Each name is a suffix of its path, nobody else's name, and could not be shorter."""
    found = names(*(f"{d}/Dockerfile" for d in directories))
    by_directory = {path.removesuffix("/Dockerfile"): name for path, name in found.items()}
    assert len(directories) == len(set(found.values()))
    for directory, name in by_directory.items():
        assert f"/{directory}".endswith(f"/{name}")
        shorter = name.partition("/")[2]
        assert not shorter or any(f"/{d}".endswith(f"/{shorter}") for d in directories - {directory})


@given(st.sets(st.lists(segment, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12))
def test_every_name_finds_its_own_image(directories):
    """A reference made of a name means that image and no other."""
    named = name_images([f"{d}/Dockerfile" for d in directories], "tree")
    index = NameIndex(named)
    for item in named:
        assert item.name == index.find(Reference.parse(f"registry.example.com/{item.name}:1"))
