"""Which tags are published."""

import pytest

from hivebase.errors import PolicyError
from hivebase.release.tags import floating_tags, release_tag


@pytest.mark.parametrize("version", ["1.2.3", "0.0.0", "10.20.30", "1.0.0-rc.1", "1.0.0-0a-b"])
def test_released_versions(version):
    """X.Y.Z with or without a pre-release is what it is called."""
    assert version == release_tag(version)


@pytest.mark.parametrize(
    "version",
    ["latest", "1.2", "1", "v1.2.3", "01.2.3", "1.2.3+5", "1.2.3-", "1.2.3-a..b", "", "1.2.3\n", "٣.1.1"],
)
def test_what_is_not_a_version_is_not_published(version):
    """Neither latest nor anything else that may change its meaning."""
    with pytest.raises(PolicyError) as caught:
        release_tag(version)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("version", "wanted", "published", "expected"),
    [
        ("1.2.3", (), ["1.2.4"], {}),
        ("1.2.3", ("minor",), [], {"1.2": ""}),
        (
            "1.2.3",
            ("minor", "major"),
            ["1.2.3", "1.2.2", "0.9.0", "1.20.0"],
            {"1.2": "", "1": "1.20.0 is newer"},
        ),
        ("1.2.3", ("minor",), ["1.2.10", "1.2.4"], {"1.2": "1.2.10 is newer"}),
        ("1.2.3", ("major",), ["2.0.0", "10.0.0", "1.3.0-rc.1", "1", "1.2", "x"], {"1": ""}),
        ("1.2.3-rc.1", ("minor",), [], {"1.2": "1.2.3-rc.1 is a pre-release"}),
    ],
)
def test_floating_tags_move_forward_only(version, wanted, published, expected):
    """X.Y and X move on request, to the newest release of their line, and never to a pre-release."""
    assert expected == floating_tags(version, wanted, published)
