"""C expressions: parse once, then evaluate, compile to a closure, and print as gdb prints."""
