//! Small grey images side by side.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::style::{Area, Drawn, INK, MUTED, PAPER, PX, label, mix};
use super::{Figure, PlotError};

/// A sheet of small grey images, each with a caption, such as misclassified digits or the reconstructions of an
/// autoencoder.
///
/// ```
/// use nn::plot::Images;
/// let checker = [0.0, 1.0, 1.0, 0.0]; // row by row, from 0 for paper to 1 for ink
/// let svg = Images::new("Misread").note("actual → predicted").image(2, &checker, "3 → 8").to_svg();
/// assert!(["Misread", "actual → predicted", "3 → 8"].iter().all(|words| svg.contains(words)));
/// ```
#[derive(Clone, Debug)]
pub struct Images {
    title: String,
    note: String,
    columns: usize,
    images: Vec<Image>,
}

#[derive(Clone, Debug)]
struct Image {
    width: usize,
    ink: Vec<f64>,
    words: String,
}

/// The side of an image, the step from one to the next, and the position of the first, in pixels.
const SIDE: i32 = 72;
const STEP: (i32, i32) = (96, 112);
const ORIGIN: (i32, i32) = (28, 66);

impl Images {
    /// An empty sheet.
    pub fn new(title: &str) -> Self {
        Images { title: title.to_owned(), note: String::new(), columns: 8, images: Vec::new() }
    }

    /// Adds a line of explanation below the title.
    #[must_use]
    pub fn note(self, note: &str) -> Self {
        Images { note: note.to_owned(), ..self }
    }

    /// Sets the number of images in a row; the default is eight.
    #[must_use]
    pub fn columns(self, columns: usize) -> Self {
        Images { columns: columns.max(1), ..self }
    }

    /// Adds an image with `width` pixels in a row, row by row, from 0 for paper to 1 for ink, and a caption.
    ///
    /// # Panics
    /// If the number of pixels is not a multiple of `width`.
    #[must_use]
    #[track_caller]
    pub fn image(mut self, width: usize, pixels: &[f64], words: &str) -> Self {
        let rows = width > 0 && pixels.len().is_multiple_of(width);
        assert!(rows, "image: {} pixels are not rows of {width}", pixels.len());
        let ink = pixels.iter().map(|ink| if ink.is_finite() { ink.clamp(0.0, 1.0) } else { 0.0 });
        self.images.push(Image { width, ink: ink.collect(), words: words.to_owned() });
        self
    }

    /// The picture as text.
    pub fn to_svg(&self) -> String {
        Figure::new().with(self.clone()).to_svg()
    }

    /// Writes the picture atomically, and creates missing folders.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        Figure::new().with(self.clone()).save(path)
    }

    pub(super) fn size(&self) -> (u32, u32) {
        let across = self.images.len().clamp(3, self.columns.max(3)) as i32;
        let down = self.images.len().div_ceil(self.columns) as i32;
        ((ORIGIN.0 + across * STEP.0) as u32, (ORIGIN.1 + down * STEP.1) as u32)
    }

    pub(super) fn draw(&self, area: &Area) -> Drawn {
        let left = PX * ORIGIN.0;
        label(area, &self.title, (left, 22 * PX), HPos::Left, 17, INK)?;
        label(area, &self.note, (left, 44 * PX), HPos::Left, 13, MUTED)?;
        for (n, image) in self.images.iter().enumerate() {
            let (across, down) = ((n % self.columns) as i32, (n / self.columns) as i32);
            let (x, y) = (PX * (ORIGIN.0 + across * STEP.0), PX * (ORIGIN.1 + down * STEP.1));
            image.draw(area, (x, y))?;
            label(area, &image.words, (x + PX * SIDE / 2, y + PX * (SIDE + 14)), HPos::Center, 14, INK)?;
        }
        Ok(())
    }
}

impl Image {
    fn draw(&self, area: &Area, (x, y): (i32, i32)) -> Drawn {
        let (gap, side) = (3 * PX, PX * SIDE);
        area.draw(&Rectangle::new([(x - gap, y - gap), (x + side + gap, y + side + gap)], PAPER.filled()))?;
        let rows = self.ink.len() / self.width;
        let at = |k: usize| side * k as i32 / self.width.max(rows) as i32;
        // Neighbours with the same grey are one rectangle; the eye cannot distinguish more than 32 greys.
        let grey = |ink: f64| (32.0 * ink).round();
        for (i, row) in self.ink.chunks(self.width).enumerate() {
            let mut j = 0;
            for run in row.chunk_by(|a, b| grey(*a) == grey(*b)) {
                let corners = [(x + at(j), y + at(i)), (x + at(j + run.len()), y + at(i + 1))];
                let ink = grey(run[0]) / 32.0;
                if ink > 0.0 {
                    area.draw(&Rectangle::new(corners, mix(PAPER, INK, ink).filled()))?;
                }
                j += run.len();
            }
        }
        Ok(())
    }
}
