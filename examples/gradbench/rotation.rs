//! Rotations by a vector r, about its direction and by its length θ: R(r) = I + s(θ) [r]ₓ + ½ s(½θ)² [r]ₓ² with s(θ) = sin θ / θ (Rodrigues).

use autograd::Number;

/// R(r) x.
pub fn rotated<N: Number>(r: [N; 3], x: [N; 3]) -> [N; 3] {
    let cross =
        |a: [N; 3], b: [N; 3]| [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    // No branch, so the numbers may be rows of many: where r is 0, the least θ that has a square gives s = 1.
    let angle = (r[0].square() + r[1].square() + r[2].square() + f64::MIN_POSITIVE).sqrt();
    let ratio = |angle: N| angle.sin() / angle;
    let (once, twice) = (ratio(angle), ratio(angle * 0.5).square() * 0.5);
    let first = cross(r, x);
    let second = cross(r, first);
    std::array::from_fn(|i| x[i] + once * first[i] + twice * second[i])
}

#[cfg(test)]
mod tests {
    use autograd::Dual;

    use super::*;

    /// A rotation keeps lengths, turns by θ about r, and moves by r × x where r vanishes.
    #[test]
    fn rotations() {
        let turned = rotated([0.0, 0.0, std::f64::consts::FRAC_PI_2], [1.0, 0.0, 5.0]);
        assert!((turned[0].abs() + (turned[1] - 1.0).abs() + (turned[2] - 5.0).abs()) < 4e-15);
        let [a, b, c] = [0.5, -0.3, 0.2].map(Dual::constant);
        let zero = Dual::constant(0.0);
        let moved = rotated([zero, zero, Dual::variable(0.0)], [a, b, c]);
        assert_eq!(moved.map(|y| y.value), [0.5, -0.3, 0.2]);
        assert_eq!(moved.map(|y| y.tangent), [0.3, 0.5, 0.0]);
        // Near 0 the derivative has all digits.
        for angle in [1e-300, 1e-160, 1e-12, 1e-8, 1e-4] {
            let moved = rotated([zero, zero, Dual::variable(angle)], [a, b, c]).map(|y| y.tangent);
            let (sin, cos) = angle.sin_cos();
            let expected = [-0.5 * sin + 0.3 * cos, 0.5 * cos + 0.3 * sin, 0.0];
            moved
                .iter()
                .zip(expected)
                .for_each(|(found, expected)| assert!((found - expected).abs() < 1e-15, "{moved:?}"));
        }
    }
}
