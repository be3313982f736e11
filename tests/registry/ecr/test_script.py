"""``scripts/build-base-images.sh --push-to-ecr``, in a copy of the project whose images take seconds.

Nothing of Docker or of the aws command is on the way: the PATH of these tests has neither.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hives import BASE, TestHive, busybox_tar
from tests.registry.ecr.conftest import PASSWORD, catalog

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[3]
PROGRAMS = (
    *("apt-get", "bash", "cat", "cut", "dirname", "dpkg-query", "env", "grep", "id", "printf", "rm", "sed"),
    *("sha256sum", "touch"),
)
"""What the script needs besides what it installs; the packages that it would install are there."""
FILES = {
    "hivebase.toml": '[hive]\nname = "hive"\nversion = "1.0.0"\n\n'
    '[[group]]\nname = "base-images"\npath = "base-images"\ncontext = "base-images"\nrole = "base"\n',
    "base-images/low/Dockerfile": f"FROM {BASE}\nCOPY file /low\n",
    "base-images/high/Dockerfile": "FROM hive/low:1.0.0\nCOPY file /high\n",
    "base-images/file": "content",
    "other/Dockerfile": "FROM hive/low:1.0.0\n",
}
NAMES = ["production/high", "production/low"]


class Project(TestHive):
    """A hive with the scripts, and a .venv that is installed already."""

    def script(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(self.root / "scripts/build-base-images.sh"), *words],
            env=self.environment() | {"PATH": str(self.root / "bin")},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def called(self) -> list[str]:
        """The verbs of hivebase that were run."""
        file = self.root / "called"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def project(hive, tmp_path):
    """The environment of the seed's instructions, and everything that the script reads."""
    made = Project(tmp_path / "project", tmp_path / "store", hive.env)
    made.write(FILES)
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, made.root / name)
    shutil.copy(ROOT / "pyproject.toml", made.root)
    (made.root / "bin").mkdir()
    for program in PROGRAMS:
        if found := shutil.which(program):
            (made.root / "bin" / program).symlink_to(found)
    scripts = made.root / ".venv/bin"
    scripts.mkdir(parents=True)
    for lock in ("main", "ecr"):
        content = (ROOT / f"requirements/{lock}.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
        (made.root / f".venv/.installed-{hashlib.sha256(content).hexdigest()[:16]}-{lock}").touch()
    command = scripts / "hivebase"
    command.write_text(
        f'#!/bin/bash\necho "$@" >>"{made.root}/called"\n[ "$1" != build ] || set -- "$@" --base registry\n'
        f'PATH="{os.environ["PATH"]}" exec "{sys.executable}" -m hivebase "$@"\n'
    )
    command.chmod(0o755)
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    made.run("import", str(tmp_path / "base.tar"), BASE)
    return made


def test_as_the_instructions_say(project, account, registry):
    """Checked, built and pushed: the images of the group under ENV/<image>, at the version that was asked for."""
    done = project.script("--version", "1.2.0", "--push-to-ecr")
    assert project.called == ["doctor", "build", "push"]
    assert account.repositories() == NAMES
    assert catalog(registry) == {name: ["1.2.0"] for name in NAMES}
    assert f"{registry}/production/low:1.2.0@sha256:" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    again = project.script("--version=1.2.0", "--push-to-ecr")
    assert "0 blobs sent" in again.stderr


@pytest.mark.parametrize(
    ("unset", "named"),
    [
        (["AWS_REGION"], "AWS_REGION"),
        (["ENV"], "ENV"),
        (["AWS_ACCOUNT_ID", "ECR_REGISTRY"], "AWS_ACCOUNT_ID (or ECR_REGISTRY)"),
        (
            ["AWS_REGION", "ENV", "AWS_ACCOUNT_ID", "ECR_REGISTRY"],
            "AWS_REGION, AWS_ACCOUNT_ID (or ECR_REGISTRY), ENV",
        ),
    ],
)
def test_what_is_not_set_is_said_first(project, unset, named):
    """Exit code 2; hivebase is not even started."""
    for name in unset:
        del project.env[name]
    done = project.script("--push-to-ecr", code=2)
    assert f"--push-to-ecr needs {named} in the environment" in done.stderr
    assert project.called == []


def test_credentials_are_tried_before_the_build(project, account):
    """A refusal comes first, not after minutes of building."""
    project.env["AWS_PROFILE"] = "nobody"
    done = project.script("--push-to-ecr", code=2)
    assert "nobody" in done.stderr
    assert project.called == ["doctor"]


def test_no_create_is_refused_before_the_build(project, account, registry):
    """The repository is named, and nothing was built, made or sent."""
    done = project.script("--push-to-ecr", "--no-create", code=4)
    assert "missing in Amazon ECR: production/low, production/high" in done.stderr
    assert project.called == ["doctor"]
    assert (account.repositories(), catalog(registry)) == ([], {})


def test_a_build_that_fails_pushes_nothing(project, account, registry):
    project.write({"base-images/high/Dockerfile": "FROM hive/low:1.0.0\nCOPY absent /\n"})
    project.script("--push-to-ecr", code=2)
    assert project.called == ["doctor", "build"]
    assert (account.repositories(), catalog(registry)) == ([], {})


def test_options_reach_the_push(project):
    """Those of the push go to the push, what follows -- to the build."""
    project.script("--push-to-ecr", "--allow-stand-ins", "--no-cache", "--", "--quiet")
    _, build, push = (project.root / "called").read_text().splitlines()
    assert build == "build --group base-images --no-cache --quiet"
    assert push == "push --to ecr --group base-images --allow-stand-ins"


def test_without_pushing_nothing_of_it_is_asked(project):
    """No variables, no boto3, no API."""
    for name in ("AWS_REGION", "ENV", "AWS_ACCOUNT_ID", "ECR_REGISTRY"):
        del project.env[name]
    project.script()
    assert project.called == ["build"]
    assert "belongs to --push-to-ecr" in project.script("--no-create", code=2).stderr
