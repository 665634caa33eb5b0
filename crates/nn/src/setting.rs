//! The ranges of settings, and one message for all: the setting, its value, and the allowed range.

use std::fmt::Display;

use serde::de::{Deserialize, Deserializer, Error};

/// The allowed range of a setting.
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

pub(crate) const FINITE: Range = Range { holds: f64::is_finite, expected: "finite" };

impl Range {
    /// The number, or the message that it is out of its range.
    pub fn check(self, what: &str, x: f64) -> Result<f64, String> {
        if (self.holds)(x) { Ok(x) } else { Err(self.problem(what, x)) }
    }

    fn problem(self, what: impl Display, x: f64) -> String {
        format!("{what}: {x} should be {}", self.expected)
    }

    /// # Panics
    /// With that message.
    #[track_caller]
    pub fn expect(self, what: &str, x: f64) -> f64 {
        // Not `unwrap_or_else`: a panic in a closure would point here, not at the caller.
        match self.check(what, x) {
            Ok(x) => x,
            Err(problem) => panic!("{problem}"),
        }
    }
}

/// A number from a file.
pub(crate) fn read<'de, D: Deserializer<'de>>(range: Range, d: D) -> Result<f64, D::Error> {
    read_one(range, f64::deserialize(d)?)
}

fn read_one<E: Error>(range: Range, x: f64) -> Result<f64, E> {
    range.check("it", x).map_err(|problem| E::custom(problem.trim_start_matches("it: ")))
}

/// Numbers from a file.
pub(crate) fn read_all<'de, D: Deserializer<'de>>(range: Range, d: D) -> Result<Option<Vec<f64>>, D::Error> {
    let numbers = Option::<Vec<f64>>::deserialize(d)?;
    numbers.map(|numbers| numbers.into_iter().map(|x| read_one(range, x)).collect()).transpose()
}

/// Checks that each field of a struct of settings is in its range.
pub(crate) fn all(of: &str, fields: &[(&str, f64, Range)]) -> Result<(), String> {
    let wrong = fields.iter().find(|(_, x, range)| !(range.holds)(*x));
    wrong.map_or(Ok(()), |&(field, x, range)| Err(range.problem(format_args!("{of}: {field}"), x)))
}
