import pytest

from hivebase.errors import UsageError
from hivebase.plan.settings import Settings, parse_settings


def test_nothing_is_required():
    """An empty file means the defaults."""
    assert Settings() == parse_settings("")


def test_everything_can_be_said():
    """All tables are read."""
    settings = parse_settings("""
        [hive]
        name = "neural-hive-mind"
        version = "1.2.3"

        [[group]]
        name = "bases"
        path = "base-images"
        context = "base-images"
        args = { A = "1" }
        exclude = ["old/**"]

        [base]
        mode = "registry"

        [budget]
        base_layers = 30

        [policy]
        onbuild = false
    """)
    assert (settings.hive.name, settings.hive.version) == ("neural-hive-mind", "1.2.3")
    assert settings.group[0].args == {"A": "1"}
    assert settings.base.mode == "registry"
    assert (settings.budget.base_layers, settings.budget.service_layers) == (30, 80)
    assert settings.policy == {"onbuild": False}


@pytest.mark.parametrize(
    ("text", "where", "what", "hint"),
    [
        ('[hive]\nnane = "x"', "hivebase.toml:2", "'hive.nane'", "did you mean 'name'?"),
        (
            "[[group]]\n[[group]]\nconetxt = 'x'",
            "hivebase.toml:3",
            "'group[1].conetxt'",
            "did you mean 'context'?",
        ),
        ("[bugdet]\n", "hivebase.toml:1", "'bugdet'", "did you mean 'budget'?"),
        (
            "zzz = 1",
            "hivebase.toml:1",
            "'zzz'",
            "known here: base, budget, cache, cache_mode, group, hive, lock, policy, profile, registry",
        ),
    ],
)
def test_unknown_keys_are_refused_with_their_place_and_the_nearest_known_one(text, where, what, hint):
    """A misspelt key never silently means nothing."""
    with pytest.raises(UsageError) as raised:
        parse_settings(text)
    assert where == raised.value.where
    assert what in raised.value.what
    assert hint == raised.value.hint


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[hive]\nversion = 1", "hivebase.toml:2"),
        ("\n[base]\nmode = 'sometimes'", "hivebase.toml:3"),
        ("[[group]]\npath = '../x'", "hivebase.toml:2"),
        ("[[group]]\npath = '/x'", "hivebase.toml:2"),
        ("[[group]]\nargs = { A = 1 }", "hivebase.toml:2"),
        ("[hive", "hivebase.toml"),
    ],
)
def test_bad_values_are_refused_with_their_line(text, where):
    """A wrong kind of value, or a path out of the hive, is told where it stands."""
    with pytest.raises(UsageError) as raised:
        parse_settings(text)
    assert where == raised.value.where
