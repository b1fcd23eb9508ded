"""Scripts beside gdb: the same file must print the same text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import command, environment

SCRIPTS = {
    "define": """\
define foo
 echo foo $argc $arg0\\n
 if $argc > 1
  printf "%d\\n", $arg1 * 2
 else
  echo one\\n
 end
end
foo 1
foo "a b" 2
foo 'a b' 3 4
foo (1 + 2) 5
define outer
 define inner_command
  echo inner $arg0 $argc\\n
 end
 inner_command zz
 foo $arg0 $arg1
 foo $arg0
end
outer q 3 r
inner_command x y z
define-prefix my
define my word
 echo my word $arg0\\n
end
my word 5
my wor 6
define foo
 echo another\\n
end
foo
show user foo
""",
    "show user": """\
define long
 # a comment
 if $argc
   echo a\\n
 else
   while 0
     echo b\\n
   end
 end
 python
if 1:
    print(2)
 end
end
show user long
""",
    "control": """\
set $i = 0
while $i < 5
 set $i = $i + 1
 if $i == 2
  loop_continue
 end
 if $i == 4
  loop_break
 end
 printf "i=%d\\n", $i
end
while $i > 0
 set $j = 3
 while 1
  set $j = $j - 1
  if $j == 0
   loop_break
  end
  printf "%d.%d ", $i, $j
 end
 set $i = $i - 1
end
echo \\n
if 0
 echo no\\n
else
 if 1
  echo yes\\n
 else
  echo no\\n
 end
end
if $_isvoid($never)
 # only a comment
end
""",
    "pipe": """\
pipe echo hi\\n | tr h H
| printf "%d\\n", 5 | sed s/5/6/ | tr 6 7
pipe -d : print 1 | 2 : cat
pipe print 5 | exit 7
print $_shell_exitcode
shell exit 3
print $_shell_exitcode
!exit 0
print $_shell_exitcode
shell kill -9 $$
print $_shell_exitsignal
print $_shell_exitcode
""",
    "alias": """\
alias zz = print
zz 5
zz/x 255
alias pv = print 1 +
pv 2
alias -a hidden = echo hidden
hidden word\\n
""",
    "with": """\
with print elements 3 -- print "abcdef"
with language c -- print 1
with pagination on -- with print elements 2 -- print "abc"
show print elements
w print elements 4 -- print "abcdef"
""",
    "hooks": """\
define hook-echo
printf "<"
end
define hookpost-echo
printf ">\\n"
end
echo in
define hook-stop
printf "stop\\n"
end
break inner
commands
 silent
 printf "body\\n"
end
run
delete
stepi
continue
""",
    "commands": """\
break inner
commands
 silent
 set $n = $n + 1
 if $n < 3
  printf "hit %d\\n", $n
  continue
 else
  printf "last\\n"
 end
end
set $n = 0
run
print $n
python print(6 * 7)
python
for i in range(2):
    print(i)
end
eval "print %d + %d", 3, 4
""",
    "trace": """\
define k
 echo k $arg0\\n
end
set trace-commands on
k 2
if 1
 if 1
  k 3
 end
end
set trace-commands off
echo quiet\\n
""",
    "logging": """\
show logging file
show logging enabled
set logging file FOLDER/log
set logging overwrite on
set logging redirect on
show logging overwrite
show logging redirect
echo before\\n
set logging enabled on
show logging enabled
print 1
set logging enabled off
print 2
shell cat FOLDER/log
""",
}

_ONLY_GDB = re.compile(
    r"^(Using host libthread_db|Copying debug output).*\n"
    r"|^\[Thread debugging using.*\n",
    re.MULTILINE,
)


def _output(line: list[str | Path]) -> str:
    done = subprocess.run(
        [str(word) for word in line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        timeout=100,
        check=False,
    )
    text = _ONLY_GDB.sub("", done.stdout)
    text = re.sub(r"process \d+", "process N", text)
    # An error has its own words there, and the place comes before it here.
    text = re.sub(r"^\S+:\d+: Error in sourced command file:\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\[Inferior 1 \(process N\) killed\]\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^/\S+:\d+: ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^  called from .*\n", "", text, flags=re.MULTILINE)
    return text.replace("gdb.txt", "pydbg.txt")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_prints_in_gdb(name: str, tmp_path: Path) -> None:
    program = build("plain.c", "pie")
    script = tmp_path / "script"
    script.write_text(SCRIPTS[name].replace("FOLDER", str(tmp_path)))
    gdb = _output(["gdb", "-nx", "-batch", "-x", script, program])
    ours = _output([*command("--batch", "-x", script, program)])
    assert ours == gdb


def test_source_verbose(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("define k\n echo k $arg0\\n\nend\nk 1\nif 1\necho x\\n\nend\n")
    outer.write_text(f"source -v {inner}\necho quiet\\n\n")
    assert _output([*command("--batch", "-x", outer)]) == _output(
        ["gdb", "-nx", "-batch", "-x", outer]
    )
