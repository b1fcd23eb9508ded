"""What a container runtime itself needs once the profile is installed, up to the program's start.

runc installs the profile in ``runc init``, a Go program, and that one's calls from then to the
execve of the program are judged by it. With no-new-privileges the installation is the last step
before the execve; without it privileges are still given up afterwards.

What is listed is what those steps are known to need (the OCI runtime specification names them;
the Go runtime's own calls can be seen in a trace of any Go program); it was not checked against a
running runc of each version, and a group too many costs less than a container that does not start.
"""

from __future__ import annotations

__all__ = ["BASELINES"]

BASELINES: dict[str, tuple[tuple[str, str], ...]] = {
    "docker": (
        ("starts the program, under the profile", "execve"),
        (
            "the Go runtime of runc init: its threads, and the signals that interrupt them",
            "clone clone3 epoll_create1 epoll_ctl epoll_pwait eventfd2 exit exit_group futex "
            "getpid gettid nanosleep rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity "
            "sched_yield set_robust_list rseq sigaltstack tgkill",
        ),
        ("the Go runtime of runc init: its memory", "brk madvise mmap mprotect munmap"),
        (
            "runc gives up privileges behind the installation, unless no-new-privileges is set",
            "capget capset getgid getuid prctl setgid setgroups setuid",
        ),
        (
            "runc looks up the program and its directory once it is the user it will be",
            "chdir faccessat faccessat2 fstat getcwd newfstatat openat readlinkat statfs fstatfs",
        ),
        (
            "runc waits for docker start at a pipe, and sees that its parent lives",
            "getppid read write",
        ),
        (
            "runc leaves no descriptor of its own to the program",
            "close close_range fcntl getdents64",
        ),
    ),
}
"""By name: (reason, names) for each group of calls."""
