//! Explicit Runge–Kutta methods: Kutta's of fourth order, and Dormand and Prince's of fifth order.

use super::field::{Field, Weight};

/// kᵢ = f(t + cᵢ h, y + h Σ aᵢⱼ kⱼ). The last row of a gives the end of the step, so that the last stage is the slope there, which is the
/// first stage of the next step.
pub struct Tableau {
    a: &'static [&'static [f64]],
    c: &'static [f64],
    /// h Σ eⱼ kⱼ estimates the error.
    pub error: &'static [f64],
    /// What the interpolation adds to Hermite's cubic.
    dense: &'static [f64],
}

/// The classical method (Kutta, *Zeitschrift für Mathematik und Physik* 46, 1901).
pub const RK4: Tableau = Tableau {
    a: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0], &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0]],
    c: &[0.0, 0.5, 0.5, 1.0, 1.0],
    error: &[],
    dense: &[],
};

/// RK5(4)7M of Dormand & Prince (*Journal of Computational and Applied Mathematics* 6, 1980, table 2). The interpolation of fourth order is
/// that of Hairer, Nørsett & Wanner (*Solving Ordinary Differential Equations I*, 1993, section II.6, and their program DOPRI5).
pub const DORMAND_PRINCE: Tableau = Tableau {
    a: &[
        &[],
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ],
    c: &[0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0],
    error: &[71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0],
    dense: &[
        -12715105075.0 / 11282082432.0,
        0.0,
        87487479700.0 / 32700410799.0,
        -10690763975.0 / 1880347072.0,
        701980252875.0 / 199316789632.0,
        -1453857185.0 / 822651844.0,
        69997945.0 / 29380423.0,
    ],
};

impl Tableau {
    /// The stages of a step, and its end. `first` is the slope at its start if it is known.
    pub fn stages<F: Field>(
        &self,
        field: &F,
        t: F::Number,
        h: Weight<F::Number>,
        y: &F::State,
        first: Option<F::State>,
    ) -> (Vec<F::State>, F::State) {
        let mut k = Vec::with_capacity(self.a.len());
        k.push(first.unwrap_or_else(|| field.slope(t, y)));
        let mut at = y.clone();
        for i in 1..self.a.len() {
            at = self.state(field, h, y, &k, i);
            k.push(field.slope(h.times(self.c[i]).after(t), &at));
        }
        (k, at)
    }

    /// y + h Σ aᵢⱼ kⱼ.
    pub fn state<F: Field>(&self, field: &F, h: Weight<F::Number>, y: &F::State, k: &[F::State], i: usize) -> F::State {
        combined(field, Some(y), h, self.a[i], k)
    }

    /// What the interpolation is made of: Hermite's cubic through both ends, and one term more.
    pub fn parts<F: Field>(&self, field: &F, h: Weight<F::Number>, y: &F::State, k: &[F::State]) -> [F::State; 5] {
        let last = k.len() - 1;
        let scaled = |k: &F::State| field.sum(&[(h, k)]);
        let bump = if self.dense.is_empty() {
            field.sum(&[(Weight::Plain(0.0), y)])
        } else {
            combined(field, None, h, self.dense, k)
        };
        [y.clone(), combined(field, None, h, self.a[last], k), scaled(&k[0]), scaled(&k[last]), bump]
    }
}

/// y + h Σ wⱼ kⱼ, without y if there is none.
pub fn combined<F: Field>(
    field: &F,
    y: Option<&F::State>,
    h: Weight<F::Number>,
    w: &[f64],
    k: &[F::State],
) -> F::State {
    let mut terms = Vec::with_capacity(w.len() + 1);
    terms.extend(y.map(|y| (Weight::Plain(1.0), y)));
    terms.extend(w.iter().zip(k).filter(|(w, _)| **w != 0.0).map(|(&w, k)| (h.times(w), k)));
    field.sum(&terms)
}
