"""Row B-5: in a graph where one image fails, the summary says of every image exactly what became of it."""

from __future__ import annotations

import pytest
from tests.faults.builds import check, errors, statuses

pytestmark = pytest.mark.root

PARENTS = {
    "trunk": (),
    "left": ("trunk",),
    "right": ("trunk",),
    "both": ("left", "right"),
    "tip": ("both",),
    "alone": (),
    "side": ("alone", "trunk"),
}
"""The first parent is what an image stands on, the others it copies from."""


def _dockerfile(name, *, broken):
    base, *others = PARENTS[name] or ("busybox:1",)
    copies = "".join(f"COPY --from={other} /{other} /from-{other}\n" for other in others)
    end = "false" if broken else "true"
    return f"FROM {base}\n{copies}RUN echo {name} > /{name} && {end}\n"


def _below(name):
    direct = {child for child, parents in PARENTS.items() if name in parents}
    return direct.union(*map(_below, direct))


@pytest.mark.parametrize(("failing", "workers"), [("trunk", 1), ("right", 4), ("alone", 3)])
def test_b5_the_summary_is_exact(hive, failing, workers):
    """Independent images are built, descendants are skipped and name the cause; after the repair the rest is built."""
    hive.write({f"{name}/Dockerfile": _dockerfile(name, broken=name == failing) for name in PARENTS})
    results = hive.build(f"-j{workers}", code=1)
    skipped = _below(failing)
    expected = dict.fromkeys(PARENTS, "built") | dict.fromkeys(skipped, "skipped") | {failing: "failed"}
    assert statuses(results) == expected
    assert {results[name]["blame"] for name in skipped} <= {failing}
    assert [name for name, item in results.items() if item["error"]] == [failing]
    assert {name for name, item in results.items() if item["digest"]} == set(PARENTS) - skipped - {failing}
    built = {f"hive/{name}:latest" for name, status in expected.items() if status == "built"}
    assert set(check(hive).refs()) == {"busybox:1", *built}
    hive.write({f"{failing}/Dockerfile": _dockerfile(failing, broken=False)})
    again = statuses(hive.build(f"-j{workers}"))
    assert again == {name: "cached" if status == "built" else "built" for name, status in expected.items()}


def test_b5_two_failures_are_both_told(hive):
    """Each has its own line and its own message; the exit code of one kind of failure is that kind's."""
    hive.write(
        {
            "bad/Dockerfile": "FROM busybox:1\nRUN echo why-bad; exit 4\n",
            "good/Dockerfile": "FROM busybox:1\n",
            "worse/Dockerfile": "FROM busybox:1\nRUN echo why-worse; exit 5\n",
        }
    )
    done = hive.run("build", "-j2", code=1)
    rows = [line.split()[:2] for line in done.stdout.splitlines()]
    assert rows == [
        ["failed", "hive/bad:latest"],
        ["built", "hive/good:latest"],
        ["failed", "hive/worse:latest"],
    ]
    messages = errors(done.stderr)
    assert [text[: text.index(": `")] for text in messages] == [
        "error[build-failed]: bad, line 2",
        "error[build-failed]: worse, line 2",
    ]
    assert "bad | why-bad" in done.stderr.splitlines()
    assert "worse | why-worse" in done.stderr.splitlines()
    quiet = hive.run("build", "-q", code=1)
    assert quiet.stdout == ""
    assert len(errors(quiet.stderr)) == 2
