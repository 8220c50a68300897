//! Integers and floats: one table each, shown for every width.

use super::Member;
use super::Type;

const fn number(head: &'static str, page: &'static str, about: &'static str, members: &'static [Member]) -> Type {
    Type { head, page, about, also: &["Clone", "Ord", "ToString"], members }
}

const SIGNED: &str = "A whole number with a sign.";
const UNSIGNED: &str = "A whole number from zero up.";

pub static NUMBERS: [Type; 14] = [
    number("i32", "std/primitive.i32.html", SIGNED, SIGNED_INTEGER),
    number("i8", "std/primitive.i8.html", SIGNED, SIGNED_INTEGER),
    number("i16", "std/primitive.i16.html", SIGNED, SIGNED_INTEGER),
    number("i64", "std/primitive.i64.html", SIGNED, SIGNED_INTEGER),
    number("i128", "std/primitive.i128.html", SIGNED, SIGNED_INTEGER),
    number("isize", "std/primitive.isize.html", SIGNED, SIGNED_INTEGER),
    number("u8", "std/primitive.u8.html", UNSIGNED, UNSIGNED_INTEGER),
    number("u16", "std/primitive.u16.html", UNSIGNED, UNSIGNED_INTEGER),
    number("u32", "std/primitive.u32.html", UNSIGNED, UNSIGNED_INTEGER),
    number("u64", "std/primitive.u64.html", UNSIGNED, UNSIGNED_INTEGER),
    number("u128", "std/primitive.u128.html", UNSIGNED, UNSIGNED_INTEGER),
    number(
        "usize",
        "std/primitive.usize.html",
        "A whole number as wide as an address: lengths and indices.",
        UNSIGNED_INTEGER,
    ),
    number("f64", "std/primitive.f64.html", "A floating point number of 64 bits.", FLOAT),
    number("f32", "std/primitive.f32.html", "A floating point number of 32 bits.", FLOAT),
];

pub fn types() -> impl Iterator<Item = &'static Type> {
    NUMBERS.iter()
}

macro_rules! integer {
    ($($more:expr),* $(,)?) => { &[
        ("const MAX: Self", "The largest value."),
        ("const MIN: Self", "The smallest value."),
        ("const BITS: u32", "Its size in bits."),
        ("fn from_str_radix(text: &str, radix: u32) -> Result<Self, ParseIntError>", "Reads digits of a radix."),
        ("fn pow(self, exponent: u32) -> Self", "A power; a panic on overflow where checks are on."),
        ("fn isqrt(self) -> Self", "The square root, rounded down."),
        ("fn ilog2(self) -> u32", "The logarithm to base 2, rounded down."),
        ("fn ilog10(self) -> u32", "The logarithm to base 10, rounded down."),
        ("fn abs_diff(self, other: Self) -> Self", "The distance of two numbers."),
        ("fn count_ones(self) -> u32", "How many bits are one."),
        ("fn count_zeros(self) -> u32", "How many bits are zero."),
        ("fn leading_zeros(self) -> u32", "Zero bits at the top."),
        ("fn trailing_zeros(self) -> u32", "Zero bits at the bottom."),
        ("fn rotate_left(self, n: u32) -> Self", "Shifts left, what falls out comes in again."),
        ("fn rotate_right(self, n: u32) -> Self", "Shifts right, what falls out comes in again."),
        ("fn swap_bytes(self) -> Self", "The bytes in the other order."),
        ("fn checked_add(self, other: Self) -> Option<Self>", "The sum, or `None` on overflow."),
        ("fn checked_sub(self, other: Self) -> Option<Self>", "The difference, or `None` on overflow."),
        ("fn checked_mul(self, other: Self) -> Option<Self>", "The product, or `None` on overflow."),
        ("fn checked_div(self, other: Self) -> Option<Self>", "The quotient, or `None` for a division by zero."),
        ("fn checked_rem(self, other: Self) -> Option<Self>", "The remainder, or `None` for a division by zero."),
        ("fn checked_pow(self, exponent: u32) -> Option<Self>", "The power, or `None` on overflow."),
        ("fn saturating_add(self, other: Self) -> Self", "The sum, at most the largest value."),
        ("fn saturating_sub(self, other: Self) -> Self", "The difference, at least the smallest value."),
        ("fn saturating_mul(self, other: Self) -> Self", "The product, within the type's bounds."),
        ("fn wrapping_add(self, other: Self) -> Self", "The sum, beginning anew after the largest value."),
        ("fn wrapping_sub(self, other: Self) -> Self", "The difference, beginning anew below the smallest value."),
        ("fn wrapping_mul(self, other: Self) -> Self", "The product, without its upper bits."),
        ("fn overflowing_add(self, other: Self) -> (Self, bool)", "The wrapped sum and whether it overflowed."),
        ("fn rem_euclid(self, other: Self) -> Self", "The remainder that is never negative."),
        ("fn div_euclid(self, other: Self) -> Self", "The quotient that goes with `rem_euclid`."),
        ("fn to_be_bytes(self) -> [u8; size]", "Its bytes, the most significant first."),
        ("fn to_le_bytes(self) -> [u8; size]", "Its bytes, the least significant first."),
        ("fn to_ne_bytes(self) -> [u8; size]", "Its bytes in the machine's order."),
        ("fn from_be_bytes(bytes: [u8; size]) -> Self", "From bytes, the most significant first."),
        ("fn from_le_bytes(bytes: [u8; size]) -> Self", "From bytes, the least significant first."),
        $($more),*
    ] };
}

const SIGNED_INTEGER: &[Member] = integer![
    ("fn abs(self) -> Self", "Without the sign."),
    ("fn signum(self) -> Self", "-1, 0 or 1."),
    ("fn is_negative(self) -> bool", "Whether it is below zero."),
    ("fn is_positive(self) -> bool", "Whether it is above zero."),
    ("fn checked_neg(self) -> Option<Self>", "The negative, or `None` on overflow."),
    ("fn wrapping_neg(self) -> Self", "The negative, wrapping around."),
    ("fn checked_abs(self) -> Option<Self>", "Without the sign, or `None` on overflow."),
];

const UNSIGNED_INTEGER: &[Member] = integer![
    ("fn is_power_of_two(self) -> bool", "Whether it is a power of two."),
    ("fn next_power_of_two(self) -> Self", "The smallest power of two that is not smaller."),
    ("fn div_ceil(self, other: Self) -> Self", "The quotient, rounded up."),
    ("fn next_multiple_of(self, other: Self) -> Self", "The smallest multiple that is not smaller."),
    ("fn is_multiple_of(self, other: Self) -> bool", "Whether the other number divides it."),
];

const FLOAT: &[Member] = &[
    ("const MAX: Self", "The largest finite value."),
    ("const MIN: Self", "The smallest finite value."),
    ("const EPSILON: Self", "The distance from 1 to the next larger number."),
    ("const INFINITY: Self", "Infinity."),
    ("const NEG_INFINITY: Self", "Negative infinity."),
    ("const NAN: Self", "Not a number."),
    ("fn sqrt(self) -> Self", "The square root."),
    ("fn cbrt(self) -> Self", "The cube root."),
    ("fn powi(self, exponent: i32) -> Self", "A power with a whole exponent."),
    ("fn powf(self, exponent: Self) -> Self", "A power."),
    ("fn exp(self) -> Self", "e to the power of it."),
    ("fn exp2(self) -> Self", "2 to the power of it."),
    ("fn ln(self) -> Self", "The natural logarithm."),
    ("fn log(self, base: Self) -> Self", "The logarithm to a base."),
    ("fn log2(self) -> Self", "The logarithm to base 2."),
    ("fn log10(self) -> Self", "The logarithm to base 10."),
    ("fn sin(self) -> Self", "The sine of an angle in radians."),
    ("fn cos(self) -> Self", "The cosine of an angle in radians."),
    ("fn tan(self) -> Self", "The tangent of an angle in radians."),
    ("fn asin(self) -> Self", "The angle with this sine."),
    ("fn acos(self) -> Self", "The angle with this cosine."),
    ("fn atan(self) -> Self", "The angle with this tangent."),
    ("fn atan2(self, other: Self) -> Self", "The angle of the point (other, self)."),
    ("fn sin_cos(self) -> (Self, Self)", "Sine and cosine at once."),
    ("fn sinh(self) -> Self", "The hyperbolic sine."),
    ("fn cosh(self) -> Self", "The hyperbolic cosine."),
    ("fn tanh(self) -> Self", "The hyperbolic tangent."),
    ("fn hypot(self, other: Self) -> Self", "The long side of a right-angled triangle."),
    ("fn abs(self) -> Self", "Without the sign."),
    ("fn signum(self) -> Self", "1 or -1, or NaN."),
    ("fn copysign(self, sign: Self) -> Self", "With the other number's sign."),
    ("fn floor(self) -> Self", "Rounded down."),
    ("fn ceil(self) -> Self", "Rounded up."),
    ("fn round(self) -> Self", "Rounded to the nearest, halves away from zero."),
    ("fn trunc(self) -> Self", "Without the fraction."),
    ("fn fract(self) -> Self", "The fraction alone."),
    ("fn mul_add(self, a: Self, b: Self) -> Self", "self × a + b with one rounding."),
    ("fn recip(self) -> Self", "1 divided by it."),
    ("fn rem_euclid(self, other: Self) -> Self", "The remainder that is never negative."),
    ("fn to_degrees(self) -> Self", "Radians to degrees."),
    ("fn to_radians(self) -> Self", "Degrees to radians."),
    ("fn is_nan(self) -> bool", "Whether it is not a number."),
    ("fn is_finite(self) -> bool", "Whether it is neither infinite nor NaN."),
    ("fn is_infinite(self) -> bool", "Whether it is infinite."),
    ("fn is_sign_negative(self) -> bool", "Whether its sign is negative."),
    ("fn total_cmp(&self, other: &Self) -> Ordering", "An order of all values, for sorting."),
    ("fn to_bits(self) -> u64", "Its bits as a whole number."),
];
