//! Draws a chart on its part of the picture: title, legend, areas, mesh, series, colour bar.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::chart::{Chart, ColorBar, Mark, Series};
use super::scale::{Scale, significant};
use super::style::{Area, Drawn, HAIRLINE, INK, MUTED, PX, label, line, series, shade, text, width};

/// The start of the plot area, and the margins on the other sides.
const LEFT: i32 = 72 * PX;
const TOP: i32 = 42 * PX;
const RIGHT: i32 = 20 * PX;
const BOTTOM: i32 = 50 * PX;
/// The margin outside the labels of the axes.
const GAP: i32 = 12 * PX;
/// The width of a colour bar, and the height of a line of the legend.
const BAR: i32 = 72 * PX;
const ROW: i32 = 20 * PX;

pub(super) fn chart(area: &Area, chart: &Chart) -> Drawn {
    let (x, y) = chart.scales();
    let (w, h) = (area.dim_in_pixel().0 as i32, area.dim_in_pixel().1 as i32);
    label(area, &chart.title, (LEFT, 22 * PX), HPos::Left, 17, INK)?;
    let top = TOP + legend(area, chart, &y, w)? + 10 * PX;
    let right = RIGHT + if chart.bar.is_some() { BAR } else { 0 };
    let (mut free_x, mut free_y) = (0, 0);
    if chart.square {
        let (pw, ph) = ((w - LEFT - right) as f64, (h - top - BOTTOM) as f64);
        let (dx, dy) = (x.range.end - x.range.start, y.range.end - y.range.start);
        let unit = (pw / dx).min(ph / dy);
        (free_x, free_y) = ((pw - unit * dx) as i32, (ph - unit * dy) as i32);
    }

    let mut builder = ChartBuilder::on(area);
    builder
        .margin_top(top)
        .margin_left(GAP)
        .margin_right(right + free_x)
        .margin_bottom(GAP + free_y)
        .x_label_area_size(BOTTOM - GAP)
        .y_label_area_size(LEFT - GAP);
    let mut context = builder.build_cartesian_2d(x.clone(), y.clone())?;
    context
        .configure_mesh()
        .bold_line_style(line(1.0, HAIRLINE))
        .light_line_style(TRANSPARENT)
        .axis_style(line(1.0, HAIRLINE))
        .set_all_tick_mark_size(4 * PX)
        .x_labels(7)
        .y_labels(6)
        .x_label_formatter(&|v| chart.x.text(&x, *v))
        .y_label_formatter(&|v| chart.y.text(&y, *v))
        .x_desc(chart.x.name.clone())
        .y_desc(chart.y.name.clone())
        .label_style(text(12, MUTED))
        .axis_desc_style(text(13, MUTED))
        .draw()?;

    let plot = context.plotting_area();
    for area in &chart.areas {
        plot.draw(&Polygon::new(area.corners.clone(), area.fill.filled()))?;
        if area.outlined {
            let closed = area.corners.iter().chain(area.corners.first()).copied();
            plot.draw(&PathElement::new(closed.collect::<Vec<_>>(), line(0.5, WHITE)))?;
        }
    }
    let shown = |(a, b): &(f64, f64)| x.contains(*a) && y.contains(*b);
    for one in &chart.series {
        let color = series(one.color);
        match one.mark {
            Mark::Line | Mark::Curve => {
                for run in one.points.split(|p| !shown(p)).filter(|run| !run.is_empty()) {
                    plot.draw(&PathElement::new(run, line(1.75, color)))?;
                }
            }
            Mark::Dashed => {
                for run in one.points.split(|p| !shown(p)).filter(|run| !run.is_empty()) {
                    plot.draw(&DashedPathElement::new(run.to_vec(), 5 * PX, 4 * PX, line(1.5, color)))?;
                }
            }
            Mark::Dots => {
                // Dots are larger if there are few.
                let radius = if one.points.len() > 200 { 9 } else { 13 };
                for point in one.points.iter().filter(|p| shown(p)) {
                    plot.draw(&Circle::new(*point, radius + 3, WHITE.filled()))?;
                    plot.draw(&Circle::new(*point, radius, color.filled()))?;
                }
            }
            Mark::Bars(width) => {
                let foot = if y.log { y.range.start } else { y.range.start.max(0.0) };
                for (at, height) in one.points.iter().filter(|(a, b)| x.contains(*a) && Scale::drawable(*b, y.log)) {
                    let height = height.clamp(y.range.start, y.range.end);
                    let corners = [(at - 0.5 * width, foot), (at + 0.5 * width, height)];
                    plot.draw(&Rectangle::new(corners, color.filled()))?;
                }
            }
        }
        if let (Mark::Curve, Some(last)) = (one.mark, one.points.iter().rfind(|p| shown(p))) {
            plot.draw(&Circle::new(*last, 3 * PX, color.filled()))?;
        }
    }
    if let Some(bar) = &chart.bar {
        color_bar(area, bar, (w - right - free_x + 18 * PX, top), h - BOTTOM - free_y)?;
    }
    Ok(())
}

/// Draws lines of legend entries below the title; returns their height.
fn legend(area: &Area, chart: &Chart, y: &Scale, w: i32) -> Result<i32, Box<dyn std::error::Error>> {
    let named: Vec<&Series> = chart.series.iter().filter(|series| !series.label.is_empty()).collect();
    let (mut at, mut row) = (LEFT, 0);
    for one in &named {
        let last = one.points.iter().rev().find(|p| Scale::drawable(p.1, y.log));
        let words = match (one.mark, last) {
            (Mark::Curve, Some((_, last))) if chart.y.percent => format!("{} {}", one.label, chart.y.text(y, *last)),
            (Mark::Curve, Some((_, last))) => format!("{} {}", one.label, significant(*last)),
            _ => one.label.clone(),
        };
        let length = 24 * PX + width(&words, 13) + 16 * PX;
        if at > LEFT && at + length > w {
            (at, row) = (LEFT, row + 1);
        }
        let (middle, color) = (TOP + row * ROW + 4 * PX, series(one.color));
        match one.mark {
            Mark::Line | Mark::Curve => {
                area.draw(&PathElement::new([(at, middle), (at + 18 * PX, middle)], line(1.75, color)))?;
            }
            Mark::Dashed => {
                for dash in [at, at + 11 * PX] {
                    area.draw(&PathElement::new([(dash, middle), (dash + 7 * PX, middle)], line(1.5, color)))?;
                }
            }
            Mark::Dots => area.draw(&Circle::new((at + 11 * PX, middle), 13, color.filled()))?,
            Mark::Bars(_) => {
                let corners = [(at + 4 * PX, middle - 5 * PX), (at + 14 * PX, middle + 5 * PX)];
                area.draw(&Rectangle::new(corners, color.filled()))?;
            }
        }
        label(area, &words, (at + 24 * PX, middle), HPos::Left, 13, INK)?;
        at += length;
    }
    Ok(if named.is_empty() { 0 } else { (row + 1) * ROW })
}

/// The bands of a surface from low to high, with their levels.
fn color_bar(area: &Area, bar: &ColorBar, (x, top): (i32, i32), bottom: i32) -> Drawn {
    let at = |z: f64| {
        let part = (z - bar.range.start) / (bar.range.end - bar.range.start);
        bottom - (part * f64::from(bottom - top)) as i32
    };
    let starts = [bar.range.start].into_iter().chain(bar.levels.iter().copied());
    for (k, start) in starts.enumerate() {
        let end = bar.levels.get(k).copied().unwrap_or(bar.range.end);
        let color = shade(k as f64 / bar.levels.len().max(1) as f64);
        area.draw(&Rectangle::new([(x, at(end)), (x + 12 * PX, at(start))], color.filled()))?;
    }
    let every = bar.levels.len().div_ceil(8).max(1);
    for &level in bar.levels.iter().step_by(every) {
        label(area, &significant(level), (x + 17 * PX, at(level)), HPos::Left, 12, MUTED)?;
    }
    label(area, &bar.name, (x + 12 * PX, top - 14 * PX), HPos::Center, 12, MUTED)
}
