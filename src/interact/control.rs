//! The controls, and how their values become those that a closure takes.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::number::SliderNumber;
use crate::__rt::bounded;
use crate::message::{Control, ControlKind};

/// One control, or a tuple of up to six.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no control for `interact`",
    note = "controls are `slider(\"name\", 1..=8)`, `menu(\"name\", [\"a\", \"b\"])`, `checkbox(\"name\")`, \
            `textbox(\"name\")`, or a tuple of up to six of them"
)]
pub trait Controls: Send + 'static {
    /// What the closure takes.
    type Values;
    /// Adds one description for each control.
    #[doc(hidden)]
    fn describe(&self, all: &mut Vec<Control>);
    /// Takes one value for each control; those that do not fit are as they were at first.
    #[doc(hidden)]
    fn read(&self, values: &mut Values<'_>) -> Self::Values;
}

/// The values of all controls, to be taken one after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Values<'a>(pub(super) std::slice::Iter<'a, Value>);

// What needs no type is compiled once, here, and not in each cell. (Hence no closures either.)
impl<'a> Values<'a> {
    fn next(&mut self) -> &'a Value {
        self.0.next().unwrap_or(&Value::Null)
    }

    fn choice(&mut self, first: usize, count: usize) -> usize {
        let index = self.next().as_u64().and_then(|index| usize::try_from(index).ok());
        index.filter(|index| *index < count).unwrap_or(first)
    }
}

/// A slider's description. `wanted` is its first value, else it is the one in the middle.
fn slider_control(
    name: &str,
    (kind, middle): (ControlKind, Value),
    wanted: Option<Value>,
    continuous: bool,
) -> Control {
    let control = Control { name: name.to_owned(), kind, value: middle, continuous };
    let fitting = wanted.and_then(|wanted| control.fitting(&wanted));
    Control { value: fitting.unwrap_or_else(|| control.value.clone()), ..control }
}

fn menu_control(name: &str, options: Vec<String>, first: usize) -> Control {
    Control { name: name.to_owned(), kind: ControlKind::Menu { options }, value: first.into(), continuous: true }
}

/// See [`slider()`].
#[derive(Debug, Clone)]
pub struct Slider<T> {
    name: String,
    min: T,
    max: T,
    step: Option<T>,
    value: Option<T>,
    continuous: bool,
}

/// A slider from one number to another, at first in the middle. Whole numbers have steps of
/// 1, others of a round size.
///
/// # Panics
/// In [`interact`](super::interact()), when the range is empty, the step not above 0, or an end
/// not finite.
#[track_caller]
pub fn slider<T: SliderNumber>(name: impl Into<String>, range: RangeInclusive<T>) -> Slider<T> {
    let (min, max) = range.into_inner();
    let name = name.into();
    assert!(min <= max, "the slider `{name}` has an empty range: the smaller end comes first, as in 1..=8");
    Slider { name, min, max, step: None, value: None, continuous: true }
}

impl<T: SliderNumber> Slider<T> {
    /// The first value, within the range.
    pub fn value(self, value: T) -> Slider<T> {
        Slider { value: Some(value), ..self }
    }

    pub fn step(self, step: T) -> Slider<T> {
        Slider { step: Some(step), ..self }
    }

    /// The closure is called when the slider is let go, not while it is dragged.
    pub fn on_release(self) -> Slider<T> {
        Slider { continuous: false, ..self }
    }
}

impl<T: SliderNumber> Controls for Slider<T> {
    type Values = T;

    fn describe(&self, all: &mut Vec<Control>) {
        let wanted = self.value.map(T::to_value);
        all.push(slider_control(&self.name, T::kind(self.min, self.max, self.step), wanted, self.continuous));
    }

    fn read(&self, values: &mut Values<'_>) -> T {
        match T::from_value(values.next()) {
            Some(value) => value,
            None => self.value.unwrap_or(self.min),
        }
    }
}

/// See [`menu()`].
#[derive(Debug, Clone)]
pub struct Menu<T> {
    name: String,
    options: Vec<T>,
    first: usize,
}

/// A menu of values, which are named as `{}` prints them. The first one is chosen at first.
///
/// # Panics
/// When there are no values.
#[track_caller]
pub fn menu<T>(name: impl Into<String>, options: impl IntoIterator<Item = T>) -> Menu<T>
where
    T: Display + Clone + Send + 'static,
{
    let (name, options) = (name.into(), Vec::from_iter(options));
    assert!(!options.is_empty(), "the menu `{name}` has nothing to choose from");
    Menu { name, options, first: 0 }
}

impl<T: PartialEq> Menu<T> {
    /// The value that is chosen at first.
    ///
    /// # Panics
    /// When it is none of the menu's.
    #[track_caller]
    pub fn value(self, value: T) -> Menu<T> {
        let first = self.options.iter().position(|option| *option == value);
        let first = first.unwrap_or_else(|| panic!("the first value of the menu `{}` is not in it", self.name));
        Menu { first, ..self }
    }
}

impl<T: Display + Clone + Send + 'static> Controls for Menu<T> {
    type Values = T;

    fn describe(&self, all: &mut Vec<Control>) {
        let mut names = Vec::new();
        for option in &self.options {
            names.push(bounded::display_text(option, bounded::MESSAGE));
        }
        all.push(menu_control(&self.name, names, self.first));
    }

    fn read(&self, values: &mut Values<'_>) -> T {
        self.options[values.choice(self.first, self.options.len())].clone()
    }
}

/// See [`checkbox()`].
#[derive(Debug, Clone)]
pub struct Checkbox {
    name: String,
    value: bool,
}

/// Yes or no, at first no.
pub fn checkbox(name: impl Into<String>) -> Checkbox {
    Checkbox { name: name.into(), value: false }
}

impl Checkbox {
    /// The first value.
    pub fn value(self, value: bool) -> Checkbox {
        Checkbox { value, ..self }
    }
}

impl Controls for Checkbox {
    type Values = bool;

    fn describe(&self, all: &mut Vec<Control>) {
        let value = self.value.into();
        all.push(Control { name: self.name.clone(), kind: ControlKind::Checkbox, value, continuous: true });
    }

    fn read(&self, values: &mut Values<'_>) -> bool {
        values.next().as_bool().unwrap_or(self.value)
    }
}

/// See [`textbox()`].
#[derive(Debug, Clone)]
pub struct Textbox {
    name: String,
    value: String,
    continuous: bool,
}

/// A line of text, at first empty.
pub fn textbox(name: impl Into<String>) -> Textbox {
    Textbox { name: name.into(), value: String::new(), continuous: true }
}

impl Textbox {
    /// The first value.
    pub fn value(self, value: impl Into<String>) -> Textbox {
        Textbox { value: value.into(), ..self }
    }

    /// The closure is called at Enter or when the field is left, not at each letter.
    pub fn on_enter(self) -> Textbox {
        Textbox { continuous: false, ..self }
    }
}

impl Controls for Textbox {
    type Values = String;

    fn describe(&self, all: &mut Vec<Control>) {
        let value = self.value.as_str().into();
        all.push(Control { name: self.name.clone(), kind: ControlKind::Text, value, continuous: self.continuous });
    }

    fn read(&self, values: &mut Values<'_>) -> String {
        values.next().as_str().unwrap_or(&self.value).to_owned()
    }
}

macro_rules! tuple {
    ($($control:ident $index:tt)+) => {
        impl<$($control: Controls),+> Controls for ($($control,)+) {
            type Values = ($($control::Values,)+);

            fn describe(&self, all: &mut Vec<Control>) {
                $(self.$index.describe(all);)+
            }

            fn read(&self, values: &mut Values<'_>) -> Self::Values {
                ($(self.$index.read(values),)+)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
