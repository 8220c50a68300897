//! The variables of the cell itself that can be seen at a place.
//!
//! A walk over the tokens, so that an unfinished cell is no hindrance: `let`, `for`, `if
//! let`, `match` arms, parameters of functions and closures make variables, closing
//! delimiters end them.

use syn::parse::Parser;
use syn::{Expr, Pat, Signature};

use super::calls::function_params;
use super::context::{enclosing, expression_start, path_start};
use super::guess::Guess;
use super::members;
use super::tokens::{self, Kind, Token};
use super::types::{Bindings, Ty};

/// An open delimiter.
#[derive(Default)]
struct Frame {
    /// How many variables there were outside.
    locals: usize,
    /// The `Self` of outside.
    self_type: Option<Ty>,
    /// For a `match`: what is matched.
    subject: Option<Ty>,
    /// Where the current arm begins.
    arm: usize,
    in_arm_body: bool,
    /// Variables of closures whose body has no braces end with the statement.
    closures: Option<usize>,
}

/// Fills in the locals (and `Self`) that the code before the byte `cursor` leaves in sight.
pub fn find(guess: &mut Guess, code: &str, cursor: usize) {
    let before = &code[..cursor];
    let tokens = tokens::without_comments(before);
    if super::too_deep(&tokens) {
        return;
    }
    Walk { guess, code: before, tokens: &tokens, frames: vec![Frame::default()], pending: Vec::new() }.run();
}

/// Variables that begin with a block.
struct Pending {
    /// The index of the block's `{`.
    block: usize,
    bindings: Vec<(String, Ty)>,
    self_type: Option<Ty>,
    subject: Option<Ty>,
}

struct Walk<'w, 'a> {
    guess: &'w mut Guess<'a>,
    code: &'w str,
    tokens: &'w [Token<'w>],
    frames: Vec<Frame>,
    pending: Vec<Pending>,
}

impl Walk<'_, '_> {
    fn run(&mut self) {
        let mut index = 0;
        while let Some(token) = self.tokens.get(index).copied() {
            index = match token.kind {
                Kind::Open => self.open(index),
                Kind::Close => self.close(index),
                Kind::Ident => match token.text {
                    "let" => self.let_binding(index),
                    "for" => self.for_loop(index),
                    "match" => self.match_block(index),
                    "fn" => self.function(index),
                    "impl" | "trait" => self.impl_block(index),
                    _ => index + 1,
                },
                Kind::Punct => self.punctuation(index),
                Kind::Magic => self.magic(index),
                _ => index + 1,
            };
        }
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn open(&mut self, index: usize) -> usize {
        let mut frame = Frame {
            locals: self.guess.locals.len(),
            self_type: self.guess.self_type.clone(),
            arm: index + 1,
            ..Frame::default()
        };
        if let Some(at) = self.pending.iter().position(|pending| pending.block == index) {
            let pending = self.pending.swap_remove(at);
            self.guess.locals.extend(pending.bindings);
            frame.subject = pending.subject;
            if pending.self_type.is_some() {
                self.guess.self_type = pending.self_type;
            }
        }
        self.frames.push(frame);
        index + 1
    }

    fn close(&mut self, index: usize) -> usize {
        if self.frames.len() > 1
            && let Some(frame) = self.frames.pop()
        {
            self.guess.locals.truncate(frame.locals);
            self.guess.self_type = frame.self_type;
        }
        let closes_block = self.tokens[index].is("}");
        let frame = self.frame();
        if closes_block && frame.in_arm_body {
            frame.arm = index + 1;
            frame.in_arm_body = false;
        }
        index + 1
    }

    fn punctuation(&mut self, index: usize) -> usize {
        match self.tokens[index].text {
            ";" | "," => {
                let frame = self.frame();
                if let Some(locals) = frame.closures.take() {
                    self.guess.locals.truncate(locals);
                }
                let is_comma = self.tokens[index].is(",");
                let frame = self.frame();
                if is_comma && frame.subject.is_some() {
                    frame.arm = index + 1;
                    frame.in_arm_body = false;
                }
                index + 1
            }
            "=>" => {
                self.arm(index);
                index + 1
            }
            "|" | "||" => self.closure(index),
            _ => index + 1,
        }
    }

    /// `%time let x = 1;` makes variables like any other line.
    fn magic(&mut self, index: usize) -> usize {
        let line = self.tokens[index].text;
        if line.starts_with("%time")
            && let Some((_, rest)) = line.split_once(' ')
        {
            find(self.guess, rest, rest.len());
        }
        index + 1
    }

    fn text(&self, from: usize, to: usize) -> &str {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if from < to => &self.code[first.start..last.end()],
            _ => "",
        }
    }

    /// The first index from `from` on, outside of further delimiters, where `stop` holds;
    /// `None` when what is around ends before.
    fn find(&self, from: usize, stop: impl Fn(&Token) -> bool) -> Option<usize> {
        let mut index = from;
        while let Some(token) = self.tokens.get(index) {
            if stop(token) {
                return Some(index);
            }
            match token.kind {
                Kind::Open => index = tokens::closing(self.tokens, index),
                Kind::Close => return None,
                _ => {}
            }
            index += 1;
        }
        None
    }

    fn pattern(&self, from: usize, to: usize) -> Option<Pat> {
        let text = self.text(from, to);
        Pat::parse_multi_with_leading_vert.parse_str(text).ok()
    }

    fn expression(&mut self, from: usize, to: usize) -> Ty {
        let text = self.text(from, to).to_owned();
        match syn::parse_str::<Expr>(&text) {
            Ok(expression) => self.guess.expression(&expression),
            Err(_) => {
                // `let … = value else { … };`
                let without_else = (from..to)
                    .rev()
                    .find(|index| self.tokens[*index].is("else"))
                    .map(|index| self.text(from, index).to_owned());
                without_else.map_or(Ty::Unknown, |text| self.guess.text(&text))
            }
        }
    }

    /// The variables of a pattern, not yet in sight.
    fn bindings(&mut self, pattern: &Pat, ty: &Ty) -> Vec<(String, Ty)> {
        let before = self.guess.locals.len();
        self.guess.bind(pattern, ty);
        self.guess.locals.split_off(before)
    }

    fn let_binding(&mut self, index: usize) -> usize {
        let in_condition = index > 0 && matches!(self.tokens[index - 1].text, "if" | "while" | "&&");
        let Some(equals) = self.find(index + 1, |token| matches!(token.text, "=" | ";")) else { return index + 1 };
        let colon = self.find(index + 1, |token| token.is(":")).filter(|colon| *colon < equals);
        let Some(pattern) = self.pattern(index + 1, colon.unwrap_or(equals)) else { return index + 1 };
        if in_condition {
            let Some(end) = self.find(equals + 1, |token| matches!(token.text, "{" | "&&")) else { return index + 1 };
            let Some(block) = self.find(end, |token| token.is("{")) else { return index + 1 };
            // What stands before `&&` can be used behind it.
            let before = self.guess.locals.len();
            let earlier =
                self.pending.iter().find(|pending| pending.block == block).map(|pending| pending.bindings.clone());
            self.guess.locals.extend(earlier.unwrap_or_default());
            let ty = self.expression(equals + 1, end);
            self.guess.locals.truncate(before);
            let bindings = self.bindings(&pattern, &ty);
            self.pend(block, bindings);
            return end;
        }
        let written = colon.map(|colon| {
            let text = self.text(colon + 1, equals);
            syn::parse_str::<syn::Type>(text).map_or(Ty::Unknown, |ty| self.guess.written(&ty))
        });
        // Until its `;` the variable is not there yet.
        let Some(end) = self.find(equals, |token| token.is(";")) else { return index + 1 };
        let ty = match written {
            // `Vec<_>`: the value knows more.
            Some(ty) if ty.to_string().contains('_') && end > equals => {
                let text = self.text(equals + 1, end).to_owned();
                self.guess.text_as(&text, &ty)
            }
            Some(ty) => ty,
            None if end > equals => self.expression(equals + 1, end),
            None => Ty::Unknown,
        };
        self.guess.bind(&pattern, &ty);
        end
    }

    fn pend(&mut self, block: usize, bindings: Vec<(String, Ty)>) {
        match self.pending.iter_mut().find(|pending| pending.block == block) {
            Some(pending) => pending.bindings.extend(bindings),
            None => self.pending.push(Pending { block, bindings, self_type: None, subject: None }),
        }
    }

    fn for_loop(&mut self, index: usize) -> usize {
        let Some(word) =
            self.find(index + 1, |token| token.is("in") || token.is("{")).filter(|word| self.tokens[*word].is("in"))
        else {
            return index + 1;
        };
        let Some(block) = self.find(word + 1, |token| token.is("{")) else { return word + 1 };
        let Some(pattern) = self.pattern(index + 1, word) else { return word + 1 };
        let iterable = self.expression(word + 1, block);
        let item = self.guess.item_of(&iterable);
        let bindings = self.bindings(&pattern, &item);
        self.pend(block, bindings);
        word + 1
    }

    fn match_block(&mut self, index: usize) -> usize {
        if let Some(block) = self.find(index + 1, |token| token.is("{")) {
            let subject = Some(self.expression(index + 1, block));
            self.pending.push(Pending { block, bindings: Vec::new(), self_type: None, subject });
        }
        index + 1
    }

    fn arm(&mut self, index: usize) {
        let Some(subject) = self.frame().subject.clone() else { return };
        let (locals, start) = (self.frame().locals, self.frame().arm);
        self.guess.locals.truncate(locals);
        let end = (start..index).find(|at| self.tokens[*at].is("if")).unwrap_or(index);
        if let Some(pattern) = self.pattern(start, end) {
            self.guess.bind(&pattern, &subject);
        }
        self.frame().in_arm_body = true;
    }

    fn function(&mut self, index: usize) -> usize {
        let Some(block) = self.find(index + 1, |token| matches!(token.text, "{" | ";")) else { return index + 1 };
        if !self.tokens[block].is("{") {
            return block;
        }
        if let Ok(signature) = syn::parse_str::<Signature>(self.text(index, block)) {
            let outside = std::mem::take(&mut self.guess.locals);
            self.guess.bind_signature(&signature);
            let bindings = std::mem::replace(&mut self.guess.locals, outside);
            self.pend(block, bindings);
        }
        block
    }

    fn impl_block(&mut self, index: usize) -> usize {
        let Some(block) = self.find(index + 1, |token| matches!(token.text, "{" | ";" | "=")) else { return index + 1 };
        if !self.tokens[block].is("{") {
            return index + 1;
        }
        let head = format!("{} {{}}", self.text(index, block));
        let self_type = match syn::parse_str::<syn::Item>(&head) {
            Ok(syn::Item::Impl(item)) => Some(Ty::from_syn(&item.self_ty)),
            Ok(syn::Item::Trait(item)) => {
                Some(Ty::Bounds { keyword: "impl", bounds: vec![Ty::plain(item.ident.to_string())] })
            }
            _ => None,
        };
        if self_type.is_some() {
            self.pending.push(Pending { block, bindings: Vec::new(), self_type, subject: None });
            return block;
        }
        index + 1
    }

    /// `|a, b|` where an expression begins.
    fn closure(&mut self, index: usize) -> usize {
        let before = index.checked_sub(1).map(|before| self.tokens[before]);
        let begins = before.is_none_or(|token| match token.kind {
            Kind::Open | Kind::Magic => true,
            Kind::Punct => !matches!(token.text, "?" | ">"),
            Kind::Ident => matches!(token.text, "move" | "async" | "return" | "in" | "else" | "static"),
            _ => false,
        });
        if !begins {
            return index + 1;
        }
        if self.tokens[index].is("||") {
            return index + 1;
        }
        let Some(end) = self.find(index + 1, |token| token.is("|")) else { return index + 1 };
        let text = format!("{} ()", self.text(index, end + 1));
        let Ok(closure) = syn::parse_str::<syn::ExprClosure>(&text) else { return end + 1 };
        let expected = self.expected_params(index);
        let locals = self.guess.locals.len();
        for (position, input) in closure.inputs.iter().enumerate() {
            let ty = expected.get(position).cloned().unwrap_or(Ty::Unknown);
            self.guess.bind(input, &ty);
        }
        self.frame().closures.get_or_insert(locals);
        end + 1
    }

    /// The parameters that the call around a closure gives to it.
    fn expected_params(&mut self, index: usize) -> Vec<Ty> {
        let outside = &self.tokens[..index];
        let Some(open) = enclosing(outside).filter(|open| self.tokens[*open].is("(")) else { return Vec::new() };
        let Some(callee) = callee(self.guess, self.code, self.tokens, open) else { return Vec::new() };
        // The arguments before this one tell what the type parameters are.
        let mut bindings = Bindings::new();
        let mut position = 0;
        let mut start = open + 1;
        while let Some(comma) = self.find(start, |token| token.is(",")).filter(|comma| *comma < index) {
            let actual = self.expression(start, comma);
            if let Some(param) = callee.params.get(position) {
                param.unify(&actual, &callee.generics, &mut bindings);
            }
            position += 1;
            start = comma + 1;
        }
        callee.params.get(position).and_then(|param| function_params(&param.substitute(&bindings))).unwrap_or_default()
    }
}

/// What is called by the parenthesis at `open`: a method, a function, a variant.
pub fn callee(guess: &mut Guess, code: &str, tokens: &[Token], open: usize) -> Option<members::Member> {
    let start = path_start(tokens, open);
    if start == open {
        return None;
    }
    let text = |from: usize, to: usize| code[tokens[from].start..tokens[to - 1].end()].to_owned();
    if start > 0 && tokens[start - 1].is(".") {
        let receiver = expression_start(tokens, start - 1)?;
        let ty = guess.text(&text(receiver, start - 1));
        return members::value_member(guess.known, &ty, tokens[start].text);
    }
    let path = syn::parse_str::<syn::ExprPath>(&text(start, open)).ok()?;
    guess.callee(&path)
}

#[cfg(test)]
mod tests;
