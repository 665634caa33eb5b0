//! Random graphs with a wrong rule, and the checker's verdict on them.

use autograd::check::{Check, Report, Verdict};
use autograd::strategies::{Graph, GraphStep};
use autograd::{Axis, Matrix, Var, several};

type V<'t> = Var<'t, f64>;

/// A wrong rule: the right value with the derivative of another function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    Sign,
    FactorTwo,
    DroppedUse,
    ZeroedEntry,
    Axis,
    MissingTranspose,
}

pub(crate) const WRONG: [(Wrong, &str); 6] = [
    (Wrong::Sign, "sign"),
    (Wrong::FactorTwo, "factor 2"),
    (Wrong::DroppedUse, "dropped second use"),
    (Wrong::ZeroedEntry, "zeroed entry"),
    (Wrong::Axis, "wrong axis"),
    (Wrong::MissingTranspose, "missing transpose"),
];

/// The value of y with the derivative of `slope`.
fn graft<'t>(y: V<'t>, slope: V<'t>) -> V<'t> {
    slope + (y - slope).stop_gradient()
}

impl Wrong {
    /// y with a wrong derivative, if the class applies.
    fn of<'t>(self, y: V<'t>, operands: &[V<'t>]) -> Option<V<'t>> {
        let ((m, n), x) = (y.shape(), operands[0]);
        match self {
            Wrong::Sign => Some(graft(y, -y)),
            Wrong::FactorTwo => Some(graft(y, y * 2.0)),
            // y + (x ⊙ x − x ⊙ x) / 4, where the first product has lost one of its two uses of x.
            Wrong::DroppedUse => (x.shape() == (m, n)).then(|| {
                let lost = x * x.stop_gradient() * 0.25;
                y + lost - x * x * 0.25
            }),
            Wrong::ZeroedEntry => {
                let (i, j) = (m / 2, n / 3);
                Some(graft(y, y.where_entry(|p, q| (p, q) != (i, j))))
            }
            // A sum over the other axis distributes δ along the wrong axis.
            Wrong::Axis => (m == n && n > 1).then(|| {
                let right = y.sum_over(Axis::Rows).repeat(m, n);
                y + graft(right * 0.5, y.sum_over(Axis::Cols).repeat(m, n) * 0.5) - right * 0.5
            }),
            Wrong::MissingTranspose => (m == n && n > 1).then(|| graft(y, y.t())),
        }
    }
}

/// Random numbers from a seed (SplitMix64: Steele, Lea, Flood, 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A graph with square inputs of about `size` entries, and 2 to 9 steps.
    fn graph(&mut self, size: usize) -> Graph {
        let n = (size as f64).sqrt().round() as usize;
        let mut matrix = |rows, cols| {
            Matrix::from_fn(rows, cols, |_, _| {
                let x = 0.25 + 1.75 * (self.next() >> 11) as f64 / (1u64 << 53) as f64;
                if self.next().is_multiple_of(2) { x } else { -x }
            })
        };
        let inputs = vec![matrix(n, n), matrix(n, 1), matrix(n, n)];
        let steps: Vec<GraphStep> =
            (0..2 + self.next() % 8).map(|_| GraphStep((self.next() as u32).to_le_bytes())).collect();
        Graph::new(inputs, &steps)
    }
}

/// Records a graph with a wrong rule at one node; returns whether the class applies there.
fn record<'t>(graph: &Graph, x: &[V<'t>], wrong: Option<(Wrong, usize)>) -> (V<'t>, bool) {
    let mut applied = false;
    let y = graph.record_with(x, |k, y, operands| match wrong {
        Some((wrong, at)) if at == k => wrong.of(y, operands).inspect(|_| applied = true).unwrap_or(y),
        _ => y,
    });
    (y, applied)
}

/// Whether a wrong rule changes an entry of the gradient of a weighted sum by at least 1 % of
/// that entry, and the entry is not negligible beside the largest.
fn matters(graph: &Graph, wrong: (Wrong, usize)) -> bool {
    let gradient =
        |wrong| several::gradient(|x| weighted(record(graph, x, wrong).0) + x[0].sum() * 0.0, graph.inputs());
    let [wrong, right] = [Some(wrong), None].map(gradient);
    let entries = || wrong.iter().zip(&right).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
    let largest = entries().fold(0.0, |max: f64, (_, b)| max.max(b.abs()));
    largest.is_finite() && entries().any(|(a, b)| (a - b).abs() > 0.01 * b.abs().max(1e-8 * largest))
}

/// Σ of the entries, each with a different weight.
fn weighted(y: V<'_>) -> V<'_> {
    let (m, n) = y.shape();
    let w = Matrix::from_fn(m, n, |i, j| 0.5 + ((i * 31 + j * 17) as f64 * 0.618_034).fract());
    (y * y.tape().constant(w)).sum()
}

fn check(size: usize) -> Check {
    // A large matrix is checked along two directions and only to first order. A single wrong entry in 10⁵ is visible along each of them.
    if size > 1000 { Check::new().order(1).directions(2) } else { Check::new() }
}

/// The number of graphs with a wrong rule that fail, and the number tried.
pub(crate) fn caught(wrong: Wrong, size: usize, count: usize) -> (usize, usize) {
    let (mut draw, mut caught, mut tried) = (Draw(wrong as u64 * 1_000_003 + size as u64), 0, 0);
    for _ in 0..50 * count {
        if tried == count {
            break;
        }
        let graph = draw.graph(size);
        if graph.is_empty() {
            continue;
        }
        let wrong = (wrong, draw.next() as usize % graph.len());
        let tape = autograd::Tape::new();
        let vars: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
        if !record(&graph, &vars, Some(wrong)).1 || !matters(&graph, wrong) {
            continue;
        }
        tried += 1;
        let report: Report = check(size).seed(draw.next()).run(|x| record(&graph, x, Some(wrong)).0, graph.inputs());
        caught += usize::from(report.verdict == Verdict::Fail);
        if report.verdict != Verdict::Fail && std::env::var_os("SHOW").is_some() {
            eprintln!("{wrong:?} at size {size}\n{report}\n{graph}");
        }
    }
    (caught, tried)
}

/// The number of right graphs that fail, and the number that are undecided.
pub(crate) fn blamed(size: usize, count: usize) -> (usize, usize, usize) {
    let (mut draw, mut blamed, mut undecided, mut tried) = (Draw(size as u64), 0, 0, 0);
    for _ in 0..count {
        let graph = draw.graph(size);
        if graph.is_empty() {
            continue;
        }
        tried += 1;
        let report = check(size).seed(draw.next()).run(|x| graph.record(x), graph.inputs());
        blamed += usize::from(report.verdict == Verdict::Fail);
        undecided += usize::from(report.verdict == Verdict::Inconclusive);
        if report.verdict == Verdict::Fail {
            eprintln!("a right graph is blamed\n{report}\n{graph}");
        }
    }
    (blamed, undecided, tried)
}
