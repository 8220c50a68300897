//! The numbers that a slider can set.

use serde_json::Value;

use crate::message::ControlKind;

/// JavaScript knows no larger whole number exactly, and sliders live in browsers.
const LARGEST: i64 = (1 << 53) - 1;

/// A number type of a [`slider`](super::slider()): all of Rust's integers and floats. (Integers
/// beyond ±2⁵³ are cut there.)
pub trait SliderNumber: Copy + PartialOrd + Send + 'static {
    #[doc(hidden)]
    fn to_value(self) -> Value;
    /// Of values of this type's sliders.
    #[doc(hidden)]
    fn from_value(value: &Value) -> Option<Self>;
    /// The control between two numbers, and the value in the middle.
    #[doc(hidden)]
    fn kind(min: Self, max: Self, step: Option<Self>) -> (ControlKind, Value);
}

/// # Panics
/// With a step that is not above 0.
fn integers(min: i64, max: i64, step: Option<i64>) -> (ControlKind, Value) {
    let step = step.unwrap_or(1);
    assert!(step > 0, "the step of a slider must be above 0, not {step}");
    let middle = min + (max - min) / 2 / step * step;
    (ControlKind::IntegerSlider { min, max, step }, middle.into())
}

/// # Panics
/// With a step that is not above 0, or with ends that are no numbers.
fn floats(min: f64, max: f64, step: Option<f64>) -> (ControlKind, Value) {
    assert!(min.is_finite() && max.is_finite(), "a slider needs finite ends, not {min} and {max}");
    // From about 20 to 200 steps of a round size.
    let round = || 10f64.powf(((max - min) / 20.0).log10().floor());
    let step = step.unwrap_or_else(|| if max > min { round() } else { 1.0 });
    assert!(step > 0.0 && step.is_finite(), "the step of a slider must be above 0, not {step}");
    let middle = min + ((max - min) / 2.0 / step).round() * step;
    // Without the last digits of such a sum.
    let middle = (middle / step * 1e6).round() / 1e6 * step;
    let middle: f64 = format!("{middle:.12}").parse().unwrap_or(middle);
    (ControlKind::FloatSlider { min, max, step }, middle.clamp(min, max).into())
}

macro_rules! integer {
    ($($number:ty)*) => {$(
        impl SliderNumber for $number {
            fn to_value(self) -> Value {
                #[allow(clippy::unnecessary_fallible_conversions, unused_comparisons, reason = "for some of the types")]
                let cut = i64::try_from(self).unwrap_or(if self < 0 { -LARGEST } else { LARGEST });
                cut.clamp(-LARGEST, LARGEST).into()
            }

            fn from_value(value: &Value) -> Option<$number> {
                <$number>::try_from(value.as_i64()?).ok()
            }

            fn kind(min: $number, max: $number, step: Option<$number>) -> (ControlKind, Value) {
                let whole = |number: $number| number.to_value().as_i64().unwrap_or_default();
                integers(whole(min), whole(max), step.map(whole))
            }
        }
    )*};
}

macro_rules! float {
    ($($number:ty)*) => {$(
        impl SliderNumber for $number {
            fn to_value(self) -> Value {
                decimal(self.to_string()).into()
            }

            fn from_value(value: &Value) -> Option<$number> {
                Some(value.as_f64()? as $number)
            }

            fn kind(min: $number, max: $number, step: Option<$number>) -> (ControlKind, Value) {
                let [min, max] = [min, max].map(|number| decimal(number.to_string()));
                floats(min, max, step.map(|step| decimal(step.to_string())))
            }
        }
    )*};
}

/// `0.1` of an `f32` is 0.1, and not what that is as an `f64`.
fn decimal(text: String) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

integer!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
float!(f32 f64);
