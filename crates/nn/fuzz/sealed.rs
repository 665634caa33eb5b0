//! Binary files with any payload.

/// The bytes after a header with correct checksums.
pub fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89tape-nn\x01\0\0\0".to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(payload).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(payload);
    bytes
}
