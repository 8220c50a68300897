//! What `%env` shows.

use serde_json::{Map, Value};

use crate::display::MimeBundle;

/// All environment variables of the process, as JSON.
pub fn environment() -> MimeBundle {
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), Value::from(value.to_string_lossy())));
    MimeBundle::new().with_json("application/json", Value::Object(Map::from_iter(variables)))
}
