//! Metadata values, and the lenient number conversions that files in the wild need.

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Any unsigned width.
    Unsigned(u64),
    /// Any signed width.
    Signed(i64),
    /// Any float width.
    Float(f64),
    /// A truth value.
    Flag(bool),
    /// Text; broken UTF-8 is replaced.
    Text(String),
    /// A flat array.
    Array(Array),
}

/// A flat array of one element kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Array {
    /// Whole numbers of any width; unsigned values beyond the signed range are clamped.
    Whole(Vec<i64>),
    /// Floats.
    Float(Vec<f32>),
    /// Truth values.
    Flag(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
}

impl Value {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn as_count(&self) -> Option<u32> {
        match self {
            Self::Unsigned(number) => u32::try_from(*number).ok(),
            Self::Signed(number) => u32::try_from(*number).ok(),
            _ => None,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "model constants are single precision in the forward pass")]
    pub(crate) fn as_float(&self) -> Option<f32> {
        let number = match self {
            Self::Float(number) => *number as f32,
            Self::Unsigned(number) => *number as f32,
            Self::Signed(number) => *number as f32,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    pub(crate) fn as_texts(&self) -> Option<&[String]> {
        match self {
            Self::Array(Array::Text(texts)) => Some(texts),
            _ => None,
        }
    }

    pub(crate) fn as_whole_numbers(&self) -> Option<&[i64]> {
        match self {
            Self::Array(Array::Whole(numbers)) => Some(numbers),
            _ => None,
        }
    }

    pub(crate) fn as_floats(&self) -> Option<&[f32]> {
        match self {
            Self::Array(Array::Float(numbers)) => Some(numbers),
            _ => None,
        }
    }
}
