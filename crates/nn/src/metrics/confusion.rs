//! The confusion matrix, and the metrics computed from it.

use std::fmt;

use autograd::Matrix;

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

/// How the values of several classes are averaged.
///
/// A class without samples that is never predicted is left out. For other classes an undefined precision or recall,
/// 0 / 0, counts as 0. Both are as in scikit-learn. The mean of no classes is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes, with equal weights.
    Macro,
    /// From the hits, samples and predictions of all classes together.
    Micro,
    /// The mean over the classes, weighted by their numbers of samples.
    Weighted,
}

/// The counts of a class.
#[derive(Clone, Copy, Default)]
struct Hits {
    /// Samples of the class that were predicted correctly.
    hits: usize,
    samples: usize,
    predictions: usize,
}

impl Hits {
    fn plus(self, other: Hits) -> Hits {
        Hits {
            hits: self.hits + other.hits,
            samples: self.samples + other.samples,
            predictions: self.predictions + other.predictions,
        }
    }
}

#[derive(Clone, Copy)]
enum Share {
    Precision,
    Recall,
    F1,
}

impl Share {
    fn of(self, Hits { hits, samples, predictions }: Hits) -> f64 {
        let (part, all) = match self {
            Share::Precision => (hits, predictions),
            Share::Recall => (hits, samples),
            Share::F1 => (2 * hits, samples + predictions),
        };
        part as f64 / all as f64
    }
}

impl Confusion {
    /// Counts the pairs of a prediction and a sample, over classes `0..classes`.
    ///
    /// # Panics
    /// If the numbers of predictions and samples differ, or one is not below `classes`.
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

    /// The same counts, with class names to print instead of indices.
    ///
    /// # Panics
    /// If the numbers of names and classes differ.
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
    /// If either is not below the number of classes.
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
        Share::Recall.of(self.hits(class))
    }

    /// The share of the predictions of `class` that are correct; NaN if it is never predicted.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        Share::Precision.of(self.hits(class))
    }

    /// The harmonic mean of precision and recall of `class`, 2 hits / (samples + predictions); NaN if it has no sample
    /// and is never predicted.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn f1(&self, class: usize) -> f64 {
        Share::F1.of(self.hits(class))
    }

    /// The average of the recalls of the classes. Micro or weighted, it is the accuracy.
    pub fn mean_recall(&self, average: Average) -> f64 {
        self.mean(Share::Recall, average)
    }

    /// The average of the precisions of the classes. Micro, it is the accuracy.
    pub fn mean_precision(&self, average: Average) -> f64 {
        self.mean(Share::Precision, average)
    }

    /// The average of the F1 of the classes. Micro, it is the accuracy.
    ///
    /// ```
    /// use nn::metrics::{Average, Confusion};
    /// let confusion = Confusion::new(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 1], 2);
    /// let [f0, f1] = [confusion.f1(0), confusion.f1(1)];
    /// assert_eq!([f0, f1], [2.0 / 3.0, 6.0 / 7.0]);
    /// assert_eq!(confusion.mean_f1(Average::Macro), (f0 + f1) / 2.0);
    /// assert_eq!(confusion.mean_f1(Average::Weighted), (f0 + 4.0 * f1) / 5.0);
    /// assert_eq!(confusion.mean_f1(Average::Micro), confusion.accuracy());
    /// ```
    pub fn mean_f1(&self, average: Average) -> f64 {
        self.mean(Share::F1, average)
    }

    fn mean(&self, share: Share, average: Average) -> f64 {
        let classes = (0..self.classes()).map(|k| self.hits(k)).filter(|h| h.samples + h.predictions > 0);
        if average == Average::Micro {
            return share.of(classes.fold(Hits::default(), Hits::plus));
        }
        let (mut total, mut weights) = (0.0, 0.0);
        for hits in classes {
            let weight = if average == Average::Weighted { hits.samples as f64 } else { 1.0 };
            let share = share.of(hits);
            total += weight * if share.is_nan() { 0.0 } else { share };
            weights += weight;
        }
        total / weights
    }

    #[track_caller]
    fn hits(&self, class: usize) -> Hits {
        Hits {
            hits: self.counts[(class, class)],
            samples: (0..self.classes()).map(|predicted| self.counts[(class, predicted)]).sum(),
            predictions: self.counts.col(class).iter().sum(),
        }
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
    use crate::metrics::accuracy;
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
