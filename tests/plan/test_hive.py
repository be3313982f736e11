import pytest
from tests.plan.memory import MemoryListing, make_hive

from hivebase.errors import UsageError
from hivebase.plan.hive import FoundFile, assemble, default_args
from hivebase.plan.lockfile import HiveLock
from hivebase.plan.settings import Settings
from hivebase.reference import Reference

CONFIG = '[hive]\nname = "acme"\nversion = "1.2.3"\n'


def contexts(files: dict[str, str]) -> dict[str, str]:
    return {image.name: image.context for image in make_hive(files).images}


def test_the_context_is_the_nearest_directory_that_has_what_is_copied():
    """Own directory first, then each one above it."""
    files = {
        "a/Dockerfile": "FROM scratch\nCOPY app.py /",
        "a/app.py": "",
        "docker/api/Dockerfile": "FROM scratch\nCOPY src/*.py requirements.txt /app/",
        "src/main.py": "",
        "requirements.txt": "",
        "deep/er/Dockerfile": "FROM scratch\nCOPY shared.txt own.txt /x/",
        "deep/shared.txt": "",
        "deep/own.txt": "",
        "deep/er/own.txt": "",
        "lost/Dockerfile": "FROM scratch\nCOPY generated.bin /",
        "all/Dockerfile": "FROM scratch\nCOPY . /",
        "none/Dockerfile": "FROM scratch",
    }
    expected = {"a": "a", "api": "", "er": "deep", "lost": "lost", "all": "all", "none": "none"}
    assert expected == contexts(files)


def test_sources_that_are_not_files_of_the_context_do_not_move_it():
    """URLs, other stages, heredocs and variables say nothing about the directory."""
    text = """FROM scratch AS one
FROM scratch
COPY --from=one /bin/x /
ADD https://example.com/x /
COPY ${WHERE}/x /
COPY <<EOF /made
content
EOF
"""
    assert contexts({"web/Dockerfile": text}) == {"web": "web"}


def test_an_optional_wildcard_does_not_hide_the_right_directory():
    """``yarn.lock*`` may match nothing anywhere; package.json decides."""
    files = {"docker/web/Dockerfile": "FROM scratch\nCOPY package.json yarn.lock* ./", "package.json": ""}
    assert contexts(files) == {"web": ""}


def test_a_bind_mount_counts_as_a_source():
    """What a RUN mounts from the context has to be there as well."""
    text = "FROM x\nRUN --mount=type=bind,source=tool.sh,target=/t /t"
    assert contexts({"docker/web/Dockerfile": text, "tool.sh": ""}) == {"web": ""}


def test_a_bad_file_is_told_and_leaves_the_others_alone():
    """One syntax error costs one image."""
    hive = make_hive(
        {"good/Dockerfile": "FROM scratch", "bad/Dockerfile": "FRM scratch", "tpl/Dockerfile": "{% x %}"}
    )
    assert [image.name for image in hive.images] == ["bad", "good", "tpl"]
    assert [remark.path for remark in hive.diagnostics] == ["bad/Dockerfile", "tpl/Dockerfile"]
    assert {"error"} == {remark.severity for remark in hive.diagnostics}
    assert hive.diagnostics[0].line == 1
    with pytest.raises(UsageError):
        hive.image("bad").parsed()
    assert len(hive.image("good").parsed().stages) == 1


def test_an_unreadable_file_is_told():
    """What could not be read says why, when its image is wanted."""
    found = [FoundFile("bin/Dockerfile", None, None, "a binary file")]
    hive = assemble("t", Settings(), found, HiveLock.empty(), MemoryListing({}))
    assert str(hive.diagnostics[0]) == "bin/Dockerfile: a binary file"
    with pytest.raises(UsageError, match="binary"):
        hive.image("bin").parsed()


def test_unknown_names_get_a_suggestion():
    """A slip of the finger is answered with what was probably meant."""
    hive = make_hive({"python-ml-base/Dockerfile": "FROM x", "python-grpc-base/Dockerfile": "FROM x"})
    with pytest.raises(UsageError) as raised:
        hive.image("python-grcp-base")
    assert raised.value.hint == "did you mean 'python-grpc-base'?"
    with pytest.raises(UsageError) as raised:
        make_hive({}).image("x")
    assert "no images" in raised.value.hint


def test_an_image_is_found_by_its_reference_and_by_a_unique_ending():
    """What ``images`` prints can be given back."""
    hive = make_hive(
        {"a/web/Dockerfile": "FROM x", "b/web/Dockerfile": "FROM x", "db/Dockerfile": "FROM x"}, config=CONFIG
    )
    assert hive.reference("a/web") == "acme/a/web:1.2.3"
    assert hive.image("acme/a/web:1.2.3").name == "a/web"
    assert hive.image("acme/db").name == "db"
    with pytest.raises(UsageError) as raised:
        hive.image("web")
    assert raised.value.hint == "write 'a/web' or 'b/web'"


def test_an_image_never_means_itself():
    """A base of the same name is somebody else's."""
    hive = make_hive({"python/Dockerfile": "FROM python:3.11", "app/Dockerfile": "FROM python:3.11"})
    reference = Reference.parse("python:3.11")
    assert hive.find(reference, "python") is None
    assert hive.find(reference, "app") == "python"


def test_duplicates_are_refused_with_both_paths():
    """Names that only differ in what a repository cannot say are one name too many."""
    with pytest.raises(UsageError, match=r"Web/Dockerfile and web/Dockerfile"):
        make_hive({"Web/Dockerfile": "FROM x", "web/Dockerfile": "FROM x"})


def test_two_groups_may_not_claim_one_file():
    """The same Dockerfile cannot have two contexts."""
    found = [FoundFile("a/Dockerfile", "FROM x", 0), FoundFile("a/Dockerfile", "FROM x", 1)]
    with pytest.raises(UsageError, match="two groups"):
        assemble("t", Settings(), found, HiveLock.empty(), MemoryListing({}))


def test_default_args_say_version_and_date():
    """The version is data, the date is the epoch, and both come from outside the clock."""
    hive = make_hive({}, config=CONFIG)
    expected = {
        "VERSION": "1.2.3",
        "BASE_IMAGE_VERSION": "1.2.3",
        "BUILD_DATE": "2024-01-01T00:00:00Z",
        "HIVEBASE_STAND_INS": "auto",
    }
    assert expected == default_args(hive, 1_704_067_200)
    assert default_args(hive.with_version("2.0.0"), 0)["VERSION"] == "2.0.0"
    assert default_args(hive, 0, "never")["HIVEBASE_STAND_INS"] == "never"


def test_a_tree_without_a_version_keeps_its_own_defaults():
    """``ARG VERSION=3.2`` of somebody else's Dockerfile is not overridden."""
    hive = make_hive({})
    assert {"BUILD_DATE", "HIVEBASE_STAND_INS"} == set(default_args(hive, 0))
    assert (hive.name, hive.version) == ("tree", "latest")
