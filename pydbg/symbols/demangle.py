"""Turn mangled C++ and Rust names into what people write.

C++ is spelt as ``__cxa_demangle`` of the C++ runtime library does, whose words are gdb's;
pydemumble knows both Rust schemes, and C++ where that library is not installed. (Without
pydemumble the library still reads old Rust names, whose hash is cut off here.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from pydbg.patterns import lazy_pattern
from pydbg.symbols.cplusnames import canonical, without_arguments

__all__ = [
    "base_name",
    "demangle",
    "frame_name",
    "is_rust",
    "mangled_needles",
    "matches",
    "without_result",
]

_RUST_HASH = lazy_pattern(r"::h[0-9a-f]{16}$")
_RUST_ESCAPES = {
    "$SP$": "@", "$BP$": "*", "$RF$": "&", "$LT$": "<", "$GT$": ">", "$LP$": "(", "$RP$": ")",
    "$C$": ",",
}  # fmt: skip
_RUST_ESCAPE = lazy_pattern(r"\$(?:SP|BP|RF|LT|GT|LP|RP|C|u[0-9a-f]{1,6})\$")
_CLOSERS = lazy_pattern(r"(?<!operator)>(?=>)")
_CLONE = lazy_pattern(
    r"(?P<head>\w+(?:\.(?:constprop|isra|part|lto_priv)(?:\.\d+(?=\.(?!cold$)[a-z]))?)*)"
    r"(?:\.\d+)?(?P<cold>\.cold)?",
    re.ASCII,
)
"""gcc's names for clones, parts and cold halves of functions, and for statics in functions."""
_UNREADABLE = lazy_pattern(
    r"\{|\[abi:|decltype|operator\"\"|<>|, ,|(?<!operator)>>|(?<!anonymous namespace)\)(?: \w+)*::"
    r"|\)(?: \w+)* &&?$|[\w>*&\]] \((?!anonymous namespace|[*&]|[^()]*::\*[&]*\))"
)
"""What gdb's reader of C++ names gives up at (cp-name-parser.y): lambdas, tags, local classes,
function types as arguments (``function<int (char)>``), qualifiers of ``this`` that are references.
"""
_ABBREVIATED = {
    "allocator": b"Sa", "basic_string": b"Ss", "basic_istream": b"Si", "basic_ostream": b"So",
    "basic_iostream": b"Sd",
}  # fmt: skip
"""What mangled names spell shorter (Itanium C++ ABI, 5.1.10)."""
_TRAITS = "char, std::char_traits<char>"
_IN_FULL = {
    "string": f"std::basic_string<{_TRAITS}, std::allocator<char> >",
    "istream": f"std::basic_istream<{_TRAITS} >",
    "ostream": f"std::basic_ostream<{_TRAITS} >",
    "iostream": f"std::basic_iostream<{_TRAITS} >",
}
_SHORT = lazy_pattern(r"\bstd::(string|istream|ostream|iostream)\b(>?)")
_MAX_NAME = 1 << 16
"""Longer names are left as they are: a demangler's work can grow faster than its input."""


def is_rust(name: str) -> bool:
    """Tell a name in one of the two Rust manglings.

    >>> is_rust("_RNvCs1234_5hello4main"), is_rust("_ZN2ns1fEi"), is_rust("main")
    (True, False, False)
    """
    return name.startswith("_R") or _is_rust_legacy(name)


@lru_cache(maxsize=8192)
def demangle(name: str) -> str:
    """Demangle a symbol name; what is not mangled, or wrongly, comes back as it is.

    >>> demangle("_ZN2ns1fEi")
    'ns::f(int)'
    >>> demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE")
    'core::fmt::Formatter::pad'
    >>> demangle("main"), demangle("work.constprop.0"), demangle("work.cold")
    ('main', 'work.constprop', 'work[cold]')
    >>> demangle("_ZNSolsEi")
    'std::basic_ostream<char, std::char_traits<char> >::operator<<(int)'
    """
    if "." in name:
        name = _without_clone(name)
    if not name.startswith(("_Z", "_R")) or len(name) > _MAX_NAME or not name.isascii():
        return name
    if "@" in name:  # a PLT stub or a version, which is not part of the mangling
        head, at, tail = name.partition("@")
        return demangle(head) + at + tail
    text, dot, clone = name.partition(".") if name.startswith("_ZN") else (name, "", "")
    if dot and _is_rust_legacy(text) and clone.startswith("llvm."):
        name = text  # rustc's ThinLTO suffix says nothing to people
    result = _demangler()(name)
    if not result:
        return name
    if _is_rust_legacy(name):
        result = _RUST_HASH.sub("", result)
        if "$" in result or ".." in result:
            result = _rust_unescape(result)
    return result


def _without_clone(name: str) -> str:
    """Spell what gcc appends to a name as gdb does, whose Ada rules come last for all.

    Those rules (ada_decode in ada-lang.c) know no upper case and no leading underscore; Go's
    names, full of dots, are left alone.

    >>> _without_clone("f.part.0.cold"), _without_clone("F.cold"), _without_clone("counter.2")
    ('f.part[cold]', 'F.cold', 'counter')
    """
    match = _CLONE.fullmatch(name)
    if match is None or name[0] in "_<" or name.lower() != name:
        return name
    cold = "[cold]" if match["cold"] else ""
    return match["head"] + cold


def go_data_label(name: str) -> str:
    """Spell the symbol of a variable of Go as gdb shows it behind an address.

    gdb takes the last word for a suffix of Ada's (remove_compiler_suffix in ada-lang.c), and of
    names that begin with ``go.`` shows the last two (go_demangle in go-lang.c).

    >>> go_data_label("main.total"), go_data_label("go.itab.*main.failure,error")
    ('main[total]', '*main.failure,error')
    >>> go_data_label("runtime.m0"), go_data_label("os.File.x"), go_data_label("x.gobytes.4")
    ('runtime.m0', 'os.File.x', 'x.gobytes')
    """
    head, _, last = name.rpartition(".")
    if name.startswith("go.") and "." in name[3:] and last and not head.endswith("."):
        return ".".join(name.rsplit(".", 2)[-2:])
    if not head or name[0] in "_<" or head.lower() != head or " " in head:
        return name
    if last.isascii() and last.isalpha():
        return f"{head}[{last}]"
    return head if last.isdigit() and last.isascii() else name


def base_name(demangled: str) -> str:
    """Cut the parameters (and what follows them) off a demangled name.

    >>> base_name("ns::f(int) const"), base_name("operator()(int)"), base_name("main")
    ('ns::f', 'operator()', 'main')
    >>> base_name("(anonymous namespace)::f"), base_name("(anonymous namespace)::f(int)")
    ('(anonymous namespace)::f', '(anonymous namespace)::f')
    >>> base_name("C<(E)2>::f"), base_name("C<(E)2>::f(int)")
    ('C<(E)2>::f', 'C<(E)2>::f')
    """
    close = demangled.rfind(")")
    if close < 0 or demangled.startswith("::", close + 1) or ">" in demangled[close:]:
        return demangled
    depth = 0
    for at in range(close, -1, -1):
        char = demangled[at]
        if char == ")":
            depth += 1
        elif char == "(":
            depth -= 1
            if depth == 0:
                head = demangled[:at]
                return demangled if not head or head.endswith("operator") else head
    return demangled


def without_result(demangled: str) -> str:
    """Cut the result type off a template function's name.

    >>> without_result("int geo::mul<int>(int, int)"), without_result("f(int)")
    ('geo::mul<int>(int, int)', 'f(int)')
    >>> without_result("char const (&ns::same<char const (&) [4]>(int)) [4]")
    'ns::same<char const (&) [4]>(int)'
    """
    demangled = _without_result_around(demangled)
    return demangled[_after_return_type(base_name(demangled)) :]


def _without_result_around(demangled: str) -> str:
    """Take a name out of a result that is a pointer or reference to an array or function."""
    start = demangled.find(" (")
    while start >= 0:
        head = demangled[:start]
        if head.count("<") == head.count(">") and head.count("(") == head.count(")"):
            if demangled[start + 2] not in "*&" or head.endswith("operator"):
                return demangled
            break
        start = demangled.find(" (", start + 1)
    else:
        return demangled
    depth = 0
    for at in range(start + 1, len(demangled)):
        depth += (demangled[at] == "(") - (demangled[at] == ")")
        if depth == 0:
            return demangled[start + 2 : at].lstrip("*&") or demangled
    return demangled


def frame_name(name: str | None, linkage: str | None) -> str | None:
    """Return a function's name as gdb shows it in frames: its two names make one.

    Where a C function has a name for the linker only (``__GI___libc_write``), that one counts. In
    C++ the mangled name does, which tells the types of constants and what a pack stands for; its
    parameters are cut off where gdb can read it.

    >>> frame_name("get<0>", "_Z3getILm0EEvv"), frame_name("f", "_Z1fSt8functionIFvvEE")
    ('get<0ul>', 'f(std::function<void ()>)')
    >>> frame_name("write", "__GI___libc_write")
    '__GI___libc_write'
    """
    if linkage is None:
        return name
    if not linkage.startswith(("_Z", "_R")):
        return linkage
    if name is None or is_rust(linkage):
        return name
    whole = without_result(demangle(linkage))
    if whole == linkage:
        return name
    return whole if _UNREADABLE.search(whole) else base_name(whole)


def matches(demangled: str, wanted: str) -> bool:
    """Tell whether a user's name means a demangled one.

    Leading scopes, parameters and template arguments may be left out, and a template's
    return type is no part of its name; spaces do not count.

    >>> name = "int ns::tw<int>(int)"
    >>> [matches(name, w) for w in ("ns::tw", "tw", "tw<int>", "ns::tw<int>(int)", "w", "ns")]
    [True, True, True, True, False, False]
    >>> matches("A<char>::f(char const*)", "A::f"), matches("f(char const*)", "f(const char *)")
    (True, True)
    >>> matches("<geo::P>::norm", "geo::P::norm"), matches("run::<main::{closure#0}>", "run")
    (True, True)
    """
    wanted = canonical(wanted).replace(" ", "")
    wanted_head = base_name(wanted)
    if "<" in wanted and wanted_head not in demangled.replace(" ", "") and demangled[:1] != "<":
        return False  # Most are none: soon known.
    demangled = _without_result_around(demangled)
    head = base_name(demangled)
    start = _after_return_type(head)
    rest = demangled[len(head) :]
    head = head[start:].replace(" ", "")
    if wanted_head != wanted:
        rest = rest.replace(" ", "")
    else:
        rest = ""
    forms = [head]
    if head.endswith(">") and "operator" not in head.rsplit("::", 1)[-1]:
        forms.append(_without_arguments(head))
    if "<" in head and "<" not in wanted and not head.startswith("<"):
        forms.append(without_arguments(head))
    if head.startswith("<") and ">::" in head and "as" not in demangled.split():
        forms += [form[1:].replace(">::", "::", 1) for form in forms]
    return bool(wanted) and any(
        form + rest == wanted or (form + rest).endswith("::" + wanted) for form in forms
    )


def mangled_needles(name: str) -> list[bytes]:
    """Give what one of is in every mangled name, or before it, that may demangle to ``name``.

    Both manglings spell an identifier with its length before it; only names without one
    (operators) may be in any mangled name.

    >>> mangled_needles("ns::f<int>"), mangled_needles("operator new")
    ([b'1f'], [b'\\x00_Z'])
    """
    head = base_name(name) if "(" in name else name
    words, last = [head], head
    if not head.isidentifier():
        words = re.findall(r"[A-Za-z_$][\w$]*", re.sub(r"<.*>|operator.*|\[.*?\]", "", head))
        last = re.sub(r"<.*", "", head).split("::")[-1].lstrip("~")
    if not words or not head.isascii():
        return [b"\0_Z"] if "operator" in head else []
    word = last if words[-1] == last else words[-1]
    needles = [b"%d%s" % (len(word), word.encode())]
    if word in _ABBREVIATED:  # Its constructors and destructors
        needles.append(_ABBREVIATED[word])
    if word.startswith("_"):  # Rust v0 sets an underscore between the two
        needles.append(b"%d_%s" % (len(word), word.encode()))
    return needles


def _after_return_type(head: str) -> int:
    """Find where the name begins in ``int ns::tw<int>``."""
    if not head.endswith(">") or head.startswith("<"):
        return 0
    depth, start = 0, 0
    for at, char in enumerate(head):
        if char in "<([{":
            depth += 1
        elif char in ">)]}":
            depth -= 1
        elif char == " " and depth == 0:
            if head.endswith("operator", 0, at):
                break
            start = at + 1
    return start


def _without_arguments(head: str) -> str:
    """Cut the last ``<...>`` (Rust: ``::<...>``) off a name."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == ">") - (head[at] == "<")
        if depth == 0:
            return head[:at].removesuffix("::")
    return head


def _is_rust_legacy(name: str) -> bool:
    return name.startswith("_ZN") and re.search(r"17h[0-9a-f]{16}E", name) is not None


def _rust_unescape(text: str) -> str:
    """Undo the escapes of rustc's legacy mangling (rustc_symbol_mangling/src/legacy.rs)."""

    def one(match: re.Match[str]) -> str:
        word = match.group()
        return _RUST_ESCAPES.get(word) or chr(min(int(word[2:-1], 16), 0x10FFFF))

    parts = [p[1:] if p.startswith("_$") else p for p in text.split("::")]
    return _RUST_ESCAPE.sub(one, "::".join(parts)).replace("..", "::")


@cache
def _demangler() -> Callable[[str], str]:
    """Return what demangles: for C++ the library gdb has its spelling from, if it is there."""
    cxx = _cxa_demangler()
    try:
        import pydemumble
    except ImportError:
        return cxx
    rust: Callable[[str], str] = pydemumble.demangle

    def run(name: str) -> str:
        if is_rust(name):
            return rust(name)
        return cxx(name) or _CLOSERS.sub("> ", rust(name))

    return run


def _cxa_demangler() -> Callable[[str], str]:
    import ctypes

    try:
        runtime = ctypes.CDLL("libstdc++.so.6")
        libc = ctypes.CDLL(None)
    except OSError:
        return lambda name: ""
    function = runtime.__cxa_demangle
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    free = libc.free
    free.argtypes = [ctypes.c_void_p]
    free.restype = None

    def one(match: re.Match[str]) -> str:
        return _IN_FULL[match[1]] + (match[2] and " >")

    def run(name: str) -> str:
        text = demangled(name)
        # What has an abbreviation of its own gdb shows in full (DMGL_VERBOSE).
        return _SHORT.sub(one, text) if "std::" in text else text

    def demangled(name: str) -> str:
        pointer = function(name.encode(), None, None, None)
        if not pointer:
            return ""
        try:
            return ctypes.string_at(pointer).decode("utf-8", "backslashreplace")
        finally:
            free(pointer)

    return run
