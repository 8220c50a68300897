//! Messages about files in which cells and generated text alternate.

use std::sync::Arc;
use std::time::Instant;

use super::super::{CompilerOutput, Diagnostic, summary, worth_showing};
use super::{compile, one_cell, render};
use crate::cell::source::{CellSource, SourceText};

/// A file of generated texts (`Err`) and whole cells (`Ok`).
fn file(pieces: &[Result<&Arc<CellSource>, &str>]) -> SourceText {
    let mut source = SourceText::default();
    for piece in pieces {
        match piece {
            Ok(cell) => source.push_cell(cell, 0..cell.text.len()),
            Err(generated) => source.push(generated),
        }
    }
    source
}

fn only_error(source: &SourceText) -> Diagnostic {
    let output = compile(source.as_str(), &[]);
    let errors: Vec<&Diagnostic> = output.errors().collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].clone()
}

fn rendered(source: &SourceText) -> String {
    render(&[only_error(source)], source, false)
}

#[test]
fn each_cell_is_shown_under_its_own_origin() {
    let definition = CellSource::new(3, "\nfn twice(n: i32) -> i32 { n * 2 }\n");
    let call = CellSource::new(9, "let a = 1;\ntwice(\"two\");");
    let source = file(&[
        Err("mod __tb_items {}\n"),
        Ok(&definition),
        Err("fn main() { let __tb_a = 1; "),
        Ok(&call),
        Err("\n}\n"),
    ]);
    let expected = r#"error[E0308]: mismatched types
 --> In[9]:2:7
  |
2 | twice("two");
  | ----- ^^^^^ expected `i32`, found `&str`
  | |
  | arguments to this function are incorrect
  |
note: function defined here
 --> In[3]:2:4
  |
2 | fn twice(n: i32) -> i32 { n * 2 }
  |    ^^^^^ ------

`:explain E0308` tells more"#;
    assert_eq!(rendered(&source), expected);
    assert_eq!(summary(&only_error(&source), &source), "E0308: mismatched types (In[9]:2:7)");
}

#[test]
fn labels_in_two_cells_belong_to_one_message() {
    let first = CellSource::new(1, "struct Point;");
    let second = CellSource::new(2, "struct Point;");
    let source = file(&[Ok(&first), Err("\n"), Ok(&second), Err("\nfn main() {}\n")]);
    let text = rendered(&source);
    let expected = r#"error[E0428]: the name `Point` is defined multiple times
 --> In[2]:1:1
  |
1 | struct Point;
  | ^^^^^^^^^^^^^ `Point` redefined here
  |
 ::: In[1]:1:1
  |
1 | struct Point;
  | ------------- previous definition of the type `Point` here
  |
  = note: `Point` must be defined only once in the type namespace of this module"#;
    assert!(text.starts_with(expected), "{text}");
}

/// What the engine generates around a cell, in small.
const STORE: &str = "mod __tb_rt {
    pub fn __tb_keep<T: Send>(_: T) {}
}
fn main() {
";

#[test]
fn an_error_in_generated_text_is_shown_where_a_cell_led_to_it() {
    let cell = CellSource::new(4, "let words = vec![1];\nlet n = 1;\ndrop(words);");
    let source = file(&[Err(STORE), Ok(&cell), Err("\n__tb_rt::__tb_keep(words);\n}\n")]);
    let error = only_error(&source);
    let store = source.as_str().find("__tb_rt::__tb_keep(words)").expect("the generated call");
    assert!(error.has_code("E0382"));
    assert_eq!(error.spans_in(store..source.len()).count(), 1);
    assert_eq!(summary(&error, &source), "E0382: use of moved value: `words` (In[4]:3:6)");

    let expected = r#"error[E0382]: use of moved value: `words`
 --> In[4]:3:6
  |
1 | let words = vec![1];
  |     ----- move occurs because `words` has type `Vec<i32>`, which does not implement the `Copy` trait
2 | let n = 1;
3 | drop(words);
  |      ^^^^^ value moved here"#;
    let text = render(&[error], &source, false);
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn generated_names_are_never_shown() {
    let cell = CellSource::new(5, "let r = std::rc::Rc::new(1);");
    let source = file(&[Err(STORE), Ok(&cell), Err("\n__tb_rt::__tb_keep(r);\n}\n")]);
    let error = only_error(&source);
    assert!(error.rendered.as_deref().is_some_and(|text| text.contains("__tb_keep")));
    let text = render(&[error], &source, false);
    assert!(text.contains("`Rc<{integer}>` cannot be sent between threads safely"), "{text}");
    assert!(!text.contains("__tb"), "{text}");
}

#[test]
fn a_generated_macro_around_a_cell_is_not_shown() {
    let cell = CellSource::new(6, "1 + \"one\"");
    let source = file(&[
        Err("macro_rules! __tb_show { ($($e:tt)*) => { let _shown: i32 = { $($e)* }; } }\nfn main() { __tb_show!("),
        Ok(&cell),
        Err("); }\n"),
    ]);
    let text = rendered(&source);
    assert!(text.contains("1 | 1 + \"one\"\n  |   ^ no implementation for"), "{text}");
    assert!(!text.contains("__tb"), "{text}");
}

#[test]
fn an_import_is_suggested_for_the_cell_that_needs_it() {
    let first = CellSource::new(1, "use std::thread;");
    let second = CellSource::new(2, "%%time\nlet m = HashMap::<i32, i32>::new();");
    let mut source = file(&[Ok(&first), Err("\nfn main() { thread::yield_now();\n")]);
    source.push_cell(&second, "%%time\n".len()..second.text.len());
    source.push("\n}\n");
    let expected = r#" --> In[2]:2:9
  |
2 | let m = HashMap::<i32, i32>::new();
  |         ^^^^^^^ use of undeclared type `HashMap`
  |
help: consider importing this struct
  |
2 + use std::collections::HashMap;
  |"#;
    let text = rendered(&source);
    assert!(text.contains(expected), "{text}");
}

#[test]
fn closures_are_named_by_their_place_in_the_cell() {
    let cell = CellSource::new(7, "let n = 1;\nlet f = || n;\nlet i: i32 = f;");
    let source = file(&[Err(STORE), Ok(&cell), Err("\n}\n")]);
    let text = rendered(&source);
    assert!(text.contains("found closure `{closure@In[7]:2:9: 2:11}`"), "{text}");
    assert!(!text.contains("cell.rs"), "{text}");
}

#[test]
fn labels_in_std_become_notes() {
    let (_, source) = one_cell("fn main() {\n    let i: i32 = 0;\n    [1][i];\n}");
    let text = rendered(&source);
    let list = "= help: the following other types implement trait `SliceIndex<T>`:\n            `usize` implements";
    assert!(text.contains(list), "{text}");
    assert!(!text.contains("--> /"), "{text}");
}

#[test]
fn what_stands_in_std_only_is_not_announced() {
    let (_, source) = one_cell("fn main() {\n    printn!(\"a\");\n}");
    let text = rendered(&source);
    assert!(text.contains("  |     ^^^^^^\n  |\nhelp: a macro with a similar name exists\n"), "{text}");

    let (_, source) = one_cell("fn main() {\n    match Some(1) {\n        Some(_) => {}\n    }\n}");
    let error = only_error(&source);
    assert!(error.children.iter().any(|child| child.message.ends_with(" defined here")));
    let text = render(&[error], &source, false);
    let note = "not covered\n  |\n  = note: the matched value is of type `Option<i32>`\nhelp: ";
    assert!(text.contains(note), "{text}");
}

#[test]
fn a_bound_is_told_of_functions_that_the_cell_calls() {
    let cell = CellSource::new(1, "std::rc::Rc::new(1)");
    let by_generated_text =
        file(&[Err("fn main() { std::thread::spawn({ let r = "), Ok(&cell), Err("; move || drop(r) }); }")]);
    let error = only_error(&by_generated_text);
    assert!(error.children.iter().any(|note| note.message.starts_with("required by a bound in")));
    let text = render(&[error], &by_generated_text, false);
    assert!(!text.contains("required by a bound in"), "{text}");

    let cell = CellSource::new(2, "let r = std::rc::Rc::new(1);\nstd::thread::spawn(move || drop(r));");
    let text = rendered(&file(&[Err("fn main() {\n"), Ok(&cell), Err("\n}")]));
    assert!(text.contains("  = note: required by a bound in `spawn`\n"), "{text}");
}

#[test]
fn warnings_of_the_current_cell_alone_are_worth_showing() {
    let earlier = CellSource::new(1, "fn early() { std::fs::read(\"a\"); }");
    let current = CellSource::new(2, "use std::thread;\nfn unused() {}\nstd::fs::read(\"b\");");
    let source =
        file(&[Ok(&earlier), Err("\nfn __tb_early() { let __tb_x = 1; }\nfn main() {\n"), Ok(&current), Err("\n}\n")]);
    let output = compile(source.as_str(), &[]);
    let shown: Vec<String> = output
        .diagnostics
        .iter()
        .filter(|warning| worth_showing(warning, &source, &current))
        .map(|warning| summary(warning, &source))
        .collect();
    assert!(output.diagnostics.len() > 4, "{:#?}", output.diagnostics);
    assert_eq!(shown, ["warning: unused `Result` that must be used (In[2]:3:1)"]);
}

#[test]
fn several_codes_are_explained_in_one_line() {
    let (_, source) = one_cell(
        "fn main() {\n    let a: i32 = \"\";\n    let b: u8 = \"\";\n    missing();\n    std::fs::read(\"a\");\n}",
    );
    let output = compile(source.as_str(), &[]);
    let text = render(&output.diagnostics, &source, false);
    let last = text.lines().last();
    assert_eq!(last, Some("`:explain E0308`, `:explain E0425` tell more"));
    assert_eq!(render(&[], &source, false), "");
}

#[test]
fn colours_are_those_of_rustc() {
    let text = "use std::thread;
fn main() {
    let n = vec![1];
    let handle = thread::spawn(|| {
        println!(\"{n:?}\");
    });
    let k = 1;
    k = \"two\";
}";
    let (_, source) = one_cell(text);
    let ours = compile(text, &[]);
    let theirs = compile(text, &["--json=diagnostic-rendered-ansi"]);
    assert_eq!(ours.diagnostics.len(), theirs.diagnostics.len());
    for (ours, theirs) in ours.errors().zip(theirs.errors()) {
        let theirs = theirs.rendered.as_deref().expect("rustc's own rendering");
        let theirs = theirs.trim_end().replace("cell.rs:", "In[1]:");
        let ours = render(std::slice::from_ref(ours), &source, true);
        assert!(theirs.contains("\x1b["), "{theirs:?}");
        assert!(ours.starts_with(&theirs), "{ours:?}\n{theirs:?}");
    }
}

#[test]
fn a_linker_error_is_text_alone() {
    let stderr = r#"{"$message_type":"diagnostic","message":"linking with `cc` failed: exit status: 1","code":null,"level":"error","spans":[],"children":[{"message":" \"cc\" \"/tmp/x.o\" \"-Wl,--as-needed\"","code":null,"level":"note","spans":[],"children":[],"rendered":null},{"message":"undefined symbol: f","code":null,"level":"note","spans":[],"children":[],"rendered":null}],"rendered":null}"#;
    let output = CompilerOutput::parse(stderr, "cell.rs");
    let source = SourceText::default();
    assert_eq!(
        render(&output.diagnostics, &source, false),
        "error: linking with `cc` failed: exit status: 1\n |\n = note: undefined symbol: f"
    );
    assert_eq!(summary(&output.diagnostics[0], &source), "linking with `cc` failed: exit status: 1");
}

#[test]
fn rendering_takes_time_in_proportion_to_the_cell() {
    let time = |lines: usize| {
        let mut text = "fn main() {\n    let v = vec![1]; drop(v);\n".to_owned();
        text.push_str(&"    std::hint::black_box(1);\n".repeat(lines));
        text.push_str("    drop(v);\n}\n");
        let (_, source) = one_cell(&text);
        let errors = [only_error(&source)];
        let once = || {
            let start = Instant::now();
            let rendered = render(&errors, &source, false);
            let time = start.elapsed();
            assert!(rendered.contains(&format!("{} |     drop(v);", lines + 3)), "{rendered}");
            time
        };
        (0..10).map(|_| once()).min().expect("ten times")
    };
    let (short, long) = (time(500), time(5_000));
    assert!(long < short * 40, "ten times the lines took {long:?} in place of {short:?}");
}
