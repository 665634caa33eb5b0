//! Tests of valid and invalid files.

use std::io;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Dataset<f64> {
    Csv::new().from_reader(text.as_bytes(), "test.csv").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_header_is_found_or_declared() {
    assert_eq!(read("a,b,kind\n1,2,0\n").feature_names, ["a", "b"]);
    assert_eq!(read("1,2,0\n").feature_names, [""; 0]);
    let csv = |header| Csv::new().header(header).from_reader::<f64>("1,2,0\n3,4,1\n".as_bytes(), "").unwrap();
    assert_eq!(csv(Header::Yes).feature_names, ["1", "2"]);
    assert_eq!((csv(Header::Yes).len(), csv(Header::No).len()), (1, 2));
}

#[test]
fn blanks_quotes_and_marks_are_passed_over() {
    let plain = read("a,b,kind\n1,2,oak\n3,4,elm\n");
    assert_eq!(read("\u{feff}a, b ,kind\r\n\r\n1,\"2\",\"oak\"\r\n\r\n  \r\n 3 ,4,elm\n "), plain);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (m, x) in (1usize..5).prop_flat_map(|m| (Just(m), prop::collection::vec(prop::collection::vec(
            any::<f64>().prop_filter("finite", |x| x.is_finite()), m), 1..10))),
        names: bool,
    ) {
        let label = |n: usize| if names { format!("class {}", n % 3) } else { (n % 3).to_string() };
        let line = |(n, x): (usize, &Vec<f64>)| {
            x.iter().map(f64::to_string).chain([label(n)]).collect::<Vec<_>>().join(",") + "\n"
        };
        let text: String = x.iter().enumerate().map(line).collect();
        let data = read(&text);
        prop_assert_eq!(data.x, Matrix::from_vec(m, x.len(), x.concat()));
        prop_assert_eq!(data.t, (0..x.len()).map(|n| n % 3).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_panic(text in prop::collection::vec(prop::sample::select(b"1a.,-e;\"\r\n \xff".to_vec()), 0..40)) {
        for csv in [Csv::new(), Csv::new().header(Header::Yes).delimiter(b';'), Csv::new().classes(["a"])] {
            match csv.from_reader::<f32>(&text[..], "test.csv") {
                Ok(data) => prop_assert!(data.x.cols() == data.t.len() && !data.is_empty()),
                Err(error) => prop_assert!(error.to_string().contains("expected"), "{error}"),
            }
        }
    }
}

fn error(csv: &Csv, text: impl AsRef<[u8]>) -> CsvError {
    csv.from_reader::<f32>(text.as_ref(), "test.csv").unwrap_err()
}

#[track_caller]
fn check(csv: &Csv, text: impl AsRef<[u8]>, parts: [&str; 3]) {
    let message = error(csv, text).to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn messages_say_where_and_what() {
    let csv = Csv::new();
    check(&csv, "a,b,k\n1,2,0\n1,,0", ["test.csv, line 3, column 2 (b)", "an empty cell", "fill it in"]);
    check(&csv, "1,2,0\n1,2,", ["line 2, column 3", "an empty cell", "fill it in"]);
    check(&csv, "1,2,0\n1,2.x,0", ["line 2, column 2:", "\"2.x\"", "expected a number"]);
    check(&csv, "1,two,0", ["line 1, column 2:", "\"two\"", "Header::Yes"]);
    check(&csv, "1,2,0\n1,0", ["line 2, column 3:", "found 2", "expected 3"]);
    check(&csv, "1,2,0\n1,2,3,4,0", ["line 2, column 4:", "found 5", "expected 3"]);
    check(&csv, "", ["test.csv, line 1", "an empty file", "add samples"]);
    check(&csv, "a,b,k\n", ["test.csv, line 2", "no row below the header", "add samples"]);
    check(&csv, "1;2;0", ["line 1, column 1:", "\"1;2;0\"", "Csv::delimiter"]);
    check(&csv, "1,NaN,0", ["line 1, column 2:", "\"NaN\"", "finite as f32"]);
    check(&csv, "1,1e39,0", ["line 1, column 2:", "\"1e39\"", "finite as f32"]);
    check(&csv, b"1,2,0\n1,\xff,0", ["line 2, column 2:", "not UTF-8", "save the file"]);
    check(&csv, "1,0\n1,-1", ["line 2, column 2:", "the class \"-1\"", "an integer from 0 to 65535"]);
    check(&csv, "1,elm\n\n1,0", ["line 3, column 2:", "the class \"0\"", "a name"]);
    check(&csv.clone().classes(["a", "b"]), "1,c", ["line 1, column 2:", "the class \"c\"", "one of [\"a\", \"b\"]"]);
    check(&csv.header(Header::No), "a,b,k\n", ["line 1, column 1:", "\"a\"", "expected a number"]);
}

#[test]
fn files() {
    let missing = read_csv::<f32>("no/such/file.csv").unwrap_err();
    assert_eq!(std::error::Error::source(&missing).map(|source| source.is::<io::Error>()), Some(true));
    assert!(missing.to_string().starts_with("no/such/file.csv: file not found; check the path"));
    assert!(matches!(read_csv::<f32>("."), Err(CsvError::Read { .. })));
}

#[test]
fn long_cells_are_cut() {
    let message = error(&Csv::new(), format!("1,{},0", "ä".repeat(1000))).to_string();
    assert!(message.contains("äää…") && message.len() < 300, "{message}");
}

proptest! {
    #[test]
    fn the_line_and_column_are_those_of_the_cell(
        rows in 1usize..10, columns in 1usize..5, row: prop::sample::Index, column: prop::sample::Index,
        blank in 0usize..3, newline in prop::sample::select(vec!["\n", "\r\n", "\r"]), header: bool,
    ) {
        let (row, column) = (row.index(rows), column.index(columns));
        let mut lines = vec![String::new(); blank];
        if header {
            lines.push("name,".repeat(columns) + "kind");
        }
        for i in 0..rows {
            let cells = (0..columns).map(|j| if (i, j) == (row, column) { "bad," } else { "1," });
            lines.extend(vec![String::new(); blank]);
            lines.push(cells.collect::<String>() + "0");
        }
        let header = if header { Header::Yes } else { Header::No };
        let line = 1 + lines.iter().position(|line| line.contains("bad")).unwrap();
        match error(&Csv::new().header(header), lines.join(newline)) {
            CsvError::NotANumber { at, found, .. } => prop_assert_eq!((at.line, at.column, &*found), (line, column + 1, "bad")),
            other => prop_assert!(false, "{other}"),
        }
    }
}
