import pytest
from msgspec.structs import replace
from tests.plan.installs.recognising import code, only

from hivebase.plan.installs.model import Install

X = Install("uv", "", program="", requirements=("x",), compile=False)
SYNC = Install("uv", "", program="", files=("/w/r.txt",), sync=True, deps=False, compile=False)


def same(expected: Install, found: Install) -> bool:
    return expected == replace(found, text="")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("x", X),
        ("-r r.txt x", replace(X, files=("/w/r.txt",))),
        ("--requirements=r.txt --requirement s.txt x", replace(X, files=("/w/r.txt", "/w/s.txt"))),
        ("-c c.txt --constraints /d.txt x", replace(X, constraints=("/w/c.txt", "/d.txt"))),
        ("-e . x", replace(X, editables=("/w",))),
        ("--no-deps x", replace(X, deps=False)),
        ("-U x", replace(X, upgrade="all")),
        ("-P y --upgrade-package=z x", replace(X, upgrade_packages=("y", "z"))),
        ("--compile-bytecode x", replace(X, compile=True)),
        ("--compile-bytecode --no-compile-bytecode x", X),
        ("--require-hashes x", replace(X, require_hashes=True)),
        ("--index-url https://a x", replace(X, index_url="https://a")),
        ("--default-index https://b -i https://a x", replace(X, index_url="https://b")),
        (
            "--extra-index-url https://a --index n=https://b x",
            replace(X, extra_index_urls=("https://b", "https://a")),
        ),
        ("--no-index -f /a,b x", replace(X, no_index=True, find_links=("/a", "/w/b"))),
        ("--prerelease=allow x", replace(X, pre=True)),
        ("--prerelease if-necessary-or-explicit x", X),
        ("--no-build-isolation .", replace(X, requirements=(), paths=("/w",), isolated_build=False)),
        ("--break-system-packages x", replace(X, break_system=True)),
        ("-q --no-cache --no-progress --native-tls --link-mode=copy --strict --no-config --color never x", X),
        (
            "-n --cache-dir /c --only-binary :all: --no-build --no-verify-hashes --disable-pip-version-check x",
            X,
        ),
        ("/wheels/*.whl", replace(X, requirements=(), paths=("/wheels/*.whl",))),
        (
            "uvicorn[standard]",
            replace(X, requirements=("uvicorn[standard]",), unmatched=("/w/uvicorn[standard]",)),
        ),
    ],
)
def test_options_and_what_they_mean(options, expected):
    """Each option that is understood, in the ways it is written."""
    assert same(expected, only(f"uv pip install --system {options}"))


@pytest.mark.parametrize(
    "options",
    [
        "--target /t", "--prefix=/p", "--overrides o.txt", "--prerelease=disallow", "--link-mode=symlink", "--offline",
        "--reinstall", "--exact", "--dry-run", "--no-binary :all:", "--resolution lowest", "--exclude-newer 2024-01-01",
        "--user", "--python-version 3.12", "--torch-backend=cpu", "--group dev", "--directory /d", "-b c.txt", "--upgr",
        "--config-file u.toml", "--index-strategy unsafe-best-match", "--no-sources", "--quiet=1", "-r pyproject.toml",
        "-r script.py", "-c pylock.toml", "--extra dev", "-r https://e.org/r.txt", "--no-input",
    ],
)  # fmt: skip
def test_options_that_have_to_be_run(options):
    """What changes where packages go or which ones they are, descriptions of projects, and what is not known."""
    assert code(f"uv pip install --system x {options}") in {"option", "remote-file"}


@pytest.mark.parametrize(
    ("options", "env", "expected"),
    [
        ("--system", {}, ""),
        ("", {"UV_SYSTEM_PYTHON": "1"}, ""),
        ("", {"UV_SYSTEM_PYTHON": "True", "VIRTUAL_ENV": "/v"}, ""),
        ("--system", {"VIRTUAL_ENV": "/v"}, ""),
        ("", {"VIRTUAL_ENV": "/v"}, "/v/bin/python"),
        ("", {"VIRTUAL_ENV": ".venv"}, "/w/.venv/bin/python"),
        ("--system --no-system", {"VIRTUAL_ENV": "/v"}, "/v/bin/python"),
        ("--python /usr/bin/python3", {"VIRTUAL_ENV": "/v"}, "/usr/bin/python3"),
        ("-p .venv/bin/python --system", {}, "/w/.venv/bin/python"),
        ("-p 3.12", {}, "3.12"),
        ("", {"UV_PYTHON": "/opt/python", "VIRTUAL_ENV": "/v"}, "/opt/python"),
        ("-p 3.12", {"UV_PYTHON": "/opt/python"}, "3.12"),
        ("--system", {"UV_PYTHON": ""}, ""),
    ],
)
def test_which_interpreter_is_meant(options, env, expected):
    """``--python`` over ``--system`` over ``VIRTUAL_ENV``, as uv itself does it."""
    assert expected == only(f"uv pip install {options} x", env).program


def test_without_an_interpreter_it_is_run():
    """uv would look for a ``.venv`` in the directories above."""
    assert code("uv pip install x") == "interpreter"
    assert code("uv pip install x", {"UV_SYSTEM_PYTHON": "0"}) == "interpreter"
    assert code("uv pip install x", {"VIRTUAL_ENV": ""}) == "interpreter"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"UV_COMPILE_BYTECODE": "1"}, replace(X, compile=True)),
        ({"UV_COMPILE_BYTECODE": "off"}, X),
        ({"UV_INDEX_URL": "https://a"}, replace(X, index_url="https://a")),
        ({"UV_INDEX_URL": ""}, X),
        ({"UV_DEFAULT_INDEX": "https://b", "UV_INDEX_URL": "https://a"}, replace(X, index_url="https://b")),
        (
            {"UV_EXTRA_INDEX_URL": "https://a https://b"},
            replace(X, extra_index_urls=("https://a", "https://b")),
        ),
        ({"UV_INDEX": "n=https://a"}, replace(X, extra_index_urls=("https://a",))),
        ({"UV_FIND_LINKS": "/a,/b"}, replace(X, find_links=("/a", "/b"))),
        ({"UV_CONSTRAINT": "/a b"}, replace(X, constraints=("/a", "/w/b"))),
        ({"UV_REQUIRE_HASHES": "true"}, replace(X, require_hashes=True)),
        ({"UV_PRERELEASE": "allow"}, replace(X, pre=True)),
        ({"UV_BREAK_SYSTEM_PACKAGES": "yes"}, replace(X, break_system=True)),
        (
            {
                "UV_LINK_MODE": "copy",
                "UV_NO_CACHE": "1",
                "UV_CACHE_DIR": "/c",
                "UV_PYTHON_DOWNLOADS": "never",
            },
            X,
        ),
        (
            {
                "UV_PROJECT_ENVIRONMENT": "/app",
                "UV_HTTP_TIMEOUT": "300",
                "UV_VERSION": "0.5",
                "UV_FROZEN": "1",
            },
            X,
        ),
        ({"PIP_TARGET": "/t", "PYTHONPATH": "/app", "PYTHONDONTWRITEBYTECODE": "1"}, X),
    ],
)
def test_variables_that_say_something(env, expected):
    """Variables are options by another name; those of pip are not uv's."""
    assert same(expected, only("uv pip install --system x", env))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UV_OVERRIDE", "/o"), ("UV_RESOLUTION", "lowest"), ("UV_CONFIG_FILE", "/u"), ("UV_LINK_MODE", "symlink"),
        ("UV_LINK_MODE", ""), ("UV_COMPILE_BYTECODE", "maybe"), ("UV_COMPILE_BYTECODE", ""), ("UV_OFFLINE", "1"),
        ("UV_SOMETHING_NEW", "1"), ("UV_EXCLUDE_NEWER", "2024-01-01"), ("UV_TORCH_BACKEND", "cpu"),
        ("PYTHONOPTIMIZE", "1"), ("PYTHONPYCACHEPREFIX", "/c"),
    ],
)  # fmt: skip
def test_variables_that_have_to_be_run(name, value):
    """What changes the resolution, what uv itself refuses, and what is not known."""
    assert code("uv pip install --system x", {name: value}) in {"setting", "option"}


def test_an_option_makes_uv_forget_its_variable():
    """Unlike in pip, lists do not grow."""
    found = only("uv pip install --system --extra-index-url https://b x", {"UV_EXTRA_INDEX_URL": "https://a"})
    assert found.extra_index_urls == ("https://b",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uv pip sync --system r.txt", SYNC),
        ("uv pip sync --system r.txt /s.txt", replace(SYNC, files=("/w/r.txt", "/s.txt"))),
        ("uv pip sync -q --require-hashes --system r.txt --compile-bytecode",
         replace(SYNC, require_hashes=True, compile=True)),
    ],
)  # fmt: skip
def test_sync(text, expected):
    """Its arguments are files, and nothing but what they name is wanted."""
    assert same(expected, only(text))


@pytest.mark.parametrize(
    "options", ["", "--no-deps r.txt", "-e . r.txt", "-U r.txt", "pyproject.toml", "-r r.txt"]
)
def test_sync_has_fewer_options(options):
    """What uv itself refuses is run, and fails there."""
    assert code(f"uv pip sync --system {options}") == "option"


@pytest.mark.parametrize(
    "text", ["uv -q pip install", "uv pip -q install", "/bin/uv --no-cache pip install -q"]
)
def test_general_options_in_front(text):
    """Before ``pip``, before ``install``."""
    assert same(X, only(f"{text} --system x"))
