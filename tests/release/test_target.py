"""Where images go."""

import pytest

from hivebase.errors import UsageError
from hivebase.plan.settings import Profile
from hivebase.release.target import Target, find_profile


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.example/team", "registry.example/team/app:1.0.0"),
        ("registry.example/team/", "registry.example/team/app:1.0.0"),
        ("localhost:5000", "localhost:5000/app:1.0.0"),
        ("localhost", "localhost/app:1.0.0"),
        ("[::1]:5000/a/b", "[::1]:5000/a/b/app:1.0.0"),
        ("docker.io/team", "docker.io/team/app:1.0.0"),
    ],
)
def test_a_target_gives_references(text, expected):
    """REGISTRY/PREFIX and the image's name make the repository."""
    assert expected == str(Target.parse(text, "--to").reference("app", "1.0.0"))


@pytest.mark.parametrize(
    "text", ["team", "team/sub", "registry.example/Team", "https://registry.example/x", "", "/x"]
)
def test_what_is_no_registry_is_refused(text):
    """A name without a dot or a port would go to Docker Hub by accident."""
    with pytest.raises(UsageError):
        Target.parse(text, "--to")


def test_profiles():
    """A name is looked up, an address is taken as it is, and ecr needs no table."""
    here = Profile(to="registry.example/x", floating=("minor",))
    profiles = {"default": here, "other": Profile(to="other.example/y")}
    assert (here, "default") == find_profile("", profiles)
    assert (profiles["other"], "other") == find_profile("other", profiles)
    assert (Profile(to="a.example/b"), "") == find_profile("a.example/b", profiles)
    assert find_profile("ecr", {})[0].kind == "ecr"
    with pytest.raises(UsageError, match="no profile") as caught:
        find_profile("othre", profiles)
    assert "other" in caught.value.hint
    with pytest.raises(UsageError, match="where should"):
        find_profile("", {})
