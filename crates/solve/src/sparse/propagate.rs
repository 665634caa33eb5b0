//! On which entries of its inputs each entry of a recorded value depends.

use autograd::{Axis, AxisFunction, Binary, Matrix, Op, Order, Trans, Unary, Var};

use super::matrix::Pattern;
use super::sets::{Set, Unions};

/// The pattern of ∂y / ∂x, where the entries of y and of all x are counted column by column. It holds for all inputs with which
/// the closure records the same computation.
///
/// Every recorded value gets the set of inputs on which each of its entries depends (Griewank & Walther, *Evaluating Derivatives*, 2008,
/// section 7.1). It is exact for elementwise functions, slices, pads, gathers, scatters, reshapes, transposes, sums, running sums,
/// maxima, and products with constants, whose zeros are seen. A function with a rule of its own depends on every entry of its operands.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use solve::{Pattern, sparsity};
/// let tape = Tape::new();
/// let x = tape.variable(Matrix::column(&[1.0, 2.0, 3.0]));
/// let differences = x.rows_in(1..3) - x.rows_in(0..2);
/// assert_eq!(sparsity(differences, &[x]), Pattern::new(2, 3, &[(0, 0), (0, 1), (1, 1), (1, 2)]));
/// ```
///
/// # Panics
/// If the inputs have more than 2³² − 1 entries.
pub fn sparsity<'t>(y: Var<'t, f64>, x: &[Var<'t, f64>]) -> Pattern {
    let lengths: Vec<usize> = x.iter().map(|x| length(*x)).collect();
    let n: usize = lengths.iter().sum();
    assert!(u32::try_from(n).is_ok(), "sparsity: {n} entries of inputs are too many");
    let nodes: Vec<Var<'t, f64>> = y.tape().nodes().take(y.index() + 1).collect();
    let (last, fixed) = (last_readers(&nodes, y), fixed(&nodes));
    let constant = |x: Var<'t, f64>| fixed[x.index()].then(|| x.recorded_value());
    let mut sets: Vec<Option<Vec<Set>>> = vec![None; nodes.len()];
    let mut first = 0;
    for (x, length) in x.iter().zip(lengths) {
        if x.index() < nodes.len() {
            sets[x.index()] = Some((first..first + length).map(|k| Set::One(k as u32)).collect());
        }
        first += length;
    }
    let mut unions = Unions::new(n);
    for (id, &node) in nodes.iter().enumerate() {
        if sets[id].is_some() || last[id].is_none() || !node.needs_gradient() {
            continue;
        }
        sets[id] = of_node(node, &sets, &constant, &mut unions);
        for operand in node.operands() {
            if last[operand.index()] == Some(id) {
                sets[operand.index()] = None;
            }
        }
    }
    let of_y = sets.swap_remove(y.index()).unwrap_or_else(|| vec![Set::Empty; length(y)]);
    Pattern::from_rows(n, of_y.iter().map(Set::as_slice))
}

fn length(x: Var<'_, f64>) -> usize {
    x.rows() * x.cols()
}

/// The last node that reads each node, among those that lead to y. It is y for y itself.
fn last_readers<'t>(nodes: &[Var<'t, f64>], y: Var<'t, f64>) -> Vec<Option<usize>> {
    let mut last = vec![None; nodes.len()];
    last[y.index()] = Some(usize::MAX);
    for (id, node) in nodes.iter().enumerate().rev().filter(|(_, node)| node.needs_gradient()) {
        if last[id].is_some() {
            node.operands().iter().for_each(|x| last[x.index()] = last[x.index()].max(Some(id)));
        }
    }
    last
}

/// Which nodes are computed from constants alone, so that they have the same value in every run. A node behind `stop_gradient` has no
/// derivative, either, but another value.
fn fixed(nodes: &[Var<'_, f64>]) -> Vec<bool> {
    let mut fixed = Vec::with_capacity(nodes.len());
    for node in nodes {
        fixed.push(!node.needs_gradient() && node.operands().iter().all(|x| fixed[x.index()]));
    }
    fixed
}

/// The value of a variable that has the same one in every run.
type Constant<'a, 't> = &'a dyn Fn(Var<'t, f64>) -> Option<Matrix<f64>>;

/// The sets of a node; none if it depends on no input.
fn of_node<'t>(
    node: Var<'t, f64>,
    sets: &[Option<Vec<Set>>],
    constant: Constant<'_, 't>,
    unions: &mut Unions,
) -> Option<Vec<Set>> {
    let operands = node.operands();
    if operands.iter().all(|x| sets[x.index()].is_none()) {
        return None;
    }
    let of = |x: Var<'t, f64>| sets[x.index()].as_deref();
    let mut parts = Parts { shape: node.shape(), of: Vec::new() };
    let mut made = Vec::new();
    for term in node.terms() {
        if let Op::Matmul(s, a, t, b) = term {
            made.push(product((s, a, of(a)), (t, b, of(b)), parts.shape, constant, unions));
        }
    }
    let mut made_of = made.iter();
    let terms = node.terms();
    for &term in &terms {
        match term {
            Op::Matmul(..) => made_of.next().into_iter().flatten().enumerate().for_each(|(k, set)| parts.add(k, set)),
            _ => parts.add_term(node, term, of, constant),
        }
    }
    let united;
    if terms.is_empty() {
        if node.is_formula() {
            operands.iter().for_each(|&x| parts.entrywise(x, of(x), |_| true));
        } else {
            united = unions.of(operands.iter().filter_map(|&x| of(x)).flatten());
            (0..length(node)).for_each(|k| parts.add(k, &united));
        }
    }
    Some(parts.unite(length(node), unions))
}

/// The sets that the terms of a node add to its entries.
struct Parts<'a> {
    shape: (usize, usize),
    of: Vec<(usize, &'a Set)>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, entry: usize, set: &'a Set) {
        if !matches!(set, Set::Empty) {
            self.of.push((entry, set));
        }
    }

    fn add_term<'t>(
        &mut self,
        node: Var<'t, f64>,
        term: Op<Var<'t, f64>>,
        of: impl Fn(Var<'t, f64>) -> Option<&'a [Set]>,
        constant: Constant<'_, 't>,
    ) {
        let (rows, cols) = self.shape;
        match term {
            // A product has its sets already; the others have the slope 0.
            Op::Number(_) | Op::Matmul(..) | Op::Add(0.0, _) => {}
            Op::Unary(Unary::Sign | Unary::Step | Unary::Powi(0), _) => {}
            Op::Unary(_, x) | Op::Reshape(x) => self.entrywise(x, of(x), |_| true),
            Op::Add(_, x) | Op::Divide(_, x) => self.repeated(x, of(x)),
            Op::Binary(f, a, b) => {
                let [reads_a, reads_b] = slopes(f, constant(a), constant(b));
                self.entrywise(a, of(a), reads_a);
                self.entrywise(b, of(b), reads_b);
            }
            Op::Transpose(x) => self.each(of(x), |k| Some((k % cols) * rows + k / cols)),
            Op::Slice(i, j, x) => {
                let ((i, j), m) = ((i as usize, j as usize), x.rows());
                let (of, height) = (of(x).unwrap_or_default(), rows);
                (0..if of.is_empty() { 0 } else { rows * cols })
                    .for_each(|k| self.add(k, &of[(j + k / height) * m + i + k % height]));
            }
            Op::Pad(i, j, x) => {
                let ((i, j), m) = ((i as usize, j as usize), x.rows());
                self.each(of(x), |k| Some((j + k / m) * rows + i + k % m));
            }
            Op::Gather(index, x) => {
                let Some(of) = of(x) else { return };
                node.tape().indices(index).into_iter().enumerate().for_each(|(k, from)| self.add(k, &of[from]));
            }
            Op::Scatter(index, x) => {
                let to = node.tape().indices(index);
                self.each(of(x), |k| Some(to[k]));
            }
            Op::AlongAxis(f, axis, x) => self.along(f, axis, x, of(x)),
            Op::CrossEntropy { x, t, p } => [x, t, p].into_iter().for_each(|x| self.columns(x, of(x))),
        }
    }

    /// Entry k of an operand goes to an entry.
    fn each(&mut self, of: Option<&'a [Set]>, to: impl Fn(usize) -> Option<usize>) {
        for (k, set) in of.into_iter().flatten().enumerate() {
            if let Some(entry) = to(k) {
                self.add(entry, set);
            }
        }
    }

    /// Entry by entry, where the slope is not 0 whatever the numbers are.
    fn entrywise(&mut self, x: Var<'_, f64>, of: Option<&'a [Set]>, has_slope: impl Fn(usize) -> bool) {
        debug_assert_eq!(length(x), self.shape.0 * self.shape.1);
        self.each(of, |k| has_slope(k).then_some(k));
    }

    /// Repeated along an axis where x has length 1, and summed along one where y has.
    fn repeated(&mut self, x: Var<'_, f64>, of: Option<&'a [Set]>) {
        let (Some(of), (m, n), (rows, cols)) = (of, x.shape(), self.shape) else { return };
        let at = |i: usize, length: usize| if length == 1 { 0 } else { i };
        for j in 0..n.max(cols) {
            for i in 0..m.max(rows) {
                self.add(at(j, cols) * rows + at(i, rows), &of[at(j, n) * m + at(i, m)]);
            }
        }
    }

    /// Every entry of a column depends on that column.
    fn columns(&mut self, x: Var<'_, f64>, of: Option<&'a [Set]>) {
        let (m, rows) = (x.rows(), self.shape.0);
        for (k, set) in of.into_iter().flatten().enumerate() {
            (0..rows).for_each(|i| self.add(k / m * rows + i, set));
        }
    }

    fn along(&mut self, f: AxisFunction, axis: Axis, x: Var<'_, f64>, of: Option<&'a [Set]>) {
        let Some(of) = of.filter(|_| !f.is_flat()) else { return };
        let ((m, n), (rows, cols)) = (x.shape(), self.shape);
        for (j, i) in (0..n).flat_map(|j| (0..m).map(move |i| (j, i))) {
            let set = &of[j * m + i];
            match (axis, f) {
                (Axis::Rows, AxisFunction::CumSum(order)) => {
                    (0..m).filter(|&to| passes(order, i, to)).for_each(|to| self.add(j * m + to, set));
                }
                (Axis::Cols, AxisFunction::CumSum(order)) => {
                    (0..n).filter(|&to| passes(order, j, to)).for_each(|to| self.add(to * m + i, set));
                }
                (Axis::Rows, _) => (0..rows).for_each(|to| self.add(j * rows + to, set)),
                (Axis::Cols, _) => (0..cols).for_each(|to| self.add(to * rows + i, set)),
            }
        }
    }

    /// The union for each entry.
    fn unite(mut self, entries: usize, unions: &mut Unions) -> Vec<Set> {
        self.of.sort_by_key(|(entry, _)| *entry);
        let mut rest = self.of.as_slice();
        let next = |entry: usize| {
            let (own, others) = rest.split_at(rest.partition_point(|(k, _)| *k <= entry).min(rest.len()));
            rest = others;
            match own {
                [] => Set::Empty,
                [(_, set)] => (*set).clone(),
                _ => unions.of(own.iter().map(|(_, set)| *set)),
            }
        };
        (0..entries).map(next).collect()
    }
}

/// Whether a running sum at `to` has the entry at `from`.
fn passes(order: Order, from: usize, to: usize) -> bool {
    if order == Order::Forward { from <= to } else { from >= to }
}

/// For each operand of a function, at which entries its slope may differ from 0. A constant operand may say that it does not.
fn slopes(f: Binary, a: Option<Matrix<f64>>, b: Option<Matrix<f64>>) -> [Box<dyn Fn(usize) -> bool>; 2] {
    fn everywhere(is_read: bool) -> Box<dyn Fn(usize) -> bool> {
        Box::new(move |_| is_read)
    }
    let where_zero = |is_zero: bool, x: Option<Matrix<f64>>| match x {
        Some(x) => Box::new(move |k: usize| (x.as_slice()[k] == 0.0) == is_zero) as Box<dyn Fn(usize) -> bool>,
        None => everywhere(true),
    };
    match f {
        Binary::Mul | Binary::Weigh | Binary::WeighBoth => [where_zero(false, b), where_zero(false, a)],
        Binary::Keep => [everywhere(false), where_zero(false, a)],
        Binary::Drop => [everywhere(false), where_zero(true, a)],
        Binary::Copysign => [everywhere(true), everywhere(false)],
        _ => [everywhere(true), everywhere(true)],
    }
}

/// A factor: how it is transposed, its variable, and its sets.
type Factor<'a, 't> = (Trans, Var<'t, f64>, Option<&'a [Set]>);

/// The sets of a product of matrices.
fn product<'t>(
    a: Factor<'_, 't>,
    b: Factor<'_, 't>,
    (m, n): (usize, usize),
    constant: Constant<'_, 't>,
    unions: &mut Unions,
) -> Vec<Set> {
    let turned_constant = |(trans, x, _): Factor<'_, 't>, by_rows: bool| {
        let constant = constant(x)?;
        let lines = turned(trans, constant.shape(), constant.as_slice(), by_rows);
        Some(lines.into_iter().map(|line| line.into_iter().copied().collect()).collect())
    };
    // The row of A and the column of B that an entry is the product of, and the constant in the other factor that may be 0.
    let of_a = a.2.map(|sets| (turned(a.0, a.1.shape(), sets, true), turned_constant(b, false)));
    let of_b = b.2.map(|sets| (turned(b.0, b.1.shape(), sets, false), turned_constant(a, true)));
    let rows = of_a.map(|(rows, constant)| Lines::new(rows, constant, n, unions));
    let columns = of_b.map(|(columns, constant)| Lines::new(columns, constant, m, unions));
    let mut all = Vec::with_capacity(m * n);
    for j in 0..n {
        for i in 0..m {
            let pair = [
                rows.as_ref().map_or(Set::Empty, |rows| rows.at(i, j, unions)),
                columns.as_ref().map_or(Set::Empty, |columns| columns.at(j, i, unions)),
            ];
            all.push(unions.of(pair.iter()));
        }
    }
    all
}

/// The lines of a factor that are multiplied with lines of the other one.
struct Lines<'a> {
    /// The sets of each line.
    lines: Vec<Vec<&'a Set>>,
    /// The unions of whole lines.
    whole: Vec<Set>,
    /// The places in a line that a line of the other factor does not multiply by 0; none if it multiplies all.
    used: Vec<Option<Vec<usize>>>,
}

impl<'a> Lines<'a> {
    fn new(lines: Vec<Vec<&'a Set>>, other: Option<Vec<Vec<f64>>>, others: usize, unions: &mut Unions) -> Self {
        let whole = lines.iter().map(|line| unions.of(line.iter().copied())).collect();
        let used = |line: &Vec<f64>| {
            let used: Vec<usize> = (0..line.len()).filter(|&k| line[k] != 0.0).collect();
            (used.len() < line.len()).then_some(used)
        };
        let used = other.map_or_else(|| vec![None; others], |other| other.iter().map(used).collect());
        Lines { lines, whole, used }
    }

    fn at(&self, line: usize, other: usize, unions: &mut Unions) -> Set {
        match &self.used[other] {
            None => self.whole[line].clone(),
            Some(used) => unions.of(used.iter().map(|&k| self.lines[line][k])),
        }
    }
}

/// The rows or columns of a factor that may be transposed.
fn turned<T>(trans: Trans, (m, n): (usize, usize), entries: &[T], by_rows: bool) -> Vec<Vec<&T>> {
    if by_rows == (trans == Trans::No) {
        (0..m).map(|i| (0..n).map(|j| &entries[j * m + i]).collect()).collect()
    } else {
        (0..n).map(|j| (0..m).map(|i| &entries[j * m + i]).collect()).collect()
    }
}
