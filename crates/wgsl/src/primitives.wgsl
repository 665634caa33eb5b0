// exp, ln, tanh, … for numbers T with bits U. Constants come from the formulas of the CPU, whose methods these are. A compiler of
// shaders may simplify (a + b) − b to a and a b + a c to a (b + c), and may or may not fuse a product with a sum. Hence `whole_`, which it
// cannot look through, rounding by `round`, and products whose rounding error is computed from halves of their factors.
fn whole_(x: T) -> T { return bitcast<T>(bitcast<U>(x) ^ U(zero_())); }
fn inf_() -> T { return bitcast<T>(INF_BITS ^ U(zero_())); }
fn nan_() -> T { return bitcast<T>(NAN_BITS ^ U(zero_())); }
fn is_nan_(x: T) -> bool { return (bitcast<U>(x) & ABS_MASK) > INF_BITS; }
fn is_negative_(x: T) -> bool { return bitcast<U>(x) > ABS_MASK; }
fn is_finite_(x: T) -> bool { return (bitcast<U>(x) & ABS_MASK) < INF_BITS; }
fn where_positive_(x: T, a: T, b: T) -> T { return select(b, a, x > 0.0); }
fn where_equal_(x: T, y: T, a: T, b: T) -> T { return select(b, a, x == y); }
fn abs_(x: T) -> T { return abs(x); }
fn sqrt_(x: T) -> T { return sqrt(x); }
fn copysign_(x: T, y: T) -> T { return bitcast<T>((bitcast<U>(x) & ABS_MASK) | (bitcast<U>(y) & (ABS_MASK + U(1)))); }
fn larger_(x: T, y: T) -> T { return select(y, x, x >= y || is_nan_(x)); }
fn sign_(x: T) -> T { return select(select(select(x, T(0.0), x == 0.0), T(-1.0), x < 0.0), T(1.0), x > 0.0); }
fn step_(x: T) -> T { return select(T(0.0), T(1.0), x > 0.0); }
fn relu_(x: T) -> T { return select(x, T(0.0), x <= 0.0); }
fn keep_(a: T, b: T) -> T { return select(b, T(0.0), a == 0.0); }
fn flush_(x: T) -> T { return select(x, T(0.0), abs(x) < MIN_POSITIVE); }
fn weigh_(a: T, b: T) -> T { return select(a * b, b, b == 0.0); }
// The rounding error of the product q = a b.
fn lost_(a: T, b: T, q: T) -> T {
  let ah = bitcast<T>(bitcast<U>(a) & HALF_MASK); let al = a - ah;
  let bh = bitcast<T>(bitcast<U>(b) & HALF_MASK); let bl = b - bh;
  return ((ah * bh - q) + ah * bl + al * bh) + al * bl;
}
fn pow2_(e: i32) -> T { return bitcast<T>(U(u32(e + BIAS)) << DIGITS); }
fn reduce_(x: T, n: T) -> T { return fma(n, -LN2_LO, whole_(fma(n, -LN2_HI, x))); }
fn exp_(x: T) -> T {
  let c = select(select(x, LARGEST, x > LARGEST), LEAST, x < LEAST);
  let n = round(c * LOG2_E); let r = reduce_(c, n); let i = i32(n); let half = i >> 1u;
  return fma(fma(exp_poly_(r), r, T(1.0)), r, T(1.0)) * pow2_(half) * pow2_(i - half);
}
fn half_exp_m1_(x: T) -> vec2<T> {
  let n = round(x * LOG2_E); let r = reduce_(x, n); let k = pow2_(i32(n) - 1);
  let h = k - 0.5; let kr = k * r; let a = whole_(h + kr);
  return vec2<T>(a, fma(kr * r, exp_poly_(r), kr - (a - h)));
}
fn exp_m1_(x: T) -> T {
  let s = half_exp_m1_(select(select(x, LARGEST, x > LARGEST), -FLAT, x < -FLAT));
  return select(2.0 * (s.x + s.y), x, abs(x) < EPSILON / 4.0);
}
fn tanh_(x: T) -> T {
  let y = 2.0 * abs(x); let s = half_exp_m1_(select(y, FLAT, y > FLAT)); let h = s.x + s.y;
  let q = select(h, T(1.0), h > 1.0);
  return copysign_(fma(-q, q / (1.0 + h), q), x);
}
fn sigmoid_(x: T) -> T {
  let e = exp_(-abs(x)); let q = e / (1.0 + e); let c = select(T(1.0), e, x < 0.0);
  return fma(-c, q, c);
}
struct Split { n: i32, m: T }
fn split_(u: T) -> Split {
  let bits = bitcast<U>(u) + (ONE_BITS - SQRT_HALF); return Split(i32(bits >> DIGITS) - BIAS, bitcast<T>((bits & ((U(1) << DIGITS) - U(1))) + SQRT_HALF));
}
fn ln_tail_(f: T) -> T { let s = f / (2.0 + f); let z = s * s; return s * fma(z, artanh_poly_(z), -f); }
fn ln_sum_(n: T, f: T) -> T { return fma(n, LN2_HI, f + fma(n, LN2_LO, ln_tail_(f))); }
fn ln_or_special_(u: T, y: T) -> T {
  return select(select(nan_(), -inf_(), u == 0.0), select(u, y, u < inf_()), u > 0.0);
}
fn split_any_(x: T) -> Split {
  let tiny = x < MIN_POSITIVE; var s = split_(select(x, x * TWO_DIGITS, tiny));
  s.n -= select(0, i32(DIGITS), tiny); return s;
}
// The remainder by y 2ᵏ for falling k, so that a quotient has only half of the digits and its product with y is known with its rounding error.
fn fmod_(x: T, y: T) -> T {
  let b = abs(y); let n = split_any_(b).n; var r = abs(x);
  for (var times = 0; times < 256 && !(r < b); times++) {
    let k = max(split_any_(r).n - n - i32(DIGITS / 2u), 0); let d = b * pow2_(k / 2) * pow2_(k - k / 2);
    let q = trunc(r / d); let product = whole_(q * d); r = (r - product) - lost_(q, d, product);
    r = select(select(r, r - d, r >= d), r + d, r < 0.0);
  }
  return copysign_(r, x);
}
fn ln_(x: T) -> T { let s = split_any_(x); return ln_or_special_(x, ln_sum_(T(s.n), s.m - 1.0)); }
fn ln_1p_(y: T) -> T {
  let u = whole_(1.0 + y); let c = select(1.0 - whole_(u - y), y - whole_(u - 1.0), y < 1.0); let s = split_(u);
  let f = fma(pow2_(max(-s.n, -BIAS)), c, s.m - 1.0);
  return select(ln_or_special_(u, ln_sum_(T(s.n), f)), y, y == 0.0);
}
fn softplus_(x: T) -> T { let e = exp_(-abs(x)); return select(T(0.0), x, x > 0.0) + (e + ln_tail_(e)); }
fn tanhshrink_(x: T) -> T {
  let z = x * x; let e = exp_(abs(x));
  return select(x - tanh_(x), x * (z * tanhshrink_poly_(z)) / (0.5 * (e + 1.0 / e)), abs(x) < 2.0);
}
fn erf_near_(x: T) -> T { return x * erf_near_poly_(fma(2.0 * x, x, T(-1.0))); }
fn erf_far_(x: T) -> T {
  let a = select(x, ERF_END, x > ERF_END); let u = fma((a - ERF_K) / (a + ERF_K), ERF_SCALE, ERF_SHIFT);
  let square = whole_(a * a); let e = exp_(-square);
  return fma(-lost_(a, a, square), e, e) * (erf_far_poly_(u) / fma(T(2.0), a, T(1.0)));
}
fn erf_(x: T) -> T { let a = abs(x); return select(copysign_(1.0 - erf_far_(a), x), erf_near_(x), a < 1.0); }
fn erfc_(x: T) -> T {
  let a = abs(x); let far = erf_far_(a); return select(select(far, 2.0 - far, x < 0.0), 1.0 - erf_near_(x), a < 1.0);
}
fn erf_inv_(x: T) -> T {
  let a = abs(x); let w = -ln_((1.0 - a) * (1.0 + a));
  let start = a * select(erf_inv_far_poly_(sqrt(w) - ERF_INV_MIDDLE), erf_inv_near_poly_(w - 3.0), w < 6.0);
  let left = select((1.0 - a) - erfc_(start), erf_(start) - a, a < 0.5);
  let step = left / (FRAC_2_SQRT_PI * exp_(-start * start));
  let y = copysign_(start - step / fma(start, step, T(1.0)), x);
  return select(select(nan_(), copysign_(inf_(), x), a == 1.0), y, a < 1.0);
}
// Below are functions that the CPU takes from its C library. Powers of 2, logarithms and powers: x = 2ⁿ m.
fn log2_(x: T) -> T {
  let s = split_any_(x); let f = s.m - 1.0;
  return ln_or_special_(x, fma(f + ln_tail_(f), LOG2_E, T(s.n)));
}
fn log10_(x: T) -> T { return ln_(x) * LOG10_E; }
fn pow_(x: T, y: T) -> T {
  let a = abs(x); let s = split_any_(a); let n = T(s.n); let f = s.m - 1.0;
  let b = n * LN2_HI; let sum = whole_(b + f); let of_f = whole_(sum - b);
  let more = (b - whole_(sum - of_f)) + (f - of_f) + fma(n, LN2_LO, ln_tail_(f));
  let high = whole_(sum + more); let low = more - whole_(high - sum);
  let q = whole_(y * high); let rest = fma(y, low, lost_(y, high, q));
  let e = exp_(q); let usual = select(e, fma(e, rest, e), is_finite_(e) && abs(rest) < 1.0);
  let whole = y == round(y); let odd = whole && 0.5 * y != round(0.5 * y);
  let signed = select(select(nan_(), usual, whole), -usual, odd);
  var z = select(usual, signed, x < 0.0);
  if (a == 0.0 || a == inf_()) {
    let grows = (y > 0.0) == (a != 0.0);
    z = select(T(0.0), inf_(), grows);
    if (is_negative_(x) && odd) { z = -z; }
  }
  if (is_nan_(x) || is_nan_(y)) { z = x + y; }
  return select(z, T(1.0), y == 0.0 || x == 1.0 || (a == 1.0 && abs(y) == inf_()));
}
fn exp2_(x: T) -> T { return pow_(T(2.0), x); }
fn cbrt_(x: T) -> T {
  let a = abs(x); let y = exp_(ln_(a) / 3.0); let better = y - (y * y * y - a) / (3.0 * y * y);
  return select(copysign_(better, x), x, a == 0.0 || !is_finite_(x));
}
fn hypot_(x: T, y: T) -> T {
  let a = larger_(abs(x), abs(y)); let q = min(abs(x), abs(y)) / a; let is_infinite = abs(x) == inf_() || abs(y) == inf_();
  return select(select(a * sqrt(fma(q, q, T(1.0))), a, a == 0.0), inf_(), is_infinite);
}
// The sine and its relatives: x − n π/2 with π/2 in three parts, then a series. NaN where n is too large for that.
struct Turn { r: T, n: i32 }
fn turn_(x: T) -> Turn {
  let n = round(x * FRAC_2_PI);
  return Turn(fma(n, -HALF_PI_3, whole_(fma(n, -HALF_PI_2, whole_(fma(n, -HALF_PI_1, x))))), i32(n));
}
fn sine_(t: Turn) -> T {
  let z = t.r * t.r; let s = fma(t.r * z, sin_poly_(z), t.r); let c = fma(z, cos_poly_(z), T(1.0));
  let y = select(s, c, (t.n & 1) == 1); return select(y, -y, (t.n & 2) == 2);
}
fn sin_(x: T) -> T { return select(nan_(), sine_(turn_(x)), abs(x) < TURN_END); }
fn cos_(x: T) -> T { let t = turn_(x); return select(nan_(), sine_(Turn(t.r, t.n + 1)), abs(x) < TURN_END); }
fn tan_(x: T) -> T { let t = turn_(x); return select(nan_(), sine_(t) / sine_(Turn(t.r, t.n + 1)), abs(x) < TURN_END); }
// For 0 ≤ x ≤ 1, by halving the angle twice.
fn atan_part_(x: T) -> T {
  let a = x / (1.0 + sqrt(fma(x, x, T(1.0)))); let b = a / (1.0 + sqrt(fma(a, a, T(1.0)))); let z = b * b;
  return 4.0 * fma(b * z, atan_poly_(z), b);
}
fn angle_(x: T, y: T) -> T { // of a point with x, y ≥ 0
  let q = min(x, y) / max(x, y);
  let a = atan_part_(select(select(q, T(1.0), x == y), T(0.0), y == 0.0 || (x == inf_() && y != x)));
  return select(a, (HALF_PI - a) + HALF_PI_REST, y > x);
}
fn atan_(x: T) -> T { return select(copysign_(angle_(T(1.0), abs(x)), x), x, is_nan_(x)); }
fn asin_(x: T) -> T {
  let a = abs(x);
  return select(nan_(), copysign_(angle_(sqrt((1.0 - a) * (1.0 + a)), a), x), a <= 1.0);
}
fn acos_(x: T) -> T { return select(nan_(), 2.0 * angle_(sqrt(1.0 + x), sqrt(1.0 - x)), abs(x) <= 1.0); }
fn atan2_(y: T, x: T) -> T {
  let a = angle_(abs(x), abs(y));
  let b = select(a, (2.0 * HALF_PI - a) + 2.0 * HALF_PI_REST, is_negative_(x));
  return select(copysign_(b, y), x + y, is_nan_(x) || is_nan_(y));
}
fn sinh_(x: T) -> T {
  let a = abs(x); let m = exp_m1_(a); let h = exp_(0.5 * a);
  return copysign_(select(0.5 * (m + m / (m + 1.0)), (0.5 * h) * h, a > FLAT), x);
}
fn cosh_(x: T) -> T { let h = exp_(0.5 * abs(x)); return fma(0.5 * h, h, 0.5 / (h * h)); }
fn asinh_(x: T) -> T {
  let a = abs(x);
  return copysign_(select(ln_1p_(a + a * (a / (1.0 + sqrt(fma(a, a, T(1.0)))))), ln_(a) + LN_2, a > ASINH_FAR), x);
}
