// Functions of a group of `len` entries x_(k), by threads of a workgroup, of which this one is number `me`. Values and derivatives of the
// result are y_(k) and dy_(k). A result for each entry is written by put_, a result for the group by put_one_. `loops` of along.rs says what
// the words with a dollar sign stand for.
fn more_(a: T, b: T) -> T { return select(a, b, b > a); }
fn group_share_(value: T) { workgroupBarrier(); parts[thread] = value; workgroupBarrier(); }
fn group_sum_(value: T) -> T {
  group_share_(value); var s = T(0.0); for (var k = thread % SIDE; k < THREADS; k += SIDE) { s += parts[k]; } return s;
}
fn group_max_(value: T) -> T {
  group_share_(value); var s = -inf_(); for (var k = thread % SIDE; k < THREADS; k += SIDE) { s = more_(s, parts[k]); } return s;
}
// `largest`, and `top`, by how much it exceeds itself: 0, or NaN if softmax has no limit.
fn group_look_() {
  $max most = x; $sum equals = select(T(0.0), T(1.0), x == most); largest = most;
  top = select(select(nan_(), T(0.0), most > 0.0 && equals == 1.0), T(0.0), is_finite_(most));
}
// x − max; Σ e^(x − max), whose logarithm is `log`; NaN if there is one, else 0.
fn group_above_(k: u32) -> T { let x = x_(k); return select(x - largest, top, x == largest); }
fn group_total_() -> T { $sum s = exp_(group_above_(k)); return s; }
fn group_nan_() -> T { $sum s = select(T(0.0), x, is_nan_(x)); return s; }
// The index of the first largest entry or NaN.
fn group_first_() -> u32 {
  group_look_(); let has_nan = is_nan_(group_nan_()); var place = 0xffffffffu;
  for (var k = me; k < len; k += MEMBERS) { let x = x_(k); if (select(x == largest, is_nan_(x), has_nan)) { place = min(place, k); } }
  workgroupBarrier(); places[thread] = place; workgroupBarrier();
  for (var k = thread % SIDE; k < THREADS; k += SIDE) { place = min(place, places[k]); }
  return place;
}
fn value_Max_() { group_look_(); let nan = group_nan_(); put_one_(select(largest, nan, is_nan_(nan))); }
fn pull_Max_() { let first = group_first_(); $each = select(T(0.0), dy_(k), k == first); }
fn value_ArgMax_() { let first = group_first_(); $each = select(T(0.0), T(1.0), k == first); }
fn pull_ArgMax_() { $each = T(0.0); }
// By one thread.
fn cumsum_Forward_() { if (me == 0u) { var s = T(0.0); for (var k = 0u; k < len; k++) { s += x_(k); put_(k, s); } } }
fn cumsum_Backward_() { if (me == 0u) { var s = T(0.0); for (var k = len; k > 0u; k--) { s += x_(k - 1u); put_(k - 1u, s); } } }
fn value_Softmax_() { group_look_(); let scale = 1.0 / group_total_(); $each = exp_(group_above_(k)) * scale; }
fn pull_Softmax_() { $sum dot_of = y_(k) * dy_(k); $each = y_(k) * (dy_(k) - dot_of); }
fn value_LogSoftmax_() { group_look_(); let log = ln_(group_total_()); $each = group_above_(k) - log; }
fn pull_LogSoftmax_() { $sum total = dy_(k); $each = dy_(k) - weigh_(exp_(y_(k)), total); }
fn value_LogSumExp_() {
  group_look_(); top = T(0.0); let total = group_total_();
  put_one_(select(largest + group_nan_(), largest + ln_(total), is_finite_(largest)));
}
fn pull_LogSumExp_() {
  group_look_(); let of_equal = top; top = T(0.0); let total = group_total_(); let y = y_(0u); let is_finite = is_finite_(y);
  let origin = select(y, largest, is_finite); let scale = select(T(1.0), 1.0 / total, is_finite);
  let at = select(select(of_equal, y, y == -inf_()), T(0.0), is_finite);
  $each = weigh_(exp_(select(x - origin, at, x == origin)) * scale, dy_(k));
}
fn square_(x: T) -> T { return x * x; }
fn value_Norm_() {
  $max most = abs(x); let size = max(most, T(0.0)); $sum squares = square_(x / size); $sum sizes = abs(x);
  put_one_(select(size * sqrt(squares), sizes, size == 0.0 || size == inf_()));
}
fn pull_Norm_() { $each = weigh_(select(x / y_(k), T(0.0), y_(k) == 0.0), dy_(k)); }
// −Σ t ln softmax(x), with the softmax p.
fn value_cross_entropy_() {
  group_look_(); $max share = p_(k); let log = ln_(share);
  $sum s = select(-t_(k) * (group_above_(k) + log), T(0.0), t_(k) == 0.0); put_one_(s);
}
// Here x is the target t.
fn pull_cross_entropy_() { $sum total = x; $each = weigh_(select(p_(k) * total - x, -x, total == 0.0), dy_(k)); }
fn pull_target_() { group_look_(); let log = ln_(group_total_()); $each = weigh_(log - group_above_(k), dy_(k)); }
