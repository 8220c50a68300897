//! Cells that were taken apart before: one that is run again need not be parsed again.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::parse::{Cell, MacroReading, parse};
use super::source::CellSource;

/// So many are remembered, of which each takes some KiB. More than that are forgotten
/// together.
const MOST: usize = 256;

/// The latest cells of a notebook, taken apart.
#[derive(Debug, Default)]
pub struct Parsed(Mutex<HashMap<String, Arc<Known>>>);

#[derive(Debug)]
struct Known {
    cell: Cell,
    /// The calls that were read the other way.
    flipped: Vec<usize>,
    /// Macros whose reading was asked for, with the answers.
    asked: Vec<(String, bool)>,
}

impl Known {
    /// The same bytes are the same cell when the notebook reads its macros as before.
    fn fits(&self, code: &Range<usize>, macros: &MacroReading) -> bool {
        self.cell.code == *code
            && self.flipped == macros.flipped
            && self.asked.iter().all(|(name, answer)| (macros.item_macros)(name) == *answer)
    }

    fn of(&self, source: &Arc<CellSource>) -> Cell {
        let mut cell = Cell { source: source.clone(), ..self.cell.clone() };
        cell.items.iter_mut().for_each(|item| item.source = source.clone());
        cell
    }
}

impl Parsed {
    /// As [`parse()`].
    ///
    /// # Errors
    /// As [`parse()`].
    pub fn parse(
        &self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        macros: &MacroReading,
    ) -> Result<Cell, syn::Error> {
        let text = &source.text[code.clone()];
        let known = self.lock().get(text).cloned();
        if let Some(known) = known.filter(|known| known.fits(&code, macros)) {
            return Ok(known.of(source));
        }
        let asked = Mutex::new(Vec::new());
        let item_macros = |name: &str| {
            let answer = (macros.item_macros)(name);
            asked.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), answer));
            answer
        };
        let cell = parse(source, code, &MacroReading { item_macros: &item_macros, flipped: macros.flipped })?;
        let asked = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        let known = Known { cell: cell.clone(), flipped: macros.flipped.to_vec(), asked };
        let mut parsed = self.lock();
        if parsed.len() >= MOST {
            parsed.clear();
        }
        parsed.insert(text.to_owned(), Arc::new(known));
        Ok(cell)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: MacroReading<'static> = MacroReading { item_macros: &|_| false, flipped: &[] };

    fn told(parsed: &Parsed, number: u32, text: &str, start: usize, macros: &MacroReading) -> Cell {
        let source = CellSource::new(number, text);
        let cell = parsed.parse(&source, start..text.len(), macros).expect("it parses");
        assert!(Arc::ptr_eq(&cell.source, &source));
        assert!(cell.items.iter().all(|item| Arc::ptr_eq(&item.source, &source)));
        let fresh = parse(&source, start..text.len(), macros).expect("it parses");
        assert_eq!(format!("{cell:?}"), format!("{fresh:?}"));
        cell
    }

    #[test]
    fn the_same_text_is_the_same_cell_of_another_run() {
        let parsed = Parsed::default();
        let text = "fn f() {}\nlet a = f();\na";
        told(&parsed, 1, text, 0, &NONE);
        let known = parsed.lock()[text].clone();
        told(&parsed, 2, text, 0, &NONE);
        assert!(Arc::ptr_eq(&known, &parsed.lock()[text]), "it was parsed again");
    }

    #[test]
    fn the_same_code_in_another_place_is_another_cell() {
        let parsed = Parsed::default();
        told(&parsed, 1, "let a = 1;", 0, &NONE);
        told(&parsed, 2, "%time let a = 1;", 6, &NONE);
        told(&parsed, 3, "let a = 1;", 0, &NONE);
    }

    #[test]
    fn a_macro_that_stands_for_items_now_makes_another_cell() {
        let parsed = Parsed::default();
        let text = "make!(a);\nlet b = 1;";
        assert!(told(&parsed, 1, text, 0, &NONE).items.is_empty());
        let makes = MacroReading { item_macros: &|name| name == "make", flipped: &[] };
        assert_eq!(told(&parsed, 2, text, 0, &makes).items.len(), 1);
        let flipped = MacroReading { item_macros: &|_| false, flipped: &[0] };
        assert_eq!(told(&parsed, 3, text, 0, &flipped).items.len(), 1);
        assert!(told(&parsed, 4, text, 0, &NONE).items.is_empty());
    }

    #[test]
    fn what_does_not_parse_is_an_error_each_time() {
        let parsed = Parsed::default();
        let source = CellSource::new(1, "let a = ;");
        for _ in 0..2 {
            assert!(parsed.parse(&source, 0..9, &NONE).is_err());
        }
    }
}
