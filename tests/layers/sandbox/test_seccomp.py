"""The filter of system calls, as data."""

from __future__ import annotations

import pytest

from hivebase.layers.sandbox.seccomp import profile


def _names(action: str, *, conditional: bool) -> set[str]:
    rules = profile("x86_64")["syscalls"]
    return {
        name
        for rule in rules
        if rule["action"] == action and bool(rule.get("args")) == conditional
        for name in rule["names"]
    }


def test_what_is_not_listed_fails():
    """An allow-list: the default is an error, not a kill, so that programs can fall back."""
    assert profile("x86_64")["defaultAction"] == "SCMP_ACT_ERRNO"
    assert profile("x86_64")["defaultErrnoRet"] == 1


@pytest.mark.parametrize(
    "call",
    [
        "acct",
        "add_key",
        "bpf",
        "clock_settime",
        "delete_module",
        "fanotify_init",
        "finit_module",
        "fsconfig",
        "fsmount",
        "fsopen",
        "fspick",
        "init_module",
        "io_uring_enter",
        "io_uring_register",
        "io_uring_setup",
        "ioperm",
        "iopl",
        "kcmp",
        "kexec_file_load",
        "kexec_load",
        "keyctl",
        "lookup_dcookie",
        "mount",
        "mount_setattr",
        "move_mount",
        "move_pages",
        "open_by_handle_at",
        "open_tree",
        "perf_event_open",
        "pivot_root",
        "process_madvise",
        "quotactl",
        "reboot",
        "request_key",
        "setdomainname",
        "sethostname",
        "setns",
        "settimeofday",
        "socketcall",
        "swapoff",
        "swapon",
        "syslog",
        "umount",
        "umount2",
        "unshare",
        "userfaultfd",
        "vhangup",
    ],
)
def test_x3_no_rule_allows_a_dangerous_call(call):
    """Neither always nor on a condition."""
    allowed = _names("SCMP_ACT_ALLOW", conditional=False) | _names("SCMP_ACT_ALLOW", conditional=True)

    assert call not in allowed


def test_calls_with_dangerous_arguments_are_allowed_on_condition_alone():
    """Listed unconditionally they would be open for all arguments."""
    conditional = {"clone", "personality", "socket"}

    assert _names("SCMP_ACT_ALLOW", conditional=True) == conditional
    assert not conditional & _names("SCMP_ACT_ALLOW", conditional=False)


def test_every_call_is_listed_once():
    """A name that stands twice hides a decision."""
    names = profile("x86_64")["syscalls"][0]["names"]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("machine", "first"), [("x86_64", "SCMP_ARCH_X86_64"), ("aarch64", "SCMP_ARCH_AARCH64")]
)
def test_the_architectures_of_the_machine_are_named(machine, first):
    """Its own and the older one that its kernel runs as well, which would bypass the filter otherwise."""
    assert profile(machine)["architectures"][0] == first
    assert len(profile(machine)["architectures"]) > 1


def test_flags_of_clone_are_second_on_s390x():
    """The one architecture with another order of arguments."""
    rules = {
        machine: next(
            rule["args"][0]["index"] for rule in profile(machine)["syscalls"] if "clone" in rule["names"]
        )
        for machine in ("x86_64", "s390x")
    }

    assert rules == {"x86_64": 0, "s390x": 1}
