//! The second pass: the accepted steps again, in the numbers whose derivatives are wanted.

use std::ops::Range;

use autograd::Number;

use super::event::Occurrence;
use super::field::{Field, Weight};
use super::path::{Path, Place};
use super::settings::Method;
use super::step::Step;

/// The asked times, and the numbers that they are if they have derivatives.
pub struct Times<'a, N> {
    pub plain: &'a [f64],
    pub numbers: Option<&'a [N]>,
}

/// What some of the steps give.
pub struct Piece<F: Field> {
    /// y at the asked times within.
    pub asked: Vec<F::State>,
    pub hits: Vec<Occurrence<F::Number, F::State>>,
    pub end: F::State,
}

/// The number of corrections of an event's time. Each makes one more order of its derivatives right.
const CORRECTIONS: usize = 4;

/// Some of the steps of a path, from y on.
pub fn replay<F: Field>(
    field: &F,
    method: &Method,
    path: &Path,
    steps: Range<usize>,
    y: F::State,
    times: &Times<'_, F::Number>,
) -> Piece<F> {
    let (mut asked, mut hits, mut slope) = (Vec::new(), Vec::new(), None);
    if steps.start == 0 {
        asked.push(y.clone());
    }
    let mut y = y;
    for s in steps {
        let [from, to] = [path.places[s], path.places[s + 1]].map(|place| number(field, times, place));
        let (h, t) = (minus(to, from), field.constant(0.0));
        let made = Step::new(method, field, from.after(t), h, &y, slope.take()).expect("it was found in plain numbers");
        let first = path.asked.partition_point(|asked| asked.0 < s).max(1);
        let inside = path.asked[first..].iter().take_while(|asked| asked.0 == s);
        let mut dense = None;
        for (k, &(_, theta)) in inside.enumerate() {
            let is_end = match times.numbers {
                None => theta == 1.0,
                Some(_) => path.places[s + 1].asked == Some((first + k, 0.0)),
            };
            if is_end {
                asked.push(made.end.clone());
                continue;
            }
            let theta = match times.numbers {
                None => Weight::Plain(theta),
                Some(numbers) => share(minus(Weight::Number(numbers[first + k]), from), h),
            };
            asked.push(dense.get_or_insert_with(|| made.dense(field)).at(field, theta));
        }
        for hit in path.hits.iter().filter(|hit| hit.step == s) {
            let dense = dense.get_or_insert_with(|| made.dense(field));
            let at = |t| dense.at(field, share(minus(Weight::Number(t), from), h));
            let mut t = field.constant(hit.t);
            for _ in 0..CORRECTIONS {
                t -= field.events(t, &at(t))[hit.event].value * (1.0 / hit.slope);
            }
            hits.push(Occurrence { event: hit.event, t, y: at(t) });
        }
        slope = made.last_slope();
        y = made.end;
    }
    Piece { asked, hits, end: y }
}

/// The time of a place.
fn number<F: Field>(field: &F, times: &Times<'_, F::Number>, place: Place) -> Weight<F::Number> {
    match (times.numbers, place.asked) {
        (Some(numbers), Some((i, 0.0))) => Weight::Number(numbers[i]),
        (Some(numbers), Some((i, c))) => Weight::Number(numbers[i] + (numbers[i + 1] - numbers[i]) * c),
        (Some(_), None) => Weight::Number(field.constant(place.t)),
        (None, _) => Weight::Plain(place.t),
    }
}

fn minus<N: Number>(a: Weight<N>, b: Weight<N>) -> Weight<N> {
    match (a, b) {
        (Weight::Plain(a), Weight::Plain(b)) => Weight::Plain(a - b),
        (Weight::Number(a), Weight::Plain(b)) => Weight::Number(a - b),
        (Weight::Plain(a), Weight::Number(b)) => Weight::Number(-b + a),
        (Weight::Number(a), Weight::Number(b)) => Weight::Number(a - b),
    }
}

fn share<N: Number>(a: Weight<N>, b: Weight<N>) -> Weight<N> {
    match (a, b) {
        (Weight::Plain(a), Weight::Plain(b)) => Weight::Plain(a / b),
        (Weight::Number(a), Weight::Plain(b)) => Weight::Number(a / b),
        (Weight::Plain(a), Weight::Number(b)) => Weight::Number((b.zero() + a) / b),
        (Weight::Number(a), Weight::Number(b)) => Weight::Number(a / b),
    }
}
