//! The style: colours, lines, text.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Coordinates are multiples of a quarter of a pixel, so that curves have no visible steps.
pub(super) const PX: i32 = 4;
pub(super) const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
pub(super) const MUTED: RGBColor = RGBColor(0x6b, 0x72, 0x80);
pub(super) const HAIRLINE: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
pub(super) const PAPER: RGBColor = RGBColor(0xf3, 0xf4, 0xf6);

/// Blue, vermilion, green, purple, orange, sky and black after Okabe and Ito, which colour-blind readers can distinguish.
const SERIES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x33, 0x33),
];

/// From dark violet over green to yellow: colours of the map viridis, which keep their order when printed in grey.
const SHADES: [RGBColor; 7] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x44, 0x39, 0x83),
    RGBColor(0x31, 0x68, 0x8e),
    RGBColor(0x21, 0x91, 0x8c),
    RGBColor(0x35, 0xb7, 0x79),
    RGBColor(0x90, 0xd7, 0x43),
    RGBColor(0xfd, 0xe7, 0x25),
];

/// The colour of the series or class with this index.
pub(super) fn series(k: usize) -> RGBColor {
    SERIES[k % SERIES.len()]
}

/// The colour of a value from 0 to 1.
pub(super) fn shade(part: f64) -> RGBColor {
    let at = part.clamp(0.0, 1.0) * (SHADES.len() - 1) as f64;
    let k = (at as usize).min(SHADES.len() - 2);
    mix(SHADES[k], SHADES[k + 1], at - k as f64)
}

pub(super) fn mix(from: RGBColor, to: RGBColor, part: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// A line this many pixels wide.
pub(super) fn line(width: f64, color: RGBColor) -> ShapeStyle {
    color.stroke_width((width * f64::from(PX)) as u32)
}

pub(super) fn text(size: i32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size * PX).into_font().color(&color)
}

/// Text at a position, which is the middle of its height and its start, end or middle.
pub(super) fn label(area: &Area, words: &str, (x, y): (i32, i32), side: HPos, size: i32, color: RGBColor) -> Drawn {
    Ok(area.draw(&Text::new(words.to_owned(), (x, y), text(size, color).pos(Pos::new(side, VPos::Center))))?)
}

/// The approximate width of a text.
pub(super) fn width(words: &str, size: i32) -> i32 {
    (0.5 * f64::from(PX * size) * words.chars().count() as f64) as i32
}
