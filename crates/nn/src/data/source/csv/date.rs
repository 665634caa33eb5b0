//! Dates in tables, and their parts. The crate jiff is the calendar, behind the feature `dates`.

use serde::{Deserialize, Serialize};

/// The part of a date that becomes a row of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatePart {
    /// The year.
    Year,
    /// The month, from 1 to 12.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week, from 1 on Monday to 7 on Sunday.
    Weekday,
    /// The day of the year, from 1.
    DayOfYear,
    /// The hour, from 0 to 23; 0 for a date without a time.
    Hour,
}

impl DatePart {
    fn name(self) -> &'static str {
        match self {
            DatePart::Year => "year",
            DatePart::Month => "month",
            DatePart::Day => "day",
            DatePart::Weekday => "weekday",
            DatePart::DayOfYear => "day of year",
            DatePart::Hour => "hour",
        }
    }
}

/// How the dates of a column are written, and which features are computed from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Dates {
    /// The format in directives of `strftime`; `None` is ISO 8601.
    pub format: Option<String>,
    pub parts: Vec<DatePart>,
    /// A date in ISO 8601, from which days are counted.
    pub since: Option<String>,
}

impl Dates {
    /// The number of rows of a date.
    pub fn rows(&self) -> usize {
        self.parts.len() + usize::from(self.since.is_some())
    }

    /// The names of the rows, without the name of the column.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let since = self.since.iter().map(|since| format!("days since {since}"));
        self.parts.iter().map(|part| part.name().to_owned()).chain(since)
    }

    /// The seconds from 1970-01-01 to the date in a text; the error says what was expected.
    pub fn read(&self, text: &str) -> Result<f64, String> {
        calendar::seconds(text, self.format.as_deref())
    }

    /// The features of a date, which is given by its seconds from 1970-01-01; the error says what was expected.
    pub fn features(&self, seconds: f64) -> Result<Vec<f64>, String> {
        let all = calendar::parts(seconds)?;
        let mut rows: Vec<f64> = self.parts.iter().map(|&part| f64::from(all[part as usize])).collect();
        if let Some(since) = &self.since {
            rows.push((seconds - calendar::seconds(since, None)?) / 86400.0);
        }
        Ok(rows)
    }

    /// Checks that a format describes a whole date; if not, the error says what is missing.
    pub fn check_format(format: &str) -> Result<(), String> {
        calendar::check(format)
    }
}

/// Whether a text could be a date: three numbers separated by `-`, `/` or `.`.
pub(super) fn looks_like_a_date(text: &str) -> bool {
    let date = text.split(['T', ' ']).next().unwrap_or("");
    let is_date = |between| {
        let lengths =
            date.split(between).map(|digits: &str| digits.bytes().all(|c| c.is_ascii_digit()).then_some(digits.len()));
        match lengths.collect::<Option<Vec<usize>>>().as_deref() {
            Some(&[year, month, day]) => {
                let short = |n| n == 1 || n == 2;
                short(month) && (year == 4 && short(day) || short(year) && (day == 2 || day == 4))
            }
            _ => false,
        }
    };
    ['-', '/', '.'].into_iter().any(is_date)
}

#[cfg(feature = "dates")]
mod calendar {
    use jiff::SignedDuration;
    use jiff::civil::{Date, DateTime, Time};
    use jiff::fmt::strtime::{self, BrokenDownTime};
    use jiff::fmt::temporal::{Pieces, PiecesOffset};

    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

    pub fn seconds(text: &str, format: Option<&str>) -> Result<f64, String> {
        let date = match format {
            None => iso(text),
            Some(format) => strtime::parse(format, text).ok().and_then(|time| clock(&time)),
        };
        date.map(|date| date.duration_since(EPOCH).as_secs_f64()).ok_or_else(|| match format {
            None => "a date such as 2024-02-29 or 2024-02-29 13:45, with no time zone except Z".to_owned(),
            Some(format) if format.contains("%Y") => format!("a date written as {format}, where `%Y` is four digits"),
            Some(format) => format!("a date written as {format}"),
        })
    }

    fn iso(text: &str) -> Option<DateTime> {
        let pieces = Pieces::parse(text).ok()?;
        let local =
            matches!(pieces.offset(), None | Some(PiecesOffset::Zulu)) && pieces.time_zone_annotation().is_none();
        local.then(|| pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight())))
    }

    /// Whether there is any part of a time.
    fn has_time(time: &BrokenDownTime) -> bool {
        let numbers = [time.hour(), time.minute(), time.second()];
        numbers.iter().any(Option::is_some) || time.meridiem().is_some()
    }

    /// Local date and time; midnight if there is no time. The year has four digits, because `%Y` would read 24 as the year 24.
    fn clock(time: &BrokenDownTime) -> Option<DateTime> {
        let date: Date = time.to_date().ok().filter(|date: &Date| (1000..=9999).contains(&date.year()))?;
        let at = if has_time(time) { time.to_time().ok()? } else { Time::midnight() };
        (time.offset().is_none() && time.iana_time_zone().is_none()).then(|| date.to_datetime(at))
    }

    pub fn parts(seconds: f64) -> Result<[i16; 6], String> {
        let whole = SignedDuration::from_secs(seconds.floor() as i64);
        let date = EPOCH.checked_add(whole).map_err(|_| "a date of the years -9999 to 9999".to_owned())?;
        let weekday = date.weekday().to_monday_one_offset();
        let [month, day, weekday, hour] = [date.month(), date.day(), weekday, date.hour()].map(i16::from);
        Ok([date.year(), month, day, weekday, date.day_of_year(), hour])
    }

    pub fn check(format: &str) -> Result<(), String> {
        const SAMPLE: DateTime = DateTime::constant(2024, 2, 29, 13, 45, 6, 0);
        let text = strtime::format(format, SAMPLE).map_err(|error| error.to_string())?;
        let whole = |time: BrokenDownTime| {
            let date = clock(&time)?;
            Some(date.date() == SAMPLE.date() && (!has_time(&time) || date.hour() == SAMPLE.hour()))
        };
        match strtime::parse(format, &text).ok().and_then(whole) {
            Some(true) => Ok(()),
            _ => Err("year, month or day is missing, or the hour of a time (`%I` needs `%p`), or there is a time zone"
                .to_owned()),
        }
    }
}

#[cfg(not(feature = "dates"))]
mod calendar {
    const WITHOUT: &str = "a build with the feature `dates` of tape-nn, which this one lacks (add it in Cargo.toml)";

    pub fn seconds(_: &str, _: Option<&str>) -> Result<f64, String> {
        Err(WITHOUT.to_owned())
    }

    pub fn parts(_: f64) -> Result<[i16; 6], String> {
        Err(WITHOUT.to_owned())
    }

    pub fn check(_: &str) -> Result<(), String> {
        Err(format!("dates need {WITHOUT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_date() {
        for text in ["2024-02-29", "2024-1-5 13:45", "29.2.2024", "2/29/24", "2024/02/29T00:00:00Z"] {
            assert!(looks_like_a_date(text), "{text}");
        }
        for text in ["1.2.3", "1.234.567", "12:30", "192.168.0.1", "555-1234", "2024", "elm", "", "--", "a-b-cd"] {
            assert!(!looks_like_a_date(text), "{text}");
        }
    }
}
