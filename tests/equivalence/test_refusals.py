"""What cannot be composed is run, with a note that says why; two wheels that own one file are an error."""

from __future__ import annotations

import pytest
from tests.equivalence.conftest import BASE
from tests.wheels import wheel

pytestmark = [pytest.mark.engine, pytest.mark.root]

PIP = "RUN pip install --no-cache-dir"
ALIKE = {"twice/__init__.py": "x = 1\n", "twice/own.txt": "1\n"}
PROJECT = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'

SCRIPTS = "/usr/lib/python3/dist-packages/pip/_vendor/distlib/scripts.py"
LIB64 = (
    "RUN mkdir -p /opt/x/bin /opt/x/lib64/python3.11/lib-dynload /opt/x/lib \\\n"
    " && cp /usr/bin/python3.11 /opt/x/bin/ && cp -a /usr/lib/python3.11 /opt/x/lib/\n"
)

# Dockerfile behind FROM, what the note says, exit code of the real thing, and files of the context.
FILES = {
    "app/pyproject.toml": PROJECT + '[project]\nname = "app"\nversion = "1"\ndescription = "x"\n',
    "app/app.py": "x = 1\n",
}
CASES = {
    "a distribution that forbids it": (
        f"RUN touch /usr/lib/python3.11/EXTERNALLY-MANAGED\n{PIP} plain\n",
        "the distribution does not let pip install here (EXTERNALLY-MANAGED)",
        1,
    ),
    "a configuration of pip": (
        f"RUN printf '[global]\\ntimeout = 9\\n' > /etc/pip.conf\n{PIP} plain\n",
        "the image has a pip configuration of its own, /etc/pip.conf",
        0,
    ),
    "settings of uv": (
        "COPY uv.toml /app/\nWORKDIR /app/below\nRUN uv pip install --system --break-system-packages plain\n",
        "uv reads settings from /app/uv.toml",
        127,
    ),
    "a file that a step has changed": (
        f"COPY r.txt /r.txt\nRUN echo plain > /r.txt\n{PIP} -r /r.txt\n",
        "an earlier step has changed /r.txt",
        0,
    ),
    "a file that a step has removed": (
        f"COPY r.txt /r.txt\nRUN rm /r.txt\n{PIP} -r /r.txt\n",
        "/r.txt is not the file that the plan was made with",
        1,
    ),
    "no pip": (f"RUN rm /usr/bin/pip*\n{PIP} plain\n", "the image has no pip on its PATH", 127),
    "a pip that is no script": (
        f"RUN printf '#!/usr/bin/env python\\n' > /usr/bin/pip\n{PIP} plain\n",
        "/usr/bin/pip is not a script that starts with #! and an interpreter",
        0,
    ),
    "a pip for something else": (
        "RUN printf '#!/bin/sh\\nexit 0\\n' > /usr/bin/pip\n" + f"{PIP} plain\n",
        "/bin/sh is not a CPython that hivebase knows: it leads to /usr/bin/dash",
        0,
    ),
    "another interpreter": (
        "RUN sed -i 's/3\\.11\\.2/3.11.9/g' /usr/bin/python3.11\n" + f"{PIP} plain\n",
        "the interpreter is Python 3.11.9, and the plan is for 3.11.2",
        0,
    ),
    "no standard library": (
        "RUN mkdir /opt/x && cp /usr/bin/python3.11 /opt/x\nRUN /opt/x/python3.11 -m pip install plain\n",
        "the standard library of /opt/x/python3.11 is not below /opt",
        None,
    ),
    "a pip that writes other scripts": (
        f"RUN sed -i 's/sys.exit(%(func)s())/sys.exit(%(func)s() or %d)/' {SCRIPTS}\n{PIP} plain\n",
        "this pip writes scripts in a way that hivebase does not know",
        None,
    ),
    "a virtual environment that sees the system": (
        "RUN python -m venv --system-site-packages /venv\nRUN /venv/bin/pip install --no-cache-dir plain\n",
        "the virtual environment /venv also sees the system's packages",
        0,
    ),
    "lib64": (
        f"{LIB64}RUN /opt/x/bin/python3.11 -m pip install --no-cache-dir plain\n",
        "/opt/x/bin/python3.11 keeps compiled modules in lib64",
        None,
    ),
    "a package without RECORD": (
        f"{PIP} plain==1\nRUN rm /usr/local/lib/python3.11/dist-packages/plain-1.dist-info/RECORD\n{PIP} plain==2\n",
        "plain 1 has no RECORD, so its files are not known",
        1,
    ),
    "extras of a project": (f"COPY app /app\n{PIP} /app[x]\n", "/app[x] is installed with extras", 0),
    "a project in a mount": (
        f"RUN --mount=type=bind,source=app,target=/app {PIP[4:]} /app\n",
        "the project /app is in a mount",
        0,
    ),
    "no project": (f"COPY r.txt /app\n{PIP} /app/\n", "/app is not a directory of the image", 1),
    "no pyproject.toml": (
        f"COPY app /app\nRUN rm /app/pyproject.toml\n{PIP} /app\n",
        "/app has no pyproject.toml",
        1,
    ),
    "no backend": (
        f"COPY app /app\nRUN sed -i /build-backend/d /app/pyproject.toml\n{PIP} /app\n",
        "/app/pyproject.toml names no build backend",
        None,
    ),
    "a build that needs what is not there": (
        f"COPY app /app\n{PIP} --no-build-isolation /app\n",
        "its build needs flit_core, which the image does not have",
        1,
    ),
    "a build that fails": (
        f"COPY app /app\nRUN rm /app/app.py\n{PIP} /app\n",
        "the project in /app cannot be built apart from it",
        1,
    ),
    "a wheel that is not there": (
        f"{PIP} /wheels/x-1-py3-none-any.whl\n",
        "/wheels/x-1-py3-none-any.whl is not there",
        1,
    ),
    "a file that is called as no wheel is": (
        f"COPY r.txt /wheels/x.whl\n{PIP} /wheels/x.whl\n",
        "/wheels/x.whl is not called as a wheel is",
        1,
    ),
    "a wheel that needs an index": (
        f"COPY wheels /wheels\n{PIP} /wheels/needing-1-py3-none-any.whl\n",
        "needing needs plain, which the image does not have",
        0,
    ),
    "links on a network": (
        f"{PIP} --no-index --find-links http://localhost:9/ plain\n",
        "--find-links http://localhost:9/ is on a network",
        1,
    ),
    "source archives": (
        f"COPY wheels /wheels\nCOPY r.txt /wheels/plain-3.tar.gz\n{PIP} --no-index --find-links /wheels needing\n",
        "/wheels also has source archives, such as plain-3.tar.gz",
        1,
    ),
    "no wheel for it": (
        f"COPY wheels /wheels\n{PIP} --no-index --find-links /wheels needing\n",
        "no wheel of plain that fits is in /wheels",
        1,
    ),
    "no wheel that fits": (
        f"COPY wheels /wheels\n{PIP} --no-index --find-links /wheels foreign\n",
        "no wheel of foreign that fits is in /wheels",
        1,
    ),
    "extras of a name": (
        f"COPY wheels /wheels\n{PIP} --no-index --find-links /wheels foreign[x]\n",
        "'foreign[x]' has an address or extras",
        1,
    ),
    "a file in a mount that is not known": (
        f"RUN --mount=type=cache,target=/wheels {PIP[4:]} --no-index --find-links /wheels plain\n",
        "/wheels is in a mount of type cache",
        1,
    ),
}


@pytest.fixture(scope="module")
def plain(sides, real):
    """Two versions of a package, and three wheels that collide or do not."""
    for made in (
        *(wheel("plain", version) for version in "12"),
        wheel("alike_one", "1", ALIKE),
        wheel("alike_two", "1", ALIKE),
        wheel("other", "1", ALIKE | {"twice/own.txt": "2\n"}),
    ):
        sides.index.put(made.file, made.bytes())


def _wheels():
    made = [wheel("needing", "1", requires=["plain"]), wheel("foreign", "1", tag="cp39-cp39-win_amd64")]
    return {f"wheels/{one.file}": one.bytes() for one in made}


@pytest.mark.parametrize("case", CASES)
def test_it_is_run_and_said_why(sides, plain, case):
    """One line names the reason, and the installer decides what comes of it."""
    dockerfile, why, code = CASES[case]
    files = {**FILES, **_wheels(), "r.txt": "plain==1\n", "uv.toml": ""}
    hive = sides.hives(
        f"refused-{list(CASES).index(case)}", {"Dockerfile": f"FROM {BASE}\n{dockerfile}", **files}
    )[0]
    done, said = sides.build(hive)
    assert f"is run, not composed: {why}" in said.replace("\n", " ")
    if code is not None:
        assert bool(code) is bool(done)


def test_equal_files_of_two_wheels_are_fine(sides, plain):
    """As every nvidia wheel brings the same ``nvidia/__init__.py``."""
    sides.both("alike", f"FROM {BASE}\n{PIP} alike-one alike-two\n").check()


def test_a15_different_files_of_two_wheels_are_an_error(sides, plain):
    """Both are named; it is not left to the order."""
    hive = sides.hives("unlike", {"Dockerfile": f"FROM {BASE}\n{PIP} alike-one other\n"})[0]
    done, said = sides.build(hive)
    assert done == 1
    assert "alike-one 1 and other 1 both install twice/own.txt" in said
