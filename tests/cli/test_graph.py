import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from hivebase.cli import main

TREE = {
    "base/Dockerfile": "FROM debian:12\n",
    "tools/Dockerfile": "FROM scratch\nCOPY t /t\n",
    "app/Dockerfile": "ARG R=quay.io/acme\nFROM $R/base:1\nCOPY --from=tools /t /t\n",
    "app/Dockerfile.dev": "FROM acme/app\nRUN --mount=from=tools,target=/t true\n",
    "odd/Dockerfile": "{% if x %}\nFROM base\n",
}


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of ``hivebase graph``."""
    with pytest.raises(SystemExit) as ended:
        main(["graph", *arguments])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_json_of_a_tree_without_configuration(tmp_path, capsys):
    """Nodes, external references and edges; what could not be read is on stderr, once, and no failure."""
    write(tmp_path, TREE)
    code, out, err = run(capsys, str(tmp_path), "--format", "json")
    found = json.loads(out)
    assert (code, set(found)) == (0, {"schema_version", "nodes", "external", "edges"})
    assert found["schema_version"] == 1
    assert {"name": "app", "dockerfile": "app/Dockerfile", "from": ["quay.io/acme/base:1"]} in found["nodes"]
    assert found["external"] == ["debian:12"]
    assert {(edge["child"], edge["parent"], edge["via"]) for edge in found["edges"]} == {
        ("app", "base", "from"),
        ("app", "tools", "copy"),
        ("app.dev", "app", "from"),
        ("app.dev", "tools", "mount"),
        ("odd", "base", "from"),
    }
    assert err.splitlines() == ['error: odd/Dockerfile:1: unknown instruction "{%"']


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("text", "    ├── app  (copies from tools)"),
        ("dot", '  "app" -> "tools" [style=dashed, label="copy"];'),
        ("mermaid", '    n0(["debian:12"])'),
    ],
)
def test_forms_for_people(tmp_path, capsys, form, line):
    """One line each, on stdout and line by line."""
    write(tmp_path, TREE)
    code, out, _ = run(capsys, str(tmp_path), "--format", form)
    assert code == 0
    assert line in out.splitlines()


def test_build_args_change_the_graph(tmp_path, capsys):
    """As they would change the build."""
    write(tmp_path, {"base/Dockerfile": "FROM debian", "app/Dockerfile": "ARG B=debian\nFROM $B"})
    _, out, _ = run(capsys, str(tmp_path), "--format", "json", "--build-arg", "B=x/base")
    assert json.loads(out)["edges"] == [{"child": "app", "parent": "base", "via": "from"}]


@pytest.mark.parametrize("form", ["text", "json", "dot", "mermaid"])
def test_d15_a_circle_is_shown_and_is_an_error(tmp_path, capsys, form):
    """The path and its places on stderr, exit code 2, and the whole tree to look at."""
    write(tmp_path, TREE | {"base/Dockerfile": "FROM debian:12\nCOPY --from=acme/app:1 / /\n"})
    code, out, err = run(capsys, str(tmp_path), "--format", form)
    assert code == 2
    assert "app -> base -> app" in err
    assert "app/Dockerfile:2, base/Dockerfile:2" in err
    assert all(name in out for name in ("app.dev", "odd", "debian:12"))


def test_d15_images_in_a_circle_are_drawn(tmp_path, capsys):
    """They hang below nothing but each other."""
    write(tmp_path, {"a/Dockerfile": "FROM b", "b/Dockerfile": "FROM a"})
    code, out, _ = run(capsys, str(tmp_path))
    assert (code, out) == (2, "a\n└── b\n    └── a  (see above)\n")


def test_duplicates_are_an_error_with_both_paths(tmp_path, capsys):
    """Nothing but letters that a repository cannot hold tells them apart."""
    write(tmp_path, {"Web/Dockerfile": "FROM debian", "web/Dockerfile": "FROM debian"})
    code, out, err = run(capsys, str(tmp_path), "--format", "json")
    assert (code, out) == (2, "")
    assert "Web/Dockerfile and web/Dockerfile" in err


def test_a_directory_without_images(tmp_path, capsys):
    """An empty graph, in a form that programs can read."""
    code, out, err = run(capsys, str(tmp_path), "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"schema_version": 1, "nodes": [], "external": [], "edges": []}


def test_two_thousand_images_take_a_few_seconds(tmp_path, capsys):
    """In a chain, each with stages of its own and files to copy."""
    for n in range(2000):
        text = f"FROM debian AS build\nRUN make\nFROM acme/i{n - 1}:1\nCOPY --from=build /x /x\nCOPY a b /\n"
        write(tmp_path, {f"team{n % 30}/i{n}/Dockerfile": text})
    started = time.perf_counter()
    code, out, _ = run(capsys, str(tmp_path), "--format", "json")
    assert time.perf_counter() - started < 60
    assert (code, len(json.loads(out)["edges"])) == (0, 1999)
