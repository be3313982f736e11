"""Running a step: its exit code, its environment, its user, its changes."""

from __future__ import annotations

import os
import stat

import pytest
from tests.layers.sandbox.box import PATH, Box, busybox, names, processes_with, runtime_of

from hivebase.errors import BuildError, SystemFaultError
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.layers.sandbox.run import Result, run
from hivebase.layers.sandbox.runtime import Runtime

pytestmark = pytest.mark.root


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def test_the_exit_code_and_the_output_are_the_commands(box):
    """What the command prints and returns comes back, stdout and stderr in the order written."""
    ran = box.run("echo one; echo two >&2; echo three; exit 3")

    assert (ran.code, ran.text) == (3, "one\ntwo\nthree\n")


def test_only_changes_are_in_the_upper_directory(box):
    """The upper directory holds the written file and a whiteout, and the lower layer is untouched."""
    ran = box.run("echo new > /etc/file; rm /etc/passwd")

    assert ran.changes == ["etc", "etc/file", "etc/passwd"]
    gone = (ran.upper / "etc/passwd").lstat()
    assert stat.S_ISCHR(gone.st_mode)
    assert gone.st_rdev == 0
    assert (busybox() / "etc/passwd").exists()


def test_a_moved_directory_is_whole_in_the_upper_directory(box, tmp_path):
    """No redirect to a lower layer is written: what the layer is made of does not need the overlay."""
    layer = tmp_path / "layer"
    (layer / "from/sub").mkdir(parents=True)
    (layer / "from/sub/file").write_text("content")
    box.lowers = [busybox(), layer]

    ran = box.run("mv /from /to")

    assert ran.code == 0
    assert (ran.upper / "to/sub/file").read_text() == "content"
    attributes = {name for path in ran.upper.rglob("*") if path.is_dir() for name in os.listxattr(path)}
    assert attributes <= {"trusted.overlay.opaque"}


def test_a_step_that_changes_nothing_leaves_an_empty_upper_directory(box):
    """Mount points, resolv.conf and the like are not in it, although the image lacks them."""
    ran = box.run("cat /etc/resolv.conf /etc/hosts > /dev/null && ls /proc/self > /dev/null")

    assert (ran.code, ran.changes) == (0, [])


def test_the_upper_directory_looks_like_the_root_it_hides(box, tmp_path):
    """Owner, mode and time of / come from the layers below."""
    layer = tmp_path / "layer"
    layer.mkdir(mode=0o711)
    os.chown(layer, 12, 34)
    os.utime(layer, ns=(5, 7_000_000_000))
    box.lowers = [busybox(), layer]

    ran = box.run("stat -c '%a %u %g' /")

    facts = ran.upper.stat()
    assert ran.text == "711 12 34\n"
    assert (
        stat.S_IMODE(facts.st_mode),
        facts.st_uid,
        facts.st_gid,
        facts.st_mtime_ns,
    ) == (0o711, 12, 34, 7_000_000_000)


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["/no/such"], 127), (["no-such"], 127), (["/etc/passwd"], 126), (["/etc"], 126)],
)
def test_a_command_that_cannot_be_run_has_a_shells_exit_code(box, argv, code):
    """A missing command is 127, one that cannot be executed 126; the output says which."""
    ran = box.run(argv=argv)

    assert code == ran.code
    assert argv[0] in ran.text


def test_the_step_runs_as_the_asked_user(box):
    """User, group and further groups are exactly those asked for, and /dev/stdout can be opened again."""
    ran = box.run("id -u; id -g; id -G; echo again > /dev/stdout", uid=1234, gid=56, groups=(7, 8))

    assert ran.text == "1234\n56\n56 7 8\nagain\n"


def test_input_and_errors_have_their_own_ways(box, tmp_path):
    """With a file to read and a sink for errors, the three standard streams are apart, and can be reopened."""
    (tmp_path / "input").write_text("given")
    out, err = bytearray(), bytearray()
    request = box.request("cat; echo bad > /dev/stderr; echo good > /dev/stdout", uid=1234)

    with (tmp_path / "input").open("rb") as file:
        run(request, out.extend, box.cancel, on_error=err.extend, stdin=file)

    assert bytes(out + b"|" + err) == b"givengood\n|bad\n"


def test_without_input_a_step_reads_nothing(box):
    """It does not wait for the user's terminal."""
    assert box.run("cat; echo end").text == "end\n"


def test_a_missing_working_directory_is_made(box):
    """The working directory is where the step starts, and is made if the image has none."""
    ran = box.run("pwd", cwd="/some/where")

    assert ran.text == "/some/where\n"


def test_umask_and_limits_are_fixed(box):
    """Files are made with umask 022, and a crash leaves no core file with memory in the layer."""
    ran = box.run("umask; ulimit -c")

    assert ran.text == "0022\n0\n"


def test_host_variables_do_not_replace_the_steps_own(box):
    """A variable of the host's configuration is added only if the step does not set it, in either case."""
    host = HostConfiguration(env=(("SSL_CERT_FILE", "host"), ("http_proxy", "host"), ("ONLY", "host")))

    ran = box.run("env", env=[PATH, ("SSL_CERT_FILE", "mine"), ("HTTP_PROXY", "mine")], host=host)

    lines = set(ran.text.splitlines())
    assert {"SSL_CERT_FILE=mine", "HTTP_PROXY=mine", "ONLY=host"} <= lines
    assert "http_proxy=host" not in lines


def test_host_files_are_visible_and_read_only(box, tmp_path):
    """Files and directories of the host's configuration are in one place and cannot be changed."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a.whl").write_text("wheel")
    host = HostConfiguration(texts={"pip.conf": "[global]\n"}, directories=[("directories/0", str(wheels))])

    ran = box.run(
        "cd /run/hivebase-host; cat pip.conf directories/0/a.whl;"
        " touch x directories/0/x 2>&1 | grep -c Read-only",
        host=host,
    )

    assert ran.text == "[global]\nwheel2\n"
    assert ran.changes == []
    assert names(wheels) == ["a.whl"]


def test_the_images_own_certificates_stay_trusted(box, tmp_path):
    """The bundle of the host is joined by the certificates that only the image has."""
    layer = tmp_path / "layer"
    (layer / "etc/ssl/certs").mkdir(parents=True)
    end = "-----END CERTIFICATE-----"
    (layer / "etc/ssl/certs/ca-certificates.crt").write_text(f"shared\n{end}\nimage\n{end}\n")
    box.lowers = [busybox(), layer]

    ran = box.run(
        "cat /run/hivebase-host/ca.crt",
        host=HostConfiguration(texts={"ca.crt": f"shared\n{end}\n"}, ca="ca.crt"),
    )

    assert f"shared\n{end}\nimage\n{end}\n" == ran.text


def test_no_network_means_loopback_alone_and_up(box):
    """With network none there is one interface, and it works."""
    ran = box.run("ls /sys/class/net; ping -c 1 -W 2 127.0.0.1 > /dev/null && echo up", network="none")

    assert ran.text == "lo\nup\n"


def test_hundreds_of_layers_with_long_names_are_stacked(box, tmp_path):
    """The number of layers and the length of their paths do not matter (the old interface stops at 60)."""
    layers = []
    for number in range(300):
        layer = tmp_path / ("x" * 200) / ("y" * 200) / str(number)
        layer.mkdir(parents=True)
        (layer / "top").write_text(str(number))
        layers.append(layer)
    box.lowers = [busybox(), *layers]

    assert box.run("cat /top").text == "299"


def test_a_privileged_step_may_mount(box):
    """Privileged lifts the confinement."""
    assert box.run("mount -t tmpfs x /tmp && echo yes", privileged=True).text == "yes\n"


@pytest.mark.parametrize("flavour", ["runc", "crun"])
def test_both_runtimes_behave_alike(box, flavour):
    """The same step in runc and in crun sees the same."""
    runtime = runtime_of(flavour)
    ran = box.run(
        "echo out; echo err >&2; hostname; id -u; grep -E '^(CapBnd|CapInh|CapAmb|NoNewPrivs|Seccomp):'"
        " /proc/self/status; ls /dev | grep -v core; touch /new; exit 5",
        runtime=runtime,
    )

    assert (ran.code, ran.changes) == (5, ["new"])
    assert (
        ran.text == "out\nerr\nbuildkitsandbox\n0\nCapInh:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
        "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
        "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
    )


def test_a_runtime_that_fails_is_not_a_failed_command(box, tmp_path):
    """What the runtime cannot do is an environment error that names it and repeats what it said."""
    fake = tmp_path / "runc"
    fake.write_text(
        '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done\n'
        'echo noise; echo \'{"level":"error","msg":"the kernel said no"}\' > $log; exit 1\n'
    )
    fake.chmod(0o755)

    with pytest.raises(SystemFaultError) as caught:
        box.run("true", runtime=Runtime("runc", str(fake), (1, 1, 5), "1.1.5"))

    assert (str(fake), "the kernel said no") == (caught.value.where, caught.value.why)
    assert "doctor" in caught.value.hint


def test_a_missing_layer_is_reported_before_anything_runs(box, tmp_path):
    """A directory that is not there is an environment error, not a crash."""
    box.lowers = [busybox(), tmp_path / "missing"]

    with pytest.raises(SystemFaultError, match="No such file"):
        box.run("true")


def test_a_file_as_working_directory_is_the_images_fault(box):
    """A working directory that is a file is told in the words of the Dockerfile."""
    with pytest.raises(BuildError, match="is not a directory in the image"):
        box.run("true", cwd="/etc/passwd")


def test_nothing_of_the_run_is_left_beside_the_upper_directory(box, tmp_path):
    """The work directory is removed after the step."""
    box.run("true")

    assert names(tmp_path / "1") == ["upper"]


def test_an_interrupted_output_stops_the_step(box):
    """If the output cannot be taken any more, the step is stopped before the error goes on."""

    def refuse(_chunk: bytes) -> None:
        raise ValueError("enough")

    request = box.request("echo x; sleep 98765")
    with pytest.raises(ValueError, match="enough"):
        run(request, refuse, box.cancel)

    assert processes_with("98765") == []


def test_results_compare_by_value():
    """A result is plain data."""
    assert Result(0) == Result(0, out_of_memory=False)
