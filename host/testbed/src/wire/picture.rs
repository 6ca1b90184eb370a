//! A picture to hide media behind.

use flate2::Crc;

/// A PNG of one grey point, 70 bytes and a comment's length.
pub(super) fn png(comment: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    if comment > 0 {
        chunk(&mut png, b"tEXt", &vec![b'x'; comment]);
    }
    // Stored: no filter, and the point.
    let mut data = vec![0x78, 1, 1, 2, 0, 0xfd, 0xff, 0, 0x80];
    // Adler-32 of the two.
    data.extend([0, 0x82, 0, 0x81]);
    chunk(&mut png, b"IDAT", &data);
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let checked = [name, data].concat();
    let mut crc = Crc::new();
    crc.update(&checked);
    png.extend(checked);
    png.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_picture_of_seventy_bytes() {
        let png = png(0);
        assert_eq!(png.len(), 70);
        assert_eq!(&png[62..66], b"IEND");
        // As every PNG ends.
        assert_eq!(png[66..], [0xae, 0x42, 0x60, 0x82]);
    }
}
