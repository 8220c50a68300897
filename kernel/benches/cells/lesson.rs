//! The cells that are measured.

/// Small cells of the kinds that a lesson has, in an order in which they can run: each
/// does little, so that its time is the kernel's and the compiler's.
pub const LESSON: [(&str, &str); 20] = [
    ("print a line", r#"println!("hello");"#),
    ("a number", "let time_scale: f64 = 0.5;"),
    ("an expression", "(1..=10).sum::<i32>()"),
    ("a list", "let mut numbers = vec![2, 3, 8, 9];"),
    ("change a list", "numbers.push(16);\nnumbers.len()"),
    ("a function", "fn square(n: i32) -> i32 {\n    n * n\n}"),
    ("call a function", "numbers.iter().map(|n| square(*n)).collect::<Vec<_>>()"),
    ("a loop that prints", r#"for n in &numbers { println!("square: {}", square(*n)); }"#),
    (
        "a struct and a value",
        "#[derive(Debug, Clone, PartialEq)]\nstruct Point { x: i32, y: i32 }\nlet point = Point { x: 1, y: 2 };\npoint",
    ),
    ("an impl", "impl Point {\n    fn swapped(&self) -> Point { Point { x: self.y, y: self.x } }\n}\npoint.swapped()"),
    ("a closure", "let add = |a: i32, b: i32| a + b;\nadd(2, 3)"),
    (
        "a static",
        "use std::sync::atomic::{AtomicUsize, Ordering};\nstatic COUNT: AtomicUsize = AtomicUsize::new(0);\nCOUNT.fetch_add(1, Ordering::Relaxed);",
    ),
    ("use a static", "COUNT.fetch_add(1, Ordering::Relaxed)"),
    (
        "a map",
        r#"use std::collections::HashMap;
let mut ages: HashMap<String, u32> = HashMap::new();
ages.insert("Ada".to_string(), 36);"#,
    ),
    ("look up in a map", r#"ages.get("Ada").copied().unwrap_or(0)"#),
    (
        "start and join a thread",
        r#"let handle = std::thread::spawn(|| println!("from a thread"));
handle.join().unwrap();"#,
    ),
    (
        "a lock",
        r#"use std::sync::{Arc, Mutex};
let total = Arc::new(Mutex::new(0));
*total.lock().unwrap() += 5;"#,
    ),
    (
        "a question mark",
        r#"let apples: i32 = "42".parse()?;
apples + 1"#,
    ),
    ("show HTML", r#"Html("<b>bold</b>")"#),
    (
        "format text",
        r#"let text = format!("{:>8.3}|{:?}", time_scale, numbers);
text"#,
    ),
];

/// How many functions, structs and impls [`items`] defines.
const FUNCTIONS: usize = 60;
const STRUCTS: usize = 25;
const IMPLS: usize = 15;

/// The number of items in [`items`].
pub const ITEMS: usize = FUNCTIONS + STRUCTS + IMPLS;

/// A hundred items, in ten cells.
pub fn items() -> Vec<String> {
    const CELLS: usize = 10;
    let mut cells = vec![String::new(); CELLS];
    for number in 0..FUNCTIONS {
        cells[number % CELLS] += &function(number);
    }
    for number in 0..STRUCTS {
        cells[number % CELLS] += &structure(number);
    }
    for number in 0..IMPLS {
        cells[number % CELLS] += &implementation(number);
    }
    cells
}

/// The three of the items that [`using_items`] names.
pub fn used_items() -> String {
    function(7) + &structure(3) + &implementation(3)
}

fn function(number: usize) -> String {
    format!(
        "fn function_{number}(n: i64) -> i64 {{\n    (0..n).filter(|k| k % {} == 0).map(|k| k * {number}).sum()\n}}\n",
        number + 2
    )
}

fn structure(number: usize) -> String {
    format!(
        "#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]\n\
         struct Record{number} {{\n    id: u32,\n    name: String,\n    values: Vec<i64>,\n}}\n"
    )
}

fn implementation(number: usize) -> String {
    format!(
        "impl Record{number} {{\n    fn total(&self) -> i64 {{\n        self.values.iter().sum::<i64>() + i64::from(self.id)\n    }}\n}}\n"
    )
}

/// A small cell that uses none of the items. `round` makes each a new one.
pub fn plain(round: usize) -> String {
    format!("let mut total = 0;\nfor n in 0..{} {{\n    total += n;\n}}\nprintln!(\"{{total}}\");", 10 + round)
}

/// A small cell that uses three of the items.
pub fn using_items(round: usize) -> String {
    format!(
        "let record = Record3 {{ id: {round}, name: \"three\".to_string(), values: vec![1, 2, 3] }};\n\
         println!(\"{{:?}} {{}} {{}}\", record, record.total(), function_7({}));",
        10 + round
    )
}
