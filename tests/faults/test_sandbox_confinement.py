"""Rows X-1 to X-7 and X-12: what a step cannot reach, tried from inside."""

from __future__ import annotations

import os
import platform
import re
import socket
import stat
import threading
import uuid
from pathlib import Path

import pytest
from tests.layers.sandbox.box import PATH, Box, busybox, perl, runtime_of

pytestmark = pytest.mark.root


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def test_x1_the_host_is_not_behind_proc(box, tmp_path):
    """The root of every visible process is the image, and no path leads to a file of the host."""
    (tmp_path / "canary").write_text("of the host")

    ran = box.run(
        f"for p in /proc/[0-9]*; do cat $p/root{tmp_path}/canary $p/cwd{tmp_path}/canary; done 2> /dev/null;"
        " ls /proc | grep -c '^[0-9]'"
    )

    assert "of the host" not in ran.text
    assert int(ran.text.split()[-1]) <= 5


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/panic_on_oom",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/ksm/run",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/release_agent",
    ],
)
def test_x1_the_kernels_settings_cannot_be_written(box, path):
    """Files through which a container has got out or stopped a machine cannot be opened for writing."""
    ran = box.run(f"if [ -e {path} ]; then : > {path} && echo written; else echo absent; fi")

    assert "written" not in ran.text
    assert re.search("Read-only|Permission denied|absent", ran.text)


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"])
def test_x1_the_machines_memory_keys_and_firmware_are_hidden(box, path):
    """Masked paths read as empty."""
    ran = box.run(f"cat {path} 2> /dev/null | wc -c; ls -A {path}/ 2> /dev/null | wc -l")

    assert ran.text == "0\n0\n"


def test_x1_the_runtime_cannot_be_overwritten(box):
    """No visible process has an executable of the host that could be opened for writing (CVE-2019-5736)."""
    ran = box.run(
        "for exe in /proc/[0-9]*/exe; do readlink $exe; done | grep -v '^/bin/busybox$' | sort -u;"
        " for exe in /proc/[0-9]*/exe; do : >> $exe; done 2>&1 | grep -c 'Text file busy' > /dev/null; true"
    )

    assert ran.text.strip() == ""


def test_x2_capabilities_are_dockers_fourteen_and_none_is_inherited(box):
    """Bounding, effective and permitted sets are the default list; inheritable and ambient ones are empty."""
    ran = box.run("grep ^Cap /proc/self/status")

    sets = dict(line.split(":\t") for line in ran.text.splitlines())
    fourteen = "00000000a80425fb"
    assert {
        "CapInh": "0" * 16,
        "CapPrm": fourteen,
        "CapEff": fourteen,
        "CapBnd": fourteen,
        "CapAmb": "0" * 16,
    } == sets
    assert int(fourteen, 16).bit_count() == 14


def test_x2_another_user_has_no_capability(box):
    """A step of another user than root starts without any."""
    ran = box.run("grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status", uid=1000)

    assert {"0" * 16} == {line.split("\t")[1] for line in ran.text.splitlines()}


def test_x3_the_filter_is_on_and_privileges_cannot_be_gained(box):
    """A seccomp filter is loaded, and set-user-id programs change nothing."""
    ran = box.run("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status")

    assert ran.text == "NoNewPrivs:\t1\nSeccomp:\t2\n"


# As of the kernel's tables for the two architectures that builds run on.
_CALLS = {
    "x86_64": {
        "keyctl(0, -3, 0)": "250, 0, -3, 0",
        "add_key": "248, 0, 0, 0, 0, 0",
        "bpf": "321, 0, 0, 0",
        "userfaultfd": "323, 1",
        "unshare(NEWUSER)": "272, 0x10000000",
        "unshare(NEWNS)": "272, 0x20000",
        "clone(NEWUSER)": "56, 0x10000000 | 17, 0, 0, 0, 0",
        "setns": "308, 0, 0",
        "io_uring_setup": "425, 1, 0",
        "perf_event_open": "298, 0, 0, -1, -1, 0",
        "open_by_handle_at": "304, 0, 0, 0",
        "init_module": "175, 0, 0, 0",
        "kexec_load": "246, 0, 0, 0, 0",
        "reboot": "169, 0, 0, 0, 0",
        "swapon": "167, 0, 0",
        "settimeofday": "164, 0, 0",
        "mount": "165, 0, 0, 0, 0, 0",
        "fsopen": "430, 0, 0",
        "move_mount": "429, 0, 0, 0, 0, 0",
        "pivot_root": "155, 0, 0",
        "sethostname": "170, 0, 0",
        "syslog": "103, 10, 0, 0",
        "socket(AF_VSOCK)": "41, 40, 1, 0",
        "socket(AF_ALG)": "41, 38, 5, 0",
        "personality(NO_RANDOMIZE)": "135, 0x0040000",
    },
    "aarch64": {
        "keyctl(0, -3, 0)": "219, 0, -3, 0",
        "bpf": "280, 0, 0, 0",
        "userfaultfd": "282, 1",
        "unshare(NEWUSER)": "97, 0x10000000",
        "mount": "40, 0, 0, 0, 0, 0",
        "io_uring_setup": "425, 1, 0",
        "socket(AF_VSOCK)": "198, 40, 1, 0",
    },
}


def test_x3_dangerous_system_calls_are_refused(box):
    """Each call fails with EPERM before the kernel looks at its arguments."""
    calls = _CALLS[platform.machine()]
    box.lowers = [busybox(), perl()]
    script = "".join(
        f'$! = 0; syscall({arguments}); print "{name}: ", $! + 0, "\\n";' for name, arguments in calls.items()
    )

    ran = box.run(argv=["perl", "-e", script])

    assert dict.fromkeys(calls, "1") == dict(line.rsplit(": ", 1) for line in ran.text.splitlines())


def test_x3_clone3_makes_a_libc_fall_back(box):
    """The call whose flags a filter cannot see does not seem to exist."""
    box.lowers = [busybox(), perl()]

    ran = box.run(argv=["perl", "-e", "syscall(435, 0, 0); print $! + 0;"])

    assert ran.text == "38"


def test_x3_a_process_outside_cannot_be_traced(box):
    """Processes of the host have no number inside, so none can be traced or signalled."""
    ran = box.run(f"kill -0 {os.getpid()} && echo reached; kill -0 {os.getppid()} && echo reached; true")

    assert "reached" not in ran.text


def test_x3_what_package_managers_do_works(box):
    """chown, chroot, mknod, set-user-id bits, changing the user, hard links and fifos are allowed."""
    ran = box.run(
        "set -e; touch f; chown 1:2 f; chmod 4755 f; mknod n c 1 3; mknod p p; ln f g; ln -s f h;"
        " chroot / /bin/true; echo root::0:0::/:/bin/sh > /etc/passwd; su root -c 'echo su';"
        " ls -ln f | cut -c 1-10; echo fine"
    )

    assert ran.text == "su\n-rwsr-xr-x\nfine\n"


def test_x4_only_the_standard_descriptors_are_open(box):
    """The step starts with descriptors 0 to 2 alone, none of which is a directory of the host."""
    with open("/etc/hostname", "rb") as held:  # noqa: PTH123 -- an inheritable one, held open meanwhile
        os.set_inheritable(held.fileno(), True)
        ran = box.run(
            "sleep 2 & sleep 0.1; ls -l /proc/$!/fd | sed -n 's/.* \\([0-9]* -> [a-z/]*\\).*/\\1/p'"
        )

    assert ran.text == "0 -> /dev/null\n1 -> pipe\n2 -> pipe\n"


def test_x4_the_environment_is_exactly_what_was_asked_for(box, monkeypatch):
    """No variable of the host gets in; HOME is that of the user, as in every container."""
    monkeypatch.setenv("CANARY", "of the host")
    ran = box.run("cat /proc/self/environ | tr '\\0' '\\n' | sort", env=[PATH, ("A", "b=c d"), ("EMPTY", "")])

    inside = set(ran.text.splitlines()) - {"PWD=/", "SHLVL=1", "SHLVL=0", "OLDPWD=/"}
    assert {"A=b=c d", "EMPTY=", "HOME=/root", "PATH=/bin"} == inside


def test_x4_no_process_shows_an_environment_of_the_host(box, monkeypatch):
    """Neither helper nor runtime is visible inside."""
    monkeypatch.setenv("CANARY", "of the host")

    ran = box.run(
        "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n' | grep -E 'C[A]NARY|hive[b]ase|ru[n]c'"
    )

    assert ran.text == ""


@pytest.mark.parametrize("kind", ["pid", "mnt", "ipc", "uts", "cgroup", "net"])
def test_x5_namespaces_are_the_steps_own(box, kind):
    """Every namespace differs from the host's."""
    ran = box.run(f"readlink /proc/self/ns/{kind}", network="none")

    assert str(Path(f"/proc/self/ns/{kind}").readlink()) != ran.text.strip()
    assert ran.text.startswith(f"{kind}:[")


def test_x5_mounts_are_private(box):
    """No mount of the step is in a peer group with the host's, so nothing spreads either way."""
    ran = box.run("cut -d ' ' -f 7- /proc/self/mountinfo")

    assert "shared:" not in ran.text
    assert "master:" not in ran.text


def test_x6_without_network_nothing_of_the_host_is_reachable(box):
    """Neither TCP on the host's loopback nor its abstract sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = box.run(
            f"nc -w 1 127.0.0.1 {port} < /dev/null && echo reached; cat /proc/net/tcp /proc/net/unix | wc -l"
        )

    assert "reached" not in ran.text
    assert ran.text.split()[-1] == "2"


def test_x6_with_network_the_hosts_abstract_sockets_are_out_of_reach(box):
    """In the host's network namespace, Landlock keeps the step from connecting to them (Linux 6.12)."""
    if tuple(map(int, platform.release().split(".")[:2])) < (6, 12):
        pytest.skip("needs Linux 6.12")
    name = f"hivebase-test-{uuid.uuid4()}"
    box.lowers = [busybox(), perl()]
    connect = (
        'socket(my $s, 1, 1, 0) or die; print connect($s, pack("S a*", 1, "\\0NAME")) ? "reached" : $! + 0;'
    ).replace("NAME", name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        ran = box.run(argv=["perl", "-e", connect], network="host")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("\0" + name)  # the probe's address is right

    assert ran.text == "1"


def test_x6_with_network_the_hosts_network_is_there(box):
    """With network default a step can reach what the host can."""
    answer = "hello from the host"

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(answer.encode())

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        ran = box.run(f"nc -w 2 127.0.0.1 {server.getsockname()[1]} < /dev/null", network="default")
        thread.join()

    assert answer == ran.text


def test_x7_only_harmless_devices_exist_and_work(box):
    """Six nodes, and those that runtimes link."""
    ran = box.run(
        "cd /dev; ls | grep -v core | tr '\\n' ' '; echo x > null; echo x > full; head -c 2 zero | wc -c;"
        " head -c 3 random urandom > /dev/null && echo fine"
    )

    first, rest = (
        ran.text.split(" \n")[0] if " \n" in ran.text else ran.text.rsplit("urandom zero ", 1)[0],
        ran.text,
    )
    assert "fd full mqueue null ptmx pts random shm stderr stdin stdout tty" in first
    assert "No space left" in rest
    assert rest.endswith("2\nfine\n")


@pytest.mark.parametrize("flavour", ["runc", "crun"])
@pytest.mark.parametrize("place", ["/", "/dev", "/dev/shm", "/tmp", "/run"])
def test_x7_a_node_that_the_step_makes_cannot_be_opened(box, place, flavour):
    """Nodes may be made, as archives hold some, but not opened, wherever they are.

    That holds for the host's disk, and also for a device that every cgroup allows: the file systems refuse it.
    """
    disks = [Path(f"/dev/{name}") for name in ("vda", "sda", "nvme0n1", "zero")]
    disk = next(path for path in disks if path.exists()).stat()
    kind = "b" if stat.S_ISBLK(disk.st_mode) else "c"

    ran = box.run(
        f"cd {place}; mknod disk {kind} {os.major(disk.st_rdev)} {os.minor(disk.st_rdev)} && echo made;"
        " mknod zero2 c 1 5 && echo made; for node in disk zero2; do head -c 1 $node > /dev/null && echo read; done",
        runtime=runtime_of(flavour),
    )

    assert ran.text.split().count("made") == 2
    assert "read" not in ran.text.split()


def test_x7_the_hosts_own_nodes_cannot_be_changed(box):
    """The mode of the device nodes cannot be changed, and the host's are other inodes anyway."""
    before = Path("/dev/null").stat()
    try:
        box.run("chmod 600 /dev/null /proc/self/fd/0; touch -d @1 /dev/null; chown 5 /dev/null")
        after = Path("/dev/null").stat()
    finally:  # if this test fails, then on the host
        Path("/dev/null").chmod(before.st_mode & 0o7777)
        os.chown("/dev/null", before.st_uid, before.st_gid)

    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)


def test_x12_there_is_no_terminal(box):
    """No controlling terminal, none of the descriptors is one, and input cannot be pushed into ours."""
    ran = box.run(
        "cut -d ' ' -f 7 /proc/self/stat; for fd in 0 1 2; do [ -t $fd ] && echo terminal; done;"
        " : < /dev/tty && echo opened"
    )

    assert "terminal" not in ran.text
    assert "opened" not in ran.text
    assert ran.text.startswith("0\n")
