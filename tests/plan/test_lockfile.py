import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.plan.lockfile import HiveLock, parse_lock, render_lock

DIGEST = Digest.of(b"x")


def test_a_lock_reads_as_it_was_written():
    """Text and value are the same thing."""
    lock = HiveLock.empty().with_pin("docker.io/library/python:3.11-slim", "linux/amd64", DIGEST)
    assert lock == parse_lock(render_lock(lock))
    assert lock.pin("docker.io/library/python:3.11-slim", "linux/amd64") == DIGEST
    assert lock.pin("docker.io/library/python:3.11-slim", "linux/arm64") is None


@given(st.dictionaries(st.tuples(st.text(), st.text()), st.binary().map(Digest.of), max_size=5))
def test_any_lock_survives_writing(pins):
    """No reference can break the file, and the order of insertion leaves no trace."""
    text = render_lock(HiveLock(pins))
    assert pins == parse_lock(text).pins
    assert text == render_lock(HiveLock(dict(reversed(pins.items()))))


def test_what_others_wrote_is_kept():
    """Tables that a pin does not touch stay, and count as the rest."""
    text = 'version = 1\n[wheels]\nnumpy = { version = "1.26", hashes = ["a", "b"], ok = true }\n'
    lock = parse_lock(text).with_pin("r", "linux/amd64", DIGEST)
    again = parse_lock(render_lock(lock))
    assert lock == again
    assert "numpy" in again.others
    assert parse_lock("version = 1\n").rest != again.rest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 2",
        "version = 1\n[base]",
        "version = 1\n[[base]]\nref = 'x'",
        "version = 1\n[[base]]\nref = 'x'\nplatform = 'linux/amd64'\ndigest = 'md5:0'",
        "version",
    ],
)
def test_garbage_is_refused(text):
    """A lock that is not understood is not guessed at."""
    with pytest.raises(UsageError):
        parse_lock(text)
