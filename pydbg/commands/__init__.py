"""The commands: one table of rows, from which help, completion and the docs are derived."""
