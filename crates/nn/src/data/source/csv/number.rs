//! Numbers in tables.

use autograd::Real;

use super::date::looks_like_a_date;
use super::rows::excerpt;
use super::{CsvError, Place};

/// The separators in a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Notation {
    /// The decimal separator.
    pub decimal: char,
    /// The thousands separator.
    pub thousands: Option<char>,
}

impl Notation {
    pub const PLAIN: Notation = Notation { decimal: '.', thousands: None };

    /// The number in a text, including numbers that are not finite.
    pub fn number(self, text: &str) -> Option<f64> {
        if self == Self::PLAIN {
            return text.parse().ok();
        }
        let (whole, decimals) = match text.split_once(self.decimal) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        // A separator that is not one in this notation makes the number invalid.
        if self.decimal != '.'
            && (decimals.unwrap_or("").contains('.') || self.thousands != Some('.') && whole.contains('.'))
        {
            return None;
        }
        let whole = match self.thousands.filter(|&between| whole.contains(between)) {
            Some(between) => {
                let mut groups = whole.trim_start_matches(['+', '-']).split(between);
                let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()) && is_digits(group));
                let exponent =
                    |group: &str| decimals.is_none() && group.get(3..).is_some_and(|e| e.starts_with(['e', 'E']));
                let three =
                    |group: &str| is_digits(group.get(..3).unwrap_or("")) && (group.len() == 3 || exponent(group));
                if !first || !groups.all(three) {
                    return None;
                }
                whole.replace(between, "")
            }
            None => whole.to_owned(),
        };
        decimals.map_or(whole.clone(), |decimals| format!("{whole}.{decimals}")).parse().ok()
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

/// The possible thousands separators.
pub(super) const THOUSANDS: [char; 7] = [',', '.', '\'', ' ', '_', '\u{a0}', '\u{202f}'];

/// Whether a text is a number in some notation.
pub(super) fn looks_like_a_number(text: &str) -> bool {
    let mut notations = ['.', ',']
        .into_iter()
        .flat_map(|decimal| THOUSANDS.map(|between| Notation { decimal, thousands: Some(between) }))
        .filter(|notation| notation.thousands != Some(notation.decimal));
    notations.any(|notation| notation.number(text).is_some())
}

/// A question about the possible meaning of a text that is not a number, for an error message. It ends with a blank.
pub(super) fn question(text: &str) -> &'static str {
    let is = |decimal, thousands| Notation { decimal, thousands }.number(text).is_some();
    let comma = text.contains(',') && (is(',', None) || THOUSANDS.into_iter().any(|c| c != ',' && is(',', Some(c))));
    match () {
        _ if looks_like_a_date(text) => "is it a date (`Feature::date`)? ",
        _ if comma && is('.', Some(',')) => "is the comma before decimals or between thousands? ",
        _ if comma => "a decimal comma? a date? ",
        _ if !is('.', None) && looks_like_a_number(text) => "are there separators of thousands? ",
        _ => "",
    }
}

/// The number in a cell, if it is finite as a T.
pub(super) fn number<T: Real>(cell: &str, notation: Notation, at: impl FnOnce() -> Place) -> Result<T, CsvError> {
    let Some(number) = notation.number(cell) else {
        return Err(CsvError::NotANumber { at: at(), found: excerpt(cell), decimal: notation.decimal });
    };
    let value = T::from_f64(number);
    if value.to_f64().is_finite() {
        return Ok(value);
    }
    Err(CsvError::NotFinite { at: at(), found: excerpt(cell), scalar: std::any::type_name::<T>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_between_the_digits() {
        let of = |decimal, thousands| Notation { decimal, thousands };
        let english = of('.', Some(','));
        for (text, value) in [("1,234.5", 1234.5), ("-12,345,678", -12345678.0), ("1,234e2", 123400.0), ("0.5", 0.5)] {
            assert_eq!(english.number(text), Some(value), "{text}");
        }
        for text in ["1,2", "1,23", "12,34.5", "1,,234", ",123", "1,234,56", "1.234,5", "1,2345", "", "a"] {
            assert_eq!(english.number(text), None, "{text}");
        }
        let german = of(',', Some('.'));
        assert_eq!(german.number("-1.234.567,25"), Some(-1234567.25));
        assert_eq!(german.number("1,5e-3"), Some(1.5e-3));
        assert_eq!(
            (german.number("1.5"), of(',', None).number("1.5"), of(',', None).number("1,5.5")),
            (None, None, None)
        );
        assert_eq!(of('.', Some('\'')).number("1'000"), Some(1000.0));
        for text in ["1,5", "1,234", "1.234.567", "1 000,5", "inf", "-3"] {
            assert!(looks_like_a_number(text), "{text}");
        }
        for (text, meant) in [
            ("52,2", "a decimal comma? a date?"),
            ("-1.234,5", "a decimal comma?"),
            ("1,234", "before decimals or between thousands?"),
            ("1 000", "separators of thousands?"),
            ("2024-02-29", "`Feature::date`"),
            ("29.2.2024", "`Feature::date`"),
        ] {
            assert!(question(text).contains(meant), "{text}");
        }
        for text in ["elm", "1.2.3", "inf", "1e999", "NaN", "-", ""] {
            assert_eq!(question(text), "", "{text}");
        }
        for text in ["1.2.3", "2020-01-02", "12:30", "elm", "", "1,2,3", "5%"] {
            assert!(!looks_like_a_number(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_in_a_notation_is_read(x in -1e12f64..1e12, between in prop::sample::select(THOUSANDS.to_vec())) {
            let plain = format!("{x:.3}");
            let (whole, decimals) = plain.split_once('.').unwrap();
            let (sign, digits) = whole.split_at(whole.len() - whole.trim_start_matches('-').len());
            let mut grouped = String::new();
            for (i, digit) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i).is_multiple_of(3) {
                    grouped.push(between);
                }
                grouped.push(digit);
            }
            for decimal in ['.', ','].into_iter().filter(|&decimal| decimal != between) {
                let text = format!("{sign}{grouped}{decimal}{decimals}");
                let found = Notation { decimal, thousands: Some(between) }.number(&text);
                prop_assert_eq!(found, plain.parse().ok(), "{}", text);
                prop_assert!(looks_like_a_number(&text));
            }
        }
    }
}
