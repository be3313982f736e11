"""Row C-7: a step that runs in a build which has credentials sees none of them."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from typing import TYPE_CHECKING

import pytest
from tests.hives import TestHive, busybox_tar
from tests.registry_simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

MARK = "canary-"
"""What all credentials of this test begin with. A step looks for it without having it in its own command."""

# Not /dev: reading some of it never ends.
LOOK = """
env > /tmp/seen
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >> /tmp/seen 2>/dev/null
cat /proc/[0-9]*/mountinfo /proc/cmdline /proc/keys /proc/key-users >> /tmp/seen 2>/dev/null
ls -lR /dev /proc/self/fd /proc/1/fd >> /tmp/seen 2>/dev/null
for top in /proc/1/root /proc/1/cwd; do ls -la $top/ $top/root $top/root/.docker $top/run; done >> /tmp/seen 2>&1
find / -xdev -type f ! -path '/proc/*' ! -path '/sys/*' -exec grep -l 'canar[y]-' {} + | sed 's/^/found: /'
sed 's/^/seen: /' /tmp/seen | grep -a 'canar[y]-'
echo looked at $(wc -c < /tmp/seen) bytes
"""
CONTROL = "echo canary''-control > /root/control; export CONTROL=canary''-control"
VARIABLES = ("HIVEBASE_KEY_PASSWORD", "COSIGN_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def made() -> dict[str, str]:
    """A credential for each place."""
    names = ("password", "helper", "token", "identity", *VARIABLES)
    return {name: f"{MARK}{secrets.token_hex(12)}" for name in names}


class Tokens(Simulator):
    """Gives out one known token."""

    token = ""

    def _token(self, seen, query):
        reply = super()._token(seen, query)
        if reply.code == 200:
            self.tokens[self.token] = {"repository:team/base:pull"}
            reply.body = json.dumps({"token": self.token}).encode()
        return reply


def build(tmp_path: Path, made: dict[str, str], steps: str, kind: str = "password") -> tuple[str, TestHive]:
    """Build on an image that only credentials open; return what was printed, and the hive."""
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    hive = TestHive(tmp_path / "hive", tmp_path / "store")
    with Tokens(auth="bearer", users={"me": made[kind], "<token>": made["identity"]}) as registry:
        registry.token = made["token"]
        registry.add_image("team/base", "1.0", layers=[busybox_tar()])
        documents = {
            "password": {
                "auths": {
                    registry.host: {"auth": base64.b64encode(f"me:{made['password']}".encode()).decode()}
                }
            },
            "identity": {"auths": {registry.host: {"identitytoken": made["identity"]}}},
            "helper": {"credsStore": "box"},
        }
        (home / ".docker/config.json").write_text(json.dumps(documents[kind]))
        helper = tmp_path / "bin/docker-credential-box"
        helper.parent.mkdir()
        helper.write_text(f"""#!/bin/sh\necho '{{"Username": "me", "Secret": "{made["helper"]}"}}'\n""")
        helper.chmod(0o755)
        hive.env |= {name: made[name] for name in VARIABLES}
        hive.env |= {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "PATH": f"{helper.parent}:{hive.environment()['PATH']}",
        }
        hive.write({"a/Dockerfile": f"FROM {registry.host}/team/base:1.0\n{steps}"})
        done = hive.run("build", "-v", "--base", "registry")
        assert any("authorization" in seen.headers for seen in registry.seen("GET /v2/"))
    return done.stdout + done.stderr, hive


def run(*commands: str) -> str:
    script = "\n".join(commands)
    return f"RUN <<END\n{script}\nEND\n"


@pytest.mark.parametrize("kind", ["password", "helper", "identity"])
def test_c7_a_step_finds_no_credential(tmp_path, made, kind):
    """Neither in its environment nor in a file nor in what it sees of processes; nor does the store."""
    printed, hive = build(tmp_path, made, run(LOOK), kind)
    assert "looked at" in printed
    assert MARK not in printed
    assert [value for value in made.values() if value in printed] == []
    kept = [path for path in hive.store.rglob("*") if path.is_file()]
    assert len(kept) > 5
    for path in kept:
        data = path.read_bytes()
        data += gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
        assert MARK.encode() not in data, path


def test_c7_the_look_is_a_good_one(tmp_path, made):
    """The same step finds what is really there: a file, and a variable of a process."""
    printed, _ = build(tmp_path, made, run(CONTROL, LOOK))
    assert "found: /root/control" in printed
    assert "seen: CONTROL=canary-control" in printed
