"""Commands that users define: define, document, show user, aliases, hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.commands import kinds
from pydbg.commands.lines import opens_block
from pydbg.commands.runner import UserCommand
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError
from pydbg.patterns import lazy_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydbg.commands.session import Session

GROUP = "user-defined"
_NAME = lazy_pattern(r"[A-Za-z0-9_.-]+")
_HOOK = lazy_pattern(r"(hook|hookpost)-(.+)")
_ARGS = (Arg("ARG", kinds.TEXT, optional=True),)


def _before_define(session: Session, parsed: Parsed) -> str:
    name = _new_name(session, parsed["NAME"])
    _may_replace(session, name)
    return f'Type commands for definition of "{name}".'


def define(session: Session, parsed: Parsed) -> None:
    """Define a command."""
    name = _new_name(session, parsed["NAME"])
    user = UserCommand(name, parsed.body)
    hook = _hooked(session, name)

    def run(session: Session, parsed: Parsed) -> None:
        session.call(user, parsed.text)

    old = session.user_commands.get(name)
    row = session.commands[name] if old is not None and name in session.commands else None
    summary = row.summary if row is not None else "User-defined."
    session.commands.add(
        Command(
            name,
            group=GROUP,
            summary=summary,
            help=row.help if row is not None else "",
            args=_ARGS,
            run=run,
        )
    )
    session.user_commands[name] = user
    if hook is not None:
        session.hooks[hook] = user


def _new_name(session: Session, text: str) -> str:
    words = text.split()
    for at, word in enumerate(words):
        if not _NAME.fullmatch(word):
            raise UsageError(f'Junk in the name of a command: "{word}".')
        if at < len(words) - 1:
            # The words before the last are those of a prefix, which may be abbreviated.
            found = session.commands.find(" ".join(words[:at]), word)
            above = " ".join(words[: at + 1])
            if found is None:
                raise UsageError(f'Undefined command: "{above}".  Try "help".')
            if not session.commands.has_below(found.name) and not found.prefix:
                raise UsageError(f'"{found.name}" is not a prefix command.')
            words[: at + 1] = found.name.split()
    return " ".join(words)


def _may_replace(session: Session, name: str) -> None:
    if name in session.user_commands:
        question = f'Redefine command "{name}"?'
    elif name in session.commands and session.commands[name].group != GROUP:
        question = f'Really redefine built-in command "{name}"?'
    else:
        return
    if not session.confirm(question):
        raise CommandError(f'Command "{name}" not redefined.')


def _hooked(session: Session, name: str) -> tuple[str, str] | None:
    """Return what a command of this name hooks: when, and which command."""
    above, _, word = name.rpartition(" ")
    found = _HOOK.fullmatch(word)
    if not found:
        return None
    if not above and found[2] == "stop":
        return found[1], "stop"
    target = f"{above} {found[2]}".strip()
    row = session.commands.find(above, found[2])
    if row is None or (row.name != target and found[2] not in row.aliases):
        session.warn(f"warning: Your new `{name}' command does not hook any existing command.")
        if not session.confirm("Proceed?"):
            raise CommandError("Not confirmed.")
        return found[1], target
    return found[1], row.name


def define_prefix(session: Session, parsed: Parsed) -> None:
    """Make a word that other defined commands begin with."""
    name = _new_name(session, parsed["NAME"])
    if name in session.commands:
        if session.commands[name].prefix:
            return
        _may_replace(session, name)
    session.commands.add(Command(name, group=GROUP, summary="User-defined.", prefix=True))


def _documented(session: Session, parsed: Parsed) -> Command:
    found = session.commands.resolve(parsed["NAME"])
    row = found.command
    if row.group != GROUP or found.text:
        name = f"{row.name} {found.text}".strip()
        raise UsageError(f'Command "{name}" is built-in.')
    return row


def _before_document(session: Session, parsed: Parsed) -> str:
    _documented(session, parsed)
    return f'Type documentation for "{parsed["NAME"]}".'


def document(session: Session, parsed: Parsed) -> None:
    """Give a user-defined command its help."""
    row = _documented(session, parsed)
    lines = [line.rstrip() for line in parsed.body]
    first, rest = (lines[0].strip(), lines[1:]) if lines else ("User-defined.", [])
    session.commands.add(row._replace(summary=first, help="\n".join(rest).strip("\n")))


def show_user(session: Session, parsed: Parsed) -> str:
    """Show definitions."""
    text = parsed["NAME"]
    users = session.user_commands
    if text is None:
        chosen = [users[name] for name in sorted(users)]
    else:
        row = session.commands.resolve(text).command
        if row.name not in users:
            raise UsageError(f'"{row.name}" is not a user-defined command.')
        chosen = [users[row.name]]
    return "".join(
        f'User command "{one.name}":\n' + "".join(indented(one.body)) + "\n" for one in chosen
    )


def indented(body: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a body, those of a block two columns in.

    >>> list(indented(["if 1", "bt", "else", "up", "end"]))
    ['  if 1\\n', '    bt\\n', '  else\\n', '    up\\n', '  end\\n']
    """
    depth = 1
    verbatim = False
    for line in body:
        text = line.strip()
        if verbatim and text != "end":
            yield line + "\n"
            continue
        if not text or text.startswith("#"):
            continue
        if text in ("end", "else"):
            depth -= 1
        yield "  " * max(depth, 0) + text + "\n"
        word = opens_block(text)
        verbatim = word in ("python", "py", "document")
        if word or text == "else":
            depth += 1


def dont_repeat(session: Session, parsed: Parsed) -> None:
    """Keep Enter from repeating the user-defined command that is running."""
    session.forget_repeat()


# --- alias ---------------------------------------------------------------------------------


def alias(session: Session, parsed: Parsed) -> None:
    """Give a command another name."""
    left, equal, right = parsed["NAME = COMMAND"].partition("=")
    words, right = left.split(), right.strip()
    hide = bool(words) and words[0] == "-a"
    words = words[1:] if hide else words
    words = words[1:] if words[:1] == ["--"] else words
    if not equal or not words or not right:
        raise UsageError("Usage: alias [-a] [--] ALIAS = COMMAND [DEFAULT-ARGS...]")
    name = " ".join(words)
    for word in words:
        if not _NAME.fullmatch(word) and word not in ("!", "|"):
            raise UsageError(f"Invalid command name: {word}")
    found = session.commands.resolve(right)
    target, parent = found.command, name.rpartition(" ")[0]
    if parent and session.commands.resolve(parent).text:
        raise UsageError(f'Undefined command: "{parent}".  Try "help".')
    if name in session.commands:
        raise CommandError(f"Alias {name} is the name of an existing command")
    if words[-1] in {one for row in session.commands.below(parent) for one in row.aliases}:
        raise CommandError(f"Alias already exists: {name}")
    if not found.text and target.parent == parent:
        session.commands.add(target._replace(aliases=(*target.aliases, words[-1])))
        return
    session.commands.add(_expanding(name, right, target, hidden=hide))


def _expanding(name: str, text: str, target: Command, *, hidden: bool) -> Command:
    """Return the row of an alias that stands for a command with some of its arguments."""

    def run(session: Session, parsed: Parsed) -> None:
        session.execute(f"{text} {parsed.text}".strip())

    return Command(
        name,
        group=target.group,
        summary=f"Alias of: {text}",
        help=target.summary,
        args=(Arg("ARGUMENTS", kinds.TEXT, optional=True),),
        repeat=target.repeat,
        example=name,
        extension=hidden,
        hidden=hidden,
        run=run,
    )


# --- rows ----------------------------------------------------------------------------------


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    name = Arg("NAME", kinds.TEXT, missing="Argument required (name of command to define).")
    return (
        Command(
            "define",
            summary="Define a command by the commands it runs, up to end.",
            help="$arg0, $arg1, ... are replaced by the words it is called with, and $argc by "
            "how many there are; words in quotes count as one.\n"
            "A command called hook-NAME runs before the command NAME, hookpost-NAME after it, "
            "and hook-stop before a stop is shown.\nDefinitions may be nested.",
            args=(name,),
            body=True,
            before=_before_define,
            example='define regs2\nprintf "%#lx %#lx\\n", $arg0, $arg1\nend',
            repeat="no",
            run=define,
        ),
        Command(
            "define-prefix",
            summary="Make a word with which names of defined commands may begin.",
            help="Afterwards define NAME WORD defines a command below it.",
            args=(name,),
            example="define-prefix my",
            repeat="no",
            run=define_prefix,
        ),
        Command(
            "document",
            summary="Write the help of a user-defined command, up to end.",
            help="The first line is its summary.",
            args=(name,),
            body=True,
            before=_before_document,
            example="document regs2\nPrint two registers.\nend",
            repeat="no",
            run=document,
        ),
        Command(
            "show user",
            group="status",
            summary="Show the definitions of user-defined commands.",
            help="Without a name those of all.",
            args=(Arg("NAME", kinds.COMMAND, optional=True),),
            example="show user",
            run=show_user,
        ),
        Command(
            "dont-repeat",
            summary="Keep Enter from repeating this command.",
            help="It is used inside of define.",
            example="dont-repeat",
            repeat="no",
            run=dont_repeat,
        ),
        Command(
            "alias",
            summary="Give a command another name.",
            help="With arguments after the command, the new name stands for the command with "
            "these arguments.\nWith -a the name is not listed by help and completion.",
            args=(
                Arg(
                    "NAME = COMMAND",
                    kinds.TEXT,
                    doc="the new name, and what it stands for",
                    missing="Usage: alias [-a] [--] ALIAS = COMMAND [DEFAULT-ARGS...]",
                ),
            ),
            example="alias px = print /x",
            repeat="no",
            run=alias,
        ),
    )
