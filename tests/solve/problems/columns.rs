//! Fletcher's distillation columns (hydrocarbons with 6 and 20 stages, and methanol with 8), which are of Cartis and Roberts' functions.

use std::ops::{Add, Mul};

use super::{Function, Number, sum};

/// The function of this name.
pub fn function(name: &str) -> Option<Function> {
    Some(match name {
        "hydcar6" => |x| hydrocarbons(x, 6, 2),
        "hydcar20" => |x| hydrocarbons(x, 20, 9),
        "methanb8" | "methanl8" => methanol,
        _ => return None,
    })
}

struct Component {
    /// Antoine's a, b and c: the vapour pressure is exp(a − b / (t + c)).
    pressure: [f64; 3],
    /// The enthalpies of the liquid and of the vapour: what multiplies 1, t and t².
    liquid: [f64; 3],
    vapour: [f64; 3],
    /// What enters.
    feed: f64,
}

/// A column whose stages count from the reboiler, 0, to the condenser.
struct Column<'a> {
    stages: usize,
    components: &'a [Component],
    /// Where the feed enters, and its temperature.
    feed_stage: usize,
    feed_temperature: f64,
    /// What leaves at the bottom and at the top, and the heat of the reboiler.
    bottom: f64,
    top: f64,
    heat: f64,
    /// The pressure at a stage.
    pressure: fn(usize) -> f64,
}

/// What is balanced, in groups.
struct Balances<'t> {
    /// Of each component, for each stage without the condenser.
    amounts: Vec<Vec<Number<'t>>>,
    /// Of the energy.
    heat: Vec<Number<'t>>,
    /// At each stage, the parts of the vapour have the sum 1.
    parts: Vec<Number<'t>>,
    /// Of each component, the vapour below the condenser becomes liquid there.
    condensed: Vec<Number<'t>>,
}

/// a + b t + c t².
fn polynomial<N>([a, b, c]: [f64; 3], t: N) -> N
where
    N: Copy + Mul<f64, Output = N> + Add<f64, Output = N> + Mul<Output = N>,
{
    (t * c + b) * t + a
}

impl Column<'_> {
    /// With the liquid's parts x of a stage and a component, the temperatures t and the flows of vapour v. Components leave a stage upward
    /// as the vapour v y and reach it from above as the liquid l x, so what rises from stage i is vᵢ yᵢ − lᵢ₊₁ xᵢ₊₁, and the same with
    /// enthalpies; what rises from a stage is what rises to it and what is fed.
    fn balances<'t>(&self, x: impl Fn(usize, usize) -> Number<'t>, t: &[Number<'t>], v: &[Number<'t>]) -> Balances<'t> {
        let (last, components) = (self.stages - 1, self.components.len());
        let y = |i: usize, j: usize| {
            let [a, b, c] = self.components[j].pressure;
            x(i, j) * (a - b / (t[i] + c)).exp() / (self.pressure)(i)
        };
        let liquid = |i: usize| v[i - 1] + if i <= self.feed_stage { self.bottom } else { -self.top };
        let of_liquid = |i: usize, j: usize| x(i, j) * polynomial(self.components[j].liquid, t[i]);
        let of_vapour = |i: usize, j: usize| y(i, j) * polynomial(self.components[j].vapour, t[i]);
        let total = |part: &dyn Fn(usize, usize) -> Number<'t>, i: usize| sum((0..components).map(|j| part(i, j)));
        let balance = |below: Number<'t>, rising: &dyn Fn(usize) -> Number<'t>, fed: f64| {
            let all: Vec<_> = [below].into_iter().chain((0..last).map(rising)).collect();
            let fed = |i: usize| if i == self.feed_stage { fed } else { 0.0 };
            all.windows(2).enumerate().map(|(i, pair)| pair[1] - pair[0] - fed(i)).collect()
        };
        let amount = |j: usize| {
            let rising = |i: usize| v[i] * y(i, j) - liquid(i + 1) * x(i + 1, j);
            balance(x(0, j) * -self.bottom, &rising, self.components[j].feed)
        };
        let rising = |i: usize| v[i] * total(&of_vapour, i) - liquid(i + 1) * total(&of_liquid, i + 1);
        let fed = self.components.iter().map(|of| of.feed * polynomial(of.liquid, self.feed_temperature));
        Balances {
            amounts: (0..components).map(amount).collect(),
            heat: balance(total(&of_liquid, 0) * -self.bottom + self.heat, &rising, fed.sum()),
            parts: (0..self.stages).map(|i| total(&y, i) - 1.0).collect(),
            condensed: (0..components).map(|j| y(last - 1, j) - x(last, j)).collect(),
        }
    }
}

/// Parts of the liquid, stage by stage, then temperatures and flows of vapour (R. Fletcher, *Methods for the solution of a distillation
/// column*, by way of CUTEst).
fn hydrocarbons<'t>(x: &[Number<'t>], stages: usize, feed_stage: usize) -> Vec<Number<'t>> {
    let component = |a, b, c, liquid, vapour, slope, feed| Component {
        pressure: [a, b, c],
        liquid: [0.0, liquid, 0.0],
        vapour: [vapour, slope, 0.0],
        feed,
    };
    let components = [
        component(9.647, 2998.0, 230.66, 37.6, 8425.0, 24.2, 30.0),
        component(9.953, 3448.1, 235.88, 48.2, 9395.0, 35.6, 30.0),
        component(9.466, 3347.25, 215.31, 45.4, 10466.0, 31.9, 40.0),
    ];
    let column = Column {
        stages,
        components: &components,
        feed_stage,
        feed_temperature: 100.0,
        bottom: 40.0,
        top: 60.0,
        heat: 2.5e6,
        pressure: |_| 1.0,
    };
    let (parts, rest) = x.split_at(3 * stages);
    let (t, v) = rest.split_at(stages);
    let all = column.balances(|i, j| parts[3 * i + j], t, v);
    let stage = |i: usize| all.amounts.iter().map(move |of| of[i] * 1e-2);
    let others = (1..stages - 1).flat_map(stage).chain(all.parts.iter().copied());
    let heat = all.heat.iter().map(|r| *r * 1e-5);
    stage(0).chain(all.condensed.iter().copied()).chain(others).chain(heat).collect()
}

/// Temperature and parts of each stage, then flows of vapour: methanol and water at pressures that fall upward.
fn methanol<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let components = [
        Component {
            pressure: [18.5751, 3632.649, 239.2],
            liquid: [0.0, 15.97, 0.0422],
            vapour: [9566.67, -1.59, 0.0422],
            feed: 451.25,
        },
        Component {
            pressure: [18.3443, 3841.2203, 228.0],
            liquid: [0.0, 18.1, 0.0],
            vapour: [10834.67, 8.74, 0.0],
            feed: 684.25,
        },
    ];
    let column = Column {
        stages: 8,
        components: &components,
        feed_stage: 2,
        feed_temperature: 89.0,
        bottom: 693.37,
        top: 442.13,
        heat: 8_386_200.0,
        pressure: |i| 1210.0 - 10.0 * i as f64,
    };
    let t: Vec<_> = x[..24].iter().step_by(3).copied().collect();
    let all = column.balances(|i, j| x[3 * i + 1 + j], &t, &x[24..]);
    let each = all.amounts.iter().zip(&all.condensed).flat_map(|(amounts, condensed)| {
        let mut amounts: Vec<_> = amounts.iter().map(|r| *r * 1e-2).collect();
        amounts.insert(1, *condensed);
        amounts
    });
    each.chain(all.parts.iter().copied()).chain(all.heat.iter().map(|r| *r * 1e-5)).collect()
}
