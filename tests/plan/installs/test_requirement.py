import pytest

from hivebase.plan.installs import requirement
from hivebase.plan.installs.model import RefusedError
from hivebase.plan.installs.words import Word

SHA = "sha256=" + "0a" * 32


def refused(function, text: str, *, pattern: bool = False) -> str:
    with pytest.raises(RefusedError) as error:
        function(Word(text, pattern), "/w")
    return error.value.impure.code


@pytest.mark.parametrize(
    "text",
    [
        "x", "X_y.z-1", "flask==3.0.0", "flask == 3.0.0", "flask>=2,<4", "flask (>=2)", "a===1.0.post1", "torch==2.*",
        "a~=1.0", "a!=1.5", "uvicorn[standard]", "uvicorn [ standard , x ]>=0.3", "x[]", "torch==2.1.0+cpu",
        "a==1!2.0", "colorama; sys_platform == 'win32'", "a>=1 ; python_version<'3.12'",
        f"x @ https://example.org/x-1-py3-none-any.whl#{SHA}", f"x[a,b]@https://e.org/x.whl#egg=x&{SHA}",
        f"https://e.org/x-1-py3-none-any.whl?token=1#{SHA}",
    ],
)  # fmt: skip
def test_requirements_stay_as_written(text):
    """Names, versions, extras, markers and wheels with a hash are for the resolver."""
    assert ("requirement", text) == requirement.requirement(Word(text), "/w")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".", "/w"),
        ("./", "/w"),
        ("..", "/"),
        ("./pkg", "/w/pkg"),
        ("pkg/", "/w/pkg"),
        ("/src/pkg", "/src/pkg"),
        (".[dev]", "/w[dev]"),
        ("./pkg[dev,test]", "/w/pkg[dev,test]"),
        ("x-1-py3-none-any.whl", "/w/x-1-py3-none-any.whl"),
        ("./dist/x-1-py3-none-any.whl[a]", "/w/dist/x-1-py3-none-any.whl[a]"),
    ],
)
def test_paths_are_absolute(text, expected):
    """What has a slash, starts with a dot or is a wheel is a path, its extras kept."""
    assert ("path", expected) == requirement.requirement(Word(text), "/w")


@pytest.mark.parametrize("text", ["/wheels/*", "/wheels/*.whl", "/wheels/x-*.whl", "/wheels/x-?.whl"])
def test_wheels_may_be_named_by_a_pattern(text):
    """The shell looks for wheels in a directory; so may we, later."""
    assert ("path", text) == requirement.requirement(Word(text, pattern=True), "/w")
    assert refused(requirement.requirement, text) == "shell-syntax"


@pytest.mark.parametrize("text", ["/*/x.whl", "/wheels/*.gz", "./*/", "/wheels/x?", "/wheels/*.whl[a]"])
def test_other_patterns_are_refused(text):
    """Patterns of directories, and of files that may be no wheels."""
    assert refused(requirement.requirement, text, pattern=True) in {"shell-syntax", "sdist"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git+https://github.com/a/b", "vcs"),
        ("git+ssh://git@github.com/a/b.git@v1#egg=b", "vcs"),
        ("b @ git+https://github.com/a/b@main", "vcs"),
        ("hg+https://e.org/b", "vcs"),
        ("git://e.org/b", "vcs"),
        ("https://e.org/x-1-py3-none-any.whl", "unpinned-url"),
        ("x @ https://e.org/x-1-py3-none-any.whl", "unpinned-url"),
        ("https://e.org/x.whl#sha256=12", "unpinned-url"),
        (f"https://e.org/x.whl#md5=1&x{SHA}", "unpinned-url"),
        ("https://e.org/x-1.tar.gz", "sdist"),
        (f"https://e.org/x-1.zip#{SHA}", "sdist"),
        ("https://github.com/a/b/archive/main.zip", "sdist"),
        ("file:///wheels/x.whl", "url"),
        ("x @ file:///wheels/x.whl", "url"),
        ("ftp://e.org/x.whl", "url"),
        ("./x-1.tar.gz", "sdist"),
        ("x-1.tar.bz2", "sdist"),
        ("/src/x.ZIP", "sdist"),
        ("x=1", "requirement"),
        ("x @ y", "requirement"),
        ("@", "requirement"),
        ("x==", "requirement"),
        ("-", "requirement"),
        ("", "requirement"),
        ("x y", "requirement"),
        ("./x.whl ; python_version > '3'", "requirement"),
        ("x" * 5000, "requirement"),
    ],
)
def test_what_has_to_be_run(text, expected):
    """Sources, URLs without a hash, and what is no requirement."""
    assert expected == refused(requirement.requirement, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".", "/w"),
        ("pkg", "/w/pkg"),
        ("/src/a/../b", "/src/b"),
        (".[dev]", "/w[dev]"),
        ("./p[a, b]", "/w/p[a, b]"),
    ],
)
def test_editables_are_directories(text, expected):
    """Even without a slash, unlike other arguments."""
    assert expected == requirement.directory(Word(text), "/w")


@pytest.mark.parametrize("text", ["git+https://e.org/x#egg=x", "file:///src", "x @ y", "", "*", ". ; a"])
def test_other_editables_are_refused(text):
    """Repositories, URLs and patterns."""
    assert refused(requirement.directory, text) in {"vcs", "requirement", "shell-syntax"}


def test_files_and_places():
    """Files of requirements are local; places for links may be URLs."""
    assert requirement.file(Word("a/r.txt"), "/w") == "/w/a/r.txt"
    assert refused(requirement.file, "https://e.org/r.txt") == "remote-file"
    assert refused(requirement.file, "-") == "option"
    assert refused(requirement.file, "r*.txt", pattern=True) == "shell-syntax"
    assert requirement.location(Word("wheels"), "/w") == "/w/wheels"
    assert requirement.location(Word("https://e.org/links"), "/w") == "https://e.org/links"
    assert refused(requirement.location, "~/wheels") == "option"
