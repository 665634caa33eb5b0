//! A chart: a pair of axes, and series and areas between them.

use std::ops::Range;
use std::path::Path;

use autograd::{Matrix, Real};
use plotters::style::RGBColor;

use super::contour::{loops, polygon};
use super::scale::Scale;
use super::{Figure, PlotError, style};

/// A picture with axes: series of points drawn as lines, dots or bars, above areas.
///
/// The axes contain everything unless a range is given. Points that are outside, NaN or infinite, or without a logarithm on
/// a logarithmic axis, are left out, and a line has a gap there. Series with a label appear in a legend. They take
/// the colours of the style in turn.
///
/// ```
/// use nn::plot::Chart;
/// let errors = [(2.0, 0.3), (4.0, 0.1), (8.0, 0.02)];
/// let svg = Chart::new("Error against width")
///     .axes("hidden units", "root mean square error")
///     .log_x()
///     .log_y()
///     .dots("tanh", errors)
///     .dashed("1 / M²", errors.map(|(m, _)| (m, 1.0 / (m * m))))
///     .to_svg();
/// assert!(["Error against width", "hidden units", "tanh", "1 / M²"].iter().all(|words| svg.contains(words)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) square: bool,
    pub(super) areas: Vec<Area>,
    pub(super) bar: Option<ColorBar>,
    pub(super) series: Vec<Series>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    pub name: String,
    pub log: bool,
    pub range: Option<Range<f64>>,
    pub names: Vec<String>,
    pub percent: bool,
}

/// A filled polygon, below all series.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub corners: Vec<(f64, f64)>,
    pub fill: RGBColor,
    pub outlined: bool,
}

/// The meaning of the colours of a surface.
#[derive(Clone, Debug)]
pub(super) struct ColorBar {
    pub name: String,
    pub levels: Vec<f64>,
    pub range: Range<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Series {
    pub label: String,
    pub color: usize,
    pub mark: Mark,
    pub points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    Line,
    /// A line whose last value is shown in the legend.
    Curve,
    Dashed,
    Dots,
    /// Bars of this width.
    Bars(f64),
}

impl Chart {
    /// An empty chart.
    pub fn new(title: &str) -> Self {
        Chart { title: title.to_owned(), ..Chart::default() }
    }

    /// Labels the axes.
    #[must_use]
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        (self.x.name, self.y.name) = (x.to_owned(), y.to_owned());
        self
    }

    /// Makes the x axis logarithmic.
    #[must_use]
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// Makes the y axis logarithmic.
    #[must_use]
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// Sets the range of the x axis.
    #[must_use]
    pub fn x_range(mut self, range: Range<f64>) -> Self {
        self.x.range = Some(range);
        self
    }

    /// Sets the range of the y axis.
    #[must_use]
    pub fn y_range(mut self, range: Range<f64>) -> Self {
        self.y.range = Some(range);
        self
    }

    /// Writes names instead of 1, 2, 3, … along x.
    #[must_use]
    pub fn x_names<S: ToString>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.x.names = names.into_iter().map(|name| name.to_string()).collect();
        self
    }

    /// Writes y in percent, for example for an accuracy.
    #[must_use]
    pub fn percent(mut self) -> Self {
        self.y.percent = true;
        self
    }

    /// Uses the same scale for x and y.
    #[must_use]
    pub fn square(self) -> Self {
        Chart { square: true, ..self }
    }

    /// Adds a line through values at 1, 2, 3, …, for example of epochs. The legend shows the last value.
    #[must_use]
    pub fn curve(self, label: &str, values: &[f64]) -> Self {
        self.series(label, Mark::Curve, (1..).map(f64::from).zip(values.iter().copied()))
    }

    /// Adds a line through points.
    #[must_use]
    pub fn line(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.series(label, Mark::Line, points)
    }

    /// Adds a dashed line through points.
    #[must_use]
    pub fn dashed(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.series(label, Mark::Dashed, points)
    }

    /// Adds a dot at every point.
    #[must_use]
    pub fn dots(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.series(label, Mark::Dots, points)
    }

    /// Adds bars of the given heights at 1, 2, 3, …; [`x_names`](Chart::x_names) names them.
    #[must_use]
    pub fn bars(self, label: &str, heights: &[f64]) -> Self {
        self.series(label, Mark::Bars(0.7), (1..).map(f64::from).zip(heights.iter().copied()))
    }

    /// Adds a histogram of the values with `bins` equal bins over their range.
    ///
    /// ```
    /// let svg = nn::plot::Chart::new("Weights").histogram("layer 1", &[0.1, 0.2, 0.9, f64::NAN], 2).to_svg();
    /// assert_eq!(svg.matches("<rect").count(), 1 + 2 + 1); // paper, bars, legend
    /// ```
    #[must_use]
    pub fn histogram(self, label: &str, values: &[f64], bins: usize) -> Self {
        let values = || values.iter().copied().filter(|x| Scale::drawable(*x, false));
        let (least, largest) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let Range { start, end } = Scale::over(least, largest, false, 0.0).range;
        let width = (end - start) / bins.max(1) as f64;
        let mut counts = vec![0.0; bins.max(1)];
        values().for_each(|x| counts[(((x - start) / width) as usize).min(bins.max(1) - 1)] += 1.0);
        let middles = (0..).map(|k| start + (f64::from(k) + 0.5) * width);
        self.series(label, Mark::Bars(0.96 * width), middles.zip(counts))
    }

    /// Gives the last series the colour with this index, for example that of a class.
    #[must_use]
    pub fn color(mut self, k: usize) -> Self {
        self.series.iter_mut().last().into_iter().for_each(|series| series.color = k);
        self
    }

    /// Adds a filled polygon whose colour is a shade from 0 to 1.
    #[must_use]
    pub fn polygon(mut self, corners: impl IntoIterator<Item = (f64, f64)>, shade: f64) -> Self {
        let fill = style::mix(style::shade(shade), RGBColor(255, 255, 255), 0.35);
        self.areas.push(Area { corners: corners.into_iter().collect(), fill, outlined: true });
        self
    }

    /// Adds a filled polygon in the pale tint of a class.
    #[must_use]
    pub fn class_polygon(mut self, corners: impl IntoIterator<Item = (f64, f64)>, class: usize) -> Self {
        self.areas.push(Area { corners: corners.into_iter().collect(), fill: tint(class), outlined: true });
        self
    }

    /// Adds a surface over a rectangle, in bands of one colour each, with a colour bar. `z` has a row for each x,
    /// from the start to the end of its range, and a column for each y.
    ///
    /// ```
    /// use autograd::Matrix;
    /// let at = |k: usize| k as f64 / 10.0 - 1.0;
    /// let z = Matrix::from_fn(21, 21, |i, j| at(i).powi(2) + 4.0 * at(j).powi(2));
    /// let svg = nn::plot::Chart::new("A bowl").surface("x² + 4 y²", -1.0..1.0, -1.0..1.0, &z).to_svg();
    /// assert!(svg.contains("x² + 4 y²") && svg.len() < 40_000);
    /// ```
    #[must_use]
    pub fn surface(mut self, label: &str, x: Range<f64>, y: Range<f64>, z: &Matrix<f64>) -> Self {
        let values = z.as_slice().iter().copied().filter(|z| Scale::drawable(*z, false));
        let (least, largest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), z| (a.min(z), b.max(z)));
        let scale = Scale::over(least, largest, false, 0.0);
        let levels = scale.ticks(12);
        // Each band covers everything above its level; the next is drawn over it.
        for (k, &level) in [-1e300].iter().chain(&levels).enumerate() {
            let fill = style::shade(k as f64 / levels.len() as f64);
            self.areas.push(Area { corners: above(z, level, &x, &y), fill, outlined: false });
        }
        self.bar = Some(ColorBar { name: label.to_owned(), levels, range: scale.range });
        self
    }

    /// Adds the decision regions of a classifier in a rectangle, in pale tints of the colours of the
    /// classes. `scores` maps points, 2 × n, to a score for each class, classes × n, of which the largest wins; or to one
    /// score, 1 × n, where positive scores mean class 1. It is evaluated at `n` points along each side.
    ///
    /// ```
    /// use nn::plot::Chart;
    /// use nn::{Activation, Layer, Mlp, Tape};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let net: Mlp<f64> = Mlp::new(&[2, 8, 3], Activation::Relu, rng);
    /// Chart::new("Who gets what").regions(-1.0..1.0, -1.0..1.0, 40, |x| {
    ///     let tape = Tape::new();
    ///     net.forward(tape.constant(x)).value()
    /// });
    /// ```
    ///
    /// # Panics
    /// If the number of columns of scores is not the number of points.
    #[must_use]
    #[track_caller]
    pub fn regions<T: Real>(
        mut self,
        x: Range<f64>,
        y: Range<f64>,
        n: usize,
        scores: impl FnOnce(&Matrix<T>) -> Matrix<T>,
    ) -> Self {
        let scores = scores(&grid(&x, &y, n));
        let ((classes, cols), n) = (scores.shape(), n.max(2));
        assert!(cols == n * n && classes > 0, "regions: scores {classes} × {cols} for {} points", n * n);
        let of = |k: usize, p: usize| scores[(k, p)].to_f64();
        let margin = |k: usize, p: usize| match (classes, k) {
            (1, 0) => -of(0, p),
            (1, _) => of(0, p),
            _ => of(k, p) - (0..classes).filter(|&l| l != k).map(|l| of(l, p)).fold(f64::MIN, f64::max),
        };
        for k in 0..classes.max(2) {
            let margins = Matrix::from_fn(n, n, |i, j| margin(k, i + j * n));
            self.areas.push(Area { corners: above(&margins, 0.0, &x, &y), fill: tint(k), outlined: false });
        }
        self
    }

    /// The picture as text.
    pub fn to_svg(&self) -> String {
        Figure::new().with(self.clone()).to_svg()
    }

    /// Writes the picture atomically, and creates missing folders.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        Figure::new().with(self.clone()).save(path)
    }

    fn series(mut self, label: &str, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let color = self.series.iter().map(|series| series.color + 1).max().unwrap_or(0);
        self.series.push(Series { label: label.to_owned(), color, mark, points: points.into_iter().collect() });
        self
    }

    /// The axes that contain everything, or the given ranges.
    pub(super) fn scales(&self) -> (Scale, Scale) {
        let points = || {
            let areas = self.areas.iter().flat_map(|area| &area.corners);
            areas.chain(self.series.iter().flat_map(|series| &series.points)).copied()
        };
        // Include the width of a bar, and 0, where it starts.
        let bars = self.series.iter().filter_map(|series| match series.mark {
            Mark::Bars(width) => Some((width, &series.points)),
            _ => None,
        });
        let sides =
            bars.flat_map(|(width, points)| points.iter().flat_map(move |p| [p.0 - width / 2.0, p.0 + width / 2.0]));
        let sides: Vec<f64> = sides.collect();
        let foot = (!sides.is_empty() && !self.y.log).then_some(0.0);

        let curves = self.series.iter().all(|series| series.mark == Mark::Curve);
        let (margin_x, margin_y) = match () {
            _ if !self.areas.is_empty() => (0.0, 0.0),
            _ if curves => (0.0, 0.05),
            _ => (0.04, 0.05),
        };
        let x = self.x.scale(points().map(|p| p.0).chain(sides), margin_x);
        let mut y = self.y.scale(points().map(|p| p.1).chain(foot), margin_y);
        if foot.is_some() && self.y.range.is_none() && !points().any(|p| p.1 < 0.0) {
            y.range.start = 0.0;
        }
        (x, y)
    }
}

impl Axis {
    fn scale(&self, values: impl Iterator<Item = f64>, margin: f64) -> Scale {
        let values = values.filter(|x| Scale::drawable(*x, self.log));
        let all = || (f64::INFINITY, f64::NEG_INFINITY);
        let (least, largest) = values.fold(all(), |(a, b), x| (a.min(x), b.max(x)));
        let auto = Scale { names: self.names.clone(), ..Scale::over(least, largest, self.log, margin) };
        match &self.range {
            Some(range) if range.start < range.end && [range.start, range.end].iter().all(|x| auto.allows(*x)) => {
                Scale { range: range.clone(), ..auto }
            }
            _ => auto,
        }
    }

    pub fn text(&self, scale: &Scale, x: f64) -> String {
        if self.percent { format!("{:.1} %", 100.0 * x).replace(".0 %", " %") } else { scale.text(x) }
    }
}

fn tint(class: usize) -> RGBColor {
    style::mix(RGBColor(255, 255, 255), style::series(class), 0.28)
}

/// The points of an n × n grid over a rectangle, 2 × n²: x runs fastest.
fn grid<T: Real>(x: &Range<f64>, y: &Range<f64>, n: usize) -> Matrix<T> {
    let n = n.max(2);
    let along = |range: &Range<f64>, k: usize| range.start + (range.end - range.start) * k as f64 / (n - 1) as f64;
    Matrix::from_fn(2, n * n, |i, p| T::from_f64(if i == 0 { along(x, p % n) } else { along(y, p / n) }))
}

/// The part of a rectangle where a surface is at least as high as a level, as one polygon.
fn above(z: &Matrix<f64>, level: f64, x: &Range<f64>, y: &Range<f64>) -> Vec<(f64, f64)> {
    let (m, n) = z.shape();
    let along =
        |range: &Range<f64>, at: f64, n: usize| range.start + (range.end - range.start) * at / (n.max(2) - 1) as f64;
    polygon(&loops(z, level)).into_iter().map(|(i, j)| (along(x, i, m), along(y, j, n))).collect()
}
