//! What work the text of a measured body promises.
//!
//! What the compiler has made of that work is seen only by the time it takes, which the
//! prelude holds against the promise (`timing::removed` there). So a promise is made only
//! for what is sure to be done: a loop without a way out of it, an iterator that is used
//! up, a call with arguments that are all written out. What stands behind a condition or
//! in a closure promises nothing.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{BinOp, Expr, Lit, Pat, RangeLimits, Stmt};

use crate::cell::names::{self, Names};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promises {
    /// Rounds of loops: for each, the loops from the outermost to it.
    pub loops: Vec<Vec<Rounds>>,
    /// Functions that are called with arguments that are all written out.
    pub calls: Names,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rounds {
    Range {
        start: Bound,
        end: Bound,
        inclusive: bool,
    },
    /// As many as the variable has elements.
    Elements(String),
    /// Some, when the range is not empty.
    Some {
        start: Bound,
        end: Bound,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    Number(i128),
    /// A variable or constant of the notebook.
    Name(String),
}

/// Whether a function's text looks as if a call of it takes time: it has a loop, uses an
/// iterator up, or calls itself.
pub fn function_works(name: &str, text: &str) -> bool {
    let Ok(tokens) = text.parse::<TokenStream>() else { return false };
    let body = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => Some(group.stream()),
        _ => None,
    });
    let mentioned: Names = body.flat_map(names::mentioned).collect();
    mentioned.contains(name)
        || ["for", "while", "loop"].iter().any(|keyword| mentioned.contains(*keyword))
        || USES_UP.iter().any(|method| mentioned.contains(*method))
}

/// Methods that go through the whole of an iterator.
const USES_UP: [&str; 5] = ["sum", "product", "fold", "for_each", "reduce"];
/// So do these, where it cannot be told beforehand what it holds.
const USES_UP_MAPPED: [&str; 4] = ["count", "min", "max", "last"];
/// Methods that hand on each element.
const HANDS_ON: [&str; 7] = ["rev", "copied", "cloned", "enumerate", "iter", "iter_mut", "into_iter"];
const HANDS_ON_MAPPED: [&str; 3] = ["map", "filter", "inspect"];

/// The promises of a body. `setup` stands before it; `assigned` are names that get a new
/// value in one of them.
pub(super) fn of(setup: &[Stmt], body: &[Stmt], assigned: &Names) -> Promises {
    let mut promises = FindPromises::new(setup.iter().chain(body), assigned);
    body.iter().for_each(|statement| promises.visit_stmt(statement));
    promises.found
}

struct FindPromises<'a> {
    /// What variables hold from beginning to end.
    numbers: BTreeMap<String, i128>,
    /// What they hold at first.
    first: BTreeMap<String, i128>,
    /// Names that are no longer the notebook's.
    bound: Names,
    assigned: &'a Names,
    around: Vec<Rounds>,
    found: Promises,
}

impl<'a> FindPromises<'a> {
    fn new<'s>(statements: impl Iterator<Item = &'s Stmt>, assigned: &'a Names) -> FindPromises<'a> {
        struct Bindings(Vec<String>);
        impl<'a> Visit<'a> for Bindings {
            fn visit_pat_ident(&mut self, pat: &'a syn::PatIdent) {
                self.0.push(pat.ident.to_string());
                syn::visit::visit_pat_ident(self, pat);
            }
        }
        let mut bindings = Bindings(Vec::new());
        let mut first = BTreeMap::new();
        let mut mutable = Names::new();
        for statement in statements {
            bindings.visit_stmt(statement);
            match statement {
                Stmt::Local(local) => {
                    if let (Some(name), Some(init)) = (simple_name(&local.pat), &local.init)
                        && let Some(number) = number(&init.expr)
                    {
                        first.insert(name.ident.to_string(), number);
                        if name.mutability.is_some() {
                            mutable.insert(name.ident.to_string());
                        }
                    }
                }
                Stmt::Item(syn::Item::Const(constant)) => {
                    bindings.0.push(constant.ident.to_string());
                    if let Some(number) = number(&constant.expr) {
                        first.insert(constant.ident.to_string(), number);
                    }
                }
                _ => {}
            }
        }
        let once = |name: &str| bindings.0.iter().filter(|bound| *bound == name).count() == 1;
        first.retain(|name, _| once(name));
        let numbers = first.iter().filter(|(name, _)| !mutable.contains(*name));
        let numbers = numbers.map(|(name, number)| (name.clone(), *number)).collect();
        let bound = bindings.0.into_iter().collect();
        FindPromises { numbers, first, bound, assigned, around: Vec::new(), found: Promises::default() }
    }

    fn bound(&self, expression: &Expr) -> Option<Bound> {
        if let Some(number) = number(expression) {
            return Some(Bound::Number(number));
        }
        match expression {
            Expr::Paren(inner) => self.bound(&inner.expr),
            Expr::Group(inner) => self.bound(&inner.expr),
            Expr::Cast(inner) => self.bound(&inner.expr),
            Expr::Path(path) => {
                let name = path.path.get_ident()?.to_string();
                match self.numbers.get(&name) {
                    Some(number) => Some(Bound::Number(*number)),
                    None => self.notebooks(name).map(Bound::Name),
                }
            }
            _ => None,
        }
    }

    /// The name, if it is still what the notebook knows by it.
    fn notebooks(&self, name: String) -> Option<String> {
        (!self.bound.contains(&name) && !self.assigned.contains(&name)).then_some(name)
    }

    /// The rounds of a loop over this, and whether what an iterator makes is new.
    fn rounds(&self, over: &Expr) -> Option<(Rounds, bool)> {
        match over {
            Expr::Paren(inner) => self.rounds(&inner.expr),
            Expr::Group(inner) => self.rounds(&inner.expr),
            Expr::Range(range) => {
                let (start, end) = (self.bound(range.start.as_ref()?)?, self.bound(range.end.as_ref()?)?);
                let inclusive = matches!(range.limits, RangeLimits::Closed(_));
                Some((Rounds::Range { start, end, inclusive }, false))
            }
            Expr::Reference(reference) => Some((self.elements(&reference.expr)?, false)),
            Expr::MethodCall(call) => {
                let method = call.method.to_string();
                if HANDS_ON_MAPPED.contains(&method.as_str()) {
                    // The closure may leave the function or panic, but it is called first.
                    return (!has_way_out(call.args.to_token_stream()))
                        .then_some((self.rounds(&call.receiver)?.0, true));
                }
                if !HANDS_ON.contains(&method.as_str()) {
                    return None;
                }
                match self.elements(&call.receiver).filter(|_| method.contains("iter")) {
                    Some(elements) => Some((elements, false)),
                    None => self.rounds(&call.receiver),
                }
            }
            _ => None,
        }
    }

    fn elements(&self, expression: &Expr) -> Option<Rounds> {
        match expression {
            Expr::Path(path) => self.notebooks(path.path.get_ident()?.to_string()).map(Rounds::Elements),
            Expr::Paren(inner) => self.elements(&inner.expr),
            _ => None,
        }
    }

    fn within(&mut self, rounds: Option<Rounds>, visit: impl FnOnce(&mut Self)) {
        // Loops inside of one whose rounds are not known may not run at all.
        let Some(rounds) = rounds else { return };
        self.around.push(rounds);
        self.found.loops.push(self.around.clone());
        visit(self);
        self.around.pop();
    }
}

impl<'a> Visit<'a> for FindPromises<'_> {
    fn visit_expr_for_loop(&mut self, each: &'a syn::ExprForLoop) {
        self.visit_expr(&each.expr);
        let rounds = self.rounds(&each.expr).map(|(rounds, _)| rounds);
        let rounds = rounds.filter(|_| !has_way_out(each.body.to_token_stream()));
        self.within(rounds, |this| this.visit_block(&each.body));
    }

    fn visit_expr_while(&mut self, each: &'a syn::ExprWhile) {
        let Expr::Binary(condition) = &*each.cond else { return };
        let Expr::Path(left) = &*condition.left else { return };
        let counts = matches!(condition.op, BinOp::Lt(_) | BinOp::Le(_) | BinOp::Ne(_));
        let start = left.path.get_ident().and_then(|name| self.first.get(&name.to_string()));
        let (Some(start), Some(end)) = (start.filter(|_| counts), self.bound(&condition.right)) else { return };
        let rounds = Rounds::Some { start: Bound::Number(*start), end };
        let rounds = Some(rounds).filter(|_| !has_way_out(each.body.to_token_stream()));
        self.within(rounds, |_| {});
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let method = call.method.to_string();
        if let Some((rounds, is_mapped)) = self.rounds(&call.receiver)
            && (USES_UP.contains(&method.as_str()) || (is_mapped && USES_UP_MAPPED.contains(&method.as_str())))
            && !has_way_out(call.args.to_token_stream())
        {
            self.within(Some(rounds), |_| {});
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        if let Expr::Path(path) = &*call.func
            && let Some(name) = path.path.get_ident()
            && call.args.iter().all(is_written_out)
        {
            self.found.calls.insert(name.to_string());
        }
        syn::visit::visit_expr_call(self, call);
    }

    // What may not be done at all.
    fn visit_expr_if(&mut self, branch: &'a syn::ExprIf) {
        self.visit_expr(&branch.cond);
    }
    fn visit_expr_match(&mut self, branch: &'a syn::ExprMatch) {
        self.visit_expr(&branch.expr);
    }
    fn visit_expr_binary(&mut self, binary: &'a syn::ExprBinary) {
        self.visit_expr(&binary.left);
        if !matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) {
            self.visit_expr(&binary.right);
        }
    }
    fn visit_local_init(&mut self, init: &'a syn::LocalInit) {
        self.visit_expr(&init.expr);
    }
    fn visit_expr_loop(&mut self, _: &'a syn::ExprLoop) {}
    fn visit_expr_closure(&mut self, _: &'a syn::ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'a syn::ExprAsync) {}
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

fn simple_name(pat: &Pat) -> Option<&syn::PatIdent> {
    match pat {
        Pat::Ident(pat) => Some(pat),
        Pat::Type(pat) => simple_name(&pat.pat),
        _ => None,
    }
}

fn number(expression: &Expr) -> Option<i128> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) => int.base10_parse().ok(),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => number(&unary.expr)?.checked_neg(),
        Expr::Paren(inner) => number(&inner.expr),
        _ => None,
    }
}

fn is_written_out(expression: &Expr) -> bool {
    match expression {
        Expr::Lit(_) => true,
        Expr::Unary(unary) => is_written_out(&unary.expr),
        Expr::Paren(inner) => is_written_out(&inner.expr),
        Expr::Reference(inner) => is_written_out(&inner.expr),
        Expr::Cast(inner) => is_written_out(&inner.expr),
        _ => false,
    }
}

/// Whether the tokens may end a loop or the function around them.
fn has_way_out(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "break" || ident == "return",
        TokenTree::Punct(punct) => punct.as_char() == '?',
        TokenTree::Group(group) => has_way_out(group.stream()),
        TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::source::CellSource;

    fn measured(setup: &str, body: &str) -> Promises {
        let source = CellSource::new(1, format!("{setup}\n{body}"));
        let setup_range = (!setup.is_empty()).then_some(0..setup.len());
        let measured = crate::cell::measured::parse(&source, setup_range, setup.len() + 1..source.text.len());
        measured.unwrap_or_else(|range| panic!("{:?} does not parse", &source.text[range])).promises
    }

    fn loops(body: &str) -> Vec<Vec<Rounds>> {
        measured("", body).loops
    }

    fn to(end: i128) -> Rounds {
        Rounds::Range { start: Bound::Number(0), end: Bound::Number(end), inclusive: false }
    }

    fn to_name(end: &str) -> Rounds {
        Rounds::Range { start: Bound::Number(0), end: Bound::Name(end.to_owned()), inclusive: false }
    }

    #[test]
    fn loops_promise_their_rounds() {
        assert_eq!(loops("for i in 0..10_000_000 { sum += i; }"), [vec![to(10_000_000)]]);
        assert_eq!(loops("let mut sum = 0; for i in 0..n { sum += i; } sum"), [vec![to_name("n")]]);
        assert_eq!(loops("for i in 0..3 { for j in 0..M { x ^= j; } }"), [vec![to(3)], vec![to(3), to_name("M")]]);
        assert_eq!(loops("const N: u64 = 5; for i in (0..N as usize).rev() {}"), [vec![to(5)]]);
        assert_eq!(
            loops("for x in &v {} for x in v.iter().copied() {}").concat(),
            [Rounds::Elements("v".into()), Rounds::Elements("v".into())]
        );
        let counted = Rounds::Some { start: Bound::Number(0), end: Bound::Number(1000) };
        assert_eq!(loops("let mut i = 0; while i < 1000 { i += 1; }"), [vec![counted]]);
    }

    #[test]
    fn iterators_that_are_used_up_promise_theirs() {
        assert_eq!(loops("(0..n).sum::<u64>()"), [vec![to_name("n")]]);
        assert_eq!(loops("let s: u64 = (0..1000).map(|i| i * i).filter(|i| i % 3 == 0).sum()"), [vec![to(1000)]]);
        assert_eq!(loops("(0..9).map(f).count()"), [vec![to(9)]]);
        assert_eq!(loops("v.iter().sum::<f64>()"), [vec![Rounds::Elements("v".into())]]);
        for lazy in ["(0..9).map(f)", "(0..9).count()", "(0..9).find(|i| *i == 2)", "(0..9).any(f)", "v.iter().max()"] {
            assert_eq!(loops(lazy), [[]; 0], "{lazy}");
        }
    }

    #[test]
    fn what_may_not_be_done_promises_nothing() {
        for body in [
            "",
            "v.len()",
            "x + 1",
            "Instant::now()",
            "for i in 0..100 { if i == 3 { break; } }",
            "for i in 0..100 { f(i)?; }",
            "if x { for i in 0..100 {} }",
            "match x { 1 => { for i in 0..100 {} } _ => {} }",
            "let f = || for i in 0..100 {};",
            "while let Some(x) = stack.pop() {}",
            "while i < 100 { i += 1; }",
            "loop { }",
            "let n = f(x); for i in 0..n {}",
            "for i in 0..n { n = 3; }",
            "for i in 0..f(x) { for j in 0..100 {} }",
            "x && (0..100).map(f).sum::<i32>() > 2",
            "fn f() { for i in 0..100 {} }",
        ] {
            assert_eq!(measured("", body), Promises::default(), "{body}");
        }
    }

    #[test]
    fn calls_with_written_arguments_promise_work() {
        assert!(measured("", "fib(20)").calls.contains("fib"));
        assert!(measured("", "black_box(fib(-(20), &\"x\"))").calls.contains("fib"));
        assert!(measured("", "fib(n); Some(n); a::fib(20)").calls.is_empty());
        assert!(function_works("fib", "fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }"));
        assert!(function_works("f", "fn f() -> u8 { (0..3).map(g).sum() }"));
        assert!(!function_works("two", "fn two() -> u8 { 2 }"));
    }

    #[test]
    fn what_the_setup_writes_out_is_known() {
        assert_eq!(measured("let n = 50", "for i in 0..n {}").loops, [[to(50)]]);
        assert!(measured("let n = f(x)", "for i in 0..n {}").loops.is_empty());
    }
}
