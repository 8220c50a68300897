//! What the magics are for: `%help` and the README list them by these groups.

use super::table::{Id, MAGICS, Magic};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Time,
    Outcome,
    Programs,
    Crates,
    Names,
    Settings,
    Kernel,
}

impl Group {
    /// In the order in which they are listed.
    pub const ALL: [Group; 7] =
        [Group::Names, Group::Time, Group::Outcome, Group::Crates, Group::Programs, Group::Settings, Group::Kernel];

    pub fn title(self) -> &'static str {
        match self {
            Group::Names => "What the notebook has, and what it means",
            Group::Time => "How long it takes",
            Group::Outcome => "Cells with an outcome of their own",
            Group::Crates => "Crates",
            Group::Programs => "Files and programs",
            Group::Settings => "How cells run and values look",
            Group::Kernel => "The kernel",
        }
    }

    pub fn magics(self) -> impl Iterator<Item = &'static Magic> {
        MAGICS.iter().filter(move |magic| magic.is_listed() && of(magic.id) == self)
    }
}

fn of(id: Id) -> Group {
    match id {
        Id::Doc | Id::Explain | Id::History | Id::Type | Id::Vars | Id::Who | Id::Whos => Group::Names,
        Id::Clear | Id::Reset | Id::Restart => Group::Names,
        Id::Time | Id::Timeit | Id::Timeline | Id::Timing => Group::Time,
        Id::Capture | Id::CompileFail | Id::Result | Id::ShouldPanic | Id::Timeout => Group::Outcome,
        Id::Dep | Id::ShowDeps => Group::Crates,
        Id::Bash | Id::Cd | Id::Env | Id::Load | Id::Pwd | Id::Run | Id::Script | Id::Sh | Id::Writefile => {
            Group::Programs
        }
        Id::Backtrace | Id::Checkpoint | Id::Efmt | Id::Fmt | Id::Opt | Id::Types => Group::Settings,
        Id::Engine | Id::Evcxr | Id::Help | Id::LastCompileDir | Id::Lsmagic | Id::Quit | Id::Version => Group::Kernel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_magic_is_in_a_group() {
        let listed = MAGICS.iter().filter(|magic| magic.is_listed()).count();
        assert_eq!(Group::ALL.into_iter().flat_map(Group::magics).count(), listed);
    }

    /// The table of magics in the README, as it has to be.
    fn readme_table() -> String {
        let mut table = String::new();
        for group in Group::ALL {
            table.push_str(&format!("| **{}** | |\n", group.title()));
            for magic in group.magics() {
                let cell = |text: &str| text.replace('|', "\\|");
                let usages: Vec<String> = magic.usages().iter().map(|usage| format!("`{}`", cell(usage))).collect();
                table.push_str(&format!("| {} | {} |\n", usages.join(", "), cell(magic.help)));
            }
        }
        table
    }

    #[test]
    fn the_readme_has_all_magics_as_they_are() {
        let readme = include_str!("../../../../README.md");
        let wanted = readme_table();
        assert!(readme.contains(&wanted), "README.md must have these lines:\n{wanted}");
    }
}
