"""Foreign engines of this machine, each with a store of its own, and a small hive."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.docker_host import current_dockerd
from tests.docker_wrapper import path_with_docker
from tests.hives import BASE, TestHive
from tests.servers import dockerd, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = """
[hive]
name = "team"
version = "1.2.3"
[[group]]
path = "images"
context = "context"
"""
IMAGES = {
    "parent": f"""
        FROM {BASE}
        RUN mkdir /opt && echo parent > /opt/parent && chmod 640 /opt/parent && chown 5:6 /opt/parent
        ENV FROM_PARENT=yes
        USER app
        """,
    "child": """
        ARG VERSION
        FROM team/parent:1.2.3
        ARG VERSION
        LABEL version=$VERSION
        COPY --chown=app:extra greeting /opt/greeting
        USER 0
        RUN rm /opt/parent && ln -s greeting /opt/link && id -u > /opt/user
        CMD ["cat", "/opt/greeting"]
        """,
    "grandchild": f"""
        FROM {BASE} AS tools
        RUN echo tool > /tool && ln /tool /tool2
        FROM team/child:1.2.3
        COPY --from=tools /tool /tool2 /tools/
        COPY --from=team/parent:1.2.3 /opt /parents
        RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length
        RUN --mount=from=tools,target=/t cat /t/tool > /mounted
        WORKDIR /w/x
        """,
}


@dataclass(frozen=True)
class Engine:
    """One foreign engine.

    Attributes:
        name: for ``--engine``.
        env: with which it is found.
        listing: prints the names of all images in its store.
        home: a directory that it sees.
    """

    name: str
    env: dict[str, str]
    listing: tuple[str, ...]
    home: Path

    def names(self) -> list[str]:
        """Return the names of the images in its store."""
        done = subprocess.run(
            self.listing, env={**os.environ, **self.env}, capture_output=True, text=True, check=True
        )
        return sorted(line for line in done.stdout.split() if "<none>" not in line)


@pytest.fixture(scope="module", params=["docker", "buildah", "buildx"])
def engine(request, tmp_path_factory) -> Iterator[Engine]:
    """Docker 20.10 and buildah from Debian's packages, and a current Docker's builder through buildx."""
    root: Path = tmp_path_factory.mktemp("engine")
    if request.param == "docker":
        with dockerd(root) as address:
            path = f"/usr/bin:{os.environ['PATH']}"
            shown = ("/usr/bin/docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
            yield Engine("docker", {"DOCKER_HOST": address, "PATH": path}, shown, root)
    elif request.param == "buildx":
        with pytest.MonkeyPatch.context() as patch:
            # The image store that takes images from a directory; a person sets features.containerd-snapshotter.
            patch.setenv("TEST_INTEGRATION_USE_SNAPSHOTTER", "1")
            with current_dockerd(root) as (client, variables):
                path = path_with_docker(root / "bin", client, variables)
                shown = (f"{root}/bin/docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
                yield Engine("buildx", {"PATH": path}, shown, root)
    else:
        need("buildah")
        storage = root / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\nrunroot = "{root}/run"\ngraphroot = "{root}/graph"\n'
            '[storage.options.overlay]\nskip_mount_home = "true"\n'
        )
        env = {"CONTAINERS_STORAGE_CONF": str(storage)}
        yield Engine("buildah", env, ("buildah", "images", "--format", "{{.Name}}:{{.Tag}}"), root)
        # What a failed build left mounted would outlive the directory.
        subprocess.run(["buildah", "rm", "--all"], env={**os.environ, **env}, check=True, capture_output=True)


@pytest.fixture
def hive(tmp_path, busybox_file, engine) -> TestHive:
    """Three images, one upon the other."""
    home = engine.home / tmp_path.name
    made = TestHive(home / "hive", home / "store", dict(engine.env))
    made.write({"hivebase.toml": SETTINGS, "context/greeting": "hello\n"})
    made.write({f"images/{name}/Dockerfile": _plain(text) for name, text in IMAGES.items()})
    (tmp_path / "token").write_text("secret-of-a-test")
    made.run("import", str(busybox_file), BASE)
    return made


def _plain(text: str) -> str:
    return "".join(f"{line.strip()}\n" for line in text.strip().splitlines())
