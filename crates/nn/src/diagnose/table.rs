//! A diagnosis as text.

use std::fmt;

use super::{Diagnosis, LayerReport};

/// With more layers than this, only the first and last are shown.
const SHOWN: usize = 20;
const ENDS: usize = 8;

const HEAD: [&str; 11] =
    ["layer", "units", "mean z", "rms z", "spread", "dead", "saturated", "rms δ", "rms w", "rms ∇w", "Δw / w"];

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, all) = (self.layers.len(), f.alternate() || self.layers.len() <= SHOWN);
        let mut table = vec![HEAD.map(str::to_owned)];
        for (k, layer) in self.layers.iter().enumerate() {
            if all || k < ENDS || k >= count - ENDS {
                table.push(cells(layer));
            } else if k == ENDS {
                let mut dots = HEAD.map(|_| String::new());
                dots[0] = format!("… {} more", count - 2 * ENDS);
                table.push(dots);
            }
        }
        // A column that is empty in all layers is left out.
        let has = |column: usize| table[1..].iter().any(|row| !["", "–"].contains(&&*row[column]));
        let columns: Vec<usize> = (0..HEAD.len()).filter(|&column| has(column)).collect();
        let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        for row in &table {
            let cells = columns.iter().map(|&column| match column {
                0 => format!("{:<1$}", row[0], width(0)),
                _ => format!("{:>1$}", row[column], width(column)),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        writeln!(f, "loss {:.4e}, ‖∇‖ {:.1e}", self.loss, self.gradient)?;
        match &self.findings[..] {
            [] => write!(f, "nothing stands out"),
            findings => {
                let lines: Vec<String> = findings.iter().map(|finding| format!("- {finding}")).collect();
                write!(f, "{}", lines.join("\n"))
            }
        }
    }
}

fn cells(layer: &LayerReport) -> [String; 11] {
    let number = |x: f64| if x == 0.0 { "0".to_owned() } else { format!("{x:.1e}") };
    let maybe = |x: Option<f64>| x.map_or("–".to_owned(), number);
    let plain = |x: f64| if x != 0.0 && x.abs() < 0.005 || x.abs() >= 1e4 { number(x) } else { format!("{x:.2}") };
    let share = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{:.0} %", 100.0 * x));
    [
        layer.name.clone(),
        layer.units.to_string(),
        plain(layer.mean),
        plain(layer.rms),
        layer.spread.map_or("–".to_owned(), plain),
        share(layer.dead),
        share(layer.saturated),
        maybe(layer.delta),
        plain(layer.weight),
        maybe(layer.weight_gradient),
        maybe(layer.update),
    ]
}
