"""The rows of the calls that only i386 has, and i386's arguments where they differ.

The columns of ``ROWS`` are those of ``rows.py``. ``ARGUMENTS`` holds the calls whose arguments
lie otherwise in i386's registers than in x86-64's: 64-bit values take two of them, and old
calls take one pointer to a block of arguments.

Source: the kernel's arch/x86/entry/syscalls/syscall_32.tbl.
"""
# ruff: noqa: E501  (a row is a line)

ROWS = """\
waitpid            -   7 p     pid:pid wstatus:>wstatus options:flags=wait4
break              -  17 m
oldstat            -  18 ft    path:path statbuf:>oldstat
umount             -  22 f     target:path
stime              -  25 -     tptr:>time_t
oldfstat           -  28 dT    fd:fd statbuf:>oldstat
stty               -  31 -     arg1:hex arg2:hex
gtty               -  32 -     arg1:hex arg2:hex
nice               -  34 -     inc:int
ftime              -  35 -
prof               -  44 -
signal             -  48 s     signum:sig handler:sighandler -> sighandler
lock               -  53 -
mpx                -  56 -
ulimit             -  58 -     arg1:hex arg2:hex
oldolduname        -  59 -     buf:hex
sigaction          -  67 s     signum:sig act:old_sigaction oldact:>old_sigaction
sgetmask           -  68 s     -> sigmask
ssetmask           -  69 s     newmask:old_sigmask -> old_sigmask
sigsuspend         -  72 s     unused1:skip unused2:skip mask:old_sigmask
sigpending         -  73 s     set:>old_sigset
oldlstat           -  84 fl    path:path statbuf:>oldstat
readdir            -  89 d     fd:fd dirp:ptr count:readdir_count
profil             -  98 -     arg1:hex arg2:hex arg3:hex arg4:hex
socketcall         - 102 d     call:socketcall args:ptr
olduname           - 109 -     buf:hex
idle               - 112 -
vm86old            - 113 -     info:hex
ipc                - 117 i     call:ipc_call first:hex second:hex third:hex ptr:hex fifth:hex
sigreturn          - 119 s     frame:sigframe
sigprocmask        - 126 s     how:enum=sigprocmask set:old_sigset oldset:>old_sigset
bdflush            - 134 -     func:hex data:hex
_llseek            - 140 d     fd:fd offset_high:llseek_high offset_low:llseek_low result:>llp whence:enum=seek
_newselect         - 142 d     nfds:int readfds:fdset=nfds writefds:fdset=nfds exceptfds:fdset=nfds timeout:timeval_select
vm86               - 166 -     fn:hex v86:hex arg3:hex arg4:hex arg5:hex
ugetrlimit         - 191 -     resource:enum=resources rlim:>rlimit
mmap2              - 192 dm    addr:ptr length:size prot:flags=mmap_prot flags:mmap_flags fd:fd pgoffset:pgoff -> hex
truncate64         - 193 f     path:path length:lo64=u length_high:hi64
ftruncate64        - 194 d     fd:fd length:lo64=u length_high:hi64
stat64             - 195 ft    path:path statbuf:>stat64
lstat64            - 196 fl    path:path statbuf:>stat64
fstat64            - 197 dT    fd:fd statbuf:>stat64
lchown32           - 198 f     path:path owner:uid group:uid
getuid32           - 199 cu
getgid32           - 200 cu
geteuid32          - 201 cu
getegid32          - 202 cu
setreuid32         - 203 c     ruid:uid euid:uid
setregid32         - 204 c     rgid:uid egid:uid
getgroups32        - 205 c     size:int list:>gids=ret
setgroups32        - 206 c     size:int list:gids=size
fchown32           - 207 d     fd:fd owner:uid group:uid
setresuid32        - 208 c     ruid:uid euid:uid suid:uid
getresuid32        - 209 c     ruid:>intp=uid euid:>intp=uid suid:>intp=uid
setresgid32        - 210 c     rgid:uid egid:uid sgid:uid
getresgid32        - 211 c     rgid:>intp=uid egid:>intp=uid sgid:>intp=uid
chown32            - 212 f     path:path owner:uid group:uid
setuid32           - 213 c     uid:uid
setgid32           - 214 c     gid:uid
setfsuid32         - 215 c     fsuid:uid
setfsgid32         - 216 c     fsgid:uid
fcntl64            - 221 d     fd:fd cmd:enum=fcntl_cmd arg:fcntl_arg -> fcntl
sendfile64         - 239 dn    out_fd:fd in_fd:fd offset:offset_in count:size
statfs64           - 268 fv    path:path size:size buf:>statfs64
fstatfs64          - 269 dV    fd:fd size:size buf:>statfs64
fadvise64_64       - 272 d     fd:fd offset:lo64 offset_high:hi64 len:lo64 len_high:hi64 advice:enum=fadvise
fstatat64          - 300 dfT   dirfd:dirfd path:path statbuf:>stat64 flags:flags=at_flags
clock_gettime64    - 403 k     clockid:clockid tp:>timespec64
clock_settime64    - 404 k     clockid:clockid tp:timespec64
clock_adjtime64    - 405 k     clockid:clockid buf:>timex64 -> adjtimex
clock_getres_time64   - 406 k     clockid:clockid res:>timespec64
clock_nanosleep_time64   - 407 -     clockid:clockid flags:flags=timer_abstime rqtp:timespec64 rmtp:timespec64_rem
timer_gettime64    - 408 -     timerid:int curr_value:>itimerspec64
timer_settime64    - 409 -     timerid:int flags:flags=timer_abstime new_value:itimerspec64 old_value:>itimerspec64
timerfd_gettime64   - 410 d     fd:fd curr_value:>itimerspec64
timerfd_settime64   - 411 d     fd:fd flags:flags=timerfd_flags new_value:itimerspec64 old_value:>itimerspec64
utimensat_time64   - 412 df    dirfd:dirfd path:path times:timespecs2_64 flags:flags=at_flags
pselect6_time64    - 413 d     nfds:int readfds:fdset=nfds writefds:fdset=nfds exceptfds:fdset=nfds timeout:timespec64_select sig:pselect_sig
ppoll_time64       - 414 d     fds:pollfds=nfds nfds:uint tmo_p:timespec64_left sigmask:sigset=sigsetsize sigsetsize:size
io_pgetevents_time64   - 416 -     ctx:ptr min_nr:long nr:long events:>io_events=ret timeout:timespec64 usig:pselect_sig
recvmmsg_time64    - 417 n     sockfd:fd msgvec:mmsghdrs_in=vlen vlen:uint flags:flags=msg_flags timeout:timespec64_mmsg
mq_timedsend_time64   - 418 d     mqdes:fd msg_ptr:bytes=msg_len msg_len:size msg_prio:uint abs_timeout:timespec64
mq_timedreceive_time64   - 419 d     mqdes:fd msg_ptr:>bytes=ret msg_len:size msg_prio:>intp=uint abs_timeout:timespec64
semtimedop_time64   - 420 i     semid:int sops:sembufs=nsops nsops:uint timeout:timespec64
rt_sigtimedwait_time64   - 421 s     set:sigset=sigsetsize info:>siginfo timeout:timespec64 sigsetsize:size -> signal
futex_time64       - 422 -     uaddr:ptr op:futex_op val:futex_arg timeout:futex_arg uaddr2:futex_arg val3:futex_arg
sched_rr_get_interval_time64   - 423 -     pid:pid tp:>timespec64
"""

ARGUMENTS = """\
mmap             args:ptr -> hex
select           args:ptr
clone            flags:clone_flags stack:clone_stack parent_tid:clone_ptid tls:clone_tls child_tid:clone_ctid
preadv           fd:fd iov:iovec_filled=iovcnt iovcnt:size offset:lo64 offset_high:hi64
pwritev          fd:fd iov:iovec=iovcnt iovcnt:size offset:lo64 offset_high:hi64
preadv2          fd:fd iov:iovec_filled=iovcnt iovcnt:size offset:lo64 offset_high:hi64 flags:flags=rwf_flags
pwritev2         fd:fd iov:iovec=iovcnt iovcnt:size offset:lo64 offset_high:hi64 flags:flags=rwf_flags
pread64          fd:fd buf:>bytes=ret count:size offset:lo64 offset_high:hi64
pwrite64         fd:fd buf:bytes=count count:size offset:lo64 offset_high:hi64
readahead        fd:fd offset:lo64 offset_high:hi64 count:size
sync_file_range  fd:fd offset:lo64 offset_high:hi64 nbytes:lo64 nbytes_high:hi64 flags:flags=sync_file_range
fallocate        fd:fd mode:flags=falloc offset:lo64 offset_high:hi64 len:lo64 len_high:hi64
fadvise64        fd:fd offset:lo64 offset_high:hi64 len:size advice:enum=fadvise
fanotify_mark    fanotify_fd:fd flags:flags=fan_mark_flags mask:flags_lo64=fan_event_flags mask_high:hi64 dirfd:fan_dirfd path:path
lookup_dcookie   cookie:lo64=u cookie_high:hi64 buf:>strn=ret len:size
"""
