// The gamma function, its relatives, and the cardinal sine, by the methods of the CPU.
fn rest_(x: T) -> T { return x - round(x); }
fn is_pole_(x: T) -> bool { return x <= 0.0 && x == floor(x); }
fn whole_power_(x: T, n: i32) -> T {
  var y = T(1.0); var square = x;
  for (var k = abs(n); k > 0; k /= 2) { if ((k & 1) == 1) { y *= square; } square *= square; }
  return select(y, 1.0 / y, n < 0);
}
fn ln_gamma_far_(x: T) -> T { return (x - 0.5) * (ln_(x) - 1.0) + HALF_LN_TAU_LESS_HALF + stirling_poly_(1.0 / (x * x)) / x; }
fn ln_gamma_(x: T) -> T {
  if (is_pole_(x)) { return inf_(); }
  if (x <= -GAMMA_FAR) { return ln_(PI / abs(x * sin_(PI * rest_(x)))) - ln_gamma_far_(-x); }
  if (!(x < GAMMA_FAR)) { return select(ln_gamma_far_(x), x, x == inf_()); }
  let steps = floor(x - 1.5); let t = x - (steps + 2.0); let n = i32(steps);
  var product = T(1.0);
  for (var k = min(-n, 0); k < max(-n, 0); k++) { product *= x + T(k); }
  let l = ln_(abs(product));
  return t * ln_gamma_poly_(t) + select(-l, l, n > 0);
}
fn digamma_far_(x: T) -> T { return ln_(x) - 0.5 / x - digamma_far_poly_(1.0 / (x * x)) / (x * x); }
fn digamma_(x: T) -> T {
  if (is_pole_(x)) { return select(nan_(), -copysign_(inf_(), x), x == 0.0); }
  if (x <= -GAMMA_FAR) { return digamma_far_(-x) - 1.0 / x - PI / tan_(PI * rest_(x)); }
  if (!(x < GAMMA_FAR)) { return select(digamma_far_(x), x, x == inf_()); }
  let steps = floor(x) - 1.0; let b = x - steps; let n = i32(steps);
  var sum = T(0.0);
  for (var k = min(-n, 0); k < max(-n, 0); k++) { sum += 1.0 / (x + T(k)); }
  return (b - DIGAMMA_ZERO - DIGAMMA_ZERO_REST) * digamma_poly_(b - 1.5) + select(-sum, sum, n > 0);
}
fn hurwitz_(s: i32, from_x: T) -> T {
  var x = from_x; var sum = T(0.0); var table = BERNOULLI;
  for (var k = 0; k < 16 + s && x < GAMMA_FAR + T(s); k++) { sum += whole_power_(x, -s); x += 1.0; }
  var tail = T(0.0);
  for (var k = 9; k >= 0; k--) {
    var weight = 0.5 * T(s); for (var i = 2; i < 2 * k + 2; i++) { weight *= T(s + i - 1) / T(i + 1); }
    tail = tail / (x * x) + table[k] * weight;
  }
  return sum + whole_power_(x, 1 - s) / T(s - 1) + whole_power_(x, -s) * (0.5 + tail / x);
}
// n! times ζ, for n = s − 1.
fn polygamma_(x: T, s: i32) -> T {
  let r = rest_(x); let sign = select(T(-1.0), T(1.0), (s & 1) == 0);
  var zeta = hurwitz_(s, select(1.0 - r, x, x > 0.0));
  if (!(x > 0.0)) { zeta = whole_power_(r, -s) + hurwitz_(s, 1.0 + r) + sign * (zeta - hurwitz_(s, 1.0 - x)); }
  if (r == 0.0 && x < 0.0 && sign < 0.0) { zeta = nan_(); }
  for (var k = 2; k < min(s, 172); k++) { zeta *= T(k); }
  return sign * zeta;
}
fn sinc_(x: T, n: i32) -> T {
  let z = PI * x; var g = T(0.0); if (abs(x) == inf_()) { return g; }
  if (abs(z) < T(n) + 1.0) {
    var power = select(z, T(1.0), (n & 1) == 0);
    for (var k = (n + 1) / 2; k < n + 20; k++) {
      let j = T(2 * k - n); g += select(-power, power, (k & 1) == 0) / T(2 * k + 1);
      power *= z * z / ((j + 1.0) * (j + 2.0));
    }
  } else {
    let whole = round(x); let sign = select(T(-1.0), T(1.0), 0.5 * whole == round(0.5 * whole)); let t = turn_(PI * (x - whole));
    g = sign * sine_(t) / z;
    for (var k = 1; k <= n; k++) { g = (sign * sine_(Turn(t.r, t.n + k)) - T(k) * g) / z; }
  }
  return whole_power_(PI, n) * g;
}
