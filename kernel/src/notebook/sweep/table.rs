//! What the runs of a sweep result in, a row each.

use serde_json::Value;
use threadbook::picture::general;
use unicode_width::UnicodeWidthStr;

use crate::notebook::results::Recorded;

/// A run.
#[derive(Debug, Clone)]
pub struct Row {
    /// The values of the parameters, as many as the table has.
    pub parameters: Vec<Value>,
    pub results: Vec<Recorded>,
    /// How long the run took.
    pub seconds: f64,
    /// The file that it was written to.
    pub notebook: String,
    /// Why it stopped before its end.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The names of the parameters.
    pub parameters: Vec<String>,
    pub rows: Vec<Row>,
}

impl Row {
    pub fn result(&self, name: &str) -> Option<&Recorded> {
        self.results.iter().find(|result| result.name == name)
    }
}

impl Table {
    /// The names of the results, in the order in which they first appear.
    pub fn results(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for result in self.rows.iter().flat_map(|row| &row.results) {
            if !names.contains(&result.name.as_str()) {
                names.push(&result.name);
            }
        }
        names
    }

    /// A result's name with its unit.
    pub fn heading(&self, name: &str) -> String {
        match self.rows.iter().find_map(|row| row.result(name)?.unit) {
            Some(unit) => format!("{name} ({unit})"),
            None => name.to_owned(),
        }
    }

    fn has_errors(&self) -> bool {
        self.rows.iter().any(|row| row.error.is_some())
    }

    fn headings(&self) -> Vec<String> {
        let results = self.results();
        let mut headings = self.parameters.clone();
        headings.extend(results.iter().map(|name| self.heading(name)));
        headings.extend(["run (s)".to_owned(), "notebook".to_owned()]);
        if self.has_errors() {
            headings.push("error".to_owned());
        }
        headings
    }

    fn cells<'a>(&'a self, row: &'a Row, shown: fn(&Value) -> String) -> Vec<String> {
        let results = self.results();
        let mut cells: Vec<String> = row.parameters.iter().map(exact).collect();
        cells
            .extend(results.iter().map(|name| row.result(name).map(|result| shown(&result.value)).unwrap_or_default()));
        cells.extend([format!("{:.2}", row.seconds), row.notebook.clone()]);
        if self.has_errors() {
            cells.push(row.error.clone().unwrap_or_default());
        }
        cells
    }

    /// With every digit.
    ///
    /// # Errors
    /// What the writer says; to memory it does not fail.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.headings())?;
        for row in &self.rows {
            writer.write_record(self.cells(row, exact))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// With three digits, in columns that are aligned in a terminal, too.
    pub fn to_markdown(&self) -> String {
        let headings = self.headings();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row, legible)).collect();
        let is_number =
            |column: usize| rows.iter().all(|row| row[column].is_empty() || row[column].parse::<f64>().is_ok());
        let in_table = |text: &String| text.replace('|', "\\|").replace('\n', " ");
        let lines: Vec<Vec<String>> =
            std::iter::once(&headings).chain(&rows).map(|line| line.iter().map(in_table).collect()).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].width()).max().unwrap_or(0).max(3);
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let space = " ".repeat(width(column) - cell.width());
                let cell = if is_number(column) { format!("{space}{cell}") } else { format!("{cell}{space}") };
                text.push_str(&format!("| {cell} "));
            }
            text.push_str("|\n");
            if index == 0 {
                for column in 0..line.len() {
                    let dashes = "-".repeat(width(column) - 1);
                    let rule = if is_number(column) { format!("{dashes}:") } else { format!("{dashes}-") };
                    text.push_str(&format!("| {rule} "));
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// As it is.
pub fn exact(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn legible(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => general(number.as_f64().unwrap_or(f64::NAN)),
        value => exact(value),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// A row's parameters, and its results with the names and their `Debug` texts.
    type Given<'a> = (&'a [Value], &'a [(&'a str, &'a str)]);

    pub fn table(parameters: &[&str], rows: &[Given<'_>]) -> Table {
        let row = |index: usize, (values, results): &Given<'_>| Row {
            parameters: values.to_vec(),
            results: results.iter().map(|(name, text)| Recorded::of_text(name, text)).collect(),
            seconds: 1.0,
            notebook: format!("run-{}.ipynb", index + 1),
            error: None,
        };
        Table {
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.iter().enumerate().map(|(index, given)| row(index, given)).collect(),
        }
    }

    fn small() -> Table {
        table(
            &["workers", "mode"],
            &[
                (&[json!(1), json!("a|b, \"c\"")], &[("speedup", "1.0"), ("time", "1.23456s")]),
                (&[json!(16), json!("d")], &[("speedup", "3.14159")]),
            ],
        )
    }

    #[test]
    fn csv_has_every_digit() {
        let csv = String::from_utf8(small().to_csv().expect("written")).expect("UTF-8");
        let expected = "workers,mode,speedup,time (s),run (s),notebook\n\
                        1,\"a|b, \"\"c\"\"\",1.0,1.23456,1.00,run-1.ipynb\n16,d,3.14159,,1.00,run-2.ipynb\n";
        assert_eq!(csv, expected);
    }

    #[test]
    fn markdown_is_aligned() {
        let mut failed = small();
        failed.rows[1].error = Some("In[3] failed".to_owned());
        let expected = "\
| workers | mode      | speedup | time (s) | run (s) | notebook    | error        |
| ------: | --------- | ------: | -------: | ------: | ----------- | ------------ |
|       1 | a\\|b, \"c\" |    1.00 |     1.23 |    1.00 | run-1.ipynb |              |
|      16 | d         |    3.14 |          |    1.00 | run-2.ipynb | In[3] failed |
";
        assert_eq!(failed.to_markdown(), expected);
    }
}
