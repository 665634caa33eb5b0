// Functions of a group of `len` entries x_(k), by the 64 threads of a workgroup, of which this one is number `me`. Values and derivatives of
// the result are y_(k) and dy_(k). A result for each entry is written by put_, a result for the group by put_one_.
fn group_share_(value: T) { workgroupBarrier(); parts[me] = value; workgroupBarrier(); }
fn group_sum_(value: T) -> T { group_share_(value); var s = parts[0]; for (var k = 1u; k < 64u; k++) { s += parts[k]; } return s; }
fn group_max_(value: T) -> T {
  group_share_(value); var s = parts[0]; for (var k = 1u; k < 64u; k++) { s = select(s, parts[k], parts[k] > s); } return s;
}
fn group_min_(value: u32) -> u32 {
  workgroupBarrier(); places[me] = value; workgroupBarrier();
  var s = places[0]; for (var k = 1u; k < 64u; k++) { s = min(s, places[k]); } return s;
}
// `largest`, and `top`, by how much it exceeds itself: 0, or NaN if softmax has no limit.
fn group_look_() {
  var most = -inf_(); for (var k = me; k < len; k += 64u) { let x = x_(k); most = select(most, x, x > most); }
  largest = group_max_(most);
  var equal = T(0.0); for (var k = me; k < len; k += 64u) { if (x_(k) == largest) { equal += 1.0; } }
  let equals = group_sum_(equal);
  top = select(select(nan_(), T(0.0), largest > 0.0 && equals == 1.0), T(0.0), is_finite_(largest));
}
// x − max; Σ e^(x − max), whose logarithm is `log`.
fn group_above_(k: u32) -> T { let x = x_(k); return select(x - largest, top, x == largest); }
fn group_total_() -> T {
  var s = T(0.0); for (var k = me; k < len; k += 64u) { s += exp_(group_above_(k)); } return group_sum_(s);
}
// The index of the first largest entry or NaN.
fn group_first_() -> u32 {
  group_look_();
  var nan = T(0.0); for (var k = me; k < len; k += 64u) { if (is_nan_(x_(k))) { nan += 1.0; } }
  let has_nan = group_sum_(nan) > 0.0;
  var place = 0xffffffffu;
  for (var k = me; k < len; k += 64u) { let x = x_(k); if (select(x == largest, is_nan_(x), has_nan)) { place = min(place, k); } }
  return group_min_(place);
}
fn value_Max_() { let first = group_first_(); put_one_(select(x_(select(first, 0u, len == 0u)), -inf_(), len == 0u)); }
fn pull_Max_() { let first = group_first_(); for (var k = me; k < len; k += 64u) { put_(k, select(T(0.0), dy_(k), k == first)); } }
fn value_ArgMax_() {
  let first = group_first_(); for (var k = me; k < len; k += 64u) { put_(k, select(T(0.0), T(1.0), k == first)); }
}
fn pull_ArgMax_() { for (var k = me; k < len; k += 64u) { put_(k, T(0.0)); } }
// By one thread.
fn cumsum_Forward_() { if (me == 0u) { var s = T(0.0); for (var k = 0u; k < len; k++) { s += x_(k); put_(k, s); } } }
fn cumsum_Backward_() { if (me == 0u) { var s = T(0.0); for (var k = len; k > 0u; k--) { s += x_(k - 1u); put_(k - 1u, s); } } }
fn value_Softmax_() {
  group_look_(); let scale = 1.0 / group_total_();
  for (var k = me; k < len; k += 64u) { put_(k, exp_(group_above_(k)) * scale); }
}
fn pull_Softmax_() {
  var s = T(0.0); for (var k = me; k < len; k += 64u) { s += y_(k) * dy_(k); }
  let dot_of = group_sum_(s);
  for (var k = me; k < len; k += 64u) { put_(k, y_(k) * (dy_(k) - dot_of)); }
}
fn value_LogSoftmax_() {
  group_look_(); let log = ln_(group_total_()); for (var k = me; k < len; k += 64u) { put_(k, group_above_(k) - log); }
}
fn pull_LogSoftmax_() {
  var s = T(0.0); for (var k = me; k < len; k += 64u) { s += dy_(k); }
  let total = group_sum_(s);
  for (var k = me; k < len; k += 64u) { put_(k, dy_(k) - weigh_(exp_(y_(k)), total)); }
}
fn value_LogSumExp_() {
  group_look_(); top = T(0.0); let total = group_total_();
  var s = T(0.0); for (var k = me; k < len; k += 64u) { let x = x_(k); s += select(T(0.0), x, is_nan_(x)); }
  let nans = group_sum_(s);
  put_one_(select(largest + nans, largest + ln_(total), is_finite_(largest)));
}
fn pull_LogSumExp_() {
  group_look_(); let of_equal = top; top = T(0.0); let total = group_total_(); let y = y_(0u); let is_finite = is_finite_(y);
  let origin = select(y, largest, is_finite); let scale = select(T(1.0), 1.0 / total, is_finite);
  let at = select(select(of_equal, y, y == -inf_()), T(0.0), is_finite);
  for (var k = me; k < len; k += 64u) {
    let x = x_(k); put_(k, weigh_(exp_(select(x - origin, at, x == origin)) * scale, dy_(k)));
  }
}
fn value_Norm_() {
  var most = T(0.0); for (var k = me; k < len; k += 64u) { let x = abs(x_(k)); most = select(most, x, x > most); }
  let size = group_max_(most);
  var s = T(0.0); for (var k = me; k < len; k += 64u) { let x = x_(k) / size; s += x * x; }
  let squares = group_sum_(s);
  var of_sizes = T(0.0); for (var k = me; k < len; k += 64u) { of_sizes += abs(x_(k)); }
  let sizes = group_sum_(of_sizes);
  put_one_(select(size * sqrt(squares), sizes, size == 0.0 || size == inf_()));
}
fn pull_Norm_() { for (var k = me; k < len; k += 64u) { put_(k, weigh_(select(x_(k) / y_(k), T(0.0), y_(k) == 0.0), dy_(k))); } }
// −Σ t ln softmax(x), with the softmax p.
fn value_cross_entropy_() {
  group_look_();
  var share = -inf_(); for (var k = me; k < len; k += 64u) { let p = p_(k); share = select(share, p, p > share); }
  let log = ln_(group_max_(share));
  var s = T(0.0); for (var k = me; k < len; k += 64u) { s += select(-t_(k) * (group_above_(k) + log), T(0.0), t_(k) == 0.0); }
  put_one_(group_sum_(s));
}
fn pull_cross_entropy_() {
  var s = T(0.0); for (var k = me; k < len; k += 64u) { s += t_(k); }
  let total = group_sum_(s);
  for (var k = me; k < len; k += 64u) {
    let t = t_(k); let dy = dy_(k);
    put_(k, select(select((p_(k) * total - t) * dy, -t * dy, total == 0.0), T(0.0), dy == 0.0));
  }
}
fn pull_target_() {
  group_look_(); let log = ln_(group_total_()); for (var k = me; k < len; k += 64u) { put_(k, weigh_(-(group_above_(k) - log), dy_(k))); }
}
