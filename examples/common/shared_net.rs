//! A small network with a shared weight and a skip connection, for the pictures.

use autograd::{Matrix, Param, Tape, affine};

/// Its parameters.
pub struct Net {
    weight: Param<f64>,
    bias: Param<f64>,
}

impl Default for Net {
    fn default() -> Self {
        let weight = Matrix::from_fn(3, 3, |i, j| 0.3 * (1.0 + i as f64) - 0.4 * j as f64);
        Net { weight: Param::new(weight), bias: Param::new(Matrix::column(&[0.1, -0.2, 0.3])) }
    }
}

impl Net {
    /// h = tanh(W x + b), y = W h + b + x, the mean of (y − t)². W and b are used twice, and x skips a layer.
    pub fn record<'t>(&'t self, tape: &'t Tape<'t, f64>) -> autograd::Var<'t, f64> {
        let x = tape.constant(Matrix::from([[0.5, -1.0], [1.5, 0.2], [-0.3, 0.8]]));
        let t = tape.constant(Matrix::full(3, 2, 0.5));
        let (w, b) = (tape.param(&self.weight), tape.param(&self.bias));
        let h = affine(&[(w, x)], Some(b)).tanh();
        let y = affine(&[(w, h)], Some(b)) + x;
        y.squared_error(t).mean()
    }
}
