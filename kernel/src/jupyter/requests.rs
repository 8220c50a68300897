//! The contents of requests, as lenient as the protocol's text: fields that it calls
//! optional may be missing or null. (The types of `jupyter-protocol` demand them.)

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub struct ExecuteRequest {
    pub code: String,
    #[serde(default)]
    pub silent: bool,
    store_history: Option<bool>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub user_expressions: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub allow_stdin: bool,
    #[serde(default = "yes")]
    pub stop_on_error: bool,
}

impl ExecuteRequest {
    /// Whether the cell counts: a silent one never does.
    pub fn stored(&self) -> bool {
        !self.silent && self.store_history.unwrap_or(true)
    }
}

#[derive(Debug, Deserialize)]
pub struct CompleteRequest {
    pub code: String,
    /// In unicode code points; the end of the code if missing.
    pub cursor_pos: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub struct InspectRequest {
    pub code: String,
    pub cursor_pos: Option<usize>,
    #[serde(default)]
    pub detail_level: u8,
}

#[derive(Debug, Deserialize)]
pub struct IsCompleteRequest {
    pub code: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct HistoryRequest {
    #[serde(default)]
    pub output: bool,
    #[serde(flatten)]
    pub access: HistoryAccess,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "hist_access_type", rename_all = "lowercase")]
pub enum HistoryAccess {
    /// The latest `n` cells.
    Tail { n: Option<usize> },
    /// Lines `start..stop` of a session: 0 is the current one, -1 the one before it.
    Range {
        #[serde(default, deserialize_with = "null_as_default")]
        session: i64,
        #[serde(default, deserialize_with = "null_as_default")]
        start: i64,
        stop: Option<i64>,
    },
    /// The latest `n` cells that match a glob pattern.
    Search {
        #[serde(default = "anything")]
        pattern: String,
        n: Option<usize>,
        #[serde(default, deserialize_with = "null_as_default")]
        unique: bool,
    },
}

#[derive(Debug, Default, Deserialize)]
pub struct ShutdownRequest {
    #[serde(default)]
    pub restart: bool,
}

#[derive(Debug, Deserialize)]
pub struct InputReply {
    /// Missing when the front end could not ask.
    pub value: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct CommOpen {
    pub comm_id: String,
    #[serde(default)]
    pub target_name: String,
}

/// A `comm_msg`.
#[derive(Debug, Deserialize)]
pub struct CommMessage {
    pub comm_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub data: WidgetMessage,
}

/// The data of widgets' messages.
#[derive(Debug, Default, Deserialize)]
pub struct WidgetMessage {
    #[serde(default)]
    pub method: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub state: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
pub struct CommInfoRequest {
    pub target_name: Option<String>,
}

fn yes() -> bool {
    true
}

fn anything() -> String {
    "*".into()
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_of_an_execute_request_may_be_missing() {
        let request: ExecuteRequest =
            serde_json::from_str(r#"{"code": "1", "user_expressions": null}"#).expect("valid");
        assert!(request.stored() && request.allow_stdin && request.stop_on_error);
        let silent: ExecuteRequest =
            serde_json::from_str(r#"{"code": "1", "silent": true, "store_history": true}"#).expect("valid");
        assert!(!silent.stored());
        assert!(serde_json::from_str::<ExecuteRequest>(r#"{"code": 1}"#).is_err());
    }

    #[test]
    fn history_requests_of_all_kinds() {
        let parse = |text| serde_json::from_str::<HistoryRequest>(text);
        let tail = parse(r#"{"hist_access_type": "tail", "n": 3, "raw": true, "output": true}"#).expect("valid");
        assert!(tail.output && matches!(tail.access, HistoryAccess::Tail { n: Some(3) }));
        let range = parse(r#"{"hist_access_type": "range", "session": -1, "stop": null}"#).expect("valid");
        assert!(matches!(range.access, HistoryAccess::Range { session: -1, start: 0, stop: None }));
        let search = parse(r#"{"hist_access_type": "search", "pattern": "let*"}"#).expect("valid");
        assert!(matches!(search.access, HistoryAccess::Search { n: None, unique: false, .. }));
        assert!(parse(r#"{"hist_access_type": "all"}"#).is_err());
    }
}
