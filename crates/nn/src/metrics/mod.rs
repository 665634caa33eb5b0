//! How good are predicted classes?

use std::fmt;

use autograd::Matrix;

/// The row of the largest entry of every column: the class with the largest score, for every sample.
///
/// The first of equal entries wins. NaN is below every number, so it wins (and the answer is 0) only in a column
/// that has nothing else.
///
/// ```
/// use autograd::Matrix;
/// let scores = Matrix::from([[0.1, 3.0, 2.0], [0.7, 1.0, 2.0], [0.2, f64::NAN, 1.0]]);
/// assert_eq!(nn::metrics::argmax_cols(&scores), [1, 0, 0]);
/// ```
///
/// # Panics
/// If the matrix has columns but no rows.
#[track_caller]
pub fn argmax_cols<T: Copy + PartialOrd>(scores: &Matrix<T>) -> Vec<usize> {
    let (rows, cols) = scores.shape();
    assert!(rows > 0 || cols == 0, "argmax_cols: the columns of a 0 × {cols} matrix have no largest entry");
    let argmax = |column: &[T]| {
        let numbers = (0..rows).filter(|&i| column[i].partial_cmp(&column[i]).is_some());
        numbers.reduce(|best, i| if column[i] > column[best] { i } else { best }).unwrap_or(0)
    };
    (0..cols).map(|j| argmax(scores.col(j))).collect()
}

/// The share of samples that are predicted correctly; NaN if there are none.
///
/// ```
/// assert_eq!(nn::metrics::accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2]), 0.75);
/// ```
///
/// # Panics
/// If there are not as many predictions as samples.
#[track_caller]
pub fn accuracy(predicted: &[usize], actual: &[usize]) -> f64 {
    assert_eq!(predicted.len(), actual.len(), "accuracy: {} predictions, {} samples", predicted.len(), actual.len());
    let correct = predicted.iter().zip(actual).filter(|(p, a)| p == a).count();
    correct as f64 / actual.len() as f64
}

/// How often class i (row) was predicted to be class j (column).
///
/// ```
/// use nn::metrics::Confusion;
/// let confusion = Confusion::new(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 1], 2).with_names(&["elm", "oak"]);
/// assert_eq!(confusion.count(1, 0), 1);
/// assert_eq!(confusion.recall(1), 0.75);
/// let table = [
///     r"actual \ predicted  elm  oak   recall",
///     r"elm                   1    0  100.0 %",
///     r"oak                   1    3   75.0 %",
///     r"accuracy                       80.0 %",
/// ];
/// assert_eq!(confusion.to_string(), table.join("\n"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    counts: Matrix<usize>,
    names: Vec<String>,
}

impl Confusion {
    /// Counts the pairs of a prediction and a sample, over classes `0..classes`.
    ///
    /// # Panics
    /// If there are not as many predictions as samples, or one is not below `classes`.
    #[track_caller]
    pub fn new(predicted: &[usize], actual: &[usize], classes: usize) -> Self {
        let (n, samples) = (predicted.len(), actual.len());
        assert_eq!(n, samples, "Confusion: {n} predictions, {samples} samples");
        let mut counts = Matrix::zeros(classes, classes);
        for (&predicted, &actual) in predicted.iter().zip(actual) {
            let largest = predicted.max(actual);
            assert!(largest < classes, "Confusion: class {largest} is not one of {classes}");
            counts[(actual, predicted)] += 1;
        }
        Confusion { counts, names: (0..classes).map(|k| k.to_string()).collect() }
    }

    /// The same counts, with names to print in place of the indices of the classes.
    ///
    /// # Panics
    /// If there is not a name for every class.
    #[track_caller]
    pub fn with_names<S: AsRef<str>>(self, names: &[S]) -> Self {
        let (n, classes) = (names.len(), self.classes());
        assert_eq!(n, classes, "Confusion: {n} names for {classes} classes");
        Confusion { names: names.iter().map(|name| name.as_ref().to_owned()).collect(), ..self }
    }

    /// The number of classes, K.
    pub fn classes(&self) -> usize {
        self.counts.rows()
    }

    /// The counts, K × K: rows are actual classes, columns predicted ones.
    pub fn counts(&self) -> &Matrix<usize> {
        &self.counts
    }

    /// The number of samples of class `actual` that were predicted to be of class `predicted`.
    ///
    /// # Panics
    /// If one is not below the number of classes.
    #[track_caller]
    pub fn count(&self, actual: usize, predicted: usize) -> usize {
        self.counts[(actual, predicted)]
    }

    /// The share of all samples that are predicted correctly; NaN if there are none.
    pub fn accuracy(&self) -> f64 {
        let correct: usize = (0..self.classes()).map(|k| self.counts[(k, k)]).sum();
        correct as f64 / self.counts.as_slice().iter().sum::<usize>() as f64
    }

    /// The share of the samples of `class` that are predicted correctly; NaN if it has none.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        let samples: usize = (0..self.classes()).map(|predicted| self.counts[(class, predicted)]).sum();
        self.counts[(class, class)] as f64 / samples as f64
    }

    /// The share of the predictions of `class` that are correct; NaN if it is never predicted.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        self.counts[(class, class)] as f64 / self.counts.col(class).iter().sum::<usize>() as f64
    }
}

/// The table of counts with the recall of every class, and the accuracy in the corner.
impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let corner = r"actual \ predicted";
        let length = |text: &String| text.chars().count();
        let counts = self.counts.map(|count| count.to_string().len());
        let first = self.names.iter().map(length).fold(corner.len(), usize::max);
        let widths: Vec<usize> = (0..self.classes())
            .map(|j| counts.col(j).iter().copied().fold(length(&self.names[j]), usize::max))
            .collect();

        write!(f, "{corner:first$}")?;
        for (name, w) in self.names.iter().zip(&widths) {
            write!(f, "  {name:>w$}")?;
        }
        writeln!(f, "   recall")?;
        for (i, name) in self.names.iter().enumerate() {
            write!(f, "{name:first$}")?;
            for (j, w) in widths.iter().enumerate() {
                write!(f, "  {:>w$}", self.counts[(i, j)])?;
            }
            writeln!(f, "  {}", percent(self.recall(i)))?;
        }
        let last = first + widths.iter().map(|w| 2 + w).sum::<usize>();
        write!(f, "{:last$}  {}", "accuracy", percent(self.accuracy()))
    }
}

/// Seven characters.
fn percent(share: f64) -> String {
    if share.is_nan() { format!("{:>7}", "–") } else { format!("{:5.1} %", 100.0 * share) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Predictions and classes of some samples, below `K`.
    fn pairs<const K: usize>() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        prop::collection::vec((0..K, 0..K), 1..50).prop_map(|pairs| pairs.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_counting((predicted, actual) in pairs::<4>()) {
            let confusion = Confusion::new(&predicted, &actual, 4);
            let pairs: Vec<_> = predicted.iter().copied().zip(actual.iter().copied()).collect();
            let count = |f: &dyn Fn(usize, usize) -> bool| pairs.iter().filter(|&&(p, a)| f(p, a)).count();
            prop_assert_eq!(confusion.accuracy(), accuracy(&predicted, &actual));
            for i in 0..4 {
                for j in 0..4 {
                    prop_assert_eq!(confusion.count(i, j), count(&|p, a| (a, p) == (i, j)));
                }
                let (hits, samples) = (count(&|p, a| (a, p) == (i, i)), count(&|_, a| a == i));
                let (recall, expected) = (confusion.recall(i), hits as f64 / samples as f64);
                prop_assert!(recall == expected || recall.is_nan() && samples == 0);
                let transposed = Confusion::new(&actual, &predicted, 4);
                prop_assert_eq!(confusion.precision(i).to_bits() << 1, transposed.recall(i).to_bits() << 1);
            }
        }

        #[test]
        fn every_line_of_the_table_is_as_wide((predicted, actual) in pairs::<3>(), repeat in 1usize..1000) {
            let (predicted, actual) = (predicted.repeat(repeat), actual.repeat(repeat));
            let table = Confusion::new(&predicted, &actual, 3).with_names(&["ä", "a rather long name of a class", ""]);
            let widths: Vec<_> = table.to_string().lines().map(|line| line.chars().count()).collect();
            prop_assert!(widths.len() == 5 && widths.iter().all(|w| *w == widths[0]), "\n{table}");
        }

        #[test]
        fn argmax_is_the_first_largest(column in prop::collection::vec((0u8..4).prop_map(f32::from), 1..8)) {
            let k = argmax_cols(&Matrix::column(&column))[0];
            prop_assert!(column[..k].iter().all(|&x| x < column[k]) && column.iter().all(|&x| x <= column[k]));
        }
    }

    #[test]
    fn argmax_of_odd_columns() {
        let nan = f64::NAN;
        let scores = Matrix::from([[nan, nan, -1.0, f64::NEG_INFINITY], [nan, -2.0, nan, f64::NEG_INFINITY]]);
        assert_eq!(argmax_cols(&scores), [0, 1, 0, 0]);
        assert_eq!(argmax_cols(&Matrix::<f64>::zeros(0, 0)), [0; 0]);
    }

    #[test]
    fn shares_of_nothing_are_nan() {
        assert!(accuracy(&[], &[]).is_nan());
        let confusion = Confusion::new(&[0], &[0], 2);
        assert!(confusion.recall(1).is_nan() && confusion.precision(1).is_nan());
        assert!(confusion.to_string().contains("0  0        –"), "{confusion}");
    }

    #[test]
    #[should_panic(expected = "class 2 is not one of 2")]
    fn classes_are_checked() {
        Confusion::new(&[0, 2], &[0, 1], 2);
    }
}
