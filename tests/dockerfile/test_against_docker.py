"""The same text given to a real Docker daemon: its image configuration has to hold what is read here.

The daemon of Debian 12 knows no heredocs, no patterns and no modifiers without a colon; those cases are left
out.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import tarfile
from typing import Any

import pytest
from tests.dockerfile.test_expand import CASES, VALUES
from tests.servers import dockerd

from hivebase.dockerfile.ast import Cmd, Entrypoint, Expose, Healthcheck, Label, Onbuild, Shell, User, Volume
from hivebase.dockerfile.expand import expand, expand_words
from hivebase.dockerfile.parser import parse
from hivebase.dockerfile.words import quoted_words

NEWER = re.compile(r"\$\{\w+[-+?#%/]|\$@\|")
WORDS = [word for word, _ in CASES if not NEWER.search(word) and len(quoted_words(word, "\\")) == 1]
WORDS = [word for word in WORDS if quoted_words(word, "\\")[0][1] == word and not word.endswith("\\")]

REST = r"""
label "key with spaces"=x  tab=a	next='b'  continued="one \
  # a comment in between
  two" \

  last=3
LABEL old style  with "quotes"
ENV PORTS="80 81/udp"
EXPOSE $PORTS 90/tcp
USER ${NOBODY:-someone}:$GROUP
VOLUME ["/a b", "$A"]
ENTRYPOINT [ "a", "b c" ]
CMD echo  "hi  $A" \
    && ['not json']
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=4 CMD ["curl", "x"]
ONBUILD   copy a \
    b
"""


class _Connection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, address: str) -> None:
        super().__init__("docker", timeout=60)
        self._address = address.removeprefix("unix://")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._address)

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        try:
            self.request(method, path, body, {"Content-Type": "application/x-tar"})
            response = self.getresponse()
            data = response.read()
        finally:
            self.close()
        assert response.status == 200, data
        return data


def _config(address: str, text: str) -> Any:
    """Build ``text`` and return the configuration of the image."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    stream = _Connection(address).ask("POST", "/v1.40/build", context.getvalue()).decode()
    built = re.search(r'"aux":\{"ID":"(sha256:[0-9a-f]+)"', stream)
    assert built, stream
    return json.loads(_Connection(address).ask("GET", f"/v1.40/images/{built[1]}/json"))["Config"]


@pytest.mark.server
@pytest.mark.root
def test_docker_reads_the_same(tmp_path):
    """Words, pairs, forms and durations mean to Docker what they mean here."""
    values = " ".join(f"{name}='" + value.replace("'", r"'\''") + "'" for name, value in VALUES.items())
    labels = " ".join(f"c{number}={word}" for number, word in enumerate(WORDS))
    text = f"FROM scratch\nENV {values}\nLABEL {labels}\n{REST}"
    with dockerd(tmp_path) as address:
        config = _config(address, text)
    found = parse(text, "Dockerfile").stages[0].instructions
    lookup = {**VALUES, "PORTS": "80 81/udp"}.get

    def one(kind: type[Any]) -> Any:
        (instruction,) = [i for i in found if type(i) is kind]
        return instruction

    pairs = [pair for i in found if isinstance(i, Label) for pair in i.pairs]
    assert config["Labels"] == {expand(key, lookup): expand(value, lookup) for key, value in pairs}
    ports = [port for word in one(Expose).ports for port in expand_words(word, lookup)]
    assert sorted(config["ExposedPorts"]) == sorted(p if "/" in p else f"{p}/tcp" for p in ports)
    assert config["User"] == expand(one(User).user, lookup)
    assert sorted(config["Volumes"]) == sorted(expand(path, lookup) for path in one(Volume).paths)
    assert config["Entrypoint"] == list(one(Entrypoint).command.argv)
    assert config["Cmd"] == ["/bin/sh", "-c", *one(Cmd).command.argv]
    assert config["Shell"] == list(one(Shell).argv)
    health = one(Healthcheck)
    assert config["Healthcheck"] == {
        "Test": ["CMD", *health.command.argv],
        "Interval": health.interval,
        "Timeout": health.timeout,
        "Retries": health.retries,
    }
    assert config["OnBuild"] == [one(Onbuild).trigger]
    assert len(WORDS) > 60
