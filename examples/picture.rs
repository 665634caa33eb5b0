//! Prints a tape as assignments, and as a picture of its values or gradients.
//!
//!     cargo run --example picture
//!     cargo run --example picture -- mermaid           # for a Markdown page
//!     cargo run --example picture -- dot | dot -Tsvg > tape.svg

use std::process::ExitCode;

use autograd::Tape;
use tape_examples::shared_net::Net;

fn main() -> ExitCode {
    let net = Net::default();
    let tape = Tape::new();
    let loss = net.record(&tape);
    let grads = loss.backward_all();
    match std::env::args().nth(1).as_deref() {
        None => {
            println!("{tape}");
            println!("{}", loss.verify());
        }
        Some("mermaid") => print!("{}", tape.picture().gradients(&grads).mermaid()),
        Some("dot") => print!("{}", tape.picture().gradients(&grads).dot()),
        Some(other) => {
            eprintln!("picture: `{other}` is neither `mermaid` nor `dot`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
