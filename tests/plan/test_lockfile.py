from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.plan.lockfile import HiveLock, LockedInput, parse_lock, render_lock, request_key
from hivebase.plan.wheels import LockedWheel, Request, Resolution
from hivebase.values import replace

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


SHA = "1" * 64
WHEEL = LockedWheel("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", SHA, 11053)
REQUEST = Request(("six",), (), "3.11.2", "x86_64-manylinux_2_36")
TABLE = f"""version = 1
[[wheel]]
name = "six"
version = "1.16.0"
file = "six-1.16.0-py2.py3-none-any.whl"
sha256 = "{SHA}"
"""

digests = st.binary().map(Digest.of)
names = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5})?", fullmatch=True)
wheels = st.builds(
    lambda name, version, data, size: LockedWheel(
        name, version, f"{name.replace('-', '_')}-{version}-py3-none-any.whl", Digest.of(data).hex, size
    ),
    names,
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3})?(rc1)?(\+cpu)?", fullmatch=True),
    st.binary(),
    st.integers(0, 1 << 40),
)


def _unique(found: list[LockedWheel]) -> tuple[LockedWheel, ...]:
    return tuple({wheel.sha256: wheel for wheel in found}.values())


resolutions = st.one_of(
    st.builds(Resolution, st.lists(wheels, max_size=4).map(_unique), st.frozensets(names, max_size=3)),
    st.builds(lambda names, why: Resolution((), names, why), st.frozensets(names, max_size=3), st.text()),
)


@given(
    st.lists(wheels, max_size=4),
    st.dictionaries(st.text(), resolutions, max_size=3),
    st.dictionaries(
        st.text(),
        st.builds(LockedInput, digests, st.lists(st.text(), max_size=2).map(tuple)),
        max_size=3,
    ),
    st.dictionaries(st.text(), digests, max_size=3),
)
def test_wheels_and_installs_survive_writing(known, installs, inputs, outputs):
    """Text and value are the same thing, whatever order things were learned in."""
    lock = HiveLock({}, inputs=inputs, outputs=outputs)
    every: dict[str, LockedWheel] = {}
    for text, found in installs.items():
        wheels = tuple(every.setdefault(wheel.sha256, wheel) for wheel in found.wheels)
        lock = lock.with_install(
            Request((text,), (), "", ""), Resolution(wheels, found.requested, found.impure)
        )
    lock = lock.with_wheels(wheel for wheel in known if wheel.sha256 not in every)
    text = render_lock(lock)
    again = parse_lock(text)
    assert lock == again
    backwards = HiveLock(
        {},
        wheels=dict(reversed(list(lock.wheels.items()))),
        installs=dict(reversed(list(lock.installs.items()))),
        inputs=dict(reversed(inputs.items())),
        outputs=dict(reversed(outputs.items())),
    )
    assert text == render_lock(backwards)


def test_the_text_is_for_people_too():
    """A change of one wheel is a few lines that say which; nothing says where from."""
    lock = HiveLock.empty().with_install(REQUEST, Resolution((WHEEL,), frozenset({"six"})))
    text = render_lock(lock)
    assert f'  "{SHA}",  # six 1.16.0\n' in text
    assert text.endswith(f"{TABLE.partition(chr(10))[2]}size = 11053\n")
    assert "://" not in text


def test_a_wheel_is_not_the_rest():
    """What is interpreted here has digests of its own."""
    lock = HiveLock.empty()
    assert lock.rest == lock.with_wheels([WHEEL]).with_install(REQUEST, Resolution((WHEEL,))).rest


def test_credentials_do_not_change_the_question():
    """A new password resolves nothing again, and no digest of one is written down."""
    one, other, third = (
        replace(REQUEST, index_url=f"https://{user}one.example/simple")
        for user in ("", "me:secret@", "you:word@")
    )
    assert request_key(one) == request_key(other) == request_key(third)
    assert request_key(one) != request_key(REQUEST)
    line = replace(REQUEST, requirements=("six @ https://me:secret@one.example/six.whl",))
    assert request_key(line) == request_key(
        replace(REQUEST, requirements=("six @ https://one.example/six.whl",))
    )


@pytest.mark.parametrize("name", Request.__struct_fields__)
def test_every_part_of_a_question_counts(name):
    """Two questions that differ are never taken for one."""
    value = getattr(REQUEST, name)
    other = not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else ("x",)
    changed: dict[str, Any] = {name: other}
    assert request_key(REQUEST) != request_key(replace(REQUEST, **changed))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"six"', '"../six"'),
        ('"six"', '"Six"'),
        ("1.16.0-py2", "/1.16.0-py2"),
        ('file = "six', 'file = ".six'),
        (".whl", ".tar.gz"),
        (SHA, SHA[1:]),
        (SHA, SHA[1:] + "G"),
        ("sha256", "sha512"),
        ('version = "1.16.0"', 'version = "1.16.0 x"'),
        ("[[wheel]]", "[wheel]"),
        ("[[wheel]]", "[[wheel]]\nurl = 'x'"),
        ("[[wheel]]", "[[wheel]]\nsize = -1"),
        ("[[wheel]]", "[[wheel]]\nsize = true"),
        ("[[wheel]]", "[[input]]\npath = 'x'\n[[wheel]]"),
        ("[[wheel]]", f"[[input]]\npath = 'x'\ndigest = 'sha256:{SHA}'\npythons = 'x'\n[[wheel]]"),
        ("[[wheel]]", "[[output]]\npath = 'x'\n[[wheel]]"),
        ("[[wheel]]", "[[install]]\nkey = 'x'\n[[wheel]]"),
        ("[[wheel]]", f"[[install]]\nkey = 'sha256:{SHA}'\nwheels = ['{'2' * 64}']\n[[wheel]]"),
        ("[[wheel]]", f"[[install]]\nkey = 'sha256:{SHA}'\nwheels = [1]\n[[wheel]]"),
        ("[[wheel]]", f"[[install]]\nkey = 'sha256:{SHA}'\nwheels = ['{SHA}']\nimpure = 'x'\n[[wheel]]"),
        ("[[wheel]]", f"[[install]]\nkey = 'sha256:{SHA}'\nmore = 1\n[[wheel]]"),
        ("[[wheel]]", f"[[wheel]]\nname='x'\nversion='1'\nfile='x.whl'\nsha256='{SHA}'\n[[wheel]]"),
    ],
)
def test_a_wrong_entry_is_refused(old, new):
    """File names become paths: nothing but one plain name is taken, and every error says where."""
    assert parse_lock(TABLE).wheels == {SHA: replace(WHEEL, size=0)}
    assert old in TABLE
    with pytest.raises(UsageError) as caught:
        parse_lock(TABLE.replace(old, new, 1), "x/hivebase.lock")
    assert "hivebase.lock" in caught.value.where or "not a sha256 digest" in caught.value.what
