//! Wrong rules, put into graphs drawn at random: the checker catches them.

#[path = "../../examples/checker_mutations.rs"]
mod mutations;

/// Of each size by itself, 99 % of the wrong rules at least.
#[test]
fn wrong_rules_are_caught_at_every_size() {
    for (size, each) in [(1, 20), (10, 20), (1_000, 2)] {
        let found = mutations::WRONG.map(|(wrong, _)| mutations::caught(wrong, size, each));
        let (caught, tried) = found.iter().fold((0, 0), |sum, found| (sum.0 + found.0, sum.1 + found.1));
        assert!(100 * (tried - caught) <= tried, "{caught} of {tried} are caught at size {size}");
    }
}

/// The whole table, as the example prints it.
#[test]
#[ignore = "takes minutes: cargo run --release --example checker_mutations"]
fn the_table_of_wrong_rules() {
    mutations::main();
}
