//! What can go from one process to another.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Values that can be sent to another process: all that serde can write and read.
///
/// Numbers, text, tuples, vectors, maps and options of such are. A type of one's own becomes
/// one with `#[derive(serde::Serialize, serde::Deserialize)]`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be sent to another process",
    label = "not possible with `{Self}`",
    note = "processes share no memory, so values go from one to the other as bytes",
    note = "a type of your own can when it has `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait Transfer: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Transfer for T {}

/// Why a value cannot travel as bytes.
pub(crate) fn encoding_text(error: &postcard::Error) -> String {
    match error {
        postcard::Error::WontImplement | postcard::Error::NotYetImplemented => {
            "its type can only be read from a format that describes itself (serde_json::Value and untagged enums are \
             such): send text or a type of your own in its place"
                .to_owned()
        }
        postcard::Error::SerdeSerCustom | postcard::Error::SerdeDeCustom => {
            "its own way of writing or reading itself has failed".to_owned()
        }
        error => error.to_string(),
    }
}
