use super::*;

struct Names;

impl Known for Names {
    fn is_rust(&self, name: &str) -> bool {
        ["flag", "result", "count"].contains(&name)
    }
    fn is_fallible(&self, name: &str) -> bool {
        ["result", "task.await"].contains(&name)
    }
}

fn all(text: &str) -> Vec<Step> {
    steps(text, 0..text.len(), &Names).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The steps as short texts.
fn shown(text: &str) -> Vec<String> {
    let show = |step: &Step| match step {
        Step::Code(range) => format!("code {}", text[range.clone()].trim()),
        Step::Line(call) => format!("line {} ({})", call.magic.name(), &text[call.given.rest.clone()]),
        Step::Cell(call, body) => {
            format!("cell {} ({}) {}", call.magic.name(), &text[call.given.rest.clone()], &text[body.clone()])
        }
        Step::Shell(command) => format!("shell {command}"),
        Step::ShellInto { name, mutable, command } => {
            format!("shell into {}{name}: {command}", if *mutable { "mut " } else { "" })
        }
        Step::Question { name, more } => format!("question {name}{}", if *more { " more" } else { "" }),
    };
    all(text).iter().map(show).collect()
}

#[test]
fn lines_and_code_alternate() {
    assert_eq!(
        shown("// needed\n:dep rand = \"0.9\"\n\n%vars\nlet x = 1;\n%timeit -q x + 1\nx"),
        ["line dep (rand = \"0.9\")", "line vars ()", "code let x = 1;", "line timeit (x + 1)", "code x"]
    );
    assert_eq!(shown("\u{feff}%help"), ["line help ()"]);
    assert_eq!(shown("x\n%time f()"), ["code x", "line time (f())"]);
    assert_eq!(shown("// only"), [""; 0]);
    assert_eq!(shown("%time f(\\\n  1)\n2"), ["line time (f(\\\n  1))", "code 2"]);
}

#[test]
fn a_cell_magic_takes_what_is_below_it() {
    assert_eq!(shown("%%timeit -n 5 let v = 1;\nv\n%who"), ["cell timeit (let v = 1;) v\n%who"]);
    assert_eq!(shown("\n// why\n%%bash\necho it's"), ["cell bash () echo it's"]);
    assert_eq!(shown(":dep a = \"1\"\n%%time\nf()"), ["line dep (a = \"1\")", "cell time () f()"]);
    assert_eq!(shown("%%time"), ["cell time () "]);
    let error = steps("let a = 1;\n%%time\na", 0..19, &Names).expect_err("it is not the first line");
    assert!(error.contains("first line"), "{error}");
}

#[test]
fn the_shell_is_told_from_rust() {
    assert_eq!(shown("!ls -la | wc"), ["shell ls -la | wc"]);
    assert_eq!(shown("let x = 1;\n!./a.sh it's\nx"), ["code let x = 1;", "shell ./a.sh it's", "code x"]);
    assert_eq!(shown("let files = !ls\nfiles.len()"), ["shell into files: ls", "code files.len()"]);
    assert_eq!(shown("let mut files = !ls src;"), ["shell into mut files: ls src"]);
    for rust in [
        "!flag",
        "let a = true;\n!a",
        "!(1 > 2)",
        "!matches!(1, 2)",
        "!is_there(3)",
        "let b = !flag;",
        "let a = true;\nlet b = !a;",
        "let b = !0u8;",
        "if a { 1 } else { 2 };\n!std::path::Path::new(\"a\").exists()",
        "!flag.clone()",
    ] {
        assert_eq!(shown(rust), [format!("code {rust}")], "{rust}");
    }
}

#[test]
fn a_question_is_one_name() {
    assert_eq!(shown("Vec?"), ["question Vec"]);
    assert_eq!(shown("std::thread::spawn??"), ["question std::thread::spawn more"]);
    assert_eq!(shown("?count"), ["question count"]);
    assert_eq!(shown("%timeit?"), ["question %timeit"]);
    assert_eq!(shown("let a = 1;\n%%time?"), ["code let a = 1;", "question %%time"]);
    assert_eq!(shown("// what is it?\ncount?\n\nVec??\n"), ["question count", "question Vec more"]);
    for rust in ["count?\nresult?", "result?", "task.await?", "f()?", "result?.len()", "a + b?"] {
        assert_eq!(shown(rust), [format!("code {rust}")], "{rust}");
    }
}

#[test]
fn rust_is_not_a_magic() {
    for rust in ["::std::process::id()", "let x = 5 % 3;", "let x = a\n    %b;", "let x = a\n    % b;", "f(\n%a)"] {
        assert_eq!(shown(rust), [format!("code {rust}")], "{rust}");
    }
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let error = |text: &str| steps(text, 0..text.len(), &Names).expect_err(text);
    assert_eq!(error("1;\n%tiemit f()"), "There is no magic `%tiemit`: did you mean `%timeit`?");
    assert!(error("%bash").contains("`%%bash` into its first line"));
    assert!(error("%%who").contains("write `%who`"));
    assert!(error("%nosuchthing").contains("%lsmagic"));
    assert!(error("%timeit -x 1").contains("allowed: -n N, -r R"));
    assert_eq!(error(":dpe a = \"1\""), "There is no magic `:dpe`: did you mean `:dep`?");
}
