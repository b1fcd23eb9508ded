"""``pydbg trace``: what a program asks of the kernel, line by line, as strace shows it."""
