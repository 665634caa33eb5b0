//! Gradients of a function of a few numbers that may be differentiated again.

use std::array::from_fn;

use autograd::{Dual, Number, Scalar, ScalarTape, Var, grad};

/// In forward mode: x as dual numbers along each axis.
pub fn directions<N: Number, const D: usize>(x: [N; D]) -> [[Dual<N>; D]; D] {
    from_fn(|k| from_fn(|i| if i == k { Dual::variable(x[i]) } else { Dual::constant(x[i]) }))
}

/// In forward mode, of whatever numbers an outer derivative needs.
pub fn forward<N: Number, const D: usize>(f: impl Fn([Dual<N>; D]) -> Dual<N>, x: [N; D]) -> [N; D] {
    directions(x).map(|x| f(x).tangent)
}

/// In reverse mode, of plain numbers.
pub fn reverse<const D: usize>(f: impl for<'t> Fn([Scalar<'t, f64>; D]) -> Scalar<'t, f64>, x: [f64; D]) -> [f64; D] {
    let tape = ScalarTape::new();
    let x = x.map(|x| tape.variable(x));
    let grads = f(x).backward();
    x.map(|x| grads.wrt(x))
}

/// In reverse mode, and recorded. It is the gradient of f(x + h) with respect to h at 0, because x may be constant, and a derivative with
/// respect to a constant is 0.
pub fn recorded<'t, const D: usize>(
    f: impl Fn([Var<'t, f64>; D]) -> Var<'t, f64>,
    x: [Var<'t, f64>; D],
) -> [Var<'t, f64>; D] {
    let h = x.map(|x| x.tape().variable(0.0));
    grad(f(from_fn(|i| x[i] + h[i])), &h).try_into().expect("as many as numbers")
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;

    /// x² y at (3, 5) by all three, where x is a constant to the outer derivative.
    #[test]
    fn gradients() {
        fn f<N: Number>([x, y]: [N; 2]) -> N {
            x.square() * y
        }
        assert_eq!(forward(f, [3.0, 5.0]), [30.0, 9.0]);
        assert_eq!(reverse(|x| f(x), [3.0, 5.0]), [30.0, 9.0]);
        let tape = Tape::new();
        let (x, y) = (tape.constant(3.0), tape.variable(5.0));
        let gradient = recorded(f, [x, y]);
        assert_eq!(gradient.map(|g| g.item()), [30.0, 9.0]);
        assert_eq!(gradient[0].backward().wrt(y)[(0, 0)], 6.0);
    }
}
