//! Axes: the position of a number, and the numbers that are written beside an axis.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, KeyPointWeight, Ranged};

/// An axis, linear or logarithmic.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub range: Range<f64>,
    pub log: bool,
    /// Names instead of the numbers 1, 2, 3, …
    pub names: Vec<String>,
}

impl Scale {
    /// An axis from `least` to `largest` with a margin of `margin` of its length on each side.
    pub fn over(least: f64, largest: f64, log: bool, margin: f64) -> Self {
        let (a, b) = match (least <= largest, log) {
            (true, true) => (least.log10(), largest.log10()),
            (true, false) => (least, largest),
            (false, _) => (0.0, 1.0),
        };
        let (a, b) = if b > a { (a, b) } else { (a - 0.5_f64.max(0.1 * a.abs()), a + 0.5_f64.max(0.1 * a.abs())) };
        let (a, b) = (a - margin * (b - a), b + margin * (b - a));
        Scale { range: if log { 10f64.powf(a)..10f64.powf(b) } else { a..b }, log, names: Vec::new() }
    }

    /// Whether a number can be on such an axis, and is not so large that the axis cannot be divided.
    pub fn drawable(x: f64, log: bool) -> bool {
        if log { (1e-300..1e300).contains(&x) } else { x == 0.0 || (1e-30..1e30).contains(&x.abs()) }
    }

    /// Whether a number can be on this axis.
    pub fn allows(&self, x: f64) -> bool {
        Self::drawable(x, self.log)
    }

    /// Whether it is between the ends, up to rounding.
    pub fn contains(&self, x: f64) -> bool {
        self.allows(x) && (-1e-9..=1.0 + 1e-9).contains(&self.part(x))
    }

    /// The position from 0 to 1 along the axis.
    pub fn part(&self, x: f64) -> f64 {
        let of = |x: f64| if self.log { x.log10() } else { x };
        (of(x) - of(self.range.start)) / (of(self.range.end) - of(self.range.start))
    }

    /// The numbers to be written, at most about `count`.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let count = count.max(2) as f64;
        if !self.names.is_empty() {
            let step = (self.names.len() as f64 / count).ceil().max(1.0) as usize;
            return (1..=self.names.len()).step_by(step).map(|k| k as f64).collect();
        }
        if !self.log {
            return steps(&self.range, count);
        }
        let (low, high) = (self.range.start.log10(), self.range.end.log10());
        let decades: Vec<f64> = steps(&(low..high), count).into_iter().filter(|k| k.fract() == 0.0).collect();
        let within = |factors: &[f64]| -> Vec<f64> {
            let powers = (low.floor() as i32)..=(high.floor() as i32);
            let all = powers.flat_map(|k| factors.iter().map(move |f| f * 10f64.powi(k)));
            all.filter(|x| self.contains(*x)).collect()
        };
        match high - low {
            // Too short for powers of ten alone.
            d if d < 0.7 => steps(&self.range, count).into_iter().filter(|x| *x > 0.0).collect(),
            d if d < 2.5 => within(&[1.0, 2.0, 5.0]),
            _ => decades.into_iter().map(|k| 10f64.powi(k as i32)).collect(),
        }
    }

    /// A number as written beside the axis.
    pub fn text(&self, x: f64) -> String {
        if !self.names.is_empty() {
            return self.names.get(x as usize - 1).cloned().unwrap_or_default();
        }
        let power = x.log10().round();
        let round = self.log && (x / 10f64.powf(power) - 1.0).abs() < 1e-9;
        let wide = self.range.start < 1e-3 || self.range.end > 1e4;
        if round && wide && power != 0.0 && power != 1.0 {
            return format!("10{}", superscript(power as i32));
        }
        significant(x)
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, x: &f64, (from, to): (i32, i32)) -> i32 {
        (f64::from(from) + self.part(*x) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks(hint.max_num_points()),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten in a range, at most about `count`.
fn steps(range: &Range<f64>, count: f64) -> Vec<f64> {
    let raw = (range.end - range.start) / count;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|f| f * power).find(|s| *s >= 0.999 * raw).unwrap_or(raw);
    let (first, last) = ((range.start / step - 1e-9).ceil(), (range.end / step + 1e-9).floor());
    // Through a decimal text, because 0.1 × 3 would be 0.30000000000000004.
    (0..=((last - first).max(0.0) as usize).min(100)).map(|k| rounded((first + k as f64) * step, step)).collect()
}

fn rounded(x: f64, step: f64) -> f64 {
    let digits = (-step.log10().floor()).clamp(0.0, 300.0);
    if digits == 0.0 { x.round() } else { format!("{x:.0$}", digits as usize).parse().unwrap_or(x) }
}

/// Three significant digits, or four if the first is small: 0.25, 1997, 3.1e-7.
pub(super) fn significant(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.abs().to_string();
    }
    if !(1e-3..1e6).contains(&x.abs()) {
        let text = format!("{x:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", trimmed(digits));
    }
    let digits = (2 - x.abs().log10().floor() as i32).max(0);
    trimmed(&format!("{x:.0$}", digits as usize)).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn superscript(power: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁰' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
    };
    power.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scale: Scale, expected: &[&str]) {
        let texts: Vec<String> = scale.ticks(6).into_iter().map(|x| scale.text(x)).collect();
        assert_eq!(texts, expected, "{scale:?}");
    }

    #[test]
    fn round_numbers_are_written() {
        check(Scale::over(0.0, 1.0, false, 0.0), &["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        check(Scale::over(-0.3, 0.3, false, 0.0), &["-0.3", "-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]);
        check(Scale::over(1.0, 100.0, false, 0.0), &["20", "40", "60", "80", "100"]);
        check(Scale::over(1e-9, 1.0, true, 0.0), &["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
        check(Scale::over(1.0, 20.0, true, 0.0), &["1", "2", "5", "10", "20"]);
        check(Scale::over(2.0, 3.0, true, 0.0), &["2", "2.2", "2.4", "2.6", "2.8", "3"]);
        check(Scale::over(5.0, 5.0, false, 0.0), &["4.6", "4.8", "5", "5.2", "5.4"]);
        check(Scale::over(f64::INFINITY, f64::NEG_INFINITY, false, 0.0), &["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        check(Scale { names, ..Scale::over(0.5, 3.5, false, 0.0) }, &["a", "b", "c"]);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 1.0, 0.25, 123456.0, 3.14159e-7, -2.5e9, 0.001].map(significant);
        assert_eq!(texts, ["0", "1", "0.25", "123456", "3.14e-7", "-2.5e9", "0.001"]);
    }
}
