"""secretbox against the published vector, and against every change to a box."""

from __future__ import annotations

import pytest

from hivebase.release.signing.secretbox import open_box

# "Cryptography in NaCl", sections 8 to 10: the example that runs through the paper.
KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
PLAIN = bytes.fromhex(
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc"
    "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31"
    "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde"
    "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864"
    "5e0705"
)
BOX = bytes.fromhex(
    "f3ffc7703f9400e52a7dfb4b3d3305d9"
    "8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a"
    "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738"
    "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
    "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74"
    "e355a5"
)


def test_the_published_box_opens():
    assert open_box(KEY, NONCE, BOX) == PLAIN


@pytest.mark.parametrize("at", range(0, len(BOX), 7))
def test_a_changed_box_stays_closed(at):
    changed = BOX[:at] + bytes([BOX[at] ^ 1]) + BOX[at + 1 :]
    assert open_box(KEY, NONCE, changed) is None


@pytest.mark.parametrize(
    ("key", "nonce", "box"),
    [
        (KEY[:-1] + b"\0", NONCE, BOX),
        (KEY, NONCE[:-1] + b"\0", BOX),
        (KEY, b"\0" + NONCE[1:], BOX),
        (KEY, NONCE, BOX[:-1]),
        (KEY, NONCE, BOX + b"\0"),
    ],
)
def test_another_key_nonce_or_length_opens_nothing(key, nonce, box):
    assert open_box(key, nonce, box) is None


@pytest.mark.parametrize("box", [b"", b"\0" * 15])
def test_a_box_shorter_than_its_authenticator_opens_nothing(box):
    with pytest.raises(ValueError):
        open_box(KEY[:-1], NONCE, box)
    assert open_box(KEY, NONCE, box) is None
