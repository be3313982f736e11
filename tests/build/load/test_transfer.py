"""Who is sent what, and what a refusal means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.oci.images import layer_tar, put_image

from hivebase.build.load.transfer import transfer
from hivebase.errors import BuildError, CorruptContentError, SystemFaultError
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from hivebase.progress import Event


@dataclass
class _Target:
    """A runtime that is played."""

    has: set[str] = field(default_factory=set)
    errors: list[Exception] = field(default_factory=list)
    sent: list[set[str]] = field(default_factory=list)
    title: str = "it"

    def held(self, _image):
        return self.has

    def send(self, image, _refs, without, told):
        layers = [layer for layer in image.manifest.layers if layer.digest not in without]
        self.sent.append({layer.digest for layer in layers})
        for layer in layers:
            told(layer.digest, layer.size)
        if self.errors:
            raise self.errors.pop(0)

    def names(self, refs):
        return tuple(f"its/{ref}" for ref in refs)


@pytest.fixture
def image(tmp_path):
    """Three layers, two of them equal."""
    store = Store.open(tmp_path / "store")
    store.tag("a:1", put_image(store, layer_tar({"a": b"1"}), layer_tar({"b": b"2"}), layer_tar({"a": b"1"})))
    return store.image("a:1")


def test_what_it_has_is_left_out(image):
    """And counted as present; a layer that is there twice counts once."""
    one, two, _ = image.manifest.layers
    target = _Target({one.digest})
    loaded = transfer(target, image, ["a:1"], lambda _: None)
    assert (loaded.layers, loaded.sent, loaded.size, loaded.refused) == (2, 1, two.size, "")
    assert (loaded.names, target.sent) == (("its/a:1",), [{two.digest}])


def test_a_refusal_is_told_and_all_is_sent(image):
    """Once."""
    one, two, _ = image.manifest.layers
    events: list[Event] = []
    target = _Target({one.digest, two.digest}, [BuildError("no", why="it is gone")])
    loaded = transfer(target, image, ["a:1"], events.append)
    assert target.sent == [set(), {one.digest, two.digest}]
    assert (loaded.sent, loaded.size, loaded.refused) == (2, one.size + two.size, "it is gone")
    assert [event.text for event in events if event.status == "note"] == [
        "sending all layers, as it refused a part: it is gone"
    ]
    assert [event.status for event in events if event.status != "log"] == ["started", "note", "done"]


def test_a_second_refusal_is_the_end(image):
    """With the second reason."""
    target = _Target({image.manifest.layers[0].digest}, [BuildError("one"), BuildError("two")])
    with pytest.raises(BuildError, match="two"):
        transfer(target, image, ["a:1"], lambda _: None)


@pytest.mark.parametrize(
    ("has", "error"),
    [(True, CorruptContentError("x")), (True, SystemFaultError("x")), (False, BuildError("x"))],
)
def test_only_a_refusal_of_a_part_is_a_reason_to_try_again(image, has, error):
    """Not what is damaged here, not a command that cannot be started, not what was whole."""
    target = _Target({image.manifest.layers[0].digest} if has else set(), [error])
    with pytest.raises(type(error)):
        transfer(target, image, ["a:1"], lambda _: None)
    assert len(target.sent) == 1
