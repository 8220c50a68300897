//! Values as bytes, in postcard's format.
//!
//! The functions of the `postcard` crate know by type where the bytes go or come from, and
//! are compiled anew in every cell that sends something. These are compiled here: of a value
//! only the way through its parts is left to the cell.

use std::fmt::Write;

use postcard::{Error, Result};
use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Serialize, ser};

/// Appends a value. After an error there may be a part of it.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    value.serialize(&mut Writer { out })
}

/// A value as bytes.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(value, &mut bytes).map(|()| bytes)
}

/// Reads the value that begins these bytes, which begin after it then.
pub(crate) fn read<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T> {
    let mut reader = Reader { bytes };
    let value = T::deserialize(&mut reader)?;
    *bytes = reader.bytes;
    Ok(value)
}

/// Appends to bytes.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    #[inline(never)]
    fn byte(&mut self, byte: u8) -> Result<()> {
        self.out.push(byte);
        Ok(())
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Seven bits a byte, from the lowest ones on; all bytes but the last have the eighth bit.
    #[inline(never)]
    fn number(&mut self, mut number: u64) -> Result<()> {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
        Ok(())
    }

    #[inline(never)]
    fn long_number(&mut self, mut number: u128) -> Result<()> {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
        Ok(())
    }

    /// Small ones are short, whatever their sign.
    #[inline(never)]
    fn signed(&mut self, number: i64) -> Result<()> {
        self.number((number << 1 ^ number >> 63) as u64)
    }

    #[inline(never)]
    fn length(&mut self, length: Option<usize>) -> Result<()> {
        self.number(length.ok_or(Error::SerializeSeqLengthUnknown)? as u64)
    }
}

impl ser::Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.byte(u8::from(value))
    }

    fn serialize_i8(self, value: i8) -> Result<()> {
        self.byte(value as u8)
    }

    fn serialize_i16(self, value: i16) -> Result<()> {
        self.signed(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<()> {
        self.signed(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<()> {
        self.signed(value)
    }

    fn serialize_i128(self, value: i128) -> Result<()> {
        self.long_number((value << 1 ^ value >> 127) as u128)
    }

    fn serialize_u8(self, value: u8) -> Result<()> {
        self.byte(value)
    }

    fn serialize_u16(self, value: u16) -> Result<()> {
        self.number(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<()> {
        self.number(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<()> {
        self.number(value)
    }

    fn serialize_u128(self, value: u128) -> Result<()> {
        self.long_number(value)
    }

    #[inline(never)]
    fn serialize_f32(self, value: f32) -> Result<()> {
        self.out.extend_from_slice(&value.to_bits().to_le_bytes());
        Ok(())
    }

    #[inline(never)]
    fn serialize_f64(self, value: f64) -> Result<()> {
        self.out.extend_from_slice(&value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.number(value.len() as u64)?;
        self.bytes(value)
    }

    fn serialize_none(self) -> Result<()> {
        self.byte(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.byte(1)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        Ok(())
    }

    fn serialize_unit_variant(self, _name: &'static str, index: u32, _variant: &'static str) -> Result<()> {
        self.number(index.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.number(index.into())?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self> {
        self.length(length)?;
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self> {
        self.number(index.into())?;
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self> {
        self.length(length)?;
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self> {
        self.number(index.into())?;
        Ok(self)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<()> {
        let mut text = String::new();
        write!(text, "{value}").map_err(|_| Error::CollectStrError)?;
        self.serialize_str(&text)
    }
}

/// What has parts writes one after the other.
macro_rules! parts {
    ($($of:ident: $($function:ident($($name:ident)?)),*;)*) => {$(
        impl ser::$of for &mut Writer<'_> {
            type Ok = ();
            type Error = Error;

            $(fn $function<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<()> {
                $(let _ = $name;)?
                value.serialize(&mut **self)
            })*

            fn end(self) -> Result<()> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}

/// Takes values from the beginning of bytes.
struct Reader<'de> {
    bytes: &'de [u8],
}

impl<'de> Reader<'de> {
    /// (For the others here.)
    #[inline(always)]
    fn next(&mut self) -> Result<u8> {
        let (byte, rest) = self.bytes.split_first().ok_or(Error::DeserializeUnexpectedEnd)?;
        self.bytes = rest;
        Ok(*byte)
    }

    #[inline(never)]
    fn byte(&mut self) -> Result<u8> {
        self.next()
    }

    #[inline(never)]
    fn take(&mut self, count: usize) -> Result<&'de [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Error::DeserializeUnexpectedEnd)?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or(Error::DeserializeUnexpectedEnd)?;
        self.bytes = rest;
        Ok(*array)
    }

    #[inline(never)]
    fn number(&mut self) -> Result<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.next()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn long_number(&mut self) -> Result<u128> {
        let mut number = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = self.next()?;
            let bits = u128::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn u16(&mut self) -> Result<u16> {
        self.number()?.try_into().map_err(|_| Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn u32(&mut self) -> Result<u32> {
        self.number()?.try_into().map_err(|_| Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn length(&mut self) -> Result<usize> {
        self.number()?.try_into().map_err(|_| Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn i64(&mut self) -> Result<i64> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    #[inline(never)]
    fn i32(&mut self) -> Result<i32> {
        self.i64()?.try_into().map_err(|_| Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn i16(&mut self) -> Result<i16> {
        self.i64()?.try_into().map_err(|_| Error::DeserializeBadVarint)
    }

    #[inline(never)]
    fn i128(&mut self) -> Result<i128> {
        let number = self.long_number()?;
        Ok((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    #[inline(never)]
    fn bool(&mut self) -> Result<bool> {
        match self.next()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::DeserializeBadBool),
        }
    }

    #[inline(never)]
    fn is_some(&mut self) -> Result<bool> {
        self.bool()
            .map_err(|error| if error == Error::DeserializeBadBool { Error::DeserializeBadOption } else { error })
    }

    #[inline(never)]
    fn f32(&mut self) -> Result<f32> {
        Ok(f32::from_bits(u32::from_le_bytes(self.array()?)))
    }

    #[inline(never)]
    fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    #[inline(never)]
    fn some_bytes(&mut self) -> Result<&'de [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    #[inline(never)]
    fn text(&mut self) -> Result<&'de str> {
        std::str::from_utf8(self.some_bytes()?).map_err(|_| Error::DeserializeBadUtf8)
    }

    #[inline(never)]
    fn char(&mut self) -> Result<char> {
        let text = std::str::from_utf8(self.some_bytes()?).map_err(|_| Error::DeserializeBadChar)?;
        text.chars().next().ok_or(Error::DeserializeBadChar)
    }
}

macro_rules! read {
    ($($function:ident: $visit:ident $read:ident;)*) => {$(
        fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(self.$read()?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    read! {
        deserialize_bool: visit_bool bool;
        deserialize_i16: visit_i16 i16;
        deserialize_i32: visit_i32 i32;
        deserialize_i64: visit_i64 i64;
        deserialize_i128: visit_i128 i128;
        deserialize_u8: visit_u8 byte;
        deserialize_u16: visit_u16 u16;
        deserialize_u32: visit_u32 u32;
        deserialize_u64: visit_u64 number;
        deserialize_u128: visit_u128 long_number;
        deserialize_f32: visit_f32 f32;
        deserialize_f64: visit_f64 f64;
        deserialize_char: visit_char char;
        deserialize_str: visit_borrowed_str text;
        deserialize_string: visit_borrowed_str text;
        deserialize_bytes: visit_borrowed_bytes some_bytes;
        deserialize_byte_buf: visit_borrowed_bytes some_bytes;
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_i8(self.byte()? as i8)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.is_some()? { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let left = self.length()?;
        visitor.visit_seq(Parts { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Parts { reader: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_seq(Parts { reader: self, left })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let left = self.length()?;
        visitor.visit_map(Parts { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_seq(Parts { reader: self, left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self)
    }

    // What the bytes are is not written in them.

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value> {
        Err(Error::WontImplement)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value> {
        Err(Error::WontImplement)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value> {
        Err(Error::WontImplement)
    }
}

/// So many parts of a value.
struct Parts<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl Parts<'_, '_> {
    #[inline]
    fn has_more(&mut self) -> bool {
        let has_more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_more
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.has_more() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        // (More than the bytes that are left: it is not believed.)
        (self.left <= self.reader.bytes.len()).then_some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.has_more() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant: U32Deserializer<Error> = self.u32()?.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Parts { reader: self, left })
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Parts { reader: self, left: fields.len() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;

    /// Both ways, and the bytes are postcard's.
    fn goes<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
        for value in values {
            let mut bytes = vec![7];
            write(&value, &mut bytes).expect("it can be written");
            assert_eq!(bytes[1..], postcard::to_stdvec(&value).expect("by postcard, too"), "{value:?}");
            let length = bytes.len();
            bytes.push(9);
            let mut rest = &bytes[1..];
            assert_eq!(read::<T>(&mut rest).expect("it can be read"), value);
            assert_eq!(rest, [9]);
            for cut in 1..length {
                let cut = read::<T>(&mut &bytes[1..cut]);
                assert!(cut.is_err() || size_of::<T>() == 0, "{value:?}");
            }
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line(i16, i16),
        Named { name: String, sides: Option<u8> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(u32);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(i8, char);

    #[test]
    fn numbers() {
        goes([0, 1, 127, 128, 255u8]);
        goes([0, 127, 128, 16_383, 16_384, u16::MAX]);
        goes([0, 1 << 20, u32::MAX]);
        goes([0, 1 << 35, 1 << 63, u64::MAX]);
        goes([0, 1 << 100, u128::MAX]);
        goes([0, -1, i8::MAX, i8::MIN]);
        goes([0, -1, 64, -65, i16::MAX, i16::MIN]);
        goes([0, -1, i32::MAX, i32::MIN]);
        goes([0, -1, i64::MAX, i64::MIN]);
        goes([0, -1, i128::MAX, i128::MIN]);
        goes([0, usize::MAX]);
        goes([0, isize::MIN]);
        goes([0.0, -0.0, 1.5, f32::INFINITY]);
        goes([0.0, -1.5, f64::MIN_POSITIVE]);
        goes([true, false]);
        goes(['a', 'é', '\u{10FFFF}']);
    }

    #[test]
    fn what_has_parts() {
        goes([String::new(), "text, é".repeat(100)]);
        goes([vec![], vec![1u64, 1 << 40]]);
        goes([vec![(1u8, "a".to_owned()), (2, String::new())]]);
        goes([vec![(), ()]]);
        goes([None, Some(3i32)]);
        goes([Ok::<u8, String>(1), Err("no".to_owned())]);
        goes([BTreeMap::from([("a".to_owned(), [1.0, 2.0]), ("b".to_owned(), [3.0, 4.0])])]);
        goes([Shape::Point, Shape::Circle(1.0), Shape::Line(-1, 300)]);
        goes([Shape::Named { name: "x".to_owned(), sides: Some(3) }]);
        goes([(Unit, Wrapped(5), Pair(-1, 'c'))]);
        goes([std::net::IpAddr::from([1, 2, 3, 4])]);
        goes([std::time::Duration::from_millis(1500)]);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(read::<u8>(&mut &[][..]), Err(Error::DeserializeUnexpectedEnd));
        assert_eq!(read::<bool>(&mut &[2][..]), Err(Error::DeserializeBadBool));
        assert_eq!(read::<Option<u8>>(&mut &[2, 0][..]), Err(Error::DeserializeBadOption));
        assert_eq!(read::<u16>(&mut &[0xFF, 0xFF, 0x7F][..]), Err(Error::DeserializeBadVarint));
        assert_eq!(read::<u64>(&mut &[0xFF; 20][..]), Err(Error::DeserializeBadVarint));
        assert_eq!(read::<u128>(&mut &[0xFF; 20][..]), Err(Error::DeserializeBadVarint));
        assert_eq!(read::<String>(&mut &[1, 0xFF][..]), Err(Error::DeserializeBadUtf8));
        assert_eq!(read::<String>(&mut &[9, b'a'][..]), Err(Error::DeserializeUnexpectedEnd));
        assert_eq!(read::<Vec<u64>>(&mut &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F][..]), Err(Error::DeserializeUnexpectedEnd));
        assert_eq!(read::<serde_json::Value>(&mut &[1][..]), Err(Error::WontImplement));
        assert!(read::<Shape>(&mut &[9][..]).is_err());
    }
}
