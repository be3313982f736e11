"""A process that makes layers: jobs on its standard input, answers on its standard output.

Laying out a wheel is Python code for every file, and one interpreter runs on one processor. A worker ends when its
input does, so none outlives who started it, however that ended.

Messages are MessagePack with four bytes of length in front. The first one is the root of the store.
"""

from __future__ import annotations

import os
import signal
import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import CorruptContentError, HivebaseError, InternalError, SystemFaultError
from hivebase.fs import system_fault
from hivebase.layers.wheels.jobs import LayerJob, LayerMade

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

_LENGTH = struct.Struct("<I")
_KINDS: dict[str, type[HivebaseError]] = {
    kind.__name__: kind for kind in (CorruptContentError, SystemFaultError, InternalError)
}


class Failure(msgspec.Struct, frozen=True, tag=True):
    """An error on its way through a pipe."""

    kind: str
    what: str
    where: str
    why: str
    hint: str

    def error(self) -> HivebaseError:
        """Return the error to raise."""
        return _KINDS.get(self.kind, HivebaseError)(self.what, where=self.where, why=self.why, hint=self.hint)


class Done(msgspec.Struct, frozen=True, tag=True):
    """A layer that was made."""

    made: LayerMade


def send(stream: IO[bytes], message: object) -> None:
    """Write one message.

    Raises:
        OSError: the other side is gone.
    """
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message; None at the end, also in the middle of a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length: int = _LENGTH.unpack(head)[0]
    data = stream.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Work until the input ends."""
    from hivebase.layers.indexed_cache import Indexes  # noqa: PLC0415 -- errors and messages need none of it
    from hivebase.layers.wheels.compose import make_layer  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    # Ctrl-C reaches the whole group; who started us says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    root = receive(jobs)
    if root is None:
        return
    store = Store(Path(os.fsdecode(msgspec.msgpack.decode(root))))
    indexes = Indexes(store)
    with store.lease():
        while (data := receive(jobs)) is not None:
            job = msgspec.msgpack.decode(data, type=LayerJob)
            send(answers, _answer(partial(make_layer, job, store, indexes)))


def _answer(work: Callable[[], LayerMade]) -> Done | Failure:
    try:
        return Done(work())
    except HivebaseError as error:
        return Failure(type(error).__name__, error.what, error.where, error.why, error.hint)
    except OSError as error:
        fault = system_fault(error, "cannot make the layer")
        return Failure("SystemFaultError", fault.what, fault.where, fault.why, fault.hint)


if __name__ == "__main__":
    main()
