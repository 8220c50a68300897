//! Values as bytes, in postcard's format.
//!
//! The functions of the `postcard` crate know by type where the bytes go or come from, and
//! are compiled anew in every cell that sends something. These are compiled here: of a value
//! only the way through its parts is left to the cell.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use postcard::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::reader::Reader;
use self::writer::Writer;

/// Appends a value. After an error there may be a part of it.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    value.serialize(&mut Writer::to(out))
}

/// A value as bytes.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(value, &mut bytes).map(|()| bytes)
}

/// Reads the value that begins these bytes, which begin after it then.
pub(crate) fn read<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T> {
    let mut reader = Reader::of(bytes);
    let value = T::deserialize(&mut reader)?;
    *bytes = reader.rest();
    Ok(value)
}
