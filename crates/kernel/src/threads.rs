//! Large loops in parts, for as many threads.

/// Loops of fewer entries are not divided: a thread takes some microseconds to take over a part.
const PART: usize = 1 << 15;

/// `f(start, part)` for the parts of `y`, on the threads of rayon's current pool where it has several.
///
/// What `f` writes to an entry must not depend on the part that the entry is in; then the bits do not depend on the
/// number of threads.
pub fn in_parts<T: Send>(y: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    if y.len() < 2 * PART || rayon_core::current_num_threads() == 1 {
        return f(0, y);
    }
    halves(0, y, &f);
}

fn halves<T: Send>(start: usize, y: &mut [T], f: &(impl Fn(usize, &mut [T]) + Sync)) {
    if y.len() < 2 * PART {
        return f(start, y);
    }
    let middle = (y.len() / 2).next_multiple_of(64);
    let (a, b) = y.split_at_mut(middle);
    join(|| halves(start, a, f), || halves(start + middle, b, f));
}

/// Both closures, on two threads where there are two. By a pointer, which costs nothing once compiled: rustc's search for
/// cycles of calls, from everything that ends here, goes no further.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let join: fn(_, _) -> _ = rayon_core::join;
    join(a, b)
}

/// `f` of every item, on several threads if there is as much to do in all: `size` says how many entries an item has.
pub fn each_in_parts<X: Send>(items: &mut [X], size: impl Fn(&X) -> usize, f: impl Fn(&mut X) + Sync + Send) {
    if items.iter().map(size).sum::<usize>() < 2 * PART || rayon_core::current_num_threads() == 1 {
        return items.iter_mut().for_each(f);
    }
    let f = &f;
    rayon_core::scope(|scope| items.iter_mut().for_each(|item| scope.spawn(move |_| f(item))));
}
