macro_rules! std_fn { ($($f:ident),*) => { $( #[inline(always)] pub(crate) fn $f(x: f64) -> f64 { x.$f() } )* } }
std_fn!(exp, exp_m1, ln, ln_1p, tanh);
#[inline(always)] pub(crate) fn sigmoid(x: f64) -> f64 { let e = (-x.abs()).exp(); if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) } }
#[inline(always)] pub(crate) fn softplus(x: f64) -> f64 { (if x <= 0.0 { 0.0 } else { x }) + (-x.abs()).exp().ln_1p() }
