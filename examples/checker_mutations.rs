//! Measures how often the checker catches a wrong rule, and how often it blames a right one.
//!
//! It draws random graphs, puts one wrong rule of a class into each, and counts. A wrong rule counts if it changes an entry of
//! the gradient by at least 1 % of that entry, or by 1 % of 10⁻⁸ of the largest entry if that is more.
//!
//!     cargo run --release --example checker_mutations -- [graphs per size and class]

use std::fmt::Write;

use mutations::{WRONG, blamed, caught};

#[path = "common/mutations.rs"]
mod mutations;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(100);
    let mut table = String::new();
    let sizes = [1, 10, 100, 1_000, 10_000, 100_000];
    writeln!(table, "| wrong rule | {} | caught |", sizes.map(|s| s.to_string()).join(" | ")).unwrap();
    writeln!(table, "|---|{}--:|", "--:|".repeat(sizes.len())).unwrap();
    let mut totals = (0, 0);
    for (wrong, name) in WRONG {
        let found = sizes.map(|size| caught(wrong, size, share(count, size)));
        let sum = found.iter().fold((0, 0), |sum, f| (sum.0 + f.0, sum.1 + f.1));
        totals = (totals.0 + sum.0, totals.1 + sum.1);
        let cells = found.map(|(caught, of)| if of == 0 { "–".to_string() } else { format!("{caught}/{of}") });
        writeln!(table, "| {name} | {} | {:.2} % |", cells.join(" | "), percent(sum)).unwrap();
    }
    let right = sizes.map(|size| blamed(size, 4 * share(count, size)));
    let cells = right.map(|(blamed, undecided, of)| format!("{blamed}+{undecided}/{of}"));
    let sum = right.iter().fold((0, 0), |sum, f| (sum.0 + f.0, sum.1 + f.2));
    writeln!(table, "| none: blamed + undecided | {} | {:.2} % |", cells.join(" | "), percent(sum)).unwrap();
    print!("{table}");
    println!(
        "\ncaught {} of {}: {:.2} %; blamed {} of {} right graphs",
        totals.0,
        totals.1,
        percent(totals),
        sum.0,
        sum.1
    );
}

fn percent((part, whole): (usize, usize)) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Large graphs are drawn less often.
fn share(count: usize, size: usize) -> usize {
    match size {
        0..=1_000 => count,
        1_001..=10_000 => count.div_ceil(4),
        _ => count.div_ceil(20),
    }
}
