//! The pictures of the examples, as SVG: learning curves, and a sheet of misread digits.
#![allow(dead_code, reason = "an example may need only one of the pictures")]

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A label, and a value for every epoch, the first after epoch 1.
type Curve<'a> = (&'a str, &'a [f64]);
/// The pixels of a digit, what it is, and what it was taken for.
type Digit<'a> = (&'a [f64], usize, usize);
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Draws loss and accuracy against the epoch, side by side.
///
/// Accuracies lie between 0 and 1. Values beyond 10³⁰, and NaN, are left out. Missing folders are made.
///
/// # Errors
/// If the file cannot be written.
pub fn learning_curves(path: impl AsRef<Path>, loss: &[Curve], accuracy: &[Curve]) -> Drawn {
    write(path.as_ref(), &render((960, 380), |root| draw_curves(root, loss, accuracy))?)
}

/// Draws digits of 8 × 8 pixels from 0, paper, to 16, ink, row by row, each over `actual → predicted`.
///
/// Missing folders are made.
///
/// # Errors
/// If the file cannot be written, or a digit does not have 64 pixels.
pub fn digit_sheet(path: impl AsRef<Path>, digits: &[Digit]) -> Drawn {
    if let Some((pixels, ..)) = digits.iter().find(|(pixels, ..)| pixels.len() != 64) {
        return Err(format!("a digit has 8 × 8 = 64 pixels, not {}", pixels.len()).into());
    }
    let svg = render(sheet_size(digits.len()), |root| draw_digits(root, digits))?;
    let without_seams = svg.replacen("<svg ", r#"<svg shape-rendering="crispEdges" "#, 1);
    write(path.as_ref(), &without_seams)
}

/// Coordinates are whole quarters of a pixel, lest curves have steps.
const PX: i32 = 4;
const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
const MUTED: RGBColor = RGBColor(0x6b, 0x72, 0x80);
const HAIRLINE: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
const PAPER: RGBColor = RGBColor(0xf3, 0xf4, 0xf6);
/// Blue, vermilion, green and purple after Okabe and Ito, which colour-blind readers tell apart.
const CURVES: [RGBColor; 4] =
    [RGBColor(0x00, 0x72, 0xb2), RGBColor(0xd5, 0x5e, 0x00), RGBColor(0x00, 0x9e, 0x73), RGBColor(0xcc, 0x79, 0xa7)];

fn draw_curves(root: &Area, loss: &[Curve], accuracy: &[Curve]) -> Drawn {
    let (left, right) = root.split_horizontally((50).percent_width());
    let (least, largest) = (all(loss).fold(0.0, f64::min), all(loss).fold(0.0, f64::max));
    let top = if largest > least { largest + 0.05 * (largest - least) } else { least + 1.0 };
    draw_panel(&left, "Loss", loss, least..top, significant)?;

    let worst = all(accuracy).fold(1.0, f64::min);
    let bottom = [0.9, 0.5].into_iter().find(|&y| y <= worst).unwrap_or(0.0);
    draw_panel(&right, "Accuracy", accuracy, bottom..1.0, |y| format!("{:.1} %", 100.0 * y).replace(".0 %", " %"))
}

fn all<'a>(curves: &'a [Curve]) -> impl Iterator<Item = f64> + 'a {
    curves.iter().flat_map(|(_, values)| values.iter().copied()).filter(drawable)
}

/// Neither NaN nor infinite, nor so large or small that the axis cannot be divided.
fn drawable(y: &f64) -> bool {
    *y == 0.0 || (1e-30..1e30).contains(&y.abs())
}

/// Three significant digits.
fn significant(y: f64) -> String {
    if y != 0.0 && !(1e-3..1e6).contains(&y.abs()) {
        return format!("{y:.2e}");
    }
    let digits = if y == 0.0 { 0 } else { (2 - y.abs().log10().floor() as i32).max(0) };
    let text = format!("{y:.0$}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Title, a legend with the last values, and the curves over horizontal lines.
fn draw_panel(area: &Area, title: &str, curves: &[Curve], range: Range<f64>, format: impl Fn(f64) -> String) -> Drawn {
    let epochs = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let mut chart = ChartBuilder::on(area)
        .margin_top(72 * PX)
        .margin_right(24 * PX)
        .margin_bottom(8 * PX)
        .x_label_area_size(44 * PX)
        .y_label_area_size(64 * PX)
        .build_cartesian_2d(1.0..epochs.max(2) as f64, range)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(line(1, HAIRLINE))
        .light_line_style(TRANSPARENT)
        .axis_style(line(1, HAIRLINE))
        .set_all_tick_mark_size(4 * PX)
        .x_labels(epochs.clamp(2, 8))
        .y_labels(6)
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x:.0}") } else { String::new() })
        .y_label_formatter(&|y| format(*y))
        .x_desc(if epochs == 0 { "no epochs" } else { "epoch" })
        .label_style(text(13, MUTED))
        .draw()?;

    area.draw(&Text::new(title.to_owned(), (64 * PX, 14 * PX), text(18, INK)))?;
    let (mut x, y) = (64 * PX, 52 * PX);
    for ((label, values), &color) in curves.iter().zip(CURVES.iter().cycle()) {
        let points = (1..).map(f64::from).zip(values.iter().copied()).filter(|(_, y)| drawable(y));
        chart.draw_series(LineSeries::new(points.clone(), line(2, color)))?;
        let last = points.last();
        chart.draw_series(last.map(|point| Circle::new(point, 3 * PX, color.filled())))?;

        let entry = last.map_or(label.to_string(), |(_, y)| format!("{label} {}", format(y)));
        let width = 7 * PX * entry.chars().count() as i32;
        area.draw(&PathElement::new([(x, y), (x + 18 * PX, y)], line(2, color)))?;
        area.draw(&Text::new(entry, (x + 24 * PX, y), text(13, INK).pos(Pos::new(HPos::Left, VPos::Center))))?;
        x += 24 * PX + width + 24 * PX;
    }
    Ok(())
}

fn line(width: i32, color: RGBColor) -> ShapeStyle {
    color.stroke_width((width * PX) as u32)
}

fn text(size: i32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size * PX).into_font().color(&color)
}

/// Digits side by side; the side of a pixel, the step from a digit to the next, and where the first is.
const ACROSS: usize = 8;
const PIXEL: i32 = 9 * PX;
const STEP: (i32, i32) = (104 * PX, 124 * PX);
const ORIGIN: (i32, i32) = (32 * PX, 76 * PX);

fn sheet_size(digits: usize) -> (i32, i32) {
    let (across, down) = (digits.clamp(3, ACROSS) as i32, digits.div_ceil(ACROSS) as i32);
    ((ORIGIN.0 + across * STEP.0) / PX, (ORIGIN.1 + down * STEP.1) / PX)
}

fn draw_digits(root: &Area, digits: &[Digit]) -> Drawn {
    let title = match digits.len() {
        0 => "No misread digits".to_owned(),
        1 => "1 misread digit".to_owned(),
        n => format!("{n} misread digits"),
    };
    root.draw(&Text::new(title, (ORIGIN.0, 22 * PX), text(18, INK)))?;
    if !digits.is_empty() {
        root.draw(&Text::new("actual → predicted", (ORIGIN.0, 46 * PX), text(13, MUTED)))?;
    }

    let anchor = |side| Pos::new(side, VPos::Top);
    for (i, (pixels, actual, predicted)) in digits.iter().enumerate() {
        let (x, y) = (ORIGIN.0 + (i % ACROSS) as i32 * STEP.0, ORIGIN.1 + (i / ACROSS) as i32 * STEP.1);
        let (side, gap) = (8 * PIXEL, 4 * PX);
        root.draw(&Rectangle::new([(x - gap, y - gap), (x + side + gap, y + side + gap)], PAPER.filled()))?;
        for (k, ink) in (0..).zip(pixels.iter().map(|ink| ink / 16.0)).filter(|(_, ink)| *ink > 0.0) {
            let mix = |paper: u8, dark: u8| (f64::from(paper) + ink * (f64::from(dark) - f64::from(paper))) as u8;
            let color = RGBColor(mix(PAPER.0, INK.0), mix(PAPER.1, INK.1), mix(PAPER.2, INK.2));
            let (x, y) = (x + k % 8 * PIXEL, y + k / 8 * PIXEL);
            root.draw(&Rectangle::new([(x, y), (x + PIXEL, y + PIXEL)], color.filled()))?;
        }
        let (middle, below) = (x + side / 2, y + side + 12 * PX);
        let words = [
            (actual.to_string(), middle - 12 * PX, HPos::Right, INK),
            ("→".to_owned(), middle, HPos::Center, MUTED),
            (predicted.to_string(), middle + 12 * PX, HPos::Left, CURVES[1]),
        ];
        for (word, x, side, color) in words {
            root.draw(&Text::new(word, (x, below), text(15, color).pos(anchor(side))))?;
        }
    }
    Ok(())
}

/// A picture of this many pixels, white where nothing is drawn.
fn render((width, height): (i32, i32), draw: impl FnOnce(&Area) -> Drawn) -> Result<String, Box<dyn Error>> {
    let (w, h) = ((PX * width) as u32, (PX * height) as u32);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (w, h)).into_drawing_area();
        root.fill(&WHITE)?;
        draw(&root)?;
        root.present()?;
    }
    let size = |w, h| format!(r#"width="{w}" height="{h}" "#);
    Ok(svg.replacen(&size(w, h), &size(width as u32, height as u32), 1))
}

fn write(path: &Path, svg: &str) -> Drawn {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, svg))
        .map_err(|error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_and_digits_are_labelled() {
        let curves =
            render((960, 380), |root| draw_curves(root, &[("train", &[2.0, 0.5])], &[("test", &[0.25])])).unwrap();
        assert!(["Loss", "Accuracy", "train 0.5", "test 25 %"].iter().all(|part| curves.contains(part)), "{curves}");
        let digits = render(sheet_size(1), |root| draw_digits(root, &[(&[16.0; 64], 3, 8)])).unwrap();
        assert!(digits.contains("1 misread digit"), "{digits}");
    }

    #[test]
    fn odd_values_are_drawn_too() {
        let odd: [&[f64]; 8] = [
            &[],
            &[0.0],
            &[f64::NAN],
            &[f64::INFINITY, 1.0],
            &[-1.0, -1.0],
            &[f64::MAX, f64::MIN],
            &[5e-324],
            &[1e-300, 2e100],
        ];
        for values in odd {
            render((960, 380), |root| draw_curves(root, &[("a", values)], &[("a", values)])).unwrap();
        }
        render((960, 380), |root| draw_curves(root, &[], &[])).unwrap();
        assert!(render(sheet_size(0), |root| draw_digits(root, &[])).unwrap().contains("No misread digits"));
        assert!(digit_sheet("unused.svg", &[(&[0.0; 63], 1, 2)]).is_err());
    }
}
