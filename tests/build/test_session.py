"""Building a hive: what is built, what is cached, and what an image then holds."""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import re
import threading

import pytest

pytestmark = pytest.mark.root

CHAIN = {
    "base/Dockerfile": (
        "FROM busybox:1\nENV WHO=base\nLABEL step=one\n"
        "RUN cat /proc/sys/kernel/random/uuid > /stamp && echo base > /from\n"
    ),
    "child/Dockerfile": "FROM team/base:1\nCOPY greeting /greeting\nRUN echo child >> /from\n",
    "child/greeting": "hello\n",
    "other/Dockerfile": "FROM base\nRUN echo other >> /from\n",
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def http_server(directory):
    """Serve a directory on a free loopback port."""
    handler = functools.partial(_Quiet, directory=directory)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _statuses(results):
    return {name: result["status"] for name, result in results.items()}


def test_a_hierarchy_is_built_in_order(hive):
    """Children see what their parents made, whatever registry their FROM line names."""
    results = hive.write(CHAIN).build()
    assert _statuses(results) == {"base": "built", "child": "built", "other": "built"}
    assert hive.cat("child", "/from") == "base\nchild\n"
    assert hive.cat("other", "/from") == "base\nother\n"
    assert hive.cat("child", "/greeting") == "hello\n"


def test_a_child_is_its_parents_layers_plus_its_own(hive):
    """The parent's DiffIDs are a true prefix."""
    hive.write(CHAIN).build()
    parent = hive.json("inspect", "base")["layer_details"]
    child = hive.json("inspect", "child")["layer_details"]
    assert [layer["digest"] for layer in parent] == [layer["digest"] for layer in child[: len(parent)]]
    assert len(child) == len(parent) + 2


def test_a_second_build_changes_nothing(hive):
    """Everything is cached, says so in one line per image, and keeps its digest."""
    first = hive.write(CHAIN).build()
    second = hive.build()
    assert _statuses(second) == {"base": "cached", "child": "cached", "other": "cached"}
    assert {n: r["digest"] for n, r in first.items()} == {n: r["digest"] for n, r in second.items()}
    assert all(r["reasons"] == [{"code": "UP_TO_DATE", "detail": "nothing changed"}] for r in second.values())
    lines = hive.run("build").stdout.splitlines()
    assert len(lines) == 3


def test_a_changed_file_builds_only_who_copies_it(hive):
    """The reason names the file."""
    hive.write(CHAIN).build()
    hive.write({"child/greeting": "hallo\n"})
    results = hive.build()
    assert _statuses(results) == {"base": "cached", "child": "built", "other": "cached"}
    (reason,) = results["child"]["reasons"]
    assert reason["code"] == "CONTEXT_CHANGED"
    assert "greeting" in reason["detail"]


def test_touching_a_file_changes_nothing(hive):
    """Times are no inputs (S-15)."""
    hive.write(CHAIN).build()
    hive.write(CHAIN)
    assert set(_statuses(hive.build()).values()) == {"cached"}


def test_a_changed_label_runs_nothing_again(hive):
    """Every image gets a new configuration; the layers, the time stamp in them included, stay."""
    hive.write(CHAIN).build()
    stamp = hive.cat("child", "/stamp")
    hive.write({"base/Dockerfile": CHAIN["base/Dockerfile"].replace("step=one", "step=two")})
    results = hive.build()
    assert set(_statuses(results).values()) == {"built"}
    assert results["child"]["reasons"][0]["code"] == "PARENT_CHANGED"
    assert hive.cat("child", "/stamp") == stamp
    assert hive.json("inspect", "child")["config"]["Labels"]["step"] == "two"


def test_no_cache_does_every_step_again(hive):
    """The time stamp is a new one, and the reason says who wanted it."""
    hive.write(CHAIN).build()
    stamp = hive.cat("child", "/stamp")
    results = hive.build("--no-cache")
    assert {r["reasons"][0]["code"] for r in results.values()} == {"FORCED"}
    assert hive.cat("child", "/stamp") != stamp


def test_a_child_of_a_parent_that_was_built_anew_follows_it(hive):
    """After --no-cache of the parent alone, the child is built on the new one, not on the layers it had."""
    hive.write(CHAIN).build()
    hive.build("base", "--no-cache")
    results = hive.build("child")
    assert _statuses(results) == {"base": "cached", "child": "built"}
    assert hive.cat("child", "/stamp") == hive.cat("base", "/stamp")


def test_b5_a_failed_image_cancels_its_descendants_only(hive):
    """The summary says what was built, failed and skipped; the exit code is 1; the output is shown."""
    broken = {"child/Dockerfile": "FROM base\nRUN echo so-it-goes && exit 7\n"}
    files = CHAIN | broken | {"leaf/Dockerfile": "FROM child\n"}
    results = hive.write(files).build(code=1)
    assert _statuses(results) == {"base": "built", "child": "failed", "other": "built", "leaf": "skipped"}
    assert "exit code 7" in results["child"]["error"]
    assert results["leaf"]["blame"] == "child"
    done = hive.run("build", code=1)
    assert "so-it-goes" in done.stderr
    assert "child, line 2" in done.stderr
    hive.write(CHAIN)
    assert _statuses(hive.build())["leaf"] == "built"


def test_only_what_is_named_and_what_it_stands_on_is_built(hive):
    """An image alone brings its ancestors with it and nobody else."""
    assert set(hive.write(CHAIN).build("child")) == {"base", "child"}


def test_stages_are_built_as_needed(hive):
    """COPY --from works by name and number; a stage that nobody needs is not even looked at."""
    hive.write(
        {
            "app/Dockerfile": (
                "FROM busybox:1 AS compiler\nRUN echo made > /out\n"
                "FROM busybox:1 AS broken\nRUN false\n"
                "FROM busybox:1\nCOPY --from=compiler /out /a\nCOPY --from=0 --chown=app /out /b\n"
                "RUN --mount=type=bind,from=compiler,target=/c cat /c/out > /copied\n"
            )
        }
    ).build()
    assert hive.cat("app", "/copied") == "made\n"
    assert hive.run("run", "app", "--", "stat", "-c", "%u:%g %a", "/b").stdout == "1000:1000 644\n"


def test_the_version_reaches_names_arguments_and_labels(hive):
    """--version is the tag, VERSION and BASE_IMAGE_VERSION."""
    hive.write(
        {
            "hivebase.toml": '[hive]\nname = "team"\nversion = "1.0.0"\n[[group]]\nname = "all"\npath = "."\n',
            "a/Dockerfile": "FROM busybox:1\nARG VERSION\nLABEL v=$VERSION\n",
            "b/Dockerfile": "ARG BASE_IMAGE_VERSION=1.0.0\nFROM team/a:${BASE_IMAGE_VERSION}\n",
        }
    )
    results = hive.build("--version", "2.3.4")
    assert {r["ref"] for r in results.values()} == {"team/a:2.3.4", "team/b:2.3.4"}
    assert hive.json("inspect", "team/b:2.3.4")["config"]["Labels"] == {"v": "2.3.4"}
    assert hive.json("inspect", "team/b:2.3.4")["base"] == "team/a:2.3.4"


def test_d5_a_secret_stays_nowhere(hive, tmp_path):
    """Its value is in no blob, record or log; it was there for the step."""
    secret = "hunter-" + "z9" * 12
    (tmp_path / "token").write_text(secret)
    hive.write(
        {
            "app/Dockerfile": (
                "FROM busybox:1\n"
                "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length && cat /run/secrets/token\n"
            )
        }
    )
    done = hive.run("build", "-v", "--secret", f"id=token,src={tmp_path / 'token'}")
    assert hive.cat("app", "/length").strip() == str(len(secret))
    assert secret not in done.stdout + done.stderr
    assert "***" in done.stderr
    for path in hive.store.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret.encode() not in data, path
            if data.startswith(b"\x1f\x8b"):
                assert secret.encode() not in gzip.decompress(data), path
    assert hive.run("run", "--network", "none", "app", "--", "ls", "/run", code=1).stdout == ""


def test_b6_a_damaged_cached_layer_is_made_again(hive):
    """A flipped bit in a blob costs time, not correctness."""
    hive.write(CHAIN).build()
    layer = hive.json("inspect", "base")["layer_details"][-1]
    blob = hive.store / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)
    hive.run("prune")
    hive.build("--no-cache")
    assert hive.cat("other", "/from") == "base\nother\n"


def test_onbuild_runs_in_the_child(hive):
    """A trigger of the parent is a step of the child, and not of its grandchildren."""
    hive.write(
        {
            "base/Dockerfile": "FROM busybox:1\nONBUILD RUN echo triggered >> /log\n",
            "child/Dockerfile": "FROM base\n",
            "grand/Dockerfile": "FROM child\nRUN echo end >> /log\n",
        }
    ).build()
    assert hive.cat("grand", "/log") == "triggered\nend\n"


def test_an_unreachable_base_is_one_clear_message(hive):
    """Exit code 3, the reference, and what to do."""
    hive.env = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = hive.write({"x/Dockerfile": "FROM nobody/has:this\n"}).run("build", code=3)
    assert "nobody/has:this" in done.stderr
    assert re.search(r"try: .*hivebase import", done.stderr)
    assert "Traceback" not in done.stderr


def test_an_added_file_is_followed_to_its_server(hive, tmp_path):
    """ADD of a URL is keyed by what the server has, not by the URL."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/file").write_text("one\n")
    with http_server(tmp_path / "served") as address:
        hive.write({"x/Dockerfile": f"FROM busybox:1\nADD {address}/file /file\n"})
        assert hive.build()["x"]["status"] == "built"
        assert hive.build()["x"]["status"] == "cached"
        (tmp_path / "served/file").write_text("two\n")
        assert hive.build()["x"]["status"] == "built"
        assert hive.cat("x", "/file") == "two\n"


def test_run_passes_its_input_and_keeps_the_outputs_apart(hive):
    """``run`` can stand in a pipe, and ends with the command's exit code."""
    hive.write({"a/Dockerfile": "FROM busybox:1\nRUN true\n"}).build()
    done = hive.run("run", "a", "--", "sh", "-c", "cat; echo no >&2; exit 5", code=5, input="through\n")
    assert (done.stdout, done.stderr) == ("through\n", "no\n")


def test_run_keeps_nothing(hive):
    """What a container writes is gone with it."""
    hive.write({"a/Dockerfile": "FROM busybox:1\nRUN true\n"}).build()
    hive.run("run", "a", "--", "touch", "/left")
    hive.run("run", "a", "--", "stat", "/left", code=1)


def test_an_image_goes_through_files(hive, tmp_path):
    """export and import keep the digest, in the OCI format; the docker format keeps the tree."""
    digest = hive.write(CHAIN).build()["child"]["digest"]
    for form in ("oci", "docker"):
        hive.run("export", "child", str(tmp_path / form), "--format", form)
        hive.run("import", str(tmp_path / form), f"copy:{form}")
        assert hive.cat(f"copy:{form}", "/from") == "base\nchild\n"
    assert hive.json("inspect", "copy:oci")["digest"] == digest


def test_more_layers_than_runtimes_can_stack_are_refused(hive):
    """Docker stops at 125; the message counts them and says what to do."""
    lines = [f"COPY f /f{n}\n" for n in range(125)]
    hive.write({"x/f": "x", "x/Dockerfile": "FROM busybox:1\n" + "".join(lines)})
    assert "the image has 126 layers" in hive.build(code=1)["x"]["error"]
    hive.write({"x/Dockerfile": "FROM busybox:1\n" + "".join(lines[1:])}).build()
