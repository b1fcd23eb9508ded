"""Core dumps: read as an inferior that cannot run, and written of one that does.

``notes`` and ``memory`` know the file, ``inferior`` offers it as target.Inferior and Thread do,
``opening`` joins it with a program and the debugger, ``writing`` is ``generate-core-file``.
"""
