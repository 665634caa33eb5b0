//! Bounds: the two numbers between which each entry of x must stay. Together they form a box.

use std::cmp::Ordering;

/// The least and the largest value of each entry; without entries there are no bounds.
pub struct Bounds(Vec<(f64, f64)>);

impl Bounds {
    /// No bounds.
    pub fn none() -> Self {
        Bounds(Vec::new())
    }

    /// Bounds, each of which leaves a number.
    ///
    /// # Errors
    /// Which one does not.
    pub fn new(bounds: Vec<(f64, f64)>) -> Result<Self, String> {
        let is_empty = |(low, high): &(f64, f64)| {
            low.partial_cmp(high).is_none_or(Ordering::is_gt) || *low == f64::INFINITY || *high == f64::NEG_INFINITY
        };
        match bounds.iter().position(is_empty) {
            None => Ok(Bounds(bounds)),
            Some(k) => {
                let (low, high) = bounds[k];
                Err(format!("bound {k}: from {low} to {high} there is no number"))
            }
        }
    }

    fn of(&self, i: usize) -> (f64, f64) {
        self.0.get(i).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
    }

    /// The nearest point of the box.
    pub fn nearest(&self, x: &[f64]) -> Vec<f64> {
        let inside = |(i, &x): (usize, &f64)| x.clamp(self.of(i).0, self.of(i).1);
        x.iter().enumerate().map(inside).collect()
    }

    /// The largest |x − P(x − g)| of an entry, where P is the nearest point of the box: 0 at a minimum, and max |g| without bounds.
    /// It is NaN if an entry of g is NaN.
    pub fn slope(&self, x: &[f64], g: &[f64]) -> f64 {
        x.iter().zip(g).enumerate().fold(0.0, |max, (i, (x, g))| {
            let (low, high) = self.of(i);
            let slope = if *g > 0.0 { g.min(x - low) } else { (-g).min(high - x) };
            // `min` would ignore NaN.
            let slope = if g.is_nan() { *g } else { slope };
            if slope <= max { max } else { slope }
        })
    }

    /// The entries that lie on a bound and would leave the box along −g, or have a single value.
    pub fn held(&self, x: &[f64], g: &[f64]) -> Vec<bool> {
        let held = |(i, (x, g)): (usize, (&f64, &f64))| {
            let (low, high) = self.of(i);
            (*g > 0.0 && *x <= low) || (*g < 0.0 && *x >= high) || low == high
        };
        x.iter().zip(g).enumerate().map(held).collect()
    }

    /// The direction from x to P(x + d), and whether it differs from d.
    pub fn within(&self, x: &[f64], mut d: Vec<f64>) -> (Vec<f64>, bool) {
        let mut cut = false;
        for (i, (d, x)) in d.iter_mut().zip(x).enumerate() {
            let (low, high) = self.of(i);
            let inside = d.clamp(low - x, high - x);
            cut |= inside != *d;
            *d = inside;
        }
        (d, cut)
    }

    /// The largest α at which x + α d lies in the box.
    pub fn longest(&self, x: &[f64], d: &[f64]) -> f64 {
        let until = |(i, (x, d)): (usize, (&f64, &f64))| match *d {
            d if d > 0.0 => (self.of(i).1 - x) / d,
            d if d < 0.0 => (self.of(i).0 - x) / d,
            _ => f64::INFINITY,
        };
        x.iter().zip(d).enumerate().map(until).fold(f64::INFINITY, f64::min)
    }

    /// x + α d. Entries that differ from their bound only by rounding are set to it.
    pub fn moved(&self, x: &[f64], alpha: f64, d: &[f64]) -> Vec<f64> {
        let to = |(i, (x, d)): (usize, (&f64, &f64))| {
            let (y, (low, high)) = (x + alpha * d, self.of(i));
            let near = |bound: f64| (y - bound).abs() < f64::EPSILON * (x.abs() + bound.abs());
            match *d {
                d if d < 0.0 && (y <= low || near(low)) => low,
                d if d > 0.0 && (y >= high || near(high)) => high,
                _ => y,
            }
        };
        x.iter().zip(d).enumerate().map(to).collect()
    }
}
