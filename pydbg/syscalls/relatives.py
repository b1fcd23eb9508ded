"""Which system calls do the same work: the one that is caught may not be the one that is made.

The C library makes newer calls than its functions are named after: ``nanosleep()`` is
clock_nanosleep, ``open()`` openat, ``fork()`` clone. A family is a row.
"""

from __future__ import annotations

import functools

__all__ = ["relatives", "watched"]

_SAME = """
nanosleep clock_nanosleep clock_nanosleep_time64
fork vfork clone clone3
execve execveat
exit exit_group
open openat openat2 creat
close close_range
stat lstat newfstatat statx stat64 lstat64 fstatat64 oldstat oldlstat
fstat fstat64 oldfstat statx newfstatat
access faccessat faccessat2
mkdir mkdirat
rmdir unlink unlinkat
mknod mknodat
rename renameat renameat2
link linkat
symlink symlinkat
readlink readlinkat
chmod fchmod fchmodat fchmodat2
chown lchown fchown fchownat chown32 lchown32 fchown32
utime utimes futimesat utimensat utimensat_time64
getdents getdents64 readdir
truncate ftruncate truncate64 ftruncate64
pipe pipe2
dup dup2 dup3
accept accept4
epoll_create epoll_create1
inotify_init inotify_init1
eventfd eventfd2
signalfd signalfd4
wait4 waitid waitpid
alarm setitimer timer_settime timer_settime64
kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal
signal sigaction rt_sigaction
sigprocmask rt_sigprocmask
sigsuspend rt_sigsuspend pause
getrlimit setrlimit prlimit64 ugetrlimit
umount umount2
setuid setresuid setreuid setuid32 setresuid32 setreuid32
setgid setresgid setregid setgid32 setresgid32 setregid32
"""
"""Families whose members do the same: to stop at one costs what the user wanted to pay."""

_LIKE = """
read readv pread64 preadv preadv2 recvfrom recvmsg
write writev pwrite64 pwritev pwritev2 sendto sendmsg
send sendto sendmsg sendmmsg
recv recvfrom recvmsg recvmmsg
select pselect6 _newselect poll ppoll epoll_wait epoll_pwait epoll_pwait2
pselect6_time64 ppoll_time64
sendfile sendfile64 copy_file_range splice
mmap mmap2 mremap brk
futex futex_time64 futex_wait futex_wake futex_waitv
gettimeofday clock_gettime clock_gettime64 time
getpid gettid getppid
lseek _llseek
socket socketcall
"""
"""Families that are looked at only if their calls stop anyway: these may be made all the time."""


@functools.cache
def _families(text: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in text.split("\n"):
        family = frozenset(line.split())
        for name in family:
            found[name] = found.get(name, frozenset()) | family
    return found


def relatives(name: str) -> frozenset[str]:
    """Return the calls that do what the call ``name`` does, or nearly.

    >>> sorted(relatives("nanosleep")), relatives("getrandom")
    (['clock_nanosleep', 'clock_nanosleep_time64'], frozenset())
    """
    empty: frozenset[str] = frozenset()
    found = _families(_SAME).get(name, empty) | _families(_LIKE).get(name, empty)
    return found - {name}


@functools.cache
def watched(abi: str, numbers: frozenset[int]) -> frozenset[int]:
    """Return the numbers of the calls that do the same as some others, those left out.

    >>> sorted(watched("x86_64", frozenset({35}))), watched("x86_64", frozenset({1}))
    ([230], frozenset())
    """
    from pydbg.syscalls.table import table_for

    table = table_for(abi)
    found = set()
    for number in numbers:
        call = table.by_number(number)
        if call is None:
            continue
        for name in _families(_SAME).get(call.name, ()):
            other = table.by_name(name)
            if other is not None:
                found.add(other.number)
    return frozenset(found - numbers)
