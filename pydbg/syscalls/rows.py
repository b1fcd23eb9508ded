"""The rows of the system call table: one call a row, for every number x86-64 has.

Columns: name, x86-64 number, i386 number ("-": there is none), classes, arguments, result.

Classes are letters, each a class of strace and, for the first seven, the group of gdb with the
same subject: d %desc (descriptor), f %file, n %network, p %process, m %memory, s %signal,
i %ipc, c %creds, k %clock, u %pure, t %stat, l %lstat, T %fstat, v %statfs, V %fstatfs.
A capital D F N P M S I is a member of gdb's group only.

An argument is ``name:kind``; ``kind`` is a decoder's name (``decode.py``), ``=parameter`` may
follow; ``>`` before it marks what the kernel fills in. After ``->`` stands the kind of the
result, decimal where nothing is said.

Sources: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl (numbers to 471;
``generate.py --check`` compares), include/linux/syscalls.h and the man pages (arguments).
"""
# ruff: noqa: E501  (a row is a line)

ROWS = """\
read               0   3 d     fd:fd buf:>bytes=ret count:size
write              1   4 d     fd:fd buf:bytes=count count:size
open               2   5 df    path:path flags:open_flags mode:open_mode -> fd
close              3   6 d     fd:fd
stat               4 106 ft    path:path statbuf:>stat
fstat              5 108 dT    fd:fd statbuf:>stat
lstat              6 107 fl    path:path statbuf:>stat
poll               7 168 d     fds:pollfds=nfds nfds:uint timeout:int
lseek              8  19 d     fd:fd offset:long whence:enum=seek
mmap               9  90 dm    addr:ptr length:size prot:flags64=mmap_prot flags:mmap_flags fd:fd offset:hex -> hex
mprotect          10 125 m     addr:ptr length:size prot:flags64=mmap_prot
munmap            11  91 m     addr:ptr length:size
brk               12  45 m     addr:ptr -> hex
rt_sigaction      13 174 s     signum:sig act:sigaction oldact:>sigaction sigsetsize:size
rt_sigprocmask    14 175 s     how:enum=sigprocmask set:sigset=sigsetsize oldset:>sigset=sigsetsize sigsetsize:size
rt_sigreturn      15 173 s     frame:sigframe
ioctl             16  54 d     fd:fd cmd:ioctl_cmd arg:ioctl_arg -> ioctl
pread64           17 180 d     fd:fd buf:>bytes=ret count:size offset:off
pwrite64          18 181 d     fd:fd buf:bytes=count count:size offset:off
readv             19 145 d     fd:fd iov:iovec_filled=iovcnt iovcnt:size
writev            20 146 d     fd:fd iov:iovec=iovcnt iovcnt:size
access            21  33 f     path:path mode:flags=access
pipe              22  42 d     pipefd:>fds=2
select            23  82 d     nfds:int readfds:fdset=nfds writefds:fdset=nfds exceptfds:fdset=nfds timeout:timeval_select
sched_yield       24 158 -
mremap            25 163 m     old_address:ptr old_size:size new_size:size flags:flags64=mremap new_address:mremap_addr -> hex
msync             26 144 m     addr:ptr length:size flags:flags=msync
mincore           27 218 m     addr:ptr length:size vec:>mincore=length
madvise           28 219 m     addr:ptr length:size advice:enum=madvise
shmget            29 395 i     key:key size:size shmflg:shmget_flags
shmat             30 397 mi    shmid:int shmaddr:ptr shmflg:flags=shmat -> hex
shmctl            31 396 i     shmid:int cmd:ipc_cmd=shmctl buf:ipc_arg
dup               32  41 d     oldfd:fd -> fd
dup2              33  63 d     oldfd:fd newfd:fd -> fd
pause             34  29 s
nanosleep         35 162 -     rqtp:timespec rmtp:timespec_rem
getitimer         36 105 -     which:enum=itimer curr_value:>itimerval
alarm             37  27 -     seconds:uint
setitimer         38 104 -     which:enum=itimer new_value:itimerval old_value:>itimerval
getpid            39  20 u
sendfile          40 187 dn    out_fd:fd in_fd:fd offset:offset_inout count:size
socket            41 359 n     domain:enum=addrfams type:socket_type protocol:socket_protocol -> fd
connect           42 362 n     sockfd:fd addr:sockaddr=addrlen addrlen:int
accept            43   - n     sockfd:fd addr:>sockaddr=*addrlen addrlen:socklen -> fd
sendto            44 369 n     sockfd:fd buf:socket_data=len len:size flags:flags=msg_flags dest_addr:sockaddr=addrlen addrlen:int
recvfrom          45 371 n     sockfd:fd buf:>socket_data=ret len:size flags:flags=msg_flags src_addr:>sockaddr=*addrlen addrlen:socklen
sendmsg           46 370 n     sockfd:fd msg:msghdr flags:flags=msg_flags
recvmsg           47 372 n     sockfd:fd msg:msghdr_in flags:flags=msg_flags
shutdown          48 373 n     sockfd:fd how:enum=shutdown
bind              49 361 n     sockfd:fd addr:sockaddr=addrlen addrlen:int
listen            50 363 n     sockfd:fd backlog:int
getsockname       51 367 n     sockfd:fd addr:>sockaddr=*addrlen addrlen:socklen
getpeername       52 368 n     sockfd:fd addr:>sockaddr=*addrlen addrlen:socklen
socketpair        53 360 n     domain:enum=addrfams type:socket_type protocol:pair_protocol sv:>fds=2
setsockopt        54 366 n     sockfd:fd level:enum=socketlayers optname:sockopt optval:sockoptval=optlen optlen:int
getsockopt        55 365 n     sockfd:fd level:enum=socketlayers optname:sockopt optval:>sockoptval=*optlen optlen:socklen
clone             56 120 p     flags:clone_flags stack:clone_stack parent_tid:clone_ptid child_tid:clone_ctid tls:clone_tls
fork              57   2 p
vfork             58 190 p
execve            59  11 fp    path:path argv:argv envp:envp
exit              60   1 p     status:int
wait4             61 114 p     pid:pid wstatus:>wstatus options:flags=wait4 rusage:>wait_rusage
kill              62  37 ps    pid:pid sig:sig
uname             63 122 -     buf:>utsname
semget            64 393 i     key:key nsems:int semflg:ipc_flags
semop             65   - i     semid:int sops:sembufs=nsops nsops:uint
semctl            66 394 i     semid:int semnum:int cmd:ipc_cmd=semctl arg:ipc_arg
shmdt             67 398 mi    shmaddr:ptr
msgget            68 399 i     key:key msgflg:ipc_flags
msgsnd            69 400 i     msqid:int msgp:msgbuf=msgsz msgsz:size msgflg:flags=ipc_msg
msgrcv            70 401 i     msqid:int msgp:>msgbuf=msgsz msgsz:size msgtyp:long msgflg:flags=ipc_msg
msgctl            71 402 i     msqid:int cmd:ipc_cmd=msgctl buf:ipc_arg
fcntl             72  55 d     fd:fd cmd:enum=fcntl_cmd arg:fcntl_arg -> fcntl
flock             73 143 d     fd:fd operation:flags=flock
fsync             74 118 d     fd:fd
fdatasync         75 148 d     fd:fd
truncate          76  92 f     path:path length:size
ftruncate         77  93 d     fd:fd length:size
getdents          78 141 d     fd:fd dirp:>dents=ret count:uint
getcwd            79 183 f     buf:>path size:size
chdir             80  12 f     path:path
fchdir            81 133 d     fd:fd
rename            82  38 f     oldpath:path newpath:path
mkdir             83  39 f     path:path mode:mode
rmdir             84  40 f     path:path
creat             85   8 df    path:path mode:mode -> fd
link              86   9 f     oldpath:path newpath:path
unlink            87  10 f     path:path
symlink           88  83 f     target:path linkpath:path
readlink          89  85 f     path:path buf:>strn=ret bufsiz:size
chmod             90  15 f     path:path mode:mode
fchmod            91  94 d     fd:fd mode:mode
chown             92 182 f     path:path owner:uid group:uid
fchown            93  95 d     fd:fd owner:uid group:uid
lchown            94  16 f     path:path owner:uid group:uid
umask             95  60 -     mask:mode -> oct
gettimeofday      96  78 k     tv:>timeval tz:>timezone
getrlimit         97  76 -     resource:enum=resources rlim:>rlimit
getrusage         98  77 -     who:enum=usagewho usage:>rusage
sysinfo           99 116 -     info:>sysinfo
times            100  43 -     buf:>tms -> ulong
ptrace           101  26 -     request:enum64=ptrace_cmds pid:ptrace_pid addr:ptrace_addr data:ptrace_data
getuid           102  24 cu
syslog           103 103 -     type:syslog_action bufp:syslog_buf len:syslog_len
getgid           104  47 cu
setuid           105  23 c     uid:uid
setgid           106  46 c     gid:uid
geteuid          107  49 cu
getegid          108  50 cu
setpgid          109  57 -     pid:pid pgid:pid
getppid          110  64 u
getpgrp          111  65 u
setsid           112  66 -
setreuid         113  70 c     ruid:uid euid:uid
setregid         114  71 c     rgid:uid egid:uid
getgroups        115  80 c     size:int list:>gids=ret
setgroups        116  81 c     size:int list:gids=size
setresuid        117 164 c     ruid:uid euid:uid suid:uid
getresuid        118 165 c     ruid:>intp=uid euid:>intp=uid suid:>intp=uid
setresgid        119 170 c     rgid:uid egid:uid sgid:uid
getresgid        120 171 c     rgid:>intp=uid egid:>intp=uid sgid:>intp=uid
getpgid          121 132 -     pid:pid
setfsuid         122 138 c     fsuid:uid
setfsgid         123 139 c     fsgid:uid
getsid           124 147 -     pid:pid
capget           125 184 c     hdrp:caphdr datap:>capdata
capset           126 185 c     hdrp:caphdr datap:capdata
rt_sigpending    127 176 s     set:>sigset=sigsetsize sigsetsize:size
rt_sigtimedwait  128 177 s     set:sigset=sigsetsize info:>siginfo timeout:timespec sigsetsize:size -> signal
rt_sigqueueinfo  129 178 ps    pid:pid sig:sig info:siginfo
rt_sigsuspend    130 179 s     mask:sigset=sigsetsize sigsetsize:size
sigaltstack      131 186 s     ss:sigaltstack old_ss:>sigaltstack
utime            132  30 f     path:path times:utimbuf
mknod            133  14 f     path:path mode:mknod_mode dev:mknod_dev
uselib           134  86 f     library:path
personality      135 136 -     persona:personality -> personality
ustat            136  62 w     dev:dev ubuf:ptr
statfs           137  99 fv    path:path buf:>statfs
fstatfs          138 100 dV    fd:fd buf:>statfs
sysfs            139 135 -     option:hex arg1:hex arg2:hex
getpriority      140  96 -     which:enum=priorities who:int
setpriority      141  97 -     which:enum=priorities who:int prio:int
sched_setparam   142 154 -     pid:pid param:intp=sched_param
sched_getparam   143 155 -     pid:pid param:>intp=sched_param
sched_setscheduler 144 156 -     pid:pid policy:sched_policy param:intp=sched_param
sched_getscheduler 145 157 -     pid:pid -> sched_policy
sched_get_priority_max 146 159 -     policy:enum=schedulers
sched_get_priority_min 147 160 -     policy:enum=schedulers
sched_rr_get_interval 148 161 -     pid:pid tp:>timespec
mlock            149 150 m     addr:ptr length:size
munlock          150 151 m     addr:ptr length:size
mlockall         151 152 m     flags:flags=mlockall
munlockall       152 153 m
vhangup          153 111 -
modify_ldt       154 123 -     func:int ptr:ldt_entry bytecount:size
pivot_root       155 217 f     new_root:path put_old:path
_sysctl          156 149 -     args:sysctl_args
prctl            157 172 c     option:enum=prctl_options arg2:prctl_arg arg3:prctl_arg arg4:prctl_arg arg5:prctl_arg -> prctl
arch_prctl       158 384 P     code:enum=arch_prctl addr:arch_prctl_arg
adjtimex         159 124 k     buf:>timex -> adjtimex
setrlimit        160  75 -     resource:enum=resources rlim:rlimit
chroot           161  61 f     path:path
sync             162  36 -
acct             163  51 f     filename:path
settimeofday     164  79 k     tv:timeval tz:timezone
mount            165  21 f     source:path target:path fstype:mount_type flags:mount_flags data:mount_data
umount2          166  52 f     target:path flags:flags=umount
swapon           167  87 f     path:path flags:swap_flags
swapoff          168 115 f     path:path
reboot           169  88 -     magic1:enum=bootflags1 magic2:enum=bootflags2 op:enum=bootflags3 arg:reboot_arg
sethostname      170  74 -     name:bytes=len len:uint
setdomainname    171 121 -     name:bytes=len len:uint
iopl             172 110 -     level:int
ioperm           173 101 -     from:hex num:hex turn_on:int
create_module    174 127 -     name:hex size:hex
init_module      175 128 -     module_image:ptr len:size param_values:str
delete_module    176 129 -     name:str flags:flags=delete_module
get_kernel_syms  177 130 -     table:hex
query_module     178 167 -     name:hex which:hex buf:hex bufsize:hex ret:hex
quotactl         179 131 f     cmd:quota_cmd special:path id:quota_arg=id addr:quota_arg=addr
nfsservctl       180 169 -     cmd:hex argp:hex resp:hex
getpmsg          181 188 n     fd:hex ctlptr:hex dataptr:hex bandp:hex flagsp:hex
putpmsg          182 189 n     fd:hex ctlptr:hex dataptr:hex band:hex flags:hex
afs_syscall      183 137 -     arg1:hex arg2:hex arg3:hex arg4:hex arg5:hex
tuxcall          184   - -     arg1:hex arg2:hex arg3:hex
security         185   - -     arg1:hex arg2:hex arg3:hex
gettid           186 224 u
readahead        187 225 d     fd:fd offset:off count:size
setxattr         188 226 f     path:path name:str value:bytes=size size:size flags:flags=xattr_flags
lsetxattr        189 227 f     path:path name:str value:bytes=size size:size flags:flags=xattr_flags
fsetxattr        190 228 d     fd:fd name:str value:bytes=size size:size flags:flags=xattr_flags
getxattr         191 229 f     path:path name:str value:>bytes=ret size:size
lgetxattr        192 230 f     path:path name:str value:>bytes=ret size:size
fgetxattr        193 231 d     fd:fd name:str value:>bytes=ret size:size
listxattr        194 232 f     path:path list:>bytes=ret size:size
llistxattr       195 233 f     path:path list:>bytes=ret size:size
flistxattr       196 234 d     fd:fd list:>bytes=ret size:size
removexattr      197 235 f     path:path name:str
lremovexattr     198 236 f     path:path name:str
fremovexattr     199 237 d     fd:fd name:str
tkill            200 238 ps    tid:pid sig:sig
time             201  13 k     tloc:>time_t -> time
futex            202 240 -     uaddr:ptr op:futex_op val:futex_arg timeout:futex_arg uaddr2:futex_arg val3:futex_arg
sched_setaffinity 203 241 -     pid:pid cpusetsize:uint mask:cpuset=cpusetsize
sched_getaffinity 204 242 -     pid:pid cpusetsize:uint mask:>cpuset=ret
set_thread_area  205 243 -     u_info:thread_area
io_setup         206 245 m     nr_events:uint ctxp:>ulongp=hex
io_destroy       207 246 m     ctx:ptr
io_getevents     208 247 -     ctx:ptr min_nr:long nr:long events:>io_events=ret timeout:timespec
io_submit        209 248 -     ctx:ptr nr:long iocbpp:iocbs=nr
io_cancel        210 249 -     ctx:ptr iocb:iocb result:>io_event
get_thread_area  211 244 -     u_info:thread_area_got
lookup_dcookie   212 253 -     cookie:size buf:>strn=ret len:size
epoll_create     213 254 d     size:int -> fd
epoll_ctl_old    214   - -     arg1:hex arg2:hex arg3:hex arg4:hex
epoll_wait_old   215   - -     arg1:hex arg2:hex arg3:hex arg4:hex
remap_file_pages 216 257 m     addr:ptr size:size prot:flags64=mmap_prot pgoff:size flags:mmap_flags
getdents64       217 220 d     fd:fd dirp:>dents64=ret count:uint
set_tid_address  218 258 -     tidptr:hex
restart_syscall  219   0 -     -> int
semtimedop       220   - i     semid:int sops:sembufs=nsops nsops:uint timeout:timespec
fadvise64        221 250 d     fd:fd offset:off len:size advice:enum=fadvise
timer_create     222 259 -     clockid:clockid sevp:sigevent timerid:>intp=int
timer_settime    223 260 -     timerid:int flags:flags=timer_abstime new_value:itimerspec old_value:>itimerspec
timer_gettime    224 261 -     timerid:int curr_value:>itimerspec
timer_getoverrun 225 262 -     timerid:int
timer_delete     226 263 -     timerid:int
clock_settime    227 264 k     clockid:clockid tp:timespec
clock_gettime    228 265 k     clockid:clockid tp:>timespec
clock_getres     229 266 k     clockid:clockid res:>timespec
clock_nanosleep  230 267 -     clockid:clockid flags:flags=timer_abstime rqtp:timespec rmtp:timespec_rem
exit_group       231 252 p     status:int
epoll_wait       232 256 d     epfd:fd events:>epoll_events=ret maxevents:int timeout:int
epoll_ctl        233 255 d     epfd:fd op:enum=epoll_ctl fd:fd event:epoll_event
tgkill           234 270 ps    tgid:pid tid:pid sig:sig
utimes           235 271 f     path:path times:timevals2
vserver          236 273 -     arg1:hex arg2:hex arg3:hex arg4:hex arg5:hex
mbind            237 274 m     addr:ptr length:size mode:mpol_mode64 nodemask:nodemask=maxnode maxnode:size flags:flags=mbind_flags
set_mempolicy    238 276 m     mode:mpol_mode nodemask:nodemask=maxnode maxnode:size
get_mempolicy    239 275 m     mode:>intp=mpol nodemask:>nodemask=maxnode maxnode:size addr:ptr flags:flags64=mempolicy_flags
mq_open          240 277 d     name:str oflag:open_flags mode:open_mode attr:mq_attr_creat -> fd
mq_unlink        241 278 -     name:str
mq_timedsend     242 279 d     mqdes:fd msg_ptr:bytes=msg_len msg_len:size msg_prio:uint abs_timeout:timespec
mq_timedreceive  243 280 d     mqdes:fd msg_ptr:>bytes=ret msg_len:size msg_prio:>intp=uint abs_timeout:timespec
mq_notify        244 281 d     mqdes:fd sevp:sigevent
mq_getsetattr    245 282 d     mqdes:fd newattr:mq_attr oldattr:>mq_attr
kexec_load       246 283 -     entry:ptr nr_segments:size segments:kexec_segments=nr_segments flags:kexec_flags
waitid           247 284 p     idtype:enum=waitid_types id:waitid_id infop:>siginfo options:flags=wait4 rusage:>wait_rusage
add_key          248 286 -     type:str description:str payload:bytes=plen plen:size keyring:keyring -> int
request_key      249 287 -     type:str description:str callout_info:str dest_keyring:keyring -> int
keyctl           250 288 -     op:enum=keyctl_cmds arg2:keyctl_arg arg3:keyctl_arg arg4:keyctl_arg arg5:keyctl_arg
ioprio_set       251 289 -     which:enum=ioprio_who who:int ioprio:ioprio
ioprio_get       252 290 -     which:enum=ioprio_who who:int -> ioprio
inotify_init     253 291 d     -> fd
inotify_add_watch 254 292 df    fd:fd path:path mask:flags=inotify_mask
inotify_rm_watch 255 293 d     fd:fd wd:int
migrate_pages    256 294 m     pid:pid maxnode:size old_nodes:nodemask=maxnode new_nodes:nodemask=maxnode
openat           257 295 df    dirfd:dirfd path:path flags:open_flags mode:open_mode -> fd
mkdirat          258 296 df    dirfd:dirfd path:path mode:mode
mknodat          259 297 df    dirfd:dirfd path:path mode:mknod_mode dev:mknod_dev
fchownat         260 298 df    dirfd:dirfd path:path owner:uid group:uid flags:flags=at_flags
futimesat        261 299 df    dirfd:dirfd path:path times:timevals2
newfstatat       262   - dfT   dirfd:dirfd path:path statbuf:>stat flags:flags=at_flags
unlinkat         263 301 df    dirfd:dirfd path:path flags:flags=at_flags
renameat         264 302 df    olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path
linkat           265 303 df    olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:flags=at_flags
symlinkat        266 304 df    target:path newdirfd:dirfd linkpath:path
readlinkat       267 305 df    dirfd:dirfd path:path buf:>strn=ret bufsiz:size
fchmodat         268 306 df    dirfd:dirfd path:path mode:mode
faccessat        269 307 df    dirfd:dirfd path:path mode:flags=access
pselect6         270 308 d     nfds:int readfds:fdset=nfds writefds:fdset=nfds exceptfds:fdset=nfds timeout:timespec_select sig:pselect_sig
ppoll            271 309 d     fds:pollfds=nfds nfds:uint tmo_p:timespec_left sigmask:sigset=sigsetsize sigsetsize:size
unshare          272 310 P     flags:flags64=unshare_flags
set_robust_list  273 311 -     head:ptr len:size
get_robust_list  274 312 -     pid:pid head_ptr:>ulongp=ptr len_ptr:>ulongp=size
splice           275 313 d     fd_in:fd off_in:offset_in fd_out:fd off_out:offset_in len:size flags:flags=splice_flags
tee              276 315 d     fd_in:fd fd_out:fd len:size flags:flags=splice_flags
sync_file_range  277 314 d     fd:fd offset:off nbytes:off flags:flags=sync_file_range
vmsplice         278 316 d     fd:fd iov:iovec=nr_segs nr_segs:size flags:flags=splice_flags
move_pages       279 317 m     pid:pid count:size pages:pages=count nodes:nodes=count status:page_status=count flags:flags=move_pages_flags
utimensat        280 320 df    dirfd:dirfd path:path times:timespecs2 flags:flags=at_flags
epoll_pwait      281 319 d     epfd:fd events:>epoll_events=ret maxevents:int timeout:int sigmask:>sigset=sigsetsize sigsetsize:size
signalfd         282 321 ds    fd:fd mask:sigset=sizemask sizemask:size -> fd
timerfd_create   283 322 d     clockid:clockid flags:flags=timerfd_flags -> fd
eventfd          284 323 d     initval:uint -> fd
fallocate        285 324 d     fd:fd mode:flags=falloc offset:off len:off
timerfd_settime  286 325 d     fd:fd flags:flags=timerfd_flags new_value:itimerspec old_value:>itimerspec
timerfd_gettime  287 326 d     fd:fd curr_value:>itimerspec
accept4          288 364 n     sockfd:fd addr:>sockaddr=*addrlen addrlen:socklen flags:flags=sock_type_flags -> fd
signalfd4        289 327 ds    fd:fd mask:sigset=sizemask sizemask:size flags:flags=sfd_flags -> fd
eventfd2         290 328 d     initval:uint flags:flags=efd_flags -> fd
epoll_create1    291 329 d     flags:flags=epoll_flags -> fd
dup3             292 330 d     oldfd:fd newfd:fd flags:flags=open_mode_flags -> fd
pipe2            293 331 d     pipefd:>fds=2 flags:flags=open_mode_flags
inotify_init1    294 332 d     flags:flags=inotify_flags -> fd
preadv           295 333 d     fd:fd iov:iovec_filled=iovcnt iovcnt:size offset:off offset_high:hi64
pwritev          296 334 d     fd:fd iov:iovec=iovcnt iovcnt:size offset:off offset_high:hi64
rt_tgsigqueueinfo 297 335 ps    tgid:pid tid:pid sig:sig info:siginfo
perf_event_open  298 336 d     attr:perf_attr pid:pid cpu:int group_fd:fd flags:flags64=perf_event_flags -> fd
recvmmsg         299 337 n     sockfd:fd msgvec:mmsghdrs_in=vlen vlen:uint flags:flags=msg_flags timeout:timespec_mmsg
fanotify_init    300 338 d     flags:fan_init_flags event_f_flags:open_flags -> fd
fanotify_mark    301 339 df    fanotify_fd:fd flags:flags=fan_mark_flags mask:flags64=fan_event_flags dirfd:fan_dirfd path:path
prlimit64        302 340 -     pid:pid resource:enum=resources new_limit:rlimit64 old_limit:>rlimit64
name_to_handle_at 303 341 df    dirfd:dirfd path:path handle:file_handle mount_id:>intp=int flags:flags=name_to_handle_flags
open_by_handle_at 304 342 d     mount_fd:fd handle:file_handle flags:open_flags -> fd
clock_adjtime    305 343 k     clockid:clockid buf:>timex -> adjtimex
syncfs           306 344 d     fd:fd
sendmmsg         307 345 n     sockfd:fd msgvec:mmsghdrs=vlen vlen:uint flags:flags=msg_flags
setns            308 346 d     fd:fd nstype:flags=setns_types
getcpu           309 318 -     cpu:>intp=uint node:>intp=uint tcache:ptr
process_vm_readv 310 347 -     pid:pid local_iov:iovec_filled=liovcnt liovcnt:size remote_iov:iovec_addr=riovcnt riovcnt:size flags:size
process_vm_writev 311 348 -     pid:pid local_iov:iovec=liovcnt liovcnt:size remote_iov:iovec_addr=riovcnt riovcnt:size flags:size
kcmp             312 349 -     pid1:pid pid2:pid type:enum=kcmp_types idx1:kcmp_idx idx2:kcmp_idx
finit_module     313 350 d     fd:fd param_values:str flags:flags=module_init_flags
sched_setattr    314 351 -     pid:pid attr:sched_attr flags:uint
sched_getattr    315 352 -     pid:pid attr:>sched_attr=size size:uint flags:uint
renameat2        316 353 df    olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:flags=rename_flags
seccomp          317 354 -     operation:enum=seccomp_ops flags:seccomp_flags args:seccomp_arg
getrandom        318 355 -     buf:>bytes=ret buflen:size flags:flags=getrandom_flags
memfd_create     319 356 d     name:str flags:memfd_flags -> fd
kexec_file_load  320   - d     kernel_fd:fd initrd_fd:fd cmdline_len:size cmdline:bytes=cmdline_len flags:flags64=kexec_file_flags
bpf              321 357 d     cmd:enum=bpf_commands attr:bpf_attr size:uint
execveat         322 358 dfp   dirfd:dirfd path:path argv:argv envp:envp flags:flags=at_flags
userfaultfd      323 374 d     flags:flags=uffd_flags -> fd
membarrier       324 375 -     cmd:enum=membarrier_cmds flags:flags=membarrier_flags cpu_id:membarrier_cpu
mlock2           325 376 m     addr:ptr length:size flags:flags=mlock_flags
copy_file_range  326 377 d     fd_in:fd off_in:offset_in fd_out:fd off_out:offset_in len:size flags:uint
preadv2          327 378 d     fd:fd iov:iovec_filled=iovcnt iovcnt:size offset:off offset_high:hi64 flags:flags=rwf_flags
pwritev2         328 379 d     fd:fd iov:iovec=iovcnt iovcnt:size offset:off offset_high:hi64 flags:flags=rwf_flags
pkey_mprotect    329 380 m     addr:ptr length:size prot:flags64=mmap_prot pkey:int
pkey_alloc       330 381 -     flags:hex access_rights:flags64=pkey_access
pkey_free        331 382 -     pkey:int
statx            332 383 dfT   dirfd:dirfd path:path flags:statx_flags mask:flags=statx_masks statxbuf:>statx
io_pgetevents    333 385 -     ctx:ptr min_nr:long nr:long events:>io_events=ret timeout:timespec usig:pselect_sig
rseq             334 386 -     rseq:hex rseq_len:hex flags:hex sig:hex
uretprobe        335   - -
uprobe           336   - -
pidfd_send_signal 424 424 dps   pidfd:fd sig:sig info:siginfo flags:flags=pidfd_send_signal_flags
io_uring_setup   425 425 d     entries:uint params:io_uring_params -> fd
io_uring_enter   426 426 ds    fd:fd to_submit:uint min_complete:uint flags:flags=uring_enter_flags sig:sigset=sigsz sigsz:size
io_uring_register 427 427 dm    fd:fd opcode:enum=uring_register_opcodes arg:uring_register_arg=nr_args nr_args:uint
open_tree        428 428 df    dirfd:dirfd path:path flags:flags=open_tree_flags -> fd
move_mount       429 429 df    from_dirfd:dirfd from_path:path to_dirfd:dirfd to_path:path flags:flags=move_mount_flags
fsopen           430 430 d     fsname:str flags:flags=fsopen_flags -> fd
fsconfig         431 431 df    fd:fd cmd:enum=fsconfig key:fsconfig_arg value:fsconfig_arg aux:fsconfig_arg
fsmount          432 432 d     fs_fd:fd flags:flags=fsmount_flags attr_flags:flags=mount_attr_flags -> fd
fspick           433 433 df    dirfd:dirfd path:path flags:flags=fspick_flags -> fd
pidfd_open       434 434 d     pid:pid flags:flags=pidfd_open_flags -> fd
clone3           435 435 p     cl_args:clone_args=size size:size
close_range      436 436 D     first:uint last:uint flags:flags=close_range_flags
openat2          437 437 df    dirfd:dirfd path:path how:open_how=size size:size -> fd
pidfd_getfd      438 438 d     pidfd:fd targetfd:int flags:flags=zero -> fd
faccessat2       439 439 df    dirfd:dirfd path:path mode:flags=access flags:flags=faccessat_flags
process_madvise  440 440 dM    pidfd:fd vec:iovec_addr=vlen vlen:size advice:enum=madvise flags:flags=zero
epoll_pwait2     441 441 d     epfd:fd events:>epoll_events=ret maxevents:int timeout:>timespec64 sigmask:>sigset=sigsetsize sigsetsize:size
mount_setattr    442 442 df    dirfd:dirfd path:path flags:flags=mount_setattr_flags uattr:mount_attr_sized=usize usize:size
quotactl_fd      443 443 d     fd:fd cmd:quota_cmd id:quota_arg=id addr:quota_arg=addr
landlock_create_ruleset 444 444 d     attr:landlock_ruleset_attr=size size:size flags:flags=landlock_create_flags -> fd
landlock_add_rule 445 445 d     ruleset_fd:fd rule_type:enum=landlock_rule_types rule_attr:landlock_rule flags:flags=zero
landlock_restrict_self 446 446 d     ruleset_fd:fd flags:flags=zero
memfd_secret     447 447 d     flags:flags_plain=memfd_secret_flags -> fd
process_mrelease 448 448 dM    pidfd:fd flags:flags=zero
futex_waitv      449 449 -     waiters:futex_waiters=nr_futexes nr_futexes:uint flags:flags=zero timeout:timespec64 clockid:clockid
set_mempolicy_home_node 450 450 m     start:ptr len:size home_node:size flags:flags64=zero
cachestat        451 451 d     fd:fd cstat_range:cachestat_range cstat:>cachestat flags:flags=zero
fchmodat2        452 452 df    dirfd:dirfd path:path mode:mode flags:flags=at_flags
map_shadow_stack 453 453 m     addr:ptr size:size flags:flags=shadow_stack_flags -> hex
futex_wake       454 454 -     uaddr:ptr mask:futex2_mask nr:int flags:futex2_flags
futex_wait       455 455 -     uaddr:ptr val:size mask:futex2_mask flags:futex2_flags timeout:timespec64 clockid:clockid
futex_requeue    456 456 -     waiters:futex_waiters=2 flags:flags=zero nr_wake:int nr_requeue:int
statmount        457 457 -     req:mnt_stat_req buf:>statmount=bufsize bufsize:size flags:hex32
listmount        458 458 -     req:mnt_list_req mnt_ids:>id_list nr_mnt_ids:size flags:flags=listmount_flags
lsm_get_self_attr 459 459 -     attr:enum=lsm_attr ctx:lsm_ctx_got=size size:size_inout flags:flags=lsm_flags
lsm_set_self_attr 460 460 -     attr:enum=lsm_attr ctx:lsm_ctx=size size:uint flags:hex32
lsm_list_modules 461 461 -     ids:>lsm_id_list size:size_inout flags:hex32
mseal            462 462 m     addr:ptr length:size flags:flags64=zero
setxattrat       463 463 df    dirfd:dirfd path:path at_flags:flags=at_flags name:str uargs:xattr_args=usize usize:size
getxattrat       464 464 df    dirfd:dirfd path:path at_flags:flags=at_flags name:str uargs:xattr_args=usize usize:size
listxattrat      465 465 df    dirfd:dirfd path:path at_flags:flags=at_flags list:>bytes=ret size:size
removexattrat    466 466 df    dirfd:dirfd path:path at_flags:flags=at_flags name:str
open_tree_attr   467 467 df    dirfd:dirfd path:path flags:flags=open_tree_flags uattr:mount_attr_sized=usize usize:size -> fd
file_getattr     468 468 df    dirfd:dirfd path:path ufattr:>file_attr_sized=usize usize:size at_flags:flags=at_flags
file_setattr     469 469 df    dirfd:dirfd path:path ufattr:file_attr_sized=usize usize:size at_flags:flags=at_flags
listns           470 470 -     req:ns_request ns_ids:>id_list nr_ns_ids:size flags:hex32
rseq_slice_yield 471 471 -
"""
