//! The same bytes as postcard's, and back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use postcard::Error;
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
