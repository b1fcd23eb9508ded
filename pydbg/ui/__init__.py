"""The front ends: scripts and batch, the prompt, and the command line's options."""
