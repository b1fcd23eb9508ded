"""Knowledge of system calls, signals and errors: bytes in, values out, no process."""
