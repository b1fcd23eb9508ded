"""seccomp profiles: read, judged, compiled, recorded, checked against a program that runs."""
