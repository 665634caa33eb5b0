//! Columns of a table that are more than numbers and categories: dates, formulas, weights.

use nn::Matrix;
use nn::data::{Csv, CsvError, Dataset, DatePart, Encoder, Encoding, Feature, Missing, Table};
use proptest::prelude::*;
use tape_tests::{panic_of, says};

fn table(text: &str) -> Table {
    Csv::new().table_from_reader(text.as_bytes(), "test.csv").unwrap_or_else(|error| panic!("{error}"))
}

const PARTS: [DatePart; 6] =
    [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Weekday, DatePart::DayOfYear, DatePart::Hour];

/// The features that a date column makes of these cells, one column for each.
fn dates(feature: Feature, cells: &[&str]) -> Result<Matrix<f64>, CsvError> {
    let table = table(&format!("when,x\n{},0\n", cells.join(",0\n")));
    Encoding::new().column("when", feature).ignore("x").fit(&table)?.features(&table)
}

#[test]
fn parts_of_dates() {
    let x = dates(Feature::date(PARTS), &["2024-02-29", "2023-12-31 23:59", "1969-07-20T20:17:40Z"]).unwrap();
    assert_eq!(x.col(0), [2024.0, 2.0, 29.0, 4.0, 60.0, 0.0]);
    assert_eq!(x.col(1), [2023.0, 12.0, 31.0, 7.0, 365.0, 23.0]);
    assert_eq!(x.col(2), [1969.0, 7.0, 20.0, 7.0, 201.0, 20.0]);
    let since = || Feature::date([]).days_since("2024-01-01");
    let x = dates(since().format("%m/%d/%y %H:%M"), &["02/29/24 06:00", "12/31/23 00:00"]).unwrap();
    assert_eq!(x.as_slice(), [59.25, -1.0]);
    let x = dates(since().missing(Missing::Mean).indicator(), &["2024-01-02", "NA", "2024-01-05"]).unwrap();
    assert_eq!(x.as_slice(), [1.0, 0.0, 2.5, 1.0, 4.0, 0.0]);
    let month = Feature::date([DatePart::Month, DatePart::Day]);
    let x = dates(month.clone().missing(Missing::MostFrequent), &["2024-05-02", "NA", "2024-03-05", "2024-05-02"]);
    assert_eq!(x.unwrap().col(1), [5.0, 2.0]);
    assert_eq!(dates(month.missing(Missing::Zero), &["2024-05-02", "NA"]).unwrap().col(1), [0.0, 0.0]);
}

#[test]
fn what_is_no_date() {
    let wrong = |feature: &Feature, cell| dates(feature.clone(), &["2024-01-01", cell]).unwrap_err();
    let iso = Feature::date([DatePart::Year]);
    for cell in ["2024-02-30", "29.02.2024", "2024-01-01T10:00+02:00", "2024-01-01T10:00[Europe/Berlin]", "elm", "2024"]
    {
        let place = format!("test.csv, line 3, column 1 (when): found {cell:?}");
        says(wrong(&iso, cell), &[&place, "a date such as 2024-02-29", "`Feature::format`"]);
    }
    says(wrong(&iso.clone().format("%Y-%m-%d"), "2024-1-x"), &["written as %Y-%m-%d"]);
    // The year 24 is not meant.
    let short = dates(iso.clone().format("%d.%m.%Y"), &["29.02.2024", "29.02.24"]).unwrap_err();
    says(short, &["line 3, column 1 (when): found \"29.02.24\"", "written as %d.%m.%Y", "`%Y` is four digits"]);
    says(wrong(&iso, "NA"), &["line 3, column 1 (when)", "no value", "Feature::missing"]);
    // Of new data too, and of a file that was changed.
    let train = table("when\n2024-01-01\n");
    let encoder = Encoding::new().column("when", iso.days_since("2020-01-01")).fit(&train).unwrap();
    let new = encoder.features::<f32>(&table("when\nyesterday\n")).unwrap_err();
    says(new, &["line 2, column 1 (when)", "\"yesterday\""]);
    let changed = serde_json::to_string(&encoder).unwrap().replace("2020-01-01", "once");
    let changed: Encoder = serde_json::from_str(&changed).unwrap();
    says(changed.features::<f32>(&train).unwrap_err(), &["line 2, column 1 (when)", "a date such as"]);
}

#[test]
fn dates_without_a_role() {
    let fit = |cells: &str| Encoding::new().fit(&table(&format!("a,b\n{cells}"))).unwrap_err();
    says(fit("1,2024-01-02\n2,2024-01-03\n"), &["line 2, column 2 (b)", "the date \"2024-01-02\"", "`Feature::date`"]);
    // Most cells are dates, and the place is that of a date.
    says(fit("1,unknown\n2,2024-01-03\n3,2024-01-04\n"), &["line 3, column 2 (b)", "the date \"2024-01-03\""]);
    says(fit("1,5\n2,6\n3,2024-01-03\n"), &["line 4, column 2 (b)", "`Feature::date`"]);
}

#[test]
fn what_a_number_may_be_meant_as() {
    let error = |cell: &str| {
        let table = table(&format!("a,b\n1,2\n\"{cell}\",3\n"));
        Encoding::new().column("a", Feature::number()).fit(&table).unwrap_err()
    };
    says(error("52,2"), &["line 3, column 1 (a)", "a decimal comma? a date?", "`Csv::decimal`"]);
    says(error("1,234"), &["before decimals or between thousands?", "`Csv::thousands`"]);
    says(error("1 000"), &["separators of thousands?"]);
    says(error("2024-05-06"), &["`Feature::date`"]);
    let plain = Csv::new().from_reader::<f32>("1,0\n\"52,2\",1\n".as_bytes(), "test.csv").unwrap_err();
    says(plain, &["line 2, column 1", "a decimal comma? a date?"]);
}

#[test]
fn formulas_of_rows() {
    let flats = table("area,price,kind\n50,100,house\n80,NA,flat\n20,90,flat\n");
    let ratio = flats.computed("ratio", |row| Some(row.number("price")? / row.number("area")?)).unwrap();
    assert_eq!([0, 1, 2].map(|i| ratio.cell(i, 3)), [Some("2.0"), None, Some("4.5")]);
    assert_eq!((ratio.names().len(), ratio.column("ratio").unwrap(), ratio.column("area").unwrap()), (4, 3, 0));
    let house = ratio.computed("house", |row| Some(f64::from(u8::from(row.text("kind")? == "house")))).unwrap();
    let number = Feature::number().missing(Missing::Mean);
    let encoding = Encoding::new().column("ratio", number).ignore("price").ignore("kind");
    assert_eq!(encoding.fit(&house).unwrap().features::<f64>(&house).unwrap().col(1), [80.0, 3.25, 0.0]);

    says(flats.computed("kind", |_| None).unwrap_err(), &["several columns \"kind\""]);
    says(flats.computed("x", |row| row.number("are")).unwrap_err(), &["no column \"are\"", "\"area\""]);
    says(flats.computed("x", |row| row.number("kind")).unwrap_err(), &["line 2, column 3 (kind)", "\"house\""]);
    let bare = Csv::new().missing([""; 0]).table_from_reader("a\n1\n".as_bytes(), "test.csv").unwrap();
    says(bare.computed("x", |_| None).unwrap_err(), &["line 2, column 2 (x)", "no marker", "`Csv::missing`"]);
    let infinite = flats.computed("x", |row| Some(row.number("area")? / 0.0)).unwrap_err();
    says(infinite, &["line 2, column 4 (x)", "\"inf\"", "finite"]);
    // What is said of a cell of the new column has a place too.
    let two = flats.computed("d", |_| Some(2.0)).unwrap();
    let one = Encoding::new().ignore("price").ignore("kind").column("d", Feature::ordinal(["1.0"])).fit(&two);
    says(one.unwrap_err(), &["line 2, column 4 (d)", "\"2.0\""]);
    says(encoding.fit(&flats).unwrap_err(), &["no column \"ratio\"", "`Table::computed`"]);
}

proptest! {
    /// In any notation, and where a number is written like the marker of a missing value.
    #[test]
    fn formulas_give_numbers_to_the_bit(bits: u64, missing in prop::sample::select(vec!["-999", "1.0", "NA"]), german: bool) {
        let x = f64::from_bits(bits);
        for x in [x, -999.0, 1.0, 0.1].into_iter().filter(|x| x.is_finite()) {
            let csv = Csv::new().delimiter(b';').missing([missing]);
            let csv = if german { csv.decimal(',').thousands('.') } else { csv };
            let table = csv.table_from_reader("a;b\n1;2\n3;4\n".as_bytes(), "").unwrap().computed("c", |_| Some(x)).unwrap();
            let encoder = Encoding::new().ignore("a").ignore("b").column("c", Feature::number()).fit(&table).unwrap();
            prop_assert_eq!(encoder.features::<f64>(&table).unwrap()[(0, 1)].to_bits(), x.to_bits());
        }
        let none = Csv::new().missing([missing]).table_from_reader("a\nx\n".as_bytes(), "").unwrap();
        let none = none.computed("c", |_| None).unwrap();
        prop_assert_eq!(none.cell(0, 1), None);
    }

    /// Days go up by one, weekdays by one modulo 7, and the date is written as its parts say.
    #[test]
    fn the_calendar(days in -40_000i32..60_000) {
        let epoch = "1970-01-01";
        let feature = || Feature::date(PARTS).days_since(epoch);
        // The civil date of a day: H. Richards, Explanatory Supplement to the Astronomical Almanac (2013), p. 617.
        let civil = |days: i32| {
            let j = days + 2_440_588;
            let f = j + 1401 + (4 * j + 274_277) / 146_097 * 3 / 4 - 38;
            let e = 4 * f + 3;
            let h = 5 * (e % 1461 / 4) + 2;
            let month = (h / 153 + 2) % 12 + 1;
            (e / 1461 - 4716 + (14 - month) / 12, month, h % 153 / 5 + 1)
        };
        let (year, month, day) = civil(days);
        let texts = [format!("{year:04}-{month:02}-{day:02}"), format!("{day}.{month}.{year:04}")];
        let x = dates(feature(), &[&texts[0]]).unwrap();
        let [y, m, d, weekday, of_year, hour, since] = x.col(0).try_into().unwrap();
        prop_assert_eq!((y, m, d, hour, since), (year.into(), month.into(), day.into(), 0.0, days.into()));
        prop_assert_eq!(weekday, f64::from((days + 3).rem_euclid(7) + 1)); // 1970-01-01 was a Thursday
        prop_assert_eq!(civil(days - of_year as i32), (year - 1, 12, 31));
        prop_assert_eq!(dates(feature().format("%d.%m.%Y"), &[&texts[1]]).unwrap(), x);
    }
}

#[test]
#[should_panic(expected = "Feature::format: \"%d.%m\": year, month or day is missing")]
fn a_format_says_a_whole_date() {
    let _ = Feature::date([DatePart::Month]).format("%d.%m");
}

#[test]
#[should_panic(expected = "Feature::format: \"%Y-%m-%d %z\"")]
fn a_format_says_no_zone() {
    let _ = Feature::date([DatePart::Month]).format("%Y-%m-%d %z");
}

/// A time has an hour of the day, and it comes back.
#[test]
fn a_format_says_the_hour_of_a_time() {
    let format = |format: &str| Feature::date([DatePart::Hour]).format(format);
    for wrong in ["%d.%m.%Y :%M", "%Y-%m-%d %I:%M", "%Y-%m-%d %p"] {
        says(panic_of(|| format(wrong)).message, &[wrong, "the hour of a time (`%I` needs `%p`)"]);
    }
    let hour = |text: &str, of: &str| dates(format(of), &[text]).unwrap()[(0, 0)];
    assert_eq!(hour("2024-02-29 01:45 PM", "%Y-%m-%d %I:%M %p"), 13.0);
    assert_eq!(hour("2024-02-29 13", "%Y-%m-%d %H"), 13.0);
}

#[test]
#[should_panic(expected = "Feature::days_since: \"once\" should be a date")]
fn days_are_counted_from_a_date() {
    let _ = Feature::date([]).days_since("once");
}

#[test]
#[should_panic(expected = "Feature::format: the feature is no date")]
fn only_dates_have_a_format() {
    let _ = Feature::number().format("%Y-%m-%d");
}

#[test]
#[should_panic(expected = "there is a column of the weights already")]
fn there_is_one_column_of_weights() {
    let _ = Encoding::new().weight("a").weight("b");
}

#[test]
fn weights_of_a_column() {
    let flats = table("area,count,price\n50,2,1\n80,0,2\n20,0.5,3\n");
    let encoding = Encoding::new().weight("count").target("price");
    let encoder = encoding.fit(&flats).unwrap();
    let data = encoder.regression::<f32>(&flats).unwrap();
    assert_eq!((data.features(), data.weights.clone()), (1, Some(vec![2.0, 0.0, 0.5])));
    assert_eq!(data.select(&[2, 0]).weights, Some(vec![0.5, 2.0]));
    // A row of weight 0 changes no replacement and no category.
    let gaps = table("area,kind,count\n50,a,2\n800,b,0\nNA,c,1\n20,a,1\n");
    let mean = Feature::number().missing(Missing::Mean);
    let encoder_of = |table: &Table| Encoding::new().column("area", mean.clone()).weight("count").fit(table).unwrap();
    let of_gaps = encoder_of(&gaps);
    assert_eq!(of_gaps, encoder_of(&gaps.select(&[0, 2, 3])));
    assert_eq!(of_gaps.features::<f64>(&gaps.select(&[2])).unwrap().as_slice(), [35.0, 0.0, 1.0]);
    let chunks = [0, 1, 2, 3].map(|i| Ok(gaps.select(&[i])));
    assert_eq!(Encoding::new().column("area", mean.clone()).weight("count").fit_chunks(chunks).unwrap(), of_gaps);
    let plain = Dataset { weights: None, ..data.select(&[1]) };
    assert_eq!(Dataset::concat(&[plain, data.select(&[2])]).weights, Some(vec![1.0, 0.5]));
    // New rows need no weights, and files of encoders that had none are read.
    assert_eq!(encoder.features::<f32>(&table("area\n7\n")).unwrap().as_slice(), [7.0]);
    let mut json = serde_json::to_value(&encoder).unwrap();
    json.as_object_mut().unwrap().remove("weight");
    assert_eq!(serde_json::from_value::<Encoder>(json).unwrap().weights(&flats).unwrap(), None);
    let wrong = |cell: &str| encoder.weights(&table(&format!("count\n1\n{cell}\n"))).unwrap_err();
    says(wrong("-1"), &["test.csv, line 3, column 1 (count)", "the weight \"-1\"", "not negative"]);
    says(wrong("NA"), &["line 3, column 1 (count)", "no value"]);
    says(wrong("x"), &["line 3, column 1 (count)", "expected a number"]);
}
