//! Pictures: the requested elements are drawn, unusual numbers are handled, and files are written atomically.

use std::fs;

use nn::Matrix;
use nn::plot::{Chart, Figure, Images, PlotError};

/// The number of elements of a kind in a picture, without the paper.
fn count(svg: &str, element: &str) -> usize {
    svg.matches(&format!("<{element} ")).count() - usize::from(element == "rect")
}

#[test]
fn series_are_drawn_with_their_legend() {
    let points = [(1.0, 1.0), (2.0, 4.0), (3.0, 9.0)];
    let plain = Chart::new("").line("", points).to_svg();
    let check = |chart: Chart, element, more| {
        let svg = chart.to_svg();
        assert_eq!(count(&svg, element) - count(&plain, element), more, "{element}: {svg}");
    };
    let dots = |label| Chart::new("").line("", points).dots(label, points);
    check(dots(""), "circle", 6); // each with a white rim
    check(dots("squares"), "circle", 7);
    check(Chart::new("").line("", points).bars("", &[1.0, 4.0]), "rect", 2);
    check(Chart::new("").line("", points).histogram("", &[1.0, 1.0, 3.0], 4), "rect", 4);
    check(Chart::new("").line("", points).polygon(points, 0.5), "polygon", 1);
    // A missing value makes a gap: a line in two parts.
    let gap = [(1.0, 1.0), (1.5, 2.0), (2.0, f64::NAN), (2.5, 3.0), (3.0, 9.0)];
    check(Chart::new("").line("", gap), "polyline", 1);
    assert!(Chart::new("").curve("training", &[0.9, 0.25]).to_svg().contains("training 0.25"));
    assert!(Chart::new("").percent().curve("test", &[0.9, 0.985]).to_svg().contains("test 98.5 %"));
    assert!(Chart::new("").x_names(["weight", "bias"]).bars("", &[1.0, 2.0]).to_svg().contains("weight"));
}

#[test]
fn words_cannot_break_the_picture() {
    let svg = Chart::new("<b> & \" opacity=\"1\"").to_svg();
    assert!(svg.contains("&lt;b&gt; &amp;") && !svg.contains("<b>"), "{svg}");
}

#[test]
fn metrics_of_any_name_are_drawn() {
    for name in ["µ-error", "ß", "", "_", "精度", "validation_µ-error"] {
        let mut history = nn::train::History::default();
        history.push([("loss", 1.0), (name, 0.5)]);
        assert!(history.figure().to_svg().contains("</svg>"), "{name}");
    }
}

#[test]
fn regions_are_those_of_the_largest_score() {
    // Three sectors, and a disk by one score.
    let linear = |x: &Matrix<f64>| Matrix::from_fn(3, x.cols(), |k, n| [x[(0, n)], x[(1, n)], -x[(0, n)]][k]);
    let disk = |x: &Matrix<f64>| Matrix::from_fn(1, x.cols(), |_, n| 0.5 - x[(0, n)].hypot(x[(1, n)]));
    let draw = |regions: Chart| count(&regions.to_svg(), "polygon");
    assert_eq!(draw(Chart::new("").regions(-1.0..1.0, -1.0..1.0, 30, linear)), 3);
    assert_eq!(draw(Chart::new("").regions(-1.0..1.0, -1.0..1.0, 30, disk)), 2);
}

#[test]
fn odd_numbers_are_drawn_too() {
    let odd = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324, 1e-300, 2e100, 1e300];
    let draw = |chart: Chart| {
        for chart in [chart.clone(), chart.clone().log_x(), chart.clone().log_y(), chart.square()] {
            assert!(chart.to_svg().ends_with("</svg>\n"));
        }
    };
    draw(Chart::new(""));
    draw(Chart::new("").curve("nothing", &[]).dots("nothing", []).bars("nothing", &[]).histogram("nothing", &[], 0));
    for a in odd {
        for b in odd {
            let points = || [(a, b), (b, a)];
            draw(Chart::new("").curve("a", &[a, b]).line("b", points()).dots("c", points()).dashed("d", points()));
            draw(Chart::new("").bars("a", &[a, b]).histogram("b", &[a, b], 3).polygon(points(), a));
            draw(Chart::new("").line("", points()).x_range(a..b).y_range(b..a));
        }
        draw(Chart::new("").surface("z", -1.0..1.0, 0.0..2.0, &Matrix::from_fn(4, 3, |i, _| [a, 1.0, 2.0, a][i])));
        Images::new("").image(1, &[a], "").to_svg();
    }
    draw(Chart::new("").surface("z", 0.0..0.0, 1.0..0.0, &Matrix::zeros(0, 0)));
    Figure::new().columns(0).panel_size(0, u32::MAX).to_svg();
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let figure = || {
        let z = Matrix::from_fn(20, 20, |i, j| (i as f64 / 3.0).sin() * (j as f64 / 4.0).cos());
        Figure::new().with(Chart::new("a").surface("z", 0.0..1.0, 0.0..1.0, &z)).with(Images::new("b").image(
            2,
            &[0.0, 1.0, 0.5, 0.2],
            "x",
        ))
    };
    assert_eq!(figure().to_svg(), figure().to_svg());
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = std::env::temp_dir().join(format!("nn-plot-test-{}", std::process::id()));
    let path = folder.join("new/one.svg");
    let chart = Chart::new("One");
    chart.save(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), chart.to_svg());
    assert_eq!(fs::read_dir(folder.join("new")).unwrap().count(), 1, "no temporary file is left");
    let PlotError { path: named, .. } = Chart::new("Two").save(path.join("two.svg")).unwrap_err();
    assert_eq!(named, path.join("two.svg"));
    assert!(Chart::new("Two").save("").is_err());
    fs::remove_dir_all(&folder).unwrap();
}
