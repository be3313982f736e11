import pytest

from hivebase.plan.gofmt import duration, plain_list, quote, quote_list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ('say "x"', r'"say \"x\""'),
        ("a\\b\n\t\x00\x7f", r'"a\\b\n\t\x00\x7f"'),
        ("é☃", '"é☃"'),
        ("\udce9", r'"\xe9"'),
        ("\u200b", r'"\u200b"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_quoting(text, expected):
    """Go's %q."""
    assert expected == quote(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1500, "1.5µs"),
        (300_000_000, "300ms"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (5_025_250_000_000, "1h23m45.25s"),
    ],
)
def test_durations(value, expected):
    """Go's time.Duration."""
    assert expected == duration(value)


def test_lists():
    """Go's slices, quoted and plain."""
    assert (
        quote_list(["a", "b c"]),
        plain_list(["a", "b c"]),
        quote_list([]),
    ) == ('["a" "b c"]', "[a b c]", "[]")
