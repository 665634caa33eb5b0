//! Random graphs: the checker catches wrong rules, and blames no right graph.

use autograd::check::{Check, Function, Verdict};
use autograd::{Axis, Matrix, Real, Var};

#[path = "../../examples/common/mutations.rs"]
mod mutations;

/// A function of scores of which a mask, added or selected, excludes some.
struct Masked {
    mask: Matrix<f64>,
    function: usize,
}

impl Function for Masked {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let constant = |m: Matrix<T>| x[0].tape().constant(m);
        let masked = x[0] + constant(self.mask.map(|m| T::from_f64(m)));
        match self.function {
            0 => masked.softmax(Axis::Rows),
            1 => masked.log_sum_exp(Axis::Rows),
            2 => masked.exp(),
            3 => masked.sigmoid() + masked.silu() + masked.gelu() + masked.hard_swish() + masked.softplus(),
            4 => masked
                .softmax_cross_entropy(constant(Matrix::from([[0.0, 0.3], [1.0, 0.0], [0.0, 0.7]]).map(T::from_f64))),
            5 => masked.log_softmax(Axis::Rows).rows_in(0..1),
            _ => {
                let chosen = constant(self.mask.map(|m| T::from_f64(f64::from(u8::from(m == 0.0)))));
                let other = constant(self.mask.map(|m| T::from_f64(m)));
                chosen.select(x[0], other).softmax(Axis::Rows)
            }
        }
    }
}

/// The checker decides, although a mask makes some entries infinite or very small.
#[test]
fn masked_entries_are_decided() {
    for mask in [f64::NEG_INFINITY, -1e30, -1e9, -1e4] {
        for function in 0..7 {
            let masked = Masked { mask: Matrix::from([[0.0, 0.0], [0.0, mask], [mask, 0.0]]), function };
            let x = Matrix::from([[0.3f32, -0.4], [-0.7, 0.2], [1.1, 0.9]]);
            let reports =
                [Check::new().run(|x| masked.call(x), &[x.map(f64::from)]), Check::new().run_f32(&masked, &[x])];
            for report in reports {
                assert!(report.verdict == Verdict::Pass, "function {function}, mask {mask}: {report}");
            }
        }
    }
}

/// At each size separately: at least 99 % of the wrong rules, and none of the right ones.
#[test]
fn wrong_rules_are_caught_at_every_size() {
    for (size, each) in [(1, 20), (10, 20), (1_000, 2)] {
        let found = mutations::WRONG.map(|(wrong, _)| mutations::caught(wrong, size, each));
        let (caught, tried) = found.iter().fold((0, 0), |sum, found| (sum.0 + found.0, sum.1 + found.1));
        assert!(100 * (tried - caught) <= tried, "{caught} of {tried} are caught at size {size}");
        let (blamed, _, right) = mutations::blamed(size, each);
        assert!(blamed == 0, "{blamed} of {right} right graphs are blamed at size {size}");
    }
}
