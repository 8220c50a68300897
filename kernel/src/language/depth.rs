//! How much stack a recursive parser may want for a text, so that none runs out of it:
//! that would be the end of the whole kernel.
//!
//! A parser calls itself for what stands in delimiters, and for whatever goes on without
//! an end in sight: `a = b = …`, `&mut &mut …`, `A<A<…`, `if … else if …`. A long sum is
//! a deep tree when it is dropped. So every token counts until a `;`, a `,` or the end of
//! a block ends what it belongs to; those in the delimiters around count on.

use super::tokens::{Kind, Token, tokenize};

/// Room for what people write; pages that are not touched cost nothing.
pub const USUAL_STACK: usize = 64 << 20;
/// A text that may want more than this is not parsed.
const LARGEST_STACK: usize = 1 << 30;

/// What a parser that is built without optimisation takes: measured were 48 KiB for a
/// `[` and its like, and 29 KiB for each of the tokens of `A<A<…`.
const BYTES_PER_OPEN: usize = 96 << 10;
const BYTES_PER_TOKEN: usize = 48 << 10;

/// The stack, in bytes, that may be needed to parse these tokens.
pub fn stack_for(tokens: &[Token]) -> usize {
    let mut most = 0;
    let mut around = Vec::new();
    let mut before = 0;
    let mut here = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Comment { .. } => continue,
            // To a parser of Rust it is any number of tokens.
            Kind::Magic => here += BYTES_PER_TOKEN * token.text.len(),
            Kind::Open => {
                around.push((before, here));
                before += here + BYTES_PER_OPEN;
                here = 0;
            }
            Kind::Close => {
                (before, here) = around.pop().unwrap_or_default();
                here += BYTES_PER_TOKEN;
                let goes_on = || tokens.get(index + 1).is_some_and(|next| matches!(next.text, "else" | "." | "?"));
                if token.is("}") && !goes_on() {
                    here = 0;
                }
            }
            _ if matches!(token.text, ";" | ",") => here = 0,
            _ => here += BYTES_PER_TOKEN,
        }
        most = most.max(before + here);
    }
    most
}

/// Whether the usual stack may be too small for these tokens.
pub fn too_deep(tokens: &[Token]) -> bool {
    stack_for(tokens) > USUAL_STACK
}

/// Calls `parse`, which parses the code, where there is room for it: on a thread of its
/// own. `None` if the code nests too deeply for any, if there is no thread to be had, or
/// after a panic.
pub fn with_room<T: Send>(code: &str, parse: impl FnOnce() -> T + Send) -> Option<T> {
    let stack = stack_for(&tokenize(code)).max(USUAL_STACK);
    if stack > LARGEST_STACK {
        tracing::warn!("a text of {} bytes nests too deeply", code.len());
        return None;
    }
    on_stack(stack, parse)
}

/// Calls `work` on a thread with a stack of so many bytes.
pub fn on_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("language".into()).stack_size(bytes).spawn_scoped(scope, work);
        match thread {
            Ok(thread) => thread.join().ok(),
            Err(error) => {
                tracing::warn!("cannot start a thread: {error}");
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways to nest: a beginning, what is repeated, the middle, what is repeated behind it.
    const SHAPES: &[(&str, &str, &str, &str)] = &[
        ("", "(", "1", ")"),
        ("", "[", "1", "]"),
        ("", "{", "1", "}"),
        ("", "f(", "1", ")"),
        ("", "S { a: ", "1", "}"),
        ("", "m![", "1", "]"),
        ("", "|x| ", "1", ""),
        ("", "move || ", "1", ""),
        ("", "a = ", "1", ""),
        ("", "&mut ", "a", ""),
        ("", "!", "a", ""),
        ("let x = ", "! ", "a", ""),
        ("", "return ", "1", ""),
        ("", "if ", "a", " {}"),
        ("", "match ", "a", " {}"),
        ("if a {}", "else if a {} ", "", ""),
        ("1", " + 1", "", ""),
        ("1", " < 1 ||  1", "", ""),
        ("a", ".a", "", ""),
        ("a", ".a()", "", ""),
        ("a", "?", "", ""),
        ("a", " as T", "", ""),
        ("a", "[0]", "", ""),
        ("a", "()", "", ""),
        ("let a: ", "A<", "u8", ">;"),
        ("let a: ", "&'a ", "u8", ""),
        ("let a: ", "*const ", "u8", ""),
        ("let a: ", "fn() -> ", "u8", ""),
        ("let a: ", "[", "u8", "; 1]"),
        ("let a: ", "impl Fn() -> ", "u8", ""),
        ("let ", "&", "a", ""),
        ("let ", "(", "a", ")"),
        ("let ", "a @ ", "a", " = 1;"),
        ("use ", "a::", "b", ""),
        ("use ", "a::{", "b", "}"),
        ("", "mod m {", "", "}"),
        ("", "fn f() {", "", "}"),
        ("", "'a: ", "loop {}", ""),
        ("", "#[a] ", "1", ""),
        ("a", "::<a>", "", ""),
        ("", "a..", "a", ""),
        ("fn f() where ", "for<'a> ", "A: B {}", ""),
    ];

    fn nested(shape: &(&str, &str, &str, &str), times: usize) -> String {
        let (begin, open, middle, close) = shape;
        format!("{begin}{}{middle}{}", open.repeat(times), close.repeat(times))
    }

    /// An overflow ends the whole test: the shape is told before.
    #[test]
    fn the_stack_suffices_for_every_shape() {
        for shape in SHAPES {
            let of = |times: usize| stack_for(&tokenize(&nested(shape, times)));
            let wanted = 16 << 20;
            let times = (1..).map(|step| step * 10).find(|times| of(*times) > wanted).expect("endless");
            let text = nested(shape, times);
            eprintln!("{times} times {:?}", shape.1);
            let parse = || {
                proc_macro2::extra::invalidate_current_thread_spans();
                let _ = syn::parse_file(&text);
                use syn::parse::Parser;
                let parsed = syn::Block::parse_within.parse_str(&text);
                parsed.map(|statements| format!("{statements:?}").len()).ok()
            };
            assert!(on_stack(of(times), parse).is_some(), "{text}");
        }
    }

    #[test]
    fn what_people_write_is_not_deep() {
        let list = format!("let a = [{}];", "1, f(2), ".repeat(100_000));
        let functions = "fn f(a: u8) -> Vec<u8> { if a > 1 { g(a) } else { vec![1] } }\n".repeat(10_000);
        for text in [list, functions, "a.b().c(|d| { e(d)?; Ok(()) });\n".repeat(10_000)] {
            assert!(!too_deep(&tokenize(&text)), "{}", &text[..60]);
        }
        assert!(too_deep(&tokenize(&"(".repeat(5_000))));
    }

    #[test]
    fn what_nests_too_deeply_is_not_parsed() {
        assert_eq!(with_room(&"[".repeat(100_000), || 1), None);
        assert_eq!(with_room("[[]]", || 1), Some(1));
    }
}
