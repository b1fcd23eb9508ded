"""Speed of pydbg beside gdb's, measured in one run. Run by hand: ``python -m tests.benchmarks``."""
