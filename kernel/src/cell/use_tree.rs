//! A `use` taken apart into the names it imports, which later cells replace one by one.

use syn::spanned::Spanned;

use super::item::plain;

/// One imported name of a `use`.
pub struct Leaf {
    /// `std::collections::HashMap as Map`
    pub text: String,
    /// The name it gets here; none for a glob and `as _`.
    pub name: Option<String>,
    /// The byte behind it, in the text that was parsed.
    pub end: usize,
}

impl Leaf {
    /// The first segment of the path, `self::` and `crate::` left out.
    pub fn root(&self) -> String {
        let path = self.text.trim_start_matches("::");
        let mut segments = path.split("::").map(|segment| segment.split(' ').next().unwrap_or(segment));
        let first = segments.next().unwrap_or_default();
        match first {
            "self" | "crate" => segments.next().unwrap_or_default(),
            other => other,
        }
        .trim_start_matches("r#")
        .to_owned()
    }

    /// What it replaces: see `Item::keys`.
    pub fn keys(&self) -> Vec<String> {
        match &self.name {
            // What it imports may be of any kind.
            Some(name) => ["type", "value", "macro"].iter().map(|space| format!("{space} {name}")).collect(),
            None => vec![format!("use {}", self.text)],
        }
    }
}

/// All names that a `use` imports.
pub fn leaves(tree: &syn::UseTree) -> Vec<Leaf> {
    fn walk(tree: &syn::UseTree, path: &str, leaves: &mut Vec<Leaf>) {
        let end = tree.span().byte_range().end;
        match tree {
            syn::UseTree::Path(part) => walk(&part.tree, &format!("{path}{}::", part.ident), leaves),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, path, leaves)),
            syn::UseTree::Glob(_) => leaves.push(Leaf { text: format!("{path}*"), name: None, end }),
            syn::UseTree::Name(name) if name.ident == "self" => {
                let parent = path.trim_end_matches("::");
                let last = parent.rsplit("::").next().unwrap_or(parent).to_owned();
                leaves.push(Leaf { text: parent.to_owned(), name: Some(last), end });
            }
            syn::UseTree::Name(name) => {
                leaves.push(Leaf { text: format!("{path}{}", name.ident), name: Some(plain(&name.ident)), end });
            }
            syn::UseTree::Rename(rename) => {
                let parent = path.trim_end_matches("::");
                let text = match rename.ident == "self" {
                    true => format!("{parent} as {}", rename.rename),
                    false => format!("{path}{} as {}", rename.ident, rename.rename),
                };
                let name = Some(plain(&rename.rename)).filter(|name| name != "_");
                leaves.push(Leaf { text, name, end });
            }
        }
    }
    let mut all = Vec::new();
    walk(tree, "", &mut all);
    all
}
