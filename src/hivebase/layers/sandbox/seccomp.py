"""The system calls that a step may make: an allow-list in the spirit of Docker's, as data.

Neither runc nor crun filters anything by default. What is not listed fails with ``EPERM``; calls newer than
the list fail with ``ENOSYS`` in runc, so that a libc falls back. Left out are those that create or enter
namespaces, mount, load code into the kernel, set its clock, reach into its keyrings, trace it, or have been
the way out of containers before (``userfaultfd``, ``io_uring``, ``bpf``, ``keyctl``, ``open_by_handle_at``).
"""

from __future__ import annotations

import platform
from typing import Any

_ENOSYS = 38
_EPERM = 1

# By purpose, so that an auditor can argue about a line; old and new names of one call stand together.
_ALLOWED = """
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek
    open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock ioctl
    stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs fstatfs64 ustat
    access faccessat faccessat2 getdents getdents64 readdir getcwd chdir fchdir chroot umask
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
    readlink readlinkat mknod mknodat truncate truncate64 ftruncate ftruncate64 fallocate
    chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 lchown lchown32 fchownat
    utime utimes utimensat utimensat_time64 futimesat
    getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat
    setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
    sync syncfs fsync fdatasync sync_file_range sync_file_range2 fadvise64 fadvise64_64 readahead
    sendfile sendfile64 splice tee vmsplice copy_file_range cachestat
    select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
    eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    fanotify_mark io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64
    name_to_handle_at

    brk mmap mmap2 munmap mremap mprotect pkey_alloc pkey_free pkey_mprotect madvise mincore msync
    mlock mlock2 mlockall munlock munlockall mseal map_shadow_stack memfd_create memfd_secret
    remap_file_pages membarrier process_mrelease

    fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pause
    getpid getppid gettid getpgid getpgrp setpgid getsid setsid set_tid_address
    set_robust_list get_robust_list rseq prctl arch_prctl modify_ldt
    set_thread_area get_thread_area restart_syscall seccomp capget capset
    pidfd_open pidfd_send_signal pidfd_getfd ptrace process_vm_readv process_vm_writev
    landlock_create_ruleset landlock_add_rule landlock_restrict_self
    getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32
    getresuid getresuid32 getresgid getresgid32 setuid setuid32 setgid setgid32 setgroups setgroups32
    setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32
    setfsuid setfsuid32 setfsgid setfsgid32
    getrlimit ugetrlimit setrlimit prlimit64 getrusage times getpriority setpriority ioprio_get ioprio_set
    sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval sched_rr_get_interval_time64 getcpu
    futex futex_time64 futex_wait futex_wake futex_requeue futex_waitv

    signal sigaction sigaltstack sigpending sigprocmask sigreturn sigsuspend
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
    alarm getitimer setitimer nanosleep clock_nanosleep clock_nanosleep_time64
    clock_gettime clock_gettime64 clock_getres clock_getres_time64 gettimeofday time
    timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
    adjtimex clock_adjtime clock_adjtime64

    pipe pipe2 socketpair bind listen accept accept4 connect shutdown getsockname getpeername
    getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64
    ipc shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64
    msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_notify mq_getsetattr
    mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64

    uname sysinfo getrandom lsm_get_self_attr lsm_list_modules
    arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls riscv_flush_icache riscv_hwprobe
"""

# clone(2) with any CLONE_NEW* flag makes a namespace; s390 alone has the flags second.
_NEW_NAMESPACES = 0x7E02_0000

# personality(2): plain Linux, what setarch and uname --uname-2.6 ask for, and the query. Not the flag that
# turns address randomisation off.
_PERSONALITIES = (0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)

# Sockets of the hypervisor (AF_VSOCK) are in no network namespace, and those of the kernel's crypto (AF_ALG)
# have been a way into it. Comparisons of one argument cannot be "not these two", so: the ranges around them.
_AF_ALG = 38
_AF_VSOCK = 40

_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "ppc64le": ["SCMP_ARCH_PPC64LE"],
    "riscv64": ["SCMP_ARCH_RISCV64"],
    "s390x": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
}


def profile(machine: str = "") -> dict[str, Any]:
    """Return ``linux.seccomp`` of the runtime-spec 1.0.2.

    Args:
        machine: as of ``uname -m``; empty for this one.
    """
    machine = machine or platform.machine()
    flags = 1 if machine == "s390x" else 0
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": _ARCHITECTURES.get(machine, []),
        "syscalls": [
            _rule("SCMP_ACT_ALLOW", *_ALLOWED.split()),
            _rule("SCMP_ACT_ALLOW", "clone", where=(flags, _NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")),
            # Its flags are in memory, where a filter cannot look: a libc falls back to clone(2).
            _rule("SCMP_ACT_ERRNO", "clone3") | {"errnoRet": _ENOSYS},
            *(
                _rule("SCMP_ACT_ALLOW", "personality", where=(0, value, "SCMP_CMP_EQ"))
                for value in _PERSONALITIES
            ),
            _rule("SCMP_ACT_ALLOW", "socket", where=(0, _AF_ALG, "SCMP_CMP_LT")),
            _rule("SCMP_ACT_ALLOW", "socket", where=(0, _AF_ALG + 1, "SCMP_CMP_EQ")),
            _rule("SCMP_ACT_ALLOW", "socket", where=(0, _AF_VSOCK, "SCMP_CMP_GT")),
        ],
    }


def _rule(action: str, *names: str, where: tuple[int, int, str] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": list(names), "action": action}
    if where is not None:
        index, value, operator = where
        # A masked comparison takes the mask as value and what must remain as valueTwo.
        rule["args"] = [{"index": index, "value": value, "valueTwo": 0, "op": operator}]
    return rule
