//! Tables with columns of any kind: reading, encoding, and errors.

use std::io::Read;

use nn::Matrix;
use nn::data::{Csv, CsvError, Encoder, Encoding, Feature, Header, Missing, Table, Unknown};
use proptest::prelude::*;

const FLATS: &str = "\u{feff}id,rooms,energy,heating,price,kind\r\n\
    a1,3,B,gas,210,house\r\n\
    \r\n\
    a2,?,C,\"oil\nor wood\",150,flat\r\n\
    a3,5,A,gas,330,house\r\n\
    a4,4,B,NA,240,flat\r\n";

fn table(text: &str) -> Table {
    Csv::new().table_from_reader(text.as_bytes(), "test.csv").unwrap_or_else(|error| panic!("{error}"))
}

fn features(encoder: &Encoder, text: &str) -> Result<Matrix<f64>, CsvError> {
    encoder.features(&table(text))
}

/// The feature column that `feature` computes from the cells below `v`.
#[track_caller]
fn check(feature: Feature, cells: &[&str], rows: &[&[f64]]) {
    let table = table(&format!("v,w\n{},0\n", cells.join(",0\n")));
    let encoder = Encoding::new().column("v", feature).ignore("w").fit(&table).unwrap();
    let x = encoder.features::<f64>(&table).unwrap();
    assert_eq!(x.transpose().as_slice(), rows.concat());
    assert_eq!(encoder.feature_names().len(), rows.len());
}

/// The error for this table contains all these parts.
#[track_caller]
fn says(result: Result<impl Sized, CsvError>, parts: &[&str]) {
    tape_tests::says(result.err().expect("an error"), parts);
}

#[test]
fn marks_quotes_and_blank_lines() {
    let table = table(FLATS);
    assert_eq!(table.names().join(" "), "id rooms energy heating price kind");
    assert_eq!(table.len(), 4);
    assert_eq!(table.cell(1, 3), Some("oil\nor wood"));
    assert_eq!((table.cell(1, 1), table.cell(3, 3)), (None, None));
    assert_eq!(table.classes("kind").unwrap(), (vec![1, 0, 1, 0], vec!["flat".to_owned(), "house".to_owned()]));
}

#[test]
fn every_kind_of_column_at_once() {
    let table = table(FLATS);
    let encoder = Encoding::new()
        .ignore("id")
        .column("rooms", Feature::number().missing(Missing::Mean).indicator())
        .column("energy", Feature::ordinal(["C", "B", "A"]))
        .column("heating", Feature::one_hot().missing(Missing::Zero))
        .target("price")
        .class("kind")
        .fit(&table)
        .unwrap();
    let data = encoder.regression::<f64>(&table).unwrap();
    assert_eq!(data.feature_names, ["rooms", "rooms missing", "energy", "heating=gas", "heating=oil\nor wood"]);
    let expected =
        [[3.0, 4.0, 5.0, 4.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 2.0, 1.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]];
    assert_eq!(data.x, Matrix::from(expected));
    assert_eq!((data.t, data.target_names), (Matrix::row(&[210.0, 150.0, 330.0, 240.0]), vec!["price".to_owned()]));
    let data = encoder.classification::<f32>(&table).unwrap();
    assert_eq!((data.t, data.target_names.join(" ")), (vec![1, 0, 1, 0], "flat house".to_owned()));

    // Saved, loaded, and given columns in another order, without targets.
    let again: Encoder = serde_json::from_str(&serde_json::to_string(&encoder).unwrap()).unwrap();
    assert_eq!(again, encoder);
    let x = features(&again, "heating,rooms,energy\ngas,2.5,C\n").unwrap();
    assert_eq!(x, Matrix::column(&[2.5, 0.0, 0.0, 1.0, 0.0]));
}

#[test]
fn what_stands_for_missing_values() {
    let cells = ["1", "", "2", "2", "7"];
    let number = |missing| Feature::number().missing(missing);
    check(number(Missing::Mean), &cells, &[&[1.0, 3.0, 2.0, 2.0, 7.0]]);
    check(number(Missing::Median), &cells, &[&[1.0, 2.0, 2.0, 2.0, 7.0]]);
    check(number(Missing::Median), &["1", "4", "NA"], &[&[1.0, 4.0, 2.5]]);
    check(number(Missing::MostFrequent), &["7", "1", "?", "7", "1"], &[&[7.0, 1.0, 1.0, 7.0, 1.0]]);
    check(number(Missing::Zero).indicator(), &["3", "null"], &[&[3.0, 0.0], &[0.0, 1.0]]);

    let kind = |missing| Feature::one_hot().missing(missing);
    check(kind(Missing::MostFrequent), &["b", "", "b", "a"], &[&[0.0, 0.0, 0.0, 1.0], &[1.0, 1.0, 1.0, 0.0]]);
    check(kind(Missing::Zero).indicator(), &["b", "", "a"], &[&[0.0, 0.0, 1.0], &[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0]]);

    let size = |missing| Feature::ordinal(["s", "m", "l"]).missing(missing);
    check(size(Missing::Median), &["s", "l", "", "l"], &[&[0.0, 2.0, 2.0, 2.0]]);
    check(size(Missing::Mean), &["s", "l", ""], &[&[0.0, 2.0, 1.0]]);
}

#[test]
fn columns_that_nothing_is_said_about() {
    let encoder = Encoding::new().fit(&table("a,b\n1,x\n2,y\n3,x\n")).unwrap();
    assert_eq!(encoder.feature_names(), ["a", "b=x", "b=y"]);
    // A number among categories is a category.
    let encoder = Encoding::new().fit(&table("a,b\n1,x\n1,2\n1,x\n")).unwrap();
    assert_eq!(encoder.feature_names(), ["a", "b=2", "b=x"]);
    let names: String = (0..70).map(|i| format!("1,name {i}\n")).collect();
    says(Encoding::new().fit(&table(&("a,b\n".to_owned() + &names))), &["line 66, column 2 (b)", "more than 64"]);
    let numbers: String = (0..70).map(|i| format!("1,{i}\n")).collect();
    let late = table(&format!("a,b\n{numbers}1,x\n"));
    says(Encoding::new().fit(&late), &["test.csv, line 72, column 2 (b)", "Encoding::column"]);
    assert_eq!(Encoding::new().column("b", Feature::one_hot()).fit(&late).unwrap().feature_names().len(), 72);
}

/// A numeric column with a cell that is not a number is not treated as categories; neither is one whose numbers cannot be parsed.
#[test]
fn columns_of_numbers() {
    let fit = |csv: &Csv, cells: &[&str]| {
        let text = format!("a;b\n{}\n", cells.iter().map(|cell| format!("1;{cell}")).collect::<Vec<_>>().join("\n"));
        Encoding::new().fit(&csv.table_from_reader(text.as_bytes(), "test.csv")?)
    };
    let csv = Csv::new().delimiter(b';');
    for (cells, line, cell, numbers) in [
        (&["1", "2", "o.3", "4"][..], 4, "o.3", "3 of 4"),
        (&["inf", "2"], 2, "inf", "2 of 2"),
        (&["1", "1e999"], 3, "1e999", "2 of 2"),
        (&["999", "1,234", "-3"], 3, "1,234", "3 of 3"),
        (&["1,5", "2,25"], 2, "1,5", "2 of 2"),
        (&["1 000", "2 000"], 2, "1 000", "2 of 2"),
        (&["1", "-"], 3, "-", "1 of 2"),
    ] {
        let place = format!("test.csv, line {line}, column 2 (b): found {cell:?}");
        let options = ["`Csv::decimal`", "`Csv::thousands`", "`Csv::missing`", "`Encoding::column`"];
        says(fit(&csv, cells), &[&[&*place, numbers][..], &options].concat());
        // In every chunk after the first as well.
        let text = format!("a;b\n{}1;{}\n", "1;0\n".repeat(cells.len() + 3), cells.join("\n1;"));
        for rows in [1, 2, 100] {
            says(Encoding::new().fit_chunks(csv.chunks_from_reader(text.as_bytes(), "", rows).unwrap()), &[cell]);
        }
    }
    let x = |csv: &Csv, cells: &[&str]| {
        let text = format!("a;b\n{}\n", cells.iter().map(|cell| format!("1;{cell}")).collect::<Vec<_>>().join("\n"));
        let table = csv.table_from_reader(text.as_bytes(), "test.csv").unwrap();
        let encoder = Encoding::new().ignore("a").fit(&table).unwrap();
        assert_eq!(encoder.feature_names(), ["b"]);
        encoder.features::<f64>(&table).unwrap().as_slice().to_vec()
    };
    assert_eq!(x(&csv.clone().thousands(','), &["999", "1,234", "-12,345.5"]), [999.0, 1234.0, -12345.5]);
    assert_eq!(x(&csv.clone().decimal(','), &["1,5", "2"]), [1.5, 2.0]);
    assert_eq!(x(&csv.clone().decimal(',').thousands('.'), &["1.234,5", "2"]), [1234.5, 2.0]);
    // In another notation a text is a different number, or not a number.
    says(fit(&csv.clone().decimal(','), &["1.5"]), &["line 2", "\"1.5\""]);
    says(
        csv.clone().from_reader::<f32>("1;0\n1,5;1\n".as_bytes(), "test.csv"),
        &["line 2, column 1", "\"1,5\"", "`Csv::decimal`"],
    );
    // A first row of numbers in any notation is not a header.
    assert_eq!(csv.decimal(',').table_from_reader("1,5;2,5\n".as_bytes(), "").unwrap().len(), 1);
}

#[test]
fn quotes_that_are_not_closed() {
    let row = "1,\"two\"\"2\nlines\",\"\"\n";
    for newline in ["\n", "\r\n", "\r"] {
        let text = format!("a,b,c\n\n{row}1,\"open,3\n{}", row.repeat(50)).replace('\n', newline);
        let closed = text.replace("\"open", "open");
        for csv in [Csv::new(), Csv::new().header(Header::Yes)] {
            assert_eq!(csv.table_from_reader(closed.as_bytes(), "test.csv").unwrap().len(), 52);
            let open = csv.table_from_reader(text.as_bytes(), "test.csv");
            says(open, &["test.csv, line 5, column 2 (b)", "a quote that is not closed", "`Csv::quote`"]);
            let mut chunks = csv.chunks_from_reader(text.as_bytes(), "test.csv", 1).unwrap();
            assert!(chunks.next().unwrap().is_ok() && chunks.next().unwrap().is_err() && chunks.next().is_none());
            // No later quote could be taken for the closing one.
            let open = closed.replace("open,3", "\"open,3").rsplit_once("open").unwrap().0.to_owned() + "open,3";
            let open = csv.table_from_reader(open.as_bytes(), "test.csv");
            says(open, &["test.csv, line 5, column 2 (b)", "a quote that is not closed", "`Csv::quote`"]);
        }
    }
    // From an endless file, no more than the longest allowed row is read.
    let endless = || "1,2\n1,\"".as_bytes().chain(std::io::repeat(b'x'));
    let csv = Csv::new().longest_row(100_000);
    says(
        csv.table_from_reader(endless(), "test.csv"),
        &["test.csv, line 2, column 2", "100000 bytes", "the quote here"],
    );
    let line = csv.table_from_reader("1,2\n3,".as_bytes().chain(std::io::repeat(b'x')), "test.csv");
    says(line, &["test.csv, line 2, column 2", "100000 bytes", "the end of the line", "`Csv::longest_row`"]);
    assert!(csv.table_from_reader("1,2\n".repeat(100_000).as_bytes(), "test.csv").is_ok());
    says(csv.from_reader::<f32>(endless(), "test.csv"), &["test.csv, line 2, column 2"]);
}

/// The error for a wrong name suggests the nearest names, not a million of them.
#[test]
fn the_nearest_names() {
    let names: Vec<String> = (0..100_000).map(|j| format!("gene {j}")).collect();
    let wide = table(&format!("{}\n{}\n", names.join(","), vec!["1"; names.len()].join(",")));
    let error = wide.column("gen 12345").unwrap_err().to_string();
    assert!(error.contains("\"gene 12345\"") && error.contains("99995 other names") && error.len() < 400, "{error}");
    let start = std::time::Instant::now();
    let encoder = Encoding::new().fit(&wide).unwrap();
    assert_eq!(encoder.features::<f32>(&wide).unwrap().shape(), (100_000, 1));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed()); // columns × columns took minutes
}

#[test]
#[should_panic(expected = "cannot be both before decimals and between thousands")]
fn a_comma_means_one_thing() {
    let _ = Csv::new().thousands(',').decimal(',');
}

#[test]
fn new_data_is_encoded_as_the_training_data_were() {
    let train = table("size,colour\n1,red\n3,green\nNA,red\n");
    let number = Feature::number().missing(Missing::Mean);
    let fit = |colour| Encoding::new().column("size", number.clone()).column("colour", colour).fit(&train).unwrap();
    let (strict, lenient) = (fit(Feature::one_hot()), fit(Feature::one_hot().unknown(Unknown::Zeros)));
    let new = "size,colour\n10,red\n?,green\n";
    assert_eq!(features(&strict, new).unwrap(), Matrix::from([[10.0, 2.0], [0.0, 1.0], [1.0, 0.0]]));
    let odd = "size,colour\n1,blue\n";
    assert_eq!(features(&lenient, odd).unwrap(), Matrix::column(&[1.0, 0.0, 0.0]));
    says(features(&strict, odd), &["line 2, column 2 (colour)", "\"blue\"", r#"["green", "red"]"#, "Unknown::Zeros"]);
}

#[test]
fn errors_name_file_line_and_column() {
    let fit = |feature, cell: &str| Encoding::new().column("a", feature).fit(&table(&format!("a,b\n1,2\n{cell},3\n")));
    says(fit(Feature::number(), "o.3"), &["test.csv, line 3, column 1 (a)", "\"o.3\"", "expected a number"]);
    says(fit(Feature::number(), "inf"), &["line 3, column 1 (a)", "\"inf\"", "finite"]);
    says(fit(Feature::number(), "?"), &["line 3, column 1 (a)", "no value (\"?\")", "Feature::missing"]);
    says(fit(Feature::ordinal(["1"]), "2"), &["line 3, column 1 (a)", "category \"2\"", r#"one of ["1"]"#]);
    let named = |name| Encoding::new().ignore(name).fit(&table("a,b,b\n1,2,3\n"));
    says(named("c"), &["test.csv, line 1", "no column \"c\"", r#"["a", "b", "b"]"#]);
    says(named("b"), &["several columns \"b\""]);
    let empty = Encoding::new().column("a", Feature::number().missing(Missing::Median));
    says(empty.fit(&table("a,b\nNA,1\n")), &["no value in the whole column \"a\""]);
    says(Encoding::new().class("b").fit(&table("a,b\n1,elm\n2,NA\n")), &["line 3, column 2 (b)", "drop_missing"]);
    says(Encoding::new().class("b").fit(&table("a,b\n1,elm\n\n2,3\n")), &["line 4, column 2 (b)", "class \"3\""]);

    let class = Encoding::new().class("b").fit(&table("a,b\n1,elm\n2,oak\n")).unwrap();
    says(class.classes(&table("a,b\n1,ash\n")), &["line 2, column 2", "class \"ash\"", r#"one of ["elm", "oak"]"#]);
    let target = Encoding::new().target("b").fit(&table("a,b\n1,2\n")).unwrap();
    says(target.targets::<f32>(&table("a,b\n1,1e39\n")), &["line 2, column 2 (b)", "finite as f32"]);
    says(target.targets::<f32>(&table("a,b\n1,NA\n")), &["line 2, column 2 (b)", "drop_missing"]);
    // The row begins on line 6: a blank line above, and a cell of two lines.
    let kept = || Encoding::new().ignore("rooms").ignore("heating");
    let kinds = kept().column("kind", Feature::ordinal(["house"])).fit(&table(FLATS));
    says(kinds, &["test.csv, line 4, column 6 (kind)", "\"flat\""]);
    let prices = kept().column("price", Feature::ordinal(["210", "150", "330"])).fit(&table(FLATS));
    says(prices, &["test.csv, line 7, column 5 (price)", "\"240\""]);

    let read = |text: &str| Csv::new().table_from_reader(text.as_bytes(), "test.csv");
    says(read(""), &["test.csv, line 1", "an empty file"]);
    says(read("a,b\n"), &["test.csv, line 2", "no row below the header"]);
    says(read("a,b\n1,2\n3\n"), &["test.csv, line 3, column 2 (b)", "found 1", "expected 2"]);
    says(Csv::new().table("no/such/file.csv"), &["no/such/file.csv: file not found"]);
}

#[test]
fn integer_classes_keep_their_number() {
    let encoder = Encoding::new().class("k").fit(&table("a,k\n1,0\n2,2\n")).unwrap();
    assert_eq!(encoder.class_names(), ["0", "1", "2"]);
    assert_eq!(encoder.classes(&table("a,k\n1,1.0\n1,2\n")).unwrap(), [1, 2]);
    let listed = Encoding::new().class_of("k", ["b", "a"]).fit(&table("x,k\n1,a\n2,b\n")).unwrap();
    assert_eq!(listed.classes(&table("x,k\n1,b\n1,a\n")).unwrap(), [0, 1]);
}

#[test]
fn separators_quotes_and_marks_of_choice() {
    let csv = Csv::new().delimiter(b'\t').quote(b'\'').missing(["-"]).header(Header::No);
    let table = csv.table_from_reader("1\t'a\tb'\n-\tNA\n".as_bytes(), "test.tsv").unwrap();
    assert_eq!(table.names(), ["1", "2"]);
    assert_eq!((table.cell(0, 1), table.cell(1, 0), table.cell(1, 1)), (Some("a\tb"), None, Some("NA")));
    assert_eq!(table.drop_missing(&["1"]).unwrap().len(), 1);
}

#[test]
#[should_panic(expected = "one-hot categories have no Mean")]
fn categories_have_no_mean() {
    let _ = Feature::one_hot().missing(Missing::Mean);
}

#[test]
#[should_panic(expected = "only one-hot categories can be Zeros")]
fn only_one_hot_features_can_be_zeros() {
    let _ = Feature::ordinal(["a"]).unknown(Unknown::Zeros);
}

#[test]
#[should_panic(expected = "column \"a\" has a role already")]
fn a_column_has_one_role() {
    let _ = Encoding::new().target("a").ignore("a");
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        cells in prop::collection::vec(prop::collection::vec("[a-z0-9,;\"\n\r é]{0,6}", 3), 1..8), size in 1usize..5
    ) {
        let line = |row: &Vec<String>| row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        let text: String = cells.iter().map(line).collect();
        let csv = Csv::new().header(Header::No).missing(["é"]);
        let whole = csv.table_from_reader(text.as_bytes(), "").unwrap();
        for (i, row) in cells.iter().enumerate() {
            for (j, cell) in row.iter().enumerate() {
                let cell = cell.trim();
                prop_assert_eq!(whole.cell(i, j), (cell != "é").then_some(cell));
            }
        }
        let chunks: Vec<Table> =
            csv.chunks_from_reader(text.as_bytes(), "", size).unwrap().map(Result::unwrap).collect();
        prop_assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.len() == size));
        let rows: Vec<usize> = (0..cells.len()).collect();
        let expected: Vec<Table> = rows.chunks(size).map(|rows| whole.select(rows)).collect();
        prop_assert_eq!(chunks, expected);
    }

    #[test]
    fn chunks_fit_the_same_encoder(
        rows in prop::collection::vec((prop::option::of(-9i32..9), "[abc]?", 0usize..3), 1..30), size in 1usize..9
    ) {
        let number = |n: &Option<i32>| n.map_or("NA".to_owned(), |n| n.to_string());
        let text: String = rows.iter().map(|(n, kind, t)| format!("{},{kind},{t}\n", number(n))).collect();
        let text = "n,kind,t\n5,a,0\n".to_owned() + &text;
        for missing in [Missing::Median, Missing::MostFrequent, Missing::Zero] {
            let kind = if missing == Missing::Median { Missing::Zero } else { missing };
            let encoding = Encoding::new()
                .column("n", Feature::number().missing(missing).indicator())
                .column("kind", Feature::one_hot().missing(kind))
                .class("t");
            let chunks = Csv::new().chunks_from_reader(text.as_bytes(), "", size).unwrap();
            let whole = encoding.fit(&table(&text)).unwrap();
            prop_assert_eq!(&encoding.fit_chunks(chunks).unwrap(), &whole);
            let data = whole.classification::<f64>(&table(&text)).unwrap();
            prop_assert_eq!(data.x.rows(), data.feature_names.len());
            prop_assert!(data.x.as_slice().iter().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn no_bytes_panic(text in prop::collection::vec(prop::sample::select(b"1a.,-?;\"\r\n \xff\xef\xbb\xbf".to_vec()), 0..60)) {
        for csv in [Csv::new(), Csv::new().header(Header::Yes).delimiter(b';'), Csv::new().header(Header::No).quote(b'a')] {
            let found = csv.table_from_reader(&text[..], "test.csv").and_then(|table| {
                let number = Feature::number().missing(Missing::Mean);
                let feature = Encoding::new().column(&table.names()[0], number).fit(&table)?;
                feature.features::<f32>(&table)?;
                let encoder = Encoding::new().class(&table.names()[0]).fit(&table)?;
                encoder.classification::<f32>(&table)
            });
            match found {
                Ok(data) => prop_assert_eq!(data.x.cols(), data.t.len()),
                Err(error) => prop_assert!(error.to_string().starts_with("test.csv"), "{}", error),
            }
        }
    }
}
