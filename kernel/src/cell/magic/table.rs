//! Every magic, defined once: help, completion, inspection, errors and what carries them
//! out read this table.

use std::sync::LazyLock;

use super::options::Opt;
use crate::language;

/// What a magic is, for the code that carries it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    Backtrace,
    Bash,
    Capture,
    Cd,
    Checkpoint,
    Clear,
    CompileFail,
    Dep,
    Doc,
    Efmt,
    Engine,
    Env,
    Evcxr,
    Explain,
    Fmt,
    Help,
    History,
    LastCompileDir,
    Load,
    Lsmagic,
    Opt,
    Pwd,
    Quit,
    Reset,
    Restart,
    Result,
    Run,
    Script,
    Sh,
    ShouldPanic,
    ShowDeps,
    Time,
    Timeit,
    Timeline,
    Timeout,
    Timing,
    Type,
    Types,
    Vars,
    Version,
    Who,
    Whos,
    Writefile,
}

/// Where a magic can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `%name …` or `:name …`, a line.
    Line,
    /// `%%name …`, with the rest of the cell below it.
    Cell,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magic {
    pub id: Id,
    /// The first is its name, the others are other names for it.
    pub names: &'static [&'static str],
    pub form: Form,
    /// The words that follow the name and its options.
    pub words: &'static str,
    /// In a line.
    pub help: &'static str,
    /// What else there is to say.
    pub details: &'static str,
    pub options: &'static [Opt],
}

const fn line(id: Id, names: &'static [&'static str], words: &'static str, help: &'static str) -> Magic {
    Magic { id, names, form: Form::Line, words, help, details: "", options: &[] }
}

const fn cell(id: Id, names: &'static [&'static str], words: &'static str, help: &'static str) -> Magic {
    Magic { form: Form::Cell, ..line(id, names, words, help) }
}

const fn flag(name: &'static str, help: &'static str) -> Opt {
    Opt { name, value: None, help }
}

const fn value(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, value: Some(value), help }
}

/// A command of evcxr that has nothing to do here, and why.
const fn evcxr(names: &'static [&'static str], why: &'static str) -> Magic {
    line(Id::Evcxr, names, "", why)
}

const SCRIPT_OPTIONS: &[Opt] = &[
    value("out", "NAME", "what it writes to stdout goes into the variable NAME, a String"),
    value("err", "NAME", "what it writes to stderr goes into the variable NAME, a String"),
    flag("no-raise-error", "the cell does not fail when the program does"),
];

/// In the order in which `%lsmagic` and `%help` list them.
pub const MAGICS: &[Magic] = &[
    Magic {
        form: Form::Both,
        details: "`%timeit STATEMENT` measures a statement, `%%timeit SETUP` the lines below it; the setup is run before \
                  every run and not measured. The code is compiled as for `--release`. Its variables do not persist, \
                  and its value is given to `black_box`. The number of loops is chosen so that a run takes 0.2 s or more.",
        options: &[
            value("n", "N", "loops in a run; chosen if absent"),
            value("r", "R", "runs; 7 if absent"),
            value("p", "P", "significant digits; 3 if absent"),
            flag("t", "measure with the wall clock"),
            flag("c", "measure the processor time of the process"),
            flag("q", "print nothing"),
            flag("o", "the result is the cell's value"),
            value("v", "NAME", "the result goes into the variable NAME"),
        ],
        ..line(Id::Timeit, &["timeit"], "[STATEMENT]", "measures how long a statement or a cell takes, over many runs")
    },
    Magic {
        form: Form::Both,
        details: "What it defines persists, and the last expression is shown after the times. The code is compiled as for \
                  `--release`. `children:` appears when processes that the cell has started used processor time.",
        options: &[flag("no-raise-error", "the cell does not fail when the code does")],
        ..line(Id::Time, &["time"], "[STATEMENT]", "measures one run of a statement or a cell")
    },
    Magic {
        form: Form::Both,
        details: "The chart has a lane for each worker: thread, pool worker or process. It shows what executors, `Thread`, \
                  `Process` and your own `span` run; threads of `std` are seen by a `span` in them. What the cell defines \
                  persists. The code is compiled as for `--release`.",
        options: &[value(
            "v",
            "NAME",
            "the timeline goes into the variable NAME: `NAME.tasks()`, `NAME.save_trace(FILE)`",
        )],
        ..line(Id::Timeline, &["timeline"], "[STATEMENT]", "draws which worker ran which task when")
    },
    Magic {
        details: "It is stopped as by an interrupt, and the cell counts as done: for demonstrations that never end. SECONDS can \
                  be a variable in braces: `%%timeout {seconds}`. `300 ms` and `2 min` are understood, too.",
        ..cell(Id::Timeout, &["timeout"], "SECONDS", "runs the cell for so long at most")
    },
    Magic {
        details: "`%%compile_fail E0382` asks for that very error. The error is shown, and nothing is run.",
        ..cell(
            Id::CompileFail,
            &["compile_fail"],
            "[CODE]",
            "the cell must not compile: shows what the compiler forbids",
        )
    },
    Magic {
        details: "With TEXT, the panic's message has to contain it.",
        ..cell(Id::ShouldPanic, &["should_panic"], "[TEXT]", "the cell must panic")
    },
    Magic {
        form: Form::Both,
        details: "`%result speedup` records the variable of that name, `%result speedup EXPRESSION` a value, `%%result \
                  speedup` the value of the cell below it. The name and the value stand in the output's metadata, where \
                  `threadbook sweep` finds them. A `Duration` is recorded as a number of seconds.",
        ..line(
            Id::Result,
            &["result"],
            "NAME [EXPRESSION]",
            "records a result of the notebook under a name, and shows it",
        )
    },
    Magic {
        details: "NAME becomes a variable with the fields `stdout`, `stderr` and `displays`.",
        options: &[
            flag("no-stdout", "stdout is shown"),
            flag("no-stderr", "stderr is shown"),
            flag("no-display", "displays are shown"),
        ],
        ..cell(Id::Capture, &["capture"], "[NAME]", "keeps what the cell shows, instead of showing it")
    },
    Magic {
        options: &[flag("a", "append to the file")],
        ..cell(Id::Writefile, &["writefile", "file"], "FILE", "writes the cell into a file")
    },
    Magic { options: SCRIPT_OPTIONS, ..cell(Id::Bash, &["bash"], "", "runs the cell in bash") },
    Magic { options: SCRIPT_OPTIONS, ..cell(Id::Sh, &["sh"], "", "runs the cell in sh") },
    Magic {
        options: SCRIPT_OPTIONS,
        ..cell(Id::Script, &["script"], "PROGRAM …", "runs the cell as a program's input")
    },
    line(
        Id::Dep,
        &["dep"],
        "CRATE = \"VERSION\"",
        "adds a crate: a version, { path = … } or { git = … }, features = […]",
    ),
    line(Id::ShowDeps, &["show_deps"], "", "lists the crates that were added"),
    line(Id::Vars, &["vars"], "", "lists the variables with their types"),
    Magic {
        details: "`%who Vec String` lists the variables of these types, `%who fn struct` the items of these kinds.",
        ..line(Id::Who, &["who"], "[KIND …]", "lists the names of the variables and items")
    },
    Magic {
        details: "KIND as in `%who`.",
        ..line(Id::Whos, &["whos"], "[KIND …]", "lists the variables and items with what they are")
    },
    Magic {
        details: "What the expression would do is not done.",
        ..line(Id::Type, &["type", "t"], "EXPRESSION", "shows the type of an expression, which is not run")
    },
    Magic {
        details: "NAME is a variable or an item of the notebook, a name of the standard library or of the prelude, a path \
                  such as `std::thread::spawn`, a macro, a keyword or a magic. `NAME??` shows the source of the notebook's \
                  own items.",
        ..line(Id::Doc, &["doc"], "NAME", "explains a name, as `NAME?` does")
    },
    Magic {
        details: "The process that holds them ends, with its threads; a fresh one takes its place. Crates that were added \
                  stay.",
        options: &[flag("f", "without being asked")],
        ..line(Id::Reset, &["reset"], "", "forgets all variables and items")
    },
    Magic {
        details: "As `%reset -f`, and the crates are forgotten, too: `:dep` adds them again without building them.",
        ..line(Id::Clear, &["clear"], "", "forgets all variables, items and added crates")
    },
    Magic {
        details: "Items and crates stay. Statics start again.",
        ..line(Id::Restart, &["restart"], "", "begins a fresh process for cells: all variables are forgotten")
    },
    Magic {
        details: "`%history 3` shows a cell, `%history 2-4 7` shows several, `%history 5-` all from one on.",
        options: &[flag("n", "with the numbers of the cells"), value("l", "LAST", "the last so many cells only")],
        ..line(Id::History, &["history", "hist"], "[FIRST-LAST …]", "shows the cells that were run")
    },
    line(Id::Run, &["run"], "FILE.rs", "runs a file as if it stood in the cell, then its `main`, if it has one"),
    line(Id::Load, &["load"], "FILE", "puts a file into the cell"),
    line(Id::Cd, &["cd"], "[DIRECTORY]", "changes the working directory; `-` goes back"),
    line(Id::Pwd, &["pwd"], "", "shows the working directory"),
    line(Id::Env, &["env"], "[NAME[=VALUE]]", "shows or sets environment variables"),
    Magic {
        details: "2 from the beginning. Without LEVEL it goes from 2 to 0 and back. A cell at level 0 compiles a little \
                  faster and runs much slower; variables and statics fit cells of every level.",
        ..line(Id::Opt, &["opt"], "[LEVEL]", "how far cells are optimised: 0 to 3")
    },
    line(Id::Backtrace, &["backtrace"], "on|off", "panics show the calls that led to them; cells run unoptimised"),
    Magic {
        details: "A size is the most memory that a checkpoint is made for: `%checkpoint 4 GiB`.",
        ..line(Id::Checkpoint, &["checkpoint"], "on|off|SIZE", "whether variables survive a crash")
    },
    line(Id::Timing, &["timing"], "", "switches on or off that cells tell how long they took"),
    line(Id::Types, &["types"], "", "switches on or off that values are shown with their types"),
    Magic {
        details: "Without FORMAT as in the beginning: `{:?}`, laid out as by `{:#?}` when that is long. What has a picture or \
                  a table of its own is shown so in any case; what has no `Display` is shown by `{:?}` after `%fmt {}`.",
        ..line(Id::Fmt, &["fmt"], "[FORMAT]", "how values are shown: `{:?}`, `{:#?}` or `{}`")
    },
    Magic {
        details: "`{:?}` from the beginning. After `%efmt {}` an error must have `Display`.",
        ..line(Id::Efmt, &["efmt"], "[FORMAT]", "how errors that `?` meets are shown: `{:?}`, `{:#?}` or `{}`")
    },
    line(Id::Explain, &["explain"], "[CODE]", "explains an error code of the compiler: the last one, or E0382, say"),
    line(Id::LastCompileDir, &["last_compile_dir"], "", "shows where the compiled cells lie"),
    line(Id::Lsmagic, &["lsmagic"], "", "lists the magics"),
    line(Id::Help, &["help"], "", "says what the kernel can do beside running Rust"),
    line(Id::Engine, &["engine"], "", "says what compiles the cells, and what that can do"),
    line(Id::Version, &["version"], "", "shows the versions of Threadbook and Rust"),
    line(Id::Quit, &["quit", "exit"], "", "ends the kernel"),
    // What else evcxr has. Its notebooks go on.
    evcxr(&["allow_static_linking"], "added crates are always linked as shared libraries"),
    evcxr(&["build_env"], "crates are built with the kernel's own environment: set the variable before Jupyter starts"),
    evcxr(&["cache"], "what was built is always kept, for all notebooks"),
    evcxr(&["clear_cache"], "what was built is tidied up by itself"),
    evcxr(&["codegen_backend"], "cells are compiled with rustc's usual backend"),
    evcxr(&["internal_debug"], "set THREADBOOK_LOG=debug before Jupyter starts: the kernel's log then says more"),
    evcxr(&["last_error_json"], "`%explain` explains the last error"),
    evcxr(&["linker"], "cells are linked by rustc's usual linker"),
    evcxr(&["load_config"], "there are no files that are run at the start: `%run FILE.rs` runs one"),
    evcxr(&["offline"], "cargo is asked only for crates that were never built before"),
    evcxr(&["preserve_vars_on_panic"], "variables always outlive a panic"),
    evcxr(&["sccache"], "what was built is always kept, for all notebooks"),
    evcxr(&["time_passes"], "`%timing` says how long cells take to compile and to run"),
    evcxr(&["toolchain"], "the compiler is the one that RUSTC names or that is on the PATH when Jupyter starts"),
];

impl Magic {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// Whether it does something, and so is listed.
    pub fn is_listed(&self) -> bool {
        self.id != Id::Evcxr
    }

    pub fn is_line(&self) -> bool {
        self.form != Form::Cell
    }

    pub fn is_cell(&self) -> bool {
        self.form != Form::Line
    }

    /// Before its name, in a line: evcxr's commands have `:`, though `%` does as well.
    fn line_sign(&self) -> &'static str {
        use Id::*;
        match self.id {
            Clear | Dep | Doc | Efmt | Evcxr | Explain | Fmt | LastCompileDir | Opt | Quit | Restart | ShowDeps
            | Timing | Type | Types | Version => ":",
            _ => "%",
        }
    }

    /// How it is typed, without its options: as a line, as a cell's first line.
    pub fn usages(&self) -> Vec<String> {
        let usage = |sign: &str, words: &str| format!("{sign}{} {words}", self.name()).trim_end().to_owned();
        match self.form {
            Form::Line => vec![usage(self.line_sign(), self.words)],
            Form::Cell => vec![usage("%%", self.words)],
            Form::Both => vec![usage("%", self.words), usage("%%", "")],
        }
    }

    /// All that there is to say about it, as Markdown.
    pub fn page(&self) -> String {
        let mut page = String::new();
        let signs: &[&str] = match self.form {
            Form::Line => &[self.line_sign()],
            Form::Cell => &["%%"],
            Form::Both => &["%", "%%"],
        };
        let options: String = self.options.iter().map(|opt| format!("[{}] ", opt.usage())).collect();
        for sign in signs {
            let words = if *sign == "%%" && self.form == Form::Both { "" } else { self.words };
            page.push_str(format!("`{sign}{} {options}{words}", self.name()).trim_end());
            page.push_str("`\n\n");
        }
        if !self.is_listed() {
            page.push_str(&format!("A command of evcxr that does nothing here: {}.\n", self.help));
            return page;
        }
        let (first, rest) = self.help.split_at(1);
        page.push_str(&format!("{}{rest}.\n", first.to_uppercase()));
        if !self.details.is_empty() {
            page.push_str(&format!("\n{}\n", self.details));
        }
        if !self.options.is_empty() {
            page.push('\n');
            for opt in self.options {
                page.push_str(&format!("* `{}` {}\n", opt.usage(), opt.help));
            }
        }
        if let [_, others @ ..] = self.names
            && !others.is_empty()
        {
            page.push_str(&format!("\nAlso: {}\n", others.join(", ")));
        }
        page
    }
}

/// The magic with that name.
pub fn find(name: &str, in_cell_form: bool) -> Option<&'static Magic> {
    let fits = |magic: &&Magic| if in_cell_form { magic.is_cell() } else { magic.is_line() };
    MAGICS.iter().filter(fits).find(|magic| magic.names.contains(&name))
}

/// The magics as they are typed, with every sign, for completion and inspection.
pub fn as_typed() -> &'static [language::Magic] {
    static TYPED: LazyLock<Vec<language::Magic>> = LazyLock::new(|| {
        let mut typed = Vec::new();
        for magic in MAGICS.iter().filter(|magic| magic.is_listed()) {
            let signs: &[&str] = match magic.form {
                Form::Line => &[":", "%"],
                Form::Cell => &["%%"],
                Form::Both => &["%", "%%"],
            };
            // Made once for the life of the program.
            let page: &'static str = String::leak(magic.page());
            let options = magic.options.iter().map(|opt| (&*String::leak(opt.usage()), opt.help));
            let options: &'static [(&str, &str)] = Vec::leak(options.collect());
            for (sign, name) in signs.iter().flat_map(|sign| magic.names.iter().map(move |name| (sign, name))) {
                typed.push(language::Magic {
                    name: String::leak(format!("{sign}{name}")),
                    help: magic.help,
                    page,
                    options,
                });
            }
        }
        typed
    });
    &TYPED
}

/// The magic that is written most like `name`, as it is typed.
pub fn nearest(name: &str, in_cell_form: bool) -> Option<String> {
    let listed = MAGICS.iter().filter(|magic| magic.is_listed());
    let names = listed.flat_map(|magic| magic.names.iter().map(move |name| (magic, *name)));
    let near = names
        .map(|(magic, known)| (strsim::damerau_levenshtein(known, name), known.len(), magic, known))
        .filter(|(distance, length, ..)| *distance <= 1 + length / 3);
    // Of two that are as near, the one of that form.
    let nearest = near.min_by_key(|(distance, _, magic, _)| {
        (*distance, if in_cell_form { !magic.is_cell() } else { !magic.is_line() })
    });
    nearest.map(|(_, _, magic, known)| {
        let is_cell = if in_cell_form { magic.is_cell() } else { !magic.is_line() };
        format!("{}{known}", if is_cell { "%%" } else { "%" })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = MAGICS.iter().flat_map(|magic| magic.names).copied().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn magics_that_take_a_file_complete_it() {
        let takes_file = |magic: &&Magic| magic.words.starts_with("FILE") || magic.words == "[DIRECTORY]";
        let names: Vec<&str> = MAGICS.iter().filter(takes_file).flat_map(|magic| magic.names).copied().collect();
        assert_eq!(names, language::files::MAGICS);
    }

    #[test]
    fn a_slip_finds_its_magic() {
        assert_eq!(nearest("hlep", false).as_deref(), Some("%help"));
        assert_eq!(nearest("tiemit", true).as_deref(), Some("%%timeit"));
        assert_eq!(nearest("bahs", false).as_deref(), Some("%%bash"), "there is only that form");
        assert_eq!(nearest("zzzzzz", false), None);
    }

    #[test]
    fn a_page_says_all() {
        let page = find("timeit", true).expect("it is there").page();
        for words in ["`%timeit [-n N]", "`%%timeit [-n N]", "* `-q` print nothing", "over many runs"] {
            assert!(page.contains(words), "{words} is missing: {page}");
        }
    }
}
