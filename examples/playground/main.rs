//! A playground in the browser: a small network learns to tell points of the plane apart, and shows everything that happens in it.
//!
//! ```text
//! cargo run --release --example playground
//! ```
//!
//! It prints the address of its page, on this machine alone. The page draws the decision surface, the response of each hidden unit, the
//! linear regions, the losses, the gradient norms by layer and the diagnosis while the network is trained here, by this library. It
//! can be paused and stepped, and shows the lecture's table of the forward and the backward pass of one sample. The address of the page
//! has all settings, and the same settings give the same run, to the bit.
//!
//! | file | what it does |
//! |---|---|
//! | `http.rs` | answers requests of this machine's own page, and no others |
//! | `pages.rs` | what each address answers; the runs that are open |
//! | `controls.rs`, `settings.rs`, `data.rs` | what can be chosen, the settings, and the samples |
//! | `run.rs` | the network and its training |
//! | `frame.rs`, `lesson.rs` | what is drawn after a step, and the table of a sample |
//! | `web/` | the page |

mod controls;
mod data;
mod frame;
mod http;
mod lesson;
mod pages;
mod run;
mod settings;

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};

use clap::Parser;

use pages::Pages;

#[derive(Parser)]
#[command(about = "A playground in the browser")]
struct Options {
    /// The port of the page; 0 takes one that is free
    #[arg(long, default_value_t = 8420)]
    port: u16,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { port } = Options::parse();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("port {port} cannot be used: {error}; choose another one by --port"))?;
    println!("the playground is at http://{}/ (Ctrl-C ends it)", listener.local_addr()?);
    let pages = Pages::default();
    http::serve(&listener, move |request| pages.answer(request))?;
    Ok(())
}
