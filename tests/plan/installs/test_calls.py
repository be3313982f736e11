import pytest
from tests.plan.installs.recognising import code, only


@pytest.mark.parametrize(
    ("text", "program", "module"),
    [
        ("pip install x", "pip", False),
        ("pip3 install x", "pip3", False),
        ("pip3.11 install x", "pip3.11", False),
        ("/usr/bin/pip install x", "/usr/bin/pip", False),
        ("/opt/venv/bin/pip3 install x", "/opt/venv/bin/pip3", False),
        ("venv/bin/pip install x", "/w/venv/bin/pip", False),
        ("./venv/bin/pip install x", "/w/venv/bin/pip", False),
        ("python -m pip install x", "python", True),
        ("python3 -m pip install x", "python3", True),
        ("python3.12 -m pip install x", "python3.12", True),
        ("/opt/venv/bin/python -m pip install x", "/opt/venv/bin/python", True),
        ("python -B -u -m pip install x", "python", True),
        ("python -mpip install x", "python", True),
        ("python -m pip --no-cache-dir install x", "python", True),
        ("'pip' install x", "pip", False),
        ("${VIRTUAL_ENV}/bin/pip install x", "/v/bin/pip", False),
        ('"$VIRTUAL_ENV/bin/python" -m pip install x', "/v/bin/python", True),
        ("pip \\\n  install \\\n  x", "pip", False),
        ("PIP_NO_CACHE_DIR=1 pip install x", "pip", False),
        ("DEBIAN_FRONTEND=noninteractive pip install x", "pip", False),
    ],
)
def test_how_pip_is_called(text, program, module):
    """By name, by path, by version, as a module, through variables."""
    found = only(text, {"VIRTUAL_ENV": "/v"})
    assert ("pip", program, module, ("x",)) == (found.tool, found.program, found.module, found.requirements)


@pytest.mark.parametrize(
    "text",
    [
        "p'ip' install x", "$PIP install x", "pip download x", "pip wheel -w /w x", "pip uninstall -y install",
        "pip list", "pip",
        "pip config set global.index-url install", "poetry install", "pipenv install --system", "pdm install",
        "conda install -y pip", "uv sync", "uv pip compile r.in", "uv pip list", "uv tool install x",
        "uv python install 3.12", "uv", "python setup.py install", "python -m venv /install/pip",
        "python -c 'pip install'",
        "python install.py pip install", "apt-get install -y python3-pip", "apk add py3-pip && echo install",
        "echo pip install x", "pipx install x", "npm install pip", "python -m build pip install", "./pip-install.sh",
        "bash -c 'pip install x'", "cd /pip/install", "python -m install pip", "pip help install", "gem install pip",
    ],
)  # fmt: skip
def test_other_commands_are_no_installations(text):
    """Not even when the words occur in them. Who hides the name of pip is not looked through."""
    assert code(text, {"PIP": "pip"}) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sudo pip install x", "wrapper"),
        ("sudo -H pip3 install x", "wrapper"),
        ("env A=1 pip install x", "wrapper"),
        ("time pip install x", "wrapper"),
        ("exec pip install x", "wrapper"),
        ("gosu app python -m pip install x", "wrapper"),
        ("poetry run pip install x", "wrapper"),
        ("uv run pip install x", "wrapper"),
        ("conda run -n base pip install x", "wrapper"),
        ("timeout 600 uv pip install --system x", "wrapper"),
        ("python -m uv pip install --system x", "wrapper"),
        ("sudo pip --frob install x", "wrapper"),
        ("pypy3 -m pip install x", "program"),
        ("pip2 install x", "program"),
        ("python2.7 -m pip install x", "program"),
        ("python3.13t -m pip install x", "program"),
        ("python -I -m pip install x", "option"),
        ("python -Im pip install x", ""),
        ("python -s -E -m pip install x", "option"),
        ("python -W ignore -m pip install x", "option"),
        ("pip --isolated install x", "option"),
        ("pip --version install", "option"),
        ("uv --offline pip install x", "option"),
        ("uv --offline pip list", ""),
        ("CFLAGS=-O2 pip install x", "setting"),
        ("PATH=/v/bin:$PATH pip install x", "setting"),
        ("HOME=/h pip install x", "setting"),
        ("A=1 B=$A pip install x", "variable"),
        ("PATH=1 PIP_X=$PATH pip install x", "variable"),
        ("pip install $PACKAGES", "variable"),
        ("pip install x${TAG}", "variable"),
    ],
)
def test_calls_that_have_to_be_run(text, expected):
    """Started by something else, by another Python, with settings or variables that nobody knows."""
    assert expected == code(text, {"PATH": "/bin"})


def test_many_starters_are_no_trouble():
    """A command that starts itself over and over is read once."""
    assert code("uv " * 5000 + "pip install x") == ""


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHONOPTIMIZE"]
)
def test_variables_of_python(name):
    """They change what pip sees, or which bytecode it writes; empty they do not count."""
    assert code("pip install x", {name: "/1"}) == "setting"
    assert only("pip install x", {name: ""}).compile
    assert code(f"{name}=1 pip install x") == "setting"


def test_bytecode_is_written_in_spite_of_python():
    """pip and uv compile whatever PYTHONDONTWRITEBYTECODE says (seen with pip 22, 23, 24, 26 and uv 0.13)."""
    env = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONOPTIMIZE": "0",
    }
    assert only("pip install x", env).compile


@pytest.mark.parametrize("name", ["DEB_PYTHON_INSTALL_LAYOUT", "_PYTHON_SYSCONFIGDATA_NAME"])
def test_variables_that_move_packages(name):
    """Debian's Python and cross builds put packages elsewhere."""
    assert code("pip install x", {name: "deb"}) == "setting"
