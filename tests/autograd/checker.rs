//! Random graphs: the checker catches wrong rules, and blames no right graph.

#[path = "../../examples/common/mutations.rs"]
mod mutations;

/// At each size separately: at least 99 % of the wrong rules, and none of the right ones.
#[test]
fn wrong_rules_are_caught_at_every_size() {
    for (size, each) in [(1, 20), (10, 20), (1_000, 2)] {
        let found = mutations::WRONG.map(|(wrong, _)| mutations::caught(wrong, size, each));
        let (caught, tried) = found.iter().fold((0, 0), |sum, found| (sum.0 + found.0, sum.1 + found.1));
        assert!(100 * (tried - caught) <= tried, "{caught} of {tried} are caught at size {size}");
        let (blamed, _, right) = mutations::blamed(size, each);
        assert!(blamed == 0, "{blamed} of {right} right graphs are blamed at size {size}");
    }
}
