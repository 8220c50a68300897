//! The way into bytes.

use std::fmt::Write;

use postcard::{Error, Result};
use serde::{Serialize, ser};

/// Appends to bytes.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    pub fn to(out: &mut Vec<u8>) -> Writer<'_> {
        Writer { out }
    }

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
