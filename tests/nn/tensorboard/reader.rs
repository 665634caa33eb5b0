//! A reader of event files, written from the descriptions of the formats: records of TFRecord with their checksums, messages of
//! Protocol Buffers, and what TensorBoard does with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What TensorBoard shows, by tag and step.
#[derive(Debug, Default, PartialEq)]
pub struct Shown {
    pub scalars: BTreeMap<(String, i64), f32>,
    pub histograms: BTreeMap<(String, i64), Histogram>,
    pub texts: BTreeMap<(String, i64), String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Smallest, largest, count, sum, sum of squares.
    pub numbers: [f64; 5],
    pub limits: Vec<f64>,
    pub counts: Vec<f64>,
}

/// Reads all files of a folder in the order of their names. A record that is cut off ends its file.
pub fn read(folder: &Path) -> Shown {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().contains("tfevents"));
    files.sort();
    let mut shown = Shown::default();
    for file in files {
        for (k, record) in records(&fs::read(&file).unwrap()).into_iter().enumerate() {
            let event = fields(record);
            let step = number(&event, 2).unwrap_or(0) as i64;
            assert!(double(&event, 1) > 1.7e9, "seconds since 1970");
            if k == 0 {
                assert_eq!(bytes(&event, 3), [b"brain.Event:2"]);
            }
            for log in bytes(&event, 7) {
                assert_eq!(number(&fields(log), 1), Some(1), "a start");
                shown.scalars.retain(|(_, other), _| *other < step);
                shown.histograms.retain(|(_, other), _| *other < step);
                shown.texts.retain(|(_, other), _| *other < step);
            }
            for value in bytes(&event, 5).into_iter().flat_map(|summary| bytes(&fields(summary), 1)) {
                shown.put(step, &fields(value));
            }
        }
    }
    shown
}

impl Shown {
    fn put(&mut self, step: i64, value: &[Field<'_>]) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let key = (text(bytes(value, 1)[0]), step);
        let twice = match (fixed32(value, 2), &bytes(value, 5)[..], &bytes(value, 8)[..]) {
            (Some(scalar), [], []) => self.scalars.insert(key.clone(), scalar).is_some(),
            (None, [histogram], []) => self.histograms.insert(key.clone(), of(&fields(histogram))).is_some(),
            (None, [], [tensor]) => {
                let (tensor, metadata) = (fields(tensor), fields(bytes(value, 9)[0]));
                assert_eq!(number(&tensor, 1), Some(7), "the type of texts");
                assert_eq!(bytes(&fields(bytes(&metadata, 1)[0]), 1), [b"text"]);
                self.texts.insert(key.clone(), text(bytes(&tensor, 8)[0])).is_some()
            }
            _ => panic!("a value that has not exactly one kind"),
        };
        assert!(!twice, "{key:?} is there twice");
    }
}

fn of(histogram: &[Field<'_>]) -> Histogram {
    let list = |tag: u64| -> Vec<f64> {
        let packed = bytes(histogram, tag);
        packed[0].chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect()
    };
    Histogram { numbers: [1, 2, 3, 4, 5].map(|tag| double(histogram, tag)), limits: list(6), counts: list(7) }
}

// ---------------------------------------------------------------- records

fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((head, rest)) = file.split_at_checked(12) {
        let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
        assert_eq!(head[8..], checksum(&head[..8]));
        let Some((data, rest)) = rest.split_at_checked(length) else { break };
        let Some((sum, rest)) = rest.split_at_checked(4) else { break };
        assert_eq!(sum, checksum(data));
        records.push(data);
        file = rest;
    }
    records
}

/// CRC-32C by a table of bytes, masked as TFRecord does.
fn checksum(data: &[u8]) -> [u8; 4] {
    let entry = |byte: u32| (0..8).fold(byte, |x, _| if x & 1 == 1 { 0x82f6_3b78 ^ (x >> 1) } else { x >> 1 });
    let table: Vec<u32> = (0..256).map(entry).collect();
    let crc = !data.iter().fold(!0u32, |crc, byte| table[(crc as u8 ^ byte) as usize] ^ (crc >> 8));
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

// ---------------------------------------------------------------- messages

/// The number of a field and its content.
type Field<'b> = (u64, Wire<'b>);

#[derive(Clone, Copy)]
enum Wire<'b> {
    Number(u64),
    Fixed64([u8; 8]),
    Bytes(&'b [u8]),
    Fixed32([u8; 4]),
}

fn fields(mut message: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let content = match key & 7 {
            0 => Wire::Number(varint(&mut message)),
            1 => Wire::Fixed64(take(&mut message, 8).try_into().unwrap()),
            2 => {
                let length = varint(&mut message) as usize;
                Wire::Bytes(take(&mut message, length))
            }
            5 => Wire::Fixed32(take(&mut message, 4).try_into().unwrap()),
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, content));
    }
    fields
}

fn take<'b>(message: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = message.split_at(count);
    *message = rest;
    taken
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for k in 0.. {
        let (byte, rest) = message.split_first().unwrap();
        *message = rest;
        number |= u64::from(byte & 0x7f) << (7 * k);
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn number(fields: &[Field<'_>], tag: u64) -> Option<u64> {
    fields.iter().find_map(|&(of, wire)| if let (true, Wire::Number(x)) = (of == tag, wire) { Some(x) } else { None })
}

fn bytes<'b>(fields: &[Field<'b>], tag: u64) -> Vec<&'b [u8]> {
    let of = |&(of, wire): &Field<'b>| if let (true, Wire::Bytes(x)) = (of == tag, wire) { Some(x) } else { None };
    fields.iter().filter_map(of).collect()
}

/// 0 if it is left out.
fn double(fields: &[Field<'_>], tag: u64) -> f64 {
    let of = |&(of, wire): &Field<'_>| if let (true, Wire::Fixed64(x)) = (of == tag, wire) { Some(x) } else { None };
    fields.iter().find_map(of).map_or(0.0, f64::from_le_bytes)
}

fn fixed32(fields: &[Field<'_>], tag: u64) -> Option<f32> {
    let of = |&(of, wire): &Field<'_>| if let (true, Wire::Fixed32(x)) = (of == tag, wire) { Some(x) } else { None };
    fields.iter().find_map(of).map(f32::from_le_bytes)
}
