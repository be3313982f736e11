import pytest
from msgspec.structs import replace
from tests.plan.installs.recognising import code, only

from hivebase.plan.installs.model import Install

X = Install("pip", "", requirements=("x",))
OF_FILE = Install("pip", "", files=("/w/r.txt",))


def same(expected: Install, found: Install) -> bool:
    return expected == replace(found, text="")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install x", X),
        ("pip install x y==1 'z>=2,<3'", replace(X, requirements=("x", "y==1", "z>=2,<3"))),
        ("pip install -r r.txt", OF_FILE),
        ("pip install -rr.txt", OF_FILE),
        ("pip install --requirement r.txt", OF_FILE),
        ("pip install --requirement=./r.txt", OF_FILE),
        ("pip install -r /tmp/r.txt -r dev.txt", replace(OF_FILE, files=("/tmp/r.txt", "/w/dev.txt"))),
        ("pip install -r r.txt x", replace(OF_FILE, requirements=("x",))),
        ("pip install -c c.txt -r r.txt", replace(OF_FILE, constraints=("/w/c.txt",))),
        ("pip install --constraint=c.txt x", replace(X, constraints=("/w/c.txt",))),
        ("pip install -e .", Install("pip", "", editables=("/w",))),
        ("pip install -e.", Install("pip", "", editables=("/w",))),
        ("pip install --editable '.[dev]'", Install("pip", "", editables=("/w[dev]",))),
        ("pip install -e .[dev]", Install("pip", "", editables=("/w[dev]",), unmatched=("/w/.[dev]",))),
        ("pip install .", Install("pip", "", paths=("/w",))),
        ("pip install .[all]", Install("pip", "", paths=("/w[all]",), unmatched=("/w/.[all]",))),
        ("pip install /wheels/*", Install("pip", "", paths=("/wheels/*",))),
        ("pip install --no-index -f /wheels x", replace(X, no_index=True, find_links=("/wheels",))),
        ("pip install --find-links=wheels -f https://e.org/l x",
         replace(X, find_links=("/w/wheels", "https://e.org/l"))),
        ("pip install --no-deps x", replace(X, deps=False)),
        ("pip install -U x", replace(X, upgrade="all")),
        ("pip install --upgrade x", replace(X, upgrade="all")),
        ("pip install -U --upgrade-strategy eager x", replace(X, upgrade="all", eager=True)),
        ("pip install -U --upgrade-strategy=only-if-needed x", replace(X, upgrade="all")),
        ("pip install --upgrade-strategy eager x", X),
        ("pip install --pre x", replace(X, pre=True)),
        ("pip install --no-compile x", replace(X, compile=False)),
        ("pip install --no-compile --compile x", X),
        ("pip install --require-hashes -r r.txt", replace(OF_FILE, require_hashes=True)),
        ("pip install -i https://e.org/simple x", replace(X, index_url="https://e.org/simple")),
        ("pip install --index-url=https://e.org/simple x", replace(X, index_url="https://e.org/simple")),
        ("pip install --extra-index-url https://a --extra-index-url=https://b x",
         replace(X, extra_index_urls=("https://a", "https://b"))),
        ("pip install --no-build-isolation .", Install("pip", "", paths=("/w",), isolated_build=False)),
        ("pip install --break-system-packages x", replace(X, break_system=True)),
        ("pip install uvicorn[standard]",
         Install("pip", "", requirements=("uvicorn[standard]",), unmatched=("/w/uvicorn[standard]",))),
        ("pip install torch==2.*", Install("pip", "", requirements=("torch==2.*",), unmatched=("/w/torch==2.*",))),
        ("pip install -- x", X),
    ],
)  # fmt: skip
def test_options_and_what_they_mean(text, expected):
    """Each option that is understood, in the ways it is written."""
    assert same(expected, only(text))


@pytest.mark.parametrize(
    "options",
    [
        "--no-cache-dir", "--no-cache", "--cache-dir /c", "--cache-dir=/c", "-q", "-qqq", "--quiet", "-v", "-vv",
        "--disable-pip-version-check", "--no-input", "--no-color", "--progress-bar off", "--progress-bar=off",
        "--root-user-action=ignore", "--root-user-action ignore", "--no-warn-script-location", "--no-warn-conflicts",
        "--timeout 100", "--retries=5", "--default-timeout=1000", "--trusted-host e.org", "--cert /c.pem",
        "--proxy=http://p:1", "--prefer-binary", "--only-binary :all:", "--only-binary=numpy,pandas",
        "--no-python-version-warning", "--exists-action=w", "--no-clean", "--check-build-dependencies",
    ],
)  # fmt: skip
def test_options_that_change_nothing(options):
    """They are about the network, the screen and the cache; general ones may stand in front too."""
    assert same(X, only(f"pip install {options} x"))
    assert same(X, only(f"pip install x {options}"))


@pytest.mark.parametrize(
    "options", ["--no-cache-dir", "-q", "--cache-dir /c", "--timeout=5", "-vv --no-input"]
)
def test_general_options_in_front(options):
    """``pip --no-cache-dir install``."""
    assert same(X, only(f"pip {options} install x"))


@pytest.mark.parametrize(
    "options",
    [
        "--user", "-t /d", "--target=/d", "--prefix /p", "--root /r", "--src /s", "--python /p", "--platform x",
        "--no-binary :all:", "--force-reinstall", "-I", "--ignore-installed", "--dry-run", "--report r.json",
        "--config-settings a=b", "-C a=b", "--global-option=x", "--use-pep517", "--ignore-requires-python", "--upgr",
        "--isolated", "--log /l", "--use-feature=x", "--group dev", "--upgrade-strategy lazy", "-f ~/w", "-r", "-h",
        "--require-virtualenv", "--build-constraint c.txt", "--no-user", "--quiet=1", "-qt /d", "-r=x.txt",
    ],
)  # fmt: skip
def test_options_that_have_to_be_run(options):
    """What changes where packages go, where they come from, or is not known."""
    assert code(f"pip install x {options}") in {"option", "shell-syntax"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install", "option"),
        ("pip install -U", "option"),
        ("pip install -c c.txt", "option"),
        ("pip --user install x", "option"),
        ("pip install -r https://e.org/r.txt", "remote-file"),
        ("pip install x -c https://e.org/c.txt", "remote-file"),
        ("pip install -r -", "option"),
        ("pip install -r *.txt", "shell-syntax"),
        ("pip install -e git+https://e.org/x#egg=x", "vcs"),
        ("pip install git+https://e.org/x", "vcs"),
        ("pip install ./x.tar.gz", "sdist"),
    ],
)
def test_arguments_that_have_to_be_run(text, expected):
    """Nothing, what is elsewhere, and sources."""
    assert expected == code(text)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PIP_INDEX_URL", "https://a", replace(X, index_url="https://a")),
        (
            "PIP_EXTRA_INDEX_URL",
            "https://a  https://b",
            replace(X, extra_index_urls=("https://a", "https://b")),
        ),
        ("PIP_FIND_LINKS", "/a b", replace(X, find_links=("/a", "/w/b"))),
        ("PIP_NO_INDEX", "yes", replace(X, no_index=True)),
        ("PIP_NO_INDEX", "off", X),
        ("PIP_PRE", "1", replace(X, pre=True)),
        ("PIP_UPGRADE", "True", replace(X, upgrade="all")),
        ("PIP_NO_DEPS", "on", replace(X, deps=False)),
        ("PIP_REQUIRE_HASHES", "t", replace(X, require_hashes=True)),
        ("PIP_BREAK_SYSTEM_PACKAGES", "1", replace(X, break_system=True)),
        ("PIP_CONSTRAINT", "/c.txt d.txt", replace(X, constraints=("/c.txt", "/w/d.txt"))),
        ("PIP_REQUIREMENT", "r.txt", replace(X, files=("/w/r.txt",))),
        ("PIP_COMPILE", "0", replace(X, compile=False)),
        ("PIP_COMPILE", "1", X),
        ("pip_target", "/t", X),
        ("PIP_TARGET", "", X),
        ("PIP_USER", "no", X),
        ("PIP_CONFIG_FILE", "/dev/null", X),
        ("PIP_VERSION", "24.0", X),
        ("PYTHON_PIP_VERSION", "24.0", X),
    ],
)
def test_variables_that_say_something(name, value, expected):
    """A variable is a long option by another name; an empty one, and one that pip does not read, says nothing."""
    assert same(expected, only("pip install x", {name: value}))


@pytest.mark.parametrize(
    "name",
    [
        "PIP_NO_CACHE_DIR",
        "PIP_DISABLE_PIP_VERSION_CHECK",
        "PIP_QUIET",
        "PIP_NO_INPUT",
        "PIP_PREFER_BINARY",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_ROOT_USER_ACTION",
        "PIP_TRUSTED_HOST",
        "PIP_CERT",
        "PIP_PROXY",
        "PIP_PROGRESS_BAR",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_no_color",
        "PIP_NO_PYTHON_VERSION_WARNING",
        "PIP_CACHE_DIR",
        "PIP_NO_WARN_SCRIPT_LOCATION",
        "PIP_ONLY_BINARY",
    ],
)
def test_variables_that_change_nothing(name):
    """The usual ENV of an image does not stand in the way."""
    assert same(X, only("pip install x", {name: "1"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIP_TARGET", "/t"), ("PIP_USER", "1"), ("PIP_NO_COMPILE", "1"), ("PIP_NO_COMPILE", "0"), ("PIP_PREFIX", "/p"),
        ("PIP_NO_BUILD_ISOLATION", "0"), ("PIP_NO_BINARY", ":all:"), ("PIP_CONFIG_FILE", "/etc/pip.conf"),
        ("PIP_PRE", "maybe"), ("PIP_SOMETHING_NEW", "1"), ("PIP_REQUIRE_VIRTUALENV", "true"), ("PIP_target", "/t"),
        ("PIP_PYTHON", "/p"), ("PIP_NO_CACHE", "1"), ("PIP_SRC", "/s"),
    ],
)  # fmt: skip
def test_variables_that_have_to_be_run(name, value):
    """What would be refused as an option, pip's traps, and what is not known."""
    assert code("pip install x", {name: value}) == "setting"


def test_options_add_to_variables_or_replace_them():
    """Lists grow, single values give way, as in pip."""
    env = {"PIP_EXTRA_INDEX_URL": "https://a", "PIP_INDEX_URL": "https://i", "PIP_COMPILE": "0"}
    found = only("pip install --extra-index-url https://b -i https://j --compile x", env)
    assert found.extra_index_urls == ("https://a", "https://b")
    assert (found.index_url, found.compile) == ("https://j", True)


def test_variables_in_front_of_the_command():
    """They count for it alone, over those of the environment."""
    found = only(
        "PIP_INDEX_URL=https://b PIP_TARGET= pip install x",
        {"PIP_INDEX_URL": "https://a", "PIP_TARGET": "/t"},
    )
    assert found.index_url == "https://b"
    assert code("PIP_TARGET=/t pip install x") == "setting"
