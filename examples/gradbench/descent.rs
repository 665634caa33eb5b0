//! Gradient descent with a step that grows after ten steps downhill and is halved after one uphill, of any numbers. So a function may
//! contain a descent and be differentiated through it. Source: B. Pearlmutter, J. Siskind, *Using programming language theory to make
//! automatic differentiation sound and efficient*, AD 2008, whose programs `saddle` and `particle` are.

use autograd::Number;

/// The descent ends when the gradient or a step is this short.
const SHORT: f64 = 1e-5;

/// Where f is least near x.
pub fn arg_min<N: Number, const D: usize>(
    f: impl Fn([N; D]) -> N,
    gradient: impl Fn([N; D]) -> [N; D],
    mut x: [N; D],
) -> [N; D] {
    let (mut y, mut slope) = (f(x), gradient(x));
    let (mut rate, mut downhill) = (1e-5, 0);
    while length(slope) > SHORT {
        if downhill == 10 {
            (rate, downhill) = (2.0 * rate, 0);
        }
        let step = slope.map(|s| s * rate);
        // Not `<=`, which is false for NaN.
        let moves = length(step) > SHORT;
        if !moves {
            break;
        }
        let next: [N; D] = std::array::from_fn(|i| x[i] - step[i]);
        let value = f(next);
        if value < y {
            (x, y, slope) = (next, value, gradient(next));
            downhill += 1;
        } else {
            (rate, downhill) = (0.5 * rate, 0);
        }
    }
    x
}

/// Where f is largest near x.
pub fn arg_max<N: Number, const D: usize>(
    f: impl Fn([N; D]) -> N,
    gradient: impl Fn([N; D]) -> [N; D],
    x: [N; D],
) -> [N; D] {
    arg_min(|x| -f(x), |x| gradient(x).map(|slope| -slope), x)
}

fn length<N: Number, const D: usize>(x: [N; D]) -> N {
    N::dot(&x, &x).sqrt()
}

#[cfg(test)]
mod tests {
    use autograd::Dual;

    use super::*;

    #[test]
    fn a_bowl_and_a_hill() {
        let f = |[x, y]: [f64; 2]| (x - 2.0).powi(2) + 3.0 * (y + 1.0).powi(2);
        let gradient = |[x, y]: [f64; 2]| [2.0 * (x - 2.0), 6.0 * (y + 1.0)];
        for [x, y] in
            [arg_min(f, gradient, [0.0, 0.0]), arg_max(|x| -f(x), |x| gradient(x).map(|slope| -slope), [0.0, 0.0])]
        {
            assert!((x - 2.0).abs() + (y + 1.0).abs() < 1e-4, "{x} {y}");
        }
    }

    /// The minimum of (x − a)² moves with a.
    #[test]
    fn the_derivative_of_a_minimum() {
        let a = Dual::variable(3.0);
        let [x] = arg_min(|[x]| (x - a).square(), |[x]| [(x - a) * 2.0], [Dual::constant(0.0)]);
        assert!((x.value - 3.0).abs() < 1e-4 && (x.tangent - 1.0).abs() < 1e-4, "{x:?}");
    }
}
