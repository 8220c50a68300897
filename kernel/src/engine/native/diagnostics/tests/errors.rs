//! The table of errors.

use super::{compile, one_cell, render};

/// rustc's text as it should read here.
fn expected(rendered: &str) -> String {
    let text = rendered.trim_end().replace("cell.rs:", "In[1]:");
    let mut lines: Vec<&str> = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        let note = line.trim_start().strip_prefix("= note: ").unwrap_or_default();
        if note.starts_with("`#[") && note.ends_with(" on by default") {
            let bar = lines.last().is_some_and(|last| last.trim() == "|");
            if bar && rest.peek().is_none() {
                lines.pop();
            }
            continue;
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// The text without the width of the line numbers, which the lines of std's source
/// change where it is installed, and with notes at std as they read here.
fn without_std(text: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut lines = text.lines().map(str::trim_start).peekable();
    while let Some(line) = lines.next() {
        if lines.next_if(|next| next.starts_with("--> /")).is_some() {
            told.push(format!("= {line}"));
            while lines
                .next_if(|next| next.starts_with(['|', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
                .is_some()
            {}
        } else {
            told.push(line.to_owned());
        }
    }
    told
}

/// Compiles `text` and compares every message with rustc's own. `first` is a code or a
/// part of the first message, so that a case cannot quietly become another one.
fn same_as_rustc(first: &str, text: &str) {
    let (_, source) = one_cell(text);
    let output = compile(text, &[]);
    assert_eq!(output.text, "");
    let diagnostic = output.diagnostics.first().expect("rustc complains");
    assert!(diagnostic.has_code(first) || diagnostic.message.contains(first), "another message: {diagnostic:#?}");
    for diagnostic in &output.diagnostics {
        let rendered = diagnostic.rendered.as_deref().expect("rustc's own rendering");
        let ours = render(std::slice::from_ref(diagnostic), &source, false);
        let ours = match ours.rsplit_once("\n\n`:explain ") {
            Some((message, _)) => message.to_owned(),
            None => ours,
        };
        let theirs = expected(rendered);
        let same = match theirs.contains("--> /") {
            true => without_std(&ours) == without_std(&theirs),
            false => ours == theirs,
        };
        assert!(same, "ours:\n{ours}\n\nrustc's:\n{theirs}\n");
    }
}

/// `name: "code or words of the message", "text";`
macro_rules! cases {
    ($($name:ident: $first:literal, $text:literal;)*) => {
        $(#[test] fn $name() { same_as_rustc($first, $text); })*
    };
}

cases! {
    moved_value: "E0382", "fn main() {\n    let v = vec![1, 2];\n    let w = v;\n    println!(\"{v:?} {w:?}\");\n}\n";
    moved_into_a_call: "E0382", "fn eat(_: Vec<i32>) {}\nfn main() {\n    let v = vec![1];\n    eat(v);\n    eat(v);\n}";
    moved_in_a_loop: "E0382", "use std::thread;\nfn main() {\n    let name = String::from(\"a\");\n    for _ in 0..2 {\n        thread::spawn(move || println!(\"{name}\"));\n    }\n}";
    mismatched_types: "E0308", "fn main() {\n    let n: i32 = \"one\";\n}";
    conversion: "E0308", "fn main() {\n    let s: String = \"one\";\n}";
    missing_return: "E0308", "fn twice(n: i32) -> i32 {\n    n * 2;\n}\nfn main() { twice(1); }";
    wrong_argument: "E0308", "fn twice(n: i32) -> i32 { n * 2 }\nfn main() {\n    let n: i64 = 1;\n    twice(n);\n}";
    argument_count: "E0061", "fn add(a: i32, b: i32) -> i32 { a + b }\nfn main() {\n    add(1);\n}";
    if_branches: "E0308", "fn main() {\n    let n = if true {\n        1\n    } else {\n        \"two\"\n    };\n}";
    unknown_name: "E0425", "fn main() {\n    let length = 1;\n    println!(\"{}\", lenght);\n}";
    unknown_name_alone: "E0425", "fn main() {\n    let n = undefined;\n}";
    two_mutable_borrows: "E0499", "fn main() {\n    let mut v = vec![1];\n    let a = &mut v;\n    let b = &mut v;\n    a.push(1);\n    b.push(2);\n}";
    shared_and_mutable_borrow: "E0502", "fn main() {\n    let mut v = vec![1];\n    let first = &v[0];\n    v.push(2);\n    println!(\"{first}\");\n}";
    moved_while_borrowed: "E0505", "fn main() {\n    let v = vec![1];\n    let r = &v;\n    drop(v);\n    println!(\"{r:?}\");\n}";
    does_not_live_long_enough: "E0597", "fn main() {\n    let r;\n    {\n        let n = 1;\n        r = &n;\n    }\n    println!(\"{r}\");\n}";
    closure_may_outlive: "E0373", "use std::thread;\nfn main() {\n    let n = vec![1];\n    let handle = thread::spawn(|| {\n        println!(\"{n:?}\");\n    });\n    handle.join().unwrap();\n}";
    no_display: "E0277", "struct Point;\nfn main() {\n    println!(\"{}\", Point);\n}";
    no_debug: "E0277", "struct Point;\nfn main() {\n    println!(\"{:?}\", Point);\n}";
    trait_bound_of_a_fn: "E0277", "fn show<T: std::fmt::Debug + Clone>(value: T) {}\nstruct Point;\nfn main() {\n    show(Point);\n}";
    question_mark_in_unit: "E0277", "fn main() {\n    let text = std::fs::read_to_string(\"a\")?;\n}";
    unknown_method: "E0599", "struct Point { x: i32 }\nfn main() {\n    let p = Point { x: 1 };\n    p.len();\n}";
    misspelt_method: "E0599", "struct Point { x: i32 }\nimpl Point {\n    fn length(&self) -> i32 { self.x }\n}\nfn main() {\n    Point { x: 1 }.lenght();\n}";
    unknown_field: "E0609", "struct Point { x: i32 }\nfn main() {\n    let p = Point { x: 1 };\n    println!(\"{}\", p.z);\n}";
    missing_field: "E0063", "struct Point { x: i32, y: i32 }\nfn main() {\n    let p = Point { x: 1 };\n}";
    missing_lifetime: "E0106", "fn longest(a: &str, b: &str) -> &str {\n    if a.len() > b.len() { a } else { b }\n}\nfn main() {}";
    missing_lifetime_in_struct: "E0106", "struct Holder {\n    text: &str,\n}\nfn main() {}";
    missing_arm: "E0004", "enum Light { Red, Amber, Green }\nfn main() {\n    let light = Light::Red;\n    match light {\n        Light::Red => {}\n        Light::Green => {}\n    }\n}";
    assigned_twice: "E0384", "fn main() {\n    let n = 1;\n    n = 2;\n    println!(\"{n}\");\n}";
    borrowed_as_mutable: "E0596", "fn main() {\n    let v = Vec::new();\n    v.push(1);\n}";
    unresolved_import: "E0432", "use std::colections::HashMap;\nfn main() {}";
    unresolved_name_in_module: "E0432", "use std::thread::spwan;\nfn main() {}";
    undeclared_type: "E0433", "fn main() {\n    let m = HashMap::new();\n}";
    import_among_others: "E0433", "// A comment\nuse std::thread;\n\nfn main() {\n    thread::yield_now();\n    let a = Arc::new(1);\n}";
    many_candidates: "E0425", "fn main() {\n    let r: Result<i32, Iter> = Ok(1);\n}";
    private_field: "E0616", "mod shapes {\n    pub struct Point { x: i32 }\n    impl Point { pub fn new() -> Point { Point { x: 1 } } }\n}\nfn main() {\n    let p = shapes::Point::new();\n    println!(\"{}\", p.x);\n}";
    missing_semicolon: "expected `;`", "fn main() {\n    let a = 1\n    let b = 2;\n}";
    unclosed_delimiter: "unclosed delimiter", "fn main() {\n    let v = vec![1;\n    if true {\n}";
    unclosed_without_newline: "unclosed delimiter", "fn main() {";
    unclosed_before_newline: "unclosed delimiter", "fn main() {\n";
    mismatched_delimiter: "mismatched closing delimiter", "fn main() {\n    let v = (1, 2];\n}";
    unknown_token: "unknown start of token", "fn main() {\n    let a = 1 § 2;\n}";
    quotes_from_a_word_processor: "unknown start of token", "fn main() {\n    println!(“hello”);\n}";
    unterminated_string: "E0765", "fn main() {\n    println!(\"hello);\n}\n";
    missing_print_argument: "1 positional argument in format string", "fn main() {\n    println!(\"{}\");\n}";
    missing_of_two_arguments: "2 positional arguments", "fn main() {\n    println!(\"{} {}\", 1);\n}";
    print_without_format: "format argument must be a string literal", "fn main() {\n    let n = 1;\n    println!(n);\n}";
    named_argument: "invalid format string", "fn main() {\n    let v = [1];\n    println!(\"{v[0]}\");\n}";
    unclosed_brace_in_format: "invalid format string", "fn main() {\n    println!(\"{\");\n}";
    extra_print_argument: "argument never used", "fn main() {\n    println!(\"{}\", 1, 2);\n}";
    unused_result: "unused_must_use", "fn main() {\n    std::fs::read(\"a\");\n}";
    unused_variable: "unused_variables", "fn main() {\n    let n = 1;\n}";
    needless_mut: "unused_mut", "fn main() {\n    let mut n = 1;\n    println!(\"{n}\");\n}";
    unreachable: "unreachable_code", "fn main() {\n    return;\n    println!(\"never\");\n}";
    denied_lint: "invalid_value", "fn main() {\n    let r: &i32 = unsafe { std::mem::zeroed() };\n    println!(\"{r}\");\n}";
    closure_of_several_lines: "E0308", "fn apply(f: impl Fn(i32) -> i32) -> i32 { f(1) }\nfn main() {\n    apply(|n| {\n        let m = n + 1;\n        m > 1\n    });\n}";
    borrowed_data_escapes: "E0521", "fn run(words: &[String]) {\n    std::thread::spawn(move || {\n        println!(\"{}\", words.len());\n    });\n}\nfn main() {}";
    type_annotations_needed: "E0282", "fn main() {\n    let v = Vec::new();\n}";
    type_of_collect: "E0283", "fn main() {\n    let v = [1].iter().collect();\n}";
    reference_to_local: "E0515", "fn text() -> &'static str {\n    let s = String::new();\n    &s\n}\nfn main() {}";
    deref_of_number: "E0614", "fn main() {\n    let n = 1;\n    println!(\"{}\", *n);\n}";
    compare_reference: "E0308", "fn main() {\n    let v = vec![1, 2];\n    let n = v.iter().filter(|n| n > 1).count();\n}";
    own_macro: "E0425", "macro_rules! twice {\n    ($e:expr) => {{\n        let n = missing($e);\n        n * 2\n    }};\n}\nfn main() {\n    twice!(1);\n}";
    own_macro_no_rule: "no rules expected", "macro_rules! twice {\n    ($e:expr) => { $e * 2 };\n}\nfn main() {\n    twice!(1, 2);\n}";
    derive_of_a_field: "E0277", "struct Inner;\n#[derive(Clone, Debug)]\nstruct Outer {\n    inner: Inner,\n}\nfn main() {}";
    copy_derive: "E0204", "#[derive(Clone, Copy)]\nstruct Name(String);\nfn main() {}";
    trait_method_missing: "E0046", "trait Shape {\n    fn area(&self) -> f64;\n}\nstruct Square;\nimpl Shape for Square {}\nfn main() {}";
    replacement_over_lines: "E0308", "fn main() {\n    let n: Option<i32> = if true {\n        1\n    } else {\n        None\n    };\n}";
    needless_parentheses: "unused_parens", "fn main() {\n    while (true) {\n        break;\n    }\n}";
    capitalization: "E0425", "struct Point;\nfn main() {\n    let p: point;\n}";
    enum_variant: "E0425", "enum Light { Red }\nfn main() {\n    let l = Red;\n}";
    use_of_type_parameter: "E0369", "fn add<T>(a: T, b: T) -> T {\n    a + b\n}\nfn main() {}";
    generic_needs_bound: "E0277", "fn show<T>(value: T) {\n    println!(\"{value}\");\n}\nfn main() {}";
    boxed_recursion: "E0072", "struct List {\n    value: i32,\n    next: Option<List>,\n}\nfn main() {}";
    half_open_match: "E0004", "fn main() {\n    match 3u8 {\n        0..=9 => {}\n    }\n}";
    guard_in_thread: "E0373", "use std::sync::Mutex;\nfn main() {\n    let m = Mutex::new(0);\n    std::thread::scope(|s| {\n        for i in 0..2 {\n            s.spawn(|| *m.lock().unwrap() += i);\n        }\n    });\n}";
    captured_by_ref_in_fnmut: "E0594", "fn main() {\n    let n = 0;\n    let mut add = || n += 1;\n    add();\n}";
    moved_out_of_vector: "E0507", "fn main() {\n    let v = vec![String::new()];\n    let s = v[0];\n}";
    moved_out_of_arc: "E0507", "use std::sync::Arc;\nfn main() {\n    let handles = Arc::new(vec![std::thread::spawn(|| 1)]);\n    for h in *handles {\n        h.join().unwrap();\n    }\n}";
    box_syntax: "`box_syntax` has been removed", "fn main() {\n    let n = box 1;\n}";
    tabs: "E0308", "fn main() {\n\tlet n:\ti32 =\t\"one\";\n}";
    wide_characters: "E0308", "fn main() {\n    let 名前: i32 = \"日本語 😀\"; let é = 1;\n}";
    wide_characters_in_a_patch: "E0384", "fn main() {\n    let (名, é) = (\"😀\", 1);\n    名 = \"ß\";\n    println!(\"{名}{é}\");\n}";
    windows_line_ends: "E0308", "fn main() {\r\n    let a = 1;\r\n    let n: i32 = \"one\";\r\n}\r\n";
    several_replacements: "E0277", "fn main() {\n    let mean = 1.5 * 2;\n}";
    long_line: "E0308", "fn main() {\n    let n: i32 = [\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\", \"ccccccccccccccccccccccccccccccccccccccccccccc\"].concat() + 1 + \"dddddddddddddddddddddddddddd\";\n}";
    far_apart: "E0382", "fn main() {\n    let v = vec![1];\n    drop(v);\n    let a = 1;\n    let b = 2;\n    let c = 3;\n    let d = 4;\n    let e = 5;\n    let f = 6;\n    println!(\"{v:?} {}\", a + b + c + d + e + f);\n}";
    await_outside_async: "E0728", "async fn one() -> i32 { 1 }\nfn main() {\n    one().await;\n}";
    not_send: "E0277", "use std::rc::Rc;\nfn main() {\n    let r = Rc::new(1);\n    std::thread::spawn(move || println!(\"{r}\"));\n}";
    call_of_a_value: "E0618", "fn main() {\n    let n = 1;\n    n();\n}";
    python_and: "`and` is not a logical operator", "fn main() {\n    if true and false {}\n}";
    single_quotes: "character literal may only contain one codepoint", "fn main() {\n    println!('hello');\n}";
    assignment_as_condition: "E0308", "fn main() {\n    let n = 1;\n    if n = 2 {}\n}";
    increment: "Rust has no postfix increment operator", "fn main() {\n    let mut i = 0;\n    i++;\n}";
    static_mut: "E0133", "static mut N: i32 = 0;\nfn main() {\n    N += 1;\n}";
    cell_in_thread: "E0277", "use std::cell::RefCell;\nuse std::sync::Arc;\nfn main() {\n    let c = Arc::new(RefCell::new(1));\n    std::thread::spawn(move || {\n        *c.borrow_mut() += 1;\n    });\n}";
}
