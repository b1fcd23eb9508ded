"""The names of all commands, by the module that has them; written by `naming`, not by hand.

Aliases follow a "="; "~" marks what help leaves out, "+" what gdb does not have.
"""

NAMES = {
    "applying": """
        frame apply; faas; taas; tfaas; up-silently; down-silently; select-frame
    """,
    "running": """
        run=r; start; starti; kill=k; attach; detach; continue=c,cont,fg; finish=fin; until=u;
        advance=adv; jump=j; interrupt; step=s; next=n; stepi=si; nexti=ni; stepsys+; stepcall+;
        stepret+; stepjump+
    """,
    "signals": """
        handle=ha; signal; info signals=sig; info handle
    """,
    "threads": """
        info threads=th; thread=t; thread name; thread find; thread apply; info inferiors; inferior
    """,
    "points": """
        break=b,br,bre,brea; tbreak=tb,tbr; hbreak=hb; thbreak=thb; rbreak=rb; info breakpoints=b;
        save breakpoints
    """,
    "dprintf": """
        dprintf
    """,
    "watch": """
        watch=wa; rwatch=rw; awatch=aw; info watchpoints=wat
    """,
    "pointchanges": """
        condition=cond; ignore=ig; enable=en; enable breakpoints; enable once; enable count; enable
        delete; disable=dis,disa; disable breakpoints; delete=d,del; delete breakpoints; clear;
        commands
    """,
    "catch": """
        catch=cat; catch syscall; catch fork; catch vfork; catch clone+; catch exec; catch exit+;
        catch seccomp+; catch throw; catch rethrow; catch catch; catch panic+; catch signal; catch
        load; catch unload; tcatch=tc; tcatch syscall; tcatch fork; tcatch vfork; tcatch clone+;
        tcatch exec; tcatch exit+; tcatch seccomp+; tcatch throw; tcatch rethrow; tcatch catch;
        tcatch panic+; tcatch signal; tcatch load; tcatch unload
    """,
    "data": """
        print=p,inspect; call; output; printf; echo; x; display=disp; undisplay=und; delete display;
        disable display; enable display; info display
    """,
    "registers": """
        info registers=r; info all-registers; info float; info vector
    """,
    "memory": """
        dump binary memory; dump memory; dump binary value; dump value; append binary memory; append
        binary value; restore; find; hexdump+; telescope+=tel
    """,
    "code": """
        disassemble=disas
    """,
    "values": """
        info locals=lo; info args=ar; info scope=sc; info vtbl; whatis; ptype
    """,
    "valuehistory": """
        show values; show convenience=conv
    """,
    "prettyprinters": """
        info type-printers; enable type-printer; disable type-printer; info pretty-printer; enable
        pretty-printer; disable pretty-printer
    """,
    "macros": """
        info macro; info macros; macro expand=exp; macro expand-once=exp1; macro define; macro
        undef; macro list
    """,
    "stack": """
        backtrace=bt,where; info stack=s; frame=f; frame level; frame function; frame address; info
        frame level; info frame function; up; down=dow,do; info frame=f
    """,
    "goroutines": """
        info goroutines+=gor; goroutine+
    """,
    "files": """
        demangle; info symbol=sym; info address=ar; info functions=fu; info variables=va; info
        types=ty; info line=li; info sharedlibrary=sh,dll; info files; info target
    """,
    "status": """
        info proc; info proc mappings; info proc cmdline; info proc cwd; info proc exe; info proc
        status; info proc stat; info proc all; info auxv; info program
    """,
    "cores": """
        core-file=core; generate-core-file=gcore
    """,
    "contextview": """
        context+; changed+
    """,
    "support": """
        help=h; apropos; quit=q,exit; info=i,inf; show version; file=exec-file,symbol-file; pwd; cd
    """,
    "setshow": """
        info set; set; set variable=var; init-if-undefined; show; unset; set environment=env; unset
        environment=env; show environment=env; unset args; unset cwd; set annotate~+; show
        annotate~+; set architecture~+; show architecture~+; set args; show args; set auto-load
        gdb-scripts~+; show auto-load gdb-scripts~+; set auto-load local-gdbinit~+; show auto-load
        local-gdbinit~+; set auto-load python-scripts~+; show auto-load python-scripts~+; set
        auto-load safe-path~+; show auto-load safe-path~+; set auto-solib-add~+; show
        auto-solib-add~+; set backtrace limit; show backtrace limit; set backtrace past-entry; show
        backtrace past-entry; set backtrace past-main; show backtrace past-main; set
        basenames-may-differ~+; show basenames-may-differ~+; set breakpoint always-inserted~+; show
        breakpoint always-inserted~+; set breakpoint auto-hw~+; show breakpoint auto-hw~+; set
        breakpoint pending; show breakpoint pending; set can-use-hw-watchpoints; show
        can-use-hw-watchpoints; set case-sensitive~+; show case-sensitive~+; set charset~+; show
        charset~+; set check range~+; show check range~+; set check type~+; show check type~+; set
        code-cache~+; show code-cache~+; set complaints~+; show complaints~+; set completion+; show
        completion+; set confirm; show confirm; set context+; show context+; set cp-abi~+; show
        cp-abi~+; set cwd; show cwd; set debug-file-directory; show debug-file-directory; set
        debuginfod enabled; show debuginfod enabled; set debuginfod urls; show debuginfod urls; set
        debuginfod verbose; show debuginfod verbose; set demangle-style~+; show demangle-style~+;
        set detach-on-fork; show detach-on-fork; set disable-randomization; show
        disable-randomization; set disassemble-next-line~+; show disassemble-next-line~+; set
        disassembly-flavor; show disassembly-flavor; set dprintf-style; show dprintf-style; set
        editing~+; show editing~+; set editing-mode+; show editing-mode+; set endian~+; show
        endian~+; set exec-file-mismatch~+; show exec-file-mismatch~+; set filename-display~+; show
        filename-display~+; set follow-fork-mode; show follow-fork-mode; set height~+; show
        height~+; set history expansion~+; show history expansion~+; set history filename; show
        history filename; set history remove-duplicates~+; show history remove-duplicates~+; set
        history save; show history save; set history size; show history size; set host-charset~+;
        show host-charset~+; set index-cache directory; show index-cache directory; set index-cache
        enabled; show index-cache enabled; set inferior-tty~+; show inferior-tty~+; set
        input-radix~+; show input-radix~+; set interactive-mode~+; show interactive-mode~+; set
        language; show language; set libthread-db-search-path~+; show libthread-db-search-path~+;
        set listsize; show listsize; set logging; show logging; set logging enabled; show logging
        enabled; set logging file; show logging file; set logging overwrite; show logging overwrite;
        set logging redirect; show logging redirect; set max-completions; show max-completions; set
        max-user-call-depth; show max-user-call-depth; set max-value-size~+; show max-value-size~+;
        set mi-async~+; show mi-async~+; set multiple-symbols~+; show multiple-symbols~+; set
        non-stop~+; show non-stop~+; set opaque-type-resolution~+; show opaque-type-resolution~+;
        set osabi~+; show osabi~+; set output-radix~+; show output-radix~+; set
        overload-resolution~+; show overload-resolution~+; set pagination~+; show pagination~+; set
        print address; show print address; set print array; show print array; set print
        array-indexes; show print array-indexes; set print asm-demangle~+; show print
        asm-demangle~+; set print demangle~+; show print demangle~+; set print elements; show print
        elements; set print entry-values; show print entry-values; set print finish; show print
        finish; set print frame-arguments; show print frame-arguments; set print frame-info; show
        print frame-info; set print inferior-events; show print inferior-events; set print
        max-depth; show print max-depth; set print null-stop; show print null-stop; set print
        object; show print object; set print pretty; show print pretty; set print
        raw-frame-arguments; show print raw-frame-arguments; set print raw-values; show print
        raw-values; set print repeats; show print repeats; set print sevenbit-strings~+; show print
        sevenbit-strings~+; set print static-members; show print static-members; set print symbol;
        show print symbol; set print symbol-filename~+; show print symbol-filename~+; set print
        symbol-loading~+; show print symbol-loading~+; set print thread-events; show print
        thread-events; set print type hex; show print type hex; set print type methods; show print
        type methods; set print type typedefs; show print type typedefs; set print union; show print
        union; set print vtbl~+; show print vtbl~+; set prompt; show prompt; set python
        print-stack~+; show python print-stack~+; set schedule-multiple~+; show schedule-multiple~+;
        set scheduler-locking; show scheduler-locking; set seccomp-profile+; show seccomp-profile+;
        set solib-search-path~+; show solib-search-path~+; set stack-cache~+; show stack-cache~+;
        set startup-quietly~+; show startup-quietly~+; set startup-with-shell~+; show
        startup-with-shell~+; set step-mode; show step-mode; set stop-on-solib-events~+; show
        stop-on-solib-events~+; set style enabled; show style enabled; set style sources~+; show
        style sources~+; set style theme+; show style theme+; set syscall-filter+; show
        syscall-filter+; set syscall-history+; show syscall-history+; set sysroot~+; show sysroot~+;
        set target-charset~+; show target-charset~+; set target-wide-charset~+; show
        target-wide-charset~+; set tcp auto-retry~+; show tcp auto-retry~+; set toolbar+; show
        toolbar+; set trace-commands; show trace-commands; set trust-readonly-sections~+; show
        trust-readonly-sections~+; set unwind-on-terminating-exception; show
        unwind-on-terminating-exception; set unwindonsignal; show unwindonsignal; set verbose~+;
        show verbose~+; set watchdog~+; show watchdog~+; set width; show width; set backtrace; show
        backtrace; set breakpoint; show breakpoint; set debuginfod; show debuginfod; set history;
        show history; set index-cache; show index-cache; set print=p,pr; show print=p,pr; set style;
        show style
    """,
    "listing": """
        list=l; info source; info sources; directory=dir; set directories; show directories; set
        substitute-path; unset substitute-path; show substitute-path
    """,
    "searching": """
        search=forward-search,fo; reverse-search=rev; edit
    """,
    "skip": """
        skip; skip function; skip file; skip enable; skip disable; skip delete; info skip
    """,
    "returning": """
        return=ret
    """,
    "scripting": """
        if; while; loop_break; loop_continue; end; else+; source; python=py; eval; with=w; try+;
        shell=!; make; pipe=|; define; define-prefix; document; show user; dont-repeat; alias
    """,
    "expect": """
        expect+; expect-stop+; expect-output+; capture-output+
    """,
    "record": """
        record+; record session+; record stop+
    """,
    "seccomp": """
        deny+; undeny+; info deny+; info seccomp+
    """,
    "syscalls": """
        info syscall+; syscall+; trace+; trace syscalls+; info trace+; info syscalls+
    """,
    "tampering": """
        inject+; uninject+; info inject+; syscall skip+; syscall ret+; syscall arg+; syscall call+
    """,
}
