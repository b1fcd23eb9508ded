"""One thin, typed function per Linux facility: ptrace, wait, memory, /proc, fork and exec."""
