//! Pictures as SVG: curves, scatter, bars, histograms, surfaces, decision regions, small images. Feature `plot`.
//!
//! A [`Chart`] is a pair of axes with series between them; [`Images`] are small grey images side by side; a
//! [`Figure`] puts several panels into one file. All have the same style, and the same numbers give the same bytes.
//!
//! ```
//! use nn::plot::Chart;
//! # let folder = std::env::temp_dir().join(format!("nn-plot-{}", std::process::id()));
//! let (training, validation) = ([2.0, 0.8, 0.3, 0.1], [2.1, 1.0, 0.6, 0.5]);
//! Chart::new("Loss")
//!     .axes("epoch", "cross-entropy")
//!     .log_y()
//!     .curve("training", &training)
//!     .curve("validation", &validation)
//!     .save(folder.join("curves.svg"))?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # PNG
//! There is no PNG output, because it would need a rasteriser and fonts. `rsvg-convert curves.svg -o curves.png` converts a file.

mod chart;
mod contour;
mod draw;
mod images;
mod scale;
mod style;

use std::path::{Path, PathBuf};
use std::{fs, io};

use plotters::prelude::*;

pub use chart::Chart;
pub use images::Images;

use style::{Area, PX};

/// Panels side by side, in one file.
///
/// ```
/// use nn::plot::{Chart, Figure, Images};
/// let svg = Figure::new()
///     .with(Chart::new("Error").dots("measured", [(1.0, 0.5), (2.0, 0.25)]))
///     .with(Images::new("Digits").image(2, &[0.0, 1.0, 1.0, 0.0], "1 → 7"))
///     .to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("1 → 7"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Figure {
    panels: Vec<Panel>,
    columns: Option<usize>,
    size: Option<(u32, u32)>,
}

/// The panels of a [`Figure`].
#[derive(Clone, Debug)]
pub enum Panel {
    /// Axes with curves, dots, areas.
    Chart(Box<Chart>),
    /// Small grey images.
    Images(Images),
}

impl Figure {
    /// A figure without panels.
    pub fn new() -> Self {
        Figure::default()
    }

    /// Adds a panel: to the right of the last, or in a new row.
    #[must_use]
    pub fn with(mut self, panel: impl Into<Panel>) -> Self {
        self.panels.push(panel.into());
        self
    }

    /// Sets the number of panels in a row; the default is at most three.
    #[must_use]
    pub fn columns(self, columns: usize) -> Self {
        Figure { columns: Some(columns.max(1)), ..self }
    }

    /// Sets the size of a panel in pixels; the default is 480 × 380, or the size of the largest sheet of images.
    #[must_use]
    pub fn panel_size(self, width: u32, height: u32) -> Self {
        Figure { size: Some((width.clamp(160, 4000), height.clamp(160, 4000))), ..self }
    }

    /// The picture as text.
    pub fn to_svg(&self) -> String {
        let columns = self.columns.unwrap_or(self.panels.len().min(3)).clamp(1, self.panels.len().max(1));
        let rows = self.panels.len().div_ceil(columns).max(1);
        let needed = self.panels.iter().map(Panel::size).fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let (width, height) = self.size.unwrap_or(needed);
        render((width.max(160) * columns as u32, height.max(160) * rows as u32), |root| {
            for (area, panel) in root.split_evenly((rows, columns)).iter().zip(&self.panels) {
                match panel {
                    Panel::Chart(chart) => draw::chart(area, chart)?,
                    Panel::Images(images) => images.draw(area)?,
                }
            }
            Ok(())
        })
    }

    /// Writes the picture atomically, and creates missing folders.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| crate::atomic::write(path, self.to_svg().as_bytes()))
            .map_err(|source| PlotError { path: path.to_owned(), source })
    }
}

impl Panel {
    fn size(&self) -> (u32, u32) {
        match self {
            Panel::Chart(_) => (480, 380),
            Panel::Images(images) => images.size(),
        }
    }
}

impl From<Chart> for Panel {
    fn from(chart: Chart) -> Self {
        Panel::Chart(Box::new(chart))
    }
}

impl From<Images> for Panel {
    fn from(images: Images) -> Self {
        Panel::Images(images)
    }
}

/// Why a picture was not written.
///
/// ```
/// # let file = std::env::temp_dir().join(format!("nn-plot-error-{}", std::process::id()));
/// # std::fs::write(&file, "")?;
/// let error = nn::plot::Chart::new("Loss").save(file.join("curves.svg")).unwrap_err(); // `file` is not a folder
/// assert!(error.to_string().starts_with(&format!("{}: the picture was not written: ", error.path.display())));
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(thiserror::Error)]
#[error("{}: the picture was not written: {source}", .path.display())]
pub struct PlotError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

autograd::debug_as_display!(PlotError);

/// A picture of this size in pixels, on white.
fn render((width, height): (u32, u32), draw: impl FnOnce(&Area) -> style::Drawn) -> String {
    let (w, h) = (PX as u32 * width, PX as u32 * height);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (w, h)).into_drawing_area();
        let drawn = root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root)).and_then(|()| Ok(root.present()?));
        drawn.expect("drawing into a string cannot fail");
    }
    let size = |w, h| format!(r#"width="{w}" height="{h}" "#);
    // Defaults are left out.
    svg.replacen(&size(w, h), &size(width, height), 1).replace(r#" opacity="1""#, "").replace(r#" stroke="none""#, "")
}
