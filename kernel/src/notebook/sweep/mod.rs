//! A notebook run with all combinations of several values for its parameters.
//!
//! [`combinations`] says which runs there are, [`table`] gathers what they result in and
//! writes it as CSV and Markdown, [`plot`] draws it.

pub mod plot;
pub mod table;

use serde_json::Value;

use super::parameters::{Alternatives, Given};

pub use table::{Row, Table};

/// The most runs that are begun at all. More is rather a slip than a wish.
pub const MOST_RUNS: usize = 10_000;

/// All combinations, the last parameter's values changing fastest. `None` when there are
/// more than [`MOST_RUNS`].
pub fn combinations(alternatives: &Alternatives) -> Option<Vec<Given>> {
    let count = alternatives.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()))?;
    if count > MOST_RUNS {
        return None;
    }
    let mut all = vec![Given::new()];
    for (name, values) in alternatives {
        let with = |given: &Given, value: &Value| {
            let mut given = given.clone();
            given.push((name.clone(), value.clone()));
            given
        };
        all = all.iter().flat_map(|given| values.iter().map(move |value| with(given, value))).collect();
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_combination_comes_once() {
        let alternatives =
            vec![("a".to_owned(), vec![json!(1), json!(2)]), ("b".to_owned(), vec![json!("x"), json!("y")])];
        let all = combinations(&alternatives).expect("few");
        let texts: Vec<String> = all.iter().map(|given| format!("{}{}", given[0].1, given[1].1)).collect();
        assert_eq!(texts, ["1\"x\"", "1\"y\"", "2\"x\"", "2\"y\""]);
        assert_eq!(combinations(&Alternatives::new()), Some(vec![Given::new()]));
        let many = vec![json!(0); 101];
        assert_eq!(combinations(&vec![("a".to_owned(), many.clone()), ("b".to_owned(), many)]), None);
    }
}
