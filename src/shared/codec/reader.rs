//! The way back.

use postcard::{Error, Result};
use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

/// Takes values from the beginning of bytes.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
}

impl<'de> Reader<'de> {
    pub fn of(bytes: &'de [u8]) -> Reader<'de> {
        Reader { bytes }
    }

    /// What comes after the values that were read.
    pub fn rest(&self) -> &'de [u8] {
        self.bytes
    }

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
