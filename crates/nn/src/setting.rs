//! The ranges of settings: one message for all, with the setting, its value, and what it should be.

/// Which numbers a setting may be.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    holds: fn(f64) -> bool,
    expected: &'static str,
}

pub(crate) const POSITIVE: Range = Range { holds: |x| x > 0.0 && x.is_finite(), expected: "positive and finite" };
pub(crate) const ABOVE_0: Range = Range { holds: |x| x > 0.0, expected: "positive" };
pub(crate) const NOT_NEGATIVE: Range =
    Range { holds: |x| x >= 0.0 && x.is_finite(), expected: "finite and not negative" };
pub(crate) const NOT_BELOW_0: Range = Range { holds: |x| x >= 0.0, expected: "not negative" };
pub(crate) const SHARE: Range = Range { holds: |x| (0.0..=1.0).contains(&x), expected: "from 0 to 1" };
pub(crate) const DECAY: Range = Range { holds: |x| (0.0..1.0).contains(&x), expected: "at least 0 and below 1" };
pub(crate) const AT_LEAST_1: Range = Range { holds: |x| x >= 1.0 && x.is_finite(), expected: "at least 1 and finite" };

pub(crate) const NUMBER: Range = Range { holds: |x| !x.is_nan(), expected: "a number" };

impl Range {
    /// The number, or the message that it is out of the range.
    pub fn check(self, what: &str, x: f64) -> Result<f64, String> {
        if (self.holds)(x) { Ok(x) } else { Err(format!("{what}: {x} should be {}", self.expected)) }
    }

    /// # Panics
    /// With that message.
    #[track_caller]
    pub fn expect(self, what: &str, x: f64) -> f64 {
        self.check(what, x).unwrap_or_else(|problem| panic!("{problem}"))
    }
}

/// Whether each field of a struct of settings is in its range.
pub(crate) fn all(of: &str, fields: &[(&str, f64, Range)]) -> Result<(), String> {
    fields.iter().try_for_each(|&(field, x, range)| range.check(&format!("{of}: {field}"), x).map(drop))
}
