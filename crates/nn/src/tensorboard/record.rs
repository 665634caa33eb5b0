//! The frame of a record of TFRecord: length, checksum of the length, data, checksum of the data.

/// The record of these data.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(crc32c(&length)), data, &masked(crc32c(data))].concat()
}

/// A checksum as it is stored: rotated and shifted, because the checksum of data that contain their own checksum is of little use.
fn masked(crc: u32) -> [u8; 4] {
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The cyclic redundancy check by Castagnoli's polynomial, bit by bit (RFC 3720, section 12.1).
fn crc32c(data: &[u8]) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0x82f6_3b78;
    !data.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (REVERSED_POLYNOMIAL * (crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// The examples of RFC 3720, section B.4, and the check value of the catalogues.
    #[test]
    fn published_checksums() {
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        let examples: [(&[u8], u32); 5] = [
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&up, 0x46dd_794e),
            (&down, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
        ];
        examples.iter().for_each(|(data, crc)| assert_eq!(crc32c(data), *crc));
    }
}
