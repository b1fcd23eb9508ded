# fish completion for pydbg
# Made by `python -m pydbg.ui.manual docs/share`: change the tables instead.

complete -c pydbg -n __fish_is_first_arg -a doctor
complete -c pydbg -n __fish_is_first_arg -a report
complete -c pydbg -n __fish_is_first_arg -a seccomp
complete -c pydbg -n __fish_is_first_arg -a test
complete -c pydbg -n __fish_is_first_arg -a trace
complete -c pydbg -l args -d 'Arguments after the program are passed to it.'
complete -c pydbg -l batch -d 'Run the commands given, then leave; nothing is asked.'
complete -c pydbg -o cd -x -a '(__fish_complete_directories)' -d 'Change the working directory to DIR.'
complete -c pydbg -l command -s x -r -F -d 'Run the commands in FILE.'
complete -c pydbg -l core -s c -r -F -d 'Look at the core dump FILE.'
complete -c pydbg -s d -l directory -x -a '(__fish_complete_directories)' -d 'Search for source files in DIR.'
complete -c pydbg -l eval-command -o ex -x -a 'advance alias apropos attach awatch backtrace break call capture-output catch cd changed clear commands condition context continue core-file define define-prefix delete demangle deny detach directory disable disassemble display document dont-repeat down down-silently dprintf echo edit else enable end eval expect expect-output expect-stop faas file find finish frame generate-core-file goroutine handle hbreak help hexdump if ignore inferior info init-if-undefined inject interrupt jump kill list loop_break loop_continue make next nexti output pipe print printf ptype pwd python quit rbreak record restore return reverse-search run rwatch search select-frame set shell show signal skip source start starti step stepcall stepi stepjump stepret stepsys syscall taas tbreak tcatch telescope tfaas thbreak thread trace try undeny undisplay uninject unset until up up-silently watch whatis while with x' -d 'Run COMMAND.'
complete -c pydbg -l exec -s e -o se -l symbols -s s -r -F -d 'Debug the program FILE.'
complete -c pydbg -l exec-status -d 'Like --return-child-result, but die of the program\'s signal.'
complete -c pydbg -l help -s h -d 'Show this text.'
complete -c pydbg -l inferior-stderr -r -F -d 'The program\'s stderr goes to FILE (null: nowhere).'
complete -c pydbg -l inferior-stdout -r -F -d 'The program\'s stdout goes to FILE (null: nowhere).'
complete -c pydbg -l init-command -o ix -r -F -d 'Like -x, before the program is loaded.'
complete -c pydbg -l init-eval-command -l iex -x -a 'advance alias apropos attach awatch backtrace break call capture-output catch cd changed clear commands condition context continue core-file define define-prefix delete demangle deny detach directory disable disassemble display document dont-repeat down down-silently dprintf echo edit else enable end eval expect expect-output expect-stop faas file find finish frame generate-core-file goroutine handle hbreak help hexdump if ignore inferior info init-if-undefined inject interrupt jump kill list loop_break loop_continue make next nexti output pipe print printf ptype pwd python quit rbreak record restore return reverse-search run rwatch search select-frame set shell show signal skip source start starti step stepcall stepi stepjump stepret stepsys syscall taas tbreak tcatch telescope tfaas thbreak thread trace try undeny undisplay uninject unset until up up-silently watch whatis while with x' -d 'Like -ex, before the program is loaded.'
complete -c pydbg -l json -r -F -d 'Write events as JSON Lines to FILE, or to the descriptor fd:N.'
complete -c pydbg -l keep-going -d 'Run on after an error; the exit status is still 1.'
complete -c pydbg -l log-fd -x -d 'pydbg\'s own text goes to the descriptor N.'
complete -c pydbg -l normalise -d 'Show what addresses, pids, temporary paths are, not their values.'
complete -c pydbg -o nx -s n -o nh -d 'Do not read the init file.'
complete -c pydbg -l on-crash -x -a 'report' -d 'Explain a signal that kills the program on stderr.'
complete -c pydbg -l on-eof -x -a 'kill detach continue' -d 'What becomes of a live program: kill, detach, continue.'
complete -c pydbg -l output -r -F -d 'pydbg\'s own text goes to FILE, not to stdout.'
complete -c pydbg -l pid -s p -x -a '(__fish_complete_pids)' -d 'Attach to the process PID.'
complete -c pydbg -l quiet -s q -l silent -d 'Do not show the greeting.'
complete -c pydbg -l require-hit -x -d 'Exit with 1 if a breakpoint (number N) was never hit.'
complete -c pydbg -l return-child-result -d 'Exit with the program\'s exit status; 128 + N when a signal N killed it.'
complete -c pydbg -l timeout -x -d 'After SECS show all stacks, kill the program, exit 124.'
complete -c pydbg -l tty -s t -r -F -d 'The program reads and writes the terminal DEVICE.'
complete -c pydbg -l version -s v -d 'Show the version.'
