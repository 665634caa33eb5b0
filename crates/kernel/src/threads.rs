//! Large loops, split over threads.

/// Loops of fewer entries are not split: handing a part to another thread takes some microseconds.
const PART: usize = 1 << 15;

/// Calls `f(start, part)` for the parts of `y`, on the threads of rayon's current pool if it has several.
///
/// The value that `f` writes to an entry must not depend on the part that contains it. Then the bits do not depend on the
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

/// Calls both closures, on two threads if there are two. They are passed as pointers, which costs nothing at run time and ends
/// rustc's search for cycles of calls here.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let join: fn(_, _) -> _ = rayon_core::join;
    join(a, b)
}

/// Calls `f` for every item, on several threads if the items are large enough together: `size` gives the entries of an item.
pub fn each_in_parts<X: Send>(items: &mut [X], size: impl Fn(&X) -> usize, f: impl Fn(&mut X) + Sync + Send) {
    if items.iter().map(size).sum::<usize>() < 2 * PART || rayon_core::current_num_threads() == 1 {
        return items.iter_mut().for_each(f);
    }
    let f = &f;
    rayon_core::scope(|scope| items.iter_mut().for_each(|item| scope.spawn(move |_| f(item))));
}
