//! Completion, inspection and the question whether a cell is complete.
//!
//! There is no rust-analyzer behind this. A question is answered from three things: the
//! text of the cell, what the notebook has defined so far ([`scope`]), and tables of the
//! standard library ([`std_names`]).
//!
//! The text takes this way: [`tokens`] cuts it up, however unfinished it is. [`context`]
//! says what stands at the cursor: a name, a member after `.`, a path, a magic, … .
//! [`known`] gathers the items, the [`prelude`]'s, the notebook's and the cell's own, [`locals`] the
//! variables above the cursor. [`guess`] finds an expression's type ([`types`],
//! [`patterns`], [`calls`]) and [`members`] what a type has ([`layers`], [`user_members`]). [`mod@complete`] and [`inspect`] put the answers together;
//! [`completeness`] needs the tokens only, and syn. [`depth`] keeps recursive parsers within
//! their stack.

pub mod calls;
pub mod complete;
pub mod completeness;
pub mod context;
pub mod depth;
pub mod files;
pub mod guess;
pub mod inspect;
pub mod known;
pub mod layers;
pub mod locals;
pub mod members;
pub mod patterns;
pub mod prelude;
pub mod rustdoc;
pub mod scope;
pub mod std_names;
pub mod tokens;
pub mod types;
pub mod user_members;

pub use complete::complete;
pub use completeness::completeness;
pub use inspect::inspect;

use depth::too_deep;

/// A magic or command, as completion and inspection show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magic {
    /// As it is typed: `%time`, `%%time`, `:dep`.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// All that there is to say about it, as Markdown.
    pub page: &'static str,
    /// How its options are typed, with the word for a value (`-n N`), and what they do.
    pub options: &'static [(&'static str, &'static str)],
}

/// Answers on a thread of its own, with nothing after a panic.
///
/// proc-macro2 keeps every text that was ever parsed on a thread, which would grow with
/// every key press; and whatever a text does to a parser, the kernel goes on.
fn on_own_thread<T: Send + Default>(answer: impl FnOnce() -> T + Send) -> T {
    depth::on_stack(depth::USUAL_STACK, answer).unwrap_or_default()
}

/// [`complete()`] and [`inspect()`] on the calling thread: a panic reaches the caller.
#[cfg(any(test, feature = "fuzz"))]
pub fn ask(scope: &scope::Scope, magics: &[Magic], code: &str, cursor: usize) -> crate::interpreter::Completions {
    let cursor = complete::boundary(code, cursor);
    let _ = inspect::page(scope, magics, code, cursor, 1);
    complete::here(scope, magics, code, cursor)
}

#[cfg(test)]
mod tests {
    use super::scope::{Item, Scope, Variable};
    use super::*;

    const CELLS: &[&str] = &[
        "%%time\nuse std::sync::{Arc, Mutex, mpsc::{self, Sender}};\nlet (tx, rx) = mpsc::channel::<u8>();\nfor i in 0..=3 { let tx = tx.clone(); std::thread::spawn(move || tx.send(i).unwrap()); }\nrx.iter().take(4).map(|x| x as u32 * 2).sum::<u32>()",
        "/// Döcs ✓\n#[derive(Debug, Clone)]\npub struct Pöint<T> { x: T, y: Option<T> }\nimpl<T: Clone> Pöint<T> {\n    fn new(x: T) -> Self { Self { x, y: None } }\n    fn swap(&mut self) -> &T { match &self.y { Some(y) if true => y, None => &self.x, _ => todo!() } }\n}\nlet p = Pöint::new(1.5); p.x.sqrt()",
        "let s = r#\"raw \"quoted\" ./\"#; let c = '\\''; let t = (1, (2.0, 'a')); t.1.0; /* /* nested */ */ if let Some(x) = s.find('r') && let Ok(n) = \"5\".parse::<i64>() { println!(\"{x} {n:?}\"); } // end",
        "!ls ./\n:dep rand = \"0.9\"\nlet mut m: HashMap<String, Vec<_>> = HashMap::new();\nm.entry(\"a\".into()).or_default().push(1);\nlet f: Box<dyn Fn(u8) -> u8> = Box::new(|a| a << 1 >> 1);\nfor (k, v) in &m { 'l: loop { break 'l } }\n%timeit f(2)\nasync { 1 }.await?",
        "macro_rules! m { ($x:expr) => { $x } }\ntrait T { type A; fn f(&self) -> Self::A; }\nfn g<F>(f: F) -> impl Iterator<Item = u8> where F: Fn(&str) -> u8 { vec![f(\"\")].into_iter() }\nuse std::{fmt, io::{self, Write as _}}; <u8 as T>::f; x as Vec<Vec<u8>>; a < b > c; [0; 3][1..].len()",
    ];

    fn scope() -> Scope {
        Scope {
            variables: vec![
                Variable {
                    name: "v".into(),
                    type_name: "std::vec::Vec<{closure@src/lib.rs:1:2: 3:4}>".into(),
                    mutable: true,
                    cell: 1,
                },
                Variable { name: "strange".into(), type_name: "<< not a type".into(), mutable: false, cell: 1 },
            ],
            items: vec![
                Item { name: "broken".into(), kind: "fn", source: "fn broken( {".into(), cell: 2 },
                Item { name: "Loop".into(), kind: "type", source: "type Loop = Loop;".into(), cell: 2 },
                Item { name: "use".into(), kind: "use", source: "use Loop as Loop; use a::b as a;".into(), cell: 2 },
                Item {
                    name: "Me".into(),
                    kind: "struct",
                    source:
                        "struct Me; impl std::ops::Deref for Me { type Target = Me; fn deref(&self) -> &Me { self } }"
                            .into(),
                    cell: 2,
                },
            ],
            crates: vec!["a-b".into()],
            ..Scope::default()
        }
    }

    const MAGICS: &[Magic] = &[
        Magic { name: "%time", help: "", page: "", options: &[] },
        Magic { name: "%%time", help: "", page: "", options: &[] },
    ];

    fn ask_here(code: &str, cursor: usize) {
        let found = ask(&scope(), MAGICS, code, cursor);
        assert!(found.start <= found.end && found.end <= cursor, "{code:?} at {cursor}");
        assert!(code.is_char_boundary(found.start), "{code:?} at {cursor}");
    }

    #[test]
    fn no_beginning_of_a_cell_makes_it_panic() {
        for cell in CELLS {
            for end in (0..=cell.len()).rev().step_by(3).filter(|end| cell.is_char_boundary(*end)) {
                // Every other time with brackets that a front end closes by itself.
                let code = format!("{}{}", &cell[..end], if end % 2 == 0 { ")}]" } else { "" });
                ask_here(&code, end);
                let _ = completeness(&cell[..end]);
            }
            proc_macro2::extra::invalidate_current_thread_spans();
        }
    }

    #[test]
    fn no_mutilated_cell_makes_it_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below.max(1) as u64) as usize
        };
        for _ in 0..100 {
            let mut characters: Vec<char> = CELLS[random(CELLS.len())].chars().collect();
            for _ in 0..random(6) {
                let at = random(characters.len());
                match random(3) {
                    0 => drop(characters.remove(at)),
                    1 => characters.insert(
                        at,
                        ['{', '}', '(', ')', '<', '>', '"', '\'', '|', '.', ':', '%', '\n', '#', 'ü'][random(15)],
                    ),
                    _ => characters.truncate(at.max(1)),
                }
            }
            let code: String = characters.into_iter().collect();
            let cursor = complete::boundary(&code, random(code.len() + 1));
            ask_here(&code, cursor);
            let _ = completeness(&code);
        }
    }

    #[test]
    fn an_own_thread_keeps_a_panic_to_itself() {
        let answer: Option<u8> = on_own_thread(|| panic!("as a test"));
        assert_eq!(answer, None);
    }
}
