"""Files to facts: ELF, symbols, lines, functions and call-frame information; no process."""
