//! The cross-entropy of an elementwise LSTM on a sequence of bits, in scalars; `matrices.rs` has the vector version. The
//! cell is one function of numbers, which are either 1 × 1 or hold all entries at once.

use autograd::Number;

/// An instance: its sizes, its parameters, the state before, the bits of each step.
pub struct Lstm {
    /// l.
    pub layers: usize,
    /// b, the entries of a vector.
    pub width: usize,
    /// Those of the layers, then the extra ones.
    pub params: Vec<f64>,
    /// The state before the first step.
    pub state: Vec<f64>,
    /// The bits of each step.
    pub bits: Vec<Vec<f64>>,
}

impl Lstm {
    /// From the text of a file.
    pub fn parse(text: &str) -> Result<Lstm, String> {
        let mut words = text.split_whitespace();
        let mut next = |what: &str| words.next().ok_or(format!("the file ends before {what}"));
        let mut size = |what: &str| next(what)?.parse::<usize>().map_err(|e| format!("{what}: {e}"));
        let (layers, steps, width) = (size("l")?, size("c")?, size("b")?);
        let mut numbers = |what: &str, count: usize| -> Result<Vec<f64>, String> {
            (0..count).map(|_| next(what)?.parse::<f64>().map_err(|e| format!("{what}: {e}"))).collect()
        };
        let params = numbers("a parameter", (8 * layers + 3) * width)?;
        let state = numbers("the state", 2 * layers * width)?;
        let bits = (0..steps).map(|_| numbers("the bits", width)).collect::<Result<_, _>>()?;
        Ok(Lstm { layers, width, params, state, bits })
    }

    /// In scalars.
    pub fn scalars<N: Number>(&self, params: &[N]) -> N {
        let b = self.width;
        let zero = params[0].zero();
        let mut state: Vec<Vec<N>> = self.state.chunks(b).map(|s| s.iter().map(|&s| zero + s).collect()).collect();
        let extra = &params[8 * self.layers * b..];
        let mut losses = Vec::new();
        for t in 0..self.bits.len() - 1 {
            let mut u: Vec<N> = (0..b).map(|i| extra[i] * self.bits[t][i]).collect();
            for layer in 0..self.layers {
                let p = &params[8 * layer * b..][..8 * b];
                for i in 0..b {
                    let (w, bias) = (|gate: usize| p[gate * b + i], |gate: usize| p[(4 + gate) * b + i]);
                    let (h, c) = cell(u[i], (state[2 * layer][i], state[2 * layer + 1][i]), w, bias);
                    (state[2 * layer][i], state[2 * layer + 1][i]) = (h, c);
                    u[i] = h;
                }
            }
            let y: Vec<N> = (0..b).map(|i| u[i] * extra[b + i] + extra[2 * b + i]).collect();
            let normal = (N::sum(&y.iter().map(|y| y.exp()).collect::<Vec<_>>()) + 2.0).ln();
            losses.extend((0..b).map(|i| (y[i] - normal) * self.bits[t + 1][i]));
        }
        N::sum(&losses) * (-1.0 / ((self.bits.len() - 1) * b) as f64)
    }
}

/// f = σ(u w_f + b_f), o = σ(u w_o + b_o), g = σ(h w_i + b_i), a = tanh(h w_c + b_c); c ← c f + g a, h ← o tanh c.
/// Gates are in the order forget, in, out, change.
pub fn cell<N: Number>(u: N, (h, c): (N, N), w: impl Fn(usize) -> N, b: impl Fn(usize) -> N) -> (N, N) {
    let forget = (u * w(0) + b(0)).sigmoid();
    let gate = (h * w(1) + b(1)).sigmoid();
    let out = (u * w(2) + b(2)).sigmoid();
    let change = (h * w(3) + b(3)).tanh();
    let c = c * forget + gate * change;
    (out * c.tanh(), c)
}
