//! What the language features know about Rust and its standard library.
//!
//! Tables, one file for an area: [`Type`]s with their members, [`MODULES`] with the
//! names in them, keywords and macros. A member is two strings: its declaration as
//! Rust writes it (shortened where the truth would not help a reader: `impl
//! Iterator<Item = B>` for the adapters' own types) and one line that says what it
//! does. [`find`](type_named) gives the row for a type's name, [`Declared`] reads a
//! declaration.

pub mod collections;
pub mod iterators;
pub mod keywords;
pub mod macros;
pub mod modules;
pub mod numbers;
pub mod pointers;
pub mod strings;
pub mod sync;
pub mod system;
pub mod traits;
pub mod values;

pub use modules::{MODULES, Module};

const DOCS: &str = "https://doc.rust-lang.org/";

/// One type or trait of the standard library.
#[derive(Debug)]
pub struct Type {
    /// The name with its parameters: `HashMap<K, V>`; `[T]` for slices.
    pub head: &'static str,
    /// Its page below the address of Rust's documentation, which also tells its path
    /// and kind: `std/collections/struct.HashMap.html`.
    pub page: &'static str,
    pub about: &'static str,
    /// Types and traits whose methods a value has as well: what it dereferences to,
    /// what it implements.
    pub also: &'static [&'static str],
    pub members: &'static [Member],
}

/// A declaration and what it is for.
pub type Member = (&'static str, &'static str);

/// A declaration of a table, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    pub name: &'static str,
    /// `method`, `function`, `const`, `variant`, or the item's own keyword.
    pub kind: &'static str,
}

impl Declared {
    /// The declared name alone, of any text.
    pub fn read_name(declaration: &str) -> &str {
        let named = declaration.split_once("fn ").map_or(declaration, |(_, rest)| rest);
        let end =
            named.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(named.len());
        &named[..end]
    }

    /// Reads `fn name(&self)`, `const NAME: T`, `struct Name`, `Variant(T)`.
    pub fn read(declaration: &'static str) -> Declared {
        let (first, rest) = declaration.split_once(' ').unwrap_or((declaration, ""));
        let (kind, named) = match first {
            "fn" | "const" | "static" | "struct" | "enum" | "trait" | "type" | "mod" | "macro" | "union" => {
                (first, rest)
            }
            "unsafe" => ("fn", rest.trim_start_matches("fn ")),
            _ => ("variant", declaration),
        };
        let end =
            named.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(named.len());
        let kind = match kind {
            "fn" if takes_self(&named[end..]) => "method",
            "fn" => "function",
            "mod" => "module",
            other => other,
        };
        Declared { name: &named[..end], kind }
    }
}

/// Whether the parameters of `<T>(&mut self, …)` begin with `self`.
fn takes_self(after_name: &str) -> bool {
    let Some(open) = after_name.find('(') else { return false };
    let first = after_name[open + 1..].trim_start_matches(['&', ' ']).trim_start_matches("mut ");
    first.strip_prefix("self").is_some_and(|rest| rest.starts_with([',', ')', ':']))
}

impl Type {
    /// `HashMap` for `HashMap<K, V>`; `slice` for `[T]`.
    pub fn name(&self) -> &'static str {
        let file = self.page.rsplit('/').next().unwrap_or(self.page);
        file.split('.').nth(1).unwrap_or(file)
    }

    /// `struct`, `enum`, `trait` or `primitive`.
    pub fn kind(&self) -> &'static str {
        let file = self.page.rsplit('/').next().unwrap_or(self.page);
        file.split('.').next().unwrap_or(file)
    }

    /// `std::collections::HashMap`; for a primitive type its name alone.
    pub fn path(&self) -> String {
        match self.page.rsplit_once('/') {
            Some((folder, _)) if self.kind() != "primitive" => {
                format!("{}::{}", folder.replace('/', "::"), self.name())
            }
            _ => self.name().to_owned(),
        }
    }

    pub fn address(&self) -> String {
        format!("{DOCS}{}", self.page)
    }

    /// The address of a member's own paragraph.
    pub fn member_address(&self, declaration: &'static str) -> String {
        let Declared { name, kind } = Declared::read(declaration);
        let anchor = match kind {
            "variant" => "variant",
            "const" => "associatedconstant",
            // What a trait leaves to its implementers has another anchor.
            _ if declaration.ends_with(';') => "tymethod",
            _ => "method",
        };
        format!("{DOCS}{}#{anchor}.{name}", self.page)
    }
}

/// Every table of types.
fn tables() -> impl Iterator<Item = &'static Type> {
    [
        values::TYPES,
        strings::TYPES,
        collections::TYPES,
        pointers::TYPES,
        sync::TYPES,
        system::TYPES,
        iterators::TYPES,
        traits::TYPES,
    ]
    .into_iter()
    .flatten()
    .chain(numbers::types())
}

/// The row of a type or trait, by its path (`std::sync::Arc`) or its name alone.
pub fn type_named(path: &str) -> Option<&'static Type> {
    let path = path.strip_prefix("::").unwrap_or(path);
    let name = path.rsplit("::").next().unwrap_or(path);
    let mut by_name = None;
    for candidate in tables().filter(|candidate| candidate.name() == name) {
        if candidate.path() == path {
            return Some(candidate);
        }
        by_name.get_or_insert(candidate);
    }
    // `thread::JoinHandle` and `core::time::Duration` are written as well.
    let from_std = path == name
        || path.split("::").next().is_some_and(|first| {
            MODULES.iter().any(|module| module.last_name() == first) || ["core", "alloc"].contains(&first)
        });
    by_name.filter(|_| from_std)
}

/// Names that stand for themselves in every cell: `Vec`, `Some`, `drop`, …
pub const PRELUDE: &[&str] = &[
    "Box",
    "Clone",
    "Copy",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Vec",
    "bool",
    "char",
    "drop",
    "f32",
    "f64",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "str",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
    "std",
];

/// Types that need a `use` and are wanted so often that their bare names complete.
pub const COMMON: &[&str] = &[
    "Arc",
    "AtomicBool",
    "AtomicI32",
    "AtomicI64",
    "AtomicU32",
    "AtomicU64",
    "AtomicUsize",
    "BTreeMap",
    "BTreeSet",
    "Barrier",
    "BinaryHeap",
    "Cell",
    "Command",
    "Condvar",
    "Duration",
    "File",
    "HashMap",
    "HashSet",
    "Instant",
    "LazyLock",
    "Mutex",
    "OnceLock",
    "Path",
    "PathBuf",
    "Rc",
    "RefCell",
    "RwLock",
    "VecDeque",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn declarations_are_read() {
        let read = |text| {
            let Declared { name, kind } = Declared::read(text);
            (name, kind)
        };
        assert_eq!(read("fn push(&mut self, value: T)"), ("push", "method"));
        assert_eq!(read("fn join(self) -> T"), ("join", "method"));
        assert_eq!(read("fn new() -> Vec<T>"), ("new", "function"));
        assert_eq!(read("fn selfish(selfless: u8)"), ("selfish", "function"));
        assert_eq!(read("const MAX: u8"), ("MAX", "const"));
        assert_eq!(read("Some(T)"), ("Some", "variant"));
        assert_eq!(read("mod mpsc"), ("mpsc", "module"));
    }

    #[test]
    fn types_are_found_by_path_and_by_name() {
        assert_eq!(type_named("std::sync::Weak").map(Type::path).as_deref(), Some("std::sync::Weak"));
        assert_eq!(type_named("std::rc::Weak").map(Type::path).as_deref(), Some("std::rc::Weak"));
        assert_eq!(type_named("thread::JoinHandle").map(Type::path).as_deref(), Some("std::thread::JoinHandle"));
        assert_eq!(
            type_named("u16").map(Type::address).as_deref(),
            Some("https://doc.rust-lang.org/std/primitive.u16.html")
        );
        assert!(type_named("mine::Vec").is_none());
    }

    #[test]
    fn no_member_stands_twice_in_a_type() {
        for row in tables() {
            let mut seen = HashSet::new();
            for (declaration, about) in row.members {
                assert!(seen.insert(Declared::read(declaration).name), "{}: {declaration}", row.head);
                assert!(!about.is_empty(), "{}: {declaration} says nothing", row.head);
            }
        }
    }

    #[test]
    fn whatever_a_type_also_has_is_in_a_table() {
        for row in tables() {
            // A parameter stands for any type: `T` of `Box<T>`.
            for other in row.also.iter().filter(|other| other.len() > 1) {
                let name = crate::language::types::Ty::parse(other);
                assert!(crate::language::layers::std_row(&name).is_some(), "{}: {other}", row.head);
            }
        }
    }

    #[test]
    fn every_common_name_is_in_a_table() {
        for name in COMMON {
            assert!(type_named(name).is_some(), "{name}");
        }
    }

    /// Compares the tables with the documentation that rustup installs.
    #[test]
    #[ignore = "needs rustup's rust-docs component"]
    fn the_documentation_has_every_page_and_anchor() {
        let sysroot =
            std::process::Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs").stdout;
        let docs = std::path::Path::new(String::from_utf8_lossy(&sysroot).trim()).join("share/doc/rust/html");
        let mut wrong = Vec::new();
        let mut check = |address: String| {
            let local = address.strip_prefix(DOCS).expect("an address of the documentation");
            let (page, anchor) = local.split_once('#').unwrap_or((local, ""));
            match std::fs::read_to_string(docs.join(page)) {
                Ok(text) if anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")) => {}
                _ => wrong.push(address),
            }
        };
        for row in tables() {
            check(row.address());
            row.members.iter().for_each(|(declaration, _)| check(row.member_address(declaration)));
        }
        for module in MODULES {
            check(module.address());
            module.members.iter().for_each(|(declaration, _)| check(module.member_address(declaration)));
        }
        for (name, _) in keywords::KEYWORDS {
            check(keywords::address(name));
        }
        for (declaration, _) in macros::MACROS {
            check(macros::address(macros::name(declaration)));
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
